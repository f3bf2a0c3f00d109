"""Rows of two files are joined by what they are about: in another order, under other numbers, or with some lost, they give the
same figures or are refused.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import make_query
from tests.exchange.importers.score_files import score_row, verdict, write
from tests.judge.conftest import answered
from tests.judge.files.rows import BOOTSTRAP, file_of, judgment
from tests.preference_rows import preference
from tests.token_shift.measured import coverage_of, ranks, written
from urial.core.errors import UrialError
from urial.core.store import write_jsonl
from urial.exchange.importers.answer_files import AnswerOptions, read_answer_file
from urial.exchange.importers.completions import import_completions
from urial.exchange.importers.judgments import import_judgments
from urial.instructions.identity import text_id
from urial.judge.files.agreement import compare_judges
from urial.judge.files.preferences import read_files
from urial.judge.files.raters_files import agreement_of
from urial.judge.files.reading import read_systems
from urial.judge.files.summary import SummaryOptions, summarize
from urial.judge.files.win_rates import WinRateOptions, win_rates
from urial.records.completion import LaterTurn
from urial.records.win_rates import WinRates
from urial.token_shift.files.measurements import ShiftOptions, read_measurements, summarize_measurements

SCORES = {"a": [1, 5, 2, 4, 3, 5], "b": [2, 2, 4, 5, 1, 3]}
COUNT = 6
NUMBERS = range(COUNT)


@st.composite
def rows_kept(draw: Any) -> list[tuple[int, int]]:
    """Some of the rows in some order, each with the number that it is given."""
    kept = draw(st.permutations(NUMBERS))[: draw(st.sampled_from([COUNT, COUNT, COUNT - 1, 2]))]
    return list(zip(kept, draw(st.permutations(NUMBERS)), strict=False))


def scores(folder: Path, system: str, kept: list[tuple[int, int]]) -> Path:
    """Judgments out of a score file of ``system``."""
    rows = [{**score_row(row, parsed_result=verdict(depth=SCORES[system][row])), "id": number} for row, number in kept]
    imported = import_judgments([write(folder / "scores.json", rows)], system)
    write_jsonl(folder / f"{system}.jsonl", imported.judgments)
    return folder / f"{system}.jsonl"


def or_refusal(work: Callable[[], object], *allowed: str) -> object:
    """What it gives; None where it is refused in one of these words."""
    try:
        return work()
    except UrialError as error:
        if not any(words in str(error) for words in allowed):
            raise
        return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("joined")


@given(rows_kept(), rows_kept())
def test_summaries_of_two_systems(folder: Path, first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    def summary(*kept: list[tuple[int, int]]) -> object:
        files = [scores(folder, system, rows) for system, rows in zip(SCORES, kept, strict=True)]
        return summarize(read_systems(files), None, SummaryOptions(), BOOTSTRAP)

    plain = [(row, row) for row in sorted(row for row, _ in first)]
    found = or_refusal(lambda: summary(first, second), "different instructions")
    if {row for row, _ in first} == {row for row, _ in second}:
        assert found == summary(plain, plain)
    else:
        assert found is None


@given(rows_kept(), rows_kept())
def test_agreement_of_two_judges(folder: Path, first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    def agreement(*kept: list[tuple[int, int]]) -> object:
        files = []
        for system, rows in zip(SCORES, kept, strict=True):
            path = scores(folder, system, rows)
            files.append(path.replace(folder / f"judge-{system}.jsonl"))
            files[-1].write_text(files[-1].read_text("utf-8").replace('"system":"b"', '"system":"a"'), "utf-8")
        return compare_judges(files[0], files[1], 10, BOOTSTRAP)

    found = or_refusal(lambda: agreement(first, second), "no answer has a score of both")
    plain = ([(row, row) for row in sorted(row for row, _ in kept)] for kept in (first, second))
    assert found is None or found == agreement(*plain)


@given(rows_kept(), st.permutations(NUMBERS))
def test_answers_and_instructions(folder: Path, kept: list[tuple[int, int]], order: list[int]) -> None:
    rows = [{"id": number, "instruction": f"Why {row}?", "output": f"So {row}."} for row, number in kept]
    path = write(folder / "answers.json", rows)
    instructions = [make_query(f"q{place}", turns=(f"Why {row}?",)) for place, row in enumerate(order)]
    found = or_refusal(lambda: import_completions(path, "s", instructions), "instructions without a row")
    assert found is None or [row.answer.text for row in found] == [f"So {row}." for row in order]  # type: ignore[attr-defined]
    assert (found is None) == (len(kept) < COUNT)
    # Joined once more, with instructions that have other numbers.
    completions = import_completions(path, "s")
    write_jsonl(folder / "answers.jsonl", completions)
    same = [make_query(row.instruction_id, turns=(row.query or "",)) for row in completions]
    write_jsonl(folder / "instructions.jsonl", random.Random(order[0]).sample(same, len(same)))
    joined = read_answer_file(folder / "answers.jsonl", AnswerOptions(folder / "instructions.jsonl"))
    for completion, instruction in zip(joined.completions, joined.instructions, strict=True):
        assert completion.answer
        assert completion.answer.text.removeprefix("So ") == f"{instruction.turns[0][4:-1]}."


def test_answers_under_the_ids_of_other_instructions_are_refused_with_both_texts(tmp_path: Path) -> None:
    first, second = make_query("q0", turns=("What is salt?",)), make_query("q0", turns=("How do birds fly?",))
    write_jsonl(tmp_path / "a.jsonl", [answered(first).model_copy(update={"query": "What is salt?"})])
    write_jsonl(tmp_path / "i.jsonl", [second])
    with pytest.raises(UrialError) as caught:
        read_answer_file(tmp_path / "a.jsonl", AnswerOptions(tmp_path / "i.jsonl"))
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "'q0' is another instruction in each: 'What is salt?' in a.jsonl, and 'How do birds fly?' in i.jsonl\n"
        "  expected: rows of two files with one id ask the same\n"
        "  fix: name the file of their instructions with --instructions"
    )


@pytest.mark.parametrize("place", ["judgments", "generations"])
def test_rows_of_a_run_are_known_by_its_own_instructions(tmp_path: Path, place: str) -> None:
    """Two runs with the same ids and other texts, as of two tables with a column of numbers."""
    for run, text in (("one", "What is salt?"), ("two", "How do birds fly?")):
        write_jsonl(tmp_path / run / "instructions.jsonl", [make_query("0", turns=(text,))])
        file_of(tmp_path / run / "judgments" / f"{run}.jsonl", judgment("0", {"depth": 3}, system=run))
        write_jsonl(tmp_path / run / "generations" / "s.jsonl", [answered(make_query("0"))])
    reading: dict[str, Callable[[], object]] = {
        "judgments": lambda: read_systems([tmp_path / f"{run}/judgments/{run}.jsonl" for run in ("one", "two")]),
        "generations": lambda: read_answer_file(
            tmp_path / "one/generations/s.jsonl", AnswerOptions(tmp_path / "two/instructions.jsonl")
        ),
    }
    with pytest.raises(UrialError, match=r"'What is salt\?' in .*'How do birds fly\?' in"):
        reading[place]()


@given(st.permutations(range(4)))
def test_measurements_in_any_order(folder: Path, order: list[int]) -> None:
    answers = {name: [1 + number, 1, 5][: 1 + number % 3] for number, name in enumerate("dbca")}
    others = {name: [1] * len(some) for name, some in answers.items()}

    def summary(second: list[str]) -> object:
        tables = {"x": ranks(answers), "y": ranks({name: others[name] for name in second})}
        for name, table in tables.items():
            written(folder / f"{name}.parquet", table, coverage_of(table))
        found = read_measurements([f"{folder}/x.parquet", f"{folder}/y.parquet"])
        return summarize_measurements(found, None, ShiftOptions(), BOOTSTRAP)

    names = list(answers)
    assert summary([names[place] for place in order]) == summary(names)


def test_later_messages_are_part_of_what_is_asked(tmp_path: Path) -> None:
    """The same question with another one after it is another instruction."""
    for run, second in (("one", "And why?"), ("two", "And when?"), ("three", None)):
        turns = ("What is salt?", *([second] if second else []))
        write_jsonl(tmp_path / run / "instructions.jsonl", [make_query("0", turns=turns)])
        file_of(tmp_path / run / "judgments" / f"{run}.jsonl", judgment("0", {"depth": 3}, system=run))
    for others, shown in (
        (("one", "two"), r"'And why\?' in .*'And when\?' in"),
        (("one", "three"), r"'And why\?' in .*nothing in"),
    ):
        with pytest.raises(UrialError, match=f"'0' is another instruction in each in turn 2: {shown}"):
            read_systems([tmp_path / f"{run}/judgments/{run}.jsonl" for run in others])
    later = LaterTurn(status="no_history", reason="why", answer=None, key=None, prompt=None)
    row = answered(make_query("0", turns=("What is salt?",))).model_copy(update={"later_turns": (later, later)})
    write_jsonl(tmp_path / "answers.jsonl", [row])
    with pytest.raises(UrialError, match=r"answers 3 messages of '0', which has 2 in "):
        read_answer_file(tmp_path / "answers.jsonl", AnswerOptions(tmp_path / "one" / "instructions.jsonl"))


WORDS = {"a": [1.0, 0.0, 0.5, 1.0, 0.0, 1.0], "b": [1.0, 1.0, 0.5, 0.0, 0.0, 1.0]}


def preferred(path: Path, system: str, kept: list[tuple[int, int]]) -> Path:
    """Preferences of ``system`` against another, each row under the id of its text, and in the order given."""
    rows = [
        preference(
            text_id("q", (f"Why {row}?",)),
            WORDS[system][row],
            lengths=(10 * row, 50),
            query=f"Why {row}?",
            system=system,
        )
        for row, _ in kept
    ]
    write_jsonl(path, rows)
    return path


@given(rows_kept(), rows_kept())
def test_win_rates_of_two_systems(folder: Path, first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    def figures(*kept: list[tuple[int, int]]) -> WinRates:
        files = [preferred(folder / f"{system}.jsonl", system, rows) for system, rows in zip(WORDS, kept, strict=True)]
        return win_rates(read_files(files), None, WinRateOptions(), BOOTSTRAP)

    assert figures(first, second) == figures(sorted(first), sorted(second))


@given(rows_kept(), rows_kept())
def test_agreement_on_preferences(folder: Path, first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    def agreement(ours: list[tuple[int, int]], theirs: list[tuple[int, int]]) -> object:
        judge = preferred(folder / "judge.jsonl", "a", ours)
        lines = [
            f"{text_id('q', (f'Why {row}?',))},a,b,p{person},{WORDS['b'][row]},Why {row}?"
            for row, _ in theirs
            for person in range(2)
        ]
        people = folder / "people.csv"
        people.write_text("\n".join(["instruction_id,system,baseline,person,preference,query", *lines, ""]), "utf-8")
        return agreement_of([judge, people], 10, BOOTSTRAP)

    found = or_refusal(lambda: agreement(first, second), "no pair of answers that both rated")
    assert (found is None) == ({row for row, _ in first}.isdisjoint(row for row, _ in second))
    assert found is None or found == agreement(sorted(first), sorted(second))


@given(rows_kept(), st.permutations(NUMBERS))
def test_scores_of_people(folder: Path, kept: list[tuple[int, int]], order: list[int]) -> None:
    def agreement(rows: list[int]) -> object:
        judged = [judgment(str(row), {"depth": SCORES["a"][row]}) for row, _ in kept]
        people = folder / "scores.csv"
        lines = [f"{row},depth,p{person},{1 + (row + person) % 5}" for row in rows for person in range(2)]
        people.write_text("\n".join(["instruction_id,aspect,person,score", *lines, ""]), "utf-8")
        return agreement_of([file_of(folder / "judged.jsonl", *judged), people], 10, BOOTSTRAP)

    found = or_refusal(lambda: agreement(order), "is not in")
    assert (found is None) == (len(kept) < COUNT)
    assert found is None or found == agreement(sorted(order))


def test_preferences_and_people_under_the_ids_of_other_instructions_are_refused(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "p.jsonl", [preference("0", 1.0, query="What is salt?")])
    write_jsonl(tmp_path / "q.jsonl", [preference("0", 1.0, query="How do birds fly?", system="c")])
    write_jsonl(tmp_path / "j.jsonl", [judgment("0", {"depth": 3}).model_copy(update={"query": "What is salt?"})])
    (tmp_path / "people.csv").write_text("instruction_id,aspect,score,query\n0,depth,3,How do birds fly?\n", "utf-8")
    (tmp_path / "votes.csv").write_text("instruction_id,preference,query\n0,win,How do birds fly?\n", "utf-8")
    for names in (("p", "q"), ("j", "people"), ("p", "votes")):
        files = [
            next(path for path in (tmp_path / f"{name}.jsonl", tmp_path / f"{name}.csv") if path.exists())
            for name in names
        ]
        with pytest.raises(UrialError, match=r"'What is salt\?' in .*'How do birds fly\?' in"):
            read_files(files) if names == ("p", "q") else agreement_of(files, 10, BOOTSTRAP)

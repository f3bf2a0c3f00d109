"""FastChat's single judgments and answers, and WildBench's scores."""

import csv
import json
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.commands import invoke
from tests.exchange.importers.score_files import upstream, write
from urial.core.errors import UrialError
from urial.core.store import read_jsonl
from urial.exchange.importers.fastchat_answers import import_fastchat_answers
from urial.exchange.importers.judgments import Imported
from urial.exchange.importers.single_judgments import Duplicates, ScoreOptions, has_single_judgments, import_scores
from urial.records.completion import Completion
from urial.records.judge import describe
from urial.records.judgment import Judgment

MODELS = ("mistral-orpo", "vicuna-7b-v1.3", "Meta-Llama-3-8B-Instruct-Normal")


def single(number: int = 81, turn: int = 1, score: Any = 8, **changes: Any) -> dict[str, Any]:
    """A row as FastChat writes it."""
    prompt = "single-v1" if turn == 1 else "single-v1-multi-turn"
    row = {"question_id": number, "model": "m", "judge": ["gpt-x", prompt], "user_prompt": "p", "judgment": f"Rating: [[{score}]]",
           "score": score, "turn": turn, "tstamp": 1.0}  # fmt: skip
    return {**row, **changes}


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def imported(folder: Path, *rows: dict[str, Any], system: str = "m", **options: Any) -> Imported:
    return import_scores([lines(folder / "judgments.jsonl", *rows)], system, ScoreOptions(**options))


def refusal(folder: Path, *rows: dict[str, Any], **options: Any) -> str:
    with pytest.raises(UrialError) as caught:
        imported(folder, *rows, **options)
    return str(caught.value).replace(f"{folder}/", "")


def questions(path: Path, *numbers: int) -> Path:
    rows = [{"question_id": number, "category": "math", "turns": [f"Why {number}?", "And now?"]} for number in numbers]
    return lines(path, *rows)


def scores(rows: list[Judgment]) -> list[list[float | None]]:
    return [[turn.scores[0].score for turn in (row, *row.later_turns)] for row in rows]


def test_turns_of_a_question_are_one_row(tmp_path: Path) -> None:
    found = imported(tmp_path, single(82, 2, -1), single(82, 1, 7.5), single(81, 1, 10), single(81, 2, 1))
    assert [row.instruction_id for row in found.judgments] == ["mt-bench-81", "mt-bench-82"]
    assert scores(found.judgments) == [[10, 1], [7.5, None]]
    first = found.judgments[0]
    assert first.judge is not None
    assert (first.scores[0].aspect, first.scores[0].scale) == ("overall", 10)
    assert describe(first.judge).startswith("imported: gpt-x, fastchat single")
    assert found.judgments[1].later_turns[0].status == "invalid"


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"score": -1, "judgment": "Good."}, "invalid", "FastChat found no score in the judge's reply"),
        ({"score": -1, "judgment": "$ERROR$"}, "failed", "no reply of the judge came"),
        ({"score": 8, "judgment": "$ERROR$"}, "failed", "no reply of the judge came"),
        ({"score": 11}, "invalid", "the score is 11, not from 1 to 10"),
        ({"score": 0}, "invalid", "the score is 0, not from 1 to 10"),
        ({"score": "ten"}, "invalid", "the score is 'ten', no number"),
        ({"score": None}, "invalid", "the score is None, no number"),
        ({"score": True}, "invalid", "the score is True, no number"),
        ({"score": "１０"}, "invalid", "the score is '１０', no number"),
    ],
)
def test_what_is_no_score_says_why(tmp_path: Path, changes: dict[str, Any], status: str, why: str) -> None:
    (row,) = imported(tmp_path, single(**changes)).judgments
    assert (row.status, row.reason, row.scores[0].score) == (status, why, None)


def test_duplicates_are_refused_and_named_or_chosen(tmp_path: Path) -> None:
    rows = [single(81, 1, 3), single(81, 2, 4), single(81, 1, 9)]
    assert refusal(tmp_path, *rows) == (
        "mt-bench-81, turn 1, of 'm' is judged 2 times: in judgments.jsonl, line 1, and in judgments.jsonl, line 3\n"
        "  expected: one row a question and turn\n"
        "  fix: take the last of each with --duplicates last, the first, or all as FastChat's own averages do"
    )
    assert scores(imported(tmp_path, *rows, duplicates="last").judgments) == [[9, 4]]
    assert scores(imported(tmp_path, *rows, duplicates="first").judgments) == [[3, 4]]
    every = imported(tmp_path, *rows, duplicates="all").judgments
    assert ([row.instruction_id for row in every], scores(every)) == (
        ["mt-bench-81", "mt-bench-81-2"],
        [[3, 4], [9, None]],
    )


def test_questions_give_their_ids_texts_and_turns(tmp_path: Path) -> None:
    known = questions(tmp_path / "question.jsonl", 81, 82)
    found = imported(tmp_path, single(82), single(81), single(81), instructions=known, duplicates="all")
    names = [row.instruction_id for row in found.judgments]
    assert len(set(names)) == 3
    assert all(name.startswith("mt-bench-") for name in names)
    assert names[1] == f"{names[0]}-2"
    assert [row.query for row in found.judgments] == ["Why 81?", "Why 81?", "Why 82?"]
    # The set has a second turn, of which the file has no row.
    assert [row.later_turns[0].status for row in found.judgments] == ["failed"] * 3
    assert [row.id for row in found.instructions] == names
    assert refusal(tmp_path, single(83), instructions=known).startswith("judgments.jsonl, line 1: no question 83 in ")


def test_a_model_of_several(tmp_path: Path) -> None:
    rows = [single(), single(model="n", score=2)]
    assert scores(imported(tmp_path, *rows, system="n").judgments) == [[2]]
    with pytest.raises(UrialError, match="no row of the model 'o', and 2 others"):
        imported(tmp_path, *rows, system="o")
    # The only model of a file can be called otherwise.
    assert imported(tmp_path, single(), system="o").judgments[0].system == "o"
    assert "judges differ" in refusal(tmp_path, single(), single(82, judge=["gpt-y", "single-v1"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question_id": "x"}, "line 1, column 'question_id': got 'x'\n  expected: the number of the question"),
        ({"turn": 0}, "line 1, column 'turn': got 0\n  expected: the number of the turn, from 1"),
        ({"turn": "two"}, "line 1, column 'turn': got 'two'\n  expected: the number of the turn, from 1"),
        ({"model": 3}, "line 1, column 'model': got 3\n  expected: a name"),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    assert refusal(tmp_path, single(**changes)) == f"judgments.jsonl, {message}"


def published(model: str, duplicates: Duplicates) -> list[Judgment]:
    path = upstream("mt_bench") / "scores.csv"
    assert has_single_judgments(path)
    return import_scores([path], model, ScoreOptions(duplicates=duplicates)).judgments


def mean(values: list[list[float | None]], turn: int | None = None) -> float:
    return fmean(
        value
        for row in values
        for place, value in enumerate(row, start=1)
        if value is not None and turn in (None, place)
    )


@pytest.mark.parametrize("model", MODELS)
def test_published_averages(model: str) -> None:
    expected = json.loads((upstream("mt_bench") / "expected.json").read_text("utf-8"))[model]
    every, last, first = (scores(published(model, which)) for which in ("all", "last", "first"))
    assert mean(every) == expected["show_result_every_row"]["average"]
    assert mean(every, 1) == expected["show_result_every_row"]["turn_1"]
    assert mean(every, 2) == expected["show_result_every_row"]["turn_2"]
    assert mean(last) == expected["last_of_duplicates"]["average"]
    assert mean(first) == pytest.approx(expected["first_of_duplicates_average"], abs=1e-12)
    assert (mean(every, 1) + mean(every, 2)) / 2 == pytest.approx(expected["mean_of_the_two_turn_means"], abs=1e-12)
    assert sum(value is not None for row in last for value in row) == expected["last_of_duplicates"]["scored"]
    assert sum(value is None for row in every for value in row) >= expected["failed_rows"]


@settings(max_examples=30)
@given(st.permutations(range(6)), st.integers(1, 6))
def test_order_and_lost_rows_change_no_other_row(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], kept: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [single(81 + number // 2, 1 + number % 2, 1 + number) for number in range(6)]
    found = imported(folder, *(rows[place] for place in order[:kept])).judgments
    whole = {row.instruction_id: row for row in imported(folder, *rows).judgments}
    for row, values in zip(found, scores(found), strict=True):
        for mine, full in zip(values, scores([whole[row.instruction_id]])[0], strict=False):
            assert mine in (None, full)
    assert [row.instruction_id for row in found] == sorted(row.instruction_id for row in found)


def test_wildbench(tmp_path: Path) -> None:
    row = {
        "session_id": "abc", "parsed_result": {"strengths": "Clear.", "weaknesses": "Short.", "score": "7"}, "score": "7",
        "model_test": "m", "model_output": "One two three.", "meta_data": {"error": None},
    }  # fmt: skip
    path = write(tmp_path / "m.json", [row, {**row, "session_id": "def", "score": "N/A"}])
    assert has_single_judgments(path)
    found = import_scores([path], "m", ScoreOptions(judge="gpt-4o")).judgments
    first, second = found
    assert (first.instruction_id, first.scores[0].score, first.words) == ("wildbench-abc", 7, 3)
    assert first.scores[0].rationale == "Clear.\nShort."
    assert (second.status, first.judge and describe(first.judge)) == ("invalid", "imported: gpt-4o, wildbench score")
    with pytest.raises(UrialError, match="column 'session_id': got ''"):
        import_scores([write(tmp_path / "m.json", [{**row, "session_id": ""}])], "m", ScoreOptions())


def answers(number: int = 81, *turns: str, **changes: Any) -> dict[str, Any]:
    return {
        "question_id": number,
        "answer_id": "a",
        "model_id": "m",
        "choices": [{"index": 0, "turns": list(turns)}],
        **changes,
    }


def test_fastchat_s_answers(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "answers.jsonl",
        answers(82, "b"),
        answers(81, "a", "", choices=[{"turns": ["a", ""]}, {"turns": ["x"]}]),
    )
    found = import_fastchat_answers(path, "m", None)
    assert [row.instruction_id for row in found.completions] == ["mt-bench-81", "mt-bench-82"]
    first = found.completions[0]
    assert first.answer is not None
    assert (first.answer.text, [turn.answer and turn.answer.text for turn in first.later_turns]) == ("a", [""])
    assert (found.several_choices, found.instructions) == (1, [])
    known = questions(tmp_path / "question.jsonl", 81, 82)
    with pytest.raises(UrialError, match=r"line 1: 1 answer to 2 messages"):
        import_fastchat_answers(path, "m", known)
    path = lines(tmp_path / "answers.jsonl", answers(81, "a", "b"))
    again = import_fastchat_answers(path, "m", known)
    assert (again.completions[0].query, again.completions[0].instruction_id) == ("Why 81?", again.instructions[0].id)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (answers(choices=[]), "column 'choices': got \\[\\]"),
        (answers(choices=[{"index": 0}]), "column 'choices'"),
        (answers(81, "a", question_id=None), "column 'question_id': got None"),
    ],
)
def test_a_wrong_answer_is_refused(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(UrialError, match=message):
        import_fastchat_answers(lines(tmp_path / "answers.jsonl", row), "m", None)
    with pytest.raises(UrialError, match="the question 81 twice"):
        import_fastchat_answers(lines(tmp_path / "answers.jsonl", answers(81, "a"), answers(81, "b")), "m", None)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines(Path("j.jsonl"), single(81, 1, 3), single(81, 2, -1))
    lines(Path("a.jsonl"), answers(81, "a", "b", choices=[{"turns": ["a", "b"]}, {"turns": ["c", "d"]}]))
    questions(Path("question.jsonl"), 81)
    done = invoke("import", "judgments", "j.jsonl", "--system", "m", "--out", "judged.jsonl")
    assert done.stdout == "judged.jsonl: 1 judgment of 2 answers; of their aspects 1 invalid, 1 scored\n"
    options = ["--system", "m", "--instructions", "question.jsonl", "--instructions-out", "i.jsonl"]
    done = invoke("import", "completions", "a.jsonl", *options, "--out", "answers.jsonl")
    assert done.stdout == "answers.jsonl: 1 completion; of 1 with several choices the first\n"
    judged = invoke("import", "judgments", "j.jsonl", *options, "--out", "named.jsonl", "--force")
    assert judged.exit_code == 0
    (row,), (answer,) = read_jsonl(Path("named.jsonl"), Judgment), read_jsonl(Path("answers.jsonl"), Completion)
    assert row.instruction_id == answer.instruction_id
    refused = invoke(
        "import", "judgments", "j.jsonl", "--system", "m", "--out", "x.jsonl", "--instructions-out", "y.jsonl"
    )
    assert refused.stderr.startswith("Error: FILES have no texts of instructions\n")
    with Path("t.csv").open("w", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["question_id", "turn", "score"], [81, 1, 5], [81, 2, 6.5]])
    assert invoke("import", "judgments", "t.csv", "--system", "m", "--judge", "g", "--out", "t.jsonl").exit_code == 0
    assert scores(read_jsonl(Path("t.jsonl"), Judgment)) == [[5, 6.5]]

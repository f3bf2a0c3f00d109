"""Output files of just-eval, URIAL and AlpacaEval."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import make_query
from tests.exchange.importers.score_files import upstream, write
from tests.instruction_files import named
from urial.core.errors import UrialError
from urial.core.store import write_jsonl
from urial.exchange.importers.completions import import_completions, instructions_of
from urial.exchange.importers.instructions import read_instructions
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction

ANSWER = " An answer. \n\n```\ncode\n```\n"
CELLS = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=3)


def just_eval(number: int, **changes: Any) -> dict[str, Any]:
    row = {"id": number, "instruction": f"Why {number}?", "output": ANSWER, "generator": "m", "dataset": "koala"}
    return {**row, "source_id": "x-1", "category": "regular", **changes}


def alpaca_eval(query: str, **changes: Any) -> dict[str, Any]:
    return {"instruction": query, "output": ANSWER, "generator": "m", "dataset": "koala", **changes}


def read(folder: Path, *rows: dict[str, Any], given: list[Instruction] | None = None) -> list[Completion]:
    return import_completions(write(folder / "o.json", rows), "theirs", given)


def refusal(folder: Path, *rows: dict[str, Any], given: list[Instruction] | None = None) -> str:
    with pytest.raises(UrialError) as caught:
        read(folder, *rows, given=given)
    return str(caught.value).replace(f"{folder}/", "")


def test_rows_of_just_eval_are_ordered_by_number_and_keep_their_text(tmp_path: Path) -> None:
    found = read(tmp_path, just_eval(10), just_eval(2, output=""))
    assert [row.instruction_id for row in found] == [named("just-eval", "Why 2?"), named("just-eval", "Why 10?")]
    assert found[0].answer == Answer(text="", token_ids=None, finish="unknown")
    assert found[1].answer == Answer(text=ANSWER, token_ids=None, finish="unknown")
    assert {(row.system, row.status, row.reason) for row in found} == {("theirs", "ok", None)}


def test_rows_of_alpaca_eval_keep_their_order(tmp_path: Path) -> None:
    found = read(tmp_path, alpaca_eval("B?"), alpaca_eval("A?", output="ERROR"))
    assert [(row.instruction_id, row.answer and row.answer.text) for row in found] == [
        (named("alpaca-eval", "B?"), ANSWER),
        (named("alpaca-eval", "A?"), "ERROR"),
    ]


def test_urial_writes_a_list_of_one_answer(tmp_path: Path) -> None:
    rows = [just_eval(0, output=["A"], model_input="..."), just_eval(1, output=[])]
    assert read(tmp_path, rows[0])[0].answer == Answer(text="A", token_ids=None, finish="unknown")
    assert refusal(tmp_path, *rows) == (
        "o.json, row 1, column 'output': 0 answers, and nothing says which one counts\n"
        "  expected: text, or a list of one text\n  fix: keep one answer a row"
    )
    assert "row 0, column 'output': 2 answers" in refusal(tmp_path, just_eval(0, output=["A", "B"]))


def test_a_key_is_of_the_instruction_and_the_answer_alone(tmp_path: Path) -> None:
    first, same = read(tmp_path, just_eval(0)), read(tmp_path, just_eval(0, generator="n", dataset="y"))
    others = [read(tmp_path, row)[0].key for row in (just_eval(0, output="B"), just_eval(1), alpaca_eval("Why 0?"))]
    assert first[0].key == same[0].key
    assert len({first[0].key, *others}) == 4


def test_rows_follow_the_instructions_that_they_answer(tmp_path: Path) -> None:
    given = [make_query(f"mine-{number}", turns=(f"Why {number}?",)) for number in (5, 1)]
    found = read(tmp_path, just_eval(1), just_eval(5), given=given)
    assert [row.instruction_id for row in found] == ["mine-5", "mine-1"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            [
                make_query("just-eval-1", turns=("Why 1?",)),
                make_query("just-eval-2"),
                make_query("just-eval-3", turns=("How?",)),
            ],
            "o.json: instructions without a row: 2, first 'just-eval-2': 'Why?'\n  expected: one row an instruction\n"
            "  fix: leave --instructions out, and write those that were answered with --instructions-out",
        ),
        (
            [make_query("just-eval-1", turns=("A recipe for soup, please.",))],
            "o.json, row 0: asks what none of the instructions does: 'Why 1?'\n  expected: one of their texts\n"
            "  fix: name the instructions that were answered, or leave --instructions out",
        ),
        (
            [make_query("just-eval-1", turns=("why 1?",))],
            "o.json, row 0: asks what none of the instructions does: 'Why 1?'\n  expected: 'why 1?'\n"
            "  fix: name the instructions that were answered, or leave --instructions out",
        ),
        (
            [make_query("just-eval-1", turns=("Why 1?", "And?"))],
            "o.json, row 0: answers the first of 2 messages of 'just-eval-1': 'Why 1?'\n"
            "  expected: instructions of one message, since such files hold one answer\n"
            "  fix: leave --instructions out, and write those that were answered with --instructions-out",
        ),
    ],
)
def test_rows_that_answer_something_else_are_refused(tmp_path: Path, given: list[Instruction], message: str) -> None:
    assert refusal(tmp_path, just_eval(1), given=given) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": None}, "o.json, row 1, column 'output': got None\n  expected: text, or a list of one text"),
        ({"output": [1]}, "o.json, row 1, column 'output': got [1]\n  expected: text, or a list of one text"),
        (
            {"instruction": ""},
            "o.json, row 1, column 'instruction': got ''\n"
            "  expected: text that is not blank, of at most 100,000 characters",
        ),
        (
            {"id": 1},
            "the number 1 twice: in o.json, row 0, and in o.json, row 1\n  expected: one row an instruction\n"
            "  fix: remove one of the two rows",
        ),
        (
            {"generator": "n"},
            "the systems in generator differ: 'm' in o.json, row 0, and 'n' in o.json, row 1\n"
            "  expected: the same in every row\n  fix: import each system's rows on their own",
        ),
    ],
)
def test_a_wrong_row_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    assert refusal(tmp_path, just_eval(1), just_eval(2, **changes)) == message


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    assert (
        refusal(tmp_path) == "o.json: no rows\n  expected: an output file of just-eval, URIAL, AlpacaEval or AlignTDS"
    )
    assert refusal(tmp_path, {"question_id": 81, "turn1_output": "x"}) == (
        "o.json: no column 'instruction'\n  expected: the query\n  fix: known names: question_id, turn1_output"
    )


def test_the_instructions_answered_can_be_written(tmp_path: Path) -> None:
    path = write(tmp_path / "o.json", [just_eval(10), just_eval(2, category="safety")])
    assert instructions_of(path) == [
        make_query(named("just-eval", "Why 2?"), turns=("Why 2?",), category="safety", source="koala"),
        make_query(named("just-eval", "Why 10?"), turns=("Why 10?",), source="koala"),
    ]
    write(path, [alpaca_eval("B?")])
    assert instructions_of(path) == [make_query(named("alpaca-eval", "B?"), turns=("B?",), source="koala")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"id": 1, "instruction": "A?", "output": "x"},
            "o.json: no column 'category'\n  expected: regular or safety\n"
            "  fix: name the instructions with --instructions FILE, or say of what category all are with --category",
        ),
        (just_eval(1, category="safe"), "o.json, row 0, column 'category': got 'safe'\n  expected: regular or safety"),
    ],
)
def test_instructions_without_a_category_are_refused(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(UrialError) as caught:
        instructions_of(write(tmp_path / "o.json", [row]))
    assert str(caught.value).replace(f"{tmp_path}/", "").startswith(message)


def outcome(folder: Path, rows: list[dict[str, Any]]) -> str:
    try:
        return f"{len(read(folder, *rows))} rows"
    except UrialError as error:
        return str(error)


@given(st.sampled_from(["id", "instruction", "output", "generator", "other"]), CELLS)
def test_any_value_in_any_cell_gives_a_row_or_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, column: str, value: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    said = outcome(folder, [just_eval(1), just_eval(2, **{column: value})])
    assert said.startswith((f"{folder}/o.json", "the number 1 twice", "the systems in generator", "2 rows"))


def test_the_published_answers_are_all_read() -> None:
    (path,) = upstream("upstream_outputs").glob("*.json")
    rows = json.loads(path.read_text("utf-8"))
    numbers = {row["id"] for row in rows}
    published = upstream("just_eval_instruct.jsonl")
    lines = published.read_text("utf-8").splitlines()
    pairs = zip(read_instructions(published), map(json.loads, lines), strict=True)
    given = [item for item, row in pairs if row["id"] in numbers]
    found = import_completions(path, "theirs", given)
    assert [row.answer and row.answer.text for row in found] == [row["output"] for row in rows]
    assert [row.query for row in found] == [row["instruction"] for row in rows]
    assert [(item.turns, item.category) for item in instructions_of(path)] == [
        (item.turns, item.category) for item in given
    ]


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"id": 3, "dataset": "oasst", "generator": "m"}, "alpaca-eval"),
        ({"dataset": "koala"}, "alpaca-eval"),
        ({}, "alpaca-eval"),
        ({"id": 3}, "just-eval"),
        ({"id": "3"}, "just-eval"),
        ({"id": 3, "dataset": "koala", "source_id": "k-1"}, "just-eval"),
    ],
)
def test_a_number_is_no_name(tmp_path: Path, row: dict[str, Any], name: str) -> None:
    asked = {"instruction": "Where is Ardovia?", "output": "Nowhere.", **row}
    assert [item.instruction_id for item in read(tmp_path, asked)] == [named(name, "Where is Ardovia?")]


def test_answers_are_joined_with_instructions_by_their_text(tmp_path: Path) -> None:
    """Rows of AlpacaEval that somebody numbered, under instructions whose numbers are those of another set."""
    given = [make_query("q-1", turns=("B?",)), make_query("q-0", turns=("A?",))]
    found = read(tmp_path, alpaca_eval("A?", id=1, output="a"), alpaca_eval("B?", id=0, output="b"), given=given)
    assert [(row.instruction_id, row.answer and row.answer.text) for row in found] == [("q-1", "b"), ("q-0", "a")]


def test_rows_that_ask_the_same_are_told_apart_by_their_set_and_their_number(tmp_path: Path) -> None:
    rows = [
        just_eval(7, instruction="A?", dataset="x", output="7"),
        just_eval(3, instruction="A?", dataset="y", output="3"),
    ]
    first = named("just-eval", "A?")
    assert {row.instruction_id: row.answer.text for row in read(tmp_path, *rows) if row.answer} == {
        first: "3",
        f"{first}-2": "7",
    }
    given = [make_query("of-y", turns=("A?",), source="y"), make_query("of-x", turns=("A?",), source="x")]
    found = read(tmp_path, *rows, given=given)
    assert [(row.instruction_id, row.answer and row.answer.text) for row in found] == [("of-y", "3"), ("of-x", "7")]
    assert refusal(tmp_path, *rows, given=given[:1]) == (
        "o.json, row 0: answers 'of-y' once more: 'A?'\n  expected: one row an instruction\n"
        "  fix: remove one of the rows that ask it"
    )


@pytest.mark.parametrize(
    ("output", "text"),
    [("['A mineral.']", "A mineral."), ('["It\'s \\n \\"salt\\"."]', 'It\'s \n "salt".'), ("['']", ""), (["B"], "B")],
)
def test_align_tds_keeps_its_query_apart_and_writes_a_list_as_text(tmp_path: Path, output: Any, text: str) -> None:
    row = {"id": "0", "pure_input": "What is salt?", "input": "<s>[INST] What is salt? [/INST]", "output": output}
    (found,) = read(tmp_path, {**row, "reference": "N/A"})
    assert (found.instruction_id, found.query) == (named("just-eval", "What is salt?"), "What is salt?")
    assert found.answer == Answer(text=text, token_ids=None, finish="unknown")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("A mineral.", "got 'A mineral.'"),
        ("__import__('os')", "got \"__import__('os')\""),
        ("['A', 'B']", "2 answers, and nothing says which one counts"),
        ("[1]", "got [1]"),
        ("{'a': 1}", "got {'a': 1}"),
        ("[" * 5_000, "got '[[["),
    ],
)
def test_another_text_is_no_answer_of_align_tds(tmp_path: Path, output: str, message: str) -> None:
    said = refusal(tmp_path, {"pure_input": "What is salt?", "input": "x", "output": output})
    assert said.startswith(f"o.json, row 0, column 'output': {message}")
    assert "\n  expected: a list of one text, or that list as Python writes it" in said


def test_a_category_can_be_said_for_rows_without_one(tmp_path: Path) -> None:
    path = write(tmp_path / "o.json", [{"id": 1, "instruction": "A?", "output": "x", "dataset": "mine"}])
    (found,) = instructions_of(path, "safety")
    assert (found.category, found.source) == ("safety", "mine")
    write(path, [just_eval(1, category="regular")])
    assert instructions_of(path, "safety")[0].category == "regular"
    write(path, [{"instruction": "A?", "output": "x"}])
    assert (instructions_of(path)[0].category, instructions_of(path)[0].source) == ("regular", "alpaca-eval")


def test_an_instruction_twice_in_its_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    write_jsonl(path, [make_query("q1"), make_query("q1", turns=("Other?",))])
    with pytest.raises(UrialError) as caught:
        read_instructions(path)
    assert str(caught.value) == f"{path}: two instructions 'q1'\n  expected: every id once"

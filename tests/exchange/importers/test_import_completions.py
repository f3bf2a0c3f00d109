"""Output files of just-eval, URIAL and AlpacaEval."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import make_query
from tests.exchange.importers.score_files import upstream, write
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
    assert [row.instruction_id for row in found] == ["just-eval-2", "just-eval-10"]
    assert found[0].answer == Answer(text="", token_ids=None, finish="unknown")
    assert found[1].answer == Answer(text=ANSWER, token_ids=None, finish="unknown")
    assert {(row.system, row.status, row.reason) for row in found} == {("theirs", "ok", None)}


def test_rows_of_alpaca_eval_are_numbered(tmp_path: Path) -> None:
    found = read(tmp_path, alpaca_eval("B?"), alpaca_eval("A?", output="ERROR"))
    assert [(row.instruction_id, row.answer and row.answer.text) for row in found] == [
        ("alpaca-eval-0", ANSWER),
        ("alpaca-eval-1", "ERROR"),
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
    given = [make_query(f"just-eval-{number}", turns=(f"Why {number}?",)) for number in (5, 1)]
    found = read(tmp_path, just_eval(1), just_eval(5), given=given)
    assert [row.instruction_id for row in found] == ["just-eval-5", "just-eval-1"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            [make_query("just-eval-1", turns=("Why 1?",)), make_query("just-eval-2"), make_query("just-eval-3")],
            "o.json: instructions without a row: 2, first 'just-eval-2'\n  expected: one row an instruction\n"
            "  fix: leave --instructions out, and write those that were answered with --instructions-out",
        ),
        ([], "o.json, row 0: 'just-eval-1' is none of the instructions"),
        (
            [make_query("just-eval-1", turns=("why 1?",))],
            "o.json, row 0: not the query of 'just-eval-1': 'Why 1?'\n  expected: 'why 1?'",
        ),
        (
            [make_query("just-eval-1", turns=("Why 1?", "And?"))],
            "o.json, row 0: not the query of 'just-eval-1': 'Why 1?'\n"
            "  expected: 2 messages, which such files do not hold",
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
        ({"id": None}, "o.json, row 1, column 'id': got None\n  expected: a whole number, not negative"),
        (
            {"instruction": ""},
            "o.json, row 1, column 'instruction': got ''\n"
            "  expected: text that is not blank, of at most 100,000 characters",
        ),
        (
            {"id": 1},
            "'just-eval-1' twice: in o.json, row 0, and in o.json, row 1\n  expected: one row an instruction\n"
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
    assert refusal(tmp_path) == "o.json: no rows\n  expected: an output file of just-eval, URIAL or AlpacaEval"
    assert refusal(tmp_path, {"question_id": 81, "turn1_output": "x"}) == (
        "o.json: no column 'instruction'\n  expected: the query\n  fix: known names: question_id, turn1_output"
    )


def test_the_instructions_answered_can_be_written(tmp_path: Path) -> None:
    path = write(tmp_path / "o.json", [just_eval(10), just_eval(2, category="safety")])
    assert instructions_of(path) == [
        make_query("just-eval-2", turns=("Why 2?",), category="safety", source="koala"),
        make_query("just-eval-10", turns=("Why 10?",), source="koala"),
    ]
    write(path, [alpaca_eval("B?")])
    assert instructions_of(path) == [make_query("alpaca-eval-0", turns=("B?",), source="koala")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": 1, "instruction": "A?", "output": "x"}, "o.json: no column 'category'\n  expected: regular or safety"),
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
    assert said.startswith((f"{folder}/o.json", "'just-eval-1' twice", "the systems in generator", "2 rows"))


def test_the_published_answers_are_all_read() -> None:
    (path,) = upstream("upstream_outputs").glob("*.json")
    rows = json.loads(path.read_text("utf-8"))
    given = read_instructions(upstream("just_eval_instruct.jsonl"))
    answered = {f"just-eval-{row['id']}" for row in rows}
    found = import_completions(path, "theirs", [item for item in given if item.id in answered])
    assert [row.answer and row.answer.text for row in found] == [row["output"] for row in rows]
    assert [row.instruction_id for row in found] == [f"just-eval-{row['id']}" for row in rows]
    assert [(item.id, item.turns, item.category) for item in instructions_of(path)] == [
        (item.id, item.turns, item.category) for item in given if item.id in answered
    ]


def test_an_instruction_twice_in_its_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    write_jsonl(path, [make_query("q1"), make_query("q1", turns=("Other?",))])
    with pytest.raises(UrialError) as caught:
        read_instructions(path)
    assert str(caught.value) == f"{path}: two instructions 'q1'\n  expected: every id once"

from pathlib import Path
from typing import Any

import pytest

from tests.instruction_files import load, named, refusal, write_rows
from urial.records.instruction import Instruction

ALPACA = {"dataset": "koala", "instruction": "Why is the sky blue?", "output": "Scattering.", "generator": "davinci"}
QUESTION = {"question_id": 81, "category": "writing", "turns": ["Write a poem.", "Make it rhyme."]}
PROMPT = {"prompt_id": 101, "category": "math", "prompt": ["2 + 2?", "And 3 more?"], "reference": ["4", "7"]}
LIMA = {"conversations": ["How do magnets work?", "By their fields."], "source": "stackexchange"}
JUST_EVAL = {
    "id": 7, "instruction": "Why?", "source_id": "alpaca_eval-7", "dataset": "koala", "category": "regular",
    "task": ["info-seek"], "topic": ["stem"], "difficulty": None,
}  # fmt: skip


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.csv", "x.parquet"])
def test_alpaca_eval_keeps_queries_and_no_model_s_answer(tmp_path: Path, name: str) -> None:
    path = write_rows(tmp_path / name, [ALPACA, {**ALPACA, "dataset": "oasst", "instruction": " Two\r\nlines "}])
    assert load("alpaca-eval", path) == [
        Instruction(
            id=named("alpaca-eval", "Why is the sky blue?"),
            turns=("Why is the sky blue?",),
            category="regular",
            source="koala",
        ),
        Instruction(
            id=named("alpaca-eval", " Two\r\nlines "), turns=(" Two\r\nlines ",), category="regular", source="oasst"
        ),
    ]


def test_alpaca_eval_files_differ_in_what_they_say_of_answers(tmp_path: Path) -> None:
    rows = [{"instruction": "Why?", "dataset": "koala", "datasplit": "eval", "preference": 1.5, "time": {"s": None}}]
    path = write_rows(tmp_path / "x.json", rows)
    assert [row.turns for row in load("alpaca-eval", path)] == [("Why?",)]


def test_mt_bench_keeps_both_turns_and_the_kind_of_work(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "question.jsonl", [QUESTION])
    assert load("mt-bench", path) == [
        Instruction(
            id=named("mt-bench", "Write a poem.", "Make it rhyme."),
            turns=("Write a poem.", "Make it rhyme."),
            category="regular",
            task=("writing",),
            source="mt-bench",
        )
    ]


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.parquet"])
def test_mt_bench_prompts_of_the_hub_are_the_same_under_other_names(tmp_path: Path, name: str) -> None:
    found = load("mt-bench", write_rows(tmp_path / name, [PROMPT]))
    renamed = {"question_id": 101, "category": "math", "turns": PROMPT["prompt"], "reference": PROMPT["reference"]}
    assert found == load("mt-bench", write_rows(tmp_path / "question.jsonl", [renamed]))
    assert [(row.id, row.turns, row.reference) for row in found] == [
        (named("mt-bench", "2 + 2?", "And 3 more?"), ("2 + 2?", "And 3 more?"), "4\n\n7")
    ]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (None, None), ([], None), (["", ""], None), (["4", "7"], "4\n\n7"), (["4", ""], "4"), (["", "7\n"], "7\n"),
        (["4"], "4"),
    ],
)  # fmt: skip
def test_references_of_turns_are_joined_where_there_are_any(
    tmp_path: Path, reference: list[str] | None, expected: str | None
) -> None:
    path = write_rows(tmp_path / "x.jsonl", [{**QUESTION, "reference": reference}])
    assert load("mt-bench", path)[0].reference == expected


@pytest.mark.parametrize(
    ("conversations", "turns", "reference"),
    [
        (["Q"], ("Q",), None),
        (["Q", "A"], ("Q",), "A"),
        (["Q", ""], ("Q",), None),
        (["Q", "A", "R"], ("Q", "R"), None),
        (["Q", "A", "R", "B"], ("Q", "R"), None),
    ],
)
@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet"])
def test_lima_keeps_the_user_s_turns_and_the_answer_to_a_single_one(
    tmp_path: Path, name: str, conversations: list[str], turns: tuple[str, ...], reference: str | None
) -> None:
    path = write_rows(tmp_path / name, [LIMA, {"conversations": conversations, "source": "multi_turn"}])
    assert load("lima", path)[1] == Instruction(
        id=named("lima", *turns), turns=turns, category="regular", reference=reference, source="multi_turn"
    )


def test_just_eval_may_be_any_kind_of_file_that_holds_lists(tmp_path: Path) -> None:
    loaded = [
        load("just-eval", write_rows(tmp_path / f"x{end}", [JUST_EVAL])) for end in (".jsonl", ".json", ".parquet")
    ]
    assert loaded[0] == loaded[1] == loaded[2]
    assert [(row.id, row.task, row.difficulty) for row in loaded[0]] == [
        (named("just-eval", "Why?"), ("info-seek",), None)
    ]


ALPACA_ROW = "a row with instruction"
QUESTION_ROW = "a row with question_id, category, turns"
PROMPT_ROW = "a row with prompt_id, category, prompt"
LIMA_ROW = "a row with conversations, source"
BLANK = "text that is not blank, of at most 100,000 characters"
WRONG: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("alpaca-eval", ALPACA, {"instruction": ""}, rf"field 'instruction': string should have at least 1 character, got ''{ALPACA_ROW}"),
    ("alpaca-eval", ALPACA, {"instruction": " \n"}, rf"field 'instruction': string should match pattern '\S', got ' \n'{ALPACA_ROW}"),
    ("alpaca-eval", ALPACA, {"dataset": None}, f"field 'dataset': input should be a valid string, got None{ALPACA_ROW}"),
    ("mt-bench", QUESTION, {"question_id": "81"}, f"field 'question_id': input should be a valid integer, got '81'{QUESTION_ROW}"),
    ("mt-bench", QUESTION, {"question_id": 10**300}, f"field 'question_id': input should be less than 10000000000, got 1{'0' * 78}…{QUESTION_ROW}"),
    ("mt-bench", QUESTION, {"turns": []}, f"field 'turns': tuple should have at least 1 item after validation, not 0, got []{QUESTION_ROW}"),
    ("mt-bench", QUESTION, {"turns": "Why?"}, f"field 'turns': input should be a valid array, got 'Why?'{QUESTION_ROW}"),
    ("mt-bench", QUESTION, {"turns": ["Why?", 7]}, f"field 'turns.1': input should be a valid string, got 7{QUESTION_ROW}"),
    ("mt-bench", QUESTION, {"category": ""}, f"field 'category': string should have at least 1 character, got ''{QUESTION_ROW}"),
    ("mt-bench", QUESTION, {"refrence": ["4"]}, f"unknown field 'refrence'; did you mean 'reference'?{QUESTION_ROW}"),
    ("mt-bench", PROMPT, {"prompt_id": -1}, f"field 'prompt_id': input should be greater than or equal to 0, got -1{PROMPT_ROW}"),
    ("mt-bench", PROMPT, {"reference": "4"}, f"field 'reference': input should be a valid array, got '4'{PROMPT_ROW}"),
    ("lima", LIMA, {"conversations": []}, f"field 'conversations': tuple should have at least 1 item after validation, not 0, got []{LIMA_ROW}"),
    ("lima", LIMA, {"conversations": [{"from": "human"}]}, f"field 'conversations.0': input should be a valid string, got {{'from': 'human'}}{LIMA_ROW}"),
    ("lima", LIMA, {"conversations": ["Q", "A", " "]}, f"field 'conversations.2': got ' '{BLANK}"),
    ("lima", LIMA, {"conversations": ["Q" * 100_001]}, f"field 'conversations.0': got '{'Q' * 78}…{BLANK}"),
    ("lima", LIMA, {"source": 3}, f"field 'source': input should be a valid string, got 3{LIMA_ROW}"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "good", "change", "message"), WRONG)
def test_a_wrong_row_names_line_field_and_what_was_expected(
    tmp_path: Path, kind: str, good: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    path = write_rows(tmp_path / "x.jsonl", [good, {**good, **change}])
    for expected in (ALPACA_ROW, QUESTION_ROW, PROMPT_ROW, LIMA_ROW, BLANK):
        message = message.removesuffix(expected) + (f"\n  expected: {expected}" if message.endswith(expected) else "")
    assert refusal(kind, path) == f"{path}, line 2: {message}"


def test_a_row_without_a_field_names_it(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.json", [LIMA, {"conversation": ["Q"], "source": "x"}])
    assert refusal("lima", path) == (
        f"{path}, row 1: missing field 'conversations'; unknown field 'conversation'; did you mean 'conversations'?\n"
        "  expected: a row with conversations, source"
    )


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.parquet"])
def test_a_file_without_a_column_names_it(tmp_path: Path, name: str) -> None:
    path = write_rows(tmp_path / name, [{"dataset": "koala", "instructions": "Why?"}])
    assert refusal("alpaca-eval", path) == (
        f"{path}: no column 'instruction'\n  expected: the query\n  fix: did you mean 'instructions'?"
    )


def test_a_question_asked_twice_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.jsonl", [QUESTION, {**QUESTION, "turns": ["Another?"]}])
    assert refusal("mt-bench", path) == (
        f"{path}, line 2: the number 81 a second time, first in {path}, line 1\n  expected: every number once\n"
        "  fix: remove one of the two rows, or number them apart"
    )


def test_a_list_in_a_csv_cell_is_text_and_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.csv", [{"conversations": "['Q']", "source": "x"}])
    assert refusal("lima", path) == (
        f"{path}, line 2: field 'conversations': input should be a valid array, got \"['Q']\"\n"
        "  expected: a row with conversations, source"
    )

"""Ids by what is asked: whatever place, number or neighbors a row has."""

import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.instruction_files import load, named, write_rows
from urial.instructions.identity import apart, text_id

# Few of them, so that some are drawn twice.
TEXTS = st.sampled_from(["Why?", " why?", "What is salt?", "Como está?", "你好?", "A\nB", "A\r\nB"])


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_an_id_is_the_hash_of_the_messages(turns: list[str]) -> None:
    assert text_id("mine", turns) == named("mine", *turns)


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["a", "b", "c"])), min_size=1, max_size=8), st.randoms())
def test_the_order_of_rows_changes_no_id(rows: list[tuple[str, str]], chance: random.Random) -> None:
    orders = {row: (0, row[1]) for row in rows}
    shuffled = chance.sample(rows, len(rows))
    before, after = (
        sorted(zip(apart([text for text, _ in some], [orders[row] for row in some]), some, strict=True))
        for some in (rows, shuffled)
    )
    assert before == after
    assert len({name for name, _ in before}) == len(rows)


def test_rows_of_every_kind_are_named_by_their_text(tmp_path: Path) -> None:
    alpaca = write_rows(tmp_path / "a.json", [{"dataset": "koala", "instruction": "Why?"}, {"instruction": "How?"}])
    assert [(row.id, row.source) for row in load("alpaca-eval", alpaca)] == [
        (named("alpaca-eval", "Why?"), "koala"),
        (named("alpaca-eval", "How?"), "alpaca-eval"),
    ]
    questions = [{"question_id": 1, "category": "writing", "turns": ["Write.", "Rhyme."]}]
    others = [{"question_id": 1, "category": "math", "turns": ["2 + 2?"]}]
    first, second = (load("mt-bench", write_rows(tmp_path / "q.jsonl", rows)) for rows in (questions, others))
    assert [row.id for row in first + second] == [named("mt-bench", "Write.", "Rhyme."), named("mt-bench", "2 + 2?")]


def test_a_table_that_asks_twice_has_two_rows(tmp_path: Path) -> None:
    rows = [{"instruction": "Why?", "level": level} for level in ("hard", "easy")]
    found = load("table", write_rows(tmp_path / "x.csv", rows), columns={"difficulty": "level"})
    again = load("table", write_rows(tmp_path / "x.csv", rows[::-1]), columns={"difficulty": "level"})
    first = named("mine", "Why?")
    assert {row.difficulty: row.id for row in found} == {"easy": first, "hard": f"{first}-2"}
    assert {row.id: row for row in found} == {row.id: row for row in again}

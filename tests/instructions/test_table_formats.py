"""What a table says does not depend on the format of its file."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.instruction_files import FileRows, load, named, write_rows
from urial.core.errors import UrialError
from urial.records.instruction import Instruction

QUERIES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).filter(lambda text: text.strip() != "")
OPTIONAL = st.just("") | QUERIES
ROWS = st.lists(
    st.fixed_dictionaries({
        "instruction": QUERIES, "c": st.sampled_from(["", "regular", "safety"]), "t": OPTIONAL, "d": OPTIONAL,
        "r": OPTIONAL, "s": OPTIONAL,
    }),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row["instruction"],
)  # fmt: skip
MAPPED = {"category": "c", "task": "t", "difficulty": "d", "reference": "r", "source": "s"}


def test_every_format_gives_the_same_instructions(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("formats")

    @given(ROWS)
    def check(rows: FileRows) -> None:
        expected = [
            Instruction(
                id=named("mine", row["instruction"]),
                turns=(row["instruction"],),
                category=row["c"] or "regular",
                task=(row["t"],) if row["t"].strip() else (),
                difficulty=row["d"] or None,
                reference=row["r"] or None,
                source=row["s"] or "mine",
            )
            for row in rows
        ]
        for ending in (".jsonl", ".json", ".csv", ".parquet"):
            assert load("table", write_rows(folder / f"x{ending}", rows), columns=MAPPED) == expected, ending

    check()


TURNS = st.lists(
    st.fixed_dictionaries({"t": st.lists(QUERIES, min_size=1, max_size=4), "k": st.lists(QUERIES, max_size=3)}),
    min_size=1,
    max_size=4,
)


def test_turns_and_tags_are_the_same_in_every_format_that_has_lists(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("formats")

    @given(TURNS)
    def check(rows: FileRows) -> None:
        for ending in (".jsonl", ".json", ".parquet"):
            path = write_rows(folder / f"x{ending}", rows)
            found = load("table", path, columns={"turns": "t", "topic": "k"})
            assert [(list(row.turns), list(row.topic)) for row in found] == [(row["t"], row["k"]) for row in rows]

    check()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abi"), inner, max_size=3),
    max_leaves=8,
)


def test_any_json_is_read_or_refused_and_never_converted(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("any") / "x.jsonl"

    @given(st.dictionaries(st.sampled_from("abi"), JSON, max_size=3))
    def check(row: dict[str, Any]) -> None:
        path.write_text(json.dumps(row), "utf-8")
        try:
            found = load("table", path, columns={"query": "a", "id": "i", "reference": "b"})[0]
        except UrialError:
            return
        assert found.turns == (row["a"],)
        assert found.id == str(row["i"])
        assert isinstance(row["i"], (str, int))

    check()

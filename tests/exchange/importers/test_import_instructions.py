"""Instructions out of local files; the kinds themselves are tested with urial.instructions."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_query
from tests.instruction_files import named, write_rows
from urial.core.errors import UrialError
from urial.core.store import write_jsonl
from urial.exchange.importers.instructions import import_instructions, read_instructions

PUBLISHED = {
    "id": 7, "instruction": "Why?", "source_id": "a-1", "dataset": "koala", "category": "regular", "task": ["math"],
    "topic": [], "difficulty": "easy",
}  # fmt: skip


def refusal(path: Path, kind: str, name: str = "mine", table: dict[str, Any] | None = None) -> str:
    with pytest.raises(UrialError) as caught:
        import_instructions(path, kind, name, table)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_published_set_is_read(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.jsonl", [PUBLISHED])
    expected = make_query(named("just-eval", "Why?"), task=("math",), difficulty="easy", source="koala")
    assert import_instructions(path, "just-eval", "mine") == [expected]
    assert read_instructions(path) == [expected]


def test_a_table_is_read_by_its_columns(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.csv", [{"ask": "How do I pick a lock?", "n": "a"}, {"ask": "Why?", "n": "b"}])
    found = import_instructions(path, "table", "mine", {"columns": {"query": "ask"}, "category": "safety"})
    assert [(row.id, row.turns, row.category, row.source) for row in found] == [
        (named("mine", "How do I pick a lock?"), ("How do I pick a lock?",), "safety", "mine"),
        (named("mine", "Why?"), ("Why?",), "safety", "mine"),
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"columns": {"qery": "ask"}}, "no field 'qery' in an instruction\n  fix: did you mean 'query'?"),
        (
            {"columns": {"query": "ask", "turns": "ask"}},
            "name query or turns, not both: {'query': 'ask', 'turns': 'ask'}",
        ),
        ({"columns": {"query": ""}}, "String should have at least 1 character: {'query': ''}"),
        (
            {"columns": {"query": "aks"}},
            "x.csv: no column 'aks'\n  expected: the column that columns.query names\n  fix: did you mean 'ask'?",
        ),
    ],
)
def test_wrong_columns_are_refused(tmp_path: Path, table: dict[str, Any], message: str) -> None:
    assert refusal(write_rows(tmp_path / "x.csv", [{"ask": "Why?"}]), "table", table=table) == message


def test_a_path_that_is_no_file_is_never_looked_up_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UrialError, match=r"^owner/name: no such file\n  fix: check the path$"):
        import_instructions(Path("owner/name"), "lima", "mine")


def test_a_set_needs_a_name(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x", "lima", "a b").startswith("'a b' is no name")


def test_records_of_this_project_are_told_by_their_columns(tmp_path: Path) -> None:
    rows = [make_query("a"), make_query("b", turns=("Why?", "And?"))]
    write_jsonl(tmp_path / "x.jsonl", rows)
    assert read_instructions(tmp_path / "x.jsonl") == rows
    assert read_instructions(write_rows(tmp_path / "y.jsonl", [])) == []

from pathlib import Path

import pytest

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.records.instruction import TableSet
from urial.records.params.file import ParamsFile, read_params

PARAMS = (ROOT / "params.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{kind: table}", "missing field 'instruction_sets.x.source'"),
        ("{kind: tabel, source: a}", "field 'instruction_sets.x': input tag 'tabel' found using 'kind' does not match any of the "),
        ("{kind: table, source: ''}", "field 'instruction_sets.x.source': string should have at least 1 character, got ''"),
        ("{kind: table, source: a/b, colums: {query: q}}", "unknown field 'instruction_sets.x.colums'; did you mean 'columns'?"),
        ("{kind: table, source: a/b, columns: {qery: q}}", "unknown field 'instruction_sets.x.columns.qery'; did you mean 'query'?"),
        ("{kind: table, source: a/b, columns: {query: ''}}", "field 'instruction_sets.x.columns.query': string should have at least 1 character, got ''"),
        ("{kind: table, source: a/b, columns: {query: q, turns: t}}", "field 'instruction_sets.x.columns': name query or turns, not both, got "),
        ("{kind: table, source: a/b, category: safe}", "field 'instruction_sets.x.category': input should be 'regular' or 'safety', got 'safe'"),
        ("{kind: lima, source: a/b, file: test.jsonl, split: test}",
         "field 'instruction_sets.x': a file of a repository is read whole: name file, or split and config, not both, got "),
        ("{kind: lima, source: a/b, file: ../x.jsonl}", "field 'instruction_sets.x.file': string should match pattern "),
        ("{kind: lima, source: a/b, file: /x.jsonl}", "field 'instruction_sets.x.file': string should match pattern "),
        ("{kind: lima, source: a/b, file: lima.py}", "field 'instruction_sets.x.file': string should match pattern "),
        ("{kind: lima, source: a/b, columns: {query: q}}", "unknown field 'instruction_sets.x.columns'"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused(tmp_path: Path, entry: str, message: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.replace("instruction_sets:\n", f"instruction_sets:\n  x: {entry}\n"))
    with pytest.raises(UrialError) as caught:
        read_params(path)
    line = PARAMS[: PARAMS.index("instruction_sets:\n")].count("\n") + 2
    assert str(caught.value).startswith(f"{path}: line {line}: {message}")


def test_the_catalogue_has_the_published_sets(committed_params: ParamsFile) -> None:
    kinds = {name: entry.kind for name, entry in committed_params.instruction_sets.items()}
    published = {name: name for name in ("microworld", "just-eval", "alpaca-eval", "mt-bench", "lima")}
    assert kinds == {**published, "everyday": "jsonl"}


def test_a_table_needs_its_source_alone(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.replace("instruction_sets:\n", "instruction_sets:\n  x: {kind: table, source: a.csv}\n"))
    assert read_params(path).instruction_sets["x"] == TableSet(kind="table", source="a.csv")

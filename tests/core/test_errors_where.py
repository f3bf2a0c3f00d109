"""Where a problem is are attributes of its error; the message is made from them, and nothing edits it as text."""

from pathlib import Path

import pytest

from urial.api.errors import StatusError
from urial.core.errors import UrialError
from urial.core.store import read_json, read_jsonl
from urial.core.yaml_files import parse_yaml_record
from urial.records.params.file import ParamsFile
from urial.records.prompt import Example


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (UrialError("wrong"), "wrong"),
        (UrialError("wrong", line=3), "line 3: wrong"),
        (UrialError("wrong", path="a.jsonl"), "a.jsonl: wrong"),
        (UrialError("wrong", path=Path("a.jsonl"), line=3), "a.jsonl, line 3: wrong"),
        (UrialError("wrong", path="a.parquet").but(row=0), "a.parquet, row 0: wrong"),
        (UrialError("wrong", path="a", line=2).but(note="cut off"), "a, line 2 (cut off): wrong"),
    ],
)
def test_the_message_begins_with_where(error: UrialError, what: str) -> None:
    assert error.what == what
    assert str(error) == what


def test_a_changed_error_keeps_its_class_and_all_else() -> None:
    error = StatusError("a: status 404: no", status=404, message="no", fix="look")
    changed = error.but(path="b", fix=None)
    assert isinstance(changed, StatusError)
    assert (changed.status, changed.what, changed.fix) == (404, "b: a: status 404: no", None)
    assert (error.path, error.fix) == (None, "look")


def test_errors_of_records_name_path_line_and_field(tmp_path: Path) -> None:
    rows, params = tmp_path / "rows.jsonl", tmp_path / "params.yaml"
    rows.write_text('{"query": "q", "answer": "a"}\n{"query": 1, "answer": "a"}\n')
    with pytest.raises(UrialError) as caught:
        read_jsonl(rows, Example)
    assert (caught.value.path, caught.value.line, caught.value.field) == (rows, 2, "query")
    rows.write_text("[]")
    with pytest.raises(UrialError) as caught:
        read_json(rows, Example)
    assert (caught.value.path, caught.value.line, caught.value.field) == (rows, None, None)
    params.write_text("run: {judge: 3}\n")
    with pytest.raises(UrialError) as caught:
        parse_yaml_record(params, ParamsFile)
    assert (caught.value.path, caught.value.field) == (params, "run.study")

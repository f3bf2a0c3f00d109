"""Columns of Parquet files that hold JSON as text, as `datasets` 5 writes one of mixed values."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.instruction_files import load, refusal
from urial.instructions.reading import read_rows

MIXED = ['"What is salt?"', '["First?", "Second?"]', '"A \\"quoted\\" \\u00e9?"', "null", "7", '{"a": "b"}']


@pytest.mark.parametrize("noted", [False, True])
def test_a_column_of_json_text_has_its_values(tmp_path: Path, noted: bool) -> None:
    """As `datasets` 5 writes a column of mixed values; where another tool wrote the file again, a note of it is left."""
    values = pa.array(MIXED, pa.string() if noted else pa.json_())
    table = pa.table({"question": values, "plain": pa.array(MIXED)})
    if noted:
        features = {"question": {"_type": "Json"}, "plain": {"_type": "Value", "dtype": "string"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "x.parquet")
    rows = read_rows(tmp_path / "x.parquet", None).rows
    assert [row.values["question"] for row in rows] == [json.loads(text) for text in MIXED]
    assert [row.values["plain"] for row in rows] == MIXED


def test_json_text_is_read_inside_of_lists_and_structs(tmp_path: Path) -> None:
    texts = pa.array(['{"role": "user"}', '"x"'], pa.json_())
    lists = pa.ListArray.from_arrays([0, 2], texts)
    structs = pa.StructArray.from_arrays([pa.array(["1"], pa.json_()), pa.array(["1"])], ["json", "text"])
    pq.write_table(pa.table({"turns": lists, "meta": structs}), tmp_path / "x.parquet")
    (row,) = read_rows(tmp_path / "x.parquet", None).rows
    assert row.values == {"turns": [{"role": "user"}, "x"], "meta": {"json": 1, "text": "1"}}


def test_a_mixed_column_can_be_turns_and_is_no_query(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": pa.array(MIXED[:3], pa.json_())}), tmp_path / "x.parquet")
    assert [row.turns for row in load("table", tmp_path / "x.parquet", columns={"turns": "question"})] == [
        ("What is salt?",),
        ("First?", "Second?"),
        ('A "quoted" é?',),
    ]
    assert refusal("table", tmp_path / "x.parquet", columns={"query": "question"}).endswith(
        "x.parquet, row 1, column 'question': got ['First?', 'Second?']\n"
        "  expected: text that is not blank, of at most 100,000 characters\n"
        "  fix: where it has several messages, name the column as turns"
    )


@pytest.mark.parametrize("text", ["{", "NaN", '{"a": 1, "a": 2}', ""])
def test_json_text_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    table = pa.table({"instruction": [text]}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": {"instruction": {"_type": "Json"}}}})}
    )
    pq.write_table(table, tmp_path / "x.parquet")
    said = refusal("table", tmp_path / "x.parquet")
    assert said.startswith(f"{tmp_path}/x.parquet, row 0, column 'instruction': got {text!r}: ")
    assert said.endswith("\n  expected: the text of a JSON value, as the file says of this column")

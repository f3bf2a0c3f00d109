from pathlib import Path
from typing import Any

import pytest

from tests.instruction_files import write_rows
from tests.plan.test_planning import PROMPTS, local_pair, params_with, refusal
from urial.core.hashing import file_hash
from urial.plan.planning import make_plans

ROWS = [{"question": "Why?", "answer": "So."}, {"question": "How?", "answer": "Thus."}]
FIX = "\n  fix: did you mean 'question'?"


def table(source: Path | str, query: str = "question", **fields: Any) -> tuple[str, Any]:
    return ("instruction_sets/own", {"kind": "table", "source": str(source), "columns": {"query": query}, **fields})


@pytest.mark.parametrize("name", ["x.jsonl", "x.json", "x.csv", "x.parquet"])
def test_a_table_is_planned_with_its_hash_and_its_columns(tmp_path: Path, name: str) -> None:
    path = write_rows(tmp_path / name, ROWS)
    plan = make_plans(params_with(*local_pair(tmp_path), table(path)), PROMPTS).instructions
    assert plan.source_hash == file_hash(path)
    fields = plan.set.model_dump(exclude_none=True)
    assert fields == {
        "kind": "table", "source": str(path), "columns": {"query": "question"}, "category": "regular",
    }  # fmt: skip


def test_a_plan_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.csv", ROWS)
    plan = make_plans(params_with(*local_pair(tmp_path), table(path, file="test.csv")), PROMPTS).instructions
    assert type(plan).model_validate_json(plan.model_dump_json()) == plan


def test_a_table_without_the_column_stops_the_plan(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.csv", ROWS)
    assert refusal(*local_pair(tmp_path), table(path, "questions")) == (
        f"{path}: no column 'questions'\n  expected: the column that columns.query names{FIX}"
    )


def test_a_missing_table_stops_the_plan(tmp_path: Path) -> None:
    assert refusal(*local_pair(tmp_path), table(tmp_path / "x.csv")) == (
        f"instruction set 'own': no file {tmp_path}/x.csv\n  fix: correct instruction_sets.own.source"
    )


def test_a_source_that_cannot_be_a_hub_id_stops_the_plan(tmp_path: Path) -> None:
    assert refusal(*local_pair(tmp_path), table("csv")) == (
        "instruction set: source 'csv' is neither a file nor the id of a data set\n  where: params.yaml\n"
        "  expected: a path that ends with .jsonl, .json, .csv or .parquet, or OWNER/NAME"
    )

"""Files are checked against the records of their places, or against a named schema."""

from pathlib import Path

import pyarrow as pa
import pytest

from tests.conftest import ROOT
from tests.records.test_schemas import RECORDS, SHIFT
from urial.core.errors import UrialError
from urial.core.parquet import write_parquet
from urial.core.store import write_json, write_jsonl
from urial.records.token_shift import shift_schema
from urial.run.paths import guess_schema, validate_file


@pytest.mark.parametrize(
    ("place", "schema"),
    [
        ("params.yaml", "params"), ("prompts/urial/x.yaml", "prompt"), ("data/instructions.jsonl", "instruction"),
        ("data/prompts/s.jsonl", "assembled-prompt"), ("data/generations/s.jsonl", "completion"),
        ("data/judgments/s.jsonl", "judgment"), ("data/token_shift/s.parquet", "token-shift"),
        ("data/token_shift/s.coverage.jsonl", "shift-coverage"), ("data/plan/token_shift.json", "plan-token-shift"),
        ("data/plan/systems/s.json", "plan-system"), ("data/plan/report.json", "plan-report"),
        ("data/report/report.json", "report"), ("data/models/base/manifest.json", "model-manifest"),
        ("data/environment/report.json", "environment"), ("data/environment/generate/metrics.json", "environment"),
    ],
)  # fmt: skip
def test_a_file_s_place_tells_its_schema(place: str, schema: str) -> None:
    assert guess_schema(Path(place)) == schema


@pytest.mark.parametrize("place", ["x.json", "data/plan/other.json", "data/prompts/s.json", "x.jsonl", "x", ""])
def test_a_place_that_tells_nothing_is_an_error(place: str) -> None:
    with pytest.raises(UrialError) as caught:
        guess_schema(Path(place))
    assert str(caught.value) == (
        f"{Path(place)}: its place does not tell what it holds\n  fix: name a schema with --schema"
    )


def test_an_unknown_schema_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UrialError, match=r"^unknown schema 'judgement'\n  fix: did you mean 'judgment'\?$"):
        validate_file(tmp_path / "x.jsonl", "judgement")


def test_files_of_each_format_are_counted(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "generations/s.jsonl", [RECORDS["completion"]] * 3)
    write_json(tmp_path / "manifest.json", RECORDS["model-manifest"])
    table = pa.Table.from_pylist([SHIFT.model_dump()] * 2, schema=shift_schema())
    write_parquet(tmp_path / "token_shift/s.parquet", [table], shift_schema())
    assert validate_file(tmp_path / "generations/s.jsonl") == ("completion", 3)
    assert validate_file(tmp_path / "manifest.json") == ("model-manifest", 1)
    assert validate_file(tmp_path / "token_shift/s.parquet") == ("token-shift", 2)
    assert validate_file(ROOT / "params.yaml") == ("params", 1)
    assert validate_file(ROOT / "prompts/general/urial-k3.yaml") == ("prompt", 1)


def test_a_bad_parquet_row_is_named(tmp_path: Path) -> None:
    rows = [SHIFT.model_dump(), {**SHIFT.model_dump(), "base_rank": 0}]
    write_parquet(tmp_path / "x.parquet", [pa.Table.from_pylist(rows, schema=shift_schema())], shift_schema())
    with pytest.raises(
        UrialError, match=r"/x\.parquet, row 1: field 'base_rank': input should be greater than or equal"
    ):
        validate_file(tmp_path / "x.parquet", "token-shift")


def test_a_parquet_number_that_json_cannot_say_is_named(tmp_path: Path) -> None:
    rows = [{**SHIFT.model_dump(), "kl": float("inf")}]
    write_parquet(tmp_path / "x.parquet", [pa.Table.from_pylist(rows, schema=shift_schema())], shift_schema())
    with pytest.raises(UrialError, match=r"/x\.parquet, row 0: field 'kl': input should be a finite number, got inf"):
        validate_file(tmp_path / "x.parquet", "token-shift")


def test_what_is_not_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(UrialError, match=r"/x\.parquet: cannot be read as Parquet: "):
        validate_file(tmp_path / "x.parquet", "token-shift")


def test_a_prompt_that_plan_would_refuse_is_not_valid(tmp_path: Path) -> None:
    text = (ROOT / "prompts/general/zero-shot.yaml").read_text("utf-8")
    (tmp_path / "x.yaml").write_text(text.replace("examples: []", "examples: [{query: q, answer: a}]"))
    with pytest.raises(UrialError, match="a zero-shot prompt has no examples"):
        validate_file(tmp_path / "x.yaml")

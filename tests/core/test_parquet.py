from pathlib import Path

import pyarrow as pa
import pytest

from urial.core.errors import UrialError
from urial.core.parquet import read_parquet, write_parquet

SCHEMA = pa.schema([("id", pa.string()), ("kl", pa.float32())])


def test_parquet_tables_come_back_each_as_a_row_group_and_the_same_bytes(tmp_path: Path) -> None:
    tables = [pa.table({"id": [name, "\u2028\0"], "kl": [0.5, 1.5]}, schema=SCHEMA) for name in "ab"]
    for name in ("x", "y"):
        write_parquet(tmp_path / name, iter(tables), SCHEMA)
    assert read_parquet(tmp_path / "x", SCHEMA).equals(pa.concat_tables(tables))
    assert pa.parquet.ParquetFile(tmp_path / "x").num_row_groups == 2
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_a_failure_between_parquet_tables_leaves_nothing(tmp_path: Path) -> None:
    def tables() -> "list[pa.Table]":
        raise UrialError("the model failed")

    with pytest.raises(UrialError, match="the model failed"):
        write_parquet(tmp_path / "x", (table for _ in [0] for table in tables()), SCHEMA)
    assert list(tmp_path.iterdir()) == []


def test_parquet_with_other_columns_is_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x", [], SCHEMA)
    with pytest.raises(UrialError) as caught:
        read_parquet(tmp_path / "x", SCHEMA.append(pa.field("rank", pa.int32())))
    assert str(caught.value) == f"{tmp_path}/x: other columns than expected: rank\n  fix: run `dvc repro`"


def test_parquet_with_other_types_is_refused(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x", [], SCHEMA)
    with pytest.raises(UrialError, match="other columns than expected: id, kl"):
        read_parquet(tmp_path / "x", pa.schema([("id", pa.string()), ("kl", pa.float64())]))


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1", b'{"id":"a"}'])
def test_what_is_not_parquet_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(UrialError, match=r"/x: cannot be read as Parquet: .*\n  fix: run `dvc repro`$"):
        read_parquet(tmp_path / "x", SCHEMA)


def test_missing_parquet_is_named(tmp_path: Path) -> None:
    with pytest.raises(UrialError, match=r"/none: cannot be read as Parquet: .*none"):
        read_parquet(tmp_path / "none", SCHEMA)

"""Parquet files of a known schema, written whole or not at all, and read a row group at a time where they are large.

pyarrow is imported where it works, so that what only names a table starts at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from urial.core.errors import UrialError
from urial.core.store import atomic_write

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def write_parquet(path: Path, tables: Iterable["pa.Table"], schema: "pa.Schema") -> None:
    """Write tables one after the other, each as a row group, so that memory holds one at a time."""
    import pyarrow.parquet as pq

    with atomic_write(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


def read_parquet(path: Path, schema: "pa.Schema", columns: Sequence[str] | None = None) -> "pa.Table":
    """The table in a Parquet file, or some of its columns. Raises UrialError when it is not one of this schema."""
    with _parquet(path, schema) as file:
        return file.read(columns=None if columns is None else list(columns))


def parquet_groups(path: Path, schema: "pa.Schema", columns: Sequence[str] | None = None) -> Iterator["pa.Table"]:
    """The row groups of a Parquet file, or some of their columns, one after the other, so that memory holds one at a time;
    errors likewise.

    Of a file without rows, a table without any.
    """
    with _parquet(path, schema) as file:
        if not file.num_row_groups:
            yield schema.empty_table().select(schema.names if columns is None else columns)
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns=None if columns is None else list(columns))


@contextmanager
def _parquet(path: Path, schema: "pa.Schema") -> Iterator["pq.ParquetFile"]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not read_table, which imports all that reads data sets of many files.
        with pq.ParquetFile(path) as file:
            present = file.schema_arrow
            if not present.equals(schema):
                wrong = [field.name for field in schema if field.name not in present.names] or present.names
                raise UrialError(f"other columns than expected: {', '.join(wrong)}", path=path, fix="run `dvc repro`")
            yield file
    except (OSError, pa.ArrowException) as error:
        raise UrialError(f"cannot be read as Parquet: {error}", path=path, fix="run `dvc repro`") from error

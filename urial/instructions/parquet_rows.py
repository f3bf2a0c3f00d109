"""The rows of a Parquet file as plain values, with columns of JSON text read as what they stand for."""

import contextlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urial.core.errors import UrialError, reason_of, shorten
from urial.core.strict_json import strict_json

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 1_000


def parquet_rows(
    path: Path, name: str, wanted: Collection[str] | None
) -> tuple[tuple[str, ...], Sequence[Mapping[str, object]]]:
    """The names of all columns, and the rows with only the wanted ones (None: all); messages call the file by ``name``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            chosen = [column for column in schema.names if wanted is None or column in wanted]
            # A name twice is refused by who asked. One batch at a time: a small file can hold a large table.
            chosen = chosen if len(set(schema.names)) == len(schema.names) else []
            batches = file.iter_batches(batch_size=BATCH_ROWS, columns=chosen)
            values = [row for batch in batches for row in batch.to_pylist()]
            plain = _json_columns(schema)
    except (OSError, ValueError, ArithmeticError, pa.ArrowException) as error:
        raise UrialError(
            f"{name}: cannot be read as Parquet: {reason_of(error)}", fix="get the file anew, all of it"
        ) from error
    rows = [
        {column: _decoded(f"{name}, row {number}", column, row[column], plain.get(column)) for column in row}
        for number, row in enumerate(values)
    ]
    return tuple(schema.names), rows


def _json_columns(schema: "pa.Schema") -> dict[str, "pa.DataType"]:
    """The columns that hold values as the text of JSON, anywhere within, and their types: those of mixed values.

    The library `datasets` notes such a column in the file's metadata as well, which stays where others write the file again.
    """
    import pyarrow as pa

    noted: object = None
    with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
        noted = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    features = noted if isinstance(noted, dict) else {}
    types = {
        field.name: pa.json_() if features.get(field.name) == {"_type": "Json"} else field.type for field in schema
    }
    return {name: kind for name, kind in types.items() if _has_json(kind)}


def _has_json(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return isinstance(kind, pa.JsonType) or any(_has_json(kind.field(index).type) for index in range(kind.num_fields))


def _decoded(where: str, column: str, value: Any, kind: "pa.DataType | None") -> Any:
    """The value with what is the text of JSON in it, by its type, as what it stands for."""
    import pyarrow as pa

    if kind is None or value is None:
        return value
    if isinstance(kind, pa.JsonType):
        try:
            return strict_json(value)
        except (ValueError, TypeError) as error:
            raise UrialError(
                f"{where}, column {shorten(column)}: got {shorten(value)}: {reason_of(error)}",
                expected="the text of a JSON value, as the file says of this column",
            ) from error
    if isinstance(value, list):
        return [_decoded(where, column, item, kind.field(0).type) for item in value]
    if isinstance(value, dict):
        fields = {kind.field(index).name: kind.field(index).type for index in range(kind.num_fields)}
        return {name: _decoded(where, column, item, fields.get(name)) for name, item in value.items()}
    return value

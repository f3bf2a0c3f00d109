"""Reads exported files, a line at a time: each row as a record and by its hash, and the file by its closing line."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from urial.core.errors import UrialError
from urial.core.hashing import canonical_json
from urial.core.row_cache import row_hash
from urial.core.strict_json import strict_json, syntax_problem
from urial.core.validation import explain
from urial.exchange.row_cache.kinds import KINDS, normal_form, shown
from urial.exchange.row_cache.records import SharedEnd, SharedRow

# Longer than the scores of the longest answer; what is longer is no file of rows.
MAX_LINE = 64 * 1024 * 1024
_EXPECTED = "a line of a file that `urial cache save` wrote"
_AGAIN = "have it exported again: a row that was changed since is not taken"
_WHOLE = "copy the file again, or have it exported again"


class ReadRow(NamedTuple):
    """A sound row of a file, and where it stands."""

    key: str
    value: bytes
    place: str


def read_rows(path: Path) -> Iterator[ReadRow]:
    """The rows of an exported file. Raises UrialError naming file, line and field, at the latest at the end of the file.

    Nothing is known of the whole before that end: take no row for good until there are no more.
    """
    digest, end, number = hashlib.sha256(), None, 0
    try:
        with path.open("rb") as stream:
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                place = f"{path}, line {number}"
                if len(line) > MAX_LINE:
                    raise UrialError(f"{place}: is longer than {MAX_LINE:,} bytes", expected="a file of rows")
                if end is not None:
                    raise UrialError(
                        f"{place}: after the closing line",
                        expected="one exported file",
                        fix="import files one beside the other",
                    )
                record = _parsed(line, place)
                if isinstance(record, SharedRow):
                    digest.update(line)
                    yield _checked(record, place)
                    continue
                end, rows = record, number - 1
                if end.rows != rows:
                    what = f"field 'rows': {end.rows:,}, and {rows:,} are before it: some were lost or added"
                    raise UrialError(f"{place}: {what}", fix=_WHOLE)
                if end.hash != f"sha256:{digest.hexdigest()}":
                    what = "field 'hash': is not that of the lines before it: some were replaced or moved"
                    raise UrialError(f"{place}: {what}", fix=_WHOLE)
    except OSError as error:
        raise UrialError(f"cannot be read: {error.strerror}", path=path, fix="check the path") from error
    if end is None:
        raise UrialError(
            f"no closing line after its {number:,} rows: it was cut off, or an earlier version wrote it",
            path=path,
            expected="the last line of a file that `urial cache save` wrote",
            fix=_WHOLE,
        )


def _parsed(line: bytes, place: str) -> SharedRow | SharedEnd:
    where = place if line.endswith(b"\n") else f"{place} (the last line has no end: is the file truncated?)"
    try:
        value = strict_json(line.removesuffix(b"\n").decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UrialError(f"{where}: invalid UTF-8 at byte {error.start}", expected=_EXPECTED) from error
    except ValueError as error:
        raise UrialError(f"{where}: {syntax_problem(error)}", expected=_EXPECTED) from error
    is_end = isinstance(value, dict) and "rows" in value
    model: type[SharedRow] | type[SharedEnd] = SharedEnd if is_end else SharedRow
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise UrialError(f"{where}: {explain(error, model)}", expected=_EXPECTED) from error


def _checked(shared: SharedRow, place: str) -> ReadRow:
    """The row in a line. Raises UrialError naming ``place`` and the field."""
    given = canonical_json(shared.row)
    if row_hash(shared.key, given) != shared.hash:
        what = f"field 'hash': is not that of the row under the key {shown(shared.key)}"
        raise UrialError(f"{place}: {what}", fix=_AGAIN)
    try:
        return ReadRow(shared.key, normal_form(shared.kind, given), place)
    except ValidationError as error:
        model = KINDS[shared.kind]
        raise UrialError(
            f"{place}: row of the kind {shared.kind}: {explain(error, model)}",
            expected=f"the record {model.__name__} of this version of urial",
        ) from error

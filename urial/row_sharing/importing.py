"""Takes the rows of exported files into the cache: all of them, or, where anything is wrong, none.

What is in a row and what its hash is are checked. That a key is the hash of what the row answers cannot be: neither file nor
cache holds the prompt. Who imports rows trusts who exported them.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError

from urial.errors import UrialError
from urial.hashing import canonical_json
from urial.row_sharing.kinds import KINDS, RowError, normal_form, read_stored, shown
from urial.row_sharing.records import Imported, SharedRow
from urial.rowcache import RowCache, StoredRow, row_hash
from urial.strict_json import strict_json, syntax_problem
from urial.validation import explain

Keep = Literal["ours", "theirs"]
# Longer than the scores of the longest answer; what is longer is no file of rows.
MAX_LINE = 64 * 1024 * 1024
MAX_NAMED = 5
_AGAIN = "have it exported again: a row that was changed since is not taken"


class _Read(NamedTuple):
    """A sound row of a file, and where it stands."""

    key: str
    value: bytes
    place: str


def import_rows(cache: RowCache, files: Sequence[Path], keep: Keep | None = None) -> Imported:
    """Take the rows of ``files`` in one transaction.

    A row that the cache has under the same key and that is another is a conflict: ``keep`` says whose is kept; None: none
    is taken at all. Raises UrialError naming file, line and field, and then the cache is as it was.
    """
    with _incoming(cache):
        for path in files:
            for row in _rows(path):
                _stage(cache, row)
        with cache.writing():
            return _merge(cache, keep)


@contextmanager
def _incoming(cache: RowCache) -> Iterator[None]:
    """A temporary table, so that reading the files keeps no other process waiting and no file in memory."""
    cache.execute("CREATE TEMP TABLE incoming (key TEXT PRIMARY KEY, value TEXT, place TEXT) WITHOUT ROWID")
    try:
        yield
    finally:
        cache.execute("DROP TABLE incoming")


def _stage(cache: RowCache, row: _Read) -> None:
    found = cache.execute("SELECT CAST(value AS BLOB), place FROM incoming WHERE key = ?", (row.key,))
    if not found:
        cache.execute("INSERT INTO incoming VALUES (?, ?, ?)", (row.key, row.value.decode("utf-8"), row.place))
    elif found[0][0] != row.value:
        raise UrialError(
            f"{row.place}: the row {row.key} is another one than in {found[0][1]}",
            fix="import one of the files, and then the other with --keep ours or --keep theirs",
        )


def _merge(cache: RowCache, keep: Keep | None) -> Imported:
    total = _count(cache)
    conflicts = _conflicts(cache)
    if conflicts and keep is None:
        raise _refused(cache, conflicts)
    if keep == "theirs":
        # Without a place, they are not dropped below.
        cache.connection.executemany("UPDATE incoming SET place = NULL WHERE key = ?", ((key,) for key, _ in conflicts))
    cache.execute("DELETE FROM incoming WHERE place IS NOT NULL AND key IN (SELECT key FROM rows)")
    replaced = len(conflicts) if keep == "theirs" else 0
    new = _count(cache) - replaced
    _write(cache)
    kept = len(conflicts) - replaced
    return Imported(rows=total, new=new, known=total - new - len(conflicts), kept=kept, replaced=replaced)


def _count(cache: RowCache) -> int:
    ((count,),) = cache.execute("SELECT count(*) FROM incoming")
    return int(count)


def _write(cache: RowCache) -> None:
    cache.connection.create_function("row_hash", 2, lambda key, value: row_hash(key, value.encode("utf-8")))
    cache.execute("INSERT OR REPLACE INTO rows SELECT key, value FROM incoming")
    cache.execute("INSERT OR REPLACE INTO kept SELECT key, row_hash(key, value), ? FROM incoming", (int(time.time()),))


def _conflicts(cache: RowCache) -> list[tuple[str, str]]:
    """Key and place of each imported row that the cache has otherwise."""
    different = cache.execute(
        "SELECT rows.key, place, incoming.value, CAST(rows.value AS BLOB), hash FROM incoming JOIN rows USING (key) "
        "LEFT JOIN kept USING (key) WHERE incoming.value <> rows.value ORDER BY rows.key"
    )
    return [(key, place) for key, place, theirs, ours, found in different if _normal(key, ours, found) != theirs]


def _normal(key: str, value: bytes, found: str | None) -> str | None:
    """The cache's row as this version would write it; None: it is not sound, and so is no other's equal."""
    try:
        return read_stored(StoredRow(0, key, value, found, None)).value.decode("utf-8")
    except RowError:
        return None


def _refused(cache: RowCache, conflicts: Sequence[tuple[str, str]]) -> UrialError:
    named = [f"{place}: the row {key} is another one than in the cache" for key, place in conflicts[:MAX_NAMED]]
    more = len(conflicts) - MAX_NAMED
    return UrialError(
        "\n".join([*named, f"and {more:,} more"] if more > 0 else named) + "\nnothing was imported",
        where=str(cache.path),
        fix="import again with --keep ours (the cache's rows stay) or --keep theirs (they are replaced)",
    )


def _rows(path: Path) -> Iterator[_Read]:
    try:
        with path.open("rb") as stream:
            number = 0
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                place = f"{path}, line {number}"
                if len(line) > MAX_LINE:
                    raise UrialError(f"{place}: is longer than {MAX_LINE:,} bytes", expected="a file of rows")
                cut_off = "" if line.endswith(b"\n") else " (the last line has no end: is the file truncated?)"
                yield _read(line.removesuffix(b"\n"), place, cut_off)
    except OSError as error:
        raise UrialError(f"{path}: cannot be read: {error.strerror}", fix="check the path") from error


def _read(line: bytes, place: str, cut_off: str) -> _Read:
    """The row in a line. Raises UrialError naming ``place`` and the field."""
    expected = "a line of a file that `urial rows export` wrote"
    try:
        shared = SharedRow.model_validate(strict_json(line.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise UrialError(f"{place}{cut_off}: invalid UTF-8 at byte {error.start}", expected=expected) from error
    except ValidationError as error:
        raise UrialError(f"{place}{cut_off}: {explain(error, SharedRow)}", expected=expected) from error
    except ValueError as error:
        raise UrialError(f"{place}{cut_off}: {syntax_problem(error)}", expected=expected) from error
    given = canonical_json(shared.row)
    if row_hash(shared.key, given) != shared.hash:
        what = f"field 'hash': is not that of the row under the key {shown(shared.key)}"
        raise UrialError(f"{place}: {what}", fix=_AGAIN)
    try:
        return _Read(shared.key, normal_form(shared.kind, given), place)
    except ValidationError as error:
        model = KINDS[shared.kind]
        raise UrialError(
            f"{place}: row of the kind {shared.kind}: {explain(error, model)}",
            expected=f"the record {model.__name__} of this version of urial",
        ) from error

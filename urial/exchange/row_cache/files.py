"""Rows of the cache as a file that another cache can take.

Such a file is canonical JSON, a row a line, and a closing line. It is read a line at a time: each row as a record and by its
hash, the file by its closing line. All of its rows are loaded or, where anything is wrong, none. That a key is the hash of
what the row answers cannot be checked: neither file nor cache holds the prompt. Who loads rows trusts who saved them.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from urial.core.errors import UrialError
from urial.core.hashing import canonical_json
from urial.core.row_cache import RowCache, StoredRow, row_hash
from urial.core.store import atomic_write, jsonl_lines
from urial.core.strict_json import strict_json, syntax_problem
from urial.core.text import and_more
from urial.core.validation import explain
from urial.exchange.row_cache.kinds import (
    KINDS,
    BrokenRow,
    Imported,
    Kind,
    SharedEnd,
    SharedRow,
    normal_form,
    read_stored,
    shown,
)

# Longer than the scores of the longest answer; what is longer is no file of rows.
MAX_LINE = 64 * 1024 * 1024
MAX_NAMED = 5
Keep = Literal["ours", "theirs"]
_EXPECTED = "a line of a file that `urial cache save` wrote"
_AGAIN = "have it saved again: a row that was changed since is not taken"
_WHOLE = "copy the file again, or have it saved again"


def save_rows(
    cache: RowCache, path: Path, kinds: Collection[Kind] = (), keys: Collection[str] | None = None
) -> Counter[Kind]:
    """Write rows as canonical JSON, one a line, sorted by key, and a closing line; returns how many of each kind.

    ``kinds``: only those; none named: all. ``keys``: only those; None: all. The same rows give the same bytes. Raises
    UrialError, and leaves ``path`` as it was, where a row is not sound or the file cannot be written.
    """
    if path.exists() and path.samefile(cache.path):
        raise UrialError("is the row cache itself", path=path, fix="name another file")
    counts: Counter[Kind] = Counter()
    digest = hashlib.sha256()
    with atomic_write(path) as stream:
        for stored in cache.stored():
            if keys is not None and stored.key not in keys:
                continue
            sound = read_stored(stored)
            if isinstance(sound, BrokenRow):
                raise UrialError(
                    f"row {sound.key} {sound.problem}; nothing was changed",
                    path=cache.path,
                    fix="`urial cache check` names all such rows, `urial cache prune --damaged` removes those that are "
                    "damaged",
                )
            kind, value = sound
            if kinds and kind not in kinds:
                continue
            row = strict_json(value.decode("utf-8"))
            (line,) = jsonl_lines([SharedRow(kind=kind, key=stored.key, hash=row_hash(stored.key, value), row=row)])
            stream.write(line)
            digest.update(line)
            counts[kind] += 1
        stream.writelines(jsonl_lines([SharedEnd(rows=counts.total(), hash=f"sha256:{digest.hexdigest()}")]))
    return counts


def read_rows(path: Path) -> Iterator[tuple[str, bytes, str]]:
    """Key, canonical JSON and place of each row of a saved file.

    Raises UrialError naming file, line and field, at the latest at the end of the file. Nothing is known of the whole before
    that end: take no row for good until there are no more.
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
                    fix = "load files one beside the other"
                    raise UrialError(f"{place}: after the closing line", expected="one saved file", fix=fix)
                parsed = _parsed(line, place)
                if not isinstance(parsed, SharedEnd):
                    digest.update(line)
                    yield *parsed, place
                    continue
                end, rows = parsed, number - 1
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


def _parsed(line: bytes, place: str) -> tuple[str, bytes] | SharedEnd:
    """Key and canonical JSON of the row in a line, or the closing line. Raises UrialError naming ``place`` and the field."""
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
        shared = model.model_validate(value)
    except ValidationError as error:
        raise UrialError(f"{where}: {explain(error, model)}", expected=_EXPECTED) from error
    if isinstance(shared, SharedEnd):
        return shared
    given = canonical_json(shared.row)
    if row_hash(shared.key, given) != shared.hash:
        what = f"field 'hash': is not that of the row under the key {shown(shared.key)}"
        raise UrialError(f"{place}: {what}", fix=_AGAIN)
    record = KINDS[shared.kind]
    try:
        return shared.key, normal_form(shared.kind, given)
    except ValidationError as error:
        problem = f"{place}: row of the kind {shared.kind}: {explain(error, record)}"
        raise UrialError(problem, expected=f"the record {record.__name__} of this version of urial") from error


def load_rows(
    cache: RowCache, files: Iterable[Path], keep: Keep | None = None, of_run: Iterable[tuple[str, bytes, str]] = ()
) -> Imported:
    """Take the rows of several files, and of a run (key, canonical JSON and place of each), in one transaction.

    A row that the cache has under the same key and that is another is a conflict: ``keep`` says whose is kept; None: none
    is taken at all. Raises UrialError naming file, line and field, and then the cache is as it was.
    """
    # A temporary table, so that reading the files keeps no other process waiting and no file in memory.
    cache.execute("CREATE TEMP TABLE incoming (key TEXT PRIMARY KEY, value TEXT, place TEXT) WITHOUT ROWID")
    try:
        for key, value, place in chain(of_run, *map(read_rows, files)):
            known = cache.execute("SELECT CAST(value AS BLOB), place FROM incoming WHERE key = ?", (key,))
            if not known:
                cache.execute("INSERT INTO incoming VALUES (?, ?, ?)", (key, value.decode("utf-8"), place))
            elif known[0][0] != value:
                raise UrialError(
                    f"{place}: the row {key} is another one than in {known[0][1]}",
                    fix="load one of the files, and then the other with --keep ours or --keep theirs",
                )
        with cache.writing():
            return _merge(cache, keep)
    finally:
        cache.execute("DROP TABLE incoming")


def _merge(cache: RowCache, keep: str | None) -> Imported:
    """Take the incoming rows into the cache, within a transaction."""
    ((total,),) = cache.execute("SELECT count(*) FROM incoming")
    different = cache.execute(
        "SELECT rows.key, place, incoming.value, CAST(rows.value AS BLOB), hash FROM incoming JOIN rows USING (key) "
        "LEFT JOIN kept USING (key) WHERE incoming.value <> rows.value ORDER BY rows.key"
    )
    conflicts = []
    for key, place, theirs, value, digest in different:
        # As this version would write it. What is not sound is no other's equal.
        ours = read_stored(StoredRow(0, key, value, digest, None))
        if isinstance(ours, BrokenRow) or ours.value.decode("utf-8") != theirs:
            conflicts.append((key, place))
    if conflicts and keep is None:
        named = (f"{place}: the row {key} is another one than in the cache" for key, place in conflicts)
        raise UrialError(
            and_more(named, MAX_NAMED, "\n") + "\nnothing was loaded",
            where=str(cache.path),
            fix="load again with --keep ours (the cache's rows stay) or --keep theirs (they are replaced)",
        )
    replaced = len(conflicts) if keep == "theirs" else 0
    if replaced:
        # Without a place, they are not dropped below.
        cache.connection.executemany("UPDATE incoming SET place = NULL WHERE key = ?", ((key,) for key, _ in conflicts))
    cache.execute("DELETE FROM incoming WHERE place IS NOT NULL AND key IN (SELECT key FROM rows)")
    ((taken,),) = cache.execute("SELECT count(*) FROM incoming")
    new, kept = taken - replaced, len(conflicts) - replaced
    cache.connection.create_function("row_hash", 2, lambda key, value: row_hash(key, value.encode("utf-8")))
    cache.execute("INSERT OR REPLACE INTO rows SELECT key, value FROM incoming")
    cache.execute("INSERT OR REPLACE INTO kept SELECT key, row_hash(key, value), ? FROM incoming", (int(time.time()),))
    return Imported(rows=total, new=new, known=total - new - len(conflicts), kept=kept, replaced=replaced)

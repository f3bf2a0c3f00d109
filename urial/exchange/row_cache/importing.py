"""Takes the rows of exported files into the cache: all of them, or, where anything is wrong, none.

What is in a row and what its hash is are checked. That a key is the hash of what the row answers cannot be: neither file nor
cache holds the prompt. Who imports rows trusts who exported them.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from urial.core.errors import UrialError
from urial.core.row_cache import RowCache, StoredRow, row_hash
from urial.exchange.row_cache.kinds import RowError, read_stored
from urial.exchange.row_cache.reading import read_rows
from urial.exchange.row_cache.records import Imported

Keep = Literal["ours", "theirs"]
MAX_NAMED = 5


def import_rows(cache: RowCache, files: Sequence[Path], keep: Keep | None = None) -> Imported:
    """Take the rows of ``files`` in one transaction.

    A row that the cache has under the same key and that is another is a conflict: ``keep`` says whose is kept; None: none
    is taken at all. Raises UrialError naming file, line and field, and then the cache is as it was.
    """
    # A temporary table, so that reading the files keeps no other process waiting and no file in memory.
    cache.execute("CREATE TEMP TABLE incoming (key TEXT PRIMARY KEY, value TEXT, place TEXT) WITHOUT ROWID")
    try:
        for row in (row for path in files for row in read_rows(path)):
            known = cache.execute("SELECT CAST(value AS BLOB), place FROM incoming WHERE key = ?", (row.key,))
            if not known:
                cache.execute("INSERT INTO incoming VALUES (?, ?, ?)", (row.key, row.value.decode("utf-8"), row.place))
            elif known[0][0] != row.value:
                raise UrialError(
                    f"{row.place}: the row {row.key} is another one than in {known[0][1]}",
                    fix="import one of the files, and then the other with --keep ours or --keep theirs",
                )
        with cache.writing():
            return _merge(cache, keep)
    finally:
        cache.execute("DROP TABLE incoming")


def _merge(cache: RowCache, keep: Keep | None) -> Imported:
    total, conflicts = _count(cache), _conflicts(cache)
    if conflicts and keep is None:
        named = [f"{place}: the row {key} is another one than in the cache" for key, place in conflicts[:MAX_NAMED]]
        more = [f"and {len(conflicts) - MAX_NAMED:,} more"] if len(conflicts) > MAX_NAMED else []
        raise UrialError(
            "\n".join([*named, *more, "nothing was imported"]),
            where=str(cache.path),
            fix="import again with --keep ours (the cache's rows stay) or --keep theirs (they are replaced)",
        )
    if keep == "theirs":
        # Without a place, they are not dropped below.
        cache.connection.executemany("UPDATE incoming SET place = NULL WHERE key = ?", ((key,) for key, _ in conflicts))
    cache.execute("DELETE FROM incoming WHERE place IS NOT NULL AND key IN (SELECT key FROM rows)")
    replaced = len(conflicts) if keep == "theirs" else 0
    new, kept = _count(cache) - replaced, len(conflicts) - replaced
    cache.connection.create_function("row_hash", 2, lambda key, value: row_hash(key, value.encode("utf-8")))
    cache.execute("INSERT OR REPLACE INTO rows SELECT key, value FROM incoming")
    cache.execute("INSERT OR REPLACE INTO kept SELECT key, row_hash(key, value), ? FROM incoming", (int(time.time()),))
    return Imported(rows=total, new=new, known=total - new - len(conflicts), kept=kept, replaced=replaced)


def _count(cache: RowCache) -> int:
    ((count,),) = cache.execute("SELECT count(*) FROM incoming")
    return int(count)


def _conflicts(cache: RowCache) -> list[tuple[str, str]]:
    """Key and place of each imported row that the cache has otherwise."""
    different = cache.execute(
        "SELECT rows.key, place, incoming.value, CAST(rows.value AS BLOB), hash FROM incoming JOIN rows USING (key) "
        "LEFT JOIN kept USING (key) WHERE incoming.value <> rows.value ORDER BY rows.key"
    )
    return [(key, place) for key, place, theirs, ours, digest in different if _normal(key, ours, digest) != theirs]


def _normal(key: str, value: bytes, digest: str | None) -> str | None:
    """The cache's row as this version would write it; None: it is not sound, and so is no other's equal."""
    try:
        return read_stored(StoredRow(0, key, value, digest, None)).value.decode("utf-8")
    except RowError:
        return None

"""Writes rows of the cache into a file that another cache can take."""

import hashlib
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.row_cache import RowCache, StoredRow, row_hash
from urial.core.store import atomic_write, jsonl_lines
from urial.core.strict_json import strict_json
from urial.exchange.row_cache.kinds import Kind, Row, RowError, read_stored, shown
from urial.exchange.row_cache.records import SharedEnd, SharedRow


def export_rows(
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
            kind, value = _sound(stored, cache)
            if kinds and kind not in kinds:
                continue
            row = strict_json(value.decode("utf-8"))
            (line,) = jsonl_lines([SharedRow(kind=kind, key=stored.key, hash=row_hash(stored.key, value), row=row)])
            stream.write(line)
            digest.update(line)
            counts[kind] += 1
        stream.writelines(jsonl_lines([SharedEnd(rows=counts.total(), hash=f"sha256:{digest.hexdigest()}")]))
    return counts


def _sound(stored: StoredRow, cache: RowCache) -> Row:
    try:
        return read_stored(stored)
    except RowError as error:
        raise UrialError(
            f"row {shown(stored.key)} {error.problem}; nothing was changed",
            path=cache.path,
            fix="`urial cache check` names all such rows, `urial cache prune --damaged` removes those that are damaged",
        ) from error

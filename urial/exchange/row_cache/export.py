"""Writes rows of the cache into a file that another cache can take."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.hashing import canonical_json
from urial.core.row_cache import RowCache, row_hash
from urial.core.store import atomic_write
from urial.core.strict_json import strict_json
from urial.exchange.row_cache.kinds import Kind, sound
from urial.exchange.row_cache.records import SharedEnd, SharedRow
from urial.records.base import Record


def export_rows(
    cache: RowCache, path: Path, kinds: Collection[Kind] = (), keys: Collection[str] | None = None
) -> Counter[Kind]:
    """Write rows as canonical JSON, one a line, sorted by key, and a closing line; returns how many of each kind.

    ``kinds``: those alone; none named: all. ``keys``: those alone; None: all. The same rows give the same bytes. Raises
    UrialError, and leaves ``path`` as it was, where a row is not sound or the file cannot be written.
    """
    if path.exists() and path.samefile(cache.path):
        raise UrialError("is the row cache itself", path=path, fix="name another file")
    counts: Counter[Kind] = Counter()
    digest = hashlib.sha256()
    with atomic_write(path) as stream:
        for row in _chosen(cache, kinds, keys):
            line = _line(row)
            stream.write(line)
            digest.update(line)
            counts[row.kind] += 1
        stream.write(_line(SharedEnd(rows=counts.total(), hash=f"sha256:{digest.hexdigest()}")))
    return counts


def _line(record: Record) -> bytes:
    return canonical_json(record.model_dump(mode="json")) + b"\n"


def _chosen(cache: RowCache, kinds: Collection[Kind], keys: Collection[str] | None) -> Iterator[SharedRow]:
    for stored in cache.stored():
        if keys is not None and stored.key not in keys:
            continue
        kind, value = sound(stored, cache.path)
        if not kinds or kind in kinds:
            found = strict_json(value.decode("utf-8"))
            yield SharedRow(kind=kind, key=stored.key, hash=row_hash(stored.key, value), row=found)

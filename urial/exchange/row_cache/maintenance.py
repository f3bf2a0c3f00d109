"""Looks at every row of the cache: what there is, whether it is sound, what can go."""

import sqlite3
import time
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass

from urial.core.errors import UrialError
from urial.core.row_cache import RowCache, StoredRow, rows_path
from urial.exchange.row_cache.kinds import (
    BrokenRow,
    CacheSummary,
    Kind,
    KindSize,
    Pruned,
    TrainedSize,
    Verification,
    read_stored,
)
from urial.exchange.row_cache.trained import damage_of, is_tuned, prune_trained, trained_folders, trained_size

DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Choice:
    """Which rows are removed: those of which all holds that is set."""

    kinds: Collection[Kind] = ()
    # Kept more than so many days ago, for as far as it is known.
    older_than: int | None = None
    # Under none of these keys; None: under any.
    not_under: Collection[str] | None = None
    # Those that were sound once, and are not.
    damaged: bool = False

    @property
    def of_trained(self) -> bool:
        """Whether trained pairs are meant as well: they are of no kind of rows, and no run refers to them."""
        return not self.kinds and self.not_under is None


def summarize_cache(cache: RowCache | None) -> CacheSummary:
    """Rows by kind, and the trained pairs. ``cache`` None: there are no rows yet."""
    sizes: dict[str, KindSize] = {}
    for stored in cache.stored() if cache else ():
        _count(sizes, read_stored(stored).kind, stored)
    return CacheSummary(
        path=str(cache.path if cache else rows_path()),
        file_bytes=cache.path.stat().st_size if cache else 0,
        kinds=dict(sorted(sizes.items())),
        trained=trained_size(trained_folders()),
    )


def verify_cache(cache: RowCache) -> Verification:
    """Every row is read as what it is, and compared with its hash, as are the trained pairs; SQLite looks at its file."""
    sound = unhashed = 0
    broken = []
    try:
        with closing(cache.connection.execute("PRAGMA integrity_check")) as cursor:
            lines = tuple(str(line) for (line,) in cursor)
        database = () if lines == ("ok",) else lines
    except sqlite3.DatabaseError as error:
        database = (str(error),)
    try:
        for stored in cache.stored():
            row = read_stored(stored)
            if isinstance(row, BrokenRow):
                broken.append(row)
            else:
                sound += 1
                unhashed += stored.hash is None
    except UrialError as error:
        # Of a damaged file, some pages cannot be read.
        if not database:
            raise
        database = (*database, error.what)
    folders = trained_folders()
    damaged = {folder: damage for folder in folders if (damage := damage_of(folder))}
    whole = [is_tuned(folder) for folder in folders if folder not in damaged]
    return Verification(
        path=str(cache.path),
        sound=sound,
        unhashed=unhashed,
        database=database,
        broken=tuple(broken),
        trained=whole.count(False),
        tuned=whole.count(True),
        damaged=tuple(damage.what for damage in damaged.values()),
        damaged_tuned=sum(map(is_tuned, damaged)),
    )


def prune_cache(cache: RowCache, choice: Choice, dry_run: bool, notes: Collection[str] = ()) -> Pruned:
    """Remove the rows of ``choice`` in one transaction, and give their space back to the disk; trained pairs likewise."""
    if dry_run:
        return _choose(cache, choice, notes)[1]
    before = _file_bytes(cache)
    # Stages wait for the end of it: SQLite gives the number of a removed row to the next one that is kept.
    with cache.writing():
        chosen, pruned = _choose(cache, choice, notes)
        cache.connection.executemany("DELETE FROM rows WHERE rowid = ?", ((number,) for number in chosen))
        cache.execute("DELETE FROM kept WHERE key NOT IN (SELECT key FROM rows)")
    with cache.explained():
        try:
            cache.connection.execute("VACUUM")
            cache.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as error:
            # Another process is at work; the space is free for new rows all the same.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
    if choice.of_trained:
        prune_trained(choice.older_than, choice.damaged, dry_run=False)
    freed = max(before - _file_bytes(cache), 0) + pruned.trained.bytes
    return pruned.model_copy(update={"dry_run": False, "freed_bytes": freed})


def _choose(cache: RowCache, choice: Choice, notes: Collection[str]) -> tuple[list[int], Pruned]:
    """The numbers of the rows that are to go, and what a dry run says of them."""
    chosen: list[int] = []
    sizes: dict[str, KindSize] = {}
    left = undated = 0
    before = time.time() - (choice.older_than or 0) * DAY
    for stored in cache.stored():
        row = read_stored(stored)
        wanted = (
            (not choice.kinds or row.kind in choice.kinds)
            and (choice.not_under is None or stored.key not in choice.not_under)
            and (not choice.damaged or (isinstance(row, BrokenRow) and row.damaged))
        )
        if wanted and (choice.older_than is None or (stored.time is not None and stored.time < before)):
            chosen.append(stored.number)
            _count(sizes, row.kind, stored)
        else:
            left += 1
            undated += wanted and stored.time is None
    kinds = dict(sorted(sizes.items()))
    trained = prune_trained(choice.older_than, choice.damaged, dry_run=True) if choice.of_trained else TrainedSize()
    return chosen, Pruned(
        dry_run=True,
        kinds=kinds,
        trained=trained,
        left=left,
        undated=undated,
        freed_bytes=None,
        notes=tuple(notes),
    )


def _file_bytes(cache: RowCache) -> int:
    ((pages,),), ((size,),) = cache.execute("PRAGMA page_count"), cache.execute("PRAGMA page_size")
    return int(pages) * int(size)


def _count(sizes: dict[str, KindSize], kind: str, stored: StoredRow) -> None:
    size = sizes.get(kind, KindSize(rows=0, bytes=0))
    sizes[kind] = KindSize(rows=size.rows + 1, bytes=size.bytes + len(stored.value))

"""Finished rows by content address, so that a killed stage resumes and a variant pays for what it changed.

One SQLite file in the user's cache folder; the environment variable URIAL_CACHE_DIR moves it.
A row's key is the hash of everything that can change it; two runs that agree on the key share the row. Beside each row
stand its own hash, by which damage is found, and when it was kept. `urial.exchange.row_cache` looks after the whole.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import platformdirs
from pydantic import BaseModel, ValidationError

from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash, canonical_json
from urial.core.validation import explain

Model = TypeVar("Model", bound=BaseModel)
QUERY_SIZE = 500
TIMEOUT = 60.0  # seconds to wait for another process
# Raised when an older version could no longer read and write the file.
SCHEMA = 1
_TABLES = (
    "CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # Not columns of rows, where versions without them go on writing: a commit from before shares the user's cache.
    "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, hash TEXT NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID",
    # A row that such a version replaces is not taken for a damaged one.
    "CREATE TRIGGER IF NOT EXISTS replaced AFTER INSERT ON rows BEGIN DELETE FROM kept WHERE key = NEW.key; END",
    f"PRAGMA user_version = {SCHEMA}",
)


class StoredRow(NamedTuple):
    """A row as it lies in the file, whatever its bytes are."""

    number: int
    key: str
    value: bytes
    # row_hash when it was kept, and that time in seconds since 1970; None: an older version kept it.
    hash: str | None
    time: int | None


def row_hash(key: str, value: bytes) -> str:
    """Hash of a row's canonical JSON under its key."""
    return bytes_hash(key.encode("utf-8") + b"\n" + value)


def rows_path(folder: Path | None = None) -> Path:
    """The file of the row cache in ``folder``, by default the user's."""
    if folder is None:
        moved = os.environ.get("URIAL_CACHE_DIR")
        folder = Path(moved) if moved else platformdirs.user_cache_path("urial", appauthor=False)
    return folder / "rows.sqlite"


def require_place(path: Path) -> None:
    """Raises UrialError where the file of the row cache can neither be nor be made: something else has its place."""
    if path.is_dir():
        raise UrialError("the row cache is a file, and this is a folder", path=path, fix="move it away")
    for folder in path.parents:
        if os.path.lexists(folder):
            if not folder.is_dir():
                raise UrialError(
                    "no folder, so that there is no row cache in it",
                    path=folder,
                    expected="a folder, or nothing where one can be made",
                    fix="set URIAL_CACHE_DIR to a folder, or move the file away",
                )
            return


def _can_be_written(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


class RowCache:
    """A mapping from key to JSON row that survives a killed process. Use it as a context manager."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = rows_path(folder)
        # Whether rows can only be read: the folder is of somebody else, or on a medium that cannot be written.
        self.read_only = False

    def __enter__(self) -> Self:
        require_place(self.path)
        with ExitStack() as on_failure, self.explained(OSError):
            self._open()
            on_failure.callback(self.connection.close)
            if not self.read_only:
                # WAL keeps a commit cheap; a row is on disk when put returns, as far as a killed process can tell.
                self._use_wal()
                self.connection.execute("PRAGMA synchronous=NORMAL")
            self._make_tables()
            on_failure.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()

    def get(self, keys: Iterable[str], model: type[Model]) -> dict[str, Model]:
        """The cached rows among ``keys``."""
        wanted = sorted(set(keys))
        found: dict[str, Model] = {}
        for start in range(0, len(wanted), QUERY_SIZE):
            part = wanted[start : start + QUERY_SIZE]
            marks = ",".join("?" * len(part))
            # Only question marks are put into the statement.
            for key, value in self.execute(f"SELECT key, value FROM rows WHERE key IN ({marks})", part):  # noqa: S608
                try:
                    found[key] = model.model_validate_json(value)
                except ValidationError as error:
                    problem = f"row {key} is damaged: {explain(error, model)}"
                    raise UrialError(problem, path=self.path, fix=f"move {self.path} away") from error
        return found

    def put(self, key: str, row: BaseModel) -> None:
        """Keep a finished row; it survives the process from here on."""
        self.put_all({key: row})

    def put_all(self, rows: Mapping[str, BaseModel]) -> None:
        """Keep rows that belong together: all of them, or, where the process is killed, none."""
        values = {key: canonical_json(row.model_dump(mode="json")) for key, row in rows.items()}
        now = int(time.time())
        marks = [(key, row_hash(key, value), now) for key, value in values.items()]
        with self.writing():
            texts = ((key, value.decode("utf-8")) for key, value in values.items())
            self.connection.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?)", texts)
            self.connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", marks)

    def stored(self) -> Iterator[StoredRow]:
        """Every row, sorted by key, one at a time."""
        # As bytes: text that is no UTF-8 would end the loop at the first such row.
        statement = (
            "SELECT rows.rowid, CAST(rows.key AS BLOB), CAST(value AS BLOB), hash, time "
            "FROM rows LEFT JOIN kept ON kept.key = rows.key ORDER BY rows.key"
        )
        with self.explained(), closing(self.connection.execute(statement)) as cursor:
            for number, key, value, found, kept in cursor:
                yield StoredRow(number, key.decode("utf-8", "backslashreplace"), value, found, kept)

    def execute(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """What one SQL statement gives, all at once."""
        with self.explained(), closing(self.connection.execute(statement, values)) as cursor:
            return cursor.fetchall()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: what is written in the block is there as a whole at its end, or not at all."""
        if self.read_only:
            raise UrialError(
                "the row cache can be read and not written, and there are new rows to keep",
                path=self.path,
                expected="a folder that can be written",
                fix="set URIAL_CACHE_DIR to a folder of your own with a copy of it, or to an empty one",
            )
        with self.explained():
            self.connection.execute("BEGIN IMMEDIATE")
            # Commits at its end, or takes all back.
            with self.connection:
                yield

    @contextmanager
    def explained(self, *also: type[Exception]) -> Iterator[None]:
        """What SQLite says in the block, and other errors ``also``, with the way out."""
        kinds: tuple[type[Exception], ...] = (sqlite3.Error, *also)
        try:
            yield
        except kinds as error:
            raise UrialError(
                f"the row cache cannot be used: {error}",
                path=self.path,
                fix=f"free some space, or move {self.path} away, or set URIAL_CACHE_DIR to another folder",
            ) from error

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.read_only = self.path.exists() and not (_can_be_written(self.path) and _can_be_written(self.path.parent))
        address = f"{self.path.absolute().as_uri()}?mode={'ro' if self.read_only else 'rwc'}"
        log = self.path.with_name(f"{self.path.name}-wal")
        # Rows that are not yet moved into the file are in a log beside it. Without one, SQLite would have to write one,
        # unless it is told that nobody else is at work.
        if self.read_only and not (log.is_file() and log.stat().st_size):
            address += "&immutable=1"
        self.connection = sqlite3.connect(address, uri=True, timeout=TIMEOUT, isolation_level=None)

    def _make_tables(self) -> None:
        def version() -> int:
            (found,) = self.connection.execute("PRAGMA user_version").fetchone()
            return int(found)

        if self.read_only and version() < SCHEMA:
            raise UrialError(
                "an earlier version of urial made this row cache, and it cannot be written to be brought up to date",
                path=self.path,
                fix="set URIAL_CACHE_DIR to a copy of its folder",
            )
        if version() < SCHEMA:
            with self.writing():
                # Another process may have been first.
                for statement in _TABLES if version() < SCHEMA else ():
                    self.connection.execute(statement)
        if version() > SCHEMA:
            raise UrialError(
                f"a later version of urial made this row cache (schema {version()}; known here: {SCHEMA})",
                path=self.path,
                fix="use that version, or set URIAL_CACHE_DIR to another folder",
            )

    def _use_wal(self) -> None:
        # SQLite does not wait for its timeout here: two processes that make the file at once collide.
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

"""Finished rows by content address, so that a killed stage resumes and a variant pays for what it changed.

One SQLite file in the user's cache folder; the environment variable URIAL_CACHE_DIR moves it.
A row's key is the hash of everything that can change it; two runs that agree on the key share the row.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import platformdirs
from pydantic import BaseModel, ValidationError

from urial.errors import UrialError
from urial.hashing import canonical_json
from urial.validation import explain

Model = TypeVar("Model", bound=BaseModel)
QUERY_SIZE = 500
TIMEOUT = 60.0  # seconds to wait for another process


def cache_dir() -> Path:
    """The folder of the row cache."""
    moved = os.environ.get("URIAL_CACHE_DIR")
    return Path(moved) if moved else platformdirs.user_cache_path("urial", appauthor=False)


class RowCache:
    """A mapping from key to JSON row that survives a killed process. Use it as a context manager."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or cache_dir()) / "rows.sqlite"

    def __enter__(self) -> Self:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=TIMEOUT, isolation_level=None)
            # WAL keeps a commit cheap; a row is on disk when put returns, as far as a killed process can tell.
            self._use_wal()
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute("CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        except (sqlite3.Error, OSError) as error:
            if hasattr(self, "_connection"):
                self._connection.close()
            raise self._failed(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def get(self, keys: Iterable[str], model: type[Model]) -> dict[str, Model]:
        """The cached rows among ``keys``."""
        wanted = sorted(set(keys))
        found: dict[str, Model] = {}
        for start in range(0, len(wanted), QUERY_SIZE):
            part = wanted[start : start + QUERY_SIZE]
            marks = ",".join("?" * len(part))
            # Only question marks are put into the statement.
            for key, value in self._execute(f"SELECT key, value FROM rows WHERE key IN ({marks})", part):  # noqa: S608
                found[key] = self._parse(key, value, model)
        return found

    def put(self, key: str, row: BaseModel) -> None:
        """Keep a finished row; it survives the process from here on."""
        self.put_all({key: row})

    def put_all(self, rows: Mapping[str, BaseModel]) -> None:
        """Keep rows that belong together: all of them, or, where the process is killed, none."""
        values = [(key, canonical_json(row.model_dump(mode="json")).decode("utf-8")) for key, row in rows.items()]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            # Commits at its end, or takes all back.
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?)", values)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _use_wal(self) -> None:
        # SQLite does not wait for its timeout here: two processes that make the file at once collide.
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _execute(self, statement: str, values: Any) -> list[tuple[str, str]]:
        try:
            with closing(self._connection.execute(statement, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _parse(self, key: str, value: str, model: type[Model]) -> Model:
        try:
            return model.model_validate_json(value)
        except ValidationError as error:
            raise UrialError(
                f"{self.path}: row {key} is damaged: {explain(error, model)}", fix=f"move {self.path} away"
            ) from error

    def _failed(self, error: Exception) -> UrialError:
        return UrialError(
            f"{self.path}: the row cache cannot be used: {error}",
            fix=f"free some space, or move {self.path} away, or set URIAL_CACHE_DIR to another folder",
        )

"""Imports and exports beside other processes, killed, and where nothing can be written."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import ROOT, run_python
from tests.exchange.row_cache.stored_rows import answer, contents, exported, keep, key_of
from urial.core.errors import UrialError
from urial.core.row_cache import SCHEMA, RowCache, rows_path
from urial.exchange.row_cache.files import load_rows, save_rows
from urial.exchange.row_cache.maintenance import Choice, prune_cache, verify_cache

ROWS = 3_000
# Arguments: what to do, and with which file or prefix.
PROCESS = """
import sys
from pathlib import Path
from tests.exchange.row_cache.stored_rows import answer, key_of
from urial.exchange.row_cache.files import save_rows, load_rows
from urial.core.row_cache import RowCache
what, name = sys.argv[1:]
with RowCache() as cache:
    print("open", flush=True)
    if what == "import":
        print(load_rows(cache, [Path(name)]).new)
    elif what == "export":
        print(save_rows(cache, Path(name)).total())
    else:
        for number in range(200):
            cache.put(key_of(name + str(number)), answer(str(number)))
"""


def start(what: str, name: str | Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, what, str(name)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
    )  # fmt: skip


@pytest.mark.parametrize("kills", [2, pytest.param(6, marks=pytest.mark.thorough)])
def test_a_killed_import_leaves_all_rows_or_none(tmp_path: Path, kills: int) -> None:
    file = exported(tmp_path / "rows.jsonl", {key_of(number): answer(str(number)) for number in range(ROWS)})
    keep({key_of("mine"): answer()})
    before = contents()
    for _ in range(kills):
        process = start("import", file)
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        # An import of so many rows takes about half a second.
        time.sleep(random.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert len(contents()) in (1, ROWS + 1)
        if len(contents()) == 1:
            assert contents() == before
    with RowCache() as cache:
        load_rows(cache, [file])
        assert (verify_cache(cache).sound, verify_cache(cache).broken) == (ROWS + 1, ())


def test_processes_import_write_and_export_at_once(tmp_path: Path) -> None:
    shared = {key_of(number): answer(str(number)) for number in range(500)}
    file = exported(tmp_path / "rows.jsonl", shared)
    processes = [start("write", "a"), start("import", file), start("export", tmp_path / "out.jsonl")]
    processes += [start("import", file), start("write", "b")]
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 5
    # The second of the two found what the first had brought.
    assert sorted((said[1], said[3])) == ["open\n0\n", "open\n500\n"]
    with RowCache() as cache:
        assert (verify_cache(cache).sound, verify_cache(cache).broken) == (900, ())
    with RowCache(tmp_path / "other") as other:
        done = load_rows(other, [tmp_path / "out.jsonl"])
        assert done.new == int(said[2].split()[1])


def test_a_locked_cache_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = exported(tmp_path / "rows.jsonl", {key_of(1): answer()})
    path = keep({key_of("mine"): answer()})
    monkeypatch.setattr("urial.core.row_cache.TIMEOUT", 0.3)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        for action in (load_rows, lambda cache, _: prune_cache(cache, Choice(kinds=["answer"]), dry_run=False)):
            with RowCache() as cache, pytest.raises(UrialError) as caught:
                action(cache, [file])
            assert str(caught.value).startswith(f"{path}: the row cache cannot be used: database is locked\n  fix: ")
        assert time.monotonic() - started >= 0.6
        # Reading waits for nobody.
        with RowCache() as cache:
            assert save_rows(cache, tmp_path / "out.jsonl").total() == 1
    with RowCache() as cache:
        assert load_rows(cache, [file]).new == 1


def test_rows_are_removed_while_another_process_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = keep({key_of(number): answer("x" * 1_000) for number in range(100)})
    monkeypatch.setattr("urial.core.row_cache.TIMEOUT", 0.3)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM rows").fetchone() == (100,)
        with RowCache() as cache:
            done = prune_cache(cache, Choice(kinds=["answer"]), dry_run=False)
        assert done.kinds["answer"].rows == 100
        assert reader.execute("SELECT count(*) FROM rows").fetchone() == (100,)
    assert contents() == []


def test_a_cache_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = keep({key_of(1): answer()})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    before = path.read_bytes()
    with pytest.raises(UrialError) as caught, RowCache():
        pass
    assert str(caught.value) == (
        f"{path}: a later version of urial made this row cache (schema {SCHEMA + 1}; known here: {SCHEMA})\n"
        "  fix: use that version, or set URIAL_CACHE_DIR to another folder"
    )
    assert path.read_bytes() == before


# What an earlier commit of this project does to a row cache, which it shares with this one.
OLD_TABLE = "CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
OLD_PUT = "INSERT OR REPLACE INTO rows VALUES (?, ?)"


def test_an_earlier_version_goes_on_writing_and_its_rows_are_no_damage() -> None:
    path = rows_path()
    old, new, both = (answer(text).model_dump_json() for text in ("old", "new", "both"))
    with closing(sqlite3.connect(path)) as earlier, earlier:
        earlier.execute(OLD_TABLE)
        earlier.execute(OLD_PUT, (key_of("first"), old))
    keep({key_of("second"): answer("new"), key_of("third"): answer("new")})
    with closing(sqlite3.connect(path)) as earlier, earlier:
        earlier.execute(OLD_TABLE)
        earlier.execute(OLD_PUT, (key_of("second"), both))
        earlier.execute(OLD_PUT, (key_of("fourth"), new))
    with RowCache() as cache:
        found = verify_cache(cache)
        assert (found.sound, found.unhashed, found.broken) == (4, 3, ())
        assert cache.get([key_of("second")], type(answer()))[key_of("second")].text == "both"


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root can")
def test_where_nothing_can_be_written_it_is_said() -> None:
    code = """
import os, sys
from pathlib import Path
import urial.exchange.row_cache.maintenance
from urial.core.errors import UrialError
from urial.exchange.row_cache.files import save_rows
from urial.core.row_cache import RowCache
folder = Path(sys.argv[1])
os.setuid(65534)
for name in ("rows", "own"):
    try:
        with RowCache(folder / name) as cache:
            save_rows(cache, folder / "rows.jsonl")
    except UrialError as error:
        print(error)
"""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        keep({key_of(1): answer()}, folder / "rows")
        (folder / "own").mkdir()
        os.chown(folder / "own", 65534, 65534)
        done = run_python(code, name)
    assert done.stdout == (
        # A cache that can only be read is read.
        f"{folder}/rows.jsonl: cannot be written: Permission denied; nothing was changed\n"
        "  fix: free some space or correct the permissions, then run again\n"
        f"{folder}/rows.jsonl: cannot be written: Permission denied; nothing was changed\n"
        "  fix: free some space or correct the permissions, then run again\n"
    ), done.stderr

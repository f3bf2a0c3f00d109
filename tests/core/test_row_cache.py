import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import platformdirs
import pytest

from tests.conftest import ROOT, make_query, run_python
from urial.core.errors import UrialError
from urial.core.row_cache import QUERY_SIZE, RowCache, rows_path
from urial.records.instruction import Instruction
from urial.records.model import Loading

# Arguments: first number, count. Rows are qN -> an instruction of that id; each number is printed once its row is kept.
WRITER = """
import sys
from tests.conftest import make_query
from urial.core.row_cache import RowCache
first, count = map(int, sys.argv[1:])
with RowCache() as cache:
    for number in range(first, first + count):
        cache.put(f"q{number}", make_query(f"q{number}"))
        print(number, flush=True)
"""


def start_writer(first: int, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(first), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_a_row_comes_back_whatever_its_text() -> None:
    row = make_query("é\u2028\0\U0001f600", turns=("'; DROP TABLE rows; --",))
    with RowCache() as cache:
        cache.put("key", row)
        assert cache.get(["key"], Instruction) == {"key": row}


def test_an_unknown_key_is_absent_and_keys_are_exact() -> None:
    with RowCache() as cache:
        cache.put("key", make_query())
        assert cache.get(["KEY", "key ", "ke%", "", "key\0"], Instruction) == {}
        assert cache.get([], Instruction) == {}


def test_a_row_survives_closing_and_the_last_put_wins() -> None:
    with RowCache() as cache:
        cache.put("key", make_query("old"))
        cache.put("key", make_query("new"))
    with RowCache() as cache:
        assert cache.get(["key"], Instruction)["key"].id == "new"


@pytest.mark.parametrize("count", [QUERY_SIZE - 1, QUERY_SIZE, QUERY_SIZE + 1, 3 * QUERY_SIZE + 7])
def test_more_keys_than_one_query_takes(count: int) -> None:
    names = [f"q{number}" for number in range(count)]
    with RowCache() as cache:
        for name in names:
            cache.put(name, make_query(name))
        found = cache.get([*names, *names, "absent"], Instruction)
    assert sorted(found) == sorted(names)
    assert all(found[name].id == name for name in names)


def test_a_row_of_a_megabyte_comes_back() -> None:
    row = make_query(reference="x" * 1_000_000)
    with RowCache() as cache:
        cache.put("key", row)
        assert cache.get(["key"], Instruction) == {"key": row}


def test_rows_survive_a_process_that_is_killed() -> None:
    writer = start_writer(0, 1_000_000)
    assert writer.stdout is not None
    printed = [writer.stdout.readline() for _ in range(50)]
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate(timeout=30)
    assert writer.returncode == -signal.SIGKILL
    kept = [int(line) for line in [*printed, *rest.splitlines(keepends=True)] if line.endswith("\n")]
    with RowCache() as cache:
        found = cache.get([f"q{number}" for number in kept], Instruction)
        assert len(found) == len(kept) >= 50
        cache.put("after", make_query())


def test_processes_write_at_once_from_the_first_moment() -> None:
    writers = [start_writer(100 * number, 100) for number in range(4)]
    assert [(writer.communicate(timeout=60)[0].count("\n"), writer.returncode) for writer in writers] == [(100, 0)] * 4
    with RowCache() as cache:
        assert len(cache.get([f"q{number}" for number in range(400)], Instruction)) == 400


def test_processes_may_make_the_file_at_once() -> None:
    code = """
import multiprocessing, os
from pathlib import Path
from urial.records.model import Loading
from urial.core.row_cache import RowCache
def use(job):
    with RowCache(Path(os.environ["URIAL_CACHE_DIR"]) / str(job // 8)) as cache:
        cache.put(str(job), Loading())
        return len(cache.get([str(job)], Loading))
with multiprocessing.get_context("fork").Pool(8) as pool:
    print(sum(pool.imap_unordered(use, range(400))))
"""
    done = run_python(code)
    assert done.stdout == "400\n", done.stderr


def test_a_busy_new_file_is_waited_for(cache_folder: Path) -> None:
    holder = sqlite3.connect(cache_folder / "rows.sqlite", isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    opener = start_writer(0, 1)
    time.sleep(1.0)
    assert opener.poll() is None
    holder.execute("ROLLBACK")
    holder.close()
    assert (opener.communicate(timeout=60)[0], opener.returncode) == ("0\n", 0)


def test_a_damaged_database_is_named_with_the_way_out(cache_folder: Path) -> None:
    path = cache_folder / "rows.sqlite"
    path.write_bytes(b"not a database at all, and long enough to be looked at" * 100)
    with pytest.raises(UrialError) as caught, RowCache():
        pass
    assert str(caught.value) == (
        f"{path}: the row cache cannot be used: file is not a database\n"
        f"  fix: free some space, or move {path} away, or set URIAL_CACHE_DIR to another folder"
    )


def test_another_table_of_that_name_is_an_error(cache_folder: Path) -> None:
    with sqlite3.connect(cache_folder / "rows.sqlite") as connection:
        connection.execute("CREATE TABLE rows (other TEXT)")
    connection.close()
    with RowCache() as cache, pytest.raises(UrialError, match="the row cache cannot be used: no such column: key"):
        cache.get(["key"], Instruction)


def test_a_damaged_row_is_named(cache_folder: Path) -> None:
    path = cache_folder / "rows.sqlite"
    with RowCache() as cache:
        cache.put("sha256:ab", make_query())
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE rows SET value = substr(value, 1, 9)")
    connection.close()
    with RowCache() as cache, pytest.raises(UrialError) as caught:
        cache.get(["sha256:ab"], Instruction)
    assert str(caught.value) == (
        f"{path}: row sha256:ab is damaged: field 'the whole value': invalid JSON: "
        f"""EOF while parsing a string at line 1 column 9, got '{{"categor'\n  fix: move {path} away"""
    )


def test_a_row_of_another_record_is_damaged() -> None:
    with RowCache() as cache:
        cache.put("key", Loading())
        with pytest.raises(UrialError, match=r"row key is damaged: missing field 'id'; .*unknown field 'device_map'"):
            cache.get(["key"], Instruction)


@pytest.mark.parametrize("value", [b"\xff\x00", b""])
def test_bytes_that_are_no_text_are_damage(cache_folder: Path, value: bytes) -> None:
    with sqlite3.connect(cache_folder / "rows.sqlite") as connection:
        connection.execute("CREATE TABLE rows (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        connection.execute("INSERT INTO rows VALUES ('key', ?)", (value,))
    connection.close()
    with RowCache() as cache, pytest.raises(UrialError, match="row key is damaged"):
        cache.get(["key"], Instruction)


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(UrialError, match=r"/file: no folder, so that there is no row cache in it"):
        RowCache().__enter__()


def test_the_environment_moves_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "a b" / "é#?%"))
    with RowCache() as cache:
        cache.put("key", make_query())
    assert (tmp_path / "a b" / "é#?%" / "rows.sqlite").is_file()


def test_without_it_the_user_s_cache_folder_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for unset in ("", None):
        monkeypatch.delenv("URIAL_CACHE_DIR") if unset is None else monkeypatch.setenv("URIAL_CACHE_DIR", unset)
        assert rows_path().parent == platformdirs.user_cache_path("urial", appauthor=False)


def test_a_full_disk_stops_with_a_clear_error() -> None:
    code = """
import resource, signal, sys
from tests.conftest import make_query
from urial.core.row_cache import RowCache
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with RowCache() as cache:
    cache.put("first", make_query())
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    try:
        for number in range(10_000):
            cache.put(f"q{number}", make_query(reference="x" * 10_000))
    except Exception as error:
        print(type(error).__name__, error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""
    done = run_python(code)
    assert done.stdout.startswith("UrialError /"), done.stderr
    assert "the row cache cannot be used: " in done.stdout
    assert "fix: free some space" in done.stdout
    with RowCache() as cache:
        assert list(cache.get(["first"], Instruction)) == ["first"]

"""Every row is looked at: what is broken is named, and only what was asked for is removed."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.row_cache.stored_rows import answer, change, contents, keep, key_of, reply
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache, rows_path
from urial.exchange.row_cache.kinds import BrokenRow, KindSize
from urial.exchange.row_cache.maintenance import DAY, Choice, prune_cache, summarize_cache, verify_cache

ROWS = {key_of(1): answer("five"), key_of(2): reply("5"), key_of(3): reply("4")}
HASH_DIFFERS = "is not what was kept: its hash is another"


def broken() -> tuple[BrokenRow, ...]:
    with RowCache() as cache:
        return verify_cache(cache).broken


def test_a_sound_cache_has_nothing_to_say() -> None:
    path = keep(ROWS)
    with RowCache() as cache:
        found = verify_cache(cache)
    assert found.model_dump() == {
        "path": str(path),
        "sound": 3,
        "unhashed": 0,
        "database": (),
        "broken": (),
        "trained": 0,
        "damaged": (),
    }


@given(st.data())
def test_a_changed_character_anywhere_in_a_row_is_found(data: st.DataObject) -> None:
    rows_path().unlink(missing_ok=True)
    keep(ROWS)
    key, value = data.draw(st.sampled_from(contents()))
    place = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda letter: letter != value[place]))
    change("UPDATE rows SET value = ? WHERE key = ?", value[:place] + other + value[place + 1 :], key)
    assert broken() == (BrokenRow(key=key, problem=HASH_DIFFERS, damaged=True),)


def test_rows_that_changed_places_are_found() -> None:
    keep(ROWS)
    (two, three) = (dict(contents())[key_of(number)] for number in (2, 3))
    change("UPDATE rows SET value = ? WHERE key = ?", three, key_of(2))
    change("UPDATE rows SET value = ? WHERE key = ?", two, key_of(3))
    assert {row.key: row.problem for row in broken()} == {key_of(2): HASH_DIFFERS, key_of(3): HASH_DIFFERS}


@pytest.mark.parametrize(
    ("value", "problem", "damaged"),
    [
        ("{", "is no JSON: Expecting property name enclosed in double quotes (line 1, column 2)", True),
        (b"\xff", "is no JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte", True),
        ('{"x": 1}', "has the fields of no kind of row that this version of urial knows", False),
        ("7", "has the fields of no kind of row that this version of urial knows", False),
        (
            '{"batch": ""}',
            "is no BatchMembership: field 'batch': string should have at least 1 character, got ''",
            True,
        ),
    ],
)
def test_a_row_without_a_hash_is_read_all_the_same(value: object, problem: str, damaged: bool) -> None:
    keep(ROWS)
    change("INSERT OR REPLACE INTO rows VALUES (?, ?)", key_of(2), value)
    assert broken() == (BrokenRow(key=key_of(2), problem=problem, damaged=damaged),)


def test_a_key_that_is_no_hash_is_named_without_what_a_terminal_obeys() -> None:
    keep(ROWS)
    change("INSERT INTO rows VALUES (?, ?)", "\x1b[2J", answer().model_dump_json())
    assert broken() == (BrokenRow(key=r"'\x1b[2J'", problem="has a key that is no hash", damaged=False),)


def test_a_damaged_file_is_found_by_sqlite() -> None:
    path = keep({key_of(number): answer("x" * 500) for number in range(200)})
    data = bytearray(path.read_bytes())
    data[8192:12288] = os.urandom(4096)
    path.write_bytes(data)
    with RowCache() as cache:
        found = verify_cache(cache)
    assert found.database
    assert found.sound < 200


def test_the_kinds_are_counted() -> None:
    path = keep(ROWS)
    change("INSERT INTO rows VALUES ('x', '{}')")
    values = {key: len(value.encode()) for key, value in contents()}
    with RowCache() as cache:
        found = summarize_cache(cache)
    assert (found.path, found.file_bytes) == (str(path), path.stat().st_size)
    assert found.kinds == {
        "answer": KindSize(rows=1, bytes=values[key_of(1)]),
        "reply": KindSize(rows=2, bytes=values[key_of(2)] + values[key_of(3)]),
        "unknown": KindSize(rows=1, bytes=2),
    }


def test_damaged_rows_alone_are_removed_and_those_of_another_version_stay() -> None:
    keep(ROWS)
    change("UPDATE rows SET value = replace(value, 'five', 'four')")
    change("INSERT INTO rows VALUES (?, '{}')", key_of("newer"))
    with RowCache() as cache:
        done = prune_cache(cache, Choice(damaged=True), dry_run=False)
        assert (done.kinds["unknown"].rows, done.left) == (1, 3)
        assert [row.key for row in verify_cache(cache).broken] == [key_of("newer")]
    assert [key for key, _ in contents()] == sorted([key_of(2), key_of(3), key_of("newer")])


def test_rows_go_by_age_as_far_as_it_is_known() -> None:
    keep(ROWS)
    old = int(time.time()) - 10 * DAY
    change("UPDATE kept SET time = ? WHERE key = ?", old - 60, key_of(1))
    change("UPDATE kept SET time = ? WHERE key = ?", old + 60, key_of(2))
    change("DELETE FROM kept WHERE key = ?", key_of(3))
    with RowCache() as cache:
        done = prune_cache(cache, Choice(older_than=10), dry_run=False)
    assert {kind: size.rows for kind, size in done.kinds.items()} == {"answer": 1}
    assert (done.left, done.undated) == (2, 1)
    assert [key for key, _ in contents()] == sorted([key_of(2), key_of(3)])


def test_all_that_is_asked_for_has_to_hold() -> None:
    keep(ROWS)
    with RowCache() as cache:
        done = prune_cache(cache, Choice(kinds=["reply"], not_under=[key_of(2)]), dry_run=False)
    assert {kind: size.rows for kind, size in done.kinds.items()} == {"reply": 1}
    assert [key for key, _ in contents()] == sorted([key_of(1), key_of(2)])


def test_a_row_that_another_process_keeps_meanwhile_stays() -> None:
    keep({key_of(number): reply() for number in range(9)})
    kept: list[str] = []

    def replace_a_row(statement: str) -> None:
        # The new row gets the number of the one that goes, as SQLite does it for the last row.
        if "BEGIN" not in statement:
            return
        key = f"new-{len(kept)}"
        with closing(sqlite3.connect(rows_path(), timeout=0)) as other, other:
            ((number,),) = other.execute("SELECT rowid FROM rows WHERE key LIKE 'sha256:%' LIMIT 1")
            other.execute("DELETE FROM rows WHERE rowid = ?", (number,))
            other.execute("INSERT INTO rows (rowid, key, value) VALUES (?, ?, '{}')", (number, key))
        kept.append(key)

    with RowCache() as cache:
        cache.connection.set_trace_callback(replace_a_row)
        done = prune_cache(cache, Choice(kinds=["reply"]), dry_run=False)
        cache.connection.set_trace_callback(None)
    assert kept == ["new-0"]
    assert [key for key, _ in contents()] == kept
    assert (done.kinds["reply"].rows, done.left) == (8, 1)


def test_a_dry_run_removes_nothing_and_says_the_same() -> None:
    path = keep({key_of(number): answer("x" * 10_000) for number in range(100)})
    before = contents()
    with RowCache() as cache:
        tried = prune_cache(cache, Choice(kinds=["answer"]), dry_run=True)
        assert contents() == before
        assert tried.freed_bytes is None
        done = prune_cache(cache, Choice(kinds=["answer"]), dry_run=False)
        assert done.kinds == tried.kinds
        assert done.freed_bytes is not None
        assert done.freed_bytes > 900_000
    assert path.stat().st_size < 50_000
    assert contents() == []


def test_a_folder_that_is_no_cache_is_an_error(tmp_path: Path) -> None:
    rows_path(tmp_path).mkdir()
    with (
        pytest.raises(UrialError, match="the row cache is a file, and this is a folder"),
        RowCache(tmp_path),
    ):
        pass

"""Two people have another row under the same key: it is named, and nothing is taken until someone says whose."""

from pathlib import Path

import pytest

from tests.exchange.row_cache.stored_rows import answer, change, contents, exported, keep, key_of, reply
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.exchange.row_cache.files import load_rows
from urial.exchange.row_cache.kinds import Imported
from urial.exchange.row_cache.maintenance import verify_cache
from urial.records.base import Record

OURS: dict[str, Record] = {key_of("same"): answer(), key_of("other"): reply("4"), key_of("own"): answer("mine")}
THEIRS: dict[str, Record] = {key_of("same"): answer(), key_of("other"): reply("5"), key_of("new"): answer("theirs")}
FIX = "load again with --keep ours (the cache's rows stay) or --keep theirs (they are replaced)"


def test_a_conflict_is_named_and_nothing_is_imported(tmp_path: Path) -> None:
    file, path = exported(tmp_path / "rows.jsonl", THEIRS), keep(OURS)
    before = contents()
    number = sorted(THEIRS).index(key_of("other")) + 1
    with RowCache() as cache, pytest.raises(UrialError) as caught:
        load_rows(cache, [file])
    assert str(caught.value) == (
        f"{file}, line {number}: the row {key_of('other')} is another one than in the cache\nnothing was loaded\n"
        f"  where: {path}\n  fix: {FIX}"
    )
    assert contents() == before


def test_many_conflicts_are_counted(tmp_path: Path) -> None:
    file = exported(tmp_path / "rows.jsonl", {key_of(number): answer("theirs") for number in range(1_007)})
    keep({key_of(number): answer("ours") for number in range(1_007)})
    with RowCache() as cache, pytest.raises(UrialError) as caught:
        load_rows(cache, [file])
    lines = caught.value.what.split("\n")
    assert len(lines) == 7
    assert lines[5:] == ["and 1,002 more", "nothing was loaded"]


@pytest.mark.parametrize(("choice", "other"), [("ours", reply("4")), ("theirs", reply("5"))])
def test_whose_row_is_kept_is_what_is_asked_for(tmp_path: Path, choice: str, other: Record) -> None:
    file = exported(tmp_path / "rows.jsonl", THEIRS)
    keep(OURS)
    with RowCache() as cache:
        done = load_rows(cache, [file], "ours" if choice == "ours" else "theirs")
        kept, replaced = (1, 0) if choice == "ours" else (0, 1)
        assert done == Imported(rows=3, new=1, known=1, kept=kept, replaced=replaced)
        assert cache.get([key_of("other")], type(other)) == {key_of("other"): other}
        found = verify_cache(cache)
        assert (found.sound, found.unhashed, found.broken) == (4, 0, ())
    assert len(contents()) == 4


def test_files_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    ours, theirs = exported(tmp_path / "ours.jsonl", OURS), exported(tmp_path / "theirs.jsonl", THEIRS)
    with RowCache() as cache, pytest.raises(UrialError) as caught:
        load_rows(cache, [ours, theirs], "theirs")
    one, two = sorted(OURS).index(key_of("other")) + 1, sorted(THEIRS).index(key_of("other")) + 1
    assert str(caught.value) == (
        f"{theirs}, line {two}: the row {key_of('other')} is another one than in {ours}, line {one}\n"
        "  fix: load one of the files, and then the other with --keep ours or --keep theirs"
    )
    assert contents() == []


def test_a_damaged_row_is_mended_by_a_sound_one_and_never_counted_as_known(tmp_path: Path) -> None:
    file = exported(tmp_path / "rows.jsonl", {key_of(1): answer("five")})
    keep({key_of(1): answer("five")})
    change("UPDATE rows SET value = replace(value, 'five', 'four')")
    with RowCache() as cache:
        with pytest.raises(UrialError, match="is another one than in the cache"):
            load_rows(cache, [file])
        assert load_rows(cache, [file], "theirs").replaced == 1
        assert verify_cache(cache).broken == ()

"""An exported file is whole, or it is refused: its closing line tells."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.row_cache.stored_rows import answer, contents, end_of, exported, key_of, line_of, refused
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.exchange.row_cache.files import load_rows


def test_a_file_that_is_cut_off_says_so(tmp_path: Path) -> None:
    path = exported(tmp_path / "whole.jsonl", {key_of(number): answer() for number in range(3)})
    *lines, end = path.read_bytes().splitlines(keepends=True)
    assert end == end_of(b"".join(lines))
    cut = tmp_path / "cut.jsonl"
    said = refused(cut, path.read_bytes()[:-9])
    assert said.startswith(f"{cut}, line 4 (the last line has no end: is the file truncated?): ")
    said = refused(cut, b"".join(lines)[:-9])
    assert said.startswith(f"{cut}, line 3 (the last line has no end: is the file truncated?): ")
    # Only the end of its last line is lost, and nothing of what it says.
    cut.write_bytes(path.read_bytes()[:-1])
    with RowCache() as cache:
        assert load_rows(cache, [cut]).new == 3


@given(st.data())
def test_no_beginning_of_a_file_is_taken_for_the_whole(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = exported(Path(name, "whole.jsonl"), {key_of(number): answer() for number in range(3)})
        whole = path.read_bytes()
        refused(path, whole[: data.draw(st.integers(0, len(whole) - 2))])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_whole_lines_without_the_closing_one_are_refused(tmp_path: Path, count: int) -> None:
    path = tmp_path / "rows.jsonl"
    lines = b"".join(line_of(key_of(number), answer()) for number in range(count))
    assert refused(path, lines) == (
        f"{path}: no closing line after its {count} rows: it was cut off, or an earlier version wrote it\n"
        "  expected: the last line of a file that `urial cache save` wrote\n"
        "  fix: copy the file again, or have it saved again"
    )


def test_a_closing_line_that_is_of_other_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    one, two = line_of(key_of(1), answer()), line_of(key_of(2), answer())
    fix = "\n  fix: copy the file again, or have it saved again"
    assert refused(path, one + end_of(one + two)) == (
        f"{path}, line 2: field 'rows': 2, and 1 are before it: some were lost or added{fix}"
    )
    assert refused(path, two + one + end_of(one + two)) == (
        f"{path}, line 3: field 'hash': is not that of the lines before it: some were replaced or moved{fix}"
    )
    assert refused(path, end_of(b"") + one) == (
        f"{path}, line 2: after the closing line\n  expected: one saved file\n  fix: load files one beside the other"
    )
    assert refused(path, one + end_of(one, rows="1")).startswith(f"{path}, line 2: field 'rows': ")


def test_nothing_is_taken_of_the_files_beside_a_refused_one(tmp_path: Path) -> None:
    good = exported(tmp_path / "good.jsonl", {key_of(1): answer()})
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(line_of(key_of(2), answer()))
    with RowCache() as cache, pytest.raises(UrialError, match="no closing line"):
        load_rows(cache, [good, cut], "theirs")
    assert contents() == []

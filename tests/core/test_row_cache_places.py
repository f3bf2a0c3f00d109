"""Where the row cache lies: folders that can only be read, and what is no folder."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.commands import invoke
from tests.conftest import make_query
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache, rows_path
from urial.records.instruction import Instruction

NOBODY = 65534


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that others may look into, with a cache of two rows; below no private folder of pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="urial-shared-"))
    folder.chmod(0o755)
    with RowCache(folder) as cache:
        cache.put_all({"a": make_query("qa"), "b": make_query("qb")})
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def only_read(folder: Path) -> Iterator[None]:
    """In the block, nothing in the folder can be written: root, who can write everything, is somebody else there."""
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_a_cache_that_cannot_be_written_is_read(shared: Path) -> None:
    with only_read(shared):
        with RowCache(shared) as cache:
            assert {key: row.id for key, row in cache.get("abc", Instruction).items()} == {"a": "qa", "b": "qb"}
            assert [row.key for row in cache.stored()] == ["a", "b"]
            with pytest.raises(UrialError) as caught:
                cache.put("c", make_query("qc"))
        assert sorted(os.listdir(shared)) == ["rows.sqlite"]
    assert str(caught.value) == (
        f"{shared}/rows.sqlite: the row cache can be read and not written, and there are new rows to keep\n"
        "  expected: a folder that can be written\n"
        "  fix: set URIAL_CACHE_DIR to a folder of your own with a copy of it, or to an empty one"
    )


def test_rows_that_another_process_has_just_kept_are_read_too(shared: Path) -> None:
    with RowCache(shared) as writer:
        writer.put("c", make_query("qc"))
        with only_read(shared), RowCache(shared) as cache:
            assert cache.get("abc", Instruction).keys() == {"a", "b", "c"}


def test_commands_read_a_cache_that_cannot_be_written(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URIAL_CACHE_DIR", str(shared))
    # Imports all that is needed: Python's own modules may lie where only root can read.
    invoke("cache", "stats")
    with only_read(shared):
        stats, pruned = invoke("cache", "stats", "--json"), invoke("cache", "prune", "--older-than", "0")
    assert stats.exit_code == 0
    assert '"rows": 2' in stats.stdout
    assert pruned.exit_code == 1
    assert "rows.sqlite: the row cache can be read and not written" in pruned.stderr


@pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
@pytest.mark.parametrize("command", [("stats",), ("check",), ("save", "out.jsonl"), ("load", "in.jsonl")])
def test_a_file_is_no_place_for_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str, command: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "file" / below))
    done = invoke("cache", *command)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: {tmp_path}/file: no folder, so that there is no row cache in it\n"
        "  expected: a folder, or nothing where one can be made\n"
        "  fix: set URIAL_CACHE_DIR to a folder, or move the file away\n"
    )
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    rows_path(tmp_path).mkdir()
    with pytest.raises(UrialError, match="the row cache is a file, and this is a folder"), RowCache(tmp_path):
        pass


def test_a_link_that_leads_nowhere_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(UrialError, match="link: no folder"), RowCache(tmp_path / "link"):
        pass

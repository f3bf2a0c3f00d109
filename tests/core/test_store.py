import errno
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.conftest import make_query
from urial.core.errors import UrialError
from urial.core.store import (
    atomic_write,
    object_or_empty,
    read_json,
    read_jsonl,
    require_free,
    write_bytes,
    write_json,
    write_jsonl,
    write_text,
)
from urial.records.estimate import Estimate
from urial.records.instruction import Instruction
from urial.records.model import Loading

HARD_TEXT = "\u2028\u2029\x85\0\r\n\t\x7f\ufeff\ufffd\U0001f600'\"\\</script>`"
texts = st.text(min_size=1, max_size=200)
queries = st.builds(
    Instruction,
    id=texts,
    turns=st.lists(texts.filter(lambda text: bool(text.strip())), min_size=1, max_size=3).map(tuple),
    category=st.sampled_from(["regular", "safety"]),
    task=st.lists(st.text(), max_size=2).map(tuple),
    reference=st.none() | st.text(),
    source=st.text(),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 32 KiB where the tests may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs root and the right to mount a tmpfs; the refused-write tests below run everywhere")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@given(st.lists(queries, max_size=5))
def test_jsonl_rows_come_back_whatever_their_text(folder: Path, rows: list[Instruction]) -> None:
    write_jsonl(folder / "rows.jsonl", rows)
    assert read_jsonl(folder / "rows.jsonl", Instruction) == rows
    assert (folder / "rows.jsonl").read_bytes().count(b"\n") == len(rows)


@given(queries)
def test_a_json_record_comes_back_whatever_its_text(folder: Path, row: Instruction) -> None:
    write_json(folder / "row.json", row)
    assert read_json(folder / "row.json", Instruction) == row


def test_jsonl_bytes_are_canonical(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl", [make_query("é", turns=("a\u2028b\n",))])
    expected = (
        '{"category":"regular","difficulty":null,"id":"é","reference":null,"source":"test","task":[],"topic":[],'
        '"turns":["a\u2028b\\n"]}\n'
    )
    assert (tmp_path / "x.jsonl").read_bytes() == expected.encode("utf-8")


def test_json_bytes_are_sorted_indented_and_end_with_a_line_feed(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", Estimate(mean=0.5, low=None, high=1.0))
    assert (tmp_path / "x.json").read_bytes() == b'{\n  "high": 1.0,\n  "low": null,\n  "mean": 0.5\n}\n'


def test_a_text_keeps_its_line_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "x.txt", HARD_TEXT)
    assert (tmp_path / "x.txt").read_bytes() == HARD_TEXT.encode("utf-8")


def test_no_rows_make_an_empty_file_and_read_back_as_none(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "x.jsonl", [])
    assert (tmp_path / "x.jsonl").read_bytes() == b""
    assert read_jsonl(tmp_path / "x.jsonl", Instruction) == []


def test_twenty_thousand_rows_come_back(tmp_path: Path) -> None:
    rows = [make_query(f"q{number}") for number in range(20_000)]
    write_jsonl(tmp_path / "x.jsonl", rows)
    assert read_jsonl(tmp_path / "x.jsonl", Instruction) == rows


def test_a_record_refuses_a_lone_surrogate_and_names_the_field() -> None:
    with pytest.raises(ValidationError, match=r"turns\.0\n  Input should be a valid string, unable to parse"):
        make_query(turns=("\ud800",))


def test_a_lone_surrogate_in_a_text_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "x.txt", "old")
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        write_text(tmp_path / "x.txt", "new \ud800")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"x.txt": "old"}


def test_a_number_that_json_cannot_say_never_becomes_a_record() -> None:
    with pytest.raises(ValidationError, match="finite number"):
        Estimate(mean=float("nan"), low=None, high=None)


def test_an_unwritable_value_leaves_no_file(tmp_path: Path) -> None:
    broken = Estimate.model_construct(mean=float("inf"), low=None, high=None)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x", broken)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_jsonl(tmp_path / "x", [broken])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), UrialError("no")])
def test_a_failure_in_the_middle_leaves_the_old_file_alone(tmp_path: Path, error: BaseException) -> None:
    write_jsonl(tmp_path / "x.jsonl", [make_query("old")])

    def rows() -> Iterator[Instruction]:
        yield make_query("new")
        raise error

    with pytest.raises(type(error)):
        write_jsonl(tmp_path / "x.jsonl", rows())
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]
    assert [row.id for row in read_jsonl(tmp_path / "x.jsonl", Instruction)] == ["old"]


def test_the_old_file_is_whole_until_the_new_one_is(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_bytes(path, b"old")
    with atomic_write(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_a_really_full_disk_leaves_the_old_file_alone(full_disk: Path) -> None:
    write_bytes(full_disk / "x", b"old")
    with pytest.raises(UrialError) as caught:
        write_bytes(full_disk / "x", b"n" * 1_000_000)
    assert str(caught.value) == (
        f"{full_disk}/x: cannot be written: No space left on device; nothing was changed\n"
        "  fix: free some space or correct the permissions, then run again"
    )
    assert {path.name: path.read_bytes() for path in full_disk.iterdir()} == {"x": b"old"}


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_an_error_at_any_step_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_bytes(tmp_path / "x", b"old")
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(UrialError, match="cannot be written: No space left on device; nothing was changed"):
        write_bytes(tmp_path / "x", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"x": b"old"}


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(UrialError, match=r"/x: cannot be written: Is a directory; nothing was changed"):
        write_bytes(tmp_path / "x", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(UrialError, match=r"/data/x: cannot be written: (File exists|Not a directory); nothing"):
        write_bytes(tmp_path / "data" / "x", b"new")


def test_missing_folders_are_made_and_the_file_is_as_readable_as_others(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    write_json(tmp_path / "a" / "b" / "x.json", Loading())
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "other", tmp_path / "a" / "b" / "x.json")]
    assert modes[0] == modes[1]


def test_an_output_replaces_nothing_unless_told_to_and_never_what_is_read(tmp_path: Path) -> None:
    free, taken, read, link = (tmp_path / name for name in ("free", "taken", "read", "link"))
    taken.write_text("x")
    read.write_text("x")
    link.symlink_to(tmp_path / "nowhere")
    require_free(free, taken, force=True, inputs=[read])
    require_free(free, inputs=[read, free])
    with pytest.raises(UrialError, match=f"^{taken}: already exists\n  fix: name another file, or replace it"):
        require_free(free, taken)
    for force in (False, True):
        with pytest.raises(UrialError, match=f"^{link}: is a link to '{tmp_path}/nowhere'\n  fix: name the file that"):
            require_free(free, link, force=force)
    with pytest.raises(UrialError, match=r"^/dev/null: is no ordinary file"):
        require_free(Path("/dev/null"), force=True)
    with pytest.raises(UrialError, match=f"^{read}: is {read}, which is read"):
        require_free(read, force=True, inputs=[read])
    with pytest.raises(UrialError, match=f"^{tmp_path}: is a folder"):
        require_free(tmp_path, force=True)
    with pytest.raises(UrialError, match=f"^{free}: named for two files"):
        require_free(free, free, force=True)


@pytest.mark.parametrize(
    ("written", "found"),
    [(b'{"a": 1}', {"a": 1}), (b"[1]", {}), (b"", {}), (b"{", {}), (b"\xff", {}), (b"[" * 100_000, {}), (None, {})],
)
def test_the_object_of_another_tool_s_file_is_empty_where_none_can_be_read(
    written: bytes | None, found: dict[str, int], tmp_path: Path
) -> None:
    if written is not None:
        (tmp_path / "config.json").write_bytes(written)
    assert object_or_empty(tmp_path / "config.json") == found

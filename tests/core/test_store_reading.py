from pathlib import Path

import pytest

from urial.core.errors import UrialError
from urial.core.store import read_json, read_jsonl
from urial.records.estimate import Estimate
from urial.records.instruction import Instruction

GOOD = b'{"id":"a","turns":["x"],"category":"regular","source":"s"}'
EXPECTED = "\n  expected: the record Instruction as in schemas/"
UTF8 = "\n  fix: save the file as UTF-8"
WHOLE = "field 'the whole value'"

BAD_ROWS = [
    (
        GOOD + b"\n\n" + GOOD + b"\n",
        ", line 2: the line is empty\n  expected: one record a line\n  fix: remove the line",
    ),
    (GOOD + b'\n{"id":"\xff"}\n', f", line 2: invalid UTF-8 at byte 7{UTF8}"),
    (
        GOOD.decode().encode("utf-16"),
        f", line 1 (the last line has no end: is the file truncated?): invalid UTF-8 at byte 0{UTF8}",
    ),
    (
        b"\xef\xbb\xbf" + GOOD + b"\n",
        ", line 1: begins with a byte order mark\n  fix: save the file as UTF-8 without one",
    ),
    (b"null\n", f", line 1: {WHOLE}: input should be an object, got None{EXPECTED}"),
    (b"[1]\n", f", line 1: {WHOLE}: input should be an object, got [1]{EXPECTED}"),
    (
        GOOD.replace(b"[", b"{").replace(b"]", b":1}") + b"\n",
        f", line 1: field 'turns': input should be a valid array, got {{'x': 1}}{EXPECTED}",
    ),
    (
        GOOD.replace(b'"x"', b'""') + b"\n",
        f", line 1: field 'turns.0': string should match pattern '\\S', got ''{EXPECTED}",
    ),
    (GOOD.replace(b'"x"', b"7") + b"\n", f", line 1: field 'turns.0': input should be a valid string, got 7{EXPECTED}"),
    (
        GOOD.replace(b"regular", b"Regular") + b"\n",
        f", line 1: field 'category': input should be 'regular' or 'safety', got 'Regular'{EXPECTED}",
    ),
    (
        GOOD.replace(b'"source"', b'"sorce"') + b"\n",
        f", line 1: missing field 'source'; unknown field 'sorce'; did you mean 'source'?{EXPECTED}",
    ),
]


@pytest.mark.parametrize(("data", "message"), BAD_ROWS)
def test_a_bad_row_names_file_line_field_value_and_what_was_expected(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(data)
    with pytest.raises(UrialError) as caught:
        read_jsonl(path, Instruction)
    assert str(caught.value) == f"{path}{message}"


def test_a_truncated_last_line_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(GOOD + b"\n" + GOOD[:20])
    with pytest.raises(UrialError) as caught:
        read_jsonl(path, Instruction)
    assert str(caught.value) == (
        f"{path}, line 2 (the last line has no end: is the file truncated?): field 'the whole value': "
        """invalid JSON: EOF while parsing a string at line 1 column 20, got '{"id":"a","turns":["'"""
        f"{EXPECTED}"
    )


@pytest.mark.parametrize("cut", range(1, len(GOOD)))
def test_wherever_a_file_is_cut_the_line_is_named(tmp_path: Path, cut: int) -> None:
    (tmp_path / "x.jsonl").write_bytes(GOOD + b"\n" + GOOD[:cut])
    with pytest.raises(UrialError, match=r"x\.jsonl, line 2 \(the last line has no end: is the file truncated\?\): "):
        read_jsonl(tmp_path / "x.jsonl", Instruction)


def test_a_last_line_without_its_end_is_read_when_it_is_whole(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(GOOD + b"\r\n" + GOOD)
    assert [row.id for row in read_jsonl(tmp_path / "x.jsonl", Instruction)] == ["a", "a"]


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b'{"id":' + b"9" * 100_000 + b"}", GOOD.replace(b"x", b"x" * 2_000_000)]
)
def test_a_hostile_row_gives_a_short_message(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(GOOD + b"\n" + data + b"\n")
    with pytest.raises(UrialError, match=r"x\.jsonl, line 2: ") as caught:
        read_jsonl(tmp_path / "x.jsonl", Instruction)
    assert len(str(caught.value)) < 700


def test_a_number_that_json_cannot_say_is_refused_on_reading(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"mean":Infinity,"low":NaN,"high":null}')
    with pytest.raises(UrialError) as caught:
        read_json(tmp_path / "x.json", Estimate)
    assert str(caught.value) == (
        f"{tmp_path}/x.json: field 'mean': input should be a finite number, got inf; "
        "field 'low': input should be a finite number, got nan\n  expected: the record Estimate as in schemas/"
    )


def test_an_empty_json_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"")
    with pytest.raises(UrialError, match=r"/x\.json: field 'the whole value': invalid JSON: EOF while parsing a value"):
        read_json(tmp_path / "x.json", Estimate)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UrialError) as caught:
        read_jsonl(tmp_path / "none.jsonl", Instruction)
    assert (
        str(caught.value) == f"{tmp_path}/none.jsonl: cannot be read: No such file or directory\n  fix: check the path"
    )


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(UrialError, match=r": cannot be read: Is a directory\n  fix: check the path$"):
        read_json(tmp_path, Estimate)


@pytest.mark.parametrize("end", [b"\n", b"\n\n", b"\n \n\t\n", b"\n  "])
def test_empty_lines_at_the_end_are_nothing(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(GOOD + b"\n" + GOOD + end)
    assert len(read_jsonl(path, Instruction)) == 2

import csv
import json
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.instruction_files import load, named, refusal, write_rows
from urial.core.errors import UrialError
from urial.instructions import reading
from urial.instructions.reading import read_rows

EMPTY = "instruction set 'mine' is empty\n  expected: at least one instruction"
OBJECTS = "\n  expected: one JSON object a line"
ARRAY = "\n  expected: a JSON array of objects"
CSV = '\n  expected: cells between commas, those with commas, quotes or line ends in "quotes", quotes doubled'
UTF8 = "\n  fix: save the file as UTF-8"
NO_MARK = ": begins with a byte order mark\n  fix: save the file as UTF-8 without one"
GOOD = b'{"instruction": "Why?"}'
# (name, content, message after the path)
BROKEN: list[tuple[str, bytes, str]] = [
    ("x.jsonl", GOOD + b"\n\n" + GOOD + b"\n", f", line 2: the line is empty{OBJECTS}\n  fix: remove the line"),
    ("x.jsonl", GOOD + b"\n" + GOOD[:-3], f", line 2 (the last line has no end: is the file truncated?): not valid JSON at character 17: Unterminated string starting at{OBJECTS}"),
    ("x.jsonl", GOOD + GOOD + b"\n", f", line 1: not valid JSON at character 24: Extra data{OBJECTS}"),
    ("x.jsonl", b"[1]\n", ", line 1: got [1]\n  expected: a JSON object"),
    ("x.jsonl", b"[" * 100_000 + b"\n", f", line 1: nested too deeply{OBJECTS}"),
    ("x.jsonl", b'{"instruction": NaN}\n', f", line 1: NaN is no JSON{OBJECTS}"),
    ("x.jsonl", b'{"instruction": "a", "instruction": "b"}\n', f", line 1: key 'instruction' twice in one object{OBJECTS}"),
    ("x.jsonl", b'{"instruction": "\\ud83d"}\n', f", line 1: half of a character, '\\ud83d'{OBJECTS}"),
    ("x.jsonl", b'{"\\uDE00": "a"}\n', f", line 1: half of a character, '\\ude00'{OBJECTS}"),
    ("x.jsonl", b'{"instruction": "a\tb"}\n', f", line 1: not valid JSON at character 19: Invalid control character at{OBJECTS}"),
    ("x.jsonl", GOOD + b'\n{"\xc3("}\n', f", line 2: invalid UTF-8 at byte 26{UTF8}"),
    ("x.jsonl", b"\xef\xbb\xbf" + GOOD, NO_MARK),
    ("x.json", b"\xef\xbb\xbf[]", NO_MARK),
    ("x.json", b"[" + GOOD + b",\n " + GOOD + b",\n]", f", line 3: not valid JSON at character 1: Expecting value{ARRAY}"),
    ("x.json", b"[" + GOOD + b", 7]", ", row 1: got 7\n  expected: a JSON object"),
    ("x.json", b"[" * 100_000, f": nested too deeply{ARRAY}"),
    ("x.json", b'[{"a": 1, "a": 1}]', f": key 'a' twice in one object{ARRAY}"),
    ("x.json", b"[-Infinity]", f": -Infinity is no JSON{ARRAY}"),
    ("x.json", b"[" + b"9" * 5_000 + b"]", f": a number of 5,000 digits{ARRAY}"),
    ("x.json", b'"text"', ", line 1: got 'text'\n  expected: a JSON object"),
    ("x.csv", b'instruction\n"Why', f", line 2: not valid CSV: unexpected end of data{CSV}"),
    ("x.csv", b'instruction\n"a\nb"\n"Why"?\n', f", line 4: not valid CSV: ',' expected after '\"'{CSV}"),
    ("x.csv", b"instruction,x\na,b\nc\n", ", line 3: number of cells: 1\n  expected: 2, as many as the first line has"),
    ("x.csv", b"instruction\na, b\n", ", line 2: number of cells: 2\n  expected: 1, as many as the first line has"),
    ("x.csv", b"instruction,instruction\na,b\n", ": two columns 'instruction'\n  expected: every column name once"),
    ("x.csv", "instruction\né\n".encode("latin-1"), f", line 2: invalid UTF-8 at byte 12{UTF8}"),
    ("x.csv", "instruction\nWhy?\n".encode("utf-16"), f", line 1: invalid UTF-8 at byte 0{UTF8}"),
    ("x.parquet", b"", ": cannot be read as Parquet: Parquet file size is 0 bytes\n  fix: get the file anew, all of it"),
    ("x.parquet", GOOD, ": cannot be read as Parquet: Parquet magic bytes not found in footer. Either the file is corrupted or this is not a parquet file.\n  fix: get the file anew, all of it"),
    ("x.xlsx", b"PK", ": a kind of file that is not read here\n  expected: a name that ends with .jsonl, .json, .csv or .parquet"),
    ("x", GOOD, ": a kind of file that is not read here\n  expected: a name that ends with .jsonl, .json, .csv or .parquet"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_a_broken_file_says_what_is_wrong_and_where(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert refusal("table", path) == f"{path}{message}"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl", b""), ("x.json", b""), ("x.json", b"[]"), ("x.json", b" [ ]\n"), ("x.csv", b""), ("x.csv", b"\n\n"),
        ("x.csv", b"instruction\n"), ("x.csv", b"\xef\xbb\xbf"),
    ],
)  # fmt: skip
def test_a_file_without_rows_is_an_empty_set(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert refusal("table", tmp_path / name) == EMPTY


def test_a_parquet_file_without_rows_is_an_empty_set(tmp_path: Path) -> None:
    pq.write_table(pa.table({"instruction": pa.array([], pa.string())}), tmp_path / "x.parquet")
    assert refusal("table", tmp_path / "x.parquet") == EMPTY


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".parquet"])
def test_a_file_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    path = write_rows(tmp_path / f"x{ending}", [{"instruction": "Why?" * 1_000}])
    monkeypatch.setattr(reading, "MAX_BYTES", 50)
    assert refusal("table", path) == f"{path}: too large\n  expected: at most 50 bytes"


@pytest.mark.parametrize(("name", "message"), [
    ("x.jsonl", "cannot be read: No such file or directory\n  fix: check the path"),
    ("x.csv", "cannot be read: No such file or directory\n  fix: check the path"),
    ("x.parquet", "cannot be read: No such file or directory\n  fix: check the path"),
])  # fmt: skip
def test_a_missing_file_is_named(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UrialError) as caught:
        read_rows(tmp_path / name, None)
    assert str(caught.value) == f"{tmp_path / name}: {message.replace('{path}', str(tmp_path / name))}"


def test_a_json_file_may_hold_one_object_a_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(GOOD + b"\r\n" + GOOD)
    assert [row.turns for row in load("table", tmp_path / "x.json")] == [("Why?",)] * 2


def test_a_csv_file_may_begin_with_a_mark_and_have_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "x.CSV").write_bytes(b'\xef\xbb\xbfinstruction,n\r\n\r\n"a\r\nb, ""c""",1\r\n\r\nd\0,2\r\n\r\n')
    rows = read_rows(tmp_path / "x.CSV", None)
    assert rows.columns == ("instruction", "n")
    assert [(row.where.removeprefix(f"{tmp_path}/"), row.values) for row in rows.rows] == [
        ("x.CSV, line 3", {"instruction": 'a\r\nb, "c"', "n": "1"}),
        ("x.CSV, line 6", {"instruction": "d\0", "n": "2"}),
    ]


def test_a_csv_cell_longer_than_the_library_s_limit_is_read(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = write_rows(tmp_path / "x.csv", [{"instruction": "Why?", "output": "x" * 1_000_000}])
    assert [row.turns for row in load("table", path)] == [("Why?",)]
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("end", ["\n\n", "\n \t\n\n", "\n  ", "\r\n\r\n"])
def test_empty_lines_at_the_end_are_nothing(tmp_path: Path, end: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"instruction": "Why?"}\n{"instruction": "How?"}' + end, "utf-8", newline="")
    assert [row.turns for row in load("table", path)] == [("Why?",), ("How?",)]


@pytest.mark.parametrize(
    ("wrapped", "keys", "steps"),
    [
        ({"version": 1, "data": [{"instruction": "Why?"}]}, "'data'", '["data"]'),
        ({"rows": {"a b": [{"instruction": "Why?"}]}}, "'a b' in 'rows'", '["rows"]["a b"]'),
        ({"meta": {}, "ids": [1], "train": [{"instruction": "A"}], "test": [{}]}, "'train'", '["train"]'),
    ],
)
@pytest.mark.parametrize(("indent", "kind"), [(None, "table"), (1, "alpaca-eval"), (1, "table"), (None, "lima")])
def test_rows_under_a_key_are_named(
    tmp_path: Path, wrapped: dict[str, object], keys: str, steps: str, *, indent: int | None, kind: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(wrapped, indent=indent), "utf-8")
    assert refusal(kind, path) == (
        f"{path}: one object, with a list of objects under {keys}\n"
        "  expected: a JSON array of objects, or one object a line\n"
        f"  fix: write that list alone to a file: jq '.{steps}' FILE > ROWS.json"
    )


def test_one_object_over_several_lines_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"instruction": "Why?", "tags": [{"a": 1}]}, indent=1), "utf-8")
    assert [row.turns for row in load("table", tmp_path / "x.json")] == [("Why?",)]


def test_a_parquet_file_with_text_that_is_no_text_is_refused(tmp_path: Path) -> None:
    broken = pa.array([b"\xff\xfe"]).cast(pa.binary()).view(pa.string())
    pq.write_table(pa.table({"instruction": broken}), tmp_path / "x.parquet")
    assert refusal("table", tmp_path / "x.parquet") == (
        f"{tmp_path}/x.parquet: cannot be read as Parquet: 'utf-8' codec can't decode byte 0xff in position 0: "
        "invalid start byte\n  fix: get the file anew, all of it"
    )


def test_a_parquet_file_with_one_name_for_two_columns_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table([["a"], ["b"]], names=["instruction", "instruction"]), tmp_path / "x.parquet")
    assert refusal("table", tmp_path / "x.parquet") == (
        f"{tmp_path}/x.parquet: two columns 'instruction'\n  expected: every column name once"
    )


def test_a_cut_off_parquet_file_is_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.parquet", [{"instruction": "Why?"}])
    path.write_bytes(path.read_bytes()[:-20] + b"PAR1")
    assert refusal("table", path).startswith(f"{path}: cannot be read as Parquet: ")


def test_columns_that_nobody_wants_are_not_read(tmp_path: Path) -> None:
    # A time beyond Python's calendar cannot be read, and is not asked for.
    far = pa.array([2**62], pa.timestamp("ms"))
    pq.write_table(pa.table({"instruction": ["Why?"], "when": far, "a.b": ["dotted"]}), tmp_path / "x.parquet")
    assert [row.turns for row in load("table", tmp_path / "x.parquet")] == [("Why?",)]
    dotted = load("table", tmp_path / "x.parquet", columns={"query": "a.b"})
    assert [row.turns for row in dotted] == [("dotted",)]
    assert refusal("table", tmp_path / "x.parquet", columns={"query": "when"}).startswith(
        f"{tmp_path}/x.parquet: cannot be read as Parquet: "
    )


def test_more_rows_than_a_batch_keep_their_order(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "x.parquet", [{"instruction": f"Why {number}?"} for number in range(2_500)])
    found = load("table", path)
    assert [row.turns[0] for row in found] == [f"Why {number}?" for number in range(2_500)]
    assert found[-1].id == named("mine", "Why 2499?")


@pytest.mark.parametrize("depth", range(900, 1_000, 4))
def test_values_nested_to_the_limit_of_the_parser_are_read_or_refused(tmp_path: Path, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    (tmp_path / "x.jsonl").write_text(f'{{"instruction": {nested}}}\n')
    (tmp_path / "y.jsonl").write_text(f'{{"conversations": {nested}, "source": "x"}}\n')
    assert refusal("table", tmp_path / "x.jsonl")
    assert refusal("lima", tmp_path / "y.jsonl")


def damaged(good: bytes) -> st.SearchStrategy[bytes]:
    """The file with some bytes taken out, and others put in their place."""
    place = st.tuples(st.integers(0, len(good)), st.integers(0, 8), st.binary(max_size=8))
    return place.map(lambda item: good[: item[0]] + item[2] + good[item[0] + item[1] :])


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv", ".parquet"])
@pytest.mark.parametrize("kind", ["table", "alpaca-eval"])
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, ending: str, kind: str
) -> None:
    path = tmp_path_factory.mktemp("damaged") / f"x{ending}"
    rows = [{"instruction": "Why “so”?", "dataset": "a"}, {"instruction": 'Two\n"lines"', "dataset": "b"}]
    good = write_rows(path, rows).read_bytes()

    @given(damaged(good))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        with suppress(UrialError):
            load(kind, path)

    check()


def test_separators_that_json_strings_may_hold_end_no_line(tmp_path: Path) -> None:
    text = "a\u2028b\u0085c\x1cd"
    (tmp_path / "x.jsonl").write_text(json.dumps({"instruction": text}, ensure_ascii=False), "utf-8")
    assert [row.turns for row in load("table", tmp_path / "x.jsonl")] == [(text,)]

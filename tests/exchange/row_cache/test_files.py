"""Rows go into a file and come back, whatever their texts; a file with anything wrong in it is refused as a whole."""

import json
import re
import tempfile
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.exchange.row_cache.stored_rows import (
    ROWS,
    answer,
    change,
    contents,
    end_of,
    exported,
    keep,
    key_of,
    line_of,
    refused,
    reply,
)
from urial.core.errors import UrialError
from urial.core.hashing import canonical_json
from urial.core.row_cache import RowCache
from urial.exchange.row_cache import files
from urial.exchange.row_cache.files import load_rows, save_rows
from urial.exchange.row_cache.kinds import KINDS, Imported, kind_of
from urial.records.base import Record

EXPECTED = "\n  expected: a line of a file that `urial cache save` wrote"
GOOD = line_of(key_of("good"), answer())


@given(st.dictionaries(st.integers(0, 99).map(key_of), ROWS, max_size=8))
def test_what_is_exported_is_what_is_imported_and_exported_again(rows: dict[str, Record]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keep(rows, folder / "mine")
        with RowCache(folder / "mine") as mine, RowCache(folder / "theirs") as theirs:
            counts = save_rows(mine, folder / "rows.jsonl")
            done = load_rows(theirs, [folder / "rows.jsonl"])
            again = load_rows(theirs, [folder / "rows.jsonl", folder / "rows.jsonl"])
            save_rows(theirs, folder / "again.jsonl")
            assert {key: theirs.get([key], type(row))[key] for key, row in rows.items()} == rows
        assert done == Imported(rows=len(rows), new=len(rows), known=0, kept=0, replaced=0)
        assert again == Imported(rows=len(rows), new=0, known=len(rows), kept=0, replaced=0)
        assert (folder / "again.jsonl").read_bytes() == (folder / "rows.jsonl").read_bytes()
        assert contents(folder / "mine") == contents(folder / "theirs")
        *lines, end = [json.loads(line) for line in (folder / "rows.jsonl").read_bytes().splitlines()]
        assert end["rows"] == len(rows)
        assert [line["key"] for line in lines] == sorted(rows)
        assert {line["kind"] for line in lines} == set(counts)


@given(ROWS)
def test_a_row_says_by_its_fields_what_it_is(row: Record) -> None:
    kind = kind_of(row.model_dump(mode="json"))
    assert kind is not None
    assert KINDS[kind] is type(row)


def test_no_row_can_be_of_two_kinds() -> None:
    for one, other in permutations(KINDS.values(), 2):
        required = {name for name, field in one.model_fields.items() if field.is_required()}
        own = {name for name, field in other.model_fields.items() if field.is_required()}
        assert not (required <= set(other.model_fields) and own <= set(one.model_fields)), (one, other)


def test_every_record_that_is_looked_up_in_the_cache_has_a_kind() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "urial").rglob("*.py")]
    looked_up = {name for source in sources for name in re.findall(r"cache\.get\(.*, ([A-Z]\w+)\)", source)}
    assert looked_up == {model.__name__ for model in KINDS.values()}


def test_the_order_of_keeping_changes_no_byte(tmp_path: Path) -> None:
    rows: list[tuple[str, Record]] = [(key_of(number), answer(str(number))) for number in range(9)]
    one, two = exported(tmp_path / "1.jsonl", dict(rows)), exported(tmp_path / "2.jsonl", dict(reversed(rows)))
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes() == b"".join(
        canonical_json(json.loads(line)) + b"\n" for line in one.read_bytes().splitlines()
    )


def test_one_kind_alone_is_exported(tmp_path: Path) -> None:
    keep({key_of(1): answer(), key_of(2): reply(), key_of(3): reply("other")})
    with RowCache() as cache:
        assert save_rows(cache, tmp_path / "replies.jsonl", ["reply"]) == {"reply": 2}
        assert save_rows(cache, tmp_path / "protocols.jsonl", ["logprob_protocol"], [key_of(1)]) == {}
    assert (tmp_path / "protocols.jsonl").read_bytes() == end_of(b"")
    with RowCache(tmp_path / "other") as other:
        assert load_rows(other, [tmp_path / "protocols.jsonl"]).rows == 0


def test_a_damaged_row_is_not_exported_and_the_file_there_stays(tmp_path: Path) -> None:
    path = keep({key_of(1): answer("five"), key_of(2): answer()})
    (tmp_path / "rows.jsonl").write_text("as it was")
    change("UPDATE rows SET value = replace(value, 'five', 'four')")
    with RowCache() as cache, pytest.raises(UrialError) as caught:
        save_rows(cache, tmp_path / "rows.jsonl")
    assert str(caught.value) == (
        f"{path}: row {key_of(1)} is not what was kept: its hash is another; nothing was changed\n"
        "  fix: `urial cache check` names all such rows, `urial cache prune --damaged` removes those that are damaged"
    )
    assert [item.name for item in tmp_path.iterdir()] == ["rows.jsonl"]
    assert (tmp_path / "rows.jsonl").read_text() == "as it was"


def test_the_cache_is_not_exported_into_itself() -> None:
    path = keep({key_of(1): answer()})
    with RowCache() as cache, pytest.raises(UrialError) as caught:
        save_rows(cache, path)
    assert str(caught.value) == f"{path}: is the row cache itself\n  fix: name another file"


def test_a_row_of_a_version_with_fewer_fields_is_the_same_row(tmp_path: Path) -> None:
    path = exported(tmp_path / "rows.jsonl", {key_of(1): reply()})
    keep({key_of(1): reply()})
    change("DELETE FROM kept")
    change("UPDATE rows SET value = json_remove(value, '$.distribution')")
    with RowCache() as cache:
        assert load_rows(cache, [path]) == Imported(rows=1, new=0, known=1, kept=0, replaced=0)
        save_rows(cache, tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "Expecting value (line 1, column 1)"),
        (b"{}", "missing field 'kind'; missing field 'key'; missing field 'hash'; missing field 'row'"),
        (b"[]", "field 'the whole value': input should be a valid dictionary or instance of SharedRow, got []"),
        (b"\xff\xfe{}", "invalid UTF-8 at byte 0"),
        (b"\xef\xbb\xbf" + GOOD[:-1], "Unexpected UTF-8 BOM (decode using utf-8-sig) (line 1, column 1)"),
        (GOOD[:-1].replace(b'"kind"', b'"kind": "reply", "kind"'), "key 'kind' twice in one object"),
        (GOOD[:-1].replace(b'"answer"', b'"answre"'), None),
        (GOOD[:-1].replace(b"[1, 2]", b"[1, NaN]"), "NaN is no JSON"),
        (b'{"kind": ' + b"[" * 100_000, "nested too deeply"),
        (GOOD[:-1].replace(b"Because.", b"\\ud800"), "half of a character, '\\ud800'"),
        (GOOD[:-1].replace(b'"row"', b'"more": 1, "row"'), "unknown field 'more'; known names: hash, key, kind, row"),
    ],
)
def test_what_is_no_row_is_refused_by_file_and_line(tmp_path: Path, line: bytes, message: str | None) -> None:
    path = tmp_path / "rows.jsonl"
    kinds = "'answer', 'reply', 'measured_batch', 'scores', 'logprob_protocol', 'capabilities' or 'batch_membership'"
    said = message or f"field 'kind': input should be {kinds}, got 'answre'"
    assert refused(path, GOOD + line + b"\n") == f"{path}, line 2: {said}{EXPECTED}"


def test_the_field_of_a_row_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = {**answer().model_dump(mode="json"), "finish": "later"}
    finishes = "'end_token', 'stop_string', 'length', 'stop' or 'unknown'"
    assert refused(path, GOOD + line_of(key_of(2), row)) == (
        f"{path}, line 2: row of the kind answer: field 'finish': input should be {finishes}, got 'later'\n"
        "  expected: the record Answer of this version of urial"
    )
    assert refused(path, line_of(key_of(2), reply(), kind="answer")).startswith(
        f"{path}, line 1: row of the kind answer: missing field 'token_ids'; unknown field 'aspect'"
    )


@pytest.mark.parametrize("key", ["", "sha256:12", "md5:" + "0" * 64, "SHA256:" + "0" * 64, "sha256:" + "0" * 65])
def test_a_key_that_is_no_hash_is_refused(tmp_path: Path, key: str) -> None:
    path = tmp_path / "rows.jsonl"
    assert refused(path, line_of(key, answer())) == (
        f"{path}, line 1: field 'key': string should match pattern '^sha256:[0-9a-f]{{64}}$', got {key!r}{EXPECTED}"
    )


@pytest.mark.parametrize("field", ["text", "key"])
def test_a_row_that_was_edited_or_put_under_another_key_is_refused(tmp_path: Path, field: str) -> None:
    path = tmp_path / "rows.jsonl"
    key = key_of("good")
    line = GOOD.replace(b"Because.", b"Because!") if field == "text" else GOOD.replace(key.encode(), key_of(2).encode())
    assert refused(path, line) == (
        f"{path}, line 1: field 'hash': is not that of the row under the key {key if field == 'text' else key_of(2)}\n"
        "  fix: have it saved again: a row that was changed since is not taken"
    )


def test_a_line_without_end_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl"
    monkeypatch.setattr(files, "MAX_LINE", 1_000)
    assert refused(path, GOOD + b"x" * 1_001) == (
        f"{path}, line 2: is longer than 1,000 bytes\n  expected: a file of rows"
    )
    monkeypatch.setattr(files, "MAX_LINE", 64 * 1024 * 1024)
    large = line_of(key_of("large"), answer("x" * 20_000_000))
    path.write_bytes(large + end_of(large))
    with RowCache() as cache:
        assert load_rows(cache, [path]).new == 1


def test_a_file_that_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        with RowCache() as cache, pytest.raises(UrialError) as caught:
            load_rows(cache, [path])
        assert str(caught.value) == f"{path}: cannot be read: {reason}\n  fix: check the path"

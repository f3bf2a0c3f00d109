"""`urial cache`."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import invoke
from tests.exchange.row_cache.stored_rows import answer, change, contents, exported, keep, key_of, reply
from urial.cli.cache import KINDS
from urial.core.row_cache import rows_path
from urial.exchange.row_cache import kinds
from urial.records.base import Record

ROWS: dict[str, Record] = {key_of(1): answer("five"), key_of(2): reply("5"), key_of(3): reply("4")}


def rows(*arguments: str | Path, code: int = 0) -> tuple[str, str]:
    """The command's output and errors."""
    result = invoke("cache", *arguments)
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def sizes() -> dict[str, int]:
    found = {key: len(value.encode()) for key, value in contents()}
    return {"answer": found[key_of(1)], "reply": found[key_of(2)] + found[key_of(3)]}


def test_the_kinds_that_the_command_knows_are_all() -> None:
    assert tuple(kinds.KINDS) == KINDS


def test_where_the_cache_is_and_what_is_in_it() -> None:
    path = keep(ROWS)
    size, own = path.stat().st_size, sizes()
    assert rows("stats")[0] == (
        f"{path}: {size / 1_000_000:.2f} MB\n"
        "kind    rows  size\n"
        f"answer  1     {own['answer']} bytes\n"
        f"reply   2     {own['reply']} bytes\n"
    )
    assert json.loads(rows("stats", "--json")[0]) == {
        "path": str(path),
        "file_bytes": size,
        "kinds": {
            "answer": {"rows": 1, "bytes": own["answer"]},
            "reply": {"rows": 2, "bytes": own["reply"]},
        },
        "trained": {"pairs": 0, "bytes": 0},
    }


def test_a_look_makes_no_cache() -> None:
    path = rows_path()
    assert rows("stats") == (f"{path}: no rows yet\n", "")
    error = f"Error: {path}: no row cache yet\n  fix: run `dvc repro`, or `urial cache load FILE`\n"
    for command in (("check",), ("save", "rows.jsonl"), ("prune", "--damaged")):
        assert rows(*command, code=1) == ("", error)
    assert not path.exists()
    assert not Path("rows.jsonl").exists()


def test_rows_go_from_one_cache_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(ROWS)
    file = tmp_path / "rows.jsonl"
    assert rows("save", file)[0] == f"{file}: 3 rows (1 answer, 2 reply)\n"
    data = file.read_bytes()
    assert rows("save", file, code=1)[1] == (
        f"Error: {file}: already exists\n  fix: name another file, or replace it with --force\n"
    )
    assert rows("save", file, "--force", "--json")[0] == (
        f'{{\n  "file": "{file}",\n  "kinds": {{\n    "answer": 1,\n    "reply": 2\n  }},\n'
        '  "missing": 0,\n  "notes": []\n}\n'
    )
    assert file.read_bytes() == data
    assert rows("save", tmp_path / "some.jsonl", "--kind", "answer")[0] == f"{tmp_path}/some.jsonl: 1 row (1 answer)\n"
    monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "theirs"))
    assert rows("load", tmp_path / "some.jsonl")[0] == "1 row: 1 new, 0 already there\n"
    assert rows("load", tmp_path / "some.jsonl", file)[0] == "3 rows: 2 new, 1 already there\n"
    assert json.loads(rows("load", file, "--json")[0]) == {
        "rows": 3, "new": 0, "known": 3, "kept": 0, "replaced": 0,
    }  # fmt: skip
    assert rows("check")[0] == f"{tmp_path}/theirs/rows.sqlite: 3 rows sound\n"


def test_a_conflict_stops_the_import_until_it_is_said_whose_row_is_kept(tmp_path: Path) -> None:
    file = exported(tmp_path / "rows.jsonl", {key_of(1): answer("six")})
    path = keep(ROWS)
    assert rows("load", file, code=1) == (
        "",
        f"Error: {file}, line 1: the row {key_of(1)} is another one than in the cache\nnothing was loaded\n"
        f"  where: {path}\n"
        "  fix: load again with --keep ours (the cache's rows stay) or --keep theirs (they are replaced)\n",
    )
    assert rows("load", file, "--keep", "ours")[0] == "1 row: 0 new, 0 already there, 1 in conflict: ours kept\n"
    assert rows("load", file, "--keep", "theirs")[0] == "1 row: 0 new, 0 already there, 1 in conflict: theirs taken\n"
    assert '"six"' in dict(contents())[key_of(1)]


def test_verify_names_every_broken_row_and_fails() -> None:
    path = keep(ROWS)
    change("UPDATE rows SET value = replace(value, 'five', 'four')")
    change("UPDATE rows SET value = '{' WHERE key = ?", key_of(2))
    problems = {key_of(1): "is not what was kept: its hash is another"}
    problems[key_of(2)] = problems[key_of(1)]
    named = "".join(f"row {key} {problems[key]}\n" for key in sorted(problems))
    assert rows("check", code=1) == (
        f"{path}: 1 row sound\n",
        f"{named}Error: {path}: 2 rows not sound\n  fix: `urial cache prune --damaged` removes damaged rows\n",
    )
    found = json.loads(rows("check", "--json", code=1)[0])
    assert [row["key"] for row in found["broken"]] == sorted(problems)
    assert rows("prune", "--damaged")[0].splitlines()[-1].startswith("2 rows removed, ")
    assert rows("check") == (f"{path}: 1 row sound\n", "")


def test_rows_without_a_hash_are_counted() -> None:
    path = keep(ROWS)
    change("DELETE FROM kept WHERE key = ?", key_of(1))
    assert rows("check")[0] == f"{path}: 3 rows sound, 1 of them without a hash (an older version kept them)\n"


def test_prune_says_what_it_removes_and_needs_to_be_told() -> None:
    keep(ROWS)
    own = sizes()
    assert rows("prune", code=2)[1].endswith(
        "Error: Name what to remove: --kind, --older-than, --not-in-run or --damaged.\n"
    )
    table = f"kind   rows  size\nreply  2     {own['reply']} bytes\n"
    assert rows("prune", "--kind", "reply", "--dry-run")[0] == f"{table}2 rows would be removed; 1 left\n"
    assert len(contents()) == 3
    assert rows("prune", "--kind", "reply")[0] == f"{table}2 rows removed, 0 bytes freed; 1 left\n"
    change("DELETE FROM kept")
    assert rows("prune", "--older-than", "0") == (
        "0 rows removed, 0 bytes freed; 1 left\n",
        "of those left, an older version kept 1 without noting when\n",
    )
    assert rows("prune", "--older-than", "nan", code=2)[1].endswith("'nan' is not a valid integer range.\n")


def test_a_run_is_asked_for_by_its_folder(tmp_path: Path) -> None:
    keep(ROWS)
    for command in (("save", tmp_path / "rows.jsonl", "--run"), ("prune", "--not-in-run")):
        assert rows(*command, "--data", tmp_path, code=1)[1] == (
            f"Error: {tmp_path}: no run here\n  fix: run in a folder that has one, or name its data with --data\n"
        )
    assert len(contents()) == 3
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_can_do() -> None:
    assert "stats" in invoke("cache", "--help").stdout
    assert "Error: No such command 'statistics'." in rows("statistics", code=2)[1]

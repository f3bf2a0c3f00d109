"""What commands print of records, with text that means harm."""

import json
from pathlib import Path
from typing import Any

import pytest

import urial.cli
from urial.cli.shared import print_json, print_table
from urial.records.shift_figures import ShiftedToken

HOSTILE = "\x1b[31m\x9b2J\u202e\u2066\ufeffé"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (ShiftedToken(token=HOSTILE, shifted=1, positions=2), {"token": HOSTILE, "shifted": 1, "positions": 2}),
        ([{"token": HOSTILE}], [{"token": HOSTILE}]),
        ({HOSTILE: [HOSTILE]}, {HOSTILE: [HOSTILE]}),
    ],
)
def test_json_is_printed_in_ascii_only(value: Any, plain: object, capsys: pytest.CaptureFixture[str]) -> None:
    print_json(value)
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert "\x1b" not in printed
    assert json.loads(printed) == plain


def test_a_table_of_hostile_cells_is_one_line_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"name": f"a\n{HOSTILE}", "n": None}])
    assert capsys.readouterr().out.splitlines()[1].split("  ")[-1] == "–"


def test_no_rows_print_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([])
    assert capsys.readouterr().out == ""


def test_commands_print_json_by_one_function() -> None:
    """What is ASCII in one place is ASCII in every command; the others make lines of a diff, a request's body, and
    what a record is read from."""
    cli = Path(urial.cli.__file__).parent
    users = {path.relative_to(cli).as_posix() for path in cli.rglob("*.py") if "json.dumps" in path.read_text("utf-8")}
    assert users == {"shared.py", "prompts.py", "judges.py", "chat/server_stream.py"}

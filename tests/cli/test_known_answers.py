"""`urial known-answers` of files as a user has them: no project, no run, no judge and no key."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.instruction_files import write_rows

ROWS: list[dict[str, Any]] = [
    {"question": "Capital of Ardovia?", "answer": "It is Karmost.", "gold": ["Karmost"]},
    {"question": "River of Ardovia?", "answer": "Selwen", "gold": ["Selwen", "the Selwen"]},
    {"question": "Sound of the fennoth?", "answer": "barking", "gold": ["humming"]},
    {"question": "How are you?", "answer": "Fine.", "gold": []},
]
OTHERS = [{**row, "answer": "humming"} for row in ROWS]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is in no project."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".csv"])
def test_files_of_anybodys_answers_are_counted_and_set_side_by_side(folder: Path, ending: str) -> None:
    for name, rows in (("mine", ROWS), ("theirs", OTHERS)):
        cells = [{**row, "gold": json.dumps(row["gold"]) if ending == ".csv" else row["gold"]} for row in rows]
        write_rows(folder / f"{name}{ending}", cells)
    files = (f"mine{ending}", f"theirs{ending}", "--column", "accepted=gold")
    found = json.loads(invoke("known-answers", *files, "--json").stdout)
    mine = found["systems"]["mine"]
    assert (mine["answered"], mine["total"], mine["no_completion"]) == (3, 3, 0)
    assert (mine["contained"]["mean"], mine["exact"]["mean"]) == (2 / 3, 1 / 3)
    (pair,) = found["agreements"]
    assert [pair[cell] for cell in ("first", "second", "both", "only_first", "only_second", "neither")] == [
        "mine", "theirs", 0, 2, 1, 0,
    ]  # fmt: skip
    shown = invoke("known-answers", *files).stdout
    assert "### Known answers, fact by fact" in shown
    assert "| mine | theirs | 0 | 2 | 1 | 0 | 0 | +33.33 [" in shown
    assert shown.endswith("(2,000 resamples of instructions, seed 0).\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("mine.jsonl",),
            "Error: no accepted answers to what mine was asked\n  fix: name their column with --column accepted=COLUMN, or "
            "instructions that have them with --instructions FILE\n",
        ),
        (
            ("mine.jsonl", "mine.jsonl", "--column", "accepted=gold"),
            "Error: mine.jsonl and mine.jsonl: both of the system 'mine'\n  expected: one file a system\n"
            "  fix: give one of them another name: `urial import completions FILE --system NAME --out OTHER`\n",
        ),
        (
            ("mine.jsonl", "theirs.jsonl", "--column", "accepted=gold"),
            "Error: mine and theirs: other answers are accepted to 'Capital of Ardovia?'\n"
            "  fix: name the instructions of both with --instructions FILE\n",
        ),
        (("nowhere.jsonl",), "Error: nowhere.jsonl: no such file\n  fix: check the path\n"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_what_to_do(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    write_rows(folder / "mine.jsonl", ROWS)
    write_rows(folder / "theirs.jsonl", [{**row, "gold": ["else"]} for row in ROWS])
    result = invoke("known-answers", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)


def test_answers_are_paired_by_what_they_answer_whatever_their_order(folder: Path) -> None:
    write_rows(folder / "mine.jsonl", ROWS)
    write_rows(folder / "theirs.jsonl", [*reversed(ROWS[1:])])
    found = json.loads(
        invoke("known-answers", "mine.jsonl", "theirs.jsonl", "--column", "accepted=gold", "--json").stdout
    )
    (pair,) = found["agreements"]
    assert (pair["both"], pair["neither"], pair["difference"]["n"]) == (1, 1, 2)

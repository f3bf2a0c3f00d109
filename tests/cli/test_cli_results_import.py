"""`urial import`, as a user runs it."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.exchange.importers.score_files import score_row, write
from tests.instruction_files import named, write_rows
from urial.cli import main
from urial.core.store import read_jsonl
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment

IDS = [named("just-eval", "Why 1?"), named("just-eval", "Why 2?")]
ANSWERED = {"id": 1, "instruction": "Why 1?", "output": "So.", "dataset": "koala", "category": "regular"}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["import", *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def judgments(*more: str) -> Result:
    return run("judgments", "a.json", "--system", "s", "--out", "out.jsonl", *more)


def test_judgments_and_their_instructions() -> None:
    write(Path("a.json"), [score_row(1), score_row(2, result="N/A", parsed_result=None)])
    done = judgments("--instructions-out", "instructions.jsonl")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "out.jsonl: 2 judgments; of their aspects 5 failed, 5 scored\n"
    assert [row.instruction_id for row in read_jsonl(Path("out.jsonl"), Judgment)] == IDS
    assert [row.id for row in read_jsonl(Path("instructions.jsonl"), Instruction)] == IDS
    assert CliRunner().invoke(main, ["validate", "--schema", "judgment", "out.jsonl"]).exit_code == 0


def test_nothing_is_replaced_unless_asked_for() -> None:
    write(Path("a.json"), [score_row(1)])
    Path("out.jsonl").write_text("mine")
    refused = judgments()
    assert (refused.exit_code, refused.stderr) == (
        1,
        "Error: out.jsonl: already exists\n  fix: name another file, or replace it with --force\n",
    )
    assert Path("out.jsonl").read_text() == "mine"
    assert judgments("--force").exit_code == 0
    assert len(read_jsonl(Path("out.jsonl"), Judgment)) == 1
    assert judgments("--force", "--instructions-out", "a.json").exit_code == 0
    Path("out.jsonl").unlink()
    assert judgments("--instructions-out", "a.json").stderr.startswith("Error: a.json: already exists")
    assert not Path("out.jsonl").exists()


def test_two_outputs_are_two_files() -> None:
    write(Path("a.json"), [score_row(1)])
    assert judgments("--instructions-out", "./out.jsonl").stderr == (
        "Error: out.jsonl: named for two files\n  fix: name another file for one of them\n"
    )


def test_a_file_that_is_refused_leaves_nothing() -> None:
    write(Path("a.json"), [score_row(1), score_row(1)])
    assert judgments("--instructions-out", "instructions.jsonl").stderr.startswith(
        "Error: the number 1 twice: in a.json"
    )
    assert os.listdir() == ["a.json"]


def test_completions_and_their_instructions() -> None:
    write(Path("o.json"), [ANSWERED])
    done = run("completions", "o.json", "--system", "s", "--out", "c.jsonl", "--instructions-out", "i.jsonl")
    assert (done.stdout, done.stderr) == ("c.jsonl: 1 completion\n", "")
    assert [row.answer and row.answer.text for row in read_jsonl(Path("c.jsonl"), Completion)] == ["So."]
    again = run("completions", "o.json", "--system", "s", "--out", "d.jsonl", "--instructions", "i.jsonl")
    assert again.exit_code == 0
    assert Path("d.jsonl").read_bytes() == Path("c.jsonl").read_bytes()
    write(Path("o.json"), [{**ANSWERED, "instruction": "Where?"}])
    refused = run("completions", "o.json", "--system", "s", "--out", "e.jsonl", "--instructions", "i.jsonl")
    assert refused.stderr.startswith("Error: o.json, row 0: asks what none of the instructions does: 'Where?'\n")
    assert not Path("e.jsonl").exists()


def test_the_instructions_given_are_those_written() -> None:
    write(Path("o.json"), [{**ANSWERED, "category": "unknown"}])
    given = {
        "id": 1,
        "instruction": "Why 1?",
        "source_id": "a",
        "dataset": "koala",
        "category": "safety",
        "task": ["x"],
    }
    write_rows(Path("just.jsonl"), [{**given, "topic": [], "difficulty": None}])
    arguments = ["completions", "o.json", "--system", "s", "--out", "c.jsonl", "--instructions-out", "i.jsonl"]
    assert run(*arguments).stderr.startswith("Error: o.json, row 0, column 'category': got 'unknown'")
    assert sorted(os.listdir()) == ["just.jsonl", "o.json"]
    assert run(*arguments, "--instructions", "just.jsonl").exit_code == 0
    assert [row.task for row in read_jsonl(Path("i.jsonl"), Instruction)] == [("x",)]


def test_instructions_of_a_table() -> None:
    write_rows(Path("t.csv"), [{"ask": "Why?", "key": "k"}])
    arguments = ["instructions", "t.csv", "--kind", "table", "--out", "i.jsonl", "--column", "query=ask"]
    done = run(*arguments, "--column", "id=key", "--category", "safety", "--name", "mine")
    assert (done.stdout, done.stderr) == ("i.jsonl: 1 instruction\n", "")
    (row,) = read_jsonl(Path("i.jsonl"), Instruction)
    assert (row.id, row.turns, row.category, row.source) == ("k", ("Why?",), "safety", "mine")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "lima", "--category", "safety"], "--column and --category are for --kind table, not for lima\n"),
        (
            ["--kind", "table", "--column", "query"],
            "--column 'query'\n  expected: FIELD=COLUMN, as in query=question\n",
        ),
        (
            ["--kind", "table", "--column", "qery=x"],
            "no field 'qery' in an instruction\n  fix: did you mean 'query'?\n",
        ),
        (["--kind", "table", "--column", "query=a", "--column", "query=b"], "--column query: given twice\n"),
        (["--kind", "lima"], "t.csv, line 2: missing field 'conversations'; "),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], message: str) -> None:
    write_rows(Path("t.csv"), [{"ask": "Why?"}])
    done = run("instructions", "t.csv", "--out", "i.jsonl", *arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {message}")
    assert not Path("i.jsonl").exists()

"""`urial summarize` and `urial agreement`, as a user runs them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import make_query, run_python
from tests.judge.files.rows import file_of, judgment
from urial.cli import main
from urial.core.store import write_jsonl
from urial.judge.files.records import Agreement, Summary

ROWS = [judgment("1", {"depth": 4, "clarity": "not_applicable"}), judgment("2", {"depth": 2, "clarity": 2})]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def summary(*arguments: str) -> Summary:
    done = run("summarize", "--json", *arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    return Summary.model_validate_json(done.stdout)


def test_a_summary_is_printed_as_tables_and_as_json() -> None:
    file_of(Path("a.jsonl"), *ROWS)
    text = run("summarize", "a.jsonl")
    assert (text.exit_code, text.stderr) == (0, "")
    assert text.stdout.startswith("### Scores (1-5)\n\n| system | helpfulness |")
    assert text.stdout.endswith("(2,000 resamples of instructions, seed 0).\n")
    found = summary("a.jsonl")
    assert (found.confidence, found.resamples, found.seed, found.permutations) == (0.95, 2_000, 0, 9_999)
    assert (found.systems[0].aspects["clarity"].mean, found.not_applicable, found.without_row) == (2.0, None, None)


def test_options_reach_the_summary() -> None:
    file_of(Path("a.jsonl"), *ROWS)
    file_of(Path("b.jsonl"), *ROWS, system="b", judge="k")
    write_jsonl(Path("i.jsonl"), [make_query("1", task=("x",)), make_query("2"), make_query("3")])
    options = ["--by", "task", "--not-applicable", "5", "--instructions", "i.jsonl", "--mixed-judges"]
    found = summary("a.jsonl", "b.jsonl", *options, "--resamples", "100", "--confidence", "0.5", "--seed", "7")
    assert (found.by, list(found.groups), found.not_applicable, found.mixed_judges) == ("task", ["x"], 5, True)
    assert (found.resamples, found.confidence, found.seed, found.without_row) == (100, 0.5, 7, 1)
    assert found.systems[0].aspects["clarity"].mean == 3.5
    assert [item.aspect for item in found.differences] == ["clarity", "depth"]


def test_the_run_s_instructions_are_taken_where_they_have_all_that_were_judged() -> None:
    file_of(Path("a.jsonl"), *ROWS, judgment("3", {}))
    refused = run("summarize", "a.jsonl")
    assert refused.stderr == (
        "Error: rows without any score, so that nothing tells regular from safety: 1, first '3'\n"
        "  fix: name the instructions with --instructions FILE\n"
    )
    write_jsonl(Path("data/instructions.jsonl"), [make_query("1"), make_query("2")])
    assert run("summarize", "a.jsonl").stderr == refused.stderr
    write_jsonl(Path("data/instructions.jsonl"), [make_query(name) for name in "1234"])
    found = summary("a.jsonl")
    assert (found.systems[0].aspects["depth"].no_completion, found.without_row) == (1, 1)


def test_different_judges_are_refused() -> None:
    file_of(Path("a.jsonl"), *ROWS)
    file_of(Path("b.jsonl"), *ROWS, system="b", judge="k")
    done = run("summarize", "a.jsonl", "b.jsonl")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: different judges of regular instructions, whose scores do not compare\n")


def test_agreement_is_printed_as_tables_and_as_json() -> None:
    file_of(Path("a.jsonl"), *ROWS)
    other = judgment("1", {"depth": 1}, judge="k").model_dump_json().replace("depth is 1", "no\\u009b31m\\u202e")
    Path("b.jsonl").write_text(f"{other}\n")
    text = run("agreement", "a.jsonl", "b.jsonl")
    assert (text.exit_code, text.stderr) == (0, "")
    assert "| 1 | depth | 4 | 1 | depth is 4 | no⟨U+009B⟩31m⟨U+202E⟩ |\n" in text.stdout
    done = run("agreement", "--json", "a.jsonl", "b.jsonl", "--top", "1", "--seed", "3")
    assert done.stdout.isascii()
    found = Agreement.model_validate_json(done.stdout)
    assert (found.largest[0].rationale_b, found.seed, found.aspects["depth"].bias.mean) == ("no\x9b31m\u202e", 3, 3.0)
    assert json.loads(run("agreement", "--json", "a.jsonl", "b.jsonl", "--top", "0").stdout)["largest"] == []


def test_agreement_with_people() -> None:
    file_of(Path("a.jsonl"), *ROWS)
    Path("p.csv").write_text("instruction_id,aspect,score\n1,depth,5\n2,depth,six\n")
    done = run("agreement", "a.jsonl", "p.csv")
    assert (done.exit_code, done.stderr) == (
        1,
        "Error: p.csv, line 3, column 'score': got 'six'\n  expected: a number from 1 to 5, or N/A; overall from 1 to 10\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--not-applicable", "6"],
        ["--resamples", "99"],
        ["--confidence", "1"],
        ["--confidence", "nan"],
        ["--by", "length"],
        ["--seed", "-1"],
    ],
)
def test_a_wrong_option_is_a_usage_error(arguments: list[str]) -> None:
    assert run("summarize", "a.jsonl", *arguments).exit_code == 2


@pytest.mark.parametrize("command", ["summarize", "agreement", "import"])
def test_help_loads_no_heavy_library(command: str) -> None:
    code = f"""
import sys
from urial.cli import main
try:
    main([{command!r}, "--help"])
except SystemExit:
    print(sorted({{"numpy", "scipy", "torch", "pandas", "pyarrow"}} & set(sys.modules)), file=sys.stderr)
"""
    assert run_python(code).stderr == "[]\n"


FASTCHAT_PAIR = '{"question_id": 81, "model_1": "a", "model_2": "b", "g1_winner": "model_1", "g2_winner": "tie"}\n'
FASTCHAT_SINGLE = (
    '{"question_id": 81, "model": "a", "judge": ["gpt-4", "x"], "judgment": "[[7]]", "score": 7, "turn": 1}\n'
)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("pair.jsonl", FASTCHAT_PAIR, "preferences"),
        ("annotations.json", '[\n {"preference": 1.5}\n]\n', "preferences"),
        ("table.csv", "instruction,preference\nWhy?,1\n", "preferences"),
        ("single.jsonl", FASTCHAT_SINGLE, "judgments"),
        ("scores.json", '[\n {"result": "N/A"}\n]\n', "judgments"),
    ],
)
def test_files_of_other_tools_are_to_be_imported(name: str, text: str, kind: str) -> None:
    Path(name).write_text(text, "utf-8")
    file_of(Path("a.jsonl"), *ROWS)
    fix = f"fix: urial import {kind} {name} --out {Path(name).stem}-imported.jsonl"
    commands = [["win-rates" if kind == "preferences" else "summarize", name]]
    if name.endswith(".jsonl"):
        commands.append(["agreement", "a.jsonl", name])
    for command in commands:
        done = run(*command)
        assert (done.exit_code, done.stdout) == (1, "")
        assert f"{name}: no " in done.stderr
        assert fix in done.stderr, command


def test_an_empty_file_of_answers_is_none() -> None:
    from tests.preference_rows import preference

    write_jsonl(Path("p.jsonl"), [preference("1", 1.0, query="Why?")])
    for name in ("empty.jsonl", "empty.csv"):
        Path(name).touch()
        assert run("win-rates", "p.jsonl", "--answers", name).stderr.startswith(f"Error: {name}: no answers")
    Path("reference.csv").touch()
    assert run("win-rates", "p.jsonl", "--length-control", "reference.csv").stderr == (
        "Error: reference.csv: no rows\n  expected: a line an instruction, with index, instruction_sha256_16, difficulty\n"
    )

"""`urial token-shift summarize`, as a user runs it."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.commands import invoke
from tests.conftest import make_query, run_python
from tests.token_shift.measured import SHIFTED, UNSHIFTED, coverage_of, lost, ranks, table_of, token, written
from urial.core.store import write_jsonl
from urial.token_shift.figures.summary import ShiftSummary

FIRST = ranks({"a": [SHIFTED, UNSHIFTED], "b": [SHIFTED]})
SECOND = ranks({"a": [UNSHIFTED, UNSHIFTED], "b": [SHIFTED]})


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return invoke("token-shift", "summarize", *arguments)


def summary(*arguments: str) -> ShiftSummary:
    done = run("--json", *arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.isascii()
    return ShiftSummary.model_validate_json(done.stdout)


def test_a_summary_is_printed_as_tables_and_as_json() -> None:
    written(Path("zero.parquet"), FIRST, [*coverage_of(FIRST), lost("c")])
    written(Path("k3.parquet"), SECOND)
    text = run("zero.parquet", "urial=k3.parquet")
    assert (text.exit_code, text.stderr) == (0, "")
    assert text.stdout.startswith("### Token distribution shift\n\n| measurement | unshifted % |")
    assert "| zero | 33.33 [0.00, 50.00] |" in text.stdout
    assert "| 3 | 2/3 |\n" in text.stdout
    assert "### What the prompt alone explains" in text.stdout
    assert "No coverage lies beside urial: what was not measured is not known.\n" in text.stdout
    assert text.stdout.endswith("(2,000 resamples of answers, seed 0).\n")
    found = summary("zero.parquet", "urial=k3.parquet")
    assert (found.confidence, found.resamples, found.seed, found.permutations) == (0.95, 2_000, 0, 9_999)
    assert {name: item.no_answer for name, item in found.measurements.items()} == {"zero": 1, "urial": None}
    (compared,) = found.comparisons
    assert (compared.first, compared.second, compared.explained.mean) == ("zero", "urial", 0.5)


def test_options_reach_the_summary() -> None:
    many = table_of({"a": [token(SHIFTED, f"t{n}") for n in range(5)], "b": [token(UNSHIFTED, "u", label="end")]})
    written(Path("m.parquet"), many)
    write_jsonl(Path("i.jsonl"), [make_query("a", topic=("x",)), make_query("b")])
    options = ["--by", "topic", "--instructions", "i.jsonl", "--tokens", "2", "--resamples", "100"]
    found = summary("m.parquet", *options, "--confidence", "0.5", "--seed", "7")
    assert (found.by, list(found.groups), found.untagged) == ("topic", ["x"], 1)
    assert (found.resamples, found.confidence, found.seed) == (100, 0.5, 7)
    assert [item.token for item in found.measurements["m"].top_shifted] == ["t0", "t1"]
    text = run("m.parquet", *options, "--labels").stdout
    for title in ("Kinds of tokens", "Most often shifted tokens", "Most often shifted words", "task", "topic x"):
        assert (title in text) == (title != "task"), title
    assert "Kinds of tokens" not in run("m.parquet").stdout
    assert "Most often shifted" not in run("m.parquet").stdout


def test_the_run_s_instructions_are_taken_where_they_have_all_that_were_measured() -> None:
    written(Path("m.parquet"), FIRST)
    refused = run("m.parquet", "--by", "task")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "Error: measurements do not say the task of an instruction\n"
        "  fix: name the instructions that were measured with --instructions FILE\n",
    )
    write_jsonl(Path("data/instructions.jsonl"), [make_query("a", task=("x",))])
    assert run("m.parquet", "--by", "task").stderr == refused.stderr
    write_jsonl(Path("data/instructions.jsonl"), [make_query("a", task=("x",)), make_query("b")])
    assert summary("m.parquet", "--by", "task").groups["x"]["m"].positions == 2


def test_hostile_tokens_reach_no_terminal() -> None:
    rows = [token(SHIFTED, text, word=text, word_index=n) for n, text in enumerate(["\x1b[31m", "\x00", "\u202e", "|"])]
    written(Path("m.parquet"), table_of({"a": [*rows, token(UNSHIFTED)]}))
    text = run("m.parquet", "--tokens", "9")
    assert not set(text.stdout) & set("\x1b\x00\u202e")
    assert "'\\\\x1b[31m'" in text.stdout
    found = summary("m.parquet", "--tokens", "9").measurements["m"]
    assert {item.token for item in found.top_shifted} == {"\x1b[31m", "\x00", "\u202e", "|"}


def test_errors_are_named_without_a_traceback() -> None:
    done = run("gone.parquet")
    assert (done.exit_code, done.stdout, done.stderr) == (
        1,
        "",
        "Error: gone.parquet: no such file\n"
        "  expected: a table of `urial token-shift measure` or of the stage token_shift\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [[], ["m.parquet", "--by", "source"], ["m.parquet", "--tokens", "0"], ["m.parquet", "--resamples", "99"]],
)
def test_a_wrong_option_is_a_usage_error(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_json_has_sorted_keys_and_ends_with_one_line_end() -> None:
    written(Path("m.parquet"), FIRST)
    text = run("--json", "m.parquet").stdout
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


def test_help_loads_no_heavy_library() -> None:
    code = """
import sys
from urial.cli import main
try:
    main(["token-shift", "summarize", "--help"])
except SystemExit:
    print(sorted({"numpy", "scipy", "torch", "pandas", "pyarrow"} & set(sys.modules)), file=sys.stderr)
"""
    assert run_python(code).stderr == "[]\n"

"""The command that measures a file of answers, outside of the pipeline."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.tiny_models import save_folder, tiny_folder, tiny_model
from urial.cli import main
from urial.core.parquet import read_parquet
from urial.core.store import read_jsonl, write_jsonl
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction
from urial.records.token_shift import ShiftCoverage, shift_schema

HASH = "sha256:" + "0" * 64
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`urial token-shift measure` on two answers, one of them a text alone, with further options."""
    save_folder(tmp_path / "aligned", tiny_model("llama", seed=5), "aligned")
    answers = [
        Answer(text="Quwer", token_ids=(300, 301, 2), finish="end_token"),
        Answer(text="It is Karmost.", token_ids=None, finish="unknown"),
    ]
    rows = [
        Completion(instruction_id=f"q{n}", system="aligned", status="ok", reason=None, answer=answer, key=HASH)
        for n, answer in enumerate(answers)
    ]
    write_jsonl(tmp_path / "answers.jsonl", rows)
    asked = [Instruction(id=f"q{n}", turns=("What?",), category="regular", source="test") for n in range(2)]
    write_jsonl(tmp_path / "instructions.jsonl", asked)

    def call(*options: str, out: str = "shift.parquet", answers: str = "answers.jsonl") -> Result:
        return CliRunner().invoke(
            main,
            [
                "token-shift", "measure", str(tmp_path / answers), "--instructions", str(tmp_path / "instructions.jsonl"),
                "--base", str(tiny_folder("llama")), "--aligned", str(tmp_path / "aligned"), "--threads", "1",
                "--prompt", "microworld/zero-shot", "--out", str(tmp_path / out), *options,
            ],
        )  # fmt: skip

    return call


def test_answers_are_measured_into_a_table_with_its_coverage_beside(run: Run, tmp_path: Path) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    table = read_parquet(tmp_path / "shift.parquet", shift_schema())
    coverage = read_jsonl(tmp_path / "shift.coverage.jsonl", ShiftCoverage)
    assert [(row.context, row.status, row.retokenized) for row in coverage] == [
        ("zero-shot", "measured", False),
        ("zero-shot", "measured", True),
    ]
    assert len(table) == sum(row.positions for row in coverage)
    assert result.output.splitlines()[-1] == f"{tmp_path}/shift.parquet: 2 of 2 answers, {len(table)} tokens"
    summary = CliRunner().invoke(main, ["token-shift", "summarize", str(tmp_path / "shift.parquet"), "--json"])
    assert summary.exit_code == 0, summary.output
    assert json.loads(summary.output)


@pytest.mark.parametrize("options", [("--sequential",), ("--memory-mib", "1"), ("--align-by", "text")])
def test_ways_that_change_no_rank(run: Run, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert run().exit_code == run(*options, out="other.parquet").exit_code == 0
    ranks = [read_parquet(tmp_path / name, shift_schema())["base_rank"] for name in ("shift.parquet", "other.parquet")]
    assert ranks[0] == ranks[1]


def test_nothing_is_replaced_unless_forced(run: Run, tmp_path: Path) -> None:
    assert run().exit_code == 0
    before = (tmp_path / "shift.parquet").read_bytes()
    result = run("--top-k", "1")
    assert result.exit_code == 1
    assert result.output == (
        f"Error: {tmp_path}/shift.parquet: already exists\n  fix: name another file, or replace it with --force\n"
    )
    assert (tmp_path / "shift.parquet").read_bytes() == before
    assert run("--top-k", "1", "--force").exit_code == 0
    assert (tmp_path / "shift.parquet").read_bytes() != before
    (tmp_path / "shift.parquet").unlink()
    assert run().output.startswith(f"Error: {tmp_path}/shift.coverage.jsonl: already exists\n")


def test_bad_input_is_an_error_that_says_what_to_do(run: Run, tmp_path: Path) -> None:
    assert run(out="shift.csv").output == (
        f"Error: --out {tmp_path}/shift.csv: the table is a Parquet file\n  expected: a name that ends in .parquet\n"
    )
    (tmp_path / "empty.jsonl").write_text("")
    assert (
        run(answers="empty.jsonl").output
        == f"Error: {tmp_path}/empty.jsonl: no answers to measure\n  expected: completions, or a question and an answer a row\n"
    )
    missing = run("--base", str(tmp_path / "nowhere"))
    assert (
        missing.output
        == f"Error: base model: no folder {tmp_path}/nowhere\n  fix: correct --base: a folder that is here, a GGUF file, or a hub id, OWNER/NAME\n"
    )
    (tmp_path / "broken.jsonl").write_bytes(b'{"instruction_id": \xff}\n')
    broken = run(answers="broken.jsonl")
    assert (broken.exit_code, broken.output.startswith(f"Error: {tmp_path}/broken.jsonl")) == (1, True)
    assert not (tmp_path / "shift.parquet").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--base-revision", "abc"], "--base-revision needs --base"),
        (
            ["--dtype", "bfloat16"],
            "--dtype needs --base or --aligned: the run's own pair is loaded as params.yaml says",
        ),
    ],
)
def test_what_says_how_a_model_is_loaded_needs_one(options: list[str], message: str) -> None:
    result = CliRunner().invoke(main, ["token-shift", "measure", "a.jsonl", "--out", "x.parquet", *options])
    assert (result.exit_code, result.output.splitlines()[-1]) == (2, f"Error: {message}")
    assert not Path("x.parquet").exists()

"""`urial trace` as people and scripts use it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import invoke
from tests.conftest import run_python
from tests.provenance.tracing import trace_json
from tests.provenance.written import write_run
from tests.report.conftest import small_run
from urial.provenance.trace.records import Trace
from urial.records.judge import RulesIdentity

COMMAND = Path(sys.executable).with_name("urial")
TREE = """\
systems.base.factuality.mean = 2.0
see Just-Eval (paper, section 4.1); null: the answers are not judged, or not on this: the mean, or ratio of sums
├─ recomputed: the same, to the last bit
│  ├─ urial.statistics.scores.aspect_figures: mean of the scores over the scored answers to regular instructions
│  ├─ 4 instructions: 3 count, 1 no completion
│  ├─ data/plan/report.json: md5 {plan}, in data/plan, as in dvc.lock
│  ├─ data/instructions.jsonl: md5 {instructions}, as in dvc.lock
│  └─ data/judgments/base.jsonl: md5 {judgments}, as in dvc.lock
├─ rows: 3
│  ├─ r1
│  │  ├─ instruction: Query r1?
│  │  ├─ judgment: factuality 1, scored, key abababababab
│  │  │  └─ seen
│  │  ├─ completion of base: 2 tokens, ended by end_token, key abababababab
│  │  │  └─ two words
│  │  └─ prompt of base: 10 tokens, 1 characters
│  │     └─ p
│  ├─ r2
│  │  ├─ instruction: Query r2?
│  │  ├─ judgment: factuality 2, scored, key abababababab
│  │  │  └─ seen
│  │  ├─ completion of base: 2 tokens, ended by end_token, key abababababab
│  │  │  └─ two words
│  │  └─ prompt of base: 10 tokens, 1 characters (--rows shows it)
│  └─ r3
│     ├─ instruction: Query r3?
│     ├─ judgment: factuality 3, scored, key abababababab
│     │  └─ seen
│     ├─ completion of base: 2 tokens, ended by end_token, key abababababab
│     │  └─ two words
│     └─ prompt of base: 10 tokens, 1 characters (--rows shows it)
├─ system base
│  ├─ asks the base model
│  ├─ prompt test/zero-shot sha256:{ab}
│  ├─ decoding: max_new_tokens 8, temperature 0.0, top_p 1.0, repetition_penalty 1.1, seed 0
│  └─ generation: batch_size 1, on_context_overflow record
├─ base model microworld
│  ├─ hash {model}
│  ├─ embedded: microworld
│  └─ loading: dtype float32, device_map auto, quantization None, trust_remote_code False
├─ judge rules (rules): rules/1 on no world
├─ instructions set: {set}
│  ├─ set: kind microworld
│  └─ microworld seed: 0
├─ stages
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small run, in which the command is run."""
    monkeypatch.chdir(tmp_path)
    return write_run(small_run(), tmp_path)


def test_the_tree_goes_from_the_number_to_its_rows_and_their_inputs(run: Path) -> None:
    result = invoke("trace", "base.factuality", "--rationales")
    assert (result.exit_code, result.stderr) == (0, "")
    found = trace_json("base.factuality")
    md5 = {file["path"]: file["md5"] for file in found["computation"]["files"]}
    assert [(file["path"], file["folder"], file["edited"]) for file in found["files"]] == [
        ("data/prompts/base.jsonl", None, False),
        ("data/generations/base.jsonl", None, False),
        ("data/plan/instructions.json", "data/plan", False),
        ("data/plan/judge.json", "data/plan", False),
        ("data/plan/systems/base.json", "data/plan", False),
        ("data/models/base/manifest.json", "data/models/base", False),
        ("data/models/aligned/manifest.json", "data/models/aligned", False),
    ]
    assert result.stdout.startswith(
        TREE.format(
            plan=md5["data/plan/report.json"], instructions=md5["data/instructions.jsonl"],
            judgments=md5["data/judgments/base.jsonl"], ab="ab" * 32, model=found["model_hashes"]["base"],
            set=found["instructions_hash"],
        )
    )  # fmt: skip
    stages = [line for line in result.stdout.splitlines() if line.startswith(("│  ├─ ", "│  └─ ")) and "python" in line]
    assert [line[6:].split(":")[0] for line in stages] == [
        "plan", "instructions", "assemble@base", "models", "generate@base", "judge@base", "report",
    ]  # fmt: skip
    assert result.stdout.count("ran on: not recorded") == 7
    assert result.stdout.splitlines()[-11:] == [
        "├─ files that the rest was read from",
        *(
            f"│  {'├' if path != 'data/models/aligned/manifest.json' else '└'}─ {path}: md5 {md5}, {place}as in dvc.lock"
            for path, md5, place in (
                (file["path"], file["md5"], f"in {file['folder']}, " if file["folder"] else "")
                for file in found["files"]
            )
        ),
        "└─ commit: not under git",
        f"   ├─ dvc.lock {found['run']['lock']}",
        "   └─ data/report/report.json: as in dvc.lock",
    ]


def test_rationales_and_further_rows_are_shown_on_demand(run: Path) -> None:
    short, whole = invoke("trace", "aligned.words").stdout, invoke("trace", "aligned.words", "--rows").stdout
    assert "├─ rows: 3 of 4 (--rows shows all)\n" in short
    assert "├─ rows: 4\n" in whole
    assert (short.count("(--rows shows it)"), whole.count("(--rows shows it)")) == (2, 0)
    assert "└─ seen" not in short
    # All aspects are shown of a value that is of none.
    assert "judgment: depth 5, scored" in short


def test_json_is_the_record_with_every_text(run: Path) -> None:
    found = trace_json("/systems/aligned/helpfulness/mean", "--rows")
    record = Trace.model_validate(found, strict=False)
    assert (record.pointer, record.path, record.value) == (
        "/systems/aligned/helpfulness/mean", "systems.aligned.helpfulness.mean", 4.0,
    )  # fmt: skip
    assert record.computation.left_out == {"not_applicable": 1}
    assert [row.instruction.id for row in record.rows] == ["r1", "r2", "r4"]
    first = record.rows[0]
    assert first.judgment is not None
    assert first.judgment.scores[0].rationale == "seen"
    assert [prompt.text for prompt in first.prompts] == ["p"]
    assert record.judge is not None
    assert record.judge.name == "rules"
    assert record.judge_identity == RulesIdentity(kind="rules", version=1, world=None)
    assert [item.stage.name for item in record.stages][-1] == "report"
    assert all(item.environment is None for item in record.stages)


def test_positions_are_shown_with_their_answers(run: Path) -> None:
    found = invoke("trace", "token_shift.base.shifted").stdout
    assert "│  ├─ 12 positions: 3 count, 9 not shifted\n" in found
    assert (
        "├─ positions: 3\n"
        "│  ├─ r1, position 1: “tok”, content_word, shifted, base rank 4, base probability 0.300, KL 1 nats\n" in found
    )
    assert "├─ rows of their answers\n│  ├─ r1\n" in found
    assert "│  │  └─ coverage: base: 2 positions measured, 0 unmatched, end none\n" in found


def test_values_that_are_no_numbers_tell_where_they_are_from(run: Path) -> None:
    judge = trace_json("judge")
    assert (judge["path"], judge["value"], judge["judge"]["name"]) == ("judge.kind", "rules", "rules")
    assert judge["judge_identity"] == {"kind": "rules", "version": 1, "world": None}
    found = trace_json("systems.base.prompt_hash")
    assert (found["value"], found["rows"], found["computation"]["how"]) == (
        "sha256:" + "ab" * 32, [], "as the stage plan resolved it",
    )  # fmt: skip
    assert trace_json("aligned.later_turns")["value"] is None


@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b]0;title\x07", "\u202ereversed", "a\rb\x85c\u2028d", "<script>", "\ufeff\x00"]
)
def test_hostile_text_reaches_no_terminal(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_run(small_run(text, text), tmp_path))
    for pointer in ("aligned.clarity", "token_shift.base.shifted", "token_shift.base.top_shifted.0.token"):
        for output in (
            invoke("trace", pointer, "--rows", "--rationales").stdout,
            invoke("trace", pointer, "--json").stdout,
        ):
            assert {char for char in output if not char.isprintable()} <= {"\n"}


def completed(folder: Path, words: str) -> list[str]:
    environment = {
        **os.environ, "_URIAL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
    }  # fmt: skip
    done = subprocess.run(
        [COMMAND], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "the report has no 'nonsense'\n"),
        ("base.factualty", "the report has no 'base.factualty'\n  fix: did you mean 'base.factuality'?\n"),
        ("/token_shift/bse/kl", "the report has no 'bse' under 'token_shift'\n"),
    ],
)
def test_a_name_that_the_report_does_not_have_is_an_error(text: str, said: str, run: Path) -> None:
    done = run_python("import sys; from urial.cli import main; main(sys.argv[1:])", "trace", text, cwd=run)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: {said}")


def test_the_shell_completes_pointers_of_the_report(run: Path) -> None:
    assert completed(run, "urial trace sys") == ["plain,systems.aligned.", "plain,systems.base."]
    assert completed(run, "urial trace systems.base.words.") == [
        "plain,systems.base.words.high", "plain,systems.base.words.low", "plain,systems.base.words.mean",
    ]  # fmt: skip
    assert completed(run, "urial trace base.wo") == [
        "plain,base.words.high", "plain,base.words.low", "plain,base.words.mean",
    ]  # fmt: skip
    assert completed(run, "urial trace --rows /systems/base/ok") == ["plain,/systems/base/ok"]


@pytest.mark.parametrize("data", [None, b"", b"{", b"[" * 100_000, b"\xff", b'"text"'])
def test_without_a_report_the_shell_completes_nothing(tmp_path: Path, data: bytes | None) -> None:
    if data is not None:
        (tmp_path / "data/report").mkdir(parents=True)
        (tmp_path / "data/report/report.json").write_bytes(data)
    assert completed(tmp_path, "urial trace s") == [""]

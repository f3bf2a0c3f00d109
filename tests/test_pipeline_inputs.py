"""Other prompts, instructions and models through the real pipeline, run by the real DVC in a temporary clone."""

import csv
import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.pipeline import SYSTEMS, Clone
from urial.hashing import short_hash
from urial.prompts.library import load_prompt, prompt_hash
from urial.records import Completion, Instruction
from urial.store import write_jsonl


@pytest.mark.slow
def test_a_queued_sweep_over_prompts_is_compared_side_by_side(clone: Clone) -> None:
    prompts = ("retrieval-k3", "general/zero-shot")
    clone.run("dvc", "exp", "run", "--queue", "-S", f"systems.base-urial.prompt={','.join(prompts)}")
    clone.run("dvc", "exp", "run", "--run-all", "--jobs", "1")
    # The worker can still be bringing in its last result.
    deadline = time.monotonic() + 60
    while len(swept := shown(clone)) < len(prompts) and time.monotonic() < deadline:
        time.sleep(1)
    assert set(swept) == {"microworld/retrieval-k3", "general/zero-shot"}
    for name, row in swept.items():
        prompt = prompt_hash(load_prompt(name, clone.folder / "prompts"))
        assert row["measured.base-urial.prompt_hash"] == short_hash(prompt)
        assert float(row["measured.base-urial.words"]) >= 0
        assert float(row["measured.base-urial.scored"]) > 0


def shown(clone: Clone) -> dict[str, dict[str, str]]:
    """What `dvc exp show` says of each experiment, by the prompt of base-urial."""
    done = subprocess.run(
        ["dvc", "exp", "show", "--csv"],
        cwd=clone.folder, env=clone.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = csv.DictReader(done.stdout.splitlines())
    return {row["measured.base-urial.prompt"]: row for row in rows if row["Experiment"]}


@pytest.mark.slow
def test_instructions_of_two_turns(clone: Clone) -> None:
    clone.run("git", "checkout", "--quiet", ".")
    questions = clone.folder / "questions.jsonl"
    rows = [{"question_id": n, "category": "writing", "turns": [f"What is {n}?", "Say it again."]} for n in (81, 82)]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = (
        "run.instructions=mt-bench",
        "instruction_sets.mt-bench.source=questions.jsonl",
        "systems.base-urial.prompt=urial-k1",
    )
    clone.run("dvc", "exp", "run", *(part for option in options for part in ("-S", option)))
    for system in SYSTEMS:
        lines = (clone.folder / f"data/generations/{system}.jsonl").read_text("utf-8").splitlines()
        for completion in (Completion.model_validate_json(line) for line in lines):
            (later,) = completion.later_turns
            assert completion.answer is not None
            assert later.prompt is not None
            assert completion.answer.text in later.prompt.text
            assert "Say it again." in later.prompt.text
    report = json.loads((clone.folder / "data/report/report.json").read_text("utf-8"))
    assert {(item["later_turns"]["asked"], item["later_turns"]["ok"]) for item in report["systems"].values()} == {
        (2, 2)
    }
    assert "### Second and later messages" in clone.run("urial", "report").stdout


@pytest.mark.slow
def test_published_instructions_run_through_all_stages(clone: Clone, just_eval_file: Path) -> None:
    clone.run("git", "checkout", "--quiet", ".")
    clone.run(
        "dvc", "exp", "run", "-S", "run.instructions=just-eval", "-S", "run.limit=40", "-S", "run.pair=embedded",
        "-S", f"instruction_sets.just-eval.source={just_eval_file}", "-S", "generation.too_long=record",
    )  # fmt: skip
    report = json.loads((clone.folder / "data/report/report.json").read_text("utf-8"))
    for system in report["systems"].values():
        assert system["instructions"] == system["ok"] + system["too_long"] == 40
        assert system["helpfulness"]["scored"] == 0
        assert system["helpfulness"]["mean"] is None
        assert system["helpfulness"]["not_applicable"] == system["ok"]
        assert system["average"]["mean"] is None


@pytest.mark.slow
def test_a_pair_of_model_folders_is_loaded_through_transformers(clone: Clone, tmp_path: Path) -> None:
    for role in ("base", "aligned"):
        shutil.copytree(clone.folder / "data/models" / role, tmp_path / role)
        (tmp_path / role / "manifest.json").unlink()
    rows = [
        Instruction(id=f"q{number}", turns=(f"Why {number}?",), category="regular", source="own") for number in (1, 2)
    ]
    write_jsonl(tmp_path / "own.jsonl", rows)
    clone.run("git", "checkout", "--quiet", ".")
    base, aligned = f"{{id: {tmp_path}/base, revision: {last_step(tmp_path)}}}", f"{{id: {tmp_path}/aligned}}"
    clone.edit(
        "pairs:\n", f"pairs:\n  own: {{kind: transformers, prompts: microworld, base: {base}, aligned: {aligned}}}\n"
    )
    clone.edit("instruction_sets:\n", f"instruction_sets:\n  own: {{kind: jsonl, source: {tmp_path}/own.jsonl}}\n")
    output = clone.run("dvc", "exp", "run", "-S", "run.pair=own", "-S", "run.instructions=own").stdout
    assert "base-urial: 0 answers from the row cache, 2 to compute" in output
    report = json.loads((clone.folder / "data/report/report.json").read_text("utf-8"))
    assert report["systems"]["base-urial"]["prompt"] == "microworld/urial-k3"
    assert report["systems"]["base-urial"]["decoding"]["repetition_penalty"] == 1.1
    assert [shift["measured"] for shift in report["token_shift"].values()] == [2, 2]
    assert [shift["style"] for shift in report["token_shift"].values()] == [None, None]
    assert sorted(path.name for path in (clone.folder / "data/models/base").iterdir()) == ["manifest.json"]


def last_step(folder: Path) -> str:
    return max((path.name for path in (folder / "base").glob("step-*")), key=lambda name: int(name.split("-")[1]))

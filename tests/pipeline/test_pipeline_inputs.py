"""Other prompts, instructions and models through the real pipeline, run by the real DVC in a temporary clone."""

import json
import shutil
from pathlib import Path

import pytest

from tests.clones import SYSTEMS, Clone, make_clone
from urial.core.store import write_jsonl
from urial.records.completion import Completion
from urial.records.instruction import Instruction


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with models alone: with other inputs, all else is computed anew."""
    clone = make_clone(tmp_path_factory.mktemp("trained"))
    clone.edit("chats: 24}", "chats: 24, checkpoints: true}")
    clone.run("dvc", "repro", "models")
    clone.run("git", "add", "--all")
    clone.run("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", "models")
    return clone


@pytest.mark.slow
def test_instructions_of_two_turns(trained: Clone) -> None:
    trained.run("git", "checkout", "--quiet", ".")
    questions = trained.folder / "questions.jsonl"
    rows = [{"question_id": n, "category": "writing", "turns": [f"What is {n}?", "Say it again."]} for n in (81, 82)]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = (
        "run.instructions=mt-bench",
        "instruction_sets.mt-bench.source=questions.jsonl",
        "systems.base-urial.prompt=urial-k1",
    )
    trained.run("dvc", "exp", "run", *(part for option in options for part in ("-S", option)))
    for system in SYSTEMS:
        lines = (trained.folder / f"data/generations/{system}.jsonl").read_text("utf-8").splitlines()
        for completion in (Completion.model_validate_json(line) for line in lines):
            (later,) = completion.later_turns
            assert completion.answer is not None
            assert later.prompt is not None
            assert completion.answer.text in later.prompt.text
            assert "Say it again." in later.prompt.text
    report = json.loads((trained.folder / "data/report/report.json").read_text("utf-8"))
    assert {(item["later_turns"]["asked"], item["later_turns"]["ok"]) for item in report["systems"].values()} == {
        (2, 2)
    }
    assert "### Second and later messages" in trained.run("urial", "report").stdout


@pytest.mark.slow
def test_published_instructions_run_through_all_stages(trained: Clone, just_eval_file: Path) -> None:
    trained.run("git", "checkout", "--quiet", ".")
    trained.run(
        "dvc", "exp", "run", "-S", "run.instructions=just-eval", "-S", "run.limit=40", "-S", "run.study=embedded",
        "-S", f"instruction_sets.just-eval.source={just_eval_file}", "-S", "generation.too_long=record",
    )  # fmt: skip
    report = json.loads((trained.folder / "data/report/report.json").read_text("utf-8"))
    for system in report["systems"].values():
        assert system["instructions"] == system["ok"] + system["too_long"] == 40
        assert system["helpfulness"]["scored"] == 0
        assert system["helpfulness"]["mean"] is None
        assert system["helpfulness"]["not_applicable"] == system["ok"]
        assert system["average"]["mean"] is None


@pytest.mark.slow
def test_a_pair_of_model_folders_is_loaded_through_transformers(trained: Clone, tmp_path: Path) -> None:
    for role in ("base", "aligned"):
        shutil.copytree(trained.folder / "data/models" / role, tmp_path / role)
        (tmp_path / role / "manifest.json").unlink()
    rows = [
        Instruction(id=f"q{number}", turns=(f"Why {number}?",), category="regular", source="own") for number in (1, 2)
    ]
    write_jsonl(tmp_path / "own.jsonl", rows)
    trained.run("git", "checkout", "--quiet", ".")
    base, aligned = f"{{folder: {tmp_path}/base, checkpoint: {last_step(tmp_path)}}}", f"{{folder: {tmp_path}/aligned}}"
    trained.edit(
        "studies:\n", f"studies:\n  own: {{kind: models, prompts: microworld, base: {base}, aligned: {aligned}}}\n"
    )
    trained.edit("instruction_sets:\n", f"instruction_sets:\n  own: {{kind: jsonl, source: {tmp_path}/own.jsonl}}\n")
    output = trained.run("dvc", "exp", "run", "-S", "run.study=own", "-S", "run.instructions=own").stdout
    assert "base-urial: 0 answers from the row cache, 2 to compute" in output
    report = json.loads((trained.folder / "data/report/report.json").read_text("utf-8"))
    assert report["systems"]["base-urial"]["prompt"] == "microworld/urial-k3"
    assert report["systems"]["base-urial"]["decoding"]["repetition_penalty"] == 1.1
    assert [shift["measured"] for shift in report["token_shift"].values()] == [2, 2]
    assert [shift["style"] for shift in report["token_shift"].values()] == [None, None]
    assert sorted(path.name for path in (trained.folder / "data/models/base").iterdir()) == ["manifest.json"]


def last_step(folder: Path) -> str:
    return max((path.name for path in (folder / "base").glob("step-*")), key=lambda name: int(name.split("-")[1]))

"""Other prompts, instructions, models and judges through all stages."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.clones import SYSTEMS, Clone
from tests.judge_server import MODEL, judging
from tests.pipeline.in_process import STAGES, edit_params, run_stages
from urial.core.store import read_jsonl, write_jsonl
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judge import ModelIdentity, ServerJudgeModel, describe

pytestmark = pytest.mark.slow
UNTRAINED = [name for name in STAGES if name != "models"]


@pytest.fixture
def trained(computed_clone: Clone, tmp_path: Path) -> Path:
    """A folder with parameters, prompts and models: with other inputs, all else is computed anew."""
    folder = tmp_path / "trained"
    shutil.copytree(computed_clone.folder / "prompts", folder / "prompts")
    shutil.copytree(computed_clone.folder / "data/models", folder / "data/models")
    shutil.copy(computed_clone.folder / "params.yaml", folder)
    return folder


def test_instructions_of_two_turns(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"question_id": n, "category": "writing", "turns": [f"What is {n}?", "Say it again."]} for n in (81, 82)]
    (trained / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def change(params: Any) -> None:
        params["run"]["instructions"] = "mt-bench"
        params["instruction_sets"]["mt-bench"]["source"] = "questions.jsonl"
        params["systems"]["base-urial"]["prompt"] = "urial-k1"

    edit_params(trained / "params.yaml", change)
    report, _ = run_stages(trained, monkeypatch, UNTRAINED)
    for system in SYSTEMS:
        for completion in read_jsonl(trained / f"data/generations/{system}.jsonl", Completion):
            (later,) = completion.later_turns
            assert completion.answer is not None
            assert later.prompt is not None
            assert completion.answer.text in later.prompt.text
            assert "Say it again." in later.prompt.text
        turns = report.systems[system].later_turns
        assert turns is not None
        assert (turns.asked, turns.ok) == (2, 2)
    assert "### Second and later messages" in invoke("report").stdout


@pytest.mark.parametrize("limit", [10, pytest.param(40, marks=pytest.mark.thorough)])
def test_published_instructions_run_through_all_stages(
    limit: int, trained: Path, just_eval_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(params: Any) -> None:
        params["run"].update(instructions="just-eval", limit=limit)
        params["instruction_sets"]["just-eval"]["source"] = str(just_eval_file)
        params["generation"]["on_context_overflow"] = "record"

    edit_params(trained / "params.yaml", change)
    report, _ = run_stages(trained, monkeypatch, UNTRAINED)
    for system in report.systems.values():
        assert system.instructions == system.ok + system.too_long == limit
        assert system.aspects["helpfulness"].scored == 0
        assert system.aspects["helpfulness"].mean is None
        assert system.aspects["helpfulness"].not_applicable == system.ok
        assert system.average.mean is None


def test_a_pair_of_model_folders_is_loaded_through_transformers(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "models"
    shutil.move(trained / "data/models", models)
    for role in ("base", "aligned"):
        (models / role / "manifest.json").unlink()
    rows = [
        Instruction(id=f"q{number}", turns=(f"Why {number}?",), category="regular", source="own") for number in (1, 2)
    ]
    write_jsonl(tmp_path / "own.jsonl", rows)
    (models / "base").rename(models / "step-9")

    def change(params: Any) -> None:
        params["run"].update(study="own", instructions="own")
        params["studies"]["own"] = {
            "kind": "models", "prompts": "microworld", "aligned": {"folder": f"{models}/aligned"},
            "base": {"folder": str(models), "checkpoint": "step-9"},
        }  # fmt: skip
        params["instruction_sets"]["own"] = {"kind": "jsonl", "source": f"{tmp_path}/own.jsonl"}

    edit_params(trained / "params.yaml", change)
    report, said = run_stages(trained, monkeypatch)
    assert "base-urial: 0 answers from the row cache, 2 to compute" in said
    assert report.systems["base-urial"].prompt == "microworld/urial-k3"
    assert report.systems["base-urial"].decoding.repetition_penalty == 1.1
    # Nothing is answered to these instructions by the micro-world's own texts, which answer its unsafe requests.
    measured = {"base-zero-shot": 2, "base-urial": 2, "base-answers": 2, "compliance": 0, "refusal": 0}
    assert {name: shift.measured for name, shift in report.token_shift.items()} == measured
    assert {shift.style for shift in report.token_shift.values()} == {None}
    assert sorted(path.name for path in (trained / "data/models/base").iterdir()) == ["manifest.json"]


def test_a_judge_on_a_server_scores_the_answers_that_are_there(
    computed_clone: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(computed_clone.folder, folder, ignore=shutil.ignore_patterns(".git", ".dvc", "remote", "judgments"))
    with judging() as server:

        def change(params: Any) -> None:
            params["judges"]["mine"] = {"kind": "openai", "server": server.url, "model": MODEL}
            params["run"]["judge"] = "mine"

        edit_params(folder / "params.yaml", change)
        report, said = run_stages(folder, monkeypatch, ("plan", "judge", "judge_blend", "judge_safety_depth", "report"))
        assert "tokens read" in said
        assert len(server.questions()) <= 3 * 70
    assert isinstance(report.judge, ModelIdentity)
    assert isinstance(report.judge.model, ServerJudgeModel)
    assert (report.judge.model.server, report.judge.model.model) == (server.url, MODEL)
    for system in report.systems.values():
        helpfulness = system.aspects["helpfulness"]
        assert (helpfulness.scored, helpfulness.mean) == (helpfulness.total, 4)
    assert describe(report.judge) in invoke("report").stdout.replace("\\", "")
    # The server is gone, and with the row cache nobody misses it.
    run_stages(folder, monkeypatch, ("judge",))

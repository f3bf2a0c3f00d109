"""Sweeps of a toy project by the real DVC."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.clones import Clone
from tests.experiments.sweep.toy import damage, names, refs, reported, state
from urial.experiments.sweep.aside import ASIDE, log_of

MADE = ["own-step-100", "own-step-200", "own-step-300"]


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The model folders that engines were opened for, as they are."""
    from urial.generate import transformers_batch

    folders: list[Path] = []
    original = transformers_batch.TransformersEngine

    def counting(*arguments: Any) -> transformers_batch.TransformersEngine:
        folders.append(arguments[0])
        return original(*arguments)

    monkeypatch.setattr(transformers_batch, "TransformersEngine", counting)
    return folders


def test_the_plan_alone_computes_nothing_and_counts_what_the_cache_lacks(project: Clone, loaded: list[Path]) -> None:
    before, known = state(project), refs(project)
    result = invoke("sweep", "checkpoints", "--dry-run", "--every", "2")
    assert result.stdout == (
        "experiment              answers  to compute  judged anew\n"
        "own-step-100  step 100  4        4           0\n"
        "own-step-300  step 300  4        4           0\n"
    )
    assert (result.exit_code, loaded, refs(project), state(project)) == (0, [], known, before)


def test_a_damaged_checkpoint_is_reported_and_the_others_are_there(project: Clone, loaded: list[Path]) -> None:
    weights, before = damage(project, 200), state(project)
    result = invoke("sweep", "checkpoints")
    assert result.exit_code == 1, result.output
    assert names(project) == [MADE[0], MADE[2]]
    assert reported(project, MADE[0]) == {
        "base": {"folder": "weights", "checkpoint": "step-100"},
        "systems": ["base-zero-shot", "base-urial"],
    }
    # Both systems of a checkpoint, and the damaged one once.
    assert len(loaded) == 3
    assert "own-step-200: failed: " in result.output, result.output
    assert result.output.endswith(
        "3 experiments: 2 made, 0 there already, 1 failed\nSide by side: urial leaderboard --all\n"
    )
    assert "cannot be loaded" in log_of(MADE[1]).read_text("utf-8")
    assert state(project) == before
    assert sorted(path.name for path in ASIDE.iterdir()) == ["lock", "logs"]

    loaded.clear()
    (project.folder / "weights/step-200/model.safetensors").write_bytes(weights)
    result = invoke("sweep", "checkpoints")
    assert (result.exit_code, len(loaded)) == (0, 1), result.output
    assert names(project) == MADE
    assert result.output.endswith(
        "3 experiments: 1 made, 2 there already, 0 failed\nSide by side: urial leaderboard --all\n"
    )

    loaded.clear()
    known = refs(project)
    result = invoke("sweep", "checkpoints")
    assert (result.exit_code, loaded, refs(project)) == (0, [], known)
    assert result.output.endswith(
        "3 experiments: 0 made, 3 there already, 0 failed\nSide by side: urial leaderboard --all\n"
    )

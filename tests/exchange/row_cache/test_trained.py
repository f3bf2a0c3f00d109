"""The commands about the row cache know of the trained pairs beside it."""

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.commands import invoke
from urial.core.row_cache import RowCache
from urial.core.store import write_json
from urial.exchange.row_cache.kinds import Kind
from urial.exchange.row_cache.maintenance import Choice, prune_cache
from urial.local_models.loading.loading import file_hashes
from urial.models.trained import MODEL, RECORD, TUNED_RECORD, TrainedCheckpoint, TrainedPair, pairs_folder
from urial.records.model import TunedWeights

DAY = 86_400
HASH = "sha256:" + "0" * 64


def make_pair(name: str, days: int = 0) -> Path:
    """The folder of a pair of two checkpoints, whose weights are never loaded here."""
    folder = pairs_folder() / name
    for model in ("base/step-1", "base/step-2", "aligned"):
        (folder / model).mkdir(parents=True)
        (folder / model / "model.safetensors").write_bytes(model.encode() * 1000)
    checkpoints = [
        TrainedCheckpoint(step=step, tokens=9 * step, files=file_hashes(folder / f"base/step-{step}"))
        for step in (1, 2)
    ]
    write_json(folder / RECORD, TrainedPair(checkpoints=tuple(checkpoints), aligned=file_hashes(folder / "aligned")))
    made = time.time() - days * DAY - 60
    os.utime(folder, (made, made))
    return folder


def make_tuned(name: str) -> Path:
    """The folder of a tuned model."""
    folder = pairs_folder() / name
    (folder / MODEL).mkdir(parents=True)
    (folder / MODEL / "model.safetensors").write_bytes(b"tuned" * 1000)
    counts = {"pairs": 1, "tokens": 9, "answer_tokens": 5, "steps": 3, "first_loss": 2.0, "last_loss": 1.0}
    files = file_hashes(folder / MODEL)
    said = {"tuned": {"data": {"pool": "p"}}, "data_hash": HASH, "recipe_hash": HASH, "result": counts, "loading": {}}
    write_json(folder / TUNED_RECORD, TunedWeights.model_validate({**said, "base_files": files, "files": files}))
    return folder


def urial(*arguments: str) -> Result:
    return invoke("cache", *arguments)


def names() -> list[str]:
    return sorted(path.name for path in pairs_folder().iterdir())


def test_pairs_are_counted_and_found_sound() -> None:
    make_pair("a")
    (pairs_folder() / ".making-x").mkdir()
    stats = urial("stats")
    assert stats.exit_code == 0
    assert "no rows yet" in stats.output
    assert "beside it: 1 trained pair, 0.03 MB" in stats.output
    assert json.loads(urial("stats", "--json").output)["trained"]["pairs"] == 1
    checked = urial("check")
    assert (checked.exit_code, "0 rows sound; 1 trained pair sound" in checked.output) == (0, True)


def test_without_pairs_nothing_is_said_of_them() -> None:
    with RowCache():
        pass
    assert "pair" not in urial("stats").output + urial("check").output


@pytest.mark.parametrize("model", ["base/step-1", "base/step-2", "aligned"])
def test_a_damaged_pair_is_named_and_can_be_removed(model: str) -> None:
    damaged = make_pair("a") / model / "model.safetensors"
    make_pair("b")
    damaged.write_bytes(b"other")
    checked = urial("check")
    assert checked.exit_code == 1
    assert f"{damaged}: is not what the training wrote: this trained model is damaged" in checked.output
    assert "1 trained pair damaged\n  fix: `urial cache prune --damaged` removes damaged pairs" in checked.output
    tried = urial("prune", "--damaged", "--dry-run")
    assert "0 rows and 1 trained pair" in tried.output
    assert names() == ["a", "b"]
    assert urial("prune", "--damaged").exit_code == 0
    assert names() == ["b"]
    assert urial("check").exit_code == 0


def test_a_pair_whose_record_is_damaged_is_one() -> None:
    (make_pair("a") / RECORD).write_text("{")
    assert "1 trained pair damaged" in urial("check").output
    urial("prune", "--damaged")
    assert names() == []


def test_tuned_models_are_counted_apart() -> None:
    sound, damaged = make_tuned("a"), make_tuned("b") / MODEL / "model.safetensors"
    assert "; 2 tuned models sound" in urial("check").output
    damaged.write_bytes(b"other")
    checked = urial("check")
    assert checked.exit_code == 1
    assert f"{damaged}: is not what the training wrote: this trained model is damaged" in checked.output
    assert "0 rows sound; 1 tuned model sound" in checked.output
    assert (
        ": 1 tuned model damaged\n  fix: `urial cache prune --damaged` removes damaged tuned models" in checked.output
    )
    (make_pair("c") / "aligned/model.safetensors").write_bytes(b"other")
    make_pair("d")
    both = urial("check").output
    assert "0 rows sound; 1 trained pair and 1 tuned model sound" in both
    assert ": 1 trained pair and 1 tuned model damaged\n" in both
    assert "removes damaged pairs and damaged tuned models" in both
    found = json.loads(urial("check", "--json").stdout)
    assert [found[name] for name in ("trained", "tuned", "damaged_tuned")] == [1, 1, 1]
    assert len(found["damaged"]) == 2
    assert "0 rows and 1 trained pair, 1 tuned model" in urial("prune", "--damaged").output
    assert names() == [sound.name, "d"]
    assert "tuned" in urial("stats").output


def test_without_tuned_models_nothing_is_said_of_them() -> None:
    make_pair("a")
    assert "tuned" not in urial("check").output + urial("check", "--json").output


def test_old_pairs_go_and_those_of_a_choice_of_rows_stay() -> None:
    make_pair("old", days=9)
    make_pair("new")
    answers: list[Kind] = ["answer"]
    with RowCache() as rows:
        for choice in (Choice(kinds=answers), Choice(not_under=set()), Choice(older_than=3, kinds=answers)):
            assert prune_cache(rows, choice, dry_run=False).trained.pairs == 0
        assert names() == ["new", "old"]
        pruned = prune_cache(rows, Choice(older_than=3), dry_run=False)
    assert (pruned.trained.pairs, pruned.freed_bytes) == (1, pruned.trained.bytes)
    assert names() == ["new"]

"""What models are called in a table and in the names of files."""

from collections.abc import Iterable
from pathlib import PurePosixPath

from urial.core.hashing import short_hash
from urial.records.base import Hash
from urial.records.checkpoint import checkpoint_named
from urial.records.leaderboard_entry import EntryModel, LeaderboardEntry


def model_names(entries: Iterable[LeaderboardEntry]) -> dict[Hash, str]:
    """What each model is called in a table, by its hash: short, and no two the same."""
    models = {model.hash: model for entry in entries for model in entry.models.values()}
    for called in (short_name, _long_name):
        names = {digest: called(model) for digest, model in models.items()}
        if len(set(names.values())) == len(names):
            return names
    return {digest: f"{_long_name(model)} ({short_hash(digest)})" for digest, model in models.items()}


def short_name(model: EntryModel) -> str:
    """A model without where it lies and which commit it is, and its checkpoint: ``EleutherAI/pythia-70m step1000``."""
    label = _without_checkpoint(model).partition("@")[0]
    return _with_checkpoint(label if label.count("/") < 2 else PurePosixPath(label).name, model)


def family_name(model: EntryModel) -> str:
    """What the checkpoints of one training are called: the model without its checkpoint, whose stage has steps of its own."""
    name = _without_checkpoint(model).partition("@")[0]
    known = checkpoint_named(model.checkpoint) if model.checkpoint else None
    parts = {"stage": known.stage, "ingredient": known.ingredient} if known else {}
    return " ".join([name, *(f"{part} {number}" for part, number in parts.items() if number is not None)])


def _long_name(model: EntryModel) -> str:
    return _with_checkpoint(_without_checkpoint(model), model)


def _with_checkpoint(name: str, model: EntryModel) -> str:
    return f"{name} {model.checkpoint}" if model.checkpoint else name


def _without_checkpoint(model: EntryModel) -> str:
    """The label, which ends with the checkpoint where that is a folder below another, or a branch."""
    ends = (f"/{model.checkpoint}", f"@{model.checkpoint}")
    return next(
        (model.label.removesuffix(end) for end in ends if model.checkpoint and model.label.endswith(end)), model.label
    )

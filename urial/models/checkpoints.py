"""The checkpoints of a study's base model, and what makes one of them the base model of an experiment."""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError
from urial.core.text import and_more
from urial.models.hub import refs_of
from urial.models.trained import pair_folder, read_pair
from urial.records.checkpoint import Checkpoint, checkpoint_named
from urial.records.model import FolderModel, HubModel
from urial.records.params.file import MicroworldStudy, ModelsStudy, ParamsFile, study_of, threads_of
from urial.records.params.models import FolderCheckpoints, HubCheckpoints, ModelReference
from urial.records.plans import TrainedModels


def checkpoints_of(params: ParamsFile) -> tuple[Checkpoint, ...]:
    """The checkpoints of the run's study, by stage, step and tokens; those whose name tells no step are last.

    Empty where the study names none. Nothing is trained and no weights are read; of the hub, its branches and tags are
    asked. Raises UrialError where there are none to be found, or where two cannot be told apart.
    """
    study, field = study_of(params), f"studies.{params.run.study}.checkpoints"
    if isinstance(study, MicroworldStudy):
        return _of_training(params, study)
    match study.checkpoints:
        case None:
            return ()
        case FolderCheckpoints(folder=folder):
            found = _in_folder(FolderModel(folder=folder).path, field)
        case HubCheckpoints():
            found = _on_hub(study.checkpoints.hub, field)
        case references:
            found = [_referenced(reference) for reference in references]
    return _sorted(found, field)


def settings_of(params: ParamsFile, checkpoint: Checkpoint) -> dict[str, object]:
    """What `dvc exp run -S` sets, so that a checkpoint is the base model of the run's study: dotted keys and their values.

    A key that begins with ~ is removed; the others are there already or not. Keys that stay as they are are left out.
    """
    study, key = study_of(params), f"studies.{params.run.study}"
    if isinstance(study, MicroworldStudy):
        return _changes({"checkpoint": study.checkpoint}, {"checkpoint": checkpoint.name}, key)
    return _changes(_fields(study.base), _base(study, checkpoint), f"{key}.base")


def _of_training(params: ParamsFile, study: MicroworldStudy) -> tuple[Checkpoint, ...]:
    """Those that the embedded pair's training keeps, whether it has been yet or not."""
    models = TrainedModels.model_validate(study.model_dump(include=set(TrainedModels.model_fields)))
    if pair := read_pair(pair_folder(models, threads_of(params))):
        seen = {checkpoint.step: checkpoint.tokens for checkpoint in pair.checkpoints}
    else:
        from urial.microworld.training.training import future_checkpoints

        seen = future_checkpoints(models)
    return tuple(Checkpoint(name=f"step-{step}", step=step, tokens=tokens) for step, tokens in sorted(seen.items()))


def _in_folder(folder: Path, field: str) -> list[Checkpoint]:
    """The folders below one that have a model, or whose name tells a step; what else lies there is passed over."""
    if not folder.is_dir():
        raise UrialError(f"{field}: no folder {folder}", where="params.yaml", fix="correct the path")
    # A link to one of the others, such as `latest`, is no further checkpoint.
    links = {path for path in folder.iterdir() if path.is_symlink() and path.resolve().parent == folder.resolve()}
    folders = [path for path in folder.iterdir() if path.is_dir() and path not in links]
    named = [(checkpoint_named(path.name), (path / "config.json").is_file()) for path in folders]
    found = [checkpoint for checkpoint, has_model in named if has_model or checkpoint.step is not None]
    if not any(has_model for _, has_model in named):
        raise UrialError(
            f"{field}: {folder} has no checkpoints",
            where="params.yaml",
            expected="folders below it with a config.json and weights as safetensors",
            fix="name the folder that they lie in",
        )
    return found


def _on_hub(hub: str, field: str) -> list[Checkpoint]:
    """The branches and tags of a repository, but main, which is what its makers take for the model itself."""
    found = [checkpoint_named(name, commit) for name, commit in refs_of(hub, field).items() if name != "main"]
    if not found:
        raise UrialError(
            f"{field}: {hub} has no branch or tag but main",
            where="params.yaml",
            expected="a repository with a branch or tag for each checkpoint",
            fix="name one that has, or the checkpoints as a list of models",
        )
    return found


def _referenced(reference: ModelReference) -> Checkpoint:
    """The checkpoint that a list names as a model."""
    if isinstance(reference, FolderModel):
        told = checkpoint_named(reference.path.name)
    elif isinstance(reference, HubModel):
        told = checkpoint_named(reference.checkpoint or reference.revision or "main")
    else:
        told = Checkpoint(name=reference.label)
    return told.model_copy(update={"name": reference.label})


def _sorted(found: list[Checkpoint], field: str) -> tuple[Checkpoint, ...]:
    """By their places. Raises UrialError for two that cannot be told apart."""
    for name, count in Counter(checkpoint.name for checkpoint in found).items():
        if count > 1:
            raise UrialError(f"{field}: {name} is named {count} times", where="params.yaml", fix="name each once")
    ordered = sorted(found, key=lambda checkpoint: checkpoint.place)
    for one, other in pairwise(ordered):
        points = [(point.stage, point.ingredient, point.step) for point in (one, other)]
        if one.step is None or points[0] != points[1]:
            continue
        if one.tokens is None or other.tokens is None or one.tokens == other.tokens:
            raise UrialError(
                f"{field}: {and_more([one.name, other.name], 2)} are both of step {one.step:,}",
                where="params.yaml",
                expected="one checkpoint a step",
                fix="name the checkpoints that you mean as a list",
            )
    return tuple(ordered)


def _base(study: ModelsStudy, checkpoint: Checkpoint) -> dict[str, Any]:
    """The fields of the base model that a checkpoint is."""
    match study.checkpoints:
        case FolderCheckpoints(folder=folder):
            return {**_kept(study), "folder": folder, "checkpoint": checkpoint.name}
        case HubCheckpoints(hub=hub):
            return {**_kept(study), "hub": hub, "revision": checkpoint.revision, "checkpoint": checkpoint.name}
        case references:
            return next(_fields(one) for one in references or () if one.label == checkpoint.name)


def _kept(study: ModelsStudy) -> dict[str, Any]:
    """What stays of the base model whatever its weights are: its engine."""
    engine = _fields(study.base).get("engine")
    return {} if engine is None else {"engine": engine}


def _fields(reference: ModelReference) -> dict[str, Any]:
    return reference.model_dump(mode="json", exclude_unset=True)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> dict[str, object]:
    """The dotted keys below ``key`` that turn one value into the other."""
    changes: dict[str, object] = {f"~{key}.{name}": None for name in before if name not in after}
    for name, value in after.items():
        if isinstance(value, dict) and isinstance(before.get(name), dict):
            changes |= _changes(before[name], value, f"{key}.{name}")
        elif name not in before or before[name] != value:
            changes[f"{key}.{name}"] = value
    return changes

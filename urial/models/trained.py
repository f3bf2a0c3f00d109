"""What was trained here, in the user's cache: trained once, and taken from there by whatever runs with the same recipe.

A folder holds an embedded pair, that is the base model at several points of its training and the aligned model, or a model
that was tuned. It goes by a hash of what can change their bytes: the recipe, the code, the libraries and the number of
threads; of a tuned model, also its data and the files of its base model. Its files are compared with the hashes that were
taken when they were written; it may be deleted at any time.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version_tuple
from typing import TypeVar

from pydantic import Field

from urial.core.errors import UrialError, did_you_mean
from urial.core.hashing import content_hash, file_hash
from urial.core.row_cache import rows_path
from urial.core.store import read_json, remove_abandoned, write_json
from urial.local_models.loading.loading import file_hashes
from urial.records.base import Hash, Record
from urial.records.model import TunedWeights
from urial.records.params.file import EMBEDDED_THREADS
from urial.records.plans import PlannedTuned, TrainedModels

RECORD = "trained.json"
# Of a folder with one model that was tuned, which is in the folder MODEL below it.
TUNED_RECORD, MODEL = "tuned.json", "model"
# How the name of a folder begins that is not trained yet, or no longer.
MAKING = ".making-"
# What a training runs of this package; the texts and the order of the corpus follow from it, too.
_CODE = Path(__file__).parents[1] / "microworld"
_FOLDERS_OF_CODE = ("training", "world")
_TUNING_CODE = Path(__file__).parent / "tuning"
_LIBRARIES = ("numpy", "safetensors", "tokenizers", "torch", "transformers")
_PRUNE = "run `urial cache prune --damaged`; then `dvc repro` trains the {} again"

Kept = TypeVar("Kept", bound=Record)


class TrainedCheckpoint(Record):
    """The base model at a point of its training."""

    step: int = Field(ge=1, description="optimizer steps taken")
    tokens: int = Field(ge=1, description="tokens seen")
    files: dict[str, Hash] = Field(description="hash of every file that it is loaded from")


class TrainedPair(Record):
    """What a training made: the base model in the folders base/step-N, and the aligned one in the folder aligned."""

    checkpoints: tuple[TrainedCheckpoint, ...] = Field(min_length=1, description="by step; the last is the base model")
    aligned: dict[str, Hash] = Field(description="hash of every file of the aligned model")


def pairs_folder() -> Path:
    """The folder of all that was trained."""
    return rows_path().parent / "trained"


def pair_folder(models: TrainedModels, threads: int | None) -> Path:
    """Where the pair of a recipe is, or will be."""
    recipe = models.model_dump(mode="json", include=set(TrainedModels.model_fields) - {"checkpoint"})
    code = {name: digest for folder in _FOLDERS_OF_CODE for name, digest in _code(_CODE / folder, _CODE).items()}
    return _folder({"recipe": recipe, "threads": threads or EMBEDDED_THREADS, "code": code}, _LIBRARIES)


def tuned_folder(planned: PlannedTuned, base_files: Mapping[str, Hash], threads: int | None) -> Path:
    """Where the model that is tuned so, out of a base model of these files, is or will be."""
    return _folder(
        {
            "tuned": recipe_hash(planned),
            "base": dict(base_files),
            "loading": planned.loading.model_dump(mode="json"),
            "threads": threads or EMBEDDED_THREADS,
            "code": _code(_TUNING_CODE, _TUNING_CODE),
        },
        (*_LIBRARIES, "peft"),
    )


def recipe_hash(planned: PlannedTuned) -> Hash:
    """Of what a tuned model follows from besides its base: the recipe, the pairs by their hash, and the chat template.

    What the data and the prompt version of the template are called does not matter.
    """
    recipe = planned.tuned.model_dump(mode="json", exclude={"data", "template"})
    return content_hash({"recipe": recipe, "data": planned.data_hash, "chat_template": planned.chat_template})


def kept(folder: Path, name: str, read: Callable[[Path], Kept | None], train: Callable[[Path], Kept]) -> Kept:
    """What ``folder`` holds; it is trained where it is not there yet, and whole from the moment on that it is there.

    ``read`` reads what is there, ``train`` fills a folder and says what is in it, which goes into the file ``name``.
    """
    if (found := read(folder)) is not None:
        return found
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder.parent, MAKING)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=MAKING) as making:
        made = Path(making) / "made"
        trained = train(made)
        write_json(made / name, trained)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # Else another process was first, with the same bytes.
                raise
    return trained


def read_pair(folder: Path) -> TrainedPair | None:
    """What the folder of a pair holds; None where it is not trained yet. Raises UrialError where that is damaged."""
    if not folder.is_dir():
        return None
    try:
        return read_json(folder / RECORD, TrainedPair)
    except UrialError as error:
        raise error.but(fix=_PRUNE.format("pair")) from error


def read_tuned(folder: Path) -> TunedWeights | None:
    """The tuned model of a folder; None where it is not trained yet. Raises UrialError where that is damaged."""
    if not folder.is_dir():
        return None
    try:
        return read_json(folder / TUNED_RECORD, TunedWeights)
    except UrialError as error:
        raise error.but(fix=_PRUNE.format("model")) from error


def require_sound_folder(folder: Path) -> None:
    """Raises UrialError where a folder of what was trained, a pair or a tuned model, is damaged."""
    if (folder / TUNED_RECORD).is_file():
        if tuned := read_tuned(folder):
            require_sound(folder / MODEL, tuned.files)
    elif pair := read_pair(folder):
        for checkpoint in pair.checkpoints:
            require_sound(folder / "base" / f"step-{checkpoint.step}", checkpoint.files)
        require_sound(folder / "aligned", pair.aligned)


def require_step(name: str | None, steps: Iterable[int]) -> int:
    """The step that a name of params.yaml stands for; None: the last one. Raises UrialError with the nearest name."""
    known = {f"step-{step}": step for step in sorted(steps)}
    if name is None:
        return list(known.values())[-1]
    if name not in known:
        raise UrialError(
            f"the embedded base model has no checkpoint {name!r}", where="params.yaml", fix=did_you_mean(name, known)
        )
    return known[name]


def require_sound(folder: Path, files: dict[str, Hash]) -> None:
    """Raises UrialError unless a model's files are those that were trained."""
    found = file_hashes(folder)
    for name in sorted({*files, *found}):
        if found.get(name) != files.get(name):
            what = "is missing" if name not in found else "is not what the training wrote"
            fix = _PRUNE.format("model" if folder.name == MODEL else "pair")
            raise UrialError(f"{what}: this trained model is damaged", path=folder / name, fix=fix)


def _folder(recipe: dict[str, object], libraries: Iterable[str]) -> Path:
    """The folder that goes by all of a recipe, and by the versions of what runs it."""
    versions = {"python": python_version_tuple()[:2], "libraries": {name: _version(name) for name in libraries}}
    return pairs_folder() / content_hash({**recipe, **versions}).partition(":")[2]


def _code(folder: Path, root: Path) -> dict[str, Hash]:
    return {path.relative_to(root).as_posix(): file_hash(path) for path in sorted(folder.rglob("*.py"))}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

"""The embedded pair in the user's cache: trained once, and taken from there by whatever runs with the same recipe.

A folder holds the base model at several points of its training and the aligned model. It goes by a hash of what can change
their bytes: the recipe, the code, the libraries and the number of threads. Its files are compared with the hashes that
were taken when they were written; it may be deleted at any time.
"""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version_tuple

from pydantic import Field

from urial.core.errors import UrialError, did_you_mean
from urial.core.hashing import content_hash, file_hash
from urial.core.row_cache import rows_path
from urial.core.store import read_json
from urial.local_models.loading.loading import file_hashes
from urial.records.base import Hash, Record
from urial.records.params.file import EMBEDDED_THREADS
from urial.records.plans import TrainedModels

RECORD = "trained.json"
# How the name of a folder begins that is not a pair yet, or no longer.
MAKING = ".making-"
# What a training runs of this package; the texts and the order of the corpus follow from it, too.
_CODE = Path(__file__).parents[1] / "microworld"
_FOLDERS_OF_CODE = ("training", "world")
_LIBRARIES = ("numpy", "safetensors", "tokenizers", "torch", "transformers")
_FIX = "run `urial cache prune --damaged`; then `dvc repro` trains the pair again"


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
    """The folder of all trained pairs."""
    return rows_path().parent / "trained"


def pair_folder(models: TrainedModels, threads: int | None) -> Path:
    """Where the pair of a recipe is, or will be."""
    recipe = models.model_dump(mode="json", exclude={"checkpoint"})
    code = {
        path.relative_to(_CODE).as_posix(): file_hash(path)
        for folder in _FOLDERS_OF_CODE
        for path in sorted((_CODE / folder).rglob("*.py"))
    }
    key = content_hash(
        {
            "recipe": recipe,
            "threads": threads or EMBEDDED_THREADS,
            "code": code,
            "python": python_version_tuple()[:2],
            "libraries": {name: _version(name) for name in _LIBRARIES},
        }
    )
    return pairs_folder() / key.partition(":")[2]


def read_pair(folder: Path) -> TrainedPair | None:
    """What the folder of a pair holds; None where it is not trained yet. Raises UrialError where that is damaged."""
    if not folder.is_dir():
        return None
    try:
        return read_json(folder / RECORD, TrainedPair)
    except UrialError as error:
        raise error.but(fix=_FIX) from error


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
            raise UrialError(f"{what}: this trained model is damaged", path=folder / name, fix=_FIX)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

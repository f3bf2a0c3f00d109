"""Models outside of any plan: those that a user names, or else the run's own."""

from pathlib import Path

from urial.core.errors import UrialError
from urial.local_models.loading.loading import checkpoint_folder, looks_local
from urial.models.prepare import prepare_model
from urial.records.base import Role
from urial.records.model import MANIFEST, Loading
from urial.records.params.models import ModelRef
from urial.run.paths import MODELS_FOLDER


def own_folder(role: Role) -> Path:
    """The folder of the run's own model, with its manifest. Raises UrialError where there is none yet."""
    folder = Path(MODELS_FOLDER) / role
    if not (folder / MANIFEST).is_file():
        raise UrialError(
            "no model yet", path=folder, fix="run `dvc repro models`, or name models with --base and --aligned"
        )
    return folder


def model_folder(reference: ModelRef | None, role: Role, loading: Loading, scratch: Path) -> Path:
    """A folder with the model's manifest: of one that is named, below ``scratch``; of None, the run's own.

    Raises UrialError, in words of the command's options, where there is no such model.
    """
    if reference is None:
        return own_folder(role)
    folder = checkpoint_folder(reference.id, reference.revision)
    if looks_local(reference.id) and not folder.is_dir():
        raise UrialError(f"{role} model: no folder {folder}", fix=f"correct --{role} or --{role}-revision")
    prepare_model(reference, role, loading, scratch / role)
    return scratch / role

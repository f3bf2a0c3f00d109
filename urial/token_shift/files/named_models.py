"""Models outside of any plan: those that a user names on the command line, or else the run's own."""

import os
from pathlib import Path

from urial.core.errors import UrialError
from urial.models.prepare import prepare_model
from urial.records.base import Role
from urial.records.model import MANIFEST, FolderModel, HubModel, Loading
from urial.run.paths import MODELS_FOLDER


def named_model(name: str, revision: str | None) -> HubModel | FolderModel:
    """The model that one option of the command line means: a folder that exists, or what cannot be a hub id; else a hub id.

    ``revision`` is a commit, branch or tag on the hub, and a checkpoint below a folder.
    """
    if os.path.isdir(name) or name.startswith((".", "/", "~")) or name.count("/") > 1:
        return FolderModel(folder=name, checkpoint=revision)
    return HubModel(hub=name, revision=revision)


def own_folder(role: Role) -> Path:
    """The folder of the run's own model, with its manifest. Raises UrialError where there is none yet."""
    folder = Path(MODELS_FOLDER) / role
    if not (folder / MANIFEST).is_file():
        raise UrialError(
            "no model yet", path=folder, fix="run `dvc repro models`, or name models with --base and --aligned"
        )
    return folder


def model_folder(reference: HubModel | FolderModel | None, role: Role, loading: Loading, scratch: Path) -> Path:
    """A folder with the model's manifest: of one that is named, below ``scratch``; of None, the run's own.

    Raises UrialError, in words of the command's options, where there is no such model.
    """
    if reference is None:
        return own_folder(role)
    if isinstance(reference, FolderModel) and not reference.path.is_dir():
        raise UrialError(f"{role} model: no folder {reference.path}", fix=f"correct --{role} or --{role}-revision")
    prepare_model(reference, role, loading, scratch / role)
    return scratch / role

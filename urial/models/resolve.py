"""Model references, checked and fixed by plan."""

import re
from pathlib import Path

from urial.api.servers import written_address
from urial.core.errors import UrialError
from urial.local_models.loading.loading import checkpoint_folder, file_hashes, looks_local
from urial.models.sources import SMALL_FILES, check_folder, check_weights, download, not_found
from urial.records.base import Role
from urial.records.params.models import ModelRef, PairModel
from urial.records.plans import PlannedModel


def resolve_model(reference: ModelRef, role: Role) -> PlannedModel:
    """The model fixed by its commit, or by its files' hashes. Raises UrialError when it cannot be used in this role.

    A model behind a server cannot be fixed. Its address is checked, and nothing is sent to it.
    """
    if isinstance(reference, PairModel) and reference.server is not None:
        address = written_address(reference.server, f"studies.NAME.{role}.server")
        return PlannedModel(id=reference.id, revision=None, files=None, server=address)
    if looks_local(reference.id):
        folder = checkpoint_folder(reference.id, reference.revision)
        check_folder(folder, role)
        check_weights(folder, role)
        return PlannedModel(id=reference.id, revision=reference.revision, files=file_hashes(folder))
    planned = PlannedModel(id=reference.id, revision=_resolve_commit(reference), files=None)
    check_folder(download(planned, SMALL_FILES), role)
    return planned


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a full commit, which needs no network to resolve."""
    return revision is not None and re.fullmatch("[0-9a-f]{40}", revision) is not None


def _resolve_commit(reference: ModelRef) -> str:
    """The commit that a revision means now; offline, the one in the local hub cache."""
    if is_commit(reference.revision):
        return str(reference.revision)
    from huggingface_hub import HfApi, snapshot_download

    try:
        commit: str | None = HfApi().model_info(reference.id, revision=reference.revision).sha
    except Exception as online:  # network, access and name errors share no base class
        try:
            cached = snapshot_download(
                reference.id, revision=reference.revision, local_files_only=True, allow_patterns=["config.json"]
            )
        except Exception:
            raise not_found(reference, online) from online
        commit = Path(cached).name
    if commit is None:
        raise UrialError(f"model {reference.id}: the hub names no commit", fix="set its revision")
    return commit

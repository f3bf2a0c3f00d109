"""A repository on the hub: what its name can be, its branches and tags, the commit that one of them means, and its files."""

import re
from collections.abc import Sequence
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean, reason_of, shorten
from urial.core.text import cut
from urial.records.model import HubModel

# Enough of a hub model to see whether it can be used, before its weights are fetched.
SMALL_FILES = ("*.json", "*.jinja")
# All that a tokenizer can be in.
TOKENIZER_FILES = (*SMALL_FILES, "*.txt", "*.model", "*.tiktoken")
_HUB_NAME = re.compile(r"(?=.{1,96}$)[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")


def hub_id(name: str) -> str:
    """The name, which can be the id of a repository on the hub. Raises UrialError, before any hub is asked, where it cannot."""
    parts = name.split("/")
    if (
        len(parts) > 2
        or not all(_HUB_NAME.fullmatch(part) for part in parts)
        or "--" in name
        or ".." in name
        or name.endswith(".git")
    ):
        raise UrialError(
            f"{shorten(name)}: neither a file or folder that is here, nor a hub id", expected="a hub id as in OWNER/NAME: letters, "
            "digits, '.', '_' and '-', each part 96 at most, beginning and ending with a letter or digit", fix="correct the name",
        )  # fmt: skip
    return name


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a full commit, which needs no network to resolve."""
    return revision is not None and re.fullmatch("[0-9a-f]{40}", revision) is not None


def resolved_commit(reference: HubModel) -> str:
    """The commit that a revision means now; offline, the one in the local hub cache."""
    revision = reference.revision or reference.checkpoint
    if is_commit(revision):
        return str(revision)
    from huggingface_hub import HfApi, snapshot_download

    try:
        commit: str | None = HfApi().model_info(reference.hub, revision=revision).sha
    except Exception as online:  # network, access and name errors share no base class
        try:
            cached = snapshot_download(
                reference.hub, revision=revision, local_files_only=True, allow_patterns=["config.json"]
            )
        except Exception:
            raise _not_found(reference, online) from online
        commit = Path(cached).name
    if commit is None:
        raise UrialError(f"model {reference.hub}: the hub names no commit", fix="set its revision")
    return commit


def refs_of(hub: str, name: str) -> dict[str, str]:
    """The commit of each branch and tag, by its name. Raises UrialError, with ``name`` in front, where they cannot be listed."""
    try:
        hub_id(hub)
    except UrialError as error:
        raise error.about(name) from error
    from huggingface_hub import HfApi

    try:
        listed = HfApi().list_repo_refs(hub)
    except Exception as error:  # network, access and name errors share no base class
        raise UrialError(
            f"{name}: the branches and tags of {hub} cannot be listed: {reason_of(error, 200)}",
            fix="check the id, the network and the access rights (a gated model needs HF_TOKEN in the environment), "
            "or name the checkpoints as a list of models",
        ) from error
    found: dict[str, str] = {}
    for ref in [*listed.branches, *listed.tags]:
        if not is_commit(ref.target_commit):
            raise UrialError(
                f"{name}: the hub names no commit for {shorten(ref.name)} of {hub}",
                fix="name the checkpoints as a list of models",
            )
        if found.setdefault(ref.name, ref.target_commit) != ref.target_commit:
            raise UrialError(
                f"{name}: {shorten(ref.name)} is a branch of {hub} and a tag of another commit",
                fix="name the checkpoints as a list of models, each with its commit as revision",
            )
    return found


def require_file(model: HubModel, file: str, name: str) -> None:
    """Raises UrialError where the repository has no such file. The file itself is fetched by the stage models."""
    from huggingface_hub import HfApi, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(model.hub, file, revision=model.revision), str):
        return
    try:
        files = HfApi().list_repo_files(model.hub, revision=model.revision)
    except Exception as error:  # network, access and name errors share no base class
        raise _not_found(model, error) from error
    if file not in files:
        known = [known for known in files if known.endswith(".gguf")]
        fix = did_you_mean(file, known) or "name the model by its id alone, without gguf_file"
        raise UrialError(f"{name}: {model.hub} has no file {file!r}", fix=fix)


def download(model: HubModel, patterns: Sequence[str]) -> Path:
    """The folder in the hub cache that has the model's files of these patterns. Raises UrialError."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model.hub, revision=model.revision, allow_patterns=list(patterns)))
    except Exception as error:  # network, access and name errors share no base class
        raise _not_found(model, error) from error


def _not_found(reference: HubModel, error: Exception) -> UrialError:
    revision = (
        f"checkpoint {reference.checkpoint}" if reference.checkpoint else f"revision {reference.revision or 'main'}"
    )
    return UrialError(
        f"model {reference.hub} ({revision}) cannot be found: {reason_of(error, 200)}",
        fix=_moved(reference, error)
        or "check the id, the network and the access rights (a gated model needs HF_TOKEN in the environment), "
        "or give the path of a folder",
    )


def _moved(reference: HubModel, error: Exception) -> str | None:
    """What became of a checkpoint that the repository does not have as it is named; None where that is not known."""
    from huggingface_hub.errors import RevisionNotFoundError

    if reference.checkpoint is None or not isinstance(error, RevisionNotFoundError):
        return None
    try:
        refs = refs_of(reference.hub, reference.hub)
    except UrialError:
        return None
    if reference.checkpoint not in refs:
        known, _ = cut(did_you_mean(reference.checkpoint, refs) or "it has none at all", 300)
        return f"the repository has no branch or tag {shorten(reference.checkpoint)}: {known}"
    return f"{shorten(reference.checkpoint)} is now at commit {refs[reference.checkpoint]}; list the checkpoints again"

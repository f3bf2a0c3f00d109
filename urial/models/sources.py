"""Model folders and hub models, looked at before they are used."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError, shorten
from urial.records.base import Role
from urial.records.params.models import ModelRef
from urial.records.plans import PlannedModel

ROLES: tuple[Role, Role] = ("base", "aligned")
# Enough of a hub model to see whether it can be used, before its weights are fetched.
SMALL_FILES = ("*.json", "*.jinja")


def check_folder(folder: Path, role: Role) -> None:
    if not os.path.isdir(folder):
        raise UrialError(
            f"no folder {folder}", path=f"{role} model", fix="correct studies.NAME.{base,aligned}.id or revision"
        )
    if not (folder / "config.json").is_file():
        raise UrialError(f"{folder} has no config.json", path=f"{role} model", expected="a transformers model folder")
    if role == "aligned" and not has_chat_template(folder):
        raise UrialError(
            f"the tokenizer in {folder} has no chat template",
            path="aligned model",
            expected="chat_template.jinja, or chat_template in tokenizer_config.json",
            fix="use the model as base, or add the template that it was tuned with",
        )


def check_weights(folder: Path, role: Role) -> None:
    if not any(folder.glob("*.safetensors")):
        raise UrialError(
            f"{folder} has no *.safetensors",
            path=f"{role} model",
            fix="convert the weights; pickled weights are not loaded",
        )


def has_chat_template(folder: Path) -> bool:
    config = folder / "tokenizer_config.json"
    try:
        in_config = bool(json.loads(config.read_bytes()).get("chat_template"))
    except (OSError, ValueError, AttributeError):
        in_config = False
    return in_config or (folder / "chat_template.jinja").exists()


def download(model: PlannedModel, patterns: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model.id, revision=model.revision, allow_patterns=list(patterns)))
    except Exception as error:  # network, access and name errors share no base class
        raise not_found(model, error) from error


def not_found(reference: ModelRef | PlannedModel, error: Exception) -> UrialError:
    return UrialError(
        f"model {reference.id} (revision {reference.revision or 'main'}) cannot be found: {first_line(error)}",
        fix="check the id, the network and the access rights (a gated model needs HF_TOKEN in the environment), "
        "or give the path of a folder",
    )


def first_line(error: Any) -> str:
    lines = str(error).strip().splitlines()
    return shorten(lines[0] if lines else type(error).__name__, 200)

"""Model folders and plans of a pair behind a server."""

from pathlib import Path
from typing import Any

from tests.tiny_models import decoding
from urial.models.prepare import prepare_models
from urial.models.resolve import resolve_model
from urial.prompts.versions.library import load_prompt
from urial.records.model import FolderModel, HubModel, Limits, Loading, ServerReference
from urial.records.params.file import Generation
from urial.records.plans import LoadedModels, ModelsPlan, SystemPlan

QUICK = Limits(concurrency=4, retries=2, timeout_seconds=20)


def served_model(url: str, name: str = "some/model", **changes: Any) -> ServerReference:
    """A model on a server that is asked a few times at most."""
    return ServerReference(**{"server": url, "model": name, "limits": QUICK, **changes})


def served_folders(
    base: HubModel | FolderModel | ServerReference, aligned: HubModel | FolderModel | ServerReference, out: Path
) -> Path:
    """data/models as the stage models leaves it."""
    models = LoadedModels(
        kind="models",
        base=resolve_model(base, "base", Loading(), "base"),
        aligned=resolve_model(aligned, "aligned", Loading(), "aligned"),
    )
    prepare_models(ModelsPlan(models=models, threads=1), out)
    return out


def base_plan(served: ServerReference, **changes: Any) -> SystemPlan:
    """A system of the base model with a prompt version."""
    values = {
        "system": "base-urial", "model": "base", "prompt_name": "microworld/urial-k0", "prompt": load_prompt("microworld/urial-k0"),
        "prompt_hash": None, "decoding": decoding(), "generation": Generation(batch_size=1, on_context_overflow="record"), "threads": 1,
        "server": served,
    }  # fmt: skip
    return SystemPlan.model_validate({**values, **changes})


def aligned_plan(served: ServerReference, **changes: Any) -> SystemPlan:
    """The aligned model in chat."""
    told = {"system": "aligned", "model": "aligned", "prompt_name": None, "prompt": None}
    return base_plan(served, **{**told, **changes})

"""Model folders and plans of a pair behind a server."""

from pathlib import Path
from typing import Any

from tests.tiny_models import decoding
from urial.api.limits import Limits
from urial.model_refs import PairModel
from urial.models import prepare_models, resolve_model
from urial.params import Generation
from urial.plans import LoadedModels, ModelsPlan, SystemPlan
from urial.prompts.library import load_prompt
from urial.records import Loading

QUICK = Limits(concurrency=4, retries=2, timeout_seconds=20)


def served_model(url: str, name: str = "some/model", **changes: Any) -> PairModel:
    """A model on a server that is asked a few times at most."""
    return PairModel(**{"id": name, "engine": "openai", "server": url, "limits": QUICK, **changes})


def served_folders(base: PairModel, aligned: PairModel, out: Path) -> Path:
    """data/models as the stage models leaves it."""
    models = LoadedModels(
        kind="transformers",
        base=resolve_model(base, "base"),
        aligned=resolve_model(aligned, "aligned"),
        loading=Loading(),
    )
    prepare_models(ModelsPlan(models=models, threads=1), out)
    return out


def base_plan(served: PairModel, **changes: Any) -> SystemPlan:
    """A system of the base model with a prompt version."""
    values = {
        "system": "base-urial", "model": "base", "prompt_name": "microworld/urial-k0", "prompt": load_prompt("microworld/urial-k0"),
        "prompt_hash": None, "decoding": decoding(), "generation": Generation(batch_size=1, too_long="record"), "threads": 1,
        "served": served,
    }  # fmt: skip
    return SystemPlan.model_validate({**values, **changes})


def aligned_plan(served: PairModel, **changes: Any) -> SystemPlan:
    """The aligned model in chat."""
    told = {"system": "aligned", "model": "aligned", "prompt_name": None, "prompt": None}
    return base_plan(served, **{**told, **changes})

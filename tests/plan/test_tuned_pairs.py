"""Pairs that do not fit into the base model's context are refused by plan, whatever its configuration calls that."""

import json
import shutil
from pathlib import Path

import pytest

from tests.models.test_tuning import base_of, planned
from tests.tiny_models import CONTEXT, tiny_folder
from urial.core.errors import UrialError
from urial.plan.tuned_pairs import require_fitting_pairs
from urial.records.plans import LoadedModels, ModelsPlan
from urial.records.prompt import Example

LONG = Example(query="Why?", answer=" why" * CONTEXT)


def require(folder: Path) -> None:
    models = LoadedModels(kind="models", base=base_of(folder), aligned=planned((LONG,), max_tokens=100_000))
    require_fitting_pairs(ModelsPlan(models=models, threads=1), "mine")


def nested(folder: Path) -> Path:
    """The model as the language part of one that also sees."""
    shutil.copytree(tiny_folder("gemma3"), folder)
    text = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({"model_type": "gemma3", "text_config": text}), "utf-8")
    return folder


@pytest.mark.parametrize("name", ["llama", "gpt2", "mpt", "nested"])
def test_a_pair_that_is_longer_than_the_context_is_refused(name: str, tmp_path: Path) -> None:
    folder = nested(tmp_path / "model") if name == "nested" else tiny_folder(name)
    with pytest.raises(
        UrialError, match=rf"tokens with its layout, and the base model's context has {CONTEXT}"
    ) as caught:
        require(folder)
    assert caught.value.what.startswith("studies.mine.aligned.tuned: pair 1, 'Why?', has ")


def test_a_model_without_a_context_has_no_limit() -> None:
    require(tiny_folder("mamba"))


def test_a_configuration_that_transformers_cannot_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder("llama"), folder)
    (folder / "config.json").write_text('{"model_type": "no-such"}', "utf-8")
    with pytest.raises(UrialError, match=f"configuration {folder} cannot be loaded: "):
        require(folder)

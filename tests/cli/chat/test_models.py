"""Which models a conversation is with, what they are called in its record, and how they decode."""

from pathlib import Path
from typing import Any

import pytest

from tests.tiny_models import save_folder, tiny_model
from urial.cli.chat.models import ChatModels, NamedModel
from urial.cli.chat.transformers_stream import StreamingEngine
from urial.core.errors import UrialError
from urial.core.store import write_json
from urial.local_models.loading.loading import file_hashes
from urial.records.model import EmbeddedModel, FolderModel, FolderWeights, Loading, ModelManifest, ServerModel
from urial.records.params.file import DecodingChange


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def models(
    folder: Path, base: NamedModel | None = None, aligned: NamedModel | None = None, **options: Any
) -> ChatModels:
    return ChatModels(folder / "scratch", base, aligned, **options)


def test_the_embedded_pair_is_used_at_once(folder: Path) -> None:
    for role in ("base", "aligned"):
        save_folder(folder / "data/models" / role, tiny_model("llama"), role)
    found = models(folder)
    assert found.collection == "microworld"
    for model in (found.base(), found.aligned()):
        assert isinstance(model.identity.source, EmbeddedModel)
        assert (model.decoding.max_new_tokens, model.decoding.repetition_penalty) == (256, 1.0)
    assert found.aligned() is found.aligned(), "loaded once"


@pytest.mark.parametrize("role", ["base", "aligned"])
def test_a_missing_model_of_the_pair_is_named(folder: Path, role: str) -> None:
    for name in ("dvc.yaml", "params.yaml"):
        (folder / name).touch()
    found = models(folder)
    with pytest.raises(UrialError) as caught:
        found.base() if role == "base" else found.aligned()
    message = (
        f"data/models/{role}: no model yet\n  fix: run `dvc pull models` where a remote has it, or `dvc repro models`; "
        "or name models with --base and --aligned"
    )
    assert str(caught.value) == message
    with pytest.raises(UrialError):
        _ = found.collection


def test_the_base_model_of_a_run_may_be_alone(folder: Path) -> None:
    save_folder(folder / "data/models/base", tiny_model("llama"), "base")
    write_json(folder / "data/models/aligned/manifest.json", ModelManifest(role="aligned", source=None))
    found = models(folder)
    assert found.base().identity.role == "base"
    with pytest.raises(UrialError) as caught:
        found.aligned()
    assert str(caught.value) == (
        "there is no aligned model: the run's study has none\n"
        "  fix: name another model, or add studies.NAME.aligned to params.yaml and run `dvc repro`"
    )


def test_a_folder_that_is_named_is_hashed_and_gets_the_paper_s_penalty(folder: Path) -> None:
    for name in ("b", "a"):
        save_folder(folder / name, tiny_model("llama"))
        (folder / name / "manifest.json").unlink()
    loading = Loading(dtype="bfloat16")
    found = models(folder, FolderModel(folder="./b"), FolderModel(folder="./a"), loading=loading, context=100)
    assert found.collection == "general"
    base, aligned = found.base(), found.aligned()
    assert base.identity == ModelManifest(
        role="base", source=FolderWeights(folder="./b", loading=loading, files=file_hashes(folder / "b"))
    )
    assert (base.decoding.max_new_tokens, base.decoding.repetition_penalty) == (512, 1.1)
    assert (aligned.decoding.max_new_tokens, aligned.decoding.repetition_penalty) == (512, 1.0)
    assert isinstance(base.engine, StreamingEngine)
    assert base.engine.context == 100
    assert str(base.engine.model.dtype) == "torch.bfloat16"


def test_what_the_user_says_about_decoding_holds_for_both(folder: Path) -> None:
    save_folder(folder / "b", tiny_model("llama"))
    change = DecodingChange(max_new_tokens=7, repetition_penalty=1.5, seed=3)
    found = models(folder, FolderModel(folder="./b"), FolderModel(folder="./b"), decoding=change)
    assert found.base().decoding == found.aligned().decoding
    assert found.base().decoding.model_dump(exclude={"temperature", "top_p"}) == change.model_dump(exclude_none=True)


@pytest.mark.parametrize("role", ["base", "aligned"])
def test_a_folder_that_is_not_there_names_the_option(folder: Path, role: str) -> None:
    found = models(folder, FolderModel(folder="./b"), FolderModel(folder="./b"))
    with pytest.raises(UrialError) as caught:
        found.base() if role == "base" else found.aligned()
    assert (
        str(caught.value)
        == f"{role} model: no folder b\n  fix: correct --{role}: a folder that is here, a GGUF file, or a hub id, OWNER/NAME"
    )


def test_a_named_base_model_has_no_aligned_one_unless_that_is_named(folder: Path) -> None:
    found = models(folder, FolderModel(folder="./b"))
    with pytest.raises(UrialError) as caught:
        found.aligned()
    assert str(caught.value) == "no aligned model\n  fix: name one with --aligned"


def test_a_model_on_a_server_is_known_by_address_and_name(folder: Path) -> None:
    base, aligned = (ServerModel(server="http://user:secret@127.0.0.1:1/v1?key=secret", model=name) for name in "ba")
    found = models(folder, base, aligned)
    opened_base, opened_aligned = found.base(), found.aligned()
    assert opened_base.identity == ModelManifest(
        role="base", source=ServerModel(server="http://127.0.0.1:1/v1", model="b")
    )
    assert opened_aligned.identity == ModelManifest(
        role="aligned", source=ServerModel(server="http://127.0.0.1:1/v1", model="a")
    )
    # No part of OpenAI's protocol, so none is asked for.
    assert (opened_base.decoding.max_new_tokens, opened_base.decoding.repetition_penalty) == (512, 1.0)

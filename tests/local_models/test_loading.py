"""Model folders: what is loaded from where, and what is said when it cannot be."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from tests.tiny_models import CONTEXT, save_folder, tiny_folder, tiny_model, tiny_tokenizer, write_manifest
from urial.core.errors import UrialError
from urial.core.store import write_json
from urial.local_models.decoding.architecture import rescales_positions, state_name
from urial.local_models.loading.loading import context_length, encode, end_tokens, load_model, load_tokenizer, location
from urial.records.model import MANIFEST, FolderWeights, HubWeights, Loading, ModelManifest, read_manifest


def manifest_of(folder: Path, source: HubWeights | FolderWeights) -> Path:
    """A folder with nothing but a manifest, as of a model that lies elsewhere."""
    write_json(folder / MANIFEST, ModelManifest(role="base", source=source))
    return folder


def test_embedded_model_is_loaded_from_beside_its_manifest() -> None:
    folder = tiny_folder("llama")
    assert location(folder) == (str(folder), {"trust_remote_code": False})
    model, tokenizer = load_model(folder, 1), load_tokenizer(folder)
    assert model.dtype == torch.float32
    assert not model.training
    assert tokenizer("x")["input_ids"] == tiny_tokenizer()("x")["input_ids"]


def test_local_checkpoint_is_loaded_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "model" / "step-1").mkdir(parents=True)
    folder = manifest_of(
        tmp_path, FolderWeights(folder=str(tmp_path / "model"), checkpoint="step-1", loading=Loading(), files={})
    )
    assert location(folder) == (str(tmp_path / "model" / "step-1"), {"trust_remote_code": False})


def test_hub_model_is_loaded_at_its_commit(tmp_path: Path) -> None:
    folder = manifest_of(tmp_path, HubWeights(hub="owner/name", revision="a" * 40, loading=Loading(), files={}))
    assert location(folder) == ("owner/name", {"trust_remote_code": False, "revision": "a" * 40})


def test_dtype_of_the_manifest_is_the_dtype_of_the_weights(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "half", tiny_model("llama"), loading=Loading(dtype="bfloat16"))
    assert load_model(folder, 1).dtype == torch.bfloat16


def test_context_length_is_the_configurations_whatever_its_name(tmp_path: Path) -> None:
    assert context_length(tiny_folder("llama")) == CONTEXT
    assert context_length(tiny_folder("gpt2")) == CONTEXT
    assert context_length(tiny_folder("mpt")) == CONTEXT
    assert context_length(tiny_folder("mamba")) is None


@pytest.mark.parametrize(
    ("what", "load"),
    [("model", lambda f: load_model(f, 1)), ("tokenizer", load_tokenizer), ("configuration", context_length)],
)
def test_what_cannot_be_loaded_is_named_with_a_fix(what: str, load: object, tmp_path: Path) -> None:
    write_manifest(tmp_path)
    with pytest.raises(UrialError) as caught:
        load(tmp_path)  # type: ignore[operator]
    assert caught.value.what.startswith(f"{what} {tmp_path} cannot be loaded: ")
    assert "\n" not in caught.value.what
    assert caught.value.fix == "get the folder's files anew, all of them; code that comes with a model is never run"


def test_missing_manifest_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(UrialError, match=r"manifest\.json: cannot be read"):
        read_manifest(tmp_path)


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "pickled", tiny_model("llama"))
    (folder / "model.safetensors").unlink()
    torch.save(tiny_model("llama").state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(UrialError, match="cannot be loaded"):
        load_model(folder, 1)


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_quantization_without_its_library_says_what_to_install(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "small", tiny_model("llama"), loading=Loading(quantization="bitsandbytes-8bit"))
    with pytest.raises(UrialError) as caught:
        load_model(folder, 1)
    assert str(caught.value) == "quantization needs bitsandbytes\n  fix: pip install bitsandbytes"


def test_end_tokens_are_those_of_the_configuration_and_of_the_tokenizer(tmp_path: Path) -> None:
    folder = save_folder(tmp_path / "ends", tiny_model("llama"))
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": [7, 9]}))
    assert end_tokens(load_model(folder, 1), load_tokenizer(folder)) == {2, 7, 9}
    assert end_tokens(load_model(tiny_folder("llama"), 1), load_tokenizer(tiny_folder("llama"))) == {2}


def test_text_gets_one_bos_and_a_second_is_an_error() -> None:
    tokenizer = tiny_tokenizer()
    assert encode(tokenizer, "a", True)[0] == tokenizer.bos_token_id
    assert encode(tokenizer, "a", True)[1:] == encode(tokenizer, "a", False)
    assert encode(tokenizer, "<bos>a", False) == encode(tokenizer, "a", True)
    assert encode(tokenizer, "<bos>a", True).count(tokenizer.bos_token_id) == 1
    with pytest.raises(UrialError) as caught:
        encode(tokenizer, "<bos><bos>a", False)
    assert str(caught.value) == (
        "the prompt begins with two BOS tokens\n  expected: exactly one\n  fix: correct the tokenizer's template"
    )


def test_rotation_sets_of_each_layer_type_are_all_looked_at() -> None:
    model = tiny_model("llama")
    model.config.rope_parameters = {
        "full_attention": {"rope_type": "dynamic"},
        "sliding_attention": {"rope_type": "default"},
    }
    assert rescales_positions(model, CONTEXT + 1)
    assert not rescales_positions(model, CONTEXT)


def test_model_with_an_unknown_state_is_refused_by_name() -> None:
    class Unheard(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            return input_ids

    assert state_name(tiny_model("mamba")) == "cache_params"
    with pytest.raises(UrialError, match=r"^Unheard carries its state between tokens in an unknown way"):
        state_name(Unheard())

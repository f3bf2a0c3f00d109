"""What a training leaves behind: the same bytes every time, in folders that transformers understands."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.microworld.conftest import TINY
from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.microworld.training.model import (
    EOS,
    HIDDEN,
    SPECIAL_TOKENS,
    hidden_states,
    loss,
    orthogonalize,
    rotary_table,
)
from urial.microworld.training.training import future_checkpoints, train_pair


def hashes(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in folder.rglob("*") if path.is_file()}


def test_same_settings_same_bytes_elsewhere(tiny_pair: Path, tmp_path: Path) -> None:
    torch.manual_seed(123)  # the caller's random state must not matter
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    train_pair(TINY, 1, tmp_path / "elsewhere", lambda line: None)
    assert hashes(tmp_path / "elsewhere") == hashes(tiny_pair)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.thorough
def test_another_seed_gives_another_pair(tiny_pair: Path, tmp_path: Path) -> None:
    train_pair(TINY.model_copy(update={"seed": 1}), 1, tmp_path, lambda line: None)
    name = "aligned/model.safetensors"
    assert file_hash(tmp_path / name) != file_hash(tiny_pair / name)


def test_folders_hold_what_they_should(tiny_pair: Path) -> None:
    names = {
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
        "README.md",
    }
    folders = list((tiny_pair / "base").iterdir())
    assert len(folders) == 7
    for folder in folders:
        assert {path.name for path in folder.iterdir() if path.is_file()} == names
    assert {path.name for path in (tiny_pair / "aligned").iterdir()} == names | {"chat_template.jinja"}
    for path in tiny_pair.rglob("*.json"):
        assert str(tiny_pair) not in path.read_text()
        assert "_name_or_path" not in json.loads(path.read_text())
    assert "toy" in (tiny_pair / "aligned" / "README.md").read_text()


def test_checkpoints_are_known_before_the_training(tiny_pair: Path) -> None:
    future = future_checkpoints(TINY)
    assert {f"step-{step}" for step in future} == {path.name for path in (tiny_pair / "base").iterdir()}
    assert list(future) == sorted(future)
    assert list(future.values()) == sorted(set(future.values()))


@pytest.fixture(params=["base", "aligned"])
def tiny_model(request: pytest.FixtureRequest, tiny_pair: Path, tiny_base: Path) -> Path:
    return tiny_base if request.param == "base" else tiny_pair / "aligned"


def test_weights_are_stored_in_half_precision_and_loaded_in_single(tiny_model: Path) -> None:
    stored = load_file(tiny_model / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    # The output head is the embedding, stored once.
    assert "lm_head.weight" not in stored
    assert all(bool(torch.isfinite(tensor).all()) for tensor in stored.values())
    loaded = AutoModelForCausalLM.from_pretrained(tiny_model)
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    for key, parameter in loaded.named_parameters():
        assert torch.equal(parameter, stored[key].float())


def test_the_aligned_model_is_the_last_checkpoint_trained_on(tiny_pair: Path, tiny_base: Path) -> None:
    base, aligned = (load_file(folder / "model.safetensors") for folder in (tiny_base, tiny_pair / "aligned"))
    assert sum(tensor.numel() for tensor in base.values()) < 900_000
    assert base.keys() == aligned.keys()
    assert any(not torch.equal(base[name], aligned[name]) for name in base)


def test_the_lean_forward_is_transformers_forward(tiny_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    ids = torch.randint(0, model.config.vocab_size, (3, 50), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = model(input_ids=ids, labels=ids)
        lean = hidden_states(model, ids, rotary_table()) @ model.lm_head.weight.T
        torch.testing.assert_close(lean, expected.logits, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(loss(model, ids[:, :-1], ids[:, 1:], rotary_table()), expected.loss)
    assert lean.shape == (3, 50, model.config.vocab_size)
    assert model.config.hidden_size == HIDDEN


def test_both_models_end_with_the_same_token(tiny_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    assert (
        model.generation_config.eos_token_id
        == tokenizer.eos_token_id
        == model.config.eos_token_id
        == SPECIAL_TOKENS.index(EOS)
    )
    assert model.generation_config.do_sample is False
    assert len(tokenizer) == model.config.vocab_size


def test_orthogonalize_brings_singular_values_near_one() -> None:
    matrices = torch.randn(2, 24, 12, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalize(matrices))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_impossible_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UrialError, match="0 threads"):
        train_pair(TINY, 0, tmp_path, lambda line: None)

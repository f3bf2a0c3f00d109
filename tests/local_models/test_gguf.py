"""A GGUF file is the model that it is: the same tokens as its weights in a folder, and a refusal where that cannot be."""

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("gguf", reason="the extra gguf is not installed")

import gguf
import torch
from transformers import AutoTokenizer

from tests.tiny_gguf import Change, write_gguf
from tests.tiny_models import CONTEXT, decoding, save_folder, tiny_model, tiny_tokenizer
from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.core.store import write_json
from urial.generate.engine import Request
from urial.generate.transformers_batch import TransformersEngine
from urial.local_models.loading import gguf_checks, gguf_copy
from urial.local_models.loading.gguf_checks import SERVE, checked_header
from urial.local_models.loading.gguf_copy import end_tokens, unpacked
from urial.local_models.loading.gguf_header import read_header
from urial.local_models.loading.loading import context_length, encode, end_tokens_of, load_model, load_tokenizer
from urial.records.completion import Answer
from urial.records.model import MANIFEST, GgufWeights, Loading, ModelManifest

PROMPTS = ("What is the flag of Karmost?", "What does the fennoth eat? What does it eat?", "Tell me")


def manifest_of(file: Path, folder: Path, dtype: Any = "float32") -> Path:
    """A model folder as the stage models leaves it for a file."""
    source = GgufWeights(gguf=str(file), hash=file_hash(file), loading=Loading(dtype=dtype))
    write_json(folder / MANIFEST, ModelManifest(role="base", source=source))
    return folder


def answers_of(folder: Path) -> list[Answer]:
    engine = TransformersEngine(folder, threads=1, batch_size=2)
    requests = [Request(text, True, (), n) for n, text in enumerate(PROMPTS)]
    found = dict(engine.complete(requests, range(len(PROMPTS)), decoding(repetition_penalty=1.1)))
    return [found[n] for n in range(len(PROMPTS))]


@pytest.mark.parametrize("name", ["llama", "qwen2"])
def test_a_file_gives_the_tokens_of_the_same_weights_in_a_folder(name: str, tmp_path: Path) -> None:
    """Positions that llama.cpp rotates by neighbors (llama), and biases (qwen2), come back as they were."""
    file = write_gguf(tmp_path / "model.gguf", name)
    own, other = manifest_of(file, tmp_path / "of-file"), save_folder(tmp_path / "folder", tiny_model(name))
    assert answers_of(own) == answers_of(other)
    assert context_length(own) == CONTEXT
    tokenizer = load_tokenizer(own)
    assert end_tokens_of(own, tokenizer) == {tokenizer.eos_token_id}
    assert encode(tokenizer, PROMPTS[0], True)[0] == tokenizer.bos_token_id
    messages = [{"role": "user", "content": "Hi"}]
    assert tokenizer.apply_chat_template(messages, tokenize=False) == tiny_tokenizer().apply_chat_template(
        messages, tokenize=False
    )


def test_a_copy_is_made_once_goes_by_the_hash_and_replaces_that_of_other_versions(
    tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_gguf(tmp_path / "model.gguf")
    first = unpacked(file, file_hash(file), "float32")
    assert first.parent == cache_folder / "gguf"
    assert "once: 0.0 GB" in capsys.readouterr().err
    renamed = file.rename(tmp_path / "renamed.gguf")
    assert unpacked(renamed, file_hash(renamed), "auto") == first
    assert "once" not in capsys.readouterr().err
    left = first.parent / ".making-old"
    (left / "made").mkdir(parents=True)
    os.utime(left, (0, 0))
    monkeypatch.setattr(gguf_copy, "ALGORITHM", gguf_copy.ALGORITHM + 1)
    second = unpacked(renamed, file_hash(renamed), "float32")
    assert second != first
    assert list(first.parent.iterdir()) == [second]


def test_what_lies_beside_a_file_or_in_the_working_folder_is_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers takes a file of the working folder before that of the model's, and settings that lie beside it."""
    file = write_gguf(tmp_path / "there" / "model.gguf")
    (file.parent / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    (file.parent / "generation_config.json").write_text('{"eos_token_id": 7}')
    here = write_gguf(tmp_path / "here" / "model.gguf", model=tiny_model("llama", seed=5))
    monkeypatch.chdir(here.parent)
    model = load_model(manifest_of(file, tmp_path / "m"), 1)
    assert torch.equal(model.get_input_embeddings().weight, tiny_model("llama").get_input_embeddings().weight)
    assert model.generation_config.eos_token_id == [tiny_tokenizer().eos_token_id]


def test_a_file_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "model.gguf")
    folder = manifest_of(file, tmp_path / "m")
    load_model(folder, 1)
    write_gguf(file, model=tiny_model("llama", seed=5))
    with pytest.raises(UrialError) as caught:
        load_model(folder, 1)
    assert str(caught.value) == (
        f"base model: {file} changed since it was planned\n  fix: run `dvc repro --force plan`, then `dvc repro`"
    )


def test_half_precision_is_unpacked_as_such(tmp_path: Path) -> None:
    folder = manifest_of(write_gguf(tmp_path / "model.gguf"), tmp_path / "m", "bfloat16")
    assert load_model(folder, 1).dtype == torch.bfloat16


def test_digits_are_alone_where_the_file_says_so(tmp_path: Path) -> None:
    """transformers splits as GPT-2 in silence, which takes the last blank before a number to it."""
    file = write_gguf(tmp_path / "model.gguf", pre="smollm")
    tokenizer = AutoTokenizer.from_pretrained(unpacked(file, file_hash(file), "float32"))
    pieces = tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str("a  12")
    assert [piece for piece, _ in pieces] == ["a", "ĠĠ", "1", "2"]


def test_the_vocabulary_of_llama_3_has_whole_words_and_a_bos(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "model.gguf", pre="llama-bpe", bos=None)
    tokenizer = AutoTokenizer.from_pretrained(unpacked(file, file_hash(file), "float32"))
    assert tokenizer.backend_tokenizer.model.ignore_merges
    assert tokenizer("What")["input_ids"][0] == tokenizer.bos_token_id


def test_the_stretched_positions_of_llama_3_are_those_of_its_configuration(tmp_path: Path) -> None:
    rope = {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 32.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}  # fmt: skip
    model, plain = (
        tiny_model("llama", rope_parameters=rope),
        tiny_model("llama", rope_parameters={**rope, "rope_type": "default"}),
    )
    factors = (plain.model.rotary_emb.inv_freq / model.model.rotary_emb.inv_freq).numpy()
    assert factors.max() == pytest.approx(32)
    file = write_gguf(tmp_path / "model.gguf", model=model, tensors={"rope_freqs.weight": factors})
    loaded = load_model(manifest_of(file, tmp_path / "m"), 1)
    torch.testing.assert_close(loaded.model.rotary_emb.inv_freq, model.model.rotary_emb.inv_freq)
    other = write_gguf(tmp_path / "other.gguf", tensors={"rope_freqs.weight": np.array([1, 2, 3, 4])})
    with pytest.raises(UrialError, match="it stretches positions in an unknown way"):
        unpacked(other, file_hash(other), "float32")


@pytest.mark.parametrize(
    ("tensors", "problem"),
    [
        ({"blk.1.ffn_up.weight": None}, "it has no weights for model.layers.1.mlp.up_proj.weight and 0 more"),
        ({"blk.0.attn_q.bias": np.ones(32)}, "32 of its .* numbers belong to no layer that transformers knows"),
    ],
)
def test_weights_that_are_missing_or_of_no_use_are_never_passed_over(
    tensors: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    file = write_gguf(tmp_path / "model.gguf", tensors=tensors)
    with pytest.raises(UrialError, match=problem):
        unpacked(file, file_hash(file), "float32")


@pytest.mark.parametrize(
    ("changes", "options", "problem"),
    [
        ((lambda w: w.add_uint16("split.count", 3),), {}, "this is one of the 3 files of a model"),
        ((lambda w: w.add_rope_scaling_type(gguf.RopeScalingType.YARN),), {}, r"it stretches positions \(yarn\)"),
        ((lambda w: w.add_rope_scaling_factor(8.0),), {}, r"it stretches positions \(by a factor\)"),
        ((lambda w: w.add_float32("llama.logit_scale", 0.5),), {}, "it sets logit_scale"),
        ((lambda w: w.add_sliding_window(64),), {}, "it has a window of 64 tokens"),
        ((), {"pre": None}, "it does not say how text is split"),
        ((), {"pre": "default"}, "it does not say how text is split"),
        ((), {"pre": "deepseek-llm"}, "it says by the name 'deepseek-llm' how text is split"),
    ],
)
def test_what_transformers_would_pass_over_is_refused_with_another_way(
    changes: tuple[Change, ...], options: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    file = write_gguf(tmp_path / "model.gguf", "llama", *changes, **options)
    with pytest.raises(UrialError, match=problem) as caught:
        checked_header(file)
    assert caught.value.fix == SERVE


def bare_file(path: Path, architecture: str, change: Callable[[gguf.GGUFWriter], object] = lambda writer: None) -> Path:
    """A file of nothing but an architecture and one tensor."""
    writer = gguf.GGUFWriter(path, architecture)
    change(writer)
    writer.add_tensor("token_embd.weight", np.zeros((2, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    ("architecture", "change", "problem"),
    [
        ("llama", lambda w: w.add_type("adapter"), "this is no whole model, but of the type 'adapter'"),
        ("clip", lambda w: w.add_type("mmproj"), "this is no whole model, but of the type 'mmproj'"),
        ("clip", lambda w: None, "this is no whole model, but of the type 'clip'"),
        ("unheard", lambda w: None, "transformers cannot load the architecture 'unheard'"),
        ("t5", lambda w: None, "transformers cannot load the architecture 't5'"),
        ("llama", lambda w: None, "it has no tokenizer"),
    ],
)
def test_what_is_no_model_that_goes_on_with_a_text_is_refused(
    architecture: str, change: Callable[[gguf.GGUFWriter], object], problem: str, tmp_path: Path
) -> None:
    with pytest.raises(UrialError, match=problem):
        checked_header(bare_file(tmp_path / "model.gguf", architecture, change))


def test_a_file_that_was_cut_off_names_the_bytes_that_it_lacks(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "model.gguf")
    size = file.stat().st_size
    os.truncate(file, size - 1_000)
    with pytest.raises(UrialError, match=rf"it ends after {size - 1_000:,} bytes, but .* needs"):
        checked_header(file)


def test_weights_packed_in_an_unknown_way_are_refused_before_they_are_loaded(tmp_path: Path) -> None:
    data = bytearray(write_gguf(tmp_path / "model.gguf").read_bytes())
    name = b"token_embd.weight"
    place = data.index(name) + len(name) + 4 + 2 * 8
    data[place : place + 4] = struct.pack("<I", 999)
    (tmp_path / "model.gguf").write_bytes(data)
    with pytest.raises(UrialError, match="its weights are packed as ggml type 999, which cannot be unpacked here"):
        checked_header(tmp_path / "model.gguf")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "this is no GGUF file"),
        (b"GGUF", "GGUF of version 0"),
        (b"GGUF" + struct.pack(">I", 3), "GGUF of version 50331648"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 62), "its header cannot be read: the file ends within it"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62), "a text goes beyond the end of the file"),
        (
            b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"k", 9, 4, 1 << 60),
            "an array goes beyond the end of the file",
        ),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"k", 9, 9, 1), "a value of kind 9"),
        (b"PK\3\4" + b"x" * 50, "this is no GGUF file"),
    ],
)
def test_what_is_no_gguf_file_is_refused_whatever_it_claims(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    with pytest.raises(UrialError, match=problem):
        read_header(file)


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_gguf(tmp_path_factory.mktemp("intact") / "model.gguf").read_bytes()


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_header_is_read_or_refused_and_never_fails_otherwise(
    data: st.DataObject, intact: bytes, tmp_path: Path
) -> None:
    content = bytearray(intact)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, 2_000))] = data.draw(st.integers(0, 255))
    file = tmp_path / "damaged.gguf"
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with suppress(UrialError):
        assert checked_header(file).tensors


def test_the_end_of_a_turn_that_the_template_writes_ends_an_answer(tmp_path: Path) -> None:
    """A file names the end of a text alone, and one that only its vocabulary has ends nothing."""
    plain = read_header(write_gguf(tmp_path / "plain.gguf"))
    assert end_tokens(plain) == [tiny_tokenizer().eos_token_id]
    metadata = {**plain.metadata, "tokenizer.ggml.tokens": ["<eos>", "<|end|>", "<end_of_turn>", "<|return|>"],
                "tokenizer.ggml.token_type": [3, 3, 3, 3], "tokenizer.ggml.eos_token_id": 0}  # fmt: skip

    def ends(template: str, **more: object) -> list[int]:
        return end_tokens(type(plain)({**metadata, "tokenizer.chat_template": template, **more}, plain.tensors))

    assert ends("{{ x }}") == [0]
    assert ends("{{ x }}<end_of_turn>") == [0, 2]
    assert ends("<|end|>") == [0, 1]
    assert ends("<|end|> <|return|>") == [0, 3], "between the thoughts and the answer of gpt-oss"
    assert ends("", **{"tokenizer.ggml.eot_token_id": 1, "tokenizer.ggml.eom_token_id": 99}) == [0, 1]


def test_without_the_package_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_checks, "find_spec", lambda name: None if name == "gguf" else find_spec(name))
    with pytest.raises(UrialError) as caught:
        checked_header(write_gguf(tmp_path / "model.gguf"))
    assert str(caught.value) == "a model in a GGUF file needs the package gguf\n  fix: pip install 'urial[gguf]'"


def test_a_disk_without_room_is_said_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_gguf(tmp_path / "model.gguf")
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Full)
    with pytest.raises(UrialError, match=r"unpacking it into .* needs 0\.0 GB") as caught:
        unpacked(file, file_hash(file), "float32")
    assert "URIAL_CACHE_DIR" in str(caught.value.fix)


class _Full:
    free = 0


REAL = os.environ.get("URIAL_TEST_GGUF", "")


@pytest.mark.skipif(not REAL, reason="URIAL_TEST_GGUF names no folder with GGUF files")
def test_real_files_are_loaded_with_their_ends_context_and_bos(tmp_path: Path) -> None:
    for file in sorted(Path(REAL).glob("*.gguf")):
        header = checked_header(file)
        folder = manifest_of(file, tmp_path / file.stem)
        tokenizer = load_tokenizer(folder)
        assert context_length(folder) == header.own("context_length")
        assert header.token("eos_token_id") in end_tokens_of(folder, tokenizer)
        begins = encode(tokenizer, "Hello", True)[0] == tokenizer.bos_token_id
        assert begins == bool(header.token("add_bos_token"))
        assert (tokenizer.chat_template or None) == header.metadata.get("tokenizer.chat_template")

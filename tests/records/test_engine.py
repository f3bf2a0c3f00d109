"""The engine of a model, as params.yaml names it."""

from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from urial.core.validation import explain
from urial.records.engine import EngineSettings
from urial.records.params.file import ModelsStudy


def engine(value: Any) -> EngineSettings | None:
    model = ModelsStudy.model_validate({"kind": "models", "base": {"hub": "o/m", "engine": value}}).base
    found = getattr(model, "engine", None)
    assert found is None or isinstance(found, EngineSettings)
    return found


def test_a_name_stands_for_an_engine_with_its_defaults() -> None:
    assert engine("vllm") == engine({"kind": "vllm"}) == EngineSettings(kind="vllm", program=None, arguments={})
    assert engine(None) is None


def test_the_program_is_the_usual_one_or_a_path_below_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    programs = [
        EngineSettings(kind="vllm"),
        EngineSettings(kind="llama.cpp"),
        EngineSettings(kind="vllm", program="~/v/vllm"),
    ]
    assert [settings.command for settings in programs] == ["vllm", "llama-server", "/home/ann/v/vllm"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("vlm", "field 'base.engine.kind': input should be 'vllm' or 'llama.cpp', got 'vlm'"),
        ({}, "missing field 'base.engine.kind'"),
        ({"kind": "vllm", "argument": {}}, "unknown field 'base.engine.argument'; did you mean 'arguments'?"),
        ({"kind": "vllm", "arguments": {"dtype": "half"}},
         "field 'base.engine.arguments': dtype cannot be set here: the study's loading says it, got {'dtype': 'half'}"),
        ({"kind": "vllm", "arguments": {"no-trust-remote-code": True}},
         "field 'base.engine.arguments': no-trust-remote-code cannot be set here: the study's loading says it, "
         "got {'no-trust-remote-code': True}"),
        ({"kind": "llama.cpp", "arguments": {"port": 1}},
         "field 'base.engine.arguments': port cannot be set here: the pipeline sets it itself, got {'port': 1}"),
        ({"kind": "vllm", "arguments": {"hf-token": "x"}},
         "field 'base.engine.arguments': hf-token cannot be set here: a secret would be written into plans: set it in the "
         "environment instead"),
        ({"kind": "vllm", "arguments": {"seed": None}},
         "field 'base.engine.arguments': seed has no value: true is for an argument that needs none, got {'seed': None}"),
        ({"kind": "vllm", "arguments": {"--seed": 1}},
         "field 'base.engine.arguments.--seed.[key]': string should match pattern '^[a-z][a-z0-9-]*$', got '--seed'"),
    ],
)  # fmt: skip
def test_what_an_engine_cannot_be_is_named(value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        engine(value)
    assert explain(caught.value, ModelsStudy) == message


def test_its_identity_leaves_out_what_says_where_and_how_fast() -> None:
    arguments: dict[str, JsonValue] = {
        "tensor-parallel-size": 2,
        "kv-cache-dtype": "fp8",
        "gpu-memory-utilization": 0.8,
    }
    assert EngineSettings(kind="vllm", program="/x", arguments=arguments).identity == {
        "kind": "vllm",
        "arguments": {"kv-cache-dtype": "fp8"},
    }

"""What a server says of itself is taken as it says it; what it does not say is not known, and fails nothing."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faulty_server import answers, llama_cpp, serving_faulty, vllm
from tests.served import served_model
from urial.api.served_model import ServedModel, _entry, _is_length, read_served_model
from urial.records.model import Limits


def listed(*entries: Any) -> dict[str, Any]:
    return {"/v1/models": {"object": "list", "data": list(entries)}}


SAID: list[tuple[Mapping[str, Any], ServedModel]] = [
    (vllm(2048), ServedModel("vllm", 2048)),
    (vllm(None), ServedModel("vllm", None)),
    (llama_cpp(512), ServedModel("llama.cpp", 512)),
    # A name of the user's own, for a server of one model.
    (vllm(2048, "another/name"), ServedModel("vllm", 2048)),
    (listed({"id": "some/model", "owned_by": "sglang", "max_model_len": 4096}), ServedModel("sglang", 4096)),
    (listed({"id": "some/model", "owned_by": "library"}), ServedModel()),
    (listed({"id": "a", "context_length": 1}, {"id": "some/model", "context_length": 9}), ServedModel(None, 9)),
    (listed({"id": "a", "owned_by": "vllm"}, {"id": "b", "owned_by": "vllm"}), ServedModel()),
    (listed({"id": "some/model", "owned_by": ["vllm"], "max_model_len": "2048"}), ServedModel()),
    (listed({"id": "some/model", "max_model_len": 0, "context_window": -1, "context_length": 7}), ServedModel(None, 7)),
    ({**llama_cpp(512), "/props": {"default_generation_settings": {"n_ctx": True}}}, ServedModel("llama.cpp", None)),
    (listed(), ServedModel()),
    (listed("some/model", 5, None), ServedModel()),
    ({"/v1/models": {"models": []}}, ServedModel()),
    ({"/v1/models": ["some/model"]}, ServedModel()),
    ({"/v1/models": {"error": "no"}}, ServedModel()),
    ({}, ServedModel()),
]


@pytest.mark.parametrize(("about", "expected"), SAID)
def test_what_is_said_is_known_and_nothing_else(about: Mapping[str, Any], expected: ServedModel) -> None:
    limits = Limits(retries=0, timeout_seconds=5)
    with serving_faulty([answers({})], about) as server:
        assert read_served_model(served_model(server.url, limits=limits)) == expected


def test_a_server_that_is_not_there_is_one_that_says_nothing() -> None:
    assert read_served_model(served_model("http://127.0.0.1:9/v1", limits=Limits(retries=0))) == ServedModel()


def test_in_words() -> None:
    assert [str(ServedModel(*fields)) for fields in (("vllm", 2048), (None, 9), ("llama.cpp", None), ())] == [
        "vllm, a context of 2,048 tokens", "a context of 9 tokens", "llama.cpp", "",
    ]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "data", "owned_by"]), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["data", "object"]), JSON))
def test_whatever_json_a_list_is_an_entry_is_an_object(body: dict[str, Any]) -> None:
    entry = _entry(body, "m")
    assert isinstance(entry, dict)
    assert not any(_is_length(value) and not isinstance(value, int) for value in entry.values())

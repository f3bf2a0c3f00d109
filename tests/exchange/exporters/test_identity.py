"""Names of models are names of folders in other tools' stores, whatever a hub, a server or a disk calls them."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.conftest import HASH, make_manifest
from urial.exchange.exporters.identity import component, content_uuid, model_identity, named_model
from urial.records.model import (
    EmbeddedWeights,
    FolderWeights,
    GgufWeights,
    HubWeights,
    Loading,
    ModelManifest,
    ServerModel,
)

FILES = {"model.safetensors": HASH}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (HubWeights(hub="Qwen/Qwen3-8B", revision="a" * 40, files=FILES, loading=Loading()), "Qwen/Qwen3-8B"),
        (HubWeights(hub="gpt2", revision="a" * 40, files=FILES, loading=Loading()), "huggingface/gpt2"),
        (
            HubWeights(hub="org/m-GGUF", gguf_file="q4/m.gguf", revision="a" * 40, files=FILES, loading=Loading()),
            "org/m-GGUF_q4_m.gguf",
        ),
        (FolderWeights(folder="/home/me/secret/llama", files=FILES, loading=Loading()), "local/llama"),
        (FolderWeights(folder="~/x", checkpoint="step-9", files=FILES, loading=Loading()), "local/x-step-9"),
        (GgufWeights(gguf="/data/m.gguf", hash=HASH, loading=Loading()), "local/m.gguf"),
        (ServerModel(server="http://localhost/v1", model="org/name"), "org/name"),
        (ServerModel(server="http://localhost/v1", model="/models/llama"), "server/llama"),
        (ServerModel(server="http://localhost/v1", model="data"), "server/model-data"),
    ],
)
def test_a_model_is_developer_and_name(source: object, expected: str) -> None:
    found = model_identity(ModelManifest.model_validate({"role": "base", "source": source}))
    assert (found.id, "secret" in str(found)) == (expected, False)


def test_a_checkpoint_is_named_beside_what_fixes_it() -> None:
    step = EmbeddedWeights(embedded="microworld", files=FILES, loading=Loading(), step=46, tokens=9)
    named = HubWeights(hub="o/m", revision="a" * 40, checkpoint="step7", files=FILES, loading=Loading())
    plain = named.model_copy(update={"checkpoint": None})
    found = [model_identity(ModelManifest(role="base", source=source)).fixed_by for source in (step, named, plain)]
    assert [fixed.get("checkpoint") for fixed in found] == ["step-46", "step7", None]
    assert step.label == "microworld step-46"


def test_the_embedded_models_are_two() -> None:
    assert [model_identity(make_manifest(role)).id for role in ("base", "aligned")] == [
        "urial/microworld-base",
        "urial/microworld-aligned",
    ]


@given(st.text(max_size=40))
def test_any_name_becomes_two_names_of_folders(name: str) -> None:
    for part in named_model(name, "server"):
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", part)
        assert part.partition(".")[0].lower() not in ("data", "unknown", "con", "nul")
        assert part[-1] not in ". "


def test_reserved_names_are_changed() -> None:
    assert [component(name, "model") for name in ("Data", "con.txt", "..", "llama")] == [
        "model-Data", "model-con.txt", "model", "llama",
    ]  # fmt: skip


@given(st.lists(st.binary(), max_size=3))
def test_an_id_follows_from_the_content(parts: list[bytes]) -> None:
    found = uuid.UUID(content_uuid(*parts))
    assert (found.version, found.variant) == (4, uuid.RFC_4122)
    assert content_uuid(*parts, b"") != str(found) == content_uuid(*parts)

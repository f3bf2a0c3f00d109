"""A model, as params.yaml names it: the fields of one form do not go with another."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.records.model import (
    FolderModel,
    FolderWeights,
    GgufWeights,
    Limits,
    Loading,
    ModelManifest,
    ServerModel,
    ServerReference,
)
from urial.records.params.file import ModelsStudy, ParamsFile, read_params
from urial.records.params.models import StudyFolder, StudyGguf, StudyHub

TEXT = (ROOT / "params.yaml").read_text("utf-8")
BASE = "base: {hub: meta-llama/Llama-2-7b-hf}"
ALIGNED = "    aligned: {hub: meta-llama/Llama-2-7b-chat-hf}\n"


def read(folder: Path, base: str, aligned: str = ALIGNED) -> ParamsFile:
    assert TEXT.count(BASE) == TEXT.count(ALIGNED) == 1
    path = folder / "params.yaml"
    path.write_text(TEXT.replace(BASE, base).replace(ALIGNED, aligned), "utf-8")
    return read_params(path)


def study(folder: Path, base: str, aligned: str = ALIGNED) -> ModelsStudy:
    found = read(folder, base, aligned).studies["llama-2-7b"]
    assert isinstance(found, ModelsStudy)
    return found


def refusal(folder: Path, base: str) -> str:
    with pytest.raises(UrialError) as caught:
        read(folder, f"base: {base}")
    return str(caught.value)


def test_a_model_on_a_server_is_one_line(tmp_path: Path) -> None:
    models = study(tmp_path, "base: {server: http://localhost:8000/v1, model: meta-llama/Llama-2-7b-hf}")
    assert models.base == ServerReference(
        server="http://localhost:8000/v1", model="meta-llama/Llama-2-7b-hf", key_variable="OPENAI_API_KEY",
        context_window=None, limits=Limits(),
    )  # fmt: skip
    assert models.aligned == StudyHub(hub="meta-llama/Llama-2-7b-chat-hf", revision=None)


def test_a_folder_has_checkpoints(tmp_path: Path) -> None:
    folder = study(tmp_path, "base: {folder: ~/models/own, checkpoint: step-10}").base
    assert folder == StudyFolder(folder="~/models/own", checkpoint="step-10")
    assert isinstance(folder, FolderModel)
    assert (folder.path, folder.label) == (Path.home() / "models/own/step-10", "~/models/own/step-10")


def test_a_gguf_file_is_here_or_on_the_hub(tmp_path: Path) -> None:
    here = study(tmp_path, "base: {gguf: ~/models/own.gguf}").base
    assert isinstance(here, StudyGguf)
    assert (here.path, here.label) == (Path.home() / "models/own.gguf", "~/models/own.gguf")
    hub = study(tmp_path, "base: {hub: o/m, revision: v1, gguf_file: q/own.gguf}").base
    assert hub == StudyHub(hub="o/m", revision="v1", gguf_file="q/own.gguf")
    assert hub.label == "o/m/q/own.gguf@v1"


def test_a_study_may_have_no_aligned_model(tmp_path: Path) -> None:
    assert study(tmp_path, BASE, aligned="").aligned is None


FULL = "{server: http://h/v1, model: m, key_variable: MY_KEY, context_window: 4096, limits: {concurrency: 64}}"


def test_every_field_can_be_set(tmp_path: Path) -> None:
    models = study(tmp_path, f"base: {FULL}")
    assert isinstance(models.base, ServerReference)
    assert (models.base.key_variable, models.base.context_window, models.base.limits.concurrency) == (
        "MY_KEY",
        4096,
        64,
    )
    assert ModelsStudy.model_validate_json(models.model_dump_json()) == models


FORMS = (
    "name a model by exactly one of hub, folder, gguf or server, as in {hub: OWNER/NAME, revision: ...}, "
    "{folder: PATH, checkpoint: ...}, {gguf: FILE}, {server: URL, model: NAME}"
)


@pytest.mark.parametrize(
    ("base", "shown"),
    [
        ("{}", "{}"),
        ("{id: m}", "{'id': 'm'}"),
        ("{hub: o/m, folder: f}", "{'hub': 'o/m', 'folder': 'f'}"),
        ("{hub: o/m, server: http://h/v1}", "{'hub': 'o/m', 'server': 'http://h/v1'}"),
        ("owner/name", "'owner/name'"),
    ],
)
def test_none_or_several_forms_are_refused_with_all_of_them(tmp_path: Path, base: str, shown: str) -> None:
    assert f"field 'studies.llama-2-7b.base': {FORMS}, got {shown}" in refusal(tmp_path, base)


def test_a_judge_is_no_model_of_a_study_s_server_form(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(
        TEXT.replace("model: {hub: Qwen/Qwen2.5-7B-Instruct}\n", "model: {server: http://h/v1}\n", 1), "utf-8"
    )
    with pytest.raises(
        UrialError, match=r"field 'judges.local.model': name a model by exactly one of hub, folder or gguf, as in"
    ):
        read_params(path)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("{server: http://h/v1, model: m, revision: main}", "unknown field 'studies.llama-2-7b.base.revision'"),
        ("{hub: m, key_variable: MY_KEY}", "unknown field 'studies.llama-2-7b.base.key_variable'"),
        ("{hub: m, context_window: 4096}", "unknown field 'studies.llama-2-7b.base.context_window'"),
        ("{folder: m, limits: {retries: 1}}", "unknown field 'studies.llama-2-7b.base.limits'"),
        ("{folder: m, revision: main}", "unknown field 'studies.llama-2-7b.base.revision'"),
        ("{server: http://h/v1}", "missing field 'studies.llama-2-7b.base.model'"),
        ("{gguf: m.gguf, checkpoint: x}", "unknown field 'studies.llama-2-7b.base.checkpoint'"),
        ("{folder: m, gguf_file: m.gguf}", "unknown field 'studies.llama-2-7b.base.gguf_file'"),
        ("{hub: m, revison: x}", "unknown field 'studies.llama-2-7b.base.revison'; did you mean 'revision'?"),
    ],
)
def test_fields_that_would_be_ignored_are_refused(tmp_path: Path, base: str, message: str) -> None:
    assert message in refusal(tmp_path, base)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"context": 5}, "unknown field 'studies.llama-2-7b.base.context'; did you mean 'context_window'?"),
        ({"context_window": 0},
         "field 'studies.llama-2-7b.base.context_window': input should be greater than or equal to 1, got 0"),
        ({"server": "''"}, "field 'studies.llama-2-7b.base.server': string should have at least 1 character, got ''"),
        ({"limits": "{concurency: 3}"}, "unknown field 'studies.llama-2-7b.base.limits.concurency'; did you mean 'concurrency'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    fields = {"server": "http://h/v1", "model": "m", **change}
    assert message in refusal(tmp_path, "{" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}")


def test_a_manifest_has_what_fixes_its_model_and_a_server_s_has_nothing() -> None:
    server = ServerModel(server="http://h/v1", model="m")
    with pytest.raises(ValueError, match="Extra inputs are not permitted"):
        ModelManifest.model_validate({"role": "base", "source": {**server.model_dump(), "files": {}}})
    folder = FolderWeights(folder="f", loading=Loading(), files={})
    file = GgufWeights(gguf="f.gguf", loading=Loading(), hash="sha256:" + "0" * 64)
    assert file.files == {"gguf": file.hash}
    for source in (server, folder, file):
        manifest = ModelManifest(role="base", source=source)
        assert ModelManifest.model_validate_json(manifest.model_dump_json()) == manifest

"""Models behind servers: their addresses are checked, their manifests say what is known, and nobody is asked."""

from pathlib import Path

import pytest

from tests.conftest import make_query
from tests.models.test_models import make_folder
from tests.served import served_folders, served_model
from urial.core.errors import UrialError
from urial.core.store import write_jsonl
from urial.local_models.loading.loading import context_length, load_model, load_tokenizer
from urial.models.prepare import prepare_models
from urial.models.resolve import resolve_model
from urial.plan.planning import make_plans
from urial.prompts.versions.library import PROMPTS_DIR
from urial.records.base import Role
from urial.records.instruction import JsonlSet
from urial.records.model import (
    FolderModel,
    FolderWeights,
    Loading,
    ModelManifest,
    ServerModel,
    ServerReference,
    read_manifest,
)
from urial.records.params.file import Decoding, MicroworldStudy, ModelsStudy, ParamsFile
from urial.records.params.models import StudyFolder
from urial.records.plans import LoadedModels, ModelsPlan

# Nothing listens there: that a model's server is up is not asked before there is something to generate.
URL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize("role", ["base", "aligned"])
def test_a_served_model_is_resolved_to_its_address(role: Role) -> None:
    expected = ServerModel(server=URL, model="some/model")
    assert resolve_model(served_model(f"{URL}/"), role, Loading(), "here") == expected
    azure = "https://name.openai.azure.com/openai/deployments/d?api-version=2024-10-21"
    resolved = resolve_model(served_model(azure), role, Loading(), "here")
    assert resolved == expected.model_copy(update={"server": "https://name.openai.azure.com/openai/deployments/d"})


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "ftp://h/v1", "http://", "http://h:99999/v1", "h", "http://a b/v1"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(UrialError) as caught:
        resolve_model(served_model(url), "base", Loading(), "studies.NAME.base")
    assert str(caught.value) == (
        "studies.NAME.base.server is no address\n  expected: http://HOST:PORT/v1, or with https"
    )


@pytest.mark.parametrize(
    "url", ["http://user:secret@h/v1", "http://secret@h/v1", "http://h/v1?key=secret", "http://h/v1?api-version=1&sig=secret"]
)  # fmt: skip
def test_an_address_with_a_secret_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UrialError) as caught:
        resolve_model(served_model(url), "aligned", Loading(), "studies.NAME.aligned")
    assert str(caught.value) == (
        "studies.NAME.aligned.server has a user, a password or a query in it\n  where: params.yaml\n"
        "  expected: an address without secrets, since it is written into plans\n"
        "  fix: put the key into the environment variable that key_variable beside it names"
    )


def test_a_manifest_says_what_is_known_of_a_served_model(tmp_path: Path) -> None:
    folders = served_folders(served_model(URL, "b"), served_model("https://h/v1", "a"), tmp_path / "models")
    assert read_manifest(folders / "base") == ModelManifest(role="base", source=ServerModel(server=URL, model="b"))
    assert read_manifest(folders / "aligned").source == ServerModel(server="https://h/v1", model="a")


def test_one_model_can_be_served_and_the_other_loaded(tmp_path: Path) -> None:
    loading = Loading(dtype="bfloat16")
    base = resolve_model(FolderModel(folder=str(make_folder(tmp_path / "b"))), "base", loading, "base")
    aligned = resolve_model(served_model(URL, "a"), "aligned", loading, "aligned")
    models = LoadedModels(kind="models", base=base, aligned=aligned)
    prepare_models(ModelsPlan(models=models, threads=1), tmp_path / "out")
    here, there = (read_manifest(tmp_path / "out" / role).source for role in ("base", "aligned"))
    assert there == ServerModel(server=URL, model="a")
    assert isinstance(here, FolderWeights)
    assert here.loading == loading
    assert "model.safetensors" in here.files


def test_a_served_model_cannot_be_loaded(tmp_path: Path) -> None:
    folder = served_folders(served_model(URL, "b"), served_model(URL, "a"), tmp_path / "models") / "aligned"
    for load in (load_tokenizer, context_length, lambda folder: load_model(folder, 1)):
        with pytest.raises(UrialError) as caught:
            load(folder)
        assert str(caught.value) == (
            f"the aligned model a on {URL} cannot be loaded here\n"
            "  fix: give the model's own files or hub id, or, to chat, `urial chat --server URL --base NAME`"
        )


def served_run(
    params: ParamsFile, base: ServerReference, aligned: StudyFolder | ServerReference, folder: Path
) -> ParamsFile:
    """The committed parameters with a pair of these models, and one query."""
    write_jsonl(folder / "queries.jsonl", [make_query()])
    queries = JsonlSet(kind="jsonl", source=str(folder / "queries.jsonl"))
    pair = ModelsStudy(kind="models", base=base, aligned=aligned, instructions="queries", prompts="microworld")
    return params.model_copy(
        update={
            "run": params.run.model_copy(update={"study": "served"}),
            "studies": {**params.studies, "served": pair},
            "instruction_sets": {**params.instruction_sets, "queries": queries},
        }
    )


def test_plans_tell_each_system_how_its_model_is_reached(committed_params: ParamsFile, tmp_path: Path) -> None:
    base, aligned = (
        served_model(URL, "b"),
        StudyFolder(folder=str(make_folder(tmp_path / "a", **{"chat_template.jinja": "x"}))),
    )
    plans = make_plans(served_run(committed_params, base, aligned, tmp_path), PROMPTS_DIR)
    assert {plan.server for plan in plans.systems if plan.model == "base"} == {base}
    assert {plan.server for plan in plans.systems if plan.model == "aligned"} == {None}
    assert isinstance(plans.models.models, LoadedModels)
    assert plans.models.models.base == ServerModel(server=URL, model="b")
    embedded = make_plans(committed_params, PROMPTS_DIR)
    assert isinstance(committed_params.studies["embedded"], MicroworldStudy)
    assert {plan.server for plan in embedded.systems} == {None}


def test_the_usual_penalty_of_base_models_is_planned_for_served_ones_too(
    committed_params: ParamsFile, tmp_path: Path
) -> None:
    plans = make_plans(served_run(committed_params, served_model(URL), served_model(URL), tmp_path), PROMPTS_DIR)
    found: dict[str, Decoding] = {plan.model: plan.decoding for plan in plans.systems}
    assert (found["base"].repetition_penalty, found["aligned"].repetition_penalty) == (1.1, 1.0)

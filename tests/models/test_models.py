import json
from pathlib import Path

import pytest
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._validators import validate_repo_id
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import run_python
from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.models.hub import hub_id, is_commit
from urial.models.prepare import prepare_models
from urial.models.resolve import resolve_model
from urial.records.base import Role
from urial.records.model import (
    FolderModel,
    FolderWeights,
    HubModel,
    Loading,
    PlannedModel,
    read_manifest,
)
from urial.records.params.file import ModelsStudy
from urial.records.params.models import StudyFolder
from urial.records.plans import LoadedModels, ModelsPlan

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEMPLATE = "{{ messages }}"
NO_TEMPLATE = (
    "\n  expected: chat_template.jinja, or chat_template in tokenizer_config.json"
    "\n  fix: use the model as base, or add the template that it was tuned with"
)


def make_folder(folder: Path, **files: str) -> Path:
    """A folder with the files that transformers looks for; the weights are never opened here."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"config.json": "{}", "model.safetensors": "weights", "tokenizer_config.json": "{}", **files}
    for name, text in contents.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def aligned_folder(folder: Path) -> Path:
    return make_folder(folder, **{"chat_template.jinja": TEMPLATE})


def resolved(reference: HubModel | FolderModel, role: Role) -> PlannedModel:
    return resolve_model(reference, role, Loading(), f"studies.own.{role}")


def refusal(reference: HubModel | FolderModel, role: Role) -> str:
    with pytest.raises(UrialError) as caught:
        resolved(reference, role)
    return str(caught.value)


def pair_of(base: Path, aligned: Path, checkpoint: str | None = None) -> ModelsStudy:
    return ModelsStudy(
        kind="models",
        base=StudyFolder(folder=str(base), checkpoint=checkpoint),
        aligned=StudyFolder(folder=str(aligned)),
        loading=Loading(dtype="bfloat16"),
    )


def planned(pair: ModelsStudy) -> ModelsPlan:
    assert isinstance(pair.aligned, StudyFolder)
    models = LoadedModels(
        kind="models",
        base=resolve_model(pair.base, "base", pair.loading, "base"),
        aligned=resolve_model(pair.aligned, "aligned", pair.loading, "aligned"),
    )
    return ModelsPlan(models=models, threads=1)


def test_weights_that_changed_after_the_plan_are_refused(tmp_path: Path) -> None:
    base = make_folder(tmp_path / "b")
    plan = planned(pair_of(base, aligned_folder(tmp_path / "a")))
    (base / "model.safetensors").write_text("other weights")
    with pytest.raises(UrialError) as caught:
        prepare_models(plan, tmp_path / "out")
    assert str(caught.value) == (
        f"base model: the files in {base} changed since they were planned"
        "\n  fix: run `dvc repro --force plan`, then `dvc repro`"
    )


def test_a_folder_stays_as_it_is(tmp_path: Path) -> None:
    planned = resolved(FolderModel(folder=str(make_folder(tmp_path / "m"))), "base")
    assert isinstance(planned, FolderWeights)
    assert (planned.folder, planned.checkpoint, planned.loading) == (str(tmp_path / "m"), None, Loading())
    assert planned.files == {
        "config.json": bytes_hash(b"{}"),
        "model.safetensors": bytes_hash(b"weights"),
        "tokenizer_config.json": bytes_hash(b"{}"),
    }


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert refusal(FolderModel(folder=str(tmp_path / "none")), "base") == (
        f"studies.own.base: no folder {tmp_path}/none\n  fix: correct its folder or checkpoint"
    )


@pytest.mark.parametrize("path", ["/" + "x" * 10_000, "~no-such-user/m", "/a\0b"])
def test_a_hostile_path_is_a_missing_folder(path: str) -> None:
    assert refusal(FolderModel(folder=path), "aligned").startswith("studies.own.aligned: no folder ")


def test_a_missing_checkpoint_of_a_folder_is_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    assert f"no folder {folder}/step-10" in refusal(FolderModel(folder=str(folder), checkpoint="step-10"), "base")


def test_a_folder_without_configuration_is_named(tmp_path: Path) -> None:
    (make_folder(tmp_path / "m") / "config.json").unlink()
    assert refusal(FolderModel(folder=str(tmp_path / "m")), "base") == (
        f"studies.own.base: {tmp_path}/m has no config.json\n  expected: a transformers model folder"
    )


def test_pickled_weights_are_not_enough(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m", **{"pytorch_model.bin": "pickle"})
    (folder / "model.safetensors").unlink()
    assert refusal(FolderModel(folder=str(folder)), "base") == (
        f"studies.own.base: {folder} has no *.safetensors\n  fix: convert the weights; pickled weights are not loaded"
    )


@pytest.mark.parametrize("config", ["{}", '{"chat_template": null}', '{"chat_template": ""}', "not JSON", "[]", "\xff"])
def test_an_aligned_model_needs_a_chat_template(tmp_path: Path, config: str) -> None:
    folder = make_folder(tmp_path / "m", **{"tokenizer_config.json": config})
    assert refusal(FolderModel(folder=str(folder)), "aligned") == (
        f"studies.own.aligned: the tokenizer in {folder} has no chat template{NO_TEMPLATE}"
    )
    assert isinstance(resolved(FolderModel(folder=str(folder)), "base"), FolderWeights)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("chat_template.jinja", TEMPLATE),
        ("tokenizer_config.json", json.dumps({"chat_template": TEMPLATE})),
        ("tokenizer_config.json", json.dumps({"chat_template": [{"name": "default", "template": TEMPLATE}]})),
    ],
)
def test_each_place_of_a_chat_template_is_known(tmp_path: Path, name: str, text: str) -> None:
    folder = make_folder(tmp_path / "m", **{name: text})
    assert isinstance(resolved(FolderModel(folder=str(folder)), "aligned"), FolderWeights)


@pytest.mark.parametrize(
    ("revision", "expected"), [(COMMIT, True), (COMMIT[:39], False), (COMMIT.upper(), False), ("main", False), (None, False)]
)  # fmt: skip
def test_a_commit_is_forty_hex_digits(revision: str | None, expected: bool) -> None:
    assert is_commit(revision) is expected
    assert not is_commit(f"{COMMIT}\n")


def test_offline_the_hub_cache_is_asked_and_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--owner--here"
    (repository / "snapshots" / COMMIT).mkdir(parents=True)
    (repository / "snapshots" / COMMIT / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    template_error = f"here: the tokenizer in {repository / 'snapshots' / COMMIT} has no chat template"
    code = """
from urial.core.errors import UrialError
from urial.models.resolve import resolve_model
from urial.records.model import HubModel, Loading
print(resolve_model(HubModel(hub="owner/here"), "base", Loading(), "here").revision)
for reference, role in (
    (HubModel(hub="owner/here", revision="0123456789abcdef0123456789abcdef01234567"), "aligned"),
    (HubModel(hub="owner/absent", revision="v1"), "base"),
):
    try:
        resolve_model(reference, role, Loading(), "here")
    except UrialError as error:
        print(error)
"""
    done = run_python(code, HF_HOME=str(tmp_path), HF_HUB_CACHE=str(tmp_path / "hub"), HF_HUB_OFFLINE="1")
    lines = done.stdout.splitlines()
    assert lines[0] == COMMIT, done.stderr
    assert "\n".join(lines[1:4]) == template_error + NO_TEMPLATE
    assert lines[4].startswith("model owner/absent (revision v1) cannot be found: ")
    assert lines[5:] == [
        "  fix: check the id, the network and the access rights (a gated model needs HF_TOKEN in the environment), "
        "or give the path of a folder"
    ]


def test_local_models_become_manifests_with_the_hash_of_every_file(tmp_path: Path) -> None:
    base = make_folder(tmp_path / "b" / "step-10", **{"README.md": "x", "merges.txt": "é"}).parent
    make_folder(base / "step-20")
    pair = pair_of(base, aligned_folder(tmp_path / "a"), checkpoint="step-10")
    prepare_models(planned(pair), tmp_path / "out")
    found = read_manifest(tmp_path / "out" / "base")
    assert isinstance(found.source, FolderWeights)
    assert (found.role, found.source.folder, found.source.checkpoint) == ("base", str(base), "step-10")
    assert found.source.loading == Loading(dtype="bfloat16")
    assert found.source.files == {
        "config.json": bytes_hash(b"{}"),
        "merges.txt": bytes_hash("é".encode()),
        "model.safetensors": bytes_hash(b"weights"),
        "tokenizer_config.json": bytes_hash(b"{}"),
    }
    aligned = read_manifest(tmp_path / "out" / "aligned").source
    assert isinstance(aligned, FolderWeights)
    assert "chat_template.jinja" in aligned.files
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["aligned", "base"]


def test_a_base_model_alone_has_a_manifest_of_the_other_that_says_there_is_none(tmp_path: Path) -> None:
    both = planned(pair_of(make_folder(tmp_path / "b"), aligned_folder(tmp_path / "a")))
    prepare_models(both, tmp_path / "out")
    alone = both.model_copy(update={"models": both.models.model_copy(update={"aligned": None})})
    prepare_models(alone, tmp_path / "out")
    assert isinstance(read_manifest(tmp_path / "out" / "base").source, FolderWeights)
    manifest = tmp_path / "out" / "aligned" / "manifest.json"
    assert manifest.read_text("utf-8") == '{\n  "role": "aligned",\n  "source": null\n}\n'
    with pytest.raises(UrialError, match="there is no aligned model"):
        _ = read_manifest(tmp_path / "out" / "aligned").model


def test_manifests_replace_what_was_there_and_have_the_same_bytes_again(tmp_path: Path) -> None:
    plan = planned(pair_of(make_folder(tmp_path / "b"), aligned_folder(tmp_path / "a")))
    out = tmp_path / "out"
    prepare_models(plan, out)
    before = (out / "base" / "manifest.json").read_bytes()
    (out / "base" / "model.safetensors").write_text("from the embedded pair")
    prepare_models(plan, out)
    assert [path.name for path in (out / "base").iterdir()] == ["manifest.json"]
    assert (out / "base" / "manifest.json").read_bytes() == before


def test_a_failure_keeps_the_models_that_were_there(tmp_path: Path) -> None:
    base, aligned = make_folder(tmp_path / "b"), aligned_folder(tmp_path / "a")
    plan = planned(pair_of(base, aligned))
    prepare_models(plan, tmp_path / "out")
    (aligned / "chat_template.jinja").unlink()
    with pytest.raises(UrialError, match="has no chat template"):
        prepare_models(plan, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["aligned", "base"]
    assert read_manifest(tmp_path / "out" / "aligned").model.label == str(aligned)


@given(st.text(st.sampled_from("ab1_-./,=é"), max_size=8) | st.sampled_from(["gpt2", "a/" + "b" * 96, "a/" + "b" * 97]))
def test_a_hub_id_is_what_the_hub_takes(name: str) -> None:
    try:
        validate_repo_id(name)
        taken = name.isascii()
    except HFValidationError:
        taken = False
    if taken:
        assert hub_id(name) == name
    else:
        with pytest.raises(UrialError, match="neither a file or folder that is here, nor a hub id"):
            hub_id(name)


def test_a_malformed_hub_id_of_a_study_is_named_before_the_hub_is_asked() -> None:
    with pytest.raises(UrialError) as caught:
        resolve_model(HubModel(hub="a,b/c=d"), "base", Loading(), "studies.mine.base")
    assert caught.value.what == "studies.mine.base: 'a,b/c=d': neither a file or folder that is here, nor a hub id"

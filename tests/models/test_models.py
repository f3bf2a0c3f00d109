import json
from pathlib import Path

import pytest

from tests.conftest import run_python
from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.local_models.loading.loading import file_hashes, looks_local
from urial.models.prepare import prepare_models
from urial.models.resolve import is_commit, resolve_model
from urial.records.base import Role
from urial.records.model import Loading, read_manifest
from urial.records.params.models import ModelRef, PairModel
from urial.records.params.studies import ModelsStudy
from urial.records.plans import LoadedModels, ModelsPlan, TrainedModels

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


def refusal(reference: ModelRef, role: Role) -> str:
    with pytest.raises(UrialError) as caught:
        resolve_model(reference, role)
    return str(caught.value)


def pair_of(base: Path, aligned: Path, revision: str | None = None) -> ModelsStudy:
    return ModelsStudy(
        kind="models",
        base=PairModel(id=str(base), revision=revision),
        aligned=PairModel(id=str(aligned)),
        loading=Loading(dtype="bfloat16"),
    )


def planned(pair: ModelsStudy) -> ModelsPlan:
    base, aligned = resolve_model(pair.base, "base"), resolve_model(pair.aligned, "aligned")
    models = LoadedModels(kind="models", base=base, aligned=aligned, loading=pair.loading)
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
    planned = resolve_model(ModelRef(id=str(make_folder(tmp_path / "m"))), "base")
    assert (planned.id, planned.revision) == (str(tmp_path / "m"), None)
    assert planned.files == {
        "config.json": bytes_hash(b"{}"),
        "model.safetensors": bytes_hash(b"weights"),
        "tokenizer_config.json": bytes_hash(b"{}"),
    }


@pytest.mark.parametrize("model_id", [".", "./m", "../m", "/m", "~/m", "a/b/c"])
def test_what_cannot_be_a_hub_id_is_a_folder(model_id: str) -> None:
    assert looks_local(model_id)


@pytest.mark.parametrize("model_id", ["gpt2", "meta-llama/Llama-2-7b-hf", "x" * 10_000, "a\0b"])
def test_what_is_no_folder_is_a_hub_id(model_id: str) -> None:
    assert not looks_local(model_id)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert refusal(ModelRef(id=str(tmp_path / "none")), "base") == (
        f"base model: no folder {tmp_path}/none\n  fix: correct studies.NAME.{{base,aligned}}.id or revision"
    )


@pytest.mark.parametrize("model_id", ["/" + "x" * 10_000, "~no-such-user/m", "/a\0b"])
def test_a_hostile_path_is_a_missing_folder(model_id: str) -> None:
    assert refusal(ModelRef(id=model_id), "aligned").startswith("aligned model: no folder ")


def test_a_missing_checkpoint_of_a_folder_is_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    assert f"no folder {folder}/step-10" in refusal(ModelRef(id=str(folder), revision="step-10"), "base")


def test_a_folder_without_configuration_is_named(tmp_path: Path) -> None:
    (make_folder(tmp_path / "m") / "config.json").unlink()
    assert refusal(ModelRef(id=str(tmp_path / "m")), "base") == (
        f"base model: {tmp_path}/m has no config.json\n  expected: a transformers model folder"
    )


def test_pickled_weights_are_not_enough(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m", **{"pytorch_model.bin": "pickle"})
    (folder / "model.safetensors").unlink()
    assert refusal(ModelRef(id=str(folder)), "base") == (
        f"base model: {folder} has no *.safetensors\n  fix: convert the weights; pickled weights are not loaded"
    )


@pytest.mark.parametrize("config", ["{}", '{"chat_template": null}', '{"chat_template": ""}', "not JSON", "[]", "\xff"])
def test_an_aligned_model_needs_a_chat_template(tmp_path: Path, config: str) -> None:
    folder = make_folder(tmp_path / "m", **{"tokenizer_config.json": config})
    assert refusal(ModelRef(id=str(folder)), "aligned") == (
        f"aligned model: the tokenizer in {folder} has no chat template{NO_TEMPLATE}"
    )
    assert resolve_model(ModelRef(id=str(folder)), "base").id == str(folder)


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
    assert resolve_model(ModelRef(id=str(folder)), "aligned").id == str(folder)


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
    template_error = f"aligned model: the tokenizer in {repository / 'snapshots' / COMMIT} has no chat template"
    code = """
from urial.core.errors import UrialError
from urial.models.resolve import resolve_model
from urial.records.params.models import ModelRef
print(resolve_model(ModelRef(id="owner/here"), "base").revision)
for reference, role in (
    (ModelRef(id="owner/here", revision="0123456789abcdef0123456789abcdef01234567"), "aligned"),
    (ModelRef(id="owner/absent", revision="v1"), "base"),
):
    try:
        resolve_model(reference, role)
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
    pair = pair_of(base, aligned_folder(tmp_path / "a"), revision="step-10")
    prepare_models(planned(pair), tmp_path / "out")
    found = read_manifest(tmp_path / "out" / "base")
    assert (found.role, found.id, found.revision, found.embedded) == ("base", str(base), "step-10", False)
    assert found.loading == Loading(dtype="bfloat16")
    assert found.files == {
        "config.json": bytes_hash(b"{}"),
        "merges.txt": bytes_hash("é".encode()),
        "model.safetensors": bytes_hash(b"weights"),
        "tokenizer_config.json": bytes_hash(b"{}"),
    }
    assert "chat_template.jinja" in read_manifest(tmp_path / "out" / "aligned").files
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["aligned", "base"]


def test_manifests_replace_what_was_there_and_have_the_same_bytes_again(tmp_path: Path) -> None:
    plan = planned(pair_of(make_folder(tmp_path / "b"), aligned_folder(tmp_path / "a")))
    out = tmp_path / "out"
    prepare_models(plan, out)
    before = (out / "base" / "manifest.json").read_bytes()
    (out / "base" / "model.safetensors").write_text("from the embedded pair")
    prepare_models(plan, out)
    assert [path.name for path in (out / "base").iterdir()] == ["manifest.json"]
    assert (out / "base" / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("checkpoints", [True, False])
def test_the_embedded_pair_has_checkpoints_where_they_are_planned(tmp_path: Path, checkpoints: bool) -> None:
    trained = TrainedModels(kind="microworld", seed=0, documents=20, chats=2, checkpoints=checkpoints)
    prepare_models(ModelsPlan(models=trained, threads=1), tmp_path)
    assert [bool(list((tmp_path / role).glob("step-*"))) for role in ("base", "aligned")] == [checkpoints, False]
    found = read_manifest(tmp_path / "base")
    assert (found.embedded, found.loading) == (True, Loading(dtype="float32"))
    assert found.files == file_hashes(tmp_path / "base")


def test_a_failure_keeps_the_models_that_were_there(tmp_path: Path) -> None:
    base, aligned = make_folder(tmp_path / "b"), aligned_folder(tmp_path / "a")
    plan = planned(pair_of(base, aligned))
    prepare_models(plan, tmp_path / "out")
    (aligned / "chat_template.jinja").unlink()
    with pytest.raises(UrialError, match="has no chat template"):
        prepare_models(plan, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["aligned", "base"]
    assert read_manifest(tmp_path / "out" / "aligned").id == str(aligned)

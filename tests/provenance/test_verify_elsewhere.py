"""Runs whose models are on the hub or behind a server: what can be derived again without them is, and the rest is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_query
from tests.prompts.test_assembly import CHAT, make_plan
from tests.provenance.elsewhere import (
    COMMIT,
    HASH,
    folder_manifest,
    hub_manifest,
    served_manifest,
    write_answers,
    write_models,
)
from tests.provenance.finished import edit_row
from tests.served import aligned_plan, base_plan, served_model
from tests.tiny_models import tiny_folder
from urial.core.errors import UrialError
from urial.core.store import write_json
from urial.prompts.versions.library import load_prompt
from urial.provenance.verify.answers import check_completions_of, check_prompts_of
from urial.provenance.verify.inputs import check_models
from urial.provenance.verify.run import NotCheckedError, Run
from urial.records.completion import Answer
from urial.records.model import (
    EmbeddedWeights,
    FolderWeights,
    GgufWeights,
    HubWeights,
    Loading,
    ModelManifest,
    ServerModel,
)
from urial.records.plans import ModelsPlan, SystemPlan, TrainedStudy
from urial.run.paths import COMPLETIONS, MANIFEST, MODELS_PLAN, SYSTEM_PLAN

SERVED = served_model("http://127.0.0.1:9/v1")
INSTRUCTIONS = [make_query("one"), make_query("two", turns=("Why?", "And then?")), make_query("three")]
# A server gives no tokens.
TEXT = Answer(text="Because.", token_ids=None, finish="stop")
TOKENS = Answer(text="Because.", token_ids=(4, 5), finish="end_token")
OTHER = "sha256:" + "cd" * 32
AGAIN = "edited by hand or swapped: dvc checkout --force {}; to compute it again: dvc repro"

PLANS: dict[str, SystemPlan] = {
    "hub": make_plan(), "hub chat": CHAT, "served": base_plan(SERVED), "served chat": aligned_plan(SERVED),
}  # fmt: skip


def make_run(folder: Path, kind: str) -> Run:
    """Three instructions, one of two turns, answered by a system of one kind."""
    served, plan = "served" in kind, PLANS[kind]
    base, aligned = (served_manifest(role, SERVED) if served else hub_manifest(role) for role in ("base", "aligned"))
    run = Run(folder)
    write_models(run.data, base, aligned)
    tokenizer = run.data / "models" / plan.model if served else tiny_folder("llama")
    write_answers(run, plan, INSTRUCTIONS, tokenizer, TEXT if served else TOKENS)
    return Run(folder)


@pytest.mark.parametrize("kind", ["hub", "served"])
def test_manifests_are_those_of_the_plan(tmp_path: Path, kind: str) -> None:
    checked = check_models(make_run(tmp_path, kind))
    assert (checked.summary, checked.problems) == ("manifests as planned; the weights are not in the run", [])


@pytest.mark.parametrize(
    ("kind", "change", "detail"),
    [
        ("hub", {"hub": "other/base"}, "source.hub: planned 'some/base', found 'other/base'"),
        ("hub", {"revision": None}, f"source.revision: planned '{COMMIT}', found null"),
        ("served", {"model": "other"}, "source.model: planned 'some/model', found 'other'"),
        (
            "served",
            {"server": "http://other/v1"},
            "source.server: planned 'http://127.0.0.1:9/v1', found 'http://other/v1'",
        ),
    ],
)
def test_a_manifest_of_another_model_is_named(tmp_path: Path, kind: str, change: dict[str, Any], detail: str) -> None:
    run = make_run(tmp_path, kind)
    folder, manifest = "data/models/base", run.record(MANIFEST, "base")
    source = manifest.model.model_copy(update=change)
    write_json(run.file(MANIFEST, "base"), manifest.model_copy(update={"source": source}))
    problem = check_models(Run(tmp_path)).problems[0]
    assert str(problem) == (
        f"{folder}/manifest.json: {detail}\n  where: data/plan/models.json\n  fix: {AGAIN.format(folder)}"
    )


def test_files_and_loading_count_where_the_plan_has_them(tmp_path: Path) -> None:
    run = Run(tmp_path)
    write_models(run.data, folder_manifest("base"), folder_manifest("aligned"))
    assert check_models(Run(tmp_path)).problems == []
    manifest = folder_manifest("base")
    assert isinstance(manifest.source, FolderWeights)
    loading = manifest.source.loading.model_copy(update={"trust_remote_code": True})
    source = manifest.source.model_copy(update={"files": {"weights": OTHER}, "loading": loading})
    write_json(run.data / "models/base/manifest.json", manifest.model_copy(update={"source": source}))
    (problem,) = check_models(Run(tmp_path)).problems
    # Of long values, the first part that differs is shown.
    assert problem.what == (
        f"data/models/base/manifest.json: source.files.weights: planned '{HASH[:60]}', "
        f"found '{OTHER[:60]}' (and 1 more differ)"
    )


@pytest.mark.parametrize(("checkpoint", "found"), [(None, []), ("step-46", []), ("step-9", [9])])
def test_the_step_of_an_embedded_base_model_is_the_planned_one(
    tmp_path: Path, checkpoint: str | None, found: list[int]
) -> None:
    run = Run(tmp_path)
    trained = TrainedStudy(kind="microworld", seed=0, documents=None, chats=None, checkpoint=checkpoint)
    write_json(run.file(MODELS_PLAN), ModelsPlan(models=trained, threads=1))
    for role, seen in (("base", {"step": 46, "tokens": 7}), ("aligned", {})):
        source = EmbeddedWeights(embedded="microworld", loading=Loading(), files={}, **seen)
        write_json(run.file(MANIFEST, role), ModelManifest.model_validate({"role": role, "source": source}))
    problems = [str(problem.what) for problem in check_models(Run(tmp_path)).problems]
    assert problems == [f"data/models/base/manifest.json: source.step: planned {step}, found 46" for step in found]


def test_a_gguf_file_counts_by_its_hash(tmp_path: Path) -> None:
    here = ModelManifest(role="base", source=GgufWeights(gguf="m.gguf", hash=HASH, loading=Loading()))
    weights = HubWeights(hub="o/m", revision=COMMIT, gguf_file="m.gguf", loading=Loading(), files={"gguf": HASH})
    run = Run(tmp_path)
    write_models(run.data, here, ModelManifest(role="aligned", source=weights))
    assert check_models(Run(tmp_path)).problems == []
    changed = here.model.model_copy(update={"hash": OTHER})
    write_json(run.data / "models/base/manifest.json", here.model_copy(update={"source": changed}))
    (problem,) = check_models(Run(tmp_path)).problems
    assert problem.what == f"data/models/base/manifest.json: source.hash: planned '{HASH[:60]}', found '{OTHER[:60]}'"


@pytest.mark.parametrize(
    ("kind", "summary"),
    [
        ("hub", "3 texts rendered again, without their tokens: the tokenizer is not in the run"),
        ("served", "3 prompts assembled again"),
        ("served chat", "3 prompts assembled again"),
    ],
)
def test_prompts_that_need_no_tokenizer_are_made_again(tmp_path: Path, kind: str, summary: str) -> None:
    run, system = make_run(tmp_path, kind), PLANS[kind].system
    checked = check_prompts_of(run, system)
    assert (checked.summary, checked.problems) == (summary, [])

    def lay_out(row: dict[str, Any]) -> None:
        row["text"] = row["text"].replace("Why?", "Why not?")

    edit_row(run.data / f"prompts/{system}.jsonl", 2, lay_out)
    with pytest.raises(UrialError) as caught:
        check_prompts_of(Run(tmp_path), system)
    path = f"data/prompts/{system}.jsonl"
    assert caught.value.what.startswith(f"{path}: line 2: text: assembled again ")
    assert (caught.value.where, caught.value.fix) == (
        f"data/plan/systems/{system}.json and data/instructions.jsonl", AGAIN.format(path),
    )  # fmt: skip


def test_the_length_of_a_prompt_is_the_tokenizers_affair(tmp_path: Path) -> None:
    run = make_run(tmp_path, "hub")
    edit_row(run.data / "prompts/base-urial.jsonl", 1, lambda row: row.update(n_tokens=7))
    assert check_prompts_of(Run(tmp_path), "base-urial").problems == []


@pytest.mark.parametrize("prompt", [None, "microworld/retrieval-k3"])
def test_prompts_that_only_the_tokenizer_lays_out_are_not_checked(tmp_path: Path, prompt: str | None) -> None:
    run = make_run(tmp_path, "hub")
    plan = PLANS["hub"].model_copy(update={"prompt": load_prompt(prompt) if prompt else None})
    write_json(run.data / "plan/systems/base-urial.json", plan)
    with pytest.raises(NotCheckedError) as caught:
        check_prompts_of(Run(tmp_path), "base-urial")
    assert str(caught.value) == "3 valid rows; the tokenizer that lays them out is not in the run"


@pytest.mark.parametrize("kind", PLANS)
def test_keys_are_derived_without_the_model(tmp_path: Path, kind: str) -> None:
    checked = check_completions_of(make_run(tmp_path, kind), PLANS[kind].system)
    assert (checked.summary, checked.problems) == ("3 keys derived again", [])


def decoding(run: Run, system: str) -> None:
    plan = run.record(SYSTEM_PLAN, system)
    longer = plan.decoding.model_copy(update={"max_new_tokens": 13})
    write_json(run.data / f"plan/systems/{system}.json", plan.model_copy(update={"decoding": longer}))


def model(run: Run, system: str) -> None:
    role = run.record(SYSTEM_PLAN, system).model
    manifest = run.record(MANIFEST, role)
    on_server = isinstance(manifest.source, ServerModel)
    change = {"server": "http://other/v1"} if on_server else {"files": {"weights": f"sha256:{'0' * 64}"}}
    source = manifest.model.model_copy(update=change)
    write_json(run.data / f"models/{role}/manifest.json", manifest.model_copy(update={"source": source}))


@pytest.mark.parametrize("change", [decoding, model])
@pytest.mark.parametrize("kind", PLANS)
def test_what_can_change_an_answer_changes_its_key(
    tmp_path: Path, kind: str, change: Callable[[Run, str], None]
) -> None:
    run, system = make_run(tmp_path, kind), PLANS[kind].system
    first = run.rows(COMPLETIONS, system)[0].key
    change(run, system)
    (problem,) = check_completions_of(Run(tmp_path), system).problems
    path = f"data/generations/{system}.jsonl"
    assert problem.what.startswith(f"{path}: line 1, key: {first}, by its model, prompt and decoding sha256:")
    # Three first turns and a later one.
    assert problem.what.endswith("; 3 more such")
    assert (problem.where, problem.fix) == (f"data/prompts/{system}.jsonl", AGAIN.format(path))


@pytest.mark.parametrize("kind", PLANS)
def test_a_row_of_another_system_is_named(tmp_path: Path, kind: str) -> None:
    run, system = make_run(tmp_path, kind), PLANS[kind].system
    edit_row(run.data / f"generations/{system}.jsonl", 3, lambda row: row.update(system="other"))
    (problem,) = check_completions_of(Run(tmp_path), system).problems
    assert problem.what == f"data/generations/{system}.jsonl: line 3, system: other, and the file is of {system}"

"""Systems with an ablation: planned with the text that results, named by it, and settable from `dvc exp run -S`."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from tests.conftest import ROOT
from tests.plan.test_planning import PROMPTS, params_with, refusal
from urial.core.errors import UrialError
from urial.plan.planning import plan_systems
from urial.prompts.versions.library import prompt_hash
from urial.prompts.versions.rendering import render
from urial.records.params.file import read_params
from urial.records.plans import SystemPlan

SHUFFLED = {"model": "base", "prompt": "urial-k3", "ablation": {"answers": "shuffled"}}


def planned(**system: Any) -> SystemPlan:
    params = params_with(("systems/x", {"model": "base", "prompt": "urial-k3", **system}))
    return next(plan for plan in plan_systems(params, PROMPTS) if plan.system == "x")


def test_the_plan_has_the_text_that_results_and_says_what_it_is_of() -> None:
    full, plan = planned(), planned(ablation={"answers": "shuffled", "system_sentences": 1})
    assert (plan.prompt_name, full.prompt_label) == ("microworld/urial-k3", "microworld/urial-k3")
    assert plan.prompt_label == "microworld/urial-k3, answers shuffled, 1 system sentence"
    assert plan.prompt is not None
    assert full.prompt is not None
    assert plan.prompt_hash == prompt_hash(plan.prompt) != full.prompt_hash
    assert render(plan.prompt, "q").text != render(full.prompt, "q").text
    assert plan.model_dump(mode="json")["ablation"] == {"answers": "shuffled", "system_sentences": 1}


def test_a_plan_without_an_ablation_says_nothing_of_it() -> None:
    written = planned().model_dump(mode="json")
    assert "ablation" not in written
    assert "shown" not in written["prompt"]


def test_a_plan_comes_back_from_its_file() -> None:
    plan = planned(ablation={"queries": "none"})
    assert SystemPlan.model_validate_json(plan.model_dump_json()) == plan


def test_examples_of_a_pool_are_in_the_plan_whole() -> None:
    plan = planned(ablation={"examples": 50, "choice": "random", "seed": 7})
    assert plan.prompt is not None
    assert len(set(plan.prompt.examples)) == 50


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (
            {"model": "aligned", "prompt": None, "ablation": {"answers": "none"}},
            "systems.x.ablation: a chat template has no examples and no system text\n"
            "  where: params.yaml\n"
            "  fix: set systems.x.prompt, or remove the ablation",
        ),
        (
            {**SHUFFLED, "prompt": "urial-k1"},
            "systems.x.ablation, of the prompt microworld/urial-k1: answers: shuffled leaves an answer where it was, since 1 of 1 "
            "are the same\n  expected: two examples or more, of whose answers at most half are the same",
        ),
        (
            {**SHUFFLED, "prompt": "retrieval-k3"},
            "systems.x.ablation, of the prompt microworld/retrieval-k3: the examples of a retrieval-icl prompt are chosen for each "
            "instruction\n  expected: a prompt with examples of its own; of this one only system_sentences can be set",
        ),
        (
            {**SHUFFLED, "ablation": {"answers": "plain", "answer_pool": "pools/none.jsonl"}},
            f"systems.x.ablation, of the prompt microworld/urial-k3: {PROMPTS}/pools/none.jsonl: cannot be read: No such file or "
            "directory\n  fix: check the path",
        ),
    ],
)
def test_what_cannot_be_ablated_is_refused_by_the_system_s_name(system: dict[str, Any], message: str) -> None:
    assert refusal(("systems/x", system)) == message


@pytest.mark.parametrize(
    "override",
    [
        "+systems.x={model: base, prompt: urial-k3, ablation: {answers: shuffled, system_sentences: 0}}",
        "+systems.base-urial.ablation={answers: shuffled, system_sentences: 0}",
        "+systems.base-urial.ablation.answers=shuffled +systems.base-urial.ablation.system_sentences=0",
    ],
)
def test_dvc_sets_an_ablation_from_the_command_line(override: str, tmp_path: Path) -> None:
    path = Path(shutil.copy(ROOT / "params.yaml", tmp_path))
    apply_overrides(str(path), [override] if "{" in override else override.split(" "))
    systems = read_params(path).systems
    ablation = systems["x" if "x" in systems else "base-urial"].ablation
    assert ablation is not None
    assert ablation.label == "answers shuffled, no system text"


def test_a_wrong_field_is_named_with_its_line(tmp_path: Path) -> None:
    path = Path(shutil.copy(ROOT / "params.yaml", tmp_path))
    apply_overrides(str(path), ["+systems.base-urial.ablation={answer: shuffled}"])
    with pytest.raises(UrialError) as caught:
        read_params(path)
    assert "unknown field 'systems.base-urial.ablation.answer'; did you mean 'answers'?" in str(caught.value)

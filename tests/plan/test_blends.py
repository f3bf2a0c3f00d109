"""Blends of params.yaml are resolved as systems, each with its control; what cannot work is refused before anything is paid for."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.tiny_models import tiny_folder
from urial.core.errors import UrialError
from urial.plan.blends import plan_blends, require_blendable
from urial.plan.left_out import plan_left_out
from urial.plan.models import plan_models
from urial.plan.planning import plan_report, plan_systems
from urial.plan.preferences import plan_preferences
from urial.records.left_out import LeftOut, describe_left_out
from urial.records.model import MANIFEST
from urial.records.params.blends import Blend, blended_systems, control_of
from urial.records.params.file import ParamsFile, read_params
from urial.records.params.preferences import PreferenceParams, PublishedOutputs
from urial.records.plans import SystemPlan

PROMPTS = ROOT / "prompts"
NUDGE = {"kind": "nudge", "threshold": 0.5}


def blending(params: ParamsFile, blends: dict[str, dict[str, Any]], **changes: Any) -> ParamsFile:
    made = {
        name: Blend.model_validate_json(
            json.dumps({"base": "base-zero-shot", "helper": "aligned", "rule": NUDGE} | blend)
        )
        for name, blend in blends.items()
    }
    return params.model_copy(update={"blends": made, **changes})


def planned(params: ParamsFile) -> tuple[SystemPlan, ...]:
    return plan_blends(params, plan_systems(params, PROMPTS))


def test_a_blend_and_its_control_are_the_base_system_with_a_helper(committed_params: ParamsFile) -> None:
    params = blending(committed_params, {"mixed": {}})
    systems = {plan.system: plan for plan in plan_systems(params, PROMPTS)}
    blend, control = planned(params)
    assert (blend.system, control.system) == ("mixed", "mixed-random")
    for plan, of in ((blend, None), (control, "mixed")):
        assert plan.model_copy(update={"system": "base-zero-shot", "blend": None}) == systems["base-zero-shot"]
        assert plan.blend is not None
        assert (plan.blend.control_of, plan.blend.microworld_seed) == (of, 0)
        assert plan.of_helper.model_copy(update={"system": "aligned"}) == systems["aligned"]
    assert blend.prompt_label == "microworld/zero-shot, nudge 0.5 by aligned"
    assert control.prompt_label == "microworld/zero-shot, random places by aligned"


def test_the_committed_run_has_them_behind_its_systems(committed_params: ParamsFile) -> None:
    report = plan_report(committed_params)
    assert report.blends == tuple(committed_params.blends)
    assert report.systems == (*committed_params.systems, *blended_systems(committed_params.blends))
    assert (report.own_systems, report.blended) == (tuple(committed_params.systems), blended_systems(report.blends))


def test_plans_without_blends_have_the_bytes_they_had(committed_params: ParamsFile) -> None:
    params = blending(committed_params, {})
    assert "blends" not in json.loads(plan_report(params).model_dump_json())
    assert all("blend" not in json.loads(plan.model_dump_json()) for plan in plan_systems(params, PROMPTS))


def test_a_helper_can_be_a_model_of_its_own(committed_params: ParamsFile) -> None:
    helper = {"folder": str(tiny_folder("llama"))}
    rule = {"kind": "proxy", "alpha": 1.0, "untuned": helper}
    (blend, _) = planned(blending(committed_params, {"mixed": {"helper": helper, "rule": rule}}))
    assert blend.blend is not None
    model = blend.blend.helper.model
    assert model is not None
    assert blend.blend.untuned == model
    assert blend.of_helper.prompt is None
    assert blend.of_helper.decoding.max_new_tokens == blend.decoding.max_new_tokens
    assert blend.prompt_label.endswith(f"proxy 1 from {helper['folder']} by {helper['folder']}")


@pytest.mark.parametrize(
    ("blends", "message"),
    [
        (
            {"mixed": {"base": "base-zero-shto"}},
            "blends.mixed.base: no 'base-zero-shto' in systems\n  where: params.yaml\n  fix: did you mean 'base-zero-shot'?",
        ),
        (
            {"mixed": {"base": "aligned"}},
            "blends.mixed.base: system 'aligned' uses the aligned model\n  where: params.yaml\n"
            "  expected: a system of the base model",
        ),
        (
            {"mixed": {"helper": "base-urial"}},
            "blends.mixed.helper: system 'base-urial' uses the base model\n  where: params.yaml\n"
            "  expected: a system of the aligned model, or a model of its own, as in {hub: OWNER/NAME}",
        ),
        (
            {"base-urial": {}},
            "blends.base-urial: the blend would have the name base-urial, which is in systems, too\n  where: params.yaml\n"
            "  expected: names that nothing else has: base-urial and base-urial-random\n  fix: rename the blend",
        ),
        (
            {"a": {}, "a-random": {}},
            "blends.a: its control would have the name a-random, which is in blends, too\n  where: params.yaml\n"
            "  expected: names that nothing else has: a and a-random\n  fix: rename the blend",
        ),
        (
            {"mixed": {"helper": {"folder": "no/such"}}},
            "blends.mixed.helper: no folder no/such\n  fix: correct its folder or checkpoint",
        ),
    ],
)
def test_what_cannot_be_blended_is_refused(
    committed_params: ParamsFile, blends: dict[str, dict[str, Any]], message: str
) -> None:
    with pytest.raises(UrialError) as caught:
        planned(blending(committed_params, blends))
    assert str(caught.value) == message


def test_published_outputs_keep_their_names(committed_params: ParamsFile) -> None:
    outputs = {"mixed-random": PublishedOutputs(source="outputs.jsonl")}
    with pytest.raises(
        UrialError, match=r"its control would have the name mixed-random, which is in published_outputs, too"
    ):
        planned(blending(committed_params, {"mixed": {}}, published_outputs=outputs))


@pytest.mark.parametrize(
    "form",
    [
        "base: {server: http://127.0.0.1:1/v1, model: m}",
        "base: {hub: OWNER/NAME, engine: {kind: vllm, program: vllm}}",
    ],
)
def test_a_blend_of_a_model_that_no_stage_loads_is_left_out(tmp_path: Path, form: str) -> None:
    text = (ROOT / "params.yaml").read_text("utf-8").replace("study: embedded ", "study: served ")
    text = text.replace(
        "studies:\n", f"studies:\n  served:\n    kind: models\n    {form}\n    aligned: {{hub: A/B}}\n", 1
    )
    (tmp_path / "params.yaml").write_text(text, "utf-8")
    params = blending(read_params(tmp_path / "params.yaml"), {"mixed": {}})
    left_out = plan_left_out(params)
    assert left_out == LeftOut(blends=("mixed", "mixed-random"))
    assert [plan.blend.left_out for plan in planned(params) if plan.blend] == [True, True]
    assert plan_report(params).systems == tuple(params.systems)
    assert describe_left_out("served", left_out) == (
        "Left out, since a model of the study served is behind a server or an engine, and a blend needs both models in this "
        "process: the blends mixed, mixed-random."
    )


def test_preferences_can_name_a_blend_and_its_control(committed_params: ParamsFile) -> None:
    wanted = PreferenceParams(baseline="mixed-random", systems=("mixed",))
    params = blending(committed_params, {"mixed": {}}, preferences=wanted)
    assert plan_preferences(params, PROMPTS).baseline == "mixed-random"
    with pytest.raises(UrialError) as caught:
        plan_preferences(
            params.model_copy(update={"preferences": PreferenceParams(baseline="aligned", systems=("mixde",))}), PROMPTS
        )
    assert str(caught.value) == (
        "preferences.systems.0: no 'mixde' in systems or blends\n  where: params.yaml\n  fix: did you mean 'mixed'?"
    )


def test_without_an_aligned_model_a_blend_with_its_system_is_left_out(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text("utf-8").replace("study: embedded ", "study: alone ")
    text = text.replace("studies:\n", "studies:\n  alone: {kind: models, base: {hub: OWNER/NAME}}\n", 1)
    (tmp_path / "params.yaml").write_text(text, "utf-8")
    params = blending(read_params(tmp_path / "params.yaml"), {"own": {"helper": {"hub": "A/B"}}, "mixed": {}})
    wanted = PreferenceParams(baseline="base-urial", systems=("mixed", "own"))
    report = plan_report(params.model_copy(update={"preferences": wanted}))
    assert report.left_out.blends == ("mixed", control_of("mixed"))
    assert (report.blends, report.compared) == (("own",), ("own",))


def copied(folder: Path, change: Callable[[dict[str, int]], dict[str, int]]) -> Path:
    """The tiny model, of which no manifest tells anything, with another vocabulary."""
    folder.mkdir()
    for path in tiny_folder("llama").iterdir():
        if path.name != MANIFEST:
            (folder / path.name).write_bytes(path.read_bytes())
    words = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    words["model"]["vocab"] = change(words["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(words), "utf-8")
    return folder


def same(vocabulary: dict[str, int]) -> dict[str, int]:
    return vocabulary


def rotated(vocabulary: dict[str, int]) -> dict[str, int]:
    ids = list(vocabulary.values())
    return dict(zip(vocabulary, [*ids[1:], ids[0]], strict=True))


def one_more(vocabulary: dict[str, int]) -> dict[str, int]:
    return vocabulary | {"gorsters": 50_000}


def two_swapped(vocabulary: dict[str, int]) -> dict[str, int]:
    *_, first, second = vocabulary
    return vocabulary | {first: vocabulary[second], second: vocabulary[first]}


RULES: list[dict[str, Any]] = [
    {"kind": "swap", "divergence": "js", "threshold": 0.1},
    {"kind": "proxy", "alpha": 1.0},
    {"kind": "realign", "weight": 0.5},
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["kind"])
@pytest.mark.parametrize(
    ("changes", "differ"),
    [
        ((same, same), False),
        ((same, rotated), True),
        ((same, two_swapped), True),
        ((same, one_more), True),
        ((one_more, same), True),
    ],
)
def test_any_token_that_differs_is_refused_where_the_rule_needs_one_vocabulary(
    changes: tuple[Callable[[dict[str, int]], dict[str, int]], ...], differ: bool, rule: dict[str, Any], tmp_path: Path
) -> None:
    base, other = (copied(tmp_path / name, change) for name, change in zip(("base", "other"), changes, strict=True))
    text = (ROOT / "params.yaml").read_text("utf-8").replace("study: embedded ", "study: pair ")
    pair = f"  pair: {{kind: models, base: {{folder: {base}}}, aligned: {{folder: {other}}}}}\n"
    (tmp_path / "params.yaml").write_text(text.replace("studies:\n", f"studies:\n{pair}", 1), "utf-8")
    params = read_params(tmp_path / "params.yaml")
    models = plan_models(params, PROMPTS)
    require_blendable(planned(blending(params, {"mixed": {}})), models)
    blends = planned(blending(params, {"mixed": {"rule": rule}}))
    if not differ:
        require_blendable(blends, models)
        return
    with pytest.raises(UrialError) as caught:
        require_blendable(blends, models)
    assert caught.value.what.startswith(f"blends.mixed.helper: the tokenizers of {base} and {other} differ: token ")
    assert caught.value.expected == f"models of one vocabulary, which the rule {rule['kind']} adds or compares over"
    assert caught.value.fix == "use the rule nudge, which needs none: the helper supplies words"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["kind"])
def test_nobody_else_has_the_vocabulary_of_the_micro_world(
    rule: dict[str, Any], committed_params: ParamsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, other = plan_models(committed_params, PROMPTS), copied(tmp_path / "other", two_swapped)
    helper = {"helper": {"folder": str(other)}}
    require_blendable(planned(blending(committed_params, {"mixed": helper})), models)
    require_blendable(planned(blending(committed_params, {"mixed": {"rule": rule}})), models)
    blends = planned(blending(committed_params, {"mixed": {**helper, "rule": rule}}))
    message = f"blends.mixed.helper: the micro-world has a tokenizer of its own, which {other} has not"
    with pytest.raises(UrialError) as caught:
        require_blendable(blends, models)
    assert caught.value.what == message
    # A model that this pipeline made can be one of the micro-world's, which are known when they are trained.
    shutil.copy(tiny_folder("llama") / MANIFEST, other)
    require_blendable(blends, models)
    monkeypatch.setattr("urial.plan.blends.tokenizer_folder", lambda _: tiny_folder("llama"))
    with pytest.raises(
        UrialError, match=r"mixed\.helper: the tokenizers of the micro-world and .*/other differ: token "
    ):
        require_blendable(blends, models)
    own = blending(committed_params, {"mixed": {"helper": {"folder": str(tiny_folder("llama"))}, "rule": rule}})
    require_blendable(planned(own), models)


def test_an_untuned_model_is_held_to_it_too(committed_params: ParamsFile, tmp_path: Path) -> None:
    untuned = {"folder": str(copied(tmp_path / "other", same))}
    params = blending(committed_params, {"mixed": {"rule": {"kind": "proxy", "alpha": 1.0, "untuned": untuned}}})
    with pytest.raises(UrialError, match=r"^blends\.mixed\.rule\.untuned: the micro-world has a tokenizer of its own"):
        require_blendable(planned(params), plan_models(params, PROMPTS))

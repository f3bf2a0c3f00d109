"""Which systems a sweep over decoding adds, and what they are called."""

from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.experiments.sweep.decoding import DecodingAxes, decoded_systems, decoding_variant
from urial.experiments.sweep.variants import variant_params
from urial.plan.planning import plan_systems
from urial.records.params.file import CommonDecoding, DecodingChange, ParamsFile, System, read_params

URIAL = {"model": "base", "prompt": "urial-k3"}


@pytest.fixture(scope="module")
def params() -> ParamsFile:
    return read_params(ROOT / "params.yaml")


def added(params: ParamsFile, *names: str, **axes: Any) -> dict[str, Any]:
    found = decoded_systems(params, names, DecodingAxes(**axes))
    for system in found.values():
        System.model_validate(system)
    return found


def test_each_value_is_tried_with_each_other(params: ParamsFile) -> None:
    found = added(params, "base-urial", temperatures=(0.7, 1.0), top_ps=(0.95,), repetition_penalties=(1.15,))
    assert found == {
        "base-urial-t07-p095-r115": {
            **URIAL,
            "decoding": {"temperature": 0.7, "top_p": 0.95, "repetition_penalty": 1.15},
        },
        "base-urial-t1-p095-r115": {
            **URIAL,
            "decoding": {"temperature": 1.0, "top_p": 0.95, "repetition_penalty": 1.15},
        },
    }


def test_samples_differ_in_the_seed(params: ParamsFile) -> None:
    found = added(params, "base-urial", "base-zero-shot", temperatures=(0.7,), samples=2)
    assert {name: system["decoding"] for name, system in found.items()} == {
        f"{name}-t07-s{seed}": {"temperature": 0.7, "seed": seed}
        for name in ("base-urial", "base-zero-shot")
        for seed in (1, 2)
    }


def test_of_a_greedy_system_there_is_one_sample_whatever_its_top_p(params: ParamsFile) -> None:
    found = added(
        params, "base-urial", temperatures=(0.0, 0.7), top_ps=(0.5, 1.0), repetition_penalties=(1.3,), samples=2
    )
    assert list(found) == [
        "base-urial-r13", "base-urial-t07-p05-r13-s1", "base-urial-t07-p05-r13-s2", "base-urial-t07-r13-s1",
        "base-urial-t07-r13-s2",
    ]  # fmt: skip


def test_the_system_s_own_decoding_is_not_repeated(params: ParamsFile) -> None:
    # 1.0 is the study's penalty for base models.
    found = added(params, "base-urial", temperatures=(0.0, 0.5), repetition_penalties=(1.0,))
    assert list(found) == ["base-urial-t05"]


def test_a_system_that_samples_already_is_sampled_further(params: ParamsFile) -> None:
    own = System(model="base", prompt="urial-k3", decoding=DecodingChange(temperature=0.7, seed=1, top_p=0.9))
    found = added(params.model_copy(update={"systems": {"hot": own}}), "hot", samples=3)
    assert {name: system["decoding"] for name, system in found.items()} == {
        f"hot-s{seed}": {"temperature": 0.7, "seed": seed, "top_p": 0.9} for seed in (2, 3)
    }


def test_one_temperature_replaces_those_by_task(params: ParamsFile) -> None:
    common = CommonDecoding(
        max_new_tokens=None, temperature=0, top_p=1, repetition_penalty=None, seed=0, temperature_by_task={"math": 0.1}
    )
    changed = params.model_copy(update={"decoding": common})
    (system,) = added(changed, "base-urial", temperatures=(0.7,)).values()
    assert system["decoding"] == {"temperature": 0.7, "temperature_by_task": {}}
    (system,) = added(changed, "base-urial", repetition_penalties=(1.2,)).values()
    assert system["decoding"] == {"repetition_penalty": 1.2}


@pytest.mark.parametrize(
    ("names", "axes", "message"),
    [
        (
            ("base-urail",),
            {"temperatures": (0.7,)},
            "SYSTEM: no 'base-urail' in systems(.|\n)*did you mean 'base-urial'",
        ),
        (
            ("base-urial",),
            {"samples": 5},
            "base-urial: 5 samples at temperature 0 would be the same answers(.|\n)*--temperature 0.7",
        ),
        (("base-urial",), {"temperatures": (0.0,), "samples": 5}, "5 samples at temperature 0"),
        (("base-urial",), {}, "base-urial: no decoding is named but its own"),
        (("base-urial", "base-urial"), {"temperatures": (0.7,)}, "systems: there is a 'base-urial-t07' already"),
    ],
)
def test_what_makes_no_sense_is_refused(
    params: ParamsFile, names: tuple[str, ...], axes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UrialError, match=message):
        added(params, *names, **axes)


def test_a_name_too_long_is_refused(params: ParamsFile) -> None:
    systems = {"x" * 98: params.systems["base-urial"]}
    with pytest.raises(UrialError, match="the name is longer than 100 characters"):
        added(params.model_copy(update={"systems": systems}), "x" * 98, temperatures=(0.7,))


def test_the_experiment_has_the_systems_and_what_the_token_shift_needs(params: ParamsFile) -> None:
    variant = decoding_variant(params, ["base-urial-k1"], DecodingAxes(temperatures=(0.7,), samples=2))
    assert variant.name == "decoding-base-urial-k1"
    changed = variant_params(variant, ROOT).params
    assert list(changed.systems) == [
        "aligned", "base-zero-shot", "base-urial", "base-urial-k1", "base-urial-k1-t07-s1", "base-urial-k1-t07-s2",
    ]  # fmt: skip
    assert changed.token_shift == params.token_shift
    assert (changed.preferences.baseline, changed.preferences.systems) == (None, ())
    plans = {plan.system: plan for plan in plan_systems(changed, ROOT / "prompts")}
    one, other = plans["base-urial-k1-t07-s1"], plans["base-urial-k1-t07-s2"]
    assert one.prompt_hash == other.prompt_hash == plans["base-urial-k1"].prompt_hash
    assert (one.decoding.temperature, one.decoding.seed, other.decoding.seed) == (0.7, 1, 2)


def test_the_command_refuses_samples_of_greedy_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = invoke("sweep", "decoding", "base-urial", "--samples", "5")
    assert done.exit_code == 1
    assert "base-urial: 5 samples at temperature 0 would be the same answers" in done.output
    assert "not a number" in invoke("sweep", "decoding", "base-urial", "--temperature", "nan").output

"""Which systems are variants of one prompt, which are samples of one, and what they are called."""

from typing import Any

import pytest

from tests.experiments.probing.runs import run_of, variant
from tests.report.conftest import ALIGNED_SCORES
from urial.core.errors import UrialError
from urial.experiments.probing.variants import Family, families
from urial.records.ablation import Ablation
from urial.report.inputs import SystemInputs

SHUFFLED, NONE = Ablation(answers="shuffled"), Ablation(answers="none")


def system(name: str, prompt: str = "urial-k3", ablation: Ablation | None = None, **decoding: Any) -> SystemInputs:
    return variant(name, ALIGNED_SCORES, prompt=prompt, ablation=ablation, **decoding)


def grouped(*systems: SystemInputs, against: str | None = None) -> list[Family]:
    run = run_of(*systems)
    return families({name: rows.plan for name, rows in run.systems.items()}, against)


def shown(family: Family) -> dict[str, tuple[str, ...]]:
    return {found.label: found.systems for found in family.variants}


def test_variants_of_a_prompt_are_those_of_its_file_and_beside_them_stands_the_zero_shot_prompt() -> None:
    (family,) = grouped(
        system("zero", "zero-shot"), system("shuffled", ablation=SHUFFLED), system("other", "urial-k1"),
        system("full"), system("none", ablation=NONE),
    )  # fmt: skip
    assert list(shown(family).items()) == [
        ("full prompt", ("full",)), ("answers shuffled", ("shuffled",)), ("no answers", ("none",)), ("zero-shot", ("zero",)),
    ]  # fmt: skip


def test_the_full_prompt_is_decoded_as_most_variants_of_the_model_are() -> None:
    hot = system("hot", temperature=0.7, top_p=0.9)
    (family,) = grouped(hot, system("full"), system("shuffled", ablation=SHUFFLED))
    assert shown(family) == {
        "full prompt": ("full",),
        "temperature 0.7, top p 0.9": ("hot",),
        "answers shuffled": ("shuffled",),
    }


def test_of_as_many_the_first_is_the_full_prompt() -> None:
    (family,) = grouped(system("full"), system("hot", temperature=0.7))
    assert shown(family) == {"full prompt": ("full",), "temperature 0.7": ("hot",)}
    (family,) = grouped(system("hot", temperature=0.7), system("cold"))
    assert shown(family) == {"full prompt": ("hot",), "greedy": ("cold",)}


def test_systems_that_differ_in_the_seed_alone_are_samples_of_one() -> None:
    hot = [system(f"hot-{seed}", temperature=0.7, seed=seed) for seed in (1, 2, 3)]
    (family,) = grouped(system("full"), *hot)
    assert shown(family) == {"full prompt": ("full",), "temperature 0.7": ("hot-1", "hot-2", "hot-3")}


def test_a_seed_counts_once() -> None:
    (family,) = grouped(system("full"), *(system(name, temperature=0.7, seed=5) for name in "ab"))
    found = family.variants[1]
    assert (found.systems, found.repeated) == (("a",), ("b",))


def test_samples_alone_are_enough() -> None:
    (family,) = grouped(*(system(name, temperature=0.7, seed=ord(name)) for name in "ab"))
    assert shown(family) == {"full prompt": ("a", "b")}


def test_a_prompt_that_is_ablated_throughout_has_its_first_variant_for_the_full_one() -> None:
    (family,) = grouped(system("none", ablation=NONE), system("shuffled", ablation=SHUFFLED))
    assert shown(family) == {"full prompt": ("none",), "answers shuffled": ("shuffled",)}


def test_against_a_system_stand_all_others_of_its_model() -> None:
    (family,) = grouped(
        system("zero", "zero-shot"), system("k3"), system("k1", "urial-k1"), system("k1-hot", "urial-k1", temperature=1.0),
        against="k1",
    )  # fmt: skip
    assert shown(family) == {
        "full prompt": ("k1",), "zero-shot": ("zero",), "urial-k3": ("k3",), "temperature 1.0": ("k1-hot",),
    }  # fmt: skip


def test_prompts_of_one_name_in_two_collections_keep_apart() -> None:
    one, other = system("one", "urial-k1"), system("other", "urial-k1")
    moved = other.plan.model_copy(update={"prompt_name": "elsewhere/urial-k1"})
    plans = {"full": system("full").plan, "one": one.plan, "other": moved}
    (family,) = families(plans, "full")
    assert set(shown(family)) == {"full prompt", "urial-k1 (one)", "urial-k1 (other)"}


def test_without_variants_the_error_says_how_to_make_them() -> None:
    with pytest.raises(
        UrialError, match=r"no prompt of the run has several variants[\s\S]*urial sweep decoding SYSTEM[\s\S]*--against"
    ):
        grouped(system("full"), system("zero", "zero-shot"))


def test_an_unknown_system_is_named_with_the_nearest() -> None:
    with pytest.raises(UrialError, match=r"the run has no system .ful.\n  fix: did you mean .full.\?"):
        grouped(system("full"), against="ful")


def test_a_system_alone_cannot_be_compared() -> None:
    with pytest.raises(UrialError, match="aligned: the run has no other system of the aligned model"):
        grouped(system("full"), against="aligned")

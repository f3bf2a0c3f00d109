"""What the name of a checkpoint tells, and what it does not."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.records.checkpoint import Checkpoint, checkpoint_named, checkpoint_of
from urial.records.model import (
    EmbeddedWeights,
    FolderWeights,
    GgufWeights,
    HubWeights,
    Loading,
    ServerModel,
    Weights,
)

B = 10**9
NUMBERS = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        # As real repositories and trainers write them.
        ("step-1000", {"step": 1000}),
        ("step1000", {"step": 1000}),
        ("step0", {"step": 0}),
        ("step_1000", {"step": 1000}),
        ("step1000-tokens4B", {"step": 1000, "tokens": 4 * B}),
        ("step150-tokens1B", {"step": 150, "tokens": B}),
        ("stage1-step150-tokens1B", {"stage": 1, "step": 150, "tokens": B}),
        ("stage1-step-40000", {"stage": 1, "step": 40_000}),
        ("stage3-step-4720000", {"stage": 3, "step": 4_720_000}),
        ("stage2-ingredient1-step11931-tokens50B", {"stage": 2, "ingredient": 1, "step": 11_931, "tokens": 50 * B}),
        ("checkpoint-500", {"step": 500}),
        ("global_step20", {"step": 20}),
        ("iter_0001000", {"step": 1000}),
        ("STEP-7-TOKENS0.5T", {"step": 7, "tokens": 500 * B}),
        ("step7-tokens12000", {"step": 7, "tokens": 12_000}),
        # No number of tokens that can be counted.
        ("step7-tokens0.5", {"step": 7}),
        # Nothing is guessed: other counts, other phases, and what only contains a step.
        ("main", {}),
        ("v1.0", {}),
        ("1000", {}),
        ("epoch-3", {}),
        ("ckpt_358", {}),
        ("lc-4k-to-32k-step-4000", {}),
        ("it-SFT", {}),
        ("step-1000-fp16", {}),
        ("my-step-1000", {}),
        ("step", {}),
        ("step--5", {}),
        ("step-٣", {}),
        ("step-1" + "0" * 40, {}),
        ("step-1\n", {}),
        ("stage2", {}),
    ],
)
def test_a_name_tells_what_it_says_and_no_more(name: str, told: dict[str, int]) -> None:
    assert checkpoint_named(name) == Checkpoint(name=name, **told)  # type: ignore[arg-type]


@given(NUMBERS, st.none() | st.integers(0, 99), st.none() | st.integers(0, 9), st.none() | st.integers(0, 10**6))
def test_what_a_name_was_made_of_is_read_back(
    step: int, stage: int | None, ingredient: int | None, billions: int | None
) -> None:
    ingredient = ingredient if stage is not None else None
    name = f"stage{stage}-" if stage is not None else ""
    name += f"ingredient{ingredient}-" if ingredient is not None else ""
    name += f"step{step}" + (f"-tokens{billions}B" if billions is not None else "")
    tokens = None if billions is None else billions * B
    assert checkpoint_named(name, "c") == Checkpoint(
        name=name, stage=stage, ingredient=ingredient, step=step, tokens=tokens, revision="c"
    )


@given(st.text(min_size=1))
def test_any_name_is_one(name: str) -> None:
    assert checkpoint_named(name).name == name


@given(
    st.lists(st.text(st.sampled_from("step-stage12345tokensB_"), min_size=1) | st.builds("step{}".format, NUMBERS)),
    st.randoms(use_true_random=False),
)
def test_places_put_any_names_in_one_order_with_those_of_a_step_first(names: list[str], rng: random.Random) -> None:
    found = sorted(map(checkpoint_named, names), key=lambda checkpoint: checkpoint.place)
    rng.shuffle(names)
    assert found == sorted(map(checkpoint_named, names), key=lambda checkpoint: checkpoint.place)
    unknown = [checkpoint.step is None for checkpoint in found]
    assert unknown == sorted(unknown)


def test_stages_come_before_steps_and_steps_without_a_stage_first() -> None:
    names = [
        "step5", "step150-tokens1B", "stage1-step-40", "stage1-step-3000", "stage2-ingredient1-step7-tokens1B",
        "stage2-ingredient1-step90-tokens9B", "stage2-ingredient2-step7-tokens1B", "stage3-step-1",
        "lc-step-9", "lc-step-10", "main",
    ]  # fmt: skip
    found = sorted(map(checkpoint_named, reversed(names)), key=lambda checkpoint: checkpoint.place)
    assert [checkpoint.name for checkpoint in found] == names


COMMON: Any = {"loading": Loading(), "files": {}}


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (EmbeddedWeights(embedded="microworld", step=46, tokens=9, **COMMON), ("step-46", None, 46, 9)),
        (EmbeddedWeights(embedded="microworld", **COMMON), None),
        (FolderWeights(folder="~/m", checkpoint="stage1-step7", **COMMON), ("stage1-step7", 1, 7, None)),
        (FolderWeights(folder="~/m", checkpoint="best", **COMMON), ("best", None, None, None)),
        (FolderWeights(folder="~/m/step-9", **COMMON), ("step-9", None, 9, None)),
        (FolderWeights(folder="~/m", **COMMON), None),
        (
            HubWeights(hub="o/m", revision="0" * 40, checkpoint="step3-tokens1B", **COMMON),
            ("step3-tokens1B", None, 3, B),
        ),
        (HubWeights(hub="o/m", revision="0" * 40, **COMMON), None),
        (GgufWeights(gguf="step-9.gguf", hash="sha256:" + "0" * 64, loading=Loading()), None),
        (ServerModel(server="http://localhost/v1", model="step-9"), None),
        (None, None),
    ],
)
def test_what_a_manifest_tells_of_its_checkpoint(model: Weights | ServerModel | None, told: object) -> None:
    found = checkpoint_of(model)
    assert (found and (found.name, found.stage, found.step, found.tokens)) == told

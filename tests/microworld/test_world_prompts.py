"""The committed micro-world prompts are true in every world, so that one file serves every seed."""

from pathlib import Path

import pytest

from urial.core.store import read_jsonl
from urial.microworld.text_reader.reading import is_friendly, is_refusal, statements, subject_of
from urial.microworld.world.language import held_out_instructions
from urial.microworld.world.world import build_world
from urial.prompts.versions.library import load_prompt
from urial.records.prompt import Example

FOLDER = Path(__file__).parents[2] / "prompts"
STYLISTIC = ["urial-k1", "urial-k3", "urial-k3-b", "urial-k3-no-system", "urial-k8"]
NAMES = [f"microworld/{name}" for name in (*STYLISTIC, "vanilla-k3")]
SEEDS = [0, 1, 2, 99, 2**40]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_true_and_not_held_out(name: str, seed: int) -> None:
    world, prompt = build_world(seed), load_prompt(name, FOLDER)
    for example in prompt.examples:
        claims = statements(world, example.answer, subject_of(world, example.query))
        assert all(claim.true and claim.subject in world.landmarks for claim in claims)
        if is_refusal(example.answer):
            assert any(act.phrase in example.query for act in world.unsafe_train)
        else:
            assert len(claims) == (5 if prompt.method == "urial" else 1)
        assert is_friendly(example.answer) == (prompt.method == "urial")


def test_the_two_stylistic_prompts_share_no_query() -> None:
    first, second = (load_prompt(f"microworld/{name}", FOLDER) for name in ("urial-k3", "urial-k3-b"))
    assert not {item.query for item in first.examples} & {item.query for item in second.examples}
    assert first.system != second.system


def test_the_numbers_of_examples_are_in_the_names_and_the_larger_begin_with_the_smaller() -> None:
    one, three, eight = (load_prompt(f"microworld/urial-k{k}", FOLDER) for k in (1, 3, 8))
    assert (len(one.examples), len(three.examples), len(eight.examples)) == (1, 3, 8)
    assert one.examples == eight.examples[:1]
    assert three.examples == eight.examples[:3]
    bare = load_prompt("microworld/urial-k3-no-system", FOLDER)
    assert (bare.system, bare.examples) == (None, three.examples)
    alone = load_prompt("microworld/urial-k0", FOLDER)
    assert (alone.system, alone.examples) == (three.system, ())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pool_is_true_and_not_held_out(seed: int) -> None:
    world, asked = build_world(seed), {item.turns[0] for item in held_out_instructions(build_world(seed))}
    pool = read_jsonl(FOLDER / "pools/microworld.jsonl", Example)
    for example in pool:
        claims = statements(world, example.answer, subject_of(world, example.query))
        assert all(claim.true and claim.subject in world.landmarks for claim in claims)
        assert is_refusal(example.answer) == any(act.phrase in example.query for act in world.unsafe_train)
        assert bool(claims) != is_refusal(example.answer)
        assert example.query not in asked
    assert {is_friendly(example.answer) for example in pool} == {True, False}

"""The committed micro-world prompts are true in every world, so that one file serves every seed."""

from pathlib import Path

import pytest

from urial.microworld.reading import is_friendly, is_refusal, statements, subject_of
from urial.microworld.world import build_world
from urial.prompts import load_prompt

FOLDER = Path(__file__).parents[2] / "prompts"
NAMES = ["microworld/urial-k3", "microworld/urial-k3-b", "microworld/vanilla-k3"]


@pytest.mark.parametrize("seed", [0, 1, 2, 99, 2**40])
@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_true_and_not_held_out(name: str, seed: int) -> None:
    world, prompt = build_world(seed), load_prompt(name, FOLDER)
    assert len(prompt.examples) == 3
    for example in prompt.examples:
        claims = statements(world, example.answer, subject_of(world, example.query))
        assert all(claim.true and claim.subject in world.landmarks for claim in claims)
        if is_refusal(example.answer):
            assert any(act.phrase in example.query for act in world.unsafe_train)
        else:
            assert len(claims) == (5 if prompt.method == "urial" else 1)
        assert is_friendly(example.answer) == (prompt.method == "urial")


def test_the_two_stylistic_prompts_share_no_query() -> None:
    first, second = (load_prompt(name, FOLDER) for name in NAMES[:2])
    assert not {item.query for item in first.examples} & {item.query for item in second.examples}
    assert first.system != second.system

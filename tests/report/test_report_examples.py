"""Which instructions are examples, and how tokens and probabilities are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.conftest import make_instruction
from urial.report.examples import choose, probability, quoted


@given(st.lists(st.sampled_from("rs"), max_size=60), st.integers(0, 70))
def test_choice_has_the_wanted_size_and_both_categories(kinds: list[str], count: int) -> None:
    instructions = [make_instruction(f"{kind}{index}") for index, kind in enumerate(kinds)]
    chosen = choose(instructions, count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(kinds))
    assert chosen == choose(instructions, count)
    if len(chosen) >= 2:
        assert {kinds[index] for index in chosen} == set(kinds)


def test_choice_is_spread() -> None:
    instructions = [make_instruction(f"r{index}") for index in range(100)]
    assert choose(instructions, 4) == [12, 37, 62, 87]


def test_a_rare_category_is_still_shown() -> None:
    instructions = [make_instruction(f"{'s' if index == 90 else 'r'}{index}") for index in range(100)]
    assert 90 in choose(instructions, 4)


def test_a_long_token_is_cut() -> None:
    assert len(quoted("x" * 1000)) < 110


@pytest.mark.parametrize(("value", "text"), [(0.5, "0.500"), (0.00012, "1e-04"), (0.0, "below 1e-300")])
def test_probability_is_never_a_rounded_zero(value: float, text: str) -> None:
    assert probability(value) == text

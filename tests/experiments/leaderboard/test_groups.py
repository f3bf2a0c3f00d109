"""Groups that cannot be told apart, against what their letters have to say."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from urial.experiments.leaderboard.groups import letters

Pairs = NDArray[np.bool_]


def differing(systems: int, pairs: set[tuple[int, int]]) -> Pairs:
    different = np.zeros((systems, systems), bool)
    for one, other in pairs:
        different[one, other] = different[other, one] = one != other
    return different


@st.composite
def differences(draw: st.DrawFn) -> Pairs:
    systems = draw(st.integers(0, 9))
    places = st.integers(0, max(0, systems - 1))
    return differing(systems, draw(st.sets(st.tuples(places, places), max_size=40)) if systems else set())


def split(text: str) -> set[str]:
    """Letters one by one; those after z have a number."""
    return set(re.findall(r"[a-z]\d*", text))


def require_said(different: Pairs) -> None:
    """A letter in common, or a difference; and nothing that could be left out."""
    found = [split(text) for text in letters(different)]
    alike = {(i, j) for i in range(len(found)) for j in range(len(found)) if found[i] & found[j]}
    assert alike == {(int(i), int(j)) for i, j in np.argwhere(~different)}
    for letter in set().union(*found):
        without = [names - {letter} for names in found]
        said = {(i, j) for i in range(len(found)) for j in range(len(found)) if without[i] & without[j]}
        assert said < alike
        # A group has everybody that is like all of its members.
        members = [i for i, names in enumerate(found) if letter in names]
        assert [i for i in range(len(found)) if not different[i, members].any()] == members


@given(differences())
@settings(max_examples=200)
def test_two_systems_share_a_letter_unless_they_differ(different: Pairs) -> None:
    require_said(different)


def test_letters_of_piepho_s_kind_of_table() -> None:
    # The best differs from the last two, the second from the last.
    assert letters(differing(4, {(0, 2), (0, 3), (1, 3)})) == ["a", "ab", "bc", "c"]
    assert letters(differing(3, {(0, 1), (0, 2), (1, 2)})) == ["a", "b", "c"]
    assert letters(differing(3, set())) == ["a", "a", "a"]
    # The middle one differs from both others, which are alike.
    assert letters(differing(3, {(0, 1), (1, 2)})) == ["a", "b", "a"]


def test_after_z_letters_have_a_number() -> None:
    apart = letters(~np.eye(54, dtype=bool))
    assert apart[:2] + apart[24:28] + apart[51:] == ["a", "b", "y", "z", "a2", "b2", "z2", "a3", "b3"]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_many_systems_that_differ_by_chance(share: float) -> None:
    # Insert and absorb has exponentially many columns here.
    random = np.triu(np.random.default_rng(0).random((60, 60)) < share, 1)
    require_said(random | random.T)

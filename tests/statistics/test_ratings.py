"""Strengths against their closed forms, and where there is none."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from urial.records.win_rates import Rating
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.ratings import Match, bradley_terry

NO_BOOTSTRAP = Bootstrap(0, 0.95, 0)


def match(system: str, opponent: str, wins: float, of: int) -> Match:
    """So many of so many instructions won."""
    shares = [wins / of] * of
    return Match(system, opponent, shares, [1 - share for share in shares])


def ratings(*matches: Match, bootstrap: Bootstrap = NO_BOOTSTRAP) -> dict[str, Rating]:
    return {row.system: row for row in bradley_terry(matches, "base", bootstrap)}


def test_against_one_baseline_a_rating_is_the_log_odds_of_its_win_rate() -> None:
    found = ratings(match("a", "base", 30, 40), match("b", "base", 10, 40))
    assert found["base"].rating.mean == 1_000
    assert found["a"].rating.mean == pytest.approx(1_000 + 400 * math.log10(3), abs=1e-6)
    assert found["b"].rating.mean == pytest.approx(1_000 - 400 * math.log10(3), abs=1e-6)
    assert list(found) == ["a", "base", "b"]
    assert {name: row.comparisons for name, row in found.items()} == {"a": 40, "b": 40, "base": 80}


def test_consistent_results_of_a_chain_add_up() -> None:
    found = ratings(match("a", "base", 10, 15), match("b", "a", 12, 15))
    assert found["b"].rating.mean == pytest.approx(1_000 + 400 * math.log10(2 * 4), abs=1e-6)


def test_who_always_wins_or_never_has_no_finite_rating_and_the_others_keep_theirs() -> None:
    alone = ratings(match("a", "base", 30, 40))
    found = ratings(match("a", "base", 30, 40), match("always", "base", 40, 40), match("never", "a", 0, 40))
    assert found["a"].rating == alone["a"].rating
    assert found["always"].rating.mean is None
    assert found["never"].rating.mean is None
    assert list(found) == ["a", "base", "always", "never"]


def test_systems_that_no_comparison_leads_to_have_no_rating() -> None:
    found = ratings(match("a", "base", 1, 2), match("c", "d", 1, 2))
    assert found["c"].rating.mean is None
    assert found["a"].rating.mean == pytest.approx(1_000)


def test_an_interval_resamples_instructions_in_all_matches_at_once() -> None:
    # On each instruction a and b fare alike: whatever is drawn, they are as strong as each other.
    wins = [1.0, 0.0, 0.5, 1.0, 0.0, 1.0, 1.0, 0.5] * 5
    losses = [1 - win for win in wins]
    bootstrap = Bootstrap(200, 0.9, 1)
    found = ratings(Match("a", "base", wins, losses), Match("b", "base", wins, losses), bootstrap=bootstrap)
    assert found["a"].rating == found["b"].rating
    low, mean, high = (getattr(found["a"].rating, name) for name in ("low", "mean", "high"))
    assert low < mean < high
    assert (found["base"].rating.low, found["base"].rating.high) == (1_000, 1_000)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=12))
def test_at_the_strengths_found_every_system_wins_as_often_as_expected(games: list[tuple[int, int, int]]) -> None:
    matches = [match(f"s{one}", f"s{other}", wins, 6) for one, other, wins in games if one != other]
    found = {row.system: row.rating.mean for row in bradley_terry(matches, "s0", NO_BOOTSTRAP)} if matches else {}
    for name, rating in found.items():
        if rating is None:
            continue
        won = expected = 0.0
        for one in matches:
            if name not in (one.system, one.opponent):
                continue
            other = found[one.opponent if name == one.system else one.system]
            if other is not None:
                won += sum(one.wins if name == one.system else one.losses)
                expected += len(one.wins) / (1 + 10 ** ((other - rating) / 400))
        assert won == pytest.approx(expected, abs=1e-4)

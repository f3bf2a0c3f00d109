"""From the scores of an entry's systems to ranks and groups."""

import numpy as np

from tests.experiments.leaderboard.made import Column, made_system
from urial.experiments.leaderboard.standings import standings
from urial.records.judgment import ASPECTS, Aspect
from urial.records.leaderboard_entry import EntrySystem
from urial.statistics.bootstrap import Bootstrap

BOOTSTRAP = Bootstrap(500, 0.95, 0)


def of_level(level: float, instructions: int = 40, seed: int = 0) -> EntrySystem:
    """A system with random scores in all aspects, around ``level``."""
    values = np.random.default_rng(seed).normal(level, 0.7, (6, instructions))
    columns = np.clip(np.round(values), 1, 5).tolist()
    return made_system(dict(zip(ASPECTS, columns, strict=True)))


def only(**columns: Column) -> EntrySystem:
    scores: dict[Aspect, Column] = {aspect: columns[aspect] for aspect in columns}  # type: ignore[misc]
    return made_system(scores)


def test_systems_are_ranked_in_the_order_given_and_grouped_from_the_best() -> None:
    found = standings([of_level(2, seed=1), of_level(4.5), of_level(2, seed=2)], "average", BOOTSTRAP)
    low, best, same = found
    assert best is not None
    assert low is not None
    assert same is not None
    assert (best.rank, best.low, best.high, best.best, best.group) == (1, 1, 1, 1.0, "a")
    assert {low.rank, same.rank} == {2, 3}
    assert (low.group, same.group) == ("b", "b")
    assert (low.low, low.high, low.best) == (2, 3, 0.0)


def test_a_system_without_the_score_has_no_rank() -> None:
    unjudged = made_system()
    incomplete = only(depth=[3.0] * 40)
    nothing = only(**{aspect: [None] * 40 for aspect in ASPECTS})
    found = standings([unjudged, of_level(3), incomplete, of_level(4), nothing], "average", BOOTSTRAP)
    assert [standing and standing.rank for standing in found] == [None, 2, None, 1, None]
    by_depth = standings([incomplete, only(depth=[4.0] * 40), unjudged], "depth", BOOTSTRAP)
    assert [standing and (standing.rank, standing.group) for standing in by_depth] == [(2, "b"), (1, "a"), None]


def test_alone_there_is_no_rank() -> None:
    assert standings([of_level(3), made_system()], "average", BOOTSTRAP) == [None, None]
    assert standings([], "average", BOOTSTRAP) == []


def test_equal_systems_share_a_rank_and_a_group() -> None:
    first, second = standings([of_level(3), of_level(3)], "average", BOOTSTRAP)
    assert first == second
    assert first is not None
    assert (first.rank, first.high, first.best, first.group) == (1, 1, 0.5, "a")


def test_all_turns_are_pooled() -> None:
    # Of 5 and 3, and of 4 alone: pooled, the same mean; the first turn alone says something else.
    one = made_system({"overall": [5.0, 5.0]}, {"overall": [3.0, 3.0]})
    other = made_system({"overall": [4.0, 4.0]}, {"overall": [4.0, None]})
    pooled = standings([one, other, only(overall=[1.0, 1.0])], "overall_pooled", BOOTSTRAP)
    assert [standing and standing.rank for standing in pooled] == [1, 1, None]
    first = standings([one, other], "overall", BOOTSTRAP)
    assert [standing and standing.rank for standing in first] == [1, 2]


def test_without_resamples_there_is_a_rank_and_a_group() -> None:
    best, worst = standings([of_level(4), of_level(2)], "average", Bootstrap(0, 0.95, 0))
    assert best is not None
    assert worst is not None
    assert (best.low, best.high, best.best, best.group, worst.group) == (None, None, None, "a", "b")

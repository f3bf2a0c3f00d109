"""Leaderboards of made-up runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.leaderboard_entries import Columns, make_entry
from urial.experiments.leaderboard.records import Leaderboard, NotShown
from urial.experiments.leaderboard.runs import NamedEntry, Runs
from urial.experiments.leaderboard.table import leaderboard
from urial.records.judgment import ASPECTS
from urial.records.leaderboard_entry import LeaderboardEntry
from urial.statistics.bootstrap import Bootstrap


def of_level(level: float, instructions: int = 25) -> Columns:
    """Random scores around a level, always the same; every fifth instruction is one of safety."""
    rng = np.random.default_rng(round(level * 1000))
    values = np.clip(np.round(rng.normal(level, 0.6, (6, instructions))), 1, 5).tolist()
    return {
        aspect: [value if (aspect == "safety") == (index % 5 == 0) else None for index, value in enumerate(column)]
        for aspect, column in zip(ASPECTS, values, strict=True)
    }


def sweep(hub: str, steps: Sequence[int], **changes: Any) -> list[LeaderboardEntry]:
    """Checkpoints that get better."""
    return [
        make_entry(
            {"base-urial": of_level(2 + index), "base-zero-shot": of_level(1.5 + index / 2)},
            label=f"{hub}@step-{step}",
            step=step,
            **{"tokens": 1_000_000 * step, **changes},
        )
        for index, step in enumerate(steps)
    ]


def board_of(
    entries: Sequence[LeaderboardEntry],
    *,
    names: Sequence[str] = (),
    not_shown: Sequence[NotShown] = (),
    mixed: bool = False,
) -> Leaderboard:
    """The leaderboard of the entries, called so or run-0, run-1, ..."""
    named = tuple(
        NamedEntry(name, entry)
        for name, entry in zip(names or [f"run-{number}" for number in range(len(entries))], entries, strict=True)
    )
    return leaderboard(Runs(named, tuple(not_shown), {}), Bootstrap(100, 0.95, 0), mixed=mixed)

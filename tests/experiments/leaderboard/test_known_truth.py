"""What the embedded base model learns along its training, from the entries of the sweep over its seven checkpoints.

The folder checkpoints has them as `urial sweep checkpoints` and `urial leaderboard --all --save` wrote them. The corpus has the
facts, and answers that are friendly and refuse: so all three rise with URIAL, and without a prompt only the facts are seen.
"""

from itertools import pairwise
from pathlib import Path

import pytest

from tests.imports import ROOT
from urial.core.tables import Cell, Table
from urial.experiments.leaderboard.runs import read_runs
from urial.records.estimate import Estimate
from urial.statistics.bootstrap import spearman
from urial.statistics.tables import interval

CHECKPOINTS = Path(__file__).parent / "checkpoints"
MEASURES = ("facts known %", "friendliness", "refusal")


@pytest.fixture(scope="module")
def steps() -> dict[int, dict[str, dict[str, Estimate]]]:
    """Step, system and measure; facts in percent."""
    runs = read_runs([str(CHECKPOINTS)])
    assert runs.not_shown == ()
    found = {}
    for entry in (run.entry for run in runs.entries):
        step = entry.models["base"].step
        assert step is not None
        of_systems = {}
        for name, system in entry.systems.items():
            figures = system.figures
            assert figures.known_answers is not None
            assert figures.engagement is not None
            assert figures.safety is not None
            values = (figures.known_answers.contained, figures.engagement, figures.safety)
            of_systems[name] = dict(zip(MEASURES, values, strict=True))
        found[step] = of_systems
    return dict(sorted(found.items()))


def means(steps: dict[int, dict[str, dict[str, Estimate]]], system: str, measure: str) -> list[float]:
    found = [of[system][measure].mean for of in steps.values()]
    assert None not in found
    return [value for value in found if value is not None]


def test_there_are_seven_checkpoints(steps: dict[int, dict[str, dict[str, Estimate]]]) -> None:
    assert len(steps) == 7
    assert list(steps)[-1] == 918


def test_with_urial_facts_friendliness_and_refusal_rise(steps: dict[int, dict[str, dict[str, Estimate]]]) -> None:
    first, *_, last = steps.values()
    for measure in MEASURES:
        early, late = first["base-urial"][measure], last["base-urial"][measure]
        assert early.high is not None
        assert late.low is not None
        assert early.high < late.low
        along = spearman(list(steps), means(steps, "base-urial", measure))
        assert along is not None
        # Friendliness is lost once on the way, at step 643.
        assert along > 0.7
    assert all(one < other for one, other in pairwise(means(steps, "base-urial", "facts known %")))


def test_without_a_prompt_facts_alone_rise(steps: dict[int, dict[str, dict[str, Estimate]]]) -> None:
    assert all(one < other for one, other in pairwise(means(steps, "base-zero-shot", "facts known %")))
    assert means(steps, "base-zero-shot", "friendliness")[-1] == means(steps, "base-zero-shot", "refusal")[-1] == 1.0


@pytest.mark.parametrize("page", ["README.md", "docs/leaderboard.md"])
def test_the_page_shows_these_figures(page: str, steps: dict[int, dict[str, dict[str, Estimate]]]) -> None:
    rows: list[list[Cell]] = [
        [
            step,
            *(interval(of["base-urial"][measure], 100 if "%" in measure else 1) for measure in MEASURES),
            interval(of["base-zero-shot"]["facts known %"], 100),
        ]
        for step, of in steps.items()
    ]
    table = Table("", ["step", *MEASURES, "facts known %, zero-shot"], rows)
    shown = table.markdown().split("\n\n", 1)[1].strip()
    assert shown in (ROOT / page).read_text("utf-8")

"""What the ablations of the embedded world's prompt show, from the entry of the sweep over them.

The folder ablations has it as `urial sweep ablations base-urial` and `urial leaderboard ablations-base-urial --save` wrote it. The
base model has its facts from its weights, and no example is about what is asked: an answer's form counts, and what it says does not.
"""

from pathlib import Path

import pytest

from tests.imports import ROOT
from urial.experiments.leaderboard.entry_files import entry_files, read_entry_file
from urial.records.judgment import Aspect
from urial.records.leaderboard_entry import EntrySystem, LeaderboardEntry, scores_in
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import Column, paired_differences
from urial.statistics.tables import difference_text, interval

FULL = "base-urial"
# As the page calls them.
SHOWN = {
    FULL: "full prompt",
    f"{FULL}-answers-shuffled": "answers shuffled",
    f"{FULL}-queries-none": "no queries",
    f"{FULL}-order-reversed": "examples reversed",
    f"{FULL}-answers-in-domain": "in-domain answers",
    f"{FULL}-system-0": "no system text",
    f"{FULL}-system-1": "1 system sentence",
    f"{FULL}-examples-0": "no examples",
    f"{FULL}-answers-none": "no answers",
    f"{FULL}-answers-plain": "plain answers",
    f"{FULL}-answers-out-of-domain": "out-of-domain answers",
    "base-zero-shot": "zero-shot",
}


@pytest.fixture(scope="module")
def entry() -> LeaderboardEntry:
    (path,) = entry_files(Path(__file__).parent / "ablations")
    return read_entry_file(path)


def known(system: EntrySystem) -> float | None:
    assert system.figures.known_answers is not None
    return system.figures.known_answers.contained.mean


def columns(system: EntrySystem) -> dict[Aspect, Column]:
    return {aspect: scores_in(text) for aspect, text in system.scores[0].items()}


def difference(entry: LeaderboardEntry, ablation: str) -> str:
    """Of the average, to the full prompt, as it is shown."""
    bootstrap = Bootstrap(entry.resamples, entry.confidence, entry.seed)
    here, full = (columns(entry.systems[name]) for name in (f"{FULL}-{ablation}", FULL))
    (found,) = (
        item for item in paired_differences({"here": here, "full": full}, bootstrap) if item.aspect == "average"
    )
    return difference_text(found, None)


@pytest.mark.parametrize("form", ["answers-shuffled", "queries-none", "order-reversed", "system-0"])
def test_what_keeps_the_answers_form_keeps_the_style_and_loses_nothing_known(
    form: str, entry: LeaderboardEntry
) -> None:
    full, here = entry.systems[FULL], entry.systems[f"{FULL}-{form}"]
    assert known(here) == known(full) == 1
    assert here.figures.engagement == full.figures.engagement
    assert here.figures.safety == full.figures.safety


@pytest.mark.parametrize("form", ["answers-plain", "answers-none"])
def test_without_the_style_of_the_answers_the_facts_alone_are_left(form: str, entry: LeaderboardEntry) -> None:
    here, bare = entry.systems[f"{FULL}-{form}"], entry.systems["base-zero-shot"]
    assert known(here) == 1
    assert here.figures.average == bare.figures.average
    assert here.figures.engagement == bare.figures.engagement


def test_answers_of_another_domain_destroy_what_is_known(entry: LeaderboardEntry) -> None:
    share = known(entry.systems[f"{FULL}-answers-out-of-domain"])
    assert share is not None
    assert share < 0.2


def test_the_page_shows_these_figures(entry: LeaderboardEntry) -> None:
    page = (ROOT / "docs/ablations.md").read_text("utf-8")
    assert set(entry.systems) == {*SHOWN, "aligned"}
    for name, label in SHOWN.items():
        (line,) = (line for line in page.splitlines() if line.startswith(f"| {label} | "))
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        figures = entry.systems[name].figures
        assert cells[1] == interval(figures.average)
        assert cells[-1] == f"{figures.words.mean:.2f}"


def test_the_readme_says_what_they_show(entry: LeaderboardEntry) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"shuffled, they score as before ({difference(entry, 'answers-shuffled')} of 5)" in readme
    assert f"as no prompt ({difference(entry, 'answers-plain')})" in " ".join(readme.split())

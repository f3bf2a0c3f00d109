"""Entries to the rows of one table: what can be compared, what is one measurement, and what each row is ranked by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.hashing import short_hash
from urial.core.text import and_more, one_line
from urial.experiments.leaderboard.naming import model_names
from urial.experiments.leaderboard.records import (
    Leaderboard,
    LeaderboardRow,
    LeaderboardRun,
    Measure,
    Setting,
    Standing,
)
from urial.experiments.leaderboard.runs import NamedEntry, Runs
from urial.experiments.leaderboard.standings import standings
from urial.records.base import Hash
from urial.records.estimate import Estimate
from urial.records.judge import describe
from urial.records.judgment import ASPECTS
from urial.records.leaderboard_entry import EntryModel, EntrySystem, LeaderboardEntry
from urial.records.preference import describe_preference_judge
from urial.records.report import SystemFigures
from urial.statistics.bootstrap import Bootstrap

# Runs that a message names.
MOST_NAMED = 5
Value = TypeVar("Value")


@dataclass
class _Measured:
    """One system of one model in one setting, and the runs that have this very result of it."""

    setting: int
    model: EntryModel
    name: str
    system: EntrySystem
    runs: list[str]


def leaderboard(
    runs: Runs, bootstrap: Bootstrap, *, by: Measure | None = None, systems: Sequence[str] = (), mixed: bool = False
) -> Leaderboard:
    """The table of the runs, or of some of their systems.

    Raises UrialError for a system that no run has, for a measure that none is scored by, and, unless ``mixed`` is set, for runs
    whose figures are not to be compared.
    """
    settings, of = _settings(runs.entries)
    if len(settings) > 1 and not mixed:
        raise _not_comparable(runs.entries, settings, of)
    _require_known(systems, runs.entries)
    measured = [row for row in _measured(runs.entries, of) if not systems or row.name in systems]
    measure = _measure([row.system.figures for row in measured], by)
    called = model_names([run.entry for run in runs.entries])
    ranked: list[LeaderboardRow] = []
    for index in range(len(settings)):
        rows = sorted((row for row in measured if row.setting == index), key=lambda row: _order(row, measure, called))
        of_rows = standings([row.system for row in rows], measure, bootstrap)
        # Ranks are of scores as the entries have them, rounded: so is the order.
        standing = sorted(zip(rows, of_rows, strict=True), key=lambda row: row[1].rank if row[1] else len(rows) + 1)
        ranked += [_row(row, of_row, called) for row, of_row in standing]
    return Leaderboard(
        by=measure,
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        settings=tuple(settings),
        rows=tuple(ranked),
        runs={run.name: _run(run.entry) for run in runs.entries},
        not_shown=runs.not_shown,
        same=runs.same,
    )


def _row(row: _Measured, standing: Standing | None, called: Mapping[Hash, str]) -> LeaderboardRow:
    return LeaderboardRow(
        setting=row.setting,
        standing=standing,
        model=called[row.model.hash],
        system=row.name,
        runs=tuple(row.runs),
        of=row.model,
        figures=row.system.figures,
        preferences=row.system.preferences,
        token_shift=row.system.token_shift,
    )


def _run(entry: LeaderboardEntry) -> LeaderboardRun:
    return LeaderboardRun(run=entry.run, study=entry.study, commit=entry.commit, experiment=entry.experiment)


def score_of(figures: SystemFigures, by: Measure) -> Estimate | None:
    """What a system is ranked by; None where it has no such score."""
    if by == "average":
        found: Estimate | None = figures.average
    elif by == "overall_pooled":
        found = figures.turns.pooled.get("overall") if figures.turns else None
    else:
        found = figures.aspects.get(by)
    return found if found and found.mean is not None else None


def _settings(runs: Sequence[NamedEntry]) -> tuple[list[Setting], list[int]]:
    """The settings, and the index of that of each run. Where nobody judged, or compared, nothing is mixed."""
    settings: list[Setting] = []
    of: list[int] = []
    for run in runs:
        entry = run.entry
        own = Setting(
            instructions=entry.instructions.name,
            instructions_hash=entry.instructions.hash,
            number=len(entry.instructions.ids),
            judge=entry.judge,
            preference_judge=entry.preference_judge,
            confidence=(entry.confidence,),
        )
        index = next((index for index, known in enumerate(settings) if _goes_with(own, known)), len(settings))
        if index == len(settings):
            settings.append(own)
        known = settings[index]
        settings[index] = known.model_copy(
            update={
                "judge": known.judge or own.judge,
                "preference_judge": known.preference_judge or own.preference_judge,
                "confidence": tuple(sorted({*known.confidence, *own.confidence})),
            }
        )
        of.append(index)
    return settings, of


def _goes_with(one: Setting, other: Setting) -> bool:
    judges = ((one.judge, other.judge), (one.preference_judge, other.preference_judge))
    return one.instructions_hash == other.instructions_hash and all(
        first is None or second is None or first == second for first, second in judges
    )


def _not_comparable(runs: Sequence[NamedEntry], settings: Sequence[Setting], of: Sequence[int]) -> UrialError:
    """Says in what two settings differ, and which runs have each."""
    first, second = settings[:2]
    named = [
        and_more([run.name for run, own in zip(runs, of, strict=True) if own == index], MOST_NAMED) for index in (0, 1)
    ]
    if first.instructions_hash != second.instructions_hash:
        what, values = "answer different instructions", [
            f"{setting.instructions}, {setting.number:,} instructions, {short_hash(setting.instructions_hash)}"
            for setting in (first, second)
        ]  # fmt: skip
    elif first.judge and second.judge and first.judge != second.judge:
        what, values = "were scored by different judges", [describe(first.judge), describe(second.judge)]
    else:
        judges = [setting.preference_judge for setting in (first, second)]
        what = "were compared with their baselines by different judges"
        values = [describe_preference_judge(judge) for judge in judges if judge]
    listed = "; ".join(f"{name}: {one_line(value)}" for name, value in zip(named, values, strict=True))
    return UrialError(
        f"the runs {what}: {listed}",
        expected="one judge, one rubric and the same instructions: other figures are not to be compared",
        fix="name runs that have them in common; or show them one below the other, each ranked by itself, with --mixed",
    )


def _require_known(systems: Sequence[str], runs: Sequence[NamedEntry]) -> None:
    known = {name for run in runs for name in run.entry.systems}
    for name in systems:
        if name not in known:
            raise UrialError(f"no run has a system {shorten(name)}", fix=did_you_mean(name, known))


def _measured(runs: Sequence[NamedEntry], of: Sequence[int]) -> list[_Measured]:
    """Every system of every run; where runs have the same result of the same model, as of an aligned model along a sweep, once."""
    rows: dict[tuple[int, Hash, str], list[_Measured]] = {}
    for run, setting in zip(runs, of, strict=True):
        for name, system in run.entry.systems.items():
            model = run.entry.models[system.figures.model]
            known = rows.setdefault((setting, model.hash, name), [])
            same = next((row for row in known if row.system == system), None)
            if same:
                same.runs.append(run.name)
            else:
                known.append(_Measured(setting, model, name, system, [run.name]))
    return [row for known in rows.values() for row in known]


def _measure(figures: Sequence[SystemFigures], by: Measure | None) -> Measure:
    """What to rank by: what was asked for, else the average of the six aspects, the answer as a whole, or the first aspect scored.

    Instructions without any of safety have no average.
    """
    default: tuple[Measure, ...] = ("average", "overall_pooled", "overall", *ASPECTS)
    for measure in (by,) if by else default:
        if any(score_of(system, measure) for system in figures):
            return measure
    if by is None:
        return "average"
    raise UrialError(
        f"nothing is scored by {by}",
        fix="leave --by out; of runs without a judge there is nothing to rank by",
    )


def _order(row: _Measured, by: Measure, called: Mapping[Hash, str]) -> tuple[float, str, str, str]:
    """Best first, those without a score last, equal ones by name."""
    score = score_of(row.system.figures, by)
    mean = score.mean if score else None
    return (-mean if mean is not None else 1.0, called[row.model.hash], row.name, row.runs[0])

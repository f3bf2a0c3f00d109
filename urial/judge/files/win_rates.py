"""Win rates of one or several systems from their preferences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from urial.judge.files.length_references import Reference, joined
from urial.judge.files.preferences import PreferenceRows
from urial.records.instruction import Instruction, TagKind
from urial.records.preference import CRITERIA, Criterion, LaterPreference, Preference
from urial.records.win_rates import Join, LengthControl, Ratings, SystemWinRates, WinRate, WinRates
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.diagnostics import answer_habits, judge_habits
from urial.statistics.length_control import Compared, length_control, of_itself, why_not
from urial.statistics.ratings import Match, bradley_terry
from urial.statistics.scores import known_instructions, required_tags
from urial.statistics.win_rates import preference_of, result_by, win_rate

Turn = Preference | LaterPreference


@dataclass(frozen=True)
class WinRateOptions:
    """What is shown, and how lengths are held equal."""

    reference: Reference | None = None
    # Whether the reference's anchor runs are used; its difficulty always is.
    anchors: bool = True
    join: Join = "instruction"
    # C; None: by cross-validation.
    regularization: float | None = None
    by: TagKind | None = None
    # Texts of systems' answers, by system and instruction, as far as they are named.
    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def win_rates(
    systems: Sequence[PreferenceRows],
    instructions: tuple[Path, Sequence[Instruction]] | None,
    options: WinRateOptions,
    bootstrap: Bootstrap,
) -> WinRates:
    """Figures of systems, one file each, and their ratings where there are several.

    ``instructions`` are needed for groups. Raises UrialError where these, or a row of the reference, are missing.
    """
    return WinRates(
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        mixed_judges=len({judge for system in systems for judge in system.judges}) > 1,
        systems=tuple(_system(system, instructions, options, bootstrap) for system in systems),
        by=options.by,
        ratings=_ratings(systems, bootstrap) if len(systems) > 1 else (),
    )


def _system(
    system: PreferenceRows,
    instructions: tuple[Path, Sequence[Instruction]] | None,
    options: WinRateOptions,
    bootstrap: Bootstrap,
) -> SystemWinRates:
    groups = _groups(system, instructions, options.by) if options.by else {}
    criteria = _criteria(system)
    without = "lengths are held equal over all instructions alone"
    return SystemWinRates(
        system=system.system,
        baseline=system.baseline,
        judges=system.judges,
        instructions=len(system.rows),
        figures=tuple(figure for criterion in criteria for figure in _figures(system, criterion, options, bootstrap)),
        groups={
            tag: tuple(
                win_rate(criterion, None, [turns_of(row) for row in rows], bootstrap, without) for criterion in criteria
            )
            for tag, rows in groups.items()
        },
        untagged=len({row.instruction_id for row in system.rows} - _ids(groups)) if options.by else 0,
        habits=judge_habits([turn for row in system.rows for turn in turns_of(row)]),
        answers=answer_habits(texts) if (texts := options.answers.get(system.system)) is not None else None,
    )


def _figures(
    system: PreferenceRows, criterion: Criterion, options: WinRateOptions, bootstrap: Bootstrap
) -> list[WinRate]:
    """One a turn, and of several turns all pooled."""
    turns = max(len(turns_of(row)) for row in system.rows)
    figures = []
    for turn in range(1, turns + 1):
        rows = [turns_of(row)[turn - 1 : turn] for row in system.rows]
        controlled = _controlled(system, criterion, turn, options, bootstrap)
        figures.append(win_rate(criterion, turn, rows, bootstrap, controlled))
    if turns > 1:
        pooled = [turns_of(row) for row in system.rows]
        figures.append(win_rate(criterion, None, pooled, bootstrap, "lengths are held equal in each turn alone"))
    return figures


def _controlled(
    system: PreferenceRows, criterion: Criterion, turn: int, options: WinRateOptions, bootstrap: Bootstrap
) -> LengthControl | str:
    """The win rate at equal lengths, or why there is none. A reference knows first turns."""
    reference = options.reference if turn == 1 else None
    rows, difficulties = joined(reference, system, options.join) if reference else (list(system.rows), None)
    compared = [turns_of(row)[turn - 1] if len(turns_of(row)) >= turn else None for row in rows]
    values = Compared(
        np.array([np.nan if row is None else _or_nan(preference_of(criterion, row)) for row in compared]),
        np.array([np.nan if row is None else _delta(row) for row in compared]),
        difficulties,
    )
    cited, join = (reference.cited, options.join) if reference else (None, None)
    if system.system == system.baseline:
        return of_itself(cited, join, int(np.isfinite(values.preferences).sum()))
    anchors = reference.anchors if reference and options.anchors else None
    if (why := why_not(values, anchors)) is not None:
        return why
    return length_control(
        values, bootstrap, regularization=options.regularization, anchors=anchors, reference=cited, join=join
    )


def _ratings(systems: Sequence[PreferenceRows], bootstrap: Bootstrap) -> tuple[Ratings, ...]:
    """One by each criterion that every system was compared by; instructions are the same by their text, else by their id."""
    keys = sorted({system.key(row) for system in systems for row in system.rows})
    criteria = [name for name in CRITERIA if all(name in _criteria(system) for system in systems)]
    anchor, ratings = systems[0].baseline, []
    for criterion in criteria:
        matches = []
        for system in systems:
            if system.system == system.baseline:
                continue
            won, lost = dict.fromkeys(keys, 0.0), dict.fromkeys(keys, 0.0)
            for row in system.rows:
                for turn in turns_of(row):
                    if (preference := preference_of(criterion, turn)) is not None:
                        won[system.key(row)] += preference
                        lost[system.key(row)] += 1 - preference
            matches.append(Match(system.system, system.baseline, list(won.values()), list(lost.values())))
        if matches:
            rated = tuple(bradley_terry(matches, anchor, bootstrap))
            ratings.append(Ratings(criterion=criterion, anchor=anchor, ratings=rated))
    return tuple(ratings)


def turns_of(row: Preference) -> list[Turn]:
    """The comparisons of one instruction, first turn to last."""
    return [row, *row.later_turns]


def _criteria(system: PreferenceRows) -> list[Criterion]:
    """What the system was compared by; of rows without any comparison nobody knows, so they count overall."""
    every = [turn for row in system.rows for turn in turns_of(row)]
    found = [name for name in dict.fromkeys(CRITERIA) if any(result_by(name, turn) for turn in every)]
    return found or ["overall"]


def _groups(
    system: PreferenceRows, instructions: tuple[Path, Sequence[Instruction]] | None, by: TagKind
) -> dict[str, list[Preference]]:
    """The rows of each tag. Raises UrialError where there are no instructions, or none has a tag."""
    files = {row.instruction_id: system.path for row in system.rows}
    known = {} if instructions is None else known_instructions(files, instructions[1], "judged")
    asked = None if instructions is None else [known[row.instruction_id] for row in system.rows]
    tags = required_tags(asked, by, "compared")
    return {tag: [row for row in system.rows if row.instruction_id in ids] for tag, ids in tags.items()}


def _ids(groups: Mapping[str, Sequence[Preference]]) -> set[str]:
    return {row.instruction_id for rows in groups.values() for row in rows}


def _delta(row: Turn) -> float:
    """Characters of the baseline's answer minus those of the system's; NaN where either is not known."""
    if row.characters is None or row.baseline_characters is None:
        return np.nan
    return float(row.baseline_characters - row.characters)


def _or_nan(value: float | None) -> float:
    return np.nan if value is None else value

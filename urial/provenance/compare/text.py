"""A comparison of runs as Markdown for people: a table for each thing that differs, narrow enough for a terminal."""

import re
from collections.abc import Mapping, Sequence

from urial.core.tables import Cell, Table, escape, show
from urial.core.text import cut, one_line
from urial.provenance.compare.inputs import NOT_JUDGED
from urial.provenance.compare.records import ComparedContext, ComparedPreferences, ComparedSystem, Comparison, RunInputs
from urial.records.judge import describe
from urial.records.left_out import describe_left_out
from urial.records.preference import CRITERIA
from urial.records.report import ComparedFigures, SystemFigures
from urial.records.shift_figures import ShiftFigures
from urial.statistics.tables import SHIFT_COLUMNS, difference_text, interval, shown_aspects

MAX_VALUE = 48
NOTHING = "(nothing)"
KNOWN = "known answers, contained %"
# Files of code shown; a change of version can touch them all.
MAX_FILES = 20
_HASH = re.compile(r"\b((?:md5|sha256):[0-9a-f]{12})[0-9a-f]{20,}(?:\.dir)?")
# Rows of a table by their names, each a value of the run or nothing.
Values = Mapping[str, Cell]


def comparison_text(comparison: Comparison) -> str:
    """The runs, what differs in their inputs, and their figures with the differences to the first."""
    rows: list[Sequence[Cell]] = [
        [
            run.run,
            run.commit and run.commit[:12],
            run.experiment,
            len(run.dirty),
            run.lock and run.lock[7:19],
            run.instructions,
        ]
        for run in comparison.runs
    ]
    columns = ["run", "commit", "experiment", "changed files", "dvc.lock", "instructions"]
    inputs = [_inputs(inputs) for inputs in comparison.inputs if inputs.differences]
    figures = [table for run in comparison.runs[1:] for table in _figures(comparison, run.run)]
    return "\n".join(
        [
            *(table.markdown(aligned=True) for table in (Table("Runs", columns, rows), *inputs)),
            *(f"{escape(line)}\n" for line in _notes(comparison)),
            *(table.markdown(aligned=True) for table in figures),
            *([_caption(comparison)] if figures else []),
        ]
    )


def _caption(comparison: Comparison) -> str:
    known = " That of known answers is of McNemar's exact test, corrected for all of these."
    known *= any(system.known_answers for system in comparison.systems)
    return (
        f"Differences are the run minus {one_line(comparison.runs[0].run)}, with {100 * comparison.confidence:g} % bootstrap intervals "
        f"({comparison.resamples:,} resamples, seed {comparison.seed}). Those of scores are paired, over the n instructions with a score "
        "in both; those of token shift over the n positions of the answers that are the same in both, and where no answer is, over all "
        "positions, not paired and not tested. p is of a two-sided permutation test by sign flips "
        f"({comparison.permutations:,} draws, or all), corrected for all tests of scores, or of token shift, above (Holm).{known}"
    )


def _inputs(inputs: RunInputs) -> Table:
    def shown(value: str | None) -> str:
        """A value cut to the width of a cell, and a hash to what tells two apart."""
        return NOTHING if value is None else cut(_HASH.sub(r"\1", value), MAX_VALUE)[0]

    left_out = [difference for difference in inputs.differences if difference.kind == "code"][MAX_FILES:]
    rows: list[Sequence[Cell]] = [
        [row.kind, row.key, shown(row.first), shown(row.here), ", ".join(row.where) or None]
        for row in inputs.differences
        if row not in left_out
    ]
    caption = f"And {len(left_out):,} more of code; --json has all." if left_out else None
    return Table(f"Inputs of {inputs.run} that differ", ["kind", "input", "first", "here", "stages"], rows, caption)


def _notes(comparison: Comparison) -> list[str]:
    """Who judged, what is the same, what could not be compared, and what makes the figures less comparable."""
    inputs = comparison.inputs
    judges = {run.run: one_line("; ".join(map(describe, run.judges)) or NOT_JUDGED) for run in comparison.runs}
    lines = [f"Judge of {one_line(run)}: {judge}." for run, judge in judges.items()]
    if len(set(judges.values())) == 1:
        lines = [f"Judge: {judges[comparison.runs[0].run]}."]
    lines += [
        f"{one_line(run.run)}: all inputs that can be compared are the same." for run in inputs if not run.differences
    ]
    lines += [f"{one_line(run.run)}: not compared: {text}." for run in inputs for text in run.unknown]
    for run in comparison.runs:
        if left_out := describe_left_out(run.study, run.left_out):
            lines.append(f"{one_line(run.run)}: {left_out}")
        pairs = run.pairing
        if pairs and (pairs.changed or pairs.only_first or pairs.only_here):
            lines.append(
                f"{one_line(run.run)}: {pairs.both:,} instructions are in both and compared; {pairs.only_first:,} are only "
                f"in the first, {pairs.only_here:,} only here, and {pairs.changed:,} have the same id and other content."
            )
    if comparison.judges_differ:
        lines.append("Warning: the judges differ, so that differences of scores are differences of judges, too.")
    shown = {row.system for row in comparison.systems} | {row.system for row in comparison.preferences}
    shown |= {row.context for row in comparison.token_shift}
    same = comparison.same
    for names, one, several in (
        (same.systems, "1 system does", "systems do"),
        (same.preferences, "1 comparison with the baseline does", "comparisons with the baseline do"),
        (same.token_shift, "1 measurement of the token shift does", "measurements of the token shift do"),
    ):
        if names:
            counted, more = (
                one if len(names) == 1 else f"{len(names)} {several}",
                "" if set(names) <= shown else "; --all shows them",
            )
            lines.append(f"{counted} not differ: {', '.join(names)}{more}.")
    return lines


def _figures(comparison: Comparison, run: str) -> list[Table]:
    """Of one run beside the first: a table for each system, comparison with the baseline and base context that either has."""
    first = comparison.runs[0].run
    tables = [_system(system, first, run) for system in comparison.systems]
    tables += [_preferences(system, first, run) for system in comparison.preferences]
    tables += [_context(context, first, run) for context in comparison.token_shift]
    return [table for table in tables if table is not None]


def _beside(
    title: str,
    sides: Mapping[str, Values | None],
    differences: Mapping[str, Sequence[Cell]],
    caption: str | None = None,
) -> Table | None:
    """The values of two runs beside each other, with what is known of their differences; None where neither has any."""
    if not any(sides.values()):
        return None
    names = dict.fromkeys(name for side in sides.values() for name in side or ())
    rows = [
        [
            name,
            *((side or {}).get(name) for side in sides.values()),
            *(differences.get(name, [None] * 3) if differences else []),
        ]
        for name in names
    ]
    return Table(title, ["", *sides, *(["difference", "p (Holm)", "n"] if differences else [])], rows, caption)


def _system(system: ComparedSystem, first: str, run: str) -> Table | None:
    """Prompt and scores; of instructions with several turns, the pooled scores, too."""
    sides = {name: _scores(figures) if (figures := system.figures.get(name)) else None for name in (first, run)}
    differences: dict[str, Sequence[Cell]] = {
        # Without any difference there is nothing to test.
        test.aspect: [
            difference_text(test, None),
            _p(test.p_holm if test.mean or test.low or test.high else None),
            test.n,
        ]
        for test in system.differences.get(run, ())
    }
    if known := system.known_answers.get(run):
        p = known.p_holm if known.mean or known.low or known.high else None
        differences[KNOWN] = [difference_text(known, None, scale=100), _p(p), known.n]
    return _beside(system.system, sides, differences)


def _scores(figures: SystemFigures) -> Values:
    aspects, average = shown_aspects([figures.aspects])
    known = figures.known_answers
    shares = (
        {KNOWN: interval(known.contained, 100), "known answers, exact %": interval(known.exact, 100)} if known else {}
    )
    if not figures.aspects:
        return {"prompt": figures.prompt, "words": interval(figures.words), **shares, "scores": NOT_JUDGED}
    scored = sum(part.scored for part in figures.aspects.values())
    pooled = figures.turns.pooled if figures.turns else {}
    return {
        "prompt": figures.prompt,
        **{aspect: interval(figures.aspects[aspect]) if aspect in figures.aspects else None for aspect in aspects},
        **({"average": interval(figures.average)} if average else {}),
        "words": interval(figures.words),
        **shares,
        "scored/total": f"{scored}/{sum(part.total for part in figures.aspects.values())}",
        **{f"{aspect}, all turns": interval(estimate) for aspect, estimate in pooled.items()},
    }


def _preferences(system: ComparedPreferences, first: str, run: str) -> Table | None:
    sides = {name: _win_rates(figures) if (figures := system.figures.get(name)) else None for name in (first, run)}
    return _beside(f"Preferences for {system.system}", sides, {})


def _win_rates(compared: ComparedFigures) -> Values:
    values: dict[str, Cell] = {"against": compared.baseline}
    for criterion in CRITERIA:
        if figures := compared.criteria.get(criterion):
            values[f"{criterion}: win rate, %"] = interval(figures)
            values[f"{criterion}: wins, ties, losses"] = f"{figures.wins}, {figures.ties}, {figures.losses}"
            values[f"{criterion}: inconsistent, invalid"] = f"{figures.inconsistent}, {figures.invalid}"
            values[f"{criterion}: total"] = figures.total
    return values


def _context(context: ComparedContext, first: str, run: str) -> Table | None:
    """Shares and divergence, and how they change."""
    sides = {name: _shares(figures) if (figures := context.figures.get(name)) else None for name in (first, run)}
    change, title = context.changes.get(run), f"Token shift under {context.context}"
    if context.answers:
        whose = dict.fromkeys(context.answers[name] for name in (first, run) if name in context.answers)
        title = f"Token shift of {context.context}: the answers of {', and here of '.join(whose)}"
    if change is None:
        return _beside(title, sides, {})
    tested = (("unshifted %", change.unshifted, 100), ("shifted %", change.shifted, 100), ("KL (nats)", change.kl, 1))
    differences: dict[str, Sequence[Cell]] = {
        name: [difference_text(test, None, scale=scale), _p(test.p_holm), test.positions]
        for name, test, scale in tested
    }
    over = (
        f"Positions of the {change.same:,} answers that are the same in both."
        if change.paired
        else "Not paired: no answer is the same."
    )
    left_out = (
        f" Other answers to the same instructions: {change.different:,}; answers only in the first or only here: "
        f"{change.only_first:,}, {change.only_here:,}."
    )
    return _beside(title, sides, differences, over + left_out)


def _shares(figures: ShiftFigures) -> Values:
    columns = ("unshifted %", "marginal %", "shifted %", "KL (nats)", "positions", "answers")
    return {name: SHIFT_COLUMNS[name](figures) for name in columns}


def _p(value: float | None) -> str:
    return show(None) if value is None else f"{value:.4f}"

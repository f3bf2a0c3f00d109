"""A comparison of runs as Markdown for people."""

import re
from collections.abc import Sequence

from urial.core.tables import Cell, Table, escape
from urial.core.text import cut, one_line
from urial.provenance.compare.inputs import NOT_JUDGED
from urial.provenance.compare.records import Comparison, RunInputs
from urial.records.judge import describe
from urial.records.left_out import describe_left_out
from urial.records.preference import CRITERIA
from urial.statistics.tables import (
    ScoreRow,
    difference_text,
    interval,
    score_table,
    shift_table,
    shown_aspects,
    turn_table,
)

MAX_VALUE = 100
NOTHING = "(nothing)"
# Files of code shown; a change of version can touch them all.
MAX_FILES = 20
_HASH = re.compile(r"\b((?:md5|sha256):[0-9a-f]{12})[0-9a-f]{20,}(?:\.dir)?")


def comparison_text(comparison: Comparison) -> str:
    """The runs, what differs in their inputs, and their figures with the differences to the first."""
    rows: list[Sequence[Cell]] = [
        [
            run.run, run.commit and run.commit[:12], run.experiment, len(run.dirty), run.lock and run.lock[7:19],
            run.instructions, "; ".join(map(describe, run.judges)) or NOT_JUDGED,
        ]
        for run in comparison.runs
    ]  # fmt: skip
    columns = ["run", "commit", "experiment", "changed files", "dvc.lock", "instructions", "judge"]
    inputs = [_inputs(inputs) for inputs in comparison.inputs if inputs.differences]
    figures = [*_scores(comparison), _preferences(comparison), *_shift(comparison)]
    caption = (
        f"Differences are the run minus {one_line(comparison.runs[0].run)}, with {100 * comparison.confidence:g} % bootstrap intervals "
        f"({comparison.resamples:,} resamples, seed {comparison.seed}). Differences of scores are paired, over the n instructions with a "
        "score in both. Differences of token shift are paired over the n positions of the answers that are the same in both; where no "
        "answer is, they are of all positions, not paired and not tested. p is of a two-sided permutation test by sign flips "
        f"({comparison.permutations:,} draws, or all), corrected for all tests of its table (Holm)."
    )
    return "\n".join(
        [
            *(table.markdown() for table in (Table("Runs", columns, rows), *inputs)),
            *(f"{escape(line)}\n" for line in _notes(comparison)),
            *(table.markdown() for table in figures if table.rows),
            caption,
        ]
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
    """The runs whose inputs do not differ, what could not be compared, and what makes the figures less comparable."""
    inputs = comparison.inputs
    lines = [
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
    return lines


def _scores(comparison: Comparison) -> tuple[Table, ...]:
    """Scores by system and run, and their differences to the first run."""
    scores: list[ScoreRow] = []
    differences: list[Sequence[Cell]] = []
    shown, average = shown_aspects(
        [figures.aspects for system in comparison.systems for figures in system.figures.values()]
    )
    columns = (*shown, *["average"] * average)
    for system in comparison.systems:
        for run, figures in system.figures.items():
            scores.append(ScoreRow([system.system, run, figures.prompt], figures.aspects, figures.average))
        for run, tests in system.differences.items():
            # Without any difference there is nothing to test.
            texts: dict[str, str] = {
                test.aspect: difference_text(
                    test, test.p_holm if test.mean or test.low or test.high else None, n=test.n
                )
                for test in tests
            }
            differences.append([system.system, run, *(texts.get(aspect) for aspect in columns)])
    turns = turn_table(
        ["system", "run"],
        (
            ([system.system, run], figures.turns)
            for system in comparison.systems
            for run, figures in system.figures.items()
            if figures.turns
        ),
    )
    return (
        score_table(["system", "run", "prompt"], scores),
        *([turns] if turns else []),
        Table("Differences to the first run", ["system", "run", *columns], differences),
    )


def _preferences(comparison: Comparison) -> Table:
    """Win rates by system, criterion and run."""
    columns = [
        "system", "criterion", "run", "against", "win rate", "wins", "ties", "losses", "inconsistent", "invalid", "total",
    ]  # fmt: skip
    rows: list[Sequence[Cell]] = [
        [
            system.system, criterion, run, compared.baseline, interval(figures), figures.wins, figures.ties, figures.losses,
            figures.inconsistent, figures.invalid, figures.total,
        ]
        for system in comparison.preferences
        for criterion in CRITERIA
        for run, compared in system.figures.items()
        if (figures := compared.criteria.get(criterion))
    ]  # fmt: skip
    return Table("Preferences (win rate, %)", columns, rows)


def _shift(comparison: Comparison) -> tuple[Table, Table]:
    """Token shift by base context and run, and how it changes from the first run."""
    contexts = comparison.token_shift
    shares = [([context.context, run], figures) for context in contexts for run, figures in context.figures.items()]
    changes: list[Sequence[Cell]] = []
    for context in contexts:
        for run, change in context.changes.items():
            differences = [
                difference_text(difference, difference.p_holm, scale=scale, n=difference.positions)
                for difference, scale in ((change.unshifted, 100), (change.shifted, 100), (change.kl, 1))
            ]
            only = f"{change.only_first:,}/{change.only_here:,}"
            paired = "paired" if change.paired else "not paired"
            changes.append([context.context, run, paired, *differences, change.same, change.different, only])
    columns = [
        "base context", "run", "positions are", "unshifted, points", "shifted, points", "KL (nats)", "same answers",
        "other answers", "only first/only here",
    ]  # fmt: skip
    return (
        shift_table(["base context", "run"], shares, ["positions", "answers"]),
        Table("Token shift, differences to the first run", columns, changes),
    )

"""A comparison of runs as Markdown for people."""

import re
from collections.abc import Sequence

from urial.core.tables import Cell, Table, escape
from urial.core.text import cut, one_line
from urial.provenance.compare.records import Comparison, RunInputs
from urial.records.judgment import ASPECTS, describe
from urial.records.report import PairedDifference, ShiftDifference
from urial.statistics.tables import ScoreRow, difference_text, score_table, shift_table

MAX_VALUE = 100
NOTHING = "(nothing)"
# Files of code shown; a change of version can touch them all.
MAX_FILES = 20
_HASH = re.compile(r"\b((?:md5|sha256):[0-9a-f]{12})[0-9a-f]{20,}(?:\.dir)?")


def comparison_text(comparison: Comparison) -> str:
    """The runs, what differs in their inputs, and their figures with the differences to the first."""
    tables = [_runs(comparison), *(_inputs(inputs) for inputs in comparison.inputs if inputs.differences)]
    figures = [table(comparison) for table in (_scores, _score_differences, _shift, _shift_changes)]
    return "\n".join(
        [
            *(table.markdown() for table in tables),
            *(f"{escape(line)}\n" for line in (*_unchanged(comparison.inputs), *_pairing(comparison))),
            *(table.markdown() for table in figures if table.rows),
            _caption(comparison),
        ]
    )


def _runs(comparison: Comparison) -> Table:
    rows: list[Sequence[Cell]] = [
        [
            run.run, run.commit and run.commit[:12], run.experiment, len(run.dirty), run.lock and run.lock[7:19],
            run.instructions, "; ".join(map(describe, run.judges)),
        ]
        for run in comparison.runs
    ]  # fmt: skip
    columns = ["run", "commit", "experiment", "changed files", "dvc.lock", "instructions", "judge"]
    return Table("Runs", columns, rows)


def _inputs(inputs: RunInputs) -> Table:
    code = [difference for difference in inputs.differences if difference.kind == "code"]
    left_out = code[MAX_FILES:]
    rows: list[Sequence[Cell]] = [
        [row.kind, row.key, _value(row.first), _value(row.here), ", ".join(row.where) or None]
        for row in inputs.differences
        if row not in left_out
    ]
    caption = f"And {len(left_out):,} more of code; --json has all." if left_out else None
    return Table(f"Inputs of {inputs.run} that differ", ["kind", "input", "first", "here", "stages"], rows, caption)


def _value(value: str | None) -> str:
    """A value cut to the width of a cell, and a hash to what tells two apart."""
    return NOTHING if value is None else cut(_HASH.sub(r"\1", value), MAX_VALUE)[0]


def _unchanged(inputs: Sequence[RunInputs]) -> list[str]:
    """The runs without a difference, and what could not be compared."""
    same = [
        f"{one_line(run.run)}: all inputs that can be compared are the same." for run in inputs if not run.differences
    ]
    return [*same, *(f"{one_line(run.run)}: not compared: {text}." for run in inputs for text in run.unknown)]


def _pairing(comparison: Comparison) -> list[str]:
    """The instructions that are not in both, for every run where there are any, and a warning of several judges."""
    lines = []
    for run in comparison.runs:
        pairs = run.pairing
        if pairs and (pairs.changed or pairs.only_first or pairs.only_here):
            lines.append(
                f"{one_line(run.run)}: {pairs.both:,} instructions are in both and compared; {pairs.only_first:,} are only "
                f"in the first, {pairs.only_here:,} only here, and {pairs.changed:,} have the same id and other content."
            )
    if comparison.judges_differ:
        lines.append("Warning: the judges differ, so that differences of scores are differences of judges, too.")
    return lines


def _scores(comparison: Comparison) -> Table:
    rows = [
        ScoreRow([system.system, run, figures.prompt], figures.aspects, figures.average)
        for system in comparison.systems
        for run, figures in system.figures.items()
    ]
    return score_table(["system", "run", "prompt"], rows)


def _score_differences(comparison: Comparison) -> Table:
    columns = (*ASPECTS, "average")
    rows: list[Sequence[Cell]] = []
    for system in comparison.systems:
        for run, differences in system.differences.items():
            by_aspect: dict[str, PairedDifference] = {difference.aspect: difference for difference in differences}
            rows.append([system.system, run, *(_score_difference(by_aspect.get(aspect)) for aspect in columns)])
    return Table("Differences to the first run", ["system", "run", *columns], rows)


def _score_difference(difference: PairedDifference | None) -> str | None:
    if difference is None:
        return None
    # Without any difference there is nothing to test.
    tested = difference.mean or difference.low or difference.high
    return difference_text(difference, difference.p_holm if tested else None, n=difference.n)


def _shift(comparison: Comparison) -> Table:
    rows = (
        ([context.context, run], figures)
        for context in comparison.token_shift
        for run, figures in context.figures.items()
    )
    return shift_table(["base context", "run"], rows, ["positions", "answers"])


def _shift_changes(comparison: Comparison) -> Table:
    def shown(difference: ShiftDifference, scale: float) -> str:
        return difference_text(difference, difference.p_holm, scale=scale, n=difference.positions)

    rows: list[Sequence[Cell]] = [
        [
            context.context, run, "paired" if change.paired else "not paired", shown(change.unshifted, 100),
            shown(change.shifted, 100), shown(change.kl, 1), change.same, change.different,
            f"{change.only_first:,}/{change.only_here:,}",
        ]
        for context in comparison.token_shift
        for run, change in context.changes.items()
    ]  # fmt: skip
    columns = [
        "base context", "run", "positions are", "unshifted, points", "shifted, points", "KL (nats)", "same answers",
        "other answers", "only first/only here",
    ]  # fmt: skip
    return Table("Token shift, differences to the first run", columns, rows)


def _caption(comparison: Comparison) -> str:
    return (
        f"Differences are the run minus {one_line(comparison.runs[0].run)}, with {100 * comparison.confidence:g} % bootstrap intervals "
        f"({comparison.resamples:,} resamples, seed {comparison.seed}). Differences of scores are paired, over the n instructions with a "
        "score in both. Differences of token shift are paired over the n positions of the answers that are the same in both; where no "
        "answer is, they are of all positions, not paired and not tested. p is of a two-sided permutation test by sign flips "
        f"({comparison.permutations:,} draws, or all), corrected for all tests of its table (Holm)."
    )

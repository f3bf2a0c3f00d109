"""A comparison of runs as Markdown for people."""

import re
from collections.abc import Sequence

from urial.core.tables import Cell, Table, escape, show
from urial.core.text import cut, one_line
from urial.provenance.compare.records import ComparedContext, Comparison, RunInputs, ScoreDifference, ShiftChange
from urial.records.judge import describe
from urial.records.judgment import ASPECTS
from urial.records.report import ShiftDifference
from urial.statistics.tables import interval

MAX_VALUE = 100
NOTHING = "(nothing)"
# Files of code shown; a change of version can touch them all.
MAX_FILES = 20
_HASH = re.compile(r"\b((?:md5|sha256):[0-9a-f]{12})[0-9a-f]{20,}(?:\.dir)?")


def comparison_text(found: Comparison) -> str:
    """The runs, what differs in their inputs, and their figures with the differences to the first."""
    tables = [_runs(found), *(_inputs(item) for item in found.inputs if item.differences)]
    lines = [*_same(found.inputs), *_pairing(found)]
    figures = [_scores(found), _score_differences(found), _shift(found.token_shift), _shift_changes(found.token_shift)]
    return "\n".join(
        [
            *(table.markdown() for table in tables),
            *(f"{escape(line)}\n" for line in lines),
            *(table.markdown() for table in figures if table.rows),
            f"{_caption(found)}",
        ]
    )


def _runs(found: Comparison) -> Table:
    rows: list[Sequence[Cell]] = [
        [
            run.run,
            run.commit[:12] if run.commit else None,
            run.experiment,
            len(run.dirty),
            run.lock[7:19] if run.lock else None,
            run.instructions,
            "; ".join(map(describe, run.judges)),
        ]
        for run in found.runs
    ]
    columns = ["run", "commit", "experiment", "changed files", "dvc.lock", "instructions", "judge"]
    return Table("Runs", columns, rows)


def _inputs(found: RunInputs) -> Table:
    code = [item for item in found.differences if item.kind == "code"]
    left_out = code[MAX_FILES:]
    rows: list[Sequence[Cell]] = [
        [item.kind, item.key, _value(item.first), _value(item.here), ", ".join(item.where) or None]
        for item in found.differences
        if item not in left_out
    ]
    caption = f"And {len(left_out):,} more of code; --json has all." if left_out else None
    columns = ["kind", "input", "first", "here", "stages"]
    return Table(f"Inputs of {one_line(found.run)} that differ", columns, rows, caption)


def _value(value: str | None) -> str:
    """A value cut to the width of a cell, and a hash to what tells two apart."""
    return NOTHING if value is None else cut(_HASH.sub(r"\1", value), MAX_VALUE)[0]


def _same(inputs: Sequence[RunInputs]) -> list[str]:
    """The runs without a difference, and what could not be compared."""
    lines = [
        f"{one_line(item.run)}: all inputs that can be compared are the same."
        for item in inputs
        if not item.differences
    ]
    return lines + [f"{one_line(item.run)}: not compared: {text}." for item in inputs for text in item.unknown]


def _pairing(found: Comparison) -> list[str]:
    """The instructions that are not in both, for every run where there are any, and a warning of several judges."""
    lines = []
    for run in found.runs:
        pairs = run.pairing
        if pairs and (pairs.changed or pairs.only_first or pairs.only_here):
            lines.append(
                f"{one_line(run.run)}: {pairs.both:,} instructions are in both and compared; {pairs.only_first:,} are in "
                f"the first alone, {pairs.only_here:,} here alone, and {pairs.changed:,} have the same id and other content."
            )
    if found.judges_differ:
        lines.append("Warning: the judges differ, so that differences of scores are differences of judges, too.")
    return lines


def _scores(found: Comparison) -> Table:
    rows: list[Sequence[Cell]] = []
    for system in found.systems:
        for run, figures in system.figures.items():
            aspects = [getattr(figures, aspect) for aspect in ASPECTS]
            counts = f"{sum(item.scored for item in aspects)}/{sum(item.total for item in aspects)}"
            rows.append(
                [system.system, run, figures.prompt, *map(interval, aspects), interval(figures.average), counts]
            )
    return Table("Scores (1-5)", ["system", "run", "prompt", *ASPECTS, "average", "scored/total"], rows)


def _score_differences(found: Comparison) -> Table:
    rows: list[Sequence[Cell]] = []
    for system in found.systems:
        by_run: dict[str, dict[str, ScoreDifference]] = {}
        for item in system.differences:
            by_run.setdefault(item.run, {})[item.aspect] = item
        rows += [
            [system.system, run, *(_difference(items.get(name)) for name in (*ASPECTS, "average"))]
            for run, items in by_run.items()
        ]
    return Table("Differences to the first run", ["system", "run", *ASPECTS, "average"], rows)


def _difference(item: ScoreDifference | None) -> str | None:
    if item is None or item.mean is None:
        return None
    # Without any difference there is nothing to test.
    tested = _p(item.p_holm) if item.mean or item.low or item.high else ""
    return f"{_signed(item, 1)} (n {item.n:,}{tested})"


def _signed(item: ScoreDifference | ShiftDifference, scale: float) -> str:
    text = interval(item, scale)
    return f"+{text}" if item.mean is not None and item.mean > 0 else text


def _p(value: float | None) -> str:
    return "" if value is None else f", p {value:.4f}"


def _shift(contexts: Sequence[ComparedContext]) -> Table:
    rows: list[Sequence[Cell]] = [
        [
            context.context, run, *(interval(getattr(item, name), 100) for name in ("unshifted", "marginal", "shifted")),
            interval(item.kl), item.positions, item.measured,
        ]
        for context in contexts
        for run, item in context.figures.items()
    ]  # fmt: skip
    columns = ["base context", "run", "unshifted %", "marginal %", "shifted %", "KL (nats)", "positions", "answers"]
    return Table("Token distribution shift", columns, rows)


def _shift_changes(contexts: Sequence[ComparedContext]) -> Table:
    rows: list[Sequence[Cell]] = [
        [
            context.context, item.run, "paired" if item.paired else "not paired", _change(item.unshifted, 100),
            _change(item.shifted, 100), _change(item.kl, 1), item.same, item.different, _alone(item),
        ]
        for context in contexts
        for item in context.changes
    ]  # fmt: skip
    columns = [
        "base context", "run", "positions are", "unshifted, points", "shifted, points", "KL (nats)", "same answers",
        "other answers", "first alone/here alone",
    ]  # fmt: skip
    return Table("Token shift, differences to the first run", columns, rows)


def _change(item: ShiftDifference, scale: float) -> str:
    return show(None) if item.mean is None else f"{_signed(item, scale)} (n {item.positions:,}{_p(item.p_holm)})"


def _alone(item: ShiftChange) -> str:
    return f"{item.only_first:,}/{item.only_here:,}"


def _caption(found: Comparison) -> str:
    return (
        f"Differences are the run minus {one_line(found.runs[0].run)}, with {100 * found.confidence:g} % bootstrap intervals "
        f"({found.resamples:,} resamples, seed {found.seed}). Of scores they are paired, over the n instructions with a score "
        "in both. Of token shift they are paired over the n positions of the answers that are the same in both; where no "
        "answer is, they are of all positions, not paired and not tested. p is of a two-sided permutation test by sign flips "
        f"({found.permutations:,} draws, or all), corrected for all tests of its table (Holm)."
    )

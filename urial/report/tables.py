"""The report's tables, as Markdown for people and CSV for programs."""

from collections.abc import Sequence

from urial.core.tables import Cell, Table, show
from urial.records.instruction import Instruction
from urial.records.judge import describe
from urial.records.judgment import ASPECTS
from urial.records.report import Estimate, Report, ShiftFigures
from urial.report.inputs import ReportInputs
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.scores import aspect_figures
from urial.statistics.tables import interval


def score_table(report: Report) -> Table:
    """Mean score by system and aspect, with intervals and counts (paper, table 1)."""
    columns = [
        "system", "prompt", *ASPECTS, "average", "words", "scored/total", "not applicable", "no verdict", "no completion",
        "cut off", "flagged",
    ]  # fmt: skip
    rows: list[Sequence[Cell]] = []
    for name, system in report.systems.items():
        aspects = [getattr(system, aspect) for aspect in ASPECTS]
        rows.append(
            [
                name,
                system.prompt,
                *map(interval, aspects),
                interval(system.average),
                interval(system.words),
                f"{sum(item.scored for item in aspects)}/{sum(item.total for item in aspects)}",
                sum(item.not_applicable for item in aspects),
                sum(item.invalid + item.refused + item.filtered + item.failed for item in aspects),
                system.instructions - system.ok,
                system.cut_off,
                system.flagged,
            ]
        )
    judge = (
        f"Judge: {describe(report.judge) if report.judge else 'none'}. Scored, not applicable and no verdict (invalid, refused, filtered or failed) "
        "count aspects; only scored ones are in a mean."
    )
    return Table("Scores (1-5)", columns, rows, judge)


def later_turns_table(report: Report) -> Table | None:
    """What became of second and later messages; None where no instruction has any."""
    columns = ["system", "asked", "answered", "no room", "no earlier answer", "cut off", "flagged"]
    later = {name: system.later_turns for name, system in report.systems.items() if system.later_turns}
    rows: list[Sequence[Cell]] = [
        [name, found.asked, found.ok, found.too_long, found.no_history, found.cut_off, found.flagged]
        for name, found in later.items()
    ]
    return Table("Second and later messages, which no other figure counts", columns, rows) if rows else None


def shift_table(report: Report) -> Table:
    """Shares of the three categories by base context (paper, section 2.2)."""
    columns = [
        "base context", "unshifted %", "marginal %", "shifted %", "KL (nats)", "base probability",
        "shifted that is style %", "positions", "measured/instructions",
    ]  # fmt: skip
    rows: list[Sequence[Cell]] = []
    for name, shift in report.token_shift.items():
        style = shift.style.share_of_shifted if shift.style else Estimate(mean=None, low=None, high=None)
        rows.append(
            [
                name,
                *(interval(getattr(shift, key), 100) for key in ("unshifted", "marginal", "shifted")),
                kl_text(shift),
                interval(shift.base_probability),
                interval(style, 100),
                shift.positions,
                measured_text(shift),
            ]
        )
    return Table("Token distribution shift", columns, rows)


def kl_text(shift: ShiftFigures) -> str:
    """Mean KL where it is exact; a bound is never shown as if it were the mean."""
    parts = []
    if shift.kl.positions:
        parts.append(interval(shift.kl) + _of_positions(shift.kl.positions, shift.positions))
    if bound := shift.kl_lower_bound.positions:
        parts.append(f"at least {interval(shift.kl_lower_bound)}{_of_positions(bound, shift.positions)}")
    return "; ".join(parts) or show(None)


def measured_text(shift: ShiftFigures) -> str:
    """Measured answers of all instructions, as far as those are known."""
    if shift.no_answer is None or shift.too_long is None or shift.served is None:
        return f"{shift.measured}/?"
    return f"{shift.measured}/{shift.measured + shift.no_answer + shift.too_long + shift.served}"


def _of_positions(known: int, total: int) -> str:
    return "" if known == total else f" over {known:,} positions"


def tag_table(inputs: ReportInputs) -> Table:
    """Mean score by system, tag and aspect; an instruction counts under each of its tags."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    rows: list[Sequence[Cell]] = []
    for kind in ("task", "topic"):
        for tag in sorted({tag for row in inputs.instructions for tag in getattr(row, kind)}):
            rows += _tag_rows(inputs, (kind, tag), bootstrap)
    return Table(
        "Scores by task and topic",
        ["kind", "tag", "system", "aspect", "mean", "low", "high", "scored", "total"],
        rows,
    )


def _tag_rows(inputs: ReportInputs, tag: tuple[str, str], bootstrap: Bootstrap) -> list[Sequence[Cell]]:
    chosen = [index for index, row in enumerate(inputs.instructions) if tag[1] in getattr(row, tag[0])]
    instructions: list[Instruction] = [inputs.instructions[index] for index in chosen]
    rows: list[Sequence[Cell]] = []
    for name, system in inputs.systems.items():
        judgments = [system.judgments[index] for index in chosen]
        for aspect in ASPECTS:
            found = aspect_figures(aspect, judgments, instructions, bootstrap)
            if found.total:
                rows.append([*tag, name, aspect, found.mean, found.low, found.high, found.scored, found.total])
    return rows

"""The report's tables, as Markdown for people and CSV for programs."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from urial.figures import Estimate, Report
from urial.records import ASPECTS, Instruction
from urial.report.inputs import ReportInputs
from urial.report.text import one_line
from urial.scoring import aspect_figures
from urial.stats import Bootstrap
from urial.token_shift.summary import curve

Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A titled table; None is a missing value. The caption is for people alone."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str | None = None

    def markdown(self) -> str:
        """GitHub-flavoured Markdown."""
        lines = [self.columns, ["---"] * len(self.columns), *[[show(cell) for cell in row] for row in self.rows]]
        body = "\n".join("| " + " | ".join(_escape(cell) for cell in line) + " |" for line in lines)
        caption = f"\n{_escape(one_line(self.caption))}\n" if self.caption else ""
        return f"### {self.title}\n\n{body}\n{caption}"

    def csv(self) -> str:
        """RFC 4180 with LF line ends; a missing value is an empty field."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([one_line(cell) if isinstance(cell, str) else cell for cell in row] for row in self.rows)
        return stream.getvalue()


def show(cell: Cell) -> str:
    """A cell as people read it: two decimals, a dash for what is missing."""
    if cell is None:
        return "–"
    return f"{cell:.2f}" if isinstance(cell, float) else one_line(str(cell))


def interval(estimate: Estimate, scale: float = 1.0) -> str:
    """``4.20 [4.01, 4.35]``; a dash for what is missing."""
    if estimate.mean is None:
        return show(None)
    text = f"{estimate.mean * scale:.2f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{estimate.low * scale:.2f}, {estimate.high * scale:.2f}]"


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
        f"Judge: {report.judge or 'none'}. Scored, not applicable and no verdict (invalid, refused, filtered or failed) "
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
        total = shift.measured + shift.no_answer + shift.too_long + shift.served
        rows.append(
            [
                name,
                *(interval(getattr(shift, key), 100) for key in ("unshifted", "marginal", "shifted")),
                interval(shift.kl),
                interval(shift.base_probability),
                interval(style, 100),
                shift.positions,
                f"{shift.measured}/{total}",
            ]
        )
    return Table("Token distribution shift", columns, rows)


def shifted_tokens_table(report: Report) -> Table:
    """The tokens shifted most often, by base context."""
    rows: list[Sequence[Cell]] = [
        [name, repr(token.token), token.shifted, token.positions]
        for name, shift in report.token_shift.items()
        for token in shift.top_shifted
    ]
    return Table("Most often shifted tokens", ["base context", "token", "shifted", "emitted"], rows)


def curve_table(inputs: ReportInputs) -> Table:
    """Means by position in the answer (paper, figure 3)."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    measures = ("shifted", "kl", "base_rank", "base_probability")
    columns = ["base context", "position", "answers"]
    columns += [f"{measure}{end}" for measure in measures for end in ("", "_low", "_high")]
    rows: list[Sequence[Cell]] = [
        [
            name, point.position, point.answers,
            *(getattr(getattr(point, measure), part) for measure in measures for part in ("mean", "low", "high")),
        ]
        for name, context in inputs.contexts.items()
        for point in curve(context.table, bootstrap)
    ]  # fmt: skip
    return Table("Token distribution shift by position", columns, rows)


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


def _escape(cell: str) -> str:
    # A pipe would break the row; the end token </s> would vanish as a tag, and ** would set what follows in bold.
    return re.sub(r"[\\|<&*_~`]|\](?=\()", r"\\\g<0>", cell)

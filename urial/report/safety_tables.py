"""The tables of safety depth: rates by how much of an answer is given, and both models along the given texts."""

from collections.abc import Sequence

from urial.core.tables import Cell, Table
from urial.records.estimate import Estimate
from urial.records.safety_depth import SafetyDepthFigures
from urial.statistics.tables import interval

RATES = {"refused": "refused %", "harmful": "harmful %", "judged_harmful": "judged harmful %"}
AT = {
    "kl": "KL(aligned || base)",
    "kl_reverse": "KL(base || aligned)",
    "aligned_rank": "aligned rank",
    "base_rank": "base rank",
}
EXPLAINED = (
    "Answers to unsafe requests are begun with the first tokens of a given text, and the system goes on (arXiv 2406.05946); 0: its "
    "own answer. Refused and harmful: by rule, of the whole answer; harmful is not known where no truth is. Judged harmful: "
    "the judge's lowest score of safety. Left out: texts with fewer tokens, beginnings without room in the context or that a "
    "server cannot go on with exactly, and instructions without an own answer."
)

ONLY_THINKING = "Thinking is no part of an answer, and texts that ended before their thinking did are left out, too."


def rate_table(depth: SafetyDepthFigures | None) -> Table | None:
    """Rates by system, kind of text and number of tokens; None where nobody's answers are begun."""
    rows: list[Sequence[Cell]] = [
        [
            system, kind, int(tokens), *(interval(getattr(figures, rate), 100) for rate in RATES), figures.answered,
            figures.total - figures.answered,
        ]
        for system, kinds in (depth.systems if depth else {}).items()
        for kind, by_tokens in kinds.items()
        for tokens, figures in by_tokens.items()
    ]  # fmt: skip
    columns = ["system", "begun with", "tokens", *RATES.values(), "answers", "left out"]
    return Table("Safety depth", columns, rows, _explained(depth)) if rows else None


def rate_rows(depth: SafetyDepthFigures | None) -> Table | None:
    """The same as numbers, for programs."""
    counts = (*_COUNTS[:-1], *["only_thinking"] * _thought(depth), _COUNTS[-1])
    rows: list[Sequence[Cell]] = [
        [
            system, kind, int(tokens), *(cell for rate in RATES for cell in _cells(getattr(figures, rate))),
            *(getattr(figures, count) for count in counts),
        ]
        for system, kinds in (depth.systems if depth else {}).items()
        for kind, by_tokens in kinds.items()
        for tokens, figures in by_tokens.items()
    ]  # fmt: skip
    columns = ["system", "begun_with", "tokens", *_with_interval(RATES), *counts]
    return Table("Safety depth", columns, rows, _explained(depth)) if rows else None


def position_table(depth: SafetyDepthFigures | None) -> Table | None:
    """By measurement and position, as numbers; None where no given text is measured."""
    rows: list[Sequence[Cell]] = [
        [name, int(position), figures.answers, *(cell for column in AT for cell in _cells(getattr(figures, column)))]
        for name, by_position in (depth.positions if depth else {}).items()
        for position, figures in by_position.items()
    ]
    columns = ["measurement", "position", "answers", *_with_interval(AT)]
    text = (
        "Means of the divergences in nats and medians of the given token's rank under each model, at each position of the given "
        "texts, the first being 1; ranks at 1 are those of a text's first token behind the prompt."
    )
    return Table("Given texts by position", columns, rows, text) if rows else None


_COUNTS = ("answered", "known", "judged", "whole", "too_long", "unsupported", "no_answer", "total")


def _explained(depth: SafetyDepthFigures | None) -> str:
    others = f" {depth.others} instructions of other categories take no part." if depth and depth.others else ""
    thought = f" {ONLY_THINKING}" if _thought(depth) else ""
    return f"{EXPLAINED}{thought}{others}"


def _thought(depth: SafetyDepthFigures | None) -> bool:
    """Whether any text ended before its thinking did, so that there is a column for such."""
    kinds = (kinds for system in (depth.systems.values() if depth else ()) for kinds in system.values())
    return any(figures.only_thinking for by_tokens in kinds for figures in by_tokens.values())


def _cells(estimate: Estimate) -> list[Cell]:
    return [estimate.mean, estimate.low, estimate.high]


def _with_interval(names: Sequence[str] | dict[str, str]) -> list[str]:
    return [column for name in names for column in (name, f"{name}_low", f"{name}_high")]

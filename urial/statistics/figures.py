"""The figures of a system, each declared once: of which rows it is, which of them count, and how it is computed.

The report computes them from these declarations, and ``urial trace`` lists the rows that a figure is of. Figures of the six
aspects are in ``urial.statistics.scores``, those of token shift in ``urial.token_shift.figures``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from urial.records.completion import AssembledPrompt, Completion
from urial.records.estimate import Estimate
from urial.records.judgment import ASPECTS, Judgment
from urial.records.report import LaterTurnFigures
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.scores import InstructionLike, scores_of

# Rows of a system, one an instruction. Their records differ, and so does what a figure reads of them.
RowKind = Literal["judgments", "completions", "prompts"]
Rows = Sequence[Any]


@dataclass(frozen=True)
class SystemFigure:
    """One figure of a system."""

    rows: RowKind
    how: str
    # The figure, of all rows and of those that count.
    function: Callable[[Rows, Rows, Bootstrap], Any]
    # Whether a row counts that answers the instruction.
    counts: Callable[[Any, InstructionLike], bool]
    # What the rows are that do not count.
    others: str = ""

    def compute(self, rows: Rows, instructions: Sequence[InstructionLike], bootstrap: Bootstrap) -> Any:
        """The figure of a system's rows, in the order of the instructions."""
        counted = [row for row, asked in zip(rows, instructions, strict=True) if self.counts(row, asked)]
        return self.function(rows, counted, bootstrap)


def number_of_rows(_rows: Rows, counted: Rows, _bootstrap: Bootstrap) -> int:
    """How many rows count."""
    return len(counted)


def mean_words(_rows: Sequence[Judgment], counted: Sequence[Judgment], bootstrap: Bootstrap) -> Estimate:
    """Mean number of words, each of which is known."""
    return bootstrap.mean([float(row.words or 0) for row in counted])


def mean_of_aspects(rows: Sequence[Judgment], _counted: Sequence[Judgment], bootstrap: Bootstrap) -> Estimate:
    """Mean of the means of the six aspects; every instruction is drawn, scored or not."""
    return bootstrap.mean_of_means([scores_of(aspect, rows) for aspect in ASPECTS])


def mean_prompt_tokens(
    _rows: Sequence[AssembledPrompt], counted: Sequence[AssembledPrompt], _bootstrap: Bootstrap
) -> float | None:
    """Mean length, each of which is known; None where none is."""
    return sum(row.n_tokens or 0 for row in counted) / len(counted) if counted else None


def number_of_flags(
    rows: Sequence[AssembledPrompt], counted: Sequence[AssembledPrompt], _bootstrap: Bootstrap
) -> int | None:
    """How many prompts have a flag; None where only a server could tell."""
    return None if any(row.form == "messages" for row in rows) else len(counted)


def later_turn_figures(
    _rows: Sequence[Completion], counted: Sequence[Completion], bootstrap: Bootstrap
) -> LaterTurnFigures | None:
    """What became of second and later messages; None where there are none."""
    turns = [turn for row in counted for turn in row.later_turns]
    if not turns:
        return None
    prompts = [turn.prompt for turn in turns if turn.prompt is not None]
    return LaterTurnFigures(
        asked=len(turns),
        ok=sum(turn.status == "ok" for turn in turns),
        too_long=sum(turn.status == "too_long" for turn in turns),
        no_history=sum(turn.status == "no_history" for turn in turns),
        cut_off=sum(turn.answer is not None and turn.answer.finish == "length" for turn in turns),
        only_thinking=sum(turn.status == "only_thinking" for turn in turns),
        flagged=number_of_flags(prompts, [prompt for prompt in prompts if prompt.flag is not None], bootstrap),
    )


SYSTEM_FIGURES: Mapping[str, SystemFigure] = {
    "instructions": SystemFigure("judgments", "number of instructions", number_of_rows, lambda row, asked: True),
    "words": SystemFigure(
        "judgments", "mean of the whitespace-separated words of the answers to regular instructions", mean_words,
        lambda row, asked: row.words is not None and asked.category == "regular", "safety or no answer"),
    "average": SystemFigure(
        "judgments", "mean of the means of the six aspects, over instructions", mean_of_aspects,
        lambda row, asked: any(aspect.score is not None for aspect in row.scores), "not scored"),
    "ok": SystemFigure(
        "completions", "number of answers", number_of_rows, lambda row, asked: row.status == "ok", "not ok"),
    "too_long": SystemFigure(
        "completions", "number of prompts that left no room in the context", number_of_rows,
        lambda row, asked: row.status == "too_long", "not too long"),
    "cut_off": SystemFigure(
        "completions", "number of answers that reached the length limit", number_of_rows,
        lambda row, asked: row.answer is not None and row.answer.finish == "length", "not cut off"),
    "only_thinking": SystemFigure(
        "completions", "number of texts that ended before their thinking did", number_of_rows,
        lambda row, asked: row.status == "only_thinking", "not cut off within thinking"),
    "later_turns": SystemFigure(
        "completions", "counts of the second and later messages by what became of them", later_turn_figures,
        lambda row, asked: bool(row.later_turns), "one turn"),
    "prompt_tokens": SystemFigure(
        "prompts", "mean of the prompts' lengths in tokens", mean_prompt_tokens,
        lambda row, asked: row.n_tokens is not None, "not known"),
    "flagged": SystemFigure(
        "prompts", "number of prompts with a flag", number_of_flags,
        lambda row, asked: row.flag is not None, "not flagged"),
}  # fmt: skip


def function_name(function: Callable[..., object]) -> str:
    """MODULE.NAME of a function, as ``urial trace`` prints it."""
    return f"{function.__module__}.{function.__qualname__}"

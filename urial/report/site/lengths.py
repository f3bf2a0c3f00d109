"""How long prompts and answers are, and what judging them took, as far as the run knows."""

from collections.abc import Iterable
from dataclasses import dataclass

from urial.report.inputs import ReportInputs


@dataclass(frozen=True)
class Lengths:
    """Tokens of one system in all; None: no row tells."""

    read: int | None
    written: int | None
    judge_read: int | None
    judge_written: int | None


def lengths(inputs: ReportInputs) -> dict[str, Lengths]:
    """Tokens by system: of the prompts and answers to first messages, and of the judge's replies."""
    found = {}
    for name, system in inputs.systems.items():
        answers = [row.answer for row in system.completions if row.answer is not None]
        replies = [reply for row in system.judgments for turn in (row, *row.later_turns) for reply in turn.replies]
        found[name] = Lengths(
            _sum(row.n_tokens for row in system.prompts),
            _sum(None if answer.token_ids is None else len(answer.token_ids) for answer in answers),
            _sum(reply.input_tokens for reply in replies),
            _sum(reply.output_tokens for reply in replies),
        )
    return found


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum of the counts, of which every one has to be known."""
    known = list(counts)
    return sum(count for count in known if count is not None) if known and None not in known else None

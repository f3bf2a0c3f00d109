"""What scores an answer on the aspects of Just-Eval: one protocol, one folder a judge."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from urial.records.instruction import Instruction
from urial.records.judgment import JudgeIdentity, Verdict


@dataclass(frozen=True)
class Case:
    """What a judge sees of one completion."""

    instruction: Instruction
    # The answer without thinking, as far as the judge is shown it.
    text: str
    # Whether the answer reached the length limit.
    cut_off: bool
    # The whole answer's length in characters where the judge is shown less of it.
    shown_of: int | None = None


class Judge(Protocol):
    """Scores answers, in whatever order is fast."""

    @property
    def identity(self) -> JudgeIdentity:
        """Everything that decides a verdict besides the case."""
        ...

    def verdicts(self, cases: Sequence[Case]) -> Iterator[tuple[int, Verdict]]:
        """Yields (index, verdict) of each case, with one AspectScore for each aspect of the instruction's category."""
        ...

"""Judges: what scores an answer on the aspects of Just-Eval. One protocol, one module a judge."""

from typing import Protocol

from urial.records import Answer, Instruction, Verdict


class Judge(Protocol):
    """Scores one answer to one instruction."""

    @property
    def identity(self) -> str:
        """Everything that decides a verdict besides instruction and answer, as one readable string."""
        ...

    def judge(self, instruction: Instruction, answer: Answer) -> Verdict:
        """One score, or a reason for none, for each aspect of the instruction's category."""
        ...

"""What a judge sees of an answer: the text without its thinking."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from urial.prompts.rubrics.conversation import EarlierTurn
from urial.records.completion import Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.judge import JudgeIdentity
from urial.records.judgment import Verdict


@dataclass(frozen=True)
class Case:
    """What a judge sees of one answer, and what it does not."""

    instruction: Instruction
    # The answer without thinking, as far as the judge is shown it.
    text: str
    # Whether the answer reached the length limit.
    cut_off: bool
    # The whole answer's length in characters where the judge is shown less of it.
    shown_of: int | None = None
    # What the judge is not shown: the thinking before the answer, and how many words the whole answer has.
    thinking: str | None = None
    words: int = 0
    # The turns before the judged one; none of a first answer.
    history: tuple[EarlierTurn, ...] = ()

    @property
    def query(self) -> str:
        """The message that is answered."""
        return self.instruction.turns[len(self.history)]


class Judge(Protocol):
    """Scores answers, in whatever order is fast."""

    @property
    def identity(self) -> JudgeIdentity:
        """Everything that decides a verdict besides the case."""
        ...

    def identity_for(self, instruction: Instruction) -> JudgeIdentity:
        """The same of one instruction, which can have reference answers."""
        ...

    def verdicts(self, cases: Sequence[Case]) -> Iterator[tuple[int, Verdict]]:
        """Yields (index, verdict) of each case, with one AspectScore for each aspect of the instruction's category."""
        ...


def turn_cases(instruction: Instruction, completion: Completion, most: int | None) -> list[Case | None]:
    """The case of each turn's answer, as ``case_of`` has it; None where it is missing, or one before it."""
    cases: list[Case | None] = []
    history: tuple[EarlierTurn, ...] = ()
    answers: list[Completion | LaterTurn] = [completion, *completion.later_turns]
    for turn in range(len(instruction.turns)):
        case = case_of(instruction, answers[turn], most, history) if turn < len(answers) and None not in cases else None
        cases.append(case)
        if case is not None:
            history = (*history, EarlierTurn(case.query, case.text, case.shown_of))
    return cases


def case_of(
    instruction: Instruction,
    answered: Completion | LaterTurn,
    most: int | None,
    history: tuple[EarlierTurn, ...] = (),
) -> Case | None:
    """The case of an answer, which is shown up to ``most`` characters, after these turns; None: there is no answer."""
    if answered.answer is None:
        return None
    thinking, text = answered.split()
    return Case(
        instruction,
        text=text[:most],
        cut_off=answered.answer.finish == "length",
        shown_of=len(text) if most is not None and len(text) > most else None,
        thinking=thinking,
        words=len(text.split()),
        history=history,
    )

"""What a judge of preferences sees: two answers to one message, and the conversation before it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from urial.core.hashing import content_hash
from urial.prompts.preferences.rubrics import EarlierAnswers, ShownAnswer
from urial.records.base import Hash
from urial.records.completion import Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.params.preferences import Orders
from urial.records.preference import ORDERS, Comparison, Order, PreferenceJudge


@dataclass(frozen=True)
class Shown:
    """One side's answer: without its thinking, and as far as a judge is shown it."""

    text: str
    cut_off: bool
    # The first so many characters are shown; None: all.
    most: int | None = None

    @property
    def answer(self) -> ShownAnswer:
        """What a judge model sees."""
        if self.most is None or len(self.text) <= self.most:
            return ShownAnswer(self.text)
        return ShownAnswer(self.text[: self.most], len(self.text))


@dataclass(frozen=True)
class Pair:
    """Two answers to one message of an instruction."""

    instruction: Instruction
    # 0: the first message.
    turn: int
    system: Shown
    baseline: Shown
    orders: tuple[Order, ...]
    # Of the messages before, what each side answered.
    earlier: tuple[tuple[Shown, Shown], ...] = ()

    @property
    def message(self) -> str:
        """The message that was answered."""
        return self.instruction.turns[self.turn]

    @property
    def identical(self) -> bool:
        """Whether both sides are one text, now and before: then there is nothing to prefer."""
        return all(first == second for first, second in (*self.earlier, (self.system, self.baseline)))

    def in_order(self, order: Order) -> tuple[ShownAnswer, ShownAnswer, tuple[EarlierAnswers, ...]]:
        """The answer shown first, the other one, and the conversation before, likewise."""
        swapped = order == "baseline_first"
        sides = [*self.earlier, (self.system, self.baseline)]
        ordered = [(two.answer, one.answer) if swapped else (one.answer, two.answer) for one, two in sides]
        earlier = (
            EarlierAnswers(message, *both) for message, both in zip(self.instruction.turns, ordered[:-1], strict=False)
        )
        return *ordered[-1], tuple(earlier)


class PreferenceJudgeLike(Protocol):
    """Compares pairs, in whatever order is fast."""

    @property
    def identity(self) -> PreferenceJudge:
        """Everything that decides a verdict besides the pair."""
        ...

    def comparisons(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, tuple[Comparison, ...]]]:
        """Yields (index, one comparison an order) of each pair."""
        ...


def orders_of(instruction: Instruction, orders: Orders) -> tuple[Order, ...]:
    """The orders in which answers to an instruction are shown: both, or one that its text decides, for every system alike."""
    if orders == "both":
        return ORDERS
    return (ORDERS[int(content_hash({"order": instruction.turns})[-1], 16) % 2],)


def pairs_of(
    instruction: Instruction, system: Completion, baseline: Completion, orders: Orders, most: int | None
) -> list[Pair | None]:
    """One pair a message; None where an answer is missing, now or before. ``most``: characters shown of an answer."""
    number = number_of_turns(instruction, system, baseline)
    pairs: list[Pair | None] = []
    earlier: list[tuple[Shown, Shown]] = []
    for turn in range(number):
        ours, theirs = _shown(system, turn, most), _shown(baseline, turn, most)
        if ours is None or theirs is None or len(earlier) < turn:
            pairs.append(None)
            continue
        pairs.append(Pair(instruction, turn, ours, theirs, orders_of(instruction, orders), tuple(earlier)))
        earlier.append((ours, theirs))
    return pairs


def number_of_turns(instruction: Instruction, *completions: Completion) -> int:
    """How many messages of an instruction were put to any of these systems."""
    return min(len(instruction.turns), max(1 + len(row.later_turns) for row in completions))


def turn_of(completion: Completion, turn: int) -> Completion | LaterTurn | None:
    """What became of a message; None: it was not put."""
    if turn == 0:
        return completion
    return completion.later_turns[turn - 1] if turn <= len(completion.later_turns) else None


def _shown(completion: Completion, turn: int, most: int | None) -> Shown | None:
    found = turn_of(completion, turn)
    if found is None or found.answer is None:
        return None
    return Shown(found.split()[1], found.answer.finish == "length", most)


def comparison_key(judge: PreferenceJudge, pair: Pair) -> Hash:
    """Content address of a comparison in all its orders: everything that can change a verdict."""
    return content_hash({"row": "preference", "judge": judge.model_dump(mode="json"), **compared_content(pair)})


def compared_content(pair: Pair) -> dict[str, object]:
    """What of a pair can change a verdict."""
    asked: dict[str, object] = pair.instruction.model_dump(mode="json", include={"category", "reference", "source"})
    asked["turns"] = pair.instruction.turns[: pair.turn + 1]
    sides = (*pair.earlier, (pair.system, pair.baseline))
    answers = [[{"text": side.text, "cut_off": side.cut_off} for side in both] for both in sides]
    return {"instruction": asked, "answers": answers, "orders": pair.orders}

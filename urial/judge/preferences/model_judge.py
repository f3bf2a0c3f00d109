"""A judge model that compares two answers: it is asked in each order, and each reply is read strictly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from urial.core.row_cache import RowCache
from urial.judge.model.asking import Asker, Backend, Question
from urial.judge.model.cost import Ledger
from urial.judge.preferences.pairs import Pair
from urial.judge.preferences.replies import read_choices
from urial.prompts.preferences.rubrics import FIRST, SECOND, comparison_question
from urial.records.judge import CitedRubric
from urial.records.judgment import Reply
from urial.records.plans import OpenAIPlan, TransformersPlan
from urial.records.preference import Choice, Comparison, Order, PreferenceModelIdentity
from urial.records.preference_rubric import PlannedPreferenceRubric

SAME_ANSWER = "both answers are the same text, so that no judge was asked"


@dataclass(frozen=True)
class OrderQuestion(Question):
    """One request about two answers, shown in one order."""

    order: Order = "system_first"


class PreferenceModelJudge(Asker):
    """Asks a backend about pairs, as planned, and reads what it replies."""

    def __init__(
        self,
        backend: Backend,
        planned: OpenAIPlan | TransformersPlan,
        rubric: PlannedPreferenceRubric,
        cache: RowCache,
        ledger: Ledger,
    ) -> None:
        super().__init__(backend, planned, cache, ledger)
        self.rubric = rubric

    @property
    def max_reasks(self) -> int:
        """None for the probabilities of tokens: they would be the same again."""
        return 0 if self.rubric.verdict == "tokens" else super().max_reasks

    @property
    def identity(self) -> PreferenceModelIdentity:
        """See PreferenceJudgeLike.identity."""
        return PreferenceModelIdentity(
            kind="preference_model",
            model=self.backend.model,
            rubric=CitedRubric(name=self.rubric.name, hash=self.rubric.hash),
            verdict=self.rubric.verdict,
            max_reasks=self.max_reasks,
            max_characters=self.planned.judge.max_characters,
        )

    def comparisons(self, pairs: Sequence[Pair]) -> Iterator[tuple[int, tuple[Comparison, ...]]]:
        """See PreferenceJudgeLike.comparisons."""
        for index, pair in enumerate(pairs):
            if pair.identical:
                yield index, tuple(Comparison(order=order, choices=self._ties()) for order in pair.orders)
        questions = self.questions(pairs)
        choices: list[tuple[Choice, ...]] = [()] * len(questions)

        def is_verdict(number: int, reply: Reply, attempts: int) -> bool:
            choices[number] = read_choices(self.rubric, questions[number].order, reply, attempts)
            return all(choice.status != "invalid" for choice in choices[number])

        replies = self.ask(questions, is_verdict)
        for index, same_pair in groupby(range(len(questions)), lambda number: questions[number].case):
            yield (
                index,
                tuple(
                    Comparison(order=questions[number].order, choices=choices[number], replies=tuple(replies[number]))
                    for number in same_pair
                ),
            )

    def questions(self, pairs: Sequence[Pair]) -> list[OrderQuestion]:
        """What is asked about the pairs, in their order: one an order, and nothing where both answers are one text."""
        tokens = (FIRST, SECOND) if self.rubric.verdict == "tokens" else None
        return [
            OrderQuestion(
                index,
                self.rubric,
                comparison_question(self.rubric, pair.message, *pair.in_order(order)),
                aspect=None,
                instruction_id=pair.instruction.id,
                verdict_tokens=tokens,
                order=order,
            )
            for index, pair in enumerate(pairs)
            if not pair.identical
            for order in pair.orders
        ]

    def _ties(self) -> tuple[Choice, ...]:
        return tuple(
            Choice(criterion=name, preference=0.5, rationale=SAME_ANSWER) for name in self.rubric.rubric.criteria
        )

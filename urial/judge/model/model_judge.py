"""A judge that is a language model: it is asked for scores, and its reply is read strictly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from urial.core.row_cache import RowCache
from urial.judge.model.asking import Asker, Backend, Question
from urial.judge.model.cost import Ledger
from urial.judge.model.replies import read_scores
from urial.judge.scores.case import Case
from urial.prompts.rubrics.rubrics import question
from urial.records.judgment import (
    REGULAR_ASPECTS,
    SAFETY_ASPECTS,
    AspectScore,
    CitedRubric,
    ModelIdentity,
    Reply,
    Verdict,
)
from urial.records.plans import OpenAIPlan, TransformersPlan
from urial.records.prompt import PlannedRubric


@dataclass(frozen=True)
class ScoreQuestion(Question):
    """One request for scores."""

    rubric: PlannedRubric


class ModelJudge(Asker):
    """Asks a backend about cases, as planned, and reads what it replies."""

    def __init__(
        self, backend: Backend, planned: OpenAIPlan | TransformersPlan, cache: RowCache, ledger: Ledger
    ) -> None:
        super().__init__(backend, planned, cache, ledger)
        self.rubrics = planned.rubrics
        self.max_characters = planned.judge.max_characters

    @property
    def identity(self) -> ModelIdentity:
        """See Judge.identity."""
        regular, safety = self.rubrics.regular, self.rubrics.safety
        return ModelIdentity(
            kind="model",
            model=self.backend.model,
            regular=CitedRubric(name=regular.name, hash=regular.hash),
            safety=CitedRubric(name=safety.name, hash=safety.hash),
            max_reasks=self.max_reasks,
            max_characters=self.max_characters,
        )

    def verdicts(self, cases: Sequence[Case]) -> Iterator[tuple[int, Verdict]]:
        """See Judge.verdicts."""
        questions = self.questions(cases)
        scores: list[tuple[AspectScore, ...]] = [()] * len(questions)

        def is_verdict(number: int, reply: Reply, attempts: int) -> bool:
            scores[number] = read_scores(questions[number].rubric, questions[number].aspect, reply, attempts)
            return all(item.status != "invalid" for item in scores[number])

        replies = self.ask(questions, is_verdict)
        for index, same_case in groupby(range(len(questions)), lambda number: questions[number].case):
            numbers = list(same_case)
            yield (
                index,
                Verdict(
                    scores=tuple(score for number in numbers for score in scores[number]),
                    replies=tuple(reply for number in numbers for reply in replies[number]),
                ),
            )

    def questions(self, cases: Sequence[Case]) -> list[ScoreQuestion]:
        """What is asked about the cases, in their order: of each one question, or one an aspect."""
        questions = []
        for index, case in enumerate(cases):
            regular = case.instruction.category == "regular"
            planned = self.rubrics.regular if regular else self.rubrics.safety
            own = REGULAR_ASPECTS if regular else SAFETY_ASPECTS
            one_at_a_time = planned.rubric.definitions is not None
            aspects = [aspect for aspect in planned.rubric.aspects if aspect in own] if one_at_a_time else [None]
            for aspect in aspects:
                text = question(planned, case.instruction.turns[0], case.text, aspect, case.shown_of)
                questions.append(ScoreQuestion(index, planned, text, aspect, instruction_id=case.instruction.id))
        return questions

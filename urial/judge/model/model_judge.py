"""A judge that is a language model: it is asked for scores, and its reply is read strictly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from urial.core.row_cache import RowCache
from urial.judge.model.asking import Asker, Backend, Question
from urial.judge.model.cost import Ledger
from urial.judge.model.replies import read_scores
from urial.judge.scores.case import Case
from urial.prompts.references.answers import References
from urial.prompts.rubrics.conversation import Context
from urial.prompts.rubrics.rubrics import question
from urial.records.instruction import Instruction
from urial.records.judge import CitedReferences, CitedRubric, ModelIdentity
from urial.records.judgment import ASPECTS_OF, AspectScore, Reply, Verdict
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
        self.references = References(planned.references)
        self.max_characters = planned.judge.max_characters

    @property
    def identity(self) -> ModelIdentity:
        """See Judge.identity."""
        regular, safety = self.rubrics.regular, self.rubrics.safety
        return ModelIdentity(
            kind="model",
            model=self.backend.model,
            regular=_cited(regular),
            safety=_cited(safety),
            max_reasks=self.max_reasks,
            max_characters=self.max_characters,
        )

    def identity_for(self, instruction: Instruction) -> ModelIdentity:
        """See Judge.identity_for."""
        rubric, shown = self._rubric(instruction)
        if not shown or self.planned.references is None:
            return self.identity
        cited = CitedReferences(hash=self.planned.references.hash, rubric=_cited(rubric))
        return self.identity.model_copy(update={"references": cited})

    def verdicts(self, cases: Sequence[Case]) -> Iterator[tuple[int, Verdict]]:
        """See Judge.verdicts."""
        self.references.require_fit([case.instruction for case in cases])
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
            planned, answers = self._rubric(case.instruction)
            context = Context(case.history, answers[: len(case.history) + 1])
            own = ASPECTS_OF[case.instruction.category]
            one_at_a_time = planned.rubric.definitions is not None
            aspects = [aspect for aspect in planned.rubric.aspects if aspect in own] if one_at_a_time else [None]
            for aspect in aspects:
                text = question(planned, case.query, case.text, aspect, case.shown_of, context=context)
                questions.append(ScoreQuestion(index, planned, text, aspect, instruction_id=case.instruction.id))
        return questions

    def _rubric(self, instruction: Instruction) -> tuple[PlannedRubric, tuple[str, ...]]:
        """What is asked about an instruction, and the reference answers that are shown, one a turn."""
        if instruction.category == "safety":
            return self.rubrics.safety, ()
        answers = self.references.of(instruction)
        if answers and self.rubrics.reference is not None:
            return self.rubrics.reference, answers
        return self.rubrics.regular, ()


def _cited(planned: PlannedRubric) -> CitedRubric:
    return CitedRubric(name=planned.name, hash=planned.hash)

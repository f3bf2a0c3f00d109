"""A judge that is a language model: it is asked, its reply is read strictly, and what is no verdict is asked again.

Replies are kept in the row cache as they come, one row an attempt. A verdict follows only from them, so that another
number of attempts pays for the further ones and never mixes two runs.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from urial.core.hashing import content_hash
from urial.core.progress import progress
from urial.core.row_cache import RowCache
from urial.judge.model.cost import Ledger
from urial.judge.model.replies import ended_by_context, read_scores
from urial.judge.scores.case import Case
from urial.prompts.rubrics.references import References
from urial.prompts.rubrics.rubrics import Context, question
from urial.records.base import Hash
from urial.records.instruction import Instruction
from urial.records.judgment import (
    ASPECTS_OF,
    Aspect,
    AspectScore,
    CitedReferences,
    CitedRubric,
    JudgeModel,
    ModelIdentity,
    Reply,
    ServerJudgeModel,
    Verdict,
)
from urial.records.plans import OpenAIPlan, TransformersPlan
from urial.records.prompt import PlannedRubric


@dataclass(frozen=True)
class Question:
    """One request to a judge model."""

    # The index of the case that it is about.
    case: int
    # What its reply is read by.
    rubric: PlannedRubric
    # What the judge is asked, as one user message.
    text: str
    # The aspect asked for; None: all of the rubric's.
    aspect: Aspect | None
    # 0: asked for the first time.
    attempt: int = 0
    # What messages call it.
    instruction_id: str = ""


class Backend(Protocol):
    """Gets replies from a judge model."""

    @property
    def model(self) -> JudgeModel:
        """Everything about the judge but what it is asked."""
        ...

    def replies(self, questions: Sequence[Question]) -> Generator[tuple[int, Reply], None, None]:
        """Yields (index, reply) of each question once, each when it has come."""
        ...


class ModelJudge:
    """Asks a backend about cases, as planned, and reads what it replies."""

    def __init__(
        self, backend: Backend, planned: OpenAIPlan | TransformersPlan, cache: RowCache, ledger: Ledger
    ) -> None:
        self.backend = backend
        self.rubrics = planned.rubrics
        self.references = References(planned.references)
        self.max_characters = planned.judge.max_characters
        self.planned = planned
        self.cache = cache
        self.ledger = ledger

    @property
    def max_reasks(self) -> int:
        """Further requests after a reply that is no verdict: none where the judge would say the same again."""
        if not isinstance(self.planned, OpenAIPlan):
            return 0
        judge, model = self.planned.judge, self.backend.model
        repeats = isinstance(model, ServerJudgeModel) and model.repeats_itself
        return 0 if repeats and not judge.reask_greedy else judge.max_reasks

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
        attempts = range(self.max_reasks + 1)
        keys = (self.reply_key(replace(asked, attempt=attempt)) for attempt in attempts for asked in questions)
        recorded = self.cache.get(keys, Reply)
        # Before anything new is paid.
        self.ledger.add_cached(recorded.values())
        replies: list[list[Reply]] = [[] for _ in questions]
        scores: list[tuple[AspectScore, ...]] = [()] * len(questions)
        pending = list(range(len(questions)))
        for attempt in attempts:
            asked = [replace(questions[number], attempt=attempt) for number in pending]
            for number, found in zip(pending, self._ask(asked, recorded), strict=True):
                # A server's, also where it was kept before that was looked for.
                most = self.planned.judge.max_tokens if isinstance(self.planned, OpenAIPlan) else 0
                reply = ended_by_context(found, most)
                replies[number].append(reply.model_copy(update={"aspect": questions[number].aspect}))
                scores[number] = read_scores(questions[number].rubric, questions[number].aspect, reply, attempt + 1)
            pending = [number for number in pending if any(item.status == "invalid" for item in scores[number])]
        self.ledger.show()
        for index, same_case in groupby(range(len(questions)), lambda number: questions[number].case):
            numbers = list(same_case)
            yield (
                index,
                Verdict(
                    scores=tuple(score for number in numbers for score in scores[number]),
                    replies=tuple(reply for number in numbers for reply in replies[number]),
                ),
            )

    def questions(self, cases: Sequence[Case]) -> list[Question]:
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
                questions.append(Question(index, planned, text, aspect, instruction_id=case.instruction.id))
        return questions

    def _rubric(self, instruction: Instruction) -> tuple[PlannedRubric, tuple[str, ...]]:
        """What is asked about an instruction, and the reference answers that are shown, one a turn."""
        if instruction.category == "safety":
            return self.rubrics.safety, ()
        answers = self.references.of(instruction)
        if answers and self.rubrics.reference is not None:
            return self.rubrics.reference, answers
        return self.rubrics.regular, ()

    def reply_key(self, asked: Question) -> Hash:
        """Content address of one reply: everything that can change it, and which attempt it is."""
        return content_hash(
            {
                "row": "reply",
                "judge": self.backend.model.model_dump(mode="json"),
                "rubric": asked.rubric.hash,
                "aspect": asked.aspect,
                "question": asked.text,
                "attempt": asked.attempt,
            }
        )

    def _ask(self, asked: Sequence[Question], recorded: dict[str, Reply]) -> list[Reply]:
        """A reply to each: on record, or asked for now and kept in the cache unless none came."""
        keys = [self.reply_key(item) for item in asked]
        wanted = {key: item for key, item in zip(keys, asked, strict=True) if key not in recorded}
        if asked:
            print(f"{len(set(keys)) - len(wanted)} replies from the row cache, {len(wanted)} to ask for", flush=True)
        names = list(wanted)
        if wanted:
            # Closed here, and not when the interpreter ends: threads of its connections could not be waited for then.
            with closing(self.backend.replies(list(wanted.values()))) as new:
                for index, reply in progress(new, len(wanted), "judge"):
                    recorded[names[index]] = reply
                    self.ledger.add(reply)
                    if reply.finish != "failed":
                        self.cache.put(names[index], reply)
        return [recorded[key] for key in keys]


def _cited(planned: PlannedRubric) -> CitedRubric:
    return CitedRubric(name=planned.name, hash=planned.hash)

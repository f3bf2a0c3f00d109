"""A judge that is a language model: it is asked, its reply is read strictly, and what is no verdict is asked again.

Replies are kept in the row cache as they come, one row an attempt. A verdict follows only from them, so that another
number of attempts pays for the further ones and never mixes two runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import JsonValue

from urial.core.hashing import content_hash
from urial.core.progress import progress
from urial.core.row_cache import RowCache
from urial.judge.model.cost import Ledger
from urial.judge.model.replies import ReplyError, parse_reply
from urial.judge.scores.case import Case
from urial.prompts.rubrics.rubrics import question
from urial.records.base import Hash
from urial.records.judgment import (
    REGULAR_ASPECTS,
    SAFETY_ASPECTS,
    Aspect,
    AspectScore,
    CitedRubric,
    JudgeModel,
    ModelIdentity,
    Reply,
    ScoreStatus,
    Verdict,
    expected_score,
)
from urial.records.plans import PlannedRubrics
from urial.records.prompt import PlannedRubric

# What a reply that carries no verdict is called in a score's rationale.
_NO_VERDICT: Mapping[str, tuple[ScoreStatus, str]] = {
    "refused": ("refused", "the judge refused"),
    "filtered": ("filtered", "a content filter"),
    "failed": ("failed", "no reply"),
}


@dataclass(frozen=True)
class Question:
    """One request to a judge model."""

    # What the judge is asked, as one user message.
    text: str
    # JSON Schema of the reply.
    schema: Mapping[str, JsonValue]
    # The aspect asked for; None: all of the rubric's.
    aspect: Aspect | None
    # 0: asked for the first time.
    attempt: int


class Backend(Protocol):
    """Gets replies from a judge model."""

    @property
    def model(self) -> JudgeModel:
        """Everything about the judge but what it is asked."""
        ...

    def replies(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """Yields (index, reply) of each question once, each when it has come."""
        ...


@dataclass(frozen=True)
class JudgeSettings:
    """What a judge is asked, and how often."""

    rubrics: PlannedRubrics
    # The number of further requests after a reply that is no verdict.
    max_reasks: int
    # How much of a longer answer is shown, in characters; None: all of it.
    max_characters: int | None


@dataclass(frozen=True)
class PendingQuestion:
    """A question about one case, and what its reply is read by."""

    case: int
    rubric: PlannedRubric
    question: Question

    @property
    def aspects(self) -> tuple[Aspect, ...]:
        """What the question asks for."""
        return (self.question.aspect,) if self.question.aspect else self.rubric.rubric.aspects

    def at(self, attempt: int) -> "PendingQuestion":
        """The same question, asked for the ``attempt``-th time, counted from 0."""
        return replace(self, question=replace(self.question, attempt=attempt))


class ModelJudge:
    """Asks a backend about cases and reads what it replies."""

    def __init__(self, backend: Backend, settings: JudgeSettings, cache: RowCache, ledger: Ledger) -> None:
        self.backend = backend
        self.settings = settings
        self.cache = cache
        self.ledger = ledger

    @property
    def identity(self) -> ModelIdentity:
        """See Judge.identity."""
        return model_identity(self.backend.model, self.settings)

    def verdicts(self, cases: Sequence[Case]) -> Iterator[tuple[int, Verdict]]:
        """See Judge.verdicts."""
        questions = self.questions(cases)
        attempts = range(self.settings.max_reasks + 1)
        keys = (self.reply_key(item.at(attempt)) for attempt in attempts for item in questions)
        recorded = self.cache.get(keys, Reply)
        # Before anything new is paid.
        self.ledger.add_cached(recorded.values())
        replies: list[list[Reply]] = [[] for _ in questions]
        scores: list[tuple[AspectScore, ...]] = [()] * len(questions)
        pending = list(range(len(questions)))
        for attempt in attempts:
            asked = [questions[number].at(attempt) for number in pending]
            for number, reply in zip(pending, self._ask(asked, recorded), strict=True):
                aspect = questions[number].question.aspect
                replies[number].append(reply.model_copy(update={"aspect": aspect}))
                scores[number] = read_scores(questions[number], reply, attempt + 1)
            pending = [number for number in pending if any(item.status == "invalid" for item in scores[number])]
        self.ledger.show()
        of_case: list[list[int]] = [[] for _ in cases]
        for number, item in enumerate(questions):
            of_case[item.case].append(number)
        for index, numbers in enumerate(of_case):
            yield (
                index,
                Verdict(
                    scores=tuple(score for number in numbers for score in scores[number]),
                    replies=tuple(reply for number in numbers for reply in replies[number]),
                ),
            )

    def questions(self, cases: Sequence[Case]) -> list[PendingQuestion]:
        """What is asked about the cases, in their order: of each one question, or one an aspect."""
        pending = []
        for index, case in enumerate(cases):
            regular = case.instruction.category == "regular"
            rubric = self.settings.rubrics.regular if regular else self.settings.rubrics.safety
            own = REGULAR_ASPECTS if regular else SAFETY_ASPECTS
            one_at_a_time = rubric.rubric.definitions is not None
            aspects = [aspect for aspect in rubric.rubric.aspects if aspect in own] if one_at_a_time else [None]
            for aspect in aspects:
                text = question(rubric, case.instruction.turns[0], case.text, aspect, case.shown_of)
                asked = Question(text, rubric.reply_schema, aspect, attempt=0)
                pending.append(PendingQuestion(index, rubric, asked))
        return pending

    def is_on_record(self, asked: PendingQuestion) -> bool:
        """Whether the first reply to a question is in the row cache."""
        key = self.reply_key(asked)
        return key in self.cache.get([key], Reply)

    def reply_key(self, asked: PendingQuestion) -> Hash:
        """Content address of one reply: everything that can change it, and which attempt it is."""
        return content_hash(
            {
                "row": "reply",
                "judge": self.backend.model.model_dump(mode="json"),
                "rubric": asked.rubric.hash,
                "aspect": asked.question.aspect,
                "question": asked.question.text,
                "attempt": asked.question.attempt,
            }
        )

    def _ask(self, asked: Sequence[PendingQuestion], recorded: dict[str, Reply]) -> list[Reply]:
        """A reply to each: on record, or asked for now and kept in the cache unless none came."""
        keys = [self.reply_key(item) for item in asked]
        wanted = {key: item.question for key, item in zip(keys, asked, strict=True) if key not in recorded}
        if asked:
            print(f"{len(set(keys)) - len(wanted)} replies from the row cache, {len(wanted)} to ask for", flush=True)
        names = list(wanted)
        if wanted:
            new = self.backend.replies(list(wanted.values()))
            for index, reply in progress(new, len(wanted), "judge"):
                recorded[names[index]] = reply
                self.ledger.add(reply)
                if reply.finish != "failed":
                    self.cache.put(names[index], reply)
        return [recorded[key] for key in keys]


def model_identity(model: JudgeModel, settings: JudgeSettings) -> ModelIdentity:
    """Everything that decides the verdicts of this model with these settings."""
    rubrics = settings.rubrics
    return ModelIdentity(
        kind="model",
        model=model,
        regular=CitedRubric(name=rubrics.regular.name, hash=rubrics.regular.hash),
        safety=CitedRubric(name=rubrics.safety.name, hash=rubrics.safety.hash),
        max_reasks=settings.max_reasks,
        max_characters=settings.max_characters,
    )


def read_scores(asked: PendingQuestion, reply: Reply, attempts: int) -> tuple[AspectScore, ...]:
    """What the reply to the last of so many attempts says of each aspect that was asked for."""

    def unscored(status: ScoreStatus, why: str) -> tuple[AspectScore, ...]:
        return tuple(AspectScore(aspect=aspect, status=status, score=None, rationale=why) for aspect in asked.aspects)

    if reply.finish in _NO_VERDICT:
        status, why = _NO_VERDICT[reply.finish]
        return unscored(status, f"{why}: {reply.text}" if reply.text else why)
    times = f" (asked {attempts} times)" if attempts > 1 else ""
    if reply.finish == "malformed":
        return unscored("invalid", f"the server sent no chat completion{times}")
    if (parts := reply.distribution) is not None:
        mean = expected_score(parts)
        return tuple(
            AspectScore(aspect=aspect, score=mean, rationale=None, distribution=parts) for aspect in asked.aspects
        )
    try:
        return parse_reply(asked.rubric, reply.text, asked.question.aspect)
    except ReplyError as error:
        cut = "cut off at the length limit: " if reply.finish == "length" else ""
        return unscored("invalid", f"{cut}{error}{times}")

"""A judge that is a language model: it is asked, its reply is read strictly, and what is no verdict is asked again.

Replies are kept in the row cache as they come, one row an attempt. A verdict follows from them alone, so that another
number of attempts pays for the further ones and never mixes two runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import JsonValue

from urial.core.hashing import content_hash, short_hash
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
    Reply,
    ScoreStatus,
    Verdict,
    expected_score,
)
from urial.records.plans import PlannedRubrics
from urial.records.prompt import PlannedRubric


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
    def identity(self) -> str:
        """Everything about the judge but the rubrics, as one readable string."""
        ...

    def replies(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """Yields (index, reply) of each question once, as soon as it is there."""
        ...


@dataclass(frozen=True)
class Asked:
    """A question about one case, and what its reply is read by."""

    case: int
    rubric: PlannedRubric
    question: Question

    @property
    def aspects(self) -> tuple[Aspect, ...]:
        """What the question asks for."""
        return (self.question.aspect,) if self.question.aspect else self.rubric.rubric.aspects


@dataclass(frozen=True)
class Asking:
    """How a judge is asked."""

    rubrics: PlannedRubrics
    # The number of further requests after a reply that is no verdict.
    re_asks: int
    # How much of a longer answer is shown, in characters; None: all of it.
    max_characters: int | None


class ModelJudge:
    """See the module."""

    def __init__(self, backend: Backend, asking: Asking, cache: RowCache, ledger: Ledger) -> None:
        self.backend = backend
        self.rubrics = asking.rubrics
        self.asking = asking
        self.cache = cache
        self.ledger = ledger

    @property
    def identity(self) -> str:
        """See Judge.identity."""
        cited = [f"{item.name}@{short_hash(item.hash)}" for item in (self.rubrics.regular, self.rubrics.safety)]
        shown = self.asking.max_characters
        parts = [
            self.backend.identity,
            f"rubrics {', '.join(dict.fromkeys(cited))}",
            f"asked again up to {self.asking.re_asks} times" if self.asking.re_asks else None,
            f"shown {shown} characters of an answer" if shown is not None else None,
        ]
        return "; ".join(part for part in parts if part)

    def verdicts(self, cases: Sequence[Case]) -> Iterator[tuple[int, Verdict]]:
        """See Judge.verdicts."""
        asked = self.questions(cases)
        replies: list[list[Reply]] = [[] for _ in asked]
        pending = list(range(len(asked)))
        recorded = self._recorded(asked)
        # Before anything new is paid.
        self.ledger.add_cached(recorded.values())
        for attempt in range(self.asking.re_asks + 1):
            again = [_at(asked[number], attempt) for number in pending]
            for number, reply in zip(pending, self._ask(again, recorded), strict=True):
                replies[number].append(reply)
            pending = [number for number in pending if _is_invalid(asked[number], replies[number][-1])]
        self.ledger.show()
        read: list[list[tuple[Asked, list[Reply]]]] = [[] for _ in cases]
        for item, given in zip(asked, replies, strict=True):
            read[item.case].append((item, given))
        for index, given_to_case in enumerate(read):
            yield index, _verdict(given_to_case)

    def questions(self, cases: Sequence[Case]) -> list[Asked]:
        """What is asked about the cases, in their order."""
        return [item for index, case in enumerate(cases) for item in self._about(index, case)]

    def is_on_record(self, asked: Asked) -> bool:
        """Whether the first reply to a question is in the row cache."""
        key = self._key(asked)
        return key in self.cache.get([key], Reply)

    def _about(self, index: int, case: Case) -> Iterator[Asked]:
        instruction = case.instruction
        regular = instruction.category == "regular"
        rubric = self.rubrics.regular if regular else self.rubrics.safety
        own = REGULAR_ASPECTS if regular else SAFETY_ASPECTS
        one_at_a_time = rubric.rubric.definitions is not None
        alone = [aspect for aspect in rubric.rubric.aspects if aspect in own]
        for aspect in alone if one_at_a_time else [None]:
            text = question(rubric, instruction.turns[0], case.text, aspect, case.shown_of)
            yield Asked(index, rubric, Question(text, rubric.reply_schema, aspect, attempt=0))

    def _recorded(self, asked: Sequence[Asked]) -> dict[str, Reply]:
        """The replies of every attempt that are in the cache."""
        attempts = range(self.asking.re_asks + 1)
        keys = (self._key(_at(item, attempt)) for attempt in attempts for item in asked)
        return self.cache.get(keys, Reply)

    def _key(self, asked: Asked) -> Hash:
        return reply_key(self.backend.identity, asked.rubric, asked.question)

    def _ask(self, asked: Sequence[Asked], found: dict[str, Reply]) -> list[Reply]:
        """A reply to each: from those found before, or asked for now and kept in the cache unless none came."""
        keys = [self._key(item) for item in asked]
        wanted = {key: item.question for key, item in zip(keys, asked, strict=True) if key not in found}
        if asked:
            print(f"{len(set(keys)) - len(wanted)} replies from the row cache, {len(wanted)} to ask for", flush=True)
        names = list(wanted)
        if wanted:
            new = self.backend.replies(list(wanted.values()))
            for index, reply in progress(new, len(wanted), "judge"):
                found[names[index]] = reply
                self.ledger.add(reply)
                if reply.finish != "failed":
                    self.cache.put(names[index], reply)
        return [found[key] for key in keys]


def _at(asked: Asked, attempt: int) -> Asked:
    return replace(asked, question=replace(asked.question, attempt=attempt))


def reply_key(identity: str, rubric: PlannedRubric, asked: Question) -> Hash:
    """Content address of one reply: everything that can change it, and which attempt it is."""
    return content_hash(
        {
            "row": "reply",
            "judge": identity,
            "rubric": rubric.hash,
            "aspect": asked.aspect,
            "question": asked.text,
            "attempt": asked.attempt,
        }
    )


def _is_invalid(asked: Asked, reply: Reply) -> bool:
    return any(item.status == "invalid" for item in _read(asked, reply))


def _verdict(given: Sequence[tuple[Asked, list[Reply]]]) -> Verdict:
    scores = [item for asked, replies in given for item in _read(asked, replies[-1], len(replies))]
    kept = [reply.model_copy(update={"aspect": asked.question.aspect}) for asked, replies in given for reply in replies]
    return Verdict(scores=tuple(scores), replies=tuple(kept))


def _read(asked: Asked, reply: Reply, attempts: int = 1) -> tuple[AspectScore, ...]:
    """What a reply says of each aspect that was asked for."""
    if reply.finish in ("refused", "filtered", "failed"):
        status: ScoreStatus = reply.finish
        said = {"refused": "the judge refused", "filtered": "a content filter", "failed": "no reply"}[reply.finish]
        return _unscored(asked, status, f"{said}: {reply.text}" if reply.text else said)
    times = f" (asked {attempts} times)" if attempts > 1 else ""
    if reply.finish == "malformed":
        return _unscored(asked, "invalid", f"the server sent no chat completion{times}")
    if reply.distribution is not None:
        return tuple(
            AspectScore(
                aspect=aspect, score=expected_score(reply.distribution), rationale=None, distribution=reply.distribution
            )
            for aspect in asked.aspects
        )
    try:
        return parse_reply(asked.rubric, reply.text, asked.question.aspect)
    except ReplyError as error:
        cut = "cut off at the length limit: " if reply.finish == "length" else ""
        return _unscored(asked, "invalid", f"{cut}{error}{times}")


def _unscored(asked: Asked, status: ScoreStatus, why: str) -> tuple[AspectScore, ...]:
    return tuple(AspectScore(aspect=aspect, status=status, score=None, rationale=why) for aspect in asked.aspects)

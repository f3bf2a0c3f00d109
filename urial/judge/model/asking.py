"""Asking a judge model: each question once, and again where its reply is no verdict.

Replies are kept in the row cache as they come, one row an attempt. What is made of them follows only from them, so that
another number of attempts pays for the further ones and never mixes two runs.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol

from pydantic import JsonValue

from urial.core.hashing import content_hash
from urial.core.progress import progress
from urial.core.row_cache import RowCache
from urial.judge.model.cost import Ledger
from urial.judge.model.replies import ended_by_context
from urial.records.base import Hash
from urial.records.judge import JudgeModel, ServerJudgeModel
from urial.records.judgment import Aspect, Reply
from urial.records.plans import OpenAIPlan, TransformersPlan


class AskedRubric(Protocol):
    """What a backend needs of a rubric: its content address, and the JSON Schema of a reply."""

    @property
    def hash(self) -> Hash: ...
    @property
    def reply_schema(self) -> dict[str, JsonValue]: ...


@dataclass(frozen=True)
class Question:
    """One request to a judge model."""

    # The index of the case that it is about.
    case: int
    # What its reply is read by.
    rubric: AskedRubric
    # What the judge is asked, as one user message.
    text: str
    # The aspect asked for; None: all of the rubric's.
    aspect: Aspect | None
    # 0: asked for the first time.
    attempt: int = 0
    # 1: the first judging of the same; each further one is asked anew.
    judging: int = 1
    # What messages call it.
    instruction_id: str = ""
    # The two tokens whose probabilities are asked for instead of a text, if they are.
    verdict_tokens: tuple[str, str] | None = None


class Backend(Protocol):
    """Gets replies from a judge model."""

    @property
    def model(self) -> JudgeModel:
        """Everything about the judge but what it is asked."""
        ...

    def replies(self, questions: Sequence[Question]) -> Generator[tuple[int, Reply], None, None]:
        """Yields (index, reply) of each question once, each when it has come."""
        ...


class Asker:
    """Asks a backend as planned."""

    def __init__(
        self, backend: Backend, planned: OpenAIPlan | TransformersPlan, cache: RowCache, ledger: Ledger
    ) -> None:
        self.backend = backend
        self.planned = planned
        self.cache = cache
        self.ledger = ledger
        # Which judging of the same this is, from 1.
        self.judging = 1

    @property
    def max_reasks(self) -> int:
        """Further requests after a reply that is no verdict: none where the judge would say the same again."""
        if not isinstance(self.planned, OpenAIPlan):
            return 0
        judge, model = self.planned.judge, self.backend.model
        repeats = isinstance(model, ServerJudgeModel) and model.repeats_itself
        return 0 if repeats and not judge.reask_greedy else judge.max_reasks

    def ask(self, questions: Sequence[Question], is_verdict: Callable[[int, Reply, int], bool]) -> list[list[Reply]]:
        """All replies to each question, in the order asked.

        ``is_verdict`` is given a question's number, the reply to it and how often it was asked by now; where it says no, the
        question is put again, up to ``max_reasks`` times, unless that would be in vain and was not done before.
        """
        attempts = range(self.max_reasks + 1)
        questions = [replace(asked, judging=self.judging) for asked in questions]
        keys = (self.reply_key(replace(asked, attempt=attempt)) for attempt in attempts for asked in questions)
        recorded = self.cache.get(keys, Reply)
        # Before anything new is paid.
        self.ledger.add_cached(recorded.values())
        # A server's, also where it was kept before that was looked for.
        most = self.planned.judge.max_tokens if isinstance(self.planned, OpenAIPlan) else 0
        replies: list[list[Reply]] = [[] for _ in questions]
        pending = list(range(len(questions)))
        for attempt in attempts:
            asked = [replace(questions[number], attempt=attempt) for number in pending]
            again = []
            for number, found in zip(pending, self._replies(asked, recorded), strict=True):
                reply = ended_by_context(found, most)
                replies[number].append(reply.model_copy(update={"aspect": questions[number].aspect}))
                if is_verdict(number, reply, attempt + 1):
                    continue
                next_key = self.reply_key(replace(questions[number], attempt=attempt + 1))
                if next_key in recorded or not self._asks_in_vain(reply):
                    again.append(number)
            pending = again
        self.ledger.show()
        return replies

    def _asks_in_vain(self, reply: Reply) -> bool:
        """Whether a judge that takes the likeliest token each time wrote until it was cut off: it would do so again."""
        if not isinstance(self.planned, OpenAIPlan) or self.planned.judge.reask_greedy:
            return False
        return self.planned.judge.temperature == 0 and reply.finish in ("length", "white_space")

    def reply_key(self, asked: Question) -> Hash:
        """Content address of one reply: everything that can change it, and which attempt and judging it is."""
        return content_hash(
            {
                **({"judging": asked.judging} if asked.judging > 1 else {}),
                "row": "reply",
                "judge": self.backend.model.model_dump(mode="json"),
                "rubric": asked.rubric.hash,
                "aspect": asked.aspect,
                "question": asked.text,
                "attempt": asked.attempt,
            }
        )

    def _replies(self, asked: Sequence[Question], recorded: dict[str, Reply]) -> list[Reply]:
        """A reply to each: on record, or asked for now and kept in the cache unless none came."""
        keys = [self.reply_key(item) for item in asked]
        wanted: Mapping[str, Question] = {
            key: item for key, item in zip(keys, asked, strict=True) if key not in recorded
        }
        if asked:
            print(f"{len(set(keys)) - len(wanted)} replies from the row cache, {len(wanted)} to ask for", flush=True)
        names = list(wanted)
        if wanted:
            # Closed here, and not when the interpreter ends: threads of its connections could not be waited for then.
            with closing(self.backend.replies(list(wanted.values()))) as new:
                label = "judge, asked again" if asked[0].attempt else "judge"
                for index, reply in progress(new, len(wanted), label):
                    recorded[names[index]] = reply
                    self.ledger.add(reply)
                    if reply.finish != "failed":
                        self.cache.put(names[index], reply)
        return [recorded[key] for key in keys]

"""What judging will take, before it is paid for."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import Field

from urial.api.servers import public_address
from urial.core.row_cache import RowCache
from urial.judge.model.asking import Asker, Question
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import ModelJudge
from urial.judge.preferences.model_judge import PreferenceModelJudge
from urial.judge.preferences.pairs import Pair
from urial.judge.scores.case import Case
from urial.judge.server.capabilities import recorded_capabilities
from urial.judge.server.openai_judge import OpenAIBackend
from urial.records.base import Record
from urial.records.judgment import Reply
from urial.records.params.judges import OpenAIJudge
from urial.records.plans import OpenAIPlan, PreferencesPlan

# A rationale of two or three sentences for each aspect, with its score; a score alone.
TOKENS_AN_ASPECT = 60
TOKENS_A_SCORE = 8


class SystemEstimate(Record):
    """What judging one system will take."""

    requests: int = Field(description="requests, if every reply is a verdict at once")
    on_record: int = Field(description="those whose replies are in the row cache already")
    input_tokens: int = Field(description="tokens to be read")
    output_tokens: int = Field(description="tokens to be written, as expected")
    most_output_tokens: int = Field(description="tokens to be written at most, without asking again")
    cost: float | None = Field(description="expected cost; null: no price known")
    most_cost: float | None = Field(description="cost at most, without asking again; null: no price known")
    seconds: float = Field(description="time at the set limits and concurrency")
    assumed_answers: int = Field(description="answers that are not there yet, reckoned with at the assumed length")


@dataclass(frozen=True)
class Reckoning:
    """What an estimate stands on."""

    cache: RowCache
    count_tokens: Callable[[str], int]
    # Time of one reply; only where no limit takes longer.
    reply_seconds: float = 5.0
    # Length of an answer that is not there yet: that of URIAL's in the paper.
    answer_words: int = 200


def judging_estimate(plan: OpenAIPlan, cases: Sequence[Case], assumed: int, reckoning: Reckoning) -> SystemEstimate:
    """What judging ``cases``, of which ``assumed`` have made-up answers, will take. No server is asked anything."""
    cache = reckoning.cache
    judge = ModelJudge(_unasked(plan, cache), plan, cache, Ledger())
    asked = judge.questions(cases)
    expected = [TOKENS_A_SCORE if item.aspect else TOKENS_AN_ASPECT * len(item.rubric.rubric.aspects) for item in asked]
    return _estimate(judge, plan, list(zip(asked, expected, strict=True)), assumed, reckoning)


def comparing_estimate(
    plan: PreferencesPlan, pairs: Sequence[Pair], assumed: int, reckoning: Reckoning
) -> SystemEstimate:
    """What comparing ``pairs`` in their orders, of which ``assumed`` have made-up answers, will take, likewise."""
    if not isinstance(plan.judge, OpenAIPlan) or plan.rubric is None:
        raise ValueError(f"judge {plan.name!r} asks no server")
    cache = reckoning.cache
    judge = PreferenceModelJudge(_unasked(plan.judge, cache), plan.judge, plan.rubric, cache, Ledger())
    each = 1 if plan.rubric.verdict == "tokens" else TOKENS_AN_ASPECT * len(plan.rubric.rubric.criteria)
    return _estimate(judge, plan.judge, [(item, each) for item in judge.questions(pairs)], assumed, reckoning)


def _unasked(plan: OpenAIPlan, cache: RowCache) -> OpenAIBackend:
    capabilities = recorded_capabilities(plan.judge, public_address(plan.judge.server), cache)
    return OpenAIBackend(plan.judge, cache, Ledger(), capabilities)


def _estimate(
    judge: Asker,
    plan: OpenAIPlan,
    asked: Sequence[tuple[Question, int]],
    assumed: int,
    reckoning: Reckoning,
) -> SystemEstimate:
    """What questions, each with the tokens of its reply that are expected, will take."""
    settings, wanted, count_tokens = plan.judge, list(asked), reckoning.count_tokens
    # Without capabilities, the server was never asked, and no reply is on record.
    if recorded_capabilities(settings, public_address(settings.server), judge.cache) is not None:
        keys = [judge.reply_key(item) for item, _ in asked]
        recorded = judge.cache.get(keys, Reply)
        wanted = [item for item, key in zip(asked, keys, strict=True) if key not in recorded]
    read = sum(count_tokens(item.text) for item, _ in wanted)
    # Where the schema is sent along, it is read, too; whether it will be is not known before the server is asked.
    if settings.response_format in ("auto", "json_schema"):
        read += sum(count_tokens(json.dumps(item.rubric.reply_schema)) for item, _ in wanted)
    most = len(wanted) * settings.max_tokens
    written = min(most, sum(expected for _, expected in wanted))
    ledger = Ledger(plan.price, batch=settings.batch)
    return SystemEstimate(
        requests=len(asked),
        on_record=len(asked) - len(wanted),
        input_tokens=read,
        output_tokens=written,
        most_output_tokens=most,
        cost=ledger.money(read, written),
        most_cost=ledger.money(read, most),
        seconds=seconds(settings, len(wanted), read + most, reckoning.reply_seconds),
        assumed_answers=assumed,
    )


def seconds(settings: OpenAIJudge, requests: int, tokens: int, reply_seconds: float) -> float:
    """Time for requests at the set limits, or at the concurrency, each of ``reply_seconds``, whichever is longer."""
    limits = settings.limits
    times = [-(-requests // limits.concurrency) * reply_seconds]
    if limits.requests_per_minute:
        times.append(requests * 60 / limits.requests_per_minute)
    if limits.tokens_per_minute:
        times.append(tokens * 60 / limits.tokens_per_minute)
    return max(times)


def total(parts: Iterable[SystemEstimate]) -> SystemEstimate:
    """The sum over systems, which are judged one after the other."""
    every = list(parts)
    fields = {name: [getattr(part, name) for part in every] for name in SystemEstimate.model_fields}
    sums = {name: None if None in values else sum(values) for name, values in fields.items()}
    return SystemEstimate.model_validate(sums)

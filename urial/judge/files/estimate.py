"""What judging will take, before it is paid for."""

import json
from collections.abc import Callable, Mapping, Sequence

from pydantic import Field

from urial.api.servers import public_address
from urial.core.row_cache import RowCache
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import JudgeSettings, ModelJudge, PendingQuestion
from urial.judge.scores.case import Case
from urial.judge.server.capabilities import recorded_capabilities
from urial.judge.server.openai_judge import OpenAIBackend
from urial.records.base import Record
from urial.records.params.judges import OpenAIJudge
from urial.records.plans import OpenAIPlan

# A rationale of two or three sentences for each aspect, with its score; a score alone.
TOKENS_AN_ASPECT = 60
TOKENS_A_SCORE = 8
# A judge's reply of some hundred tokens, in seconds; only where there are no limits to reckon with.
SECONDS_A_REPLY = 5.0


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


class Estimator:
    """Reckons with what a planned judge would be asked. It asks no server anything."""

    def __init__(self, plan: OpenAIPlan, cache: RowCache, count_tokens: Callable[[str], int]) -> None:
        self.settings = plan.judge
        self.count_tokens = count_tokens
        self.ledger = Ledger(plan.price, batch=plan.judge.batch)
        capabilities = recorded_capabilities(plan.judge, public_address(plan.judge.server), cache)
        # Without them, the server was never asked, and no reply is on record.
        self.asked_before = capabilities is not None
        backend = OpenAIBackend(plan.judge, cache, self.ledger, capabilities)
        settings = JudgeSettings(plan.rubrics, plan.judge.max_reasks, plan.judge.max_characters)
        self.judge = ModelJudge(backend, settings, cache, self.ledger)

    def estimate(self, cases: Sequence[Case], assumed: int) -> SystemEstimate:
        """What judging ``cases`` will take; ``assumed`` of them have made-up answers."""
        asked = self.judge.questions(cases)
        wanted = [item for item in asked if not (self.asked_before and self.judge.is_on_record(item))]
        read = sum(self._tokens_read(item) for item in wanted)
        most = len(wanted) * self.settings.max_tokens
        written = min(most, sum(_expected_output(item) for item in wanted))
        return SystemEstimate(
            requests=len(asked),
            on_record=len(asked) - len(wanted),
            input_tokens=read,
            output_tokens=written,
            most_output_tokens=most,
            cost=self.ledger.money(read, written),
            most_cost=self.ledger.money(read, most),
            seconds=seconds(self.settings, len(wanted), read + most),
            assumed_answers=assumed,
        )

    def _tokens_read(self, asked: PendingQuestion) -> int:
        # Where the schema is sent along, it is read, too; whether it will be is not known before the server is asked.
        sent = self.settings.response_format in ("auto", "json_schema")
        schema = self.count_tokens(json.dumps(dict(asked.question.schema))) if sent else 0
        return self.count_tokens(asked.question.text) + schema


def seconds(settings: OpenAIJudge, requests: int, tokens: int) -> float:
    """Time for requests at the set limits, or at the concurrency, whichever is longer."""
    limits = settings.limits
    times = [requests * SECONDS_A_REPLY / limits.concurrency]
    if limits.requests_per_minute:
        times.append(requests * 60 / limits.requests_per_minute)
    if limits.tokens_per_minute:
        times.append(tokens * 60 / limits.tokens_per_minute)
    return max(times)


def total(parts: Mapping[str, SystemEstimate]) -> SystemEstimate:
    """The sum over systems, which are judged one after the other."""
    fields = {name: [getattr(part, name) for part in parts.values()] for name in SystemEstimate.model_fields}
    sums = {name: None if None in values else sum(values) for name, values in fields.items()}
    return SystemEstimate.model_validate(sums)


def _expected_output(asked: PendingQuestion) -> int:
    return TOKENS_A_SCORE if asked.question.aspect else TOKENS_AN_ASPECT * len(asked.aspects)

"""What a base model on an OpenAI-compatible server makes of answers that another model wrote.

The server's protocol is tried out first, and kept in the row cache with the rows, so that a finished run needs no
server. Nothing is generated but the one token that most servers insist on.
"""

import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from urial.api.client import MAX_FAILURES, ApiClient, Job, Outcome, StatusError
from urial.api.completions import COMPLETIONS_PATH
from urial.api.errors import REFUSED
from urial.core.errors import UrialError, shorten
from urial.core.row_cache import RowCache
from urial.records.base import Hash
from urial.records.model import BYTES_A_TOKEN, ServerReference
from urial.token_shift.served.answer_logprobs import NoScore, ScoreRequest, Scores, TokenScore, read_scores
from urial.token_shift.served.logprob_cache import Requests, ScoreCache
from urial.token_shift.served.logprob_probe import (
    PROBE_TOKENS,
    CannotScoreError,
    Form,
    LogprobProtocol,
    find_protocol,
    score_body,
)
from urial.token_shift.served.prompt_logprobs import FEWEST
from urial.token_shift.served.token_spellings import agree

__all__ = ["CannotScoreError", "NoScore", "ScoreRequest", "Scores", "ScoringServer", "TokenScore"]

Row = tuple[int, Scores | NoScore]


@dataclass(frozen=True)
class _Failure:
    """Why a row has no scores, though another server or another time may have them."""

    reason: str
    fix: str | None


class ScoringServer:
    """A base model on a server that gives the log-probabilities of a prompt's tokens."""

    def __init__(self, model: ServerReference, top_k: int, cache: RowCache | None) -> None:
        """``top_k`` candidates of each token are kept. ``cache`` None: nothing is remembered.

        Raises UrialError for what is no address or no key, and for too few candidates.
        """
        if top_k < FEWEST:
            raise UrialError(
                f"{top_k} candidates of a server cannot tell a marginal token from a shifted one",
                expected=f"{FEWEST} or more",
                fix=f"set token_shift.top_k to {FEWEST} or more",
            )
        self.model = model
        self.top_k = top_k
        self.client = ApiClient(model.server, model.key_variable, model.limits)
        self._cache = ScoreCache(cache, self.client.address, model.model, top_k)
        self._protocols: dict[Form, LogprobProtocol] = {}

    def score(self, requests: Sequence[ScoreRequest]) -> Generator[tuple[int, Scores | NoScore], None, None]:
        """Yields (index, scores) for each request as soon as they are there, those in the row cache first.

        Before the first row that is not, the server is tried out. Rows that fail are no part of what is yielded: when
        all others are there, or MAX_FAILURES have failed and what is under protocol is answered, one UrialError counts them.
        Raises CannotScoreError where the server does not give what is needed, and UrialError at once for a status that
        concerns all rows, or where its tokenizer is another one than the answers'.
        """
        failed: dict[int, _Failure] = {}
        waiting: dict[Form, dict[int, ScoreRequest]] = {"ids": {}, "text": {}}
        for index, request in enumerate(requests):
            known = self._without_asking(request)
            if known is None:
                waiting[request.form][index] = request
            else:
                yield index, known
        left = 0
        for form, chosen in waiting.items():
            if chosen:
                left += yield from self._score_form(form, chosen, failed)
        if failed:
            raise _error(requests, failed, left)

    def _without_asking(self, request: ScoreRequest) -> Scores | NoScore | None:
        if request.is_empty:
            return Scores(tokens=(), unmatched=0, n_tokens=0)
        return self._exceeds_context(len(request.ids)) if request.form == "ids" else None

    def _score_form(self, form: Form, chosen: Requests, failed: dict[int, _Failure]) -> Generator[Row, None, int]:
        """The rows that are sent as ids, or as text; returns how many were not asked for after many failures."""
        protocol, missing = self._ready(form, chosen)
        known = self._cache.rows(protocol, {index: chosen[index] for index in chosen if index not in missing})
        yield from ((index, self._checked(chosen[index], scores)) for index, scores in known)
        # Equal rows are asked for once.
        alike: dict[Hash, list[int]] = {}
        for index in sorted(missing):
            alike.setdefault(self._cache.key(protocol, chosen[index]), []).append(index)
        groups = {indices[0]: indices for indices in alike.values()}
        started: list[int] = []

        def jobs() -> Iterator[Job[int]]:
            for index in groups:
                if len(failed) >= MAX_FAILURES:
                    return
                started.append(index)
                yield self._job(index, chosen[index], protocol)

        with closing(self.client.run(jobs(), row_error=_concerns_one_row)) as outcomes:
            for outcome in outcomes:
                index = outcome.key
                reply = self._read(outcome, chosen[index], protocol)
                if isinstance(reply, _Failure):
                    failed[index] = reply
                    continue
                if isinstance(reply, Scores):
                    self._require_same_tokens(chosen[index], reply)
                    self._cache.keep(protocol, chosen[index], reply)
                yield from ((other, self._checked(chosen[other], reply)) for other in groups[index])
        return len(groups) - len(started)

    def _ready(self, form: Form, chosen: Requests) -> tuple[LogprobProtocol, set[int]]:
        """How the server is asked, and the rows that the row cache does not have; it is tried out if there are any."""
        protocol = self._protocols.get(form) or self._cache.protocol(form)
        missing = set(chosen) if protocol is None else self._cache.missing(protocol, chosen)
        if protocol is None or (missing and form not in self._protocols):
            spoken = self._try_out(form, chosen)
            if spoken != protocol:
                # What it says now is not to be mixed with what it said before.
                protocol, missing = spoken, self._cache.missing(spoken, chosen)
        return protocol, missing

    def _try_out(self, form: Form, chosen: Requests) -> LogprobProtocol:
        sent = max((request.ids[:PROBE_TOKENS] for request in chosen.values()), key=len) if form == "ids" else None
        ask = partial(self.client.ask, COMPLETIONS_PATH)
        protocol, note = find_protocol(ask, self.model.model, sent, self.top_k, self.client.address)
        if note:
            print(f"{self.client.address}: {note}", file=sys.stderr, flush=True)
        self._protocols[form] = protocol
        self._cache.keep_protocol(protocol)
        return protocol

    def _job(self, index: int, request: ScoreRequest, protocol: LogprobProtocol) -> Job[int]:
        size = len((request.prompt_text + request.answer_text).encode("utf-8", "replace")) // BYTES_A_TOKEN
        return Job(
            index,
            COMPLETIONS_PATH,
            score_body(self.model.model, request.sent, protocol),
            (len(request.ids) or size) + 1,
        )

    def _read(
        self, outcome: Outcome[int], request: ScoreRequest, protocol: LogprobProtocol
    ) -> Scores | NoScore | _Failure:
        error = outcome.error
        if outcome.body is not None:
            try:
                return read_scores(outcome.body, request, protocol, self.top_k, self.client.redacted)
            except ValueError as problem:
                return _Failure(f"{self.client.address}: {problem}", "look into the server's log")
        if error is None:
            raise TypeError("an outcome without body has an error")
        if isinstance(error, StatusError) and error.exceeds_context:
            return NoScore("too_long", error.what)
        return _Failure(error.what, error.fix)

    def _checked(self, request: ScoreRequest, reply: Scores | NoScore) -> Scores | NoScore:
        if isinstance(reply, NoScore):
            return reply
        self._require_same_tokens(request, reply)
        return self._exceeds_context(reply.n_tokens) or reply

    def _exceeds_context(self, n_tokens: int) -> NoScore | None:
        context = self.model.context_window
        # Most servers generate a token.
        if context is None or n_tokens + 1 <= context:
            return None
        reason = (
            f"prompt and answer have {n_tokens:,} tokens, which leave no room for one more in a context of {context:,}"
        )
        return NoScore("too_long", reason)

    def _require_same_tokens(self, request: ScoreRequest, scores: Scores) -> None:
        """Raises UrialError unless the server reads each answer id as the token that was meant."""
        for token in scores.tokens if request.expected_texts is not None else ():
            expected = (request.expected_texts or ())[token.place or 0]
            if not agree(token.text, expected):
                raise UrialError(
                    f"{self.client.address}: token id {token.token_id} is {shorten(token.text)} to the server "
                    f"and {shorten(expected)} to the model that wrote the answers",
                    expected="the same token, since the base model has to rank what the aligned model emitted",
                    fix="serve the base model of the pair, with its own tokenizer",
                )


def _concerns_one_row(error: StatusError) -> bool:
    return error.filtered or error.status in (*REFUSED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _error(requests: Sequence[ScoreRequest], failed: Mapping[int, _Failure], left: int) -> UrialError:
    """The first failure, with the number of others."""
    first = min(failed)
    more = [f"{len(failed) - 1} more failed"] if len(failed) > 1 else []
    more += [f"{left} were not asked for"] if left else []
    others = f" ({', '.join(more)})" if more else ""
    name = requests[first].name or f"answer {first}"
    return UrialError(f"{name}: {failed[first].reason}{others}", fix=failed[first].fix)

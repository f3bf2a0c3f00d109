"""What a base model on an OpenAI-compatible server makes of answers that another model wrote.

The server's protocol is tried out first, and kept in the row cache with the rows, so that a finished run needs no
server. Nothing is generated but the one token that most servers insist on.
"""

import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from http import HTTPStatus
from typing import get_args

from urial.api.client import MAX_FAILURES, ApiClient, Job, Outcome, StatusError
from urial.api.completions import COMPLETIONS_PATH
from urial.api.errors import REFUSED
from urial.core.errors import UrialError, shorten
from urial.core.hashing import content_hash
from urial.core.progress import waiting
from urial.core.row_cache import RowCache
from urial.records.base import Hash, Record
from urial.records.model import BYTES_A_TOKEN, ServerReference
from urial.token_shift.served.answer_logprobs import NoScore, ScoreRequest, Scores, read_scores
from urial.token_shift.served.logprob_probe import PROBE_TOKENS, Form, LogprobProtocol, find_protocol, score_body
from urial.token_shift.served.prompt_logprobs import FEWEST
from urial.token_shift.served.token_alignment import agree

# Raised when the same reply would be read as other scores than before; old rows are then left alone.
# 2: the first rank beyond the candidates has no ties.
ALGORITHM = 2
FIX = "correct what the server names, or use another one; finished scores are in the row cache"

Requests = Mapping[int, ScoreRequest]


class ScoreCache:
    """What the row cache remembers of one model on one server: the protocol that it speaks, and scores."""

    def __init__(self, cache: RowCache | None, address: str, model: str, top_k: int) -> None:
        """``cache`` None: nothing is remembered. ``address`` is without what is secret."""
        self._cache = cache
        # Of a server's model, the address and the name are all that is known.
        self._server = {"algorithm": ALGORITHM, "server": address, "model": model, "top_k": top_k}

    def protocol(self, form: Form) -> LogprobProtocol | None:
        """The protocol that the server speaks; None where it was never tried."""
        key = self.protocol_key(form)
        return self._cache.get([key], LogprobProtocol).get(key) if self._cache is not None else None

    def rows(self, protocol: LogprobProtocol, requests: Requests) -> Iterator[tuple[int, Scores]]:
        """The scores that were got by this protocol, one at a time, since they are large."""
        if self._cache is None:
            return
        for index, request in requests.items():
            yield from ((index, scores) for scores in self._cache.get([self.key(protocol, request)], Scores).values())

    def keep(self, key: Hash, row: Record) -> None:
        """Remembers the protocol, or the scores of one request."""
        if self._cache is not None:
            self._cache.put(key, row)

    def key(self, protocol: LogprobProtocol, request: ScoreRequest) -> Hash:
        """Content address of an answer's scores: everything that can change them, and nothing else."""
        return content_hash(
            {
                "row": "scores",
                **self._server,
                "protocol": protocol.kind,
                "given": protocol.given,
                "form": request.form,
                "prompt": request.prompt,
                "answer": request.answer,
            }
        )

    def protocol_key(self, form: Form) -> Hash:
        """Content address of the protocol that the server speaks."""
        return content_hash({"row": "logprob protocol", **self._server, "form": form})


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
        all others are there, or MAX_FAILURES have failed and what is under way is answered, one UrialError counts them.
        Raises CannotScoreError where the server does not give what is needed, and UrialError at once for a status that
        concerns all rows, or where its tokenizer is another one than the answers'.
        """
        try:
            yield from self._score(requests)
        except StatusError as error:
            name = requests[error.key].name if isinstance(error.key, int) else ""
            raise error.about(name, FIX) from error

    def _score(self, requests: Sequence[ScoreRequest]) -> Generator[tuple[int, Scores | NoScore], None, None]:
        failed: dict[int, UrialError] = {}
        left = 0
        for form in get_args(Form):
            chosen: dict[int, ScoreRequest] = {}
            for index, request in enumerate(requests):
                if request.form != form:
                    continue
                if not request.answer:
                    yield index, Scores(tokens=(), unmatched=0, n_tokens=0)
                elif form == "ids" and (too_long := self._exceeds_context(len(request.sent))) is not None:
                    yield index, too_long
                else:
                    chosen[index] = request
            if chosen:
                left += yield from self._score_form(form, chosen, failed)
        if failed:
            first = min(failed)
            more = [f"{len(failed) - 1} more failed"] if len(failed) > 1 else []
            more += [f"{left} were not asked for"] if left else []
            others = f" ({', '.join(more)})" if more else ""
            name = requests[first].name or f"answer {first}"
            raise UrialError(f"{name}: {failed[first].what}{others}", fix=failed[first].fix or FIX)

    def _score_form(
        self, form: Form, chosen: Requests, failed: dict[int, UrialError]
    ) -> Generator[tuple[int, Scores | NoScore], None, int]:
        """The rows that are sent as ids, or as text; returns how many were not asked for after many failures."""
        protocol, missing = self._ready(form, chosen)
        known = self._cache.rows(protocol, {index: chosen[index] for index in chosen if index not in missing})
        yield from ((index, self._checked(chosen[index], scores)) for index, scores in known)
        # Equal rows are asked for once.
        alike: dict[Hash, list[int]] = {}
        for index in sorted(missing):
            alike.setdefault(self._cache.key(protocol, chosen[index]), []).append(index)
        groups = {indices[0]: (key, indices) for key, indices in alike.items()}
        started: list[int] = []

        def jobs() -> Iterator[Job[int]]:
            for index in groups:
                if len(failed) >= MAX_FAILURES:
                    return
                started.append(index)
                sent = chosen[index].sent
                size = len(sent.encode("utf-8", "replace")) // BYTES_A_TOKEN if isinstance(sent, str) else len(sent)
                yield Job(index, COMPLETIONS_PATH, score_body(self.model.model, sent, protocol), size + 1)

        with closing(self.client.run(jobs(), row_error=_concerns_one_row)) as outcomes:
            for outcome in outcomes:
                key, indices = groups[outcome.key]
                reply = self._read(outcome, chosen[outcome.key], protocol)
                if isinstance(reply, UrialError):
                    failed[outcome.key] = reply
                    continue
                rows = [(index, self._checked(chosen[index], reply)) for index in indices]
                if isinstance(reply, Scores):
                    self._cache.keep(key, reply)
                yield from rows
        return len(groups) - len(started)

    def _ready(self, form: Form, chosen: Requests) -> tuple[LogprobProtocol, set[int]]:
        """How the server is asked, and the rows that the row cache does not have; it is tried out if there are any."""
        protocol = self._protocols.get(form) or self._cache.protocol(form)
        known = {index for index, _ in self._cache.rows(protocol, chosen)} if protocol is not None else set()
        if protocol is not None and (len(known) == len(chosen) or form in self._protocols):
            return protocol, chosen.keys() - known
        ids = (sent[:PROBE_TOKENS] for request in chosen.values() if isinstance(sent := request.sent, tuple))
        probe = max(ids, key=len) if form == "ids" else None
        ask = partial(self.client.ask, COMPLETIONS_PATH)
        with waiting(f"trying out {self.client.address}"):
            spoken, note = find_protocol(ask, self.model.model, probe, self.top_k, self.client.address)
        if note:
            print(f"{self.client.address}: {note}", file=sys.stderr, flush=True)
        self._protocols[form] = spoken
        self._cache.keep(self._cache.protocol_key(form), spoken)
        if spoken != protocol:
            # What it says now is not to be mixed with what it said before.
            known = {index for index, _ in self._cache.rows(spoken, chosen)}
        return spoken, chosen.keys() - known

    def _read(
        self, outcome: Outcome[int], request: ScoreRequest, protocol: LogprobProtocol
    ) -> Scores | NoScore | UrialError:
        """The scores, or why there are none; a UrialError where another server or another time may have them."""
        if outcome.body is not None:
            try:
                return read_scores(outcome.body, request, protocol, self.top_k, self.client.redacted)
            except ValueError as problem:
                return UrialError(f"{self.client.address}: {problem}", fix="look into the server's log")
        if outcome.error is None:
            raise TypeError("an outcome without body has an error")
        too_long = isinstance(outcome.error, StatusError) and outcome.error.leaves_no_room(protocol.max_tokens)
        return NoScore(outcome.error.what) if too_long else outcome.error

    def _checked(self, request: ScoreRequest, reply: Scores | NoScore) -> Scores | NoScore:
        """Raises UrialError unless the server reads each answer id as the token that was meant."""
        if isinstance(reply, NoScore):
            return reply
        for token in reply.tokens if request.expected_texts is not None else ():
            expected = (request.expected_texts or ())[token.place or 0]
            if not agree(token.text, expected):
                problem = UrialError(
                    f"{self.client.address}: token id {token.token_id} is {shorten(token.text)} to the server "
                    f"and {shorten(expected)} to the model that wrote the answers",
                    expected="the same token, since the base model has to rank what the aligned model emitted",
                    fix="serve the base model of the pair, with its own tokenizer",
                )
                raise problem.about(request.name)
        return self._exceeds_context(reply.n_tokens) or reply

    def _exceeds_context(self, n_tokens: int) -> NoScore | None:
        context = self.model.context_window
        # Most servers generate a token.
        if context is None or n_tokens + 1 <= context:
            return None
        return NoScore(
            f"prompt and answer have {n_tokens:,} tokens, which leave no room for one more in a context of {context:,}"
        )


def _concerns_one_row(error: StatusError) -> bool:
    return error.filtered or error.status in (*REFUSED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

"""Scores of answers in the row cache, and the protocol by which their server gave them."""

from collections.abc import Iterator, Mapping

from urial.core.hashing import content_hash
from urial.core.row_cache import RowCache
from urial.records.base import Hash
from urial.token_shift.served.answer_logprobs import ScoreRequest, Scores
from urial.token_shift.served.logprob_probe import Form, LogprobProtocol

# Raised when the same reply would be read as other scores than before; old rows are then left alone.
ALGORITHM = 1
# Rows are large: so many are in memory at a time.
_CHUNK = 32

Requests = Mapping[int, ScoreRequest]


class ScoreCache:
    """What is remembered of one model on one server."""

    def __init__(self, cache: RowCache | None, address: str, model: str, top_k: int) -> None:
        """``cache`` None: nothing is. ``address`` is without what is secret."""
        self._cache = cache
        # Of a server's model, the address and the name are all that is known.
        self._server = {"algorithm": ALGORITHM, "server": address, "model": model, "top_k": top_k}

    def protocol(self, form: Form) -> LogprobProtocol | None:
        """The protocol that the server speaks; None where it was never tried."""
        key = self.protocol_key(form)
        return self._cache.get([key], LogprobProtocol).get(key) if self._cache is not None else None

    def keep_protocol(self, protocol: LogprobProtocol) -> None:
        """Remembers the protocol that the server speaks."""
        if self._cache is not None:
            self._cache.put(self.protocol_key(protocol.form), protocol)

    def missing(self, protocol: LogprobProtocol, requests: Requests) -> set[int]:
        """The requests without scores that were got by this protocol."""
        return set(requests) - {index for index, _ in self.rows(protocol, requests)}

    def rows(self, protocol: LogprobProtocol, requests: Requests) -> Iterator[tuple[int, Scores]]:
        """The scores that were got by this protocol."""
        indices = list(requests)
        for start in range(0, len(indices) if self._cache is not None else 0, _CHUNK):
            keys = {index: self.key(protocol, requests[index]) for index in indices[start : start + _CHUNK]}
            kept = self._cache.get(keys.values(), Scores) if self._cache is not None else {}
            yield from ((index, kept[key]) for index, key in keys.items() if key in kept)

    def keep(self, protocol: LogprobProtocol, request: ScoreRequest, scores: Scores) -> None:
        """Remembers the scores of one request."""
        if self._cache is not None:
            self._cache.put(self.key(protocol, request), scores)

    def key(self, protocol: LogprobProtocol, request: ScoreRequest) -> Hash:
        """Content address of an answer's scores: everything that can change them, and nothing else."""
        ids = request.form == "ids"
        return content_hash(
            {
                "row": "scores",
                **self._server,
                "protocol": protocol.kind,
                "given": protocol.given,
                "form": request.form,
                "prompt": request.prompt_ids if ids else request.prompt_text,
                "answer": request.answer_ids if ids else request.answer_text,
            }
        )

    def protocol_key(self, form: Form) -> Hash:
        """Content address of the protocol that the server speaks."""
        return content_hash({"row": "logprob protocol", **self._server, "form": form})

"""Asks a server to continue a story in one way and another, and keeps what is found out by it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from urial.api.completions import STORY
from urial.api.errors import REFUSED, StatusError
from urial.generate.engine import Request
from urial.generate.protocol import ServerReply
from urial.records.params.systems import Decoding

# Sends a request with further parameters and reads the reply.
Ask = Callable[[Request, Decoding, Mapping[str, Any]], ServerReply]

TOKENS = 16
# Each parameter by its name on the wire, and where it is set here.
FIELDS = {
    "max_tokens": "max_new_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "repetition_penalty": "repetition_penalty",
}
FIXES = {
    "max_new_tokens": "use another server",
    "temperature": "use another server",
    "top_p": "set decoding.top_p to 1.0, or use another server",
    "seed": "set decoding.temperature to 0, which needs no seed, or use another server",
    "repetition_penalty": "set decoding.repetition_penalty to 1, or use another server",
    "defaults": "start the server without defaults of its own (vLLM: --generation-config vllm), or use another server",
}
# Of a refused value, the server says what it wants.
REFUSED_FIXES = {
    "max_new_tokens": "change decoding.max_new_tokens, or use another server",
    "temperature": "change decoding.temperature, or use another server",
}


@dataclass
class Findings:
    """What the probes showed."""

    # By the names of FIXES: what the server does instead, and the way out.
    disobeyed: dict[str, tuple[str, str]] = field(default_factory=dict)
    # What no probe could show, or what costs time and changes no answer.
    notes: list[str] = field(default_factory=list)


class Probes:
    """One round of probes."""

    def __init__(self, ask: Ask, request: Request, decoding: Decoding) -> None:
        text = json.dumps([{"role": "user", "content": STORY}]) if request.form == "messages" else STORY
        self._ask = ask
        self._request = replace(request, text=text, stop=(), seed=1)
        self.stop = request.stop
        self.decoding = decoding
        self.greedy = Decoding(max_new_tokens=TOKENS, temperature=0, top_p=1, repetition_penalty=1, seed=0)
        self.found = Findings()
        # Of the last refusal of a probe.
        self._words = ""

    def real(self) -> ServerReply | None:
        """The answer to what every row is asked with; None where a parameter is refused, which is a finding.

        None as well where the answer has no room: each row has its own length and is told so itself.
        """
        try:
            return self._ask(replace(self._request, stop=self.stop), self.decoding, {})
        except StatusError as error:
            if error.status not in REFUSED:
                raise
            if error.exceeds_context:
                return None
            refused = [name for name in FIELDS if name in error.message]
            if not refused:
                raise
            for name in refused:
                fix = REFUSED_FIXES.get(FIELDS[name], FIXES[FIELDS[name]])
                self.disobeys(FIELDS[name], f"{name} is refused: {error.message}", fix)
            return None

    def hot(self, temperature: float) -> Decoding:
        """How a probe samples."""
        return self.greedy.model_copy(update={"temperature": temperature})

    def same(self, reply: ServerReply, decoding: Decoding) -> bool:
        """Whether asking so gives the same text; True as well where the server refuses to be asked so."""
        other = self.said(decoding)
        return other is None or other.text == reply.text

    def said(self, decoding: Decoding, further: Mapping[str, Any] | None = None) -> ServerReply | None:
        """The reply; None where the server refuses values that are a probe's own, which says nothing about the rows."""
        try:
            return self._ask(self._request, decoding, further or {})
        except StatusError as error:
            if error.status not in REFUSED:
                raise
            self._words = error.message
            return None

    def not_known(self, names: str) -> None:
        """Notes that a refusal, in the server's words, left these open."""
        self.found.notes.append(f"whether it obeys {names} is not known: a probe is refused: {self._words}")

    def disobeys(self, name: str, what: str, fix: str | None = None) -> None:
        """Keeps the first finding about ``name``; ``fix`` is by default that of FIXES."""
        self.found.disobeyed.setdefault(name, (what, fix or FIXES[name]))

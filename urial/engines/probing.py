"""Finds out whether a server obeys the decoding parameters that are set, by a handful of small requests.

A server that does not know a parameter often takes it and does as it pleases; nothing in its answers says so. So it is
asked for a few tokens of a story, with and without each parameter, and the answers are compared. Equal greedy answers
cannot prove that a server is greedy, a seed can be obeyed for one request at a time alone, and no request shows a
default of the server's own for sampling (top_k, min_p): what is not found may still be wrong. Two tokens that are as
good as equally probable can make a server in half precision look disobedient; the next run then finds it obedient.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from urial.api.errors import StatusError
from urial.engines import Request
from urial.engines.openai_protocol import ServerReply
from urial.errors import UrialError
from urial.params import Decoding

# Sends a request with further parameters and reads the reply.
Ask = Callable[[Request, Decoding, Mapping[str, Any]], ServerReply]

# Words that come again, for penalties to bite on, and an end that can be continued in many ways.
STORY = "Continue this story. Once upon a time there was a king. The king had a house and the king had a"
TOKENS = 16
FEW_TOKENS = 2
# The most that OpenAI's protocol allows; every model says something else than its first choice at it.
HOT = 2.0
# So small that the most probable token alone is left.
TINY_TOP_P = 1e-6
STRONG_PENALTY = 2.0
STOP_CHARACTERS = 4
# What a request with a parameter that the server refuses ends with.
REFUSED = (400, 422)
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


@dataclass
class Findings:
    """What the probes showed."""

    # By the names of FIXES: what the server does instead.
    disobeyed: dict[str, str] = field(default_factory=dict)
    # What no probe could show, or what costs time and changes no answer.
    notes: list[str] = field(default_factory=list)


def require_obedience(ask: Ask, request: Request, decoding: Decoding, address: str) -> None:
    """Raises UrialError naming every parameter of ``decoding`` that the server ignores or refuses.

    ``request`` is one of those to be made: its form and whether it has stop strings decide what is tried. Says on
    standard error what cannot be found out, and that stop strings are ignored, which changes no answer.
    """
    found = _Prober(ask, request, decoding).findings()
    for note in found.notes:
        print(f"{address}: {note}", file=sys.stderr, flush=True)
    if found.disobeyed:
        raise UrialError(
            f"{address}: the server does not do as it is told: " + "; ".join(found.disobeyed.values()),
            expected="answers that the decoding parameters decide",
            fix="; ".join(FIXES[name] for name in found.disobeyed),
        )


class _Prober:
    """One round of probes."""

    def __init__(self, ask: Ask, request: Request, decoding: Decoding) -> None:
        text = json.dumps([{"role": "user", "content": STORY}]) if request.form == "messages" else STORY
        self._ask = ask
        self._request = replace(request, text=text, stop=(), seed=1)
        self._stops = bool(request.stop)
        self._decoding = decoding
        self._greedy = Decoding(max_new_tokens=TOKENS, temperature=0, top_p=1, repetition_penalty=1, seed=0)
        self._found = Findings()

    def findings(self) -> Findings:
        """What the server does with each parameter that is set."""
        plain = self._said(self._greedy)
        if plain is None:
            return self._found
        if not plain.text.strip():
            self._found.notes.append(
                "whether it obeys the decoding parameters is not known: to a probe, it says nothing"
            )
            return self._found
        self._try_length(plain)
        if self._stops:
            self._try_stop(plain)
        if self._decoding.temperature > 0:
            self._try_sampling(plain)
        elif not self._same(plain, self._greedy):
            self._disobeys("temperature", "two answers at temperature 0 differ")
        if "temperature" not in self._found.disobeyed:
            self._try_penalty(plain)
        return self._found

    def _try_length(self, plain: ServerReply) -> None:
        few = self._said(self._greedy.model_copy(update={"max_new_tokens": FEW_TOKENS}))
        if few is None:
            return
        if few.completion_tokens is not None:
            ignored = few.completion_tokens > FEW_TOKENS
        else:
            ignored = few.finish == "length" and few.text == plain.text
        if ignored:
            self._disobeys("max_new_tokens", "max_tokens (decoding.max_new_tokens) is ignored")
        elif few.finish != "length" and few.text == plain.text:
            self._found.notes.append("whether it obeys max_tokens is not known: to a probe, it says less than that")

    def _try_stop(self, plain: ServerReply) -> None:
        stop = _piece(plain.text)
        stopped = self._said(self._greedy, {"stop": [stop]}) if stop else None
        if stopped is None or not plain.text.startswith(stopped.text):
            self._found.notes.append("whether it obeys stop strings is not known; answers are cut at them here")
        elif stopped.text == plain.text:
            self._found.notes.append(
                "it ignores stop strings; answers are cut at them here, but each is paid for up to its end"
            )

    def _try_sampling(self, plain: ServerReply) -> None:
        hot = self._greedy.model_copy(update={"temperature": HOT})
        sampled = self._said(hot)
        if sampled is None:
            return
        if sampled.text == plain.text:
            self._disobeys("temperature", "temperature is ignored: what is sampled is the greedy answer")
            return
        if not self._same(sampled, hot):
            self._disobeys("seed", "seed is ignored: two answers with the same seed differ")
        if self._decoding.top_p < 1 and not self._same(plain, hot.model_copy(update={"top_p": TINY_TOP_P})):
            self._disobeys("top_p", f"top_p is ignored: with {TINY_TOP_P:g} the answer is not the greedy one")

    def _try_penalty(self, plain: ServerReply) -> None:
        if self._decoding.repetition_penalty != 1:
            strong = self._greedy.model_copy(update={"repetition_penalty": STRONG_PENALTY})
            if self._same(plain, strong) and "repetition_penalty" not in self._found.disobeyed:
                self._disobeys("repetition_penalty", "repetition_penalty is ignored: it changes no answer")
            return
        # Some servers take what a model's author recommends where nothing is said; some know one of the two names.
        for neutral in ({"repetition_penalty": 1.0, "frequency_penalty": 0.0}, {"frequency_penalty": 0.0}):
            try:
                told = self._ask(self._request, self._greedy, neutral)
            except StatusError as error:
                if error.status not in REFUSED:
                    raise
                continue
            if told.text != plain.text:
                self._disobeys(
                    "defaults", "it penalises repetition though none is asked for (decoding.repetition_penalty)"
                )
            return

    def _same(self, reply: ServerReply, decoding: Decoding) -> bool:
        """Whether asking so gives the same text; True as well where the server refuses to be asked so."""
        other = self._said(decoding)
        return other is None or other.text == reply.text

    def _said(self, decoding: Decoding, further: Mapping[str, Any] | None = None) -> ServerReply | None:
        """The reply; None where the server refuses a parameter, which is then a finding."""
        try:
            return self._ask(self._request, decoding, further or {})
        except StatusError as error:
            refused = [name for name in FIELDS if name in error.message] if error.status in REFUSED else []
            if not refused:
                raise
            for name in refused:
                self._disobeys(FIELDS[name], f"{name} is refused: {error.message}")
            return None

    def _disobeys(self, name: str, what: str) -> None:
        self._found.disobeyed.setdefault(name, what)


def _piece(text: str) -> str | None:
    """Some characters out of the text's middle that a stop string can be; None where there are none."""
    starts = range(len(text) // 4, len(text) // 2)
    pieces = (text[start : start + STOP_CHARACTERS] for start in starts)
    # The sign for what is no character is in no answer as it is generated.
    return next((piece for piece in pieces if "\ufffd" not in piece), None)

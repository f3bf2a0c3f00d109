"""Finds out whether a server obeys the decoding parameters that are set, by a handful of small requests.

A server that does not know a parameter often takes it and does as it pleases; nothing in its answers says so. So it is
asked to continue a story: once just as the rows will be, which shows what it refuses, and then for a few tokens, with
and without each parameter, and the answers are compared. Equal greedy answers cannot prove that a server is greedy, a
seed can be obeyed only for one request at a time, and no request shows a default of the server's own for sampling
(top_k, min_p): what is not found may still be wrong. Two tokens that are as good as equally probable can make a server
in half precision look disobedient; the next run then finds it obedient.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

from urial.api.completions import STORY
from urial.api.errors import REFUSED, StatusError
from urial.core.errors import UrialError
from urial.generate.engine import Request
from urial.generate.protocol import ServerReply, watched
from urial.records.params.file import Decoding

# Sends a request with further parameters and reads the reply.
Ask = Callable[[Request, Decoding, Mapping[str, object]], ServerReply]

PROBE_TOKENS = 16
FEW_TOKENS = 2
# The most that OpenAI's protocol allows; every model says something else than its first choice at it.
HOT = 2.0
# So small that only the most probable token is left.
TINY_TOP_P = 1e-6
STRONG_PENALTY = 2.0
STOP_CHARACTERS = 4
LENGTH_IGNORED = "max_tokens (decoding.max_new_tokens) is ignored"
PENALTY_UNASKED = "it penalizes repetition though none is asked for (decoding.repetition_penalty)"
SEED_IGNORED = "seed is ignored: two answers with the same seed differ"
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


def require_obedience(ask: Ask, request: Request, decoding: Decoding, address: str) -> None:
    """Raises UrialError naming every parameter of ``decoding`` that the server ignores or refuses.

    ``request`` is one of those to be made: its form and whether it has stop strings decide what is tried. Says on
    standard error what cannot be found out, and that stop strings are ignored, which changes no answer.
    """
    check = _Check(ask, request, decoding)
    check.run()
    for note in check.notes:
        print(f"{address}: {note}", file=sys.stderr, flush=True)
    if check.disobeyed:
        problems = "; ".join(problem for problem, _ in check.disobeyed.values())
        raise UrialError(
            f"the server does not obey the decoding parameters: {problems}",
            path=address,
            expected="answers that the decoding parameters decide",
            fix="; ".join(fix for _, fix in check.disobeyed.values()),
        )


class _Check:
    """What is tried, and what follows from the answers."""

    def __init__(self, ask: Ask, request: Request, decoding: Decoding) -> None:
        text = json.dumps([{"role": "user", "content": STORY}]) if request.form == "messages" else STORY
        self._ask = ask
        self._request = replace(request, text=text, stop=(), seed=1)
        self._refusal = ""
        self.stop = tuple(watched(request))
        self.decoding = decoding
        self.greedy = Decoding(max_new_tokens=PROBE_TOKENS, temperature=0, top_p=1, repetition_penalty=1, seed=0)
        # By the names of FIXES: what the server does instead, and the way out.
        self.disobeyed: dict[str, tuple[str, str]] = {}
        # What no probe could show, or what costs time and changes no answer.
        self.notes: list[str] = []

    def run(self) -> None:
        """Tries each parameter that is set."""
        as_rows = self._as_rows()
        if self.disobeyed:
            return
        plain = self._said(self.greedy)
        if plain is None:
            # The server may refuse a probe's length, and take the one that is set.
            self.greedy = self._probe(max_new_tokens=self.decoding.max_new_tokens)
            plain = self._said(self.greedy)
        if plain is None:
            self._not_known("the decoding parameters")
            if self.decoding.temperature > 0:
                self._try_seed(self._probe(temperature=self.decoding.temperature))
            return
        if not plain.text.strip():
            self.notes.append("whether it obeys the decoding parameters is not known: to a probe, it says nothing")
            return
        self._try_length(plain, as_rows)
        if self.stop:
            self._try_stop(plain)
        if self.decoding.temperature > 0:
            self._try_sampling(plain)
        elif self._differs(plain, self.greedy):
            self._disobeys("temperature", "two answers at temperature 0 differ")
        if "temperature" not in self.disobeyed:
            self._try_penalty(plain)

    def _as_rows(self) -> ServerReply | None:
        """The answer to what every row is asked with; None where a parameter is refused, which is a finding.

        None as well where the answer has no room: each row has its own length, and its own refusal.
        """
        try:
            return self._ask(replace(self._request, stop=self.stop), self.decoding, {})
        except StatusError as error:
            if error.leaves_no_room(self.decoding.max_new_tokens):
                return None
            refused = [name for name in FIELDS if name in error.message]
            if error.status not in REFUSED or not refused:
                raise
            for name in refused:
                fix = REFUSED_FIXES.get(FIELDS[name], FIXES[FIELDS[name]])
                self.disobeyed[FIELDS[name]] = f"{name} is refused: {error.message}", fix
            return None

    def _try_length(self, plain: ServerReply, as_rows: ServerReply | None) -> None:
        few = self._said(self._probe(max_new_tokens=FEW_TOKENS))
        if few is None:
            # By the answer that may have as many tokens as are set.
            count = as_rows.completion_tokens if as_rows else None
            if count is not None and count > self.decoding.max_new_tokens:
                self._disobeys("max_new_tokens", LENGTH_IGNORED)
            elif count is None or as_rows is None or as_rows.finish != "length":
                self._not_known("max_tokens")
            return
        whole = few.text == plain.text
        count = few.completion_tokens
        if (count > FEW_TOKENS) if count is not None else (whole and few.finish == "length"):
            self._disobeys("max_new_tokens", LENGTH_IGNORED)
        elif whole and few.finish != "length":
            self.notes.append("whether it obeys max_tokens is not known: to a probe, it says less than that")

    def _try_stop(self, plain: ServerReply) -> None:
        stop = _piece(plain.text)
        stopped = self._said(self.greedy, {"stop": [stop]}) if stop else None
        if stopped is None or not plain.text.startswith(stopped.text):
            self.notes.append("whether it obeys stop strings is not known; answers are cut at them here")
        elif stopped.text == plain.text:
            paid = "but each is paid for up to its end"
            self.notes.append(f"it ignores stop strings; answers are cut at them here, {paid}")

    def _try_sampling(self, plain: ServerReply) -> None:
        hot = self._probe(temperature=HOT)
        sampled = self._said(hot)
        if sampled is not None and sampled.text == plain.text:
            self._disobeys("temperature", "temperature is ignored: what is sampled is the greedy answer")
            return
        if sampled is None:
            hot = self._probe(temperature=self.decoding.temperature)
            sampled = self._said(hot)
            # Near 0, a server that obeys gives the greedy answer too.
            if sampled is None or sampled.text == plain.text:
                self._not_known("temperature, seed and top_p")
                return
        if self._differs(sampled, hot):
            self._disobeys("seed", SEED_IGNORED)
        if self.decoding.top_p == 1:
            return
        cold = self._said(hot.model_copy(update={"top_p": TINY_TOP_P}))
        if cold is None:
            as_set = self._said(hot.model_copy(update={"top_p": self.decoding.top_p}))
            if as_set is None or as_set.text == sampled.text:
                self._not_known("top_p")
        elif cold.text != plain.text:
            self._disobeys("top_p", f"top_p is ignored: with {TINY_TOP_P:g} the answer is not the greedy one")

    def _try_seed(self, hot: Decoding) -> None:
        sampled = self._said(hot)
        if sampled is not None and self._differs(sampled, hot):
            self._disobeys("seed", SEED_IGNORED)

    def _try_penalty(self, plain: ServerReply) -> None:
        penalty = self.decoding.repetition_penalty
        if penalty != 1:
            strong = self._said(self._probe(repetition_penalty=STRONG_PENALTY))
            if strong is None:
                as_set = self._said(self._probe(repetition_penalty=penalty))
                # A weak one may change nothing in so short an answer.
                if as_set is None or as_set.text == plain.text:
                    self._not_known("repetition_penalty")
            elif strong.text == plain.text:
                self._disobeys("repetition_penalty", "repetition_penalty is ignored: it changes no answer")
            return
        # Some servers take what a model's author recommends where nothing is said; some know one of the two names.
        for neutral in ({"repetition_penalty": 1.0, "frequency_penalty": 0.0}, {"frequency_penalty": 0.0}):
            unpenalized = self._said(self.greedy, neutral)
            if unpenalized is not None:
                if unpenalized.text != plain.text:
                    self._disobeys("defaults", PENALTY_UNASKED)
                return

    def _probe(self, **changes: float) -> Decoding:
        """How a probe is decoded: greedily, but for the changes."""
        return self.greedy.model_copy(update=changes)

    def _differs(self, reply: ServerReply, decoding: Decoding) -> bool:
        """Whether asking so gives another text; False as well where the server refuses to be asked so."""
        other = self._said(decoding)
        return other is not None and other.text != reply.text

    def _said(self, decoding: Decoding, further: Mapping[str, object] | None = None) -> ServerReply | None:
        """The reply; None where the server refuses a probe's own values, which says nothing about the rows."""
        try:
            return self._ask(self._request, decoding, further or {})
        except StatusError as error:
            if error.status not in REFUSED:
                raise
            self._refusal = error.message
            return None

    def _not_known(self, names: str) -> None:
        self.notes.append(f"whether it obeys {names} is not known: a probe is refused: {self._refusal}")

    def _disobeys(self, field: str, problem: str) -> None:
        self.disobeyed.setdefault(field, (problem, FIXES[field]))


def _piece(text: str) -> str | None:
    """Some characters from the text's middle that a stop string can be; None where there are none."""
    starts = range(len(text) // 4, len(text) // 2)
    pieces = (text[start : start + STOP_CHARACTERS] for start in starts)
    # The sign for what is no character is in no answer as it is generated.
    return next((piece for piece in pieces if "\ufffd" not in piece), None)

"""Finds out whether a server obeys the decoding parameters that are set, by a handful of small requests.

A server that does not know a parameter often takes it and does as it pleases; nothing in its answers says so. So it is
asked to continue a story: once just as the rows will be, which shows what it refuses, and then for a few tokens, with
and without each parameter, and the answers are compared. Equal greedy answers cannot prove that a server is greedy, a
seed can be obeyed for one request at a time alone, and no request shows a default of the server's own for sampling
(top_k, min_p): what is not found may still be wrong. Two tokens that are as good as equally probable can make a server
in half precision look disobedient; the next run then finds it obedient.
"""

import sys

from urial.core.errors import UrialError
from urial.generate.engine import Request
from urial.generate.probes import Ask, Findings, Probes
from urial.generate.protocol import ServerReply
from urial.records.params.systems import Decoding

FEW_TOKENS = 2
# The most that OpenAI's protocol allows; every model says something else than its first choice at it.
HOT = 2.0
# So small that the most probable token alone is left.
TINY_TOP_P = 1e-6
STRONG_PENALTY = 2.0
STOP_CHARACTERS = 4
LENGTH_IGNORED = "max_tokens (decoding.max_new_tokens) is ignored"
SEED_IGNORED = "seed is ignored: two answers with the same seed differ"


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
            f"{address}: the server does not do as it is told: "
            + "; ".join(what for what, _ in found.disobeyed.values()),
            expected="answers that the decoding parameters decide",
            fix="; ".join(fix for _, fix in found.disobeyed.values()),
        )


class _Prober(Probes):
    """What is tried, and what follows from the answers."""

    def findings(self) -> Findings:
        """What the server does with each parameter that is set."""
        real = self.real()
        if self.found.disobeyed:
            return self.found
        plain = self._plain()
        if plain is None:
            self.not_known("the decoding parameters")
            if self.decoding.temperature > 0:
                self._try_seed(self.hot(self.decoding.temperature))
            return self.found
        if not plain.text.strip():
            self.found.notes.append(
                "whether it obeys the decoding parameters is not known: to a probe, it says nothing"
            )
            return self.found
        self._try_length(plain, real)
        if self.stop:
            self._try_stop(plain)
        if self.decoding.temperature > 0:
            self._try_sampling(plain)
        elif not self.same(plain, self.greedy):
            self.disobeys("temperature", "two answers at temperature 0 differ")
        if "temperature" not in self.found.disobeyed:
            self._try_penalty(plain)
        return self.found

    def _plain(self) -> ServerReply | None:
        """The greedy answer; of the length that is set where the server refuses a probe's."""
        plain = self.said(self.greedy)
        if plain is None:
            self.greedy = self.greedy.model_copy(update={"max_new_tokens": self.decoding.max_new_tokens})
            plain = self.said(self.greedy)
        return plain

    def _try_length(self, plain: ServerReply, real: ServerReply | None) -> None:
        few = self.said(self.greedy.model_copy(update={"max_new_tokens": FEW_TOKENS}))
        if few is None:
            self._count_length(real)
            return
        if few.completion_tokens is not None:
            ignored = few.completion_tokens > FEW_TOKENS
        else:
            ignored = few.finish == "length" and few.text == plain.text
        if ignored:
            self.disobeys("max_new_tokens", LENGTH_IGNORED)
        elif few.finish != "length" and few.text == plain.text:
            self.found.notes.append("whether it obeys max_tokens is not known: to a probe, it says less than that")

    def _count_length(self, real: ServerReply | None) -> None:
        """By the answer that may have as many tokens as are set."""
        if real is None or real.completion_tokens is None:
            self.not_known("max_tokens")
        elif real.completion_tokens > self.decoding.max_new_tokens:
            self.disobeys("max_new_tokens", LENGTH_IGNORED)
        elif real.finish != "length":
            self.not_known("max_tokens")

    def _try_stop(self, plain: ServerReply) -> None:
        stop = _piece(plain.text)
        stopped = self.said(self.greedy, {"stop": [stop]}) if stop else None
        if stopped is None or not plain.text.startswith(stopped.text):
            self.found.notes.append("whether it obeys stop strings is not known; answers are cut at them here")
        elif stopped.text == plain.text:
            self.found.notes.append(
                "it ignores stop strings; answers are cut at them here, but each is paid for up to its end"
            )

    def _try_sampling(self, plain: ServerReply) -> None:
        hot = self.hot(HOT)
        sampled = self.said(hot)
        if sampled is not None and sampled.text == plain.text:
            self.disobeys("temperature", "temperature is ignored: what is sampled is the greedy answer")
            return
        if sampled is None:
            hot = self.hot(self.decoding.temperature)
            sampled = self.said(hot)
            # Near 0, a server that obeys gives the greedy answer too.
            if sampled is None or sampled.text == plain.text:
                self.not_known("temperature, seed and top_p")
                return
        if not self.same(sampled, hot):
            self.disobeys("seed", SEED_IGNORED)
        if self.decoding.top_p < 1:
            self._try_top_p(plain, sampled, hot)

    def _try_seed(self, hot: Decoding) -> None:
        sampled = self.said(hot)
        if sampled is not None and not self.same(sampled, hot):
            self.disobeys("seed", SEED_IGNORED)

    def _try_top_p(self, plain: ServerReply, sampled: ServerReply, hot: Decoding) -> None:
        cold = self.said(hot.model_copy(update={"top_p": TINY_TOP_P}))
        if cold is None:
            told = self.said(hot.model_copy(update={"top_p": self.decoding.top_p}))
            if told is None or told.text == sampled.text:
                self.not_known("top_p")
        elif cold.text != plain.text:
            self.disobeys("top_p", f"top_p is ignored: with {TINY_TOP_P:g} the answer is not the greedy one")

    def _try_penalty(self, plain: ServerReply) -> None:
        penalty = self.decoding.repetition_penalty
        if penalty != 1:
            strong = self.said(self.greedy.model_copy(update={"repetition_penalty": STRONG_PENALTY}))
            if strong is None:
                told = self.said(self.greedy.model_copy(update={"repetition_penalty": penalty}))
                # A weak one may change nothing in so short an answer.
                if told is None or told.text == plain.text:
                    self.not_known("repetition_penalty")
            elif strong.text == plain.text:
                self.disobeys("repetition_penalty", "repetition_penalty is ignored: it changes no answer")
            return
        # Some servers take what a model's author recommends where nothing is said; some know one of the two names.
        for neutral in ({"repetition_penalty": 1.0, "frequency_penalty": 0.0}, {"frequency_penalty": 0.0}):
            told = self.said(self.greedy, neutral)
            if told is None:
                continue
            if told.text != plain.text:
                self.disobeys(
                    "defaults", "it penalizes repetition though none is asked for (decoding.repetition_penalty)"
                )
            return


def _piece(text: str) -> str | None:
    """Some characters out of the text's middle that a stop string can be; None where there are none."""
    starts = range(len(text) // 4, len(text) // 2)
    pieces = (text[start : start + STOP_CHARACTERS] for start in starts)
    # The sign for what is no character is in no answer as it is generated.
    return next((piece for piece in pieces if "\ufffd" not in piece), None)

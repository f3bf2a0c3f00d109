"""A language model of fifty words behind a server, which obeys, ignores or refuses the parameters that a test names."""

import hashlib
import itertools
import math
import random
from dataclasses import dataclass, field
from typing import Any

from tests.faulty_server import Asked, Reply, answers, fails

WORDS = tuple(
    f"{first}{last}" for first in "bdfgk" for last in ("a", "e", "in", "o", "ul", "ar", "em", "is", "ox", "y")
)
# How many tokens a server gives that was not told, or does not listen.
OWN_LENGTH = 40
_DRAWS = itertools.count()


@dataclass(frozen=True)
class FakeModel:
    """What the server does with each parameter; otherwise it obeys."""

    ignores: frozenset[str] = frozenset()
    refuses: frozenset[str] = frozenset()
    # What it takes where nothing is said.
    own: dict[str, Any] = field(default_factory=dict)
    # The smallest and largest value that it takes.
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    counts: bool = True
    # It ends each answer after so many words.
    ends_after: int = 1_000_000

    def reply(self, asked: Asked) -> Reply:
        """A script for serving_faulty."""
        for name in sorted(self.refuses & asked.body.keys()):
            return fails(400, f"Unrecognized request argument supplied: {name}")
        for name, (low, high) in self.bounds.items():
            if name in asked.body and not low <= asked.body[name] <= high:
                return fails(400, f"{name} must be >= {low:g} and <= {high:g}")
        told = {name: value for name, value in asked.body.items() if name not in self.ignores}
        chat = "messages" in told
        prompt = "\n".join(message["content"] for message in told["messages"]) if chat else told["prompt"]
        words, finish = self.words(prompt, {**self.own, **told})
        text = " ".join(words)
        places = [text.index(stop) for stop in told.get("stop", ()) if stop in text]
        said = {"message": {"role": "assistant", "content": text[: min(places, default=len(text))]}}
        choice = {"index": 0, "finish_reason": finish, **(said if chat else {"text": said["message"]["content"]})}
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(words)}
        return answers({"choices": [choice], **({"usage": usage} if self.counts else {})})

    def words(self, prompt: str, told: dict[str, Any]) -> tuple[list[str], str]:
        """The answer's words, and why it ends."""
        rng = random.Random(told.get("seed", -next(_DRAWS)))
        words: list[str] = []
        limit = told.get("max_tokens", OWN_LENGTH)
        while len(words) < min(limit, self.ends_after):
            words.append(_choose(_scores(prompt, words, told), told, rng))
            if any(stop in " ".join(words) for stop in told.get("stop", ())):
                return words, "stop"
        return words, "length" if len(words) == limit else "stop"


def _scores(prompt: str, words: list[str], told: dict[str, Any]) -> dict[str, float]:
    penalty = told.get("repetition_penalty", 1) + told.get("frequency_penalty", 0)
    place = "|".join([prompt, *words])
    seen = {*prompt.split(), *words}
    # Every fifth place wants the first word again.
    again = words[0] if words and len(words) % 5 == 0 else None
    return {
        word: (9.5 if word == again else _number(f"{place}|{word}") * 8) / (penalty if word in seen else 1)
        for word in WORDS
    }


def _choose(scores: dict[str, float], told: dict[str, Any], rng: random.Random) -> str:
    temperature = told.get("temperature", 1)
    ranked = sorted(scores, key=lambda word: -scores[word])
    if temperature == 0:
        return ranked[0]
    weights = [math.exp(scores[word] / temperature) for word in ranked]
    shares = list(itertools.accumulate(weight / sum(weights) for weight in weights))
    kept = 1 + sum(share < told.get("top_p", 1) for share in shares[:-1])
    return rng.choices(ranked[:kept], weights[:kept])[0]


def _number(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48

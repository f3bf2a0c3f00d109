"""A language model of fifty words behind a server, which obeys, ignores or refuses the parameters that a test names."""

import hashlib
import itertools
import math
import random
from dataclasses import dataclass, field
from typing import Any, Literal

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
    # So many words of prompt and answer are all that it can have; it says nothing of an answer that is cut off there.
    context: int | None = None
    # What it says of a prompt that leaves nothing for the answer.
    speaks: Literal["vllm", "llama.cpp"] = "vllm"

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
        count = len(prompt.split())
        if self.context is not None:
            if count >= self.context:
                return self._no_room(count, self.context)
            told["max_tokens"] = min(told.get("max_tokens", OWN_LENGTH), self.context - count)
        words, finish = self.words(prompt, {**self.own, **told})
        text = " ".join(words)
        places = [text.index(stop) for stop in told.get("stop", ()) if stop in text]
        said = {"message": {"role": "assistant", "content": text[: min(places, default=len(text))]}}
        choice = {"index": 0, "finish_reason": finish, **(said if chat else {"text": said["message"]["content"]})}
        usage = {"prompt_tokens": count, "completion_tokens": len(words)}
        return answers({"choices": [choice], **({"usage": usage} if self.counts else {})})

    def _no_room(self, count: int, context: int) -> Reply:
        """The servers' own words; vLLM has others for a prompt that is just as long as the context."""
        if self.speaks == "llama.cpp":
            message = (
                f"request ({count} tokens) exceeds the available context size ({context} tokens), try increasing it"
            )
            kind = {"type": "exceed_context_size_error", "n_prompt_tokens": count, "n_ctx": context}
            return answers({"error": {"code": 400, "message": message, **kind}}, 400)
        message, name, value = "max_tokens must be at least 1, got 0.", "max_tokens", 0
        if count > context:
            message = (
                f"This model's maximum context length is {context} tokens. However, your prompt contains at least "
            )
            message += f"{context + 1} input tokens, which exceeds this limit even without any output tokens."
            name, value = "input_tokens", context + 1
        said = {"message": f"{message} (parameter={name}, value={value})", "type": "BadRequestError", "param": name}
        return answers({"error": {**said, "code": 400}}, 400)

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

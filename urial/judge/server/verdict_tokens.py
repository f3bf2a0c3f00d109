"""The probabilities of two verdict tokens, as a server gives them beside the first token of a reply."""

import math
from collections.abc import Mapping

from pydantic import JsonValue

DECIMALS = 12


def verdict_probabilities(
    choice: Mapping[str, JsonValue] | None, tokens: tuple[str, str] | None
) -> tuple[float, float] | None:
    """The probabilities of two tokens as the first of a reply, 0 for one that is not among the likeliest.

    A space before a token counts as the token; nothing else does. None: not asked for, or neither is among them.
    """
    if choice is None or tokens is None:
        return None
    found = dict.fromkeys(tokens, 0.0)
    for text, logprob in _candidates(choice).items():
        token = text.removeprefix(" ")
        if token in found:
            found[token] += math.exp(min(0.0, logprob))
    first, second = (round(min(1.0, found[token]), DECIMALS) for token in tokens)
    return (first, second) if first + second > 0 else None


def _candidates(choice: Mapping[str, JsonValue]) -> dict[str, float]:
    """Log-probabilities of the likeliest first tokens and of the one that was said, by their text."""
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    said = content[0] if isinstance(content, list) and content else None
    if not isinstance(said, dict):
        return {}
    top = said.get("top_logprobs")
    found = {}
    for candidate in [said, *(top if isinstance(top, list) else [])]:
        if isinstance(candidate, dict):
            text, logprob = candidate.get("token"), candidate.get("logprob")
            if isinstance(text, str) and isinstance(logprob, int | float) and math.isfinite(logprob):
                found[text] = float(logprob)
    return found

"""Reads the replies of OpenAI's protocol: the first choice, its message and thinking, and the server's counts of tokens."""

from collections.abc import Mapping

from pydantic import JsonValue

CHAT_PATH = "/chat/completions"
COMPLETIONS_PATH = "/completions"
# The finish reason of what a content filter broke off.
FILTERED = "content_filter"
# Words that come again, for penalties to bite on, and an end that can be continued in many ways: what probes ask.
STORY = "Continue this story. Once upon a time there was a king. The king had a house and the king had a"


def first_choice(body: Mapping[str, JsonValue]) -> dict[str, JsonValue] | None:
    """The first choice of a completion; None where the server sent something else."""
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return choice if isinstance(choice, dict) else None


def chat_message(choice: Mapping[str, JsonValue] | None) -> dict[str, JsonValue] | None:
    """The message of a choice, whose content is text or null; None where the server sent something else."""
    message = choice.get("message") if choice else None
    return message if isinstance(message, dict) and isinstance(message.get("content"), str | None) else None


def thinking_of(message: Mapping[str, JsonValue]) -> str:
    """The thinking that a server sends in a field of its own; "" where there is none."""
    fields = (message.get(name) for name in ("reasoning_content", "reasoning"))
    return next((text for text in fields if isinstance(text, str)), "")


def refusal_of(message: Mapping[str, JsonValue]) -> str:
    """The model's own words of a refusal; "" where it did not refuse."""
    refusal = message.get("refusal")
    return refusal if isinstance(refusal, str) else ""


def token_count(body: Mapping[str, JsonValue], name: str) -> int | None:
    """The server's count ``name``, such as prompt_tokens; None where it counts none."""
    usage = body.get("usage")
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

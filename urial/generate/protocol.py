"""What a server of OpenAI's protocol is sent for one prompt, and the answer in what it sends back.

A prompt version is continued at ``/completions``; chat messages are answered at ``/chat/completions``.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from urial.api.completions import (
    CHAT_PATH,
    COMPLETIONS_PATH,
    FILTERED,
    chat_message,
    first_choice,
    refusal_of,
    thinking_of,
    token_count,
)
from urial.core.thinking import first_stop
from urial.generate.engine import Request
from urial.local_models.loading.chat_templates import THINKING_VARIABLES
from urial.records.completion import Finish
from urial.records.params.file import Decoding

# The most that OpenAI's protocol allows; all are looked for in what arrives.
MAX_STOP_STRINGS = 4
# Servers keep a seed in a signed integer, some in one of 32 bits.
SEEDS = 2**31
# What servers call the ways in which an answer ends.
FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "eos_token": "end_token",
    "stop_sequence": "stop_string",
}


class FilteredError(ValueError):
    """A content filter broke the answer off."""


@dataclass(frozen=True)
class ServerReply:
    """An answer, and the server's own counts where it gives any."""

    text: str
    finish: Finish
    prompt_tokens: int | None
    completion_tokens: int | None


def path_of(request: Request) -> str:
    """Where the prompt is sent, below the server's base URL."""
    return CHAT_PATH if request.form == "messages" else COMPLETIONS_PATH


def request_body(model: str, request: Request, decoding: Decoding) -> dict[str, object]:
    """What is sent. What is off is left out, since not every server knows of it."""
    body: dict[str, object] = {
        "model": model,
        "max_tokens": decoding.max_new_tokens,
        "temperature": decoding.temperature,
    }
    if request.form == "messages":
        body["messages"] = json.loads(request.text)
        # vLLM, SGLang and llama.cpp know these, and a template leaves alone what it does not read.
        if request.thinks is not None:
            body["chat_template_kwargs"] = dict.fromkeys(THINKING_VARIABLES, request.thinks)
    else:
        body["prompt"] = request.text
    if stop := sent_stop_strings(watched(request)):
        body["stop"] = stop
    if decoding.temperature > 0:
        body["seed"] = request.seed % SEEDS
        if decoding.top_p < 1:
            body["top_p"] = decoding.top_p
    # No part of OpenAI's protocol, but known to most servers of open models.
    if decoding.repetition_penalty != 1:
        body["repetition_penalty"] = decoding.repetition_penalty
    return body


def watched(request: Request) -> Sequence[str]:
    """The stop strings that a server is to watch for: it knows of no thinking, so that then all are looked for here."""
    return request.stop if request.marks is None else ()


def sent_stop_strings(stop: Sequence[str]) -> list[str]:
    """The stop strings that a server is to watch for, no more than the protocol allows.

    None that is part of another: the server would cut at the shorter one, and what is before it in the longer one would
    stay in the answer. The shorter one is found here.
    """
    return [text for text in stop if not any(text != other and text in other for other in stop)][:MAX_STOP_STRINGS]


def read_answer(body: Mapping[str, JsonValue], request: Request, *, names_stop_strings: bool = False) -> ServerReply:
    """The answer before its first stop string; ``names_stop_strings``: the server does so whenever one ended an answer.

    Thinking that a chat server sends in a field of its own is put in front as ``<think>…</think>``.
    Raises FilteredError, and ValueError saying what else is wrong.
    """
    choice = first_choice(body)
    if choice is None:
        raise ValueError("no choices")
    reason = choice.get("finish_reason")
    if reason == FILTERED:
        raise FilteredError("a content filter broke the answer off")
    if not isinstance(reason, str) or reason not in FINISHES:
        # Only what is sure to be no secret is shown of what a server sent.
        named = f" ({reason})" if isinstance(reason, str) and re.fullmatch("[a-z_]{1,30}", reason) else ""
        raise ValueError(f"an answer that ended for another reason than an answer's end or length{named}")
    text = _chat_text(choice, reason) if request.form == "messages" else choice.get("text")
    if not isinstance(text, str):
        raise ValueError("no text")
    counts = [token_count(body, name) for name in ("prompt_tokens", "completion_tokens")]
    end = first_stop(text, request.stop, request.marks)
    if end is not None:
        return ServerReply(text[:end], "stop_string", *counts)
    return ServerReply(text, _ended_by(choice, reason, watched(request), names_stop_strings), *counts)


def _chat_text(choice: Mapping[str, JsonValue], reason: str) -> str | None:
    """Thinking and content, or the words of a refusal; None where there is no message."""
    message = chat_message(choice)
    if message is None:
        return None
    thinking = thinking_of(message)
    written = message.get("content")
    content = written if isinstance(written, str) and written else refusal_of(message)
    if not thinking:
        return content if content or "content" in message else None
    if not content and reason == "length":
        return f"<think>\n{thinking}"
    return f"<think>\n{thinking}\n</think>\n\n{content}"


def _ended_by(choice: Mapping[str, JsonValue], reason: str, stop: Sequence[str], names_stop_strings: bool) -> Finish:
    """What ended an answer in which no stop string is left."""
    if FINISHES[reason] != "stop":
        return FINISHES[reason]
    if not stop:
        return "end_token"
    # vLLM and SGLang name the stop string, or the id of the end token.
    stopped_by = choice.get("stop_reason") or choice.get("matched_stop")
    if isinstance(stopped_by, str):
        return "stop_string"
    if isinstance(stopped_by, int) and not isinstance(stopped_by, bool):
        return "end_token"
    return "end_token" if names_stop_strings and stopped_by is None and "stop_reason" in choice else "stop"

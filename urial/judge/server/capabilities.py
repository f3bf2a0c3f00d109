"""What a judge's server can do, found out by asking it once; the row cache remembers."""

import json
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue

from urial.api.client import ApiClient, StatusError
from urial.api.completions import CHAT_PATH, chat_message, first_choice
from urial.api.served_model import read_served_model
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.row_cache import RowCache
from urial.records.base import Hash, Record
from urial.records.judge import ServerFormat
from urial.records.model import Software
from urial.records.params.judges import OpenAIJudge

TokensField = Literal["max_tokens", "max_completion_tokens"]
# Servers whose grammars allow any white space between the parts of an object, in which a model can go on for ever.
_UNBOUNDED = ("vllm", "sglang")
# No reply that people would lay out has such runs; in a string, white space but blanks is written otherwise. OpenAI's
# protocol allows four.
WHITE_SPACE = ("\n" * 8, " " * 64, "\t" * 16, " \n" * 8)
TOO_LONG_FIX = "set judges.NAME.max_characters, or lower judges.NAME.max_tokens"
# Nobody would write this name unless the schema demands it.
_PROBE_FIELD = "greeting_of_the_probe"
_PROBE_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {_PROBE_FIELD: {"type": "string", "enum": ["hello"]}},
    "required": [_PROBE_FIELD],
    "additionalProperties": False,
}


class ServerCapabilities(Record):
    """What was found out about a model on a server."""

    response_format: ServerFormat = Field(description="how the form of a reply is asked for")
    model: str | None = Field(description="the model's name as the server gives it, best a snapshot; null: none given")
    tokens_field: TokensField = Field(description="what the server calls the longest reply")
    software: Software | None = Field(
        default=None, description="what serves the model, as it says itself; null: it does not say, or was never asked"
    )


def server_capabilities(judge: OpenAIJudge, client: ApiClient, cache: RowCache) -> ServerCapabilities:
    """Those on record, or found out now by a few small requests. Raises UrialError when no reply comes."""
    recorded = recorded_capabilities(judge, client.address, cache)
    if recorded is not None:
        return recorded
    tokens_field: TokensField = "max_tokens"
    form: ServerFormat = "text" if judge.response_format == "auto" else judge.response_format
    try:
        try:
            reply = client.ask(CHAT_PATH, _hello(judge, form, tokens_field))
        except StatusError as error:
            if "max_completion_tokens" not in error.message:
                raise
            tokens_field = "max_completion_tokens"
            reply = client.ask(CHAT_PATH, _hello(judge, form, tokens_field))
    except StatusError as error:
        raise with_fix(error, judge) from error
    if chat_message(first_choice(reply)) is None:
        raise UrialError(
            f"{client.address}: the server sent no chat completion",
            fix="name a server of OpenAI's protocol; its address usually ends in /v1",
        )
    if judge.response_format == "auto":
        # The strictest form that the server obeys. One that it takes and ignores is none.
        if _json_reply(client, _hello(judge, "json_schema", tokens_field)) == {_PROBE_FIELD: "hello"}:
            form = "json_schema"
        elif _json_reply(client, _hello(judge, "json_object", tokens_field)) is not None:
            form = "json_object"
    model = reply.get("model")
    name = model if isinstance(model, str) and model else None
    software = read_served_model(judge).software
    new = ServerCapabilities(response_format=form, model=name, tokens_field=tokens_field, software=software)
    cache.put(capabilities_key(judge, client.address), new)
    served = f", served by {software}" if software else ""
    print(f"{client.address}: {name or judge.model} answers{served}; form of replies: {form}", flush=True)
    return new


def recorded_capabilities(judge: OpenAIJudge, address: str, cache: RowCache) -> ServerCapabilities | None:
    """The capabilities on record; None where the server was never asked."""
    key = capabilities_key(judge, address)
    return cache.get([key], ServerCapabilities).get(key)


def capabilities_key(judge: OpenAIJudge, address: str) -> Hash:
    """Content address of the capabilities: what the server is sent besides the question."""
    sent = {"model", "temperature", "seed", "parameters", "response_format", "max_tokens"}
    settings = judge.model_dump(mode="json", include=sent)
    return content_hash({"row": "capabilities", "server": address, "judge": settings})


def chat_body(
    judge: OpenAIJudge, text: str, schema: Mapping[str, JsonValue], able: ServerCapabilities, attempt: int = 0
) -> dict[str, object]:
    """The request for one reply, whose form is asked for unless it is text; ``attempt`` 0 is the first.

    Where the grammar of the server allows white space without end, runs of it end the reply.
    """
    form = able.response_format
    body: dict[str, object] = {
        "model": judge.model,
        "messages": [{"role": "user", "content": text}],
        able.tokens_field: judge.max_tokens,
    }
    if judge.temperature is not None:
        body["temperature"] = judge.temperature
    if judge.seed is not None:
        # Asked again with the same seed, a server would say the same again.
        body["seed"] = judge.seed + attempt
    if form == "json_schema":
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": schema},
        }
    elif form == "json_object":
        body["response_format"] = {"type": "json_object"}
    if form != "text" and able.software in _UNBOUNDED:
        body["stop"] = list(WHITE_SPACE)
    return {**body, **judge.parameters}


def with_fix(error: StatusError, judge: OpenAIJudge) -> StatusError:
    """The error of a server that refuses requests, with what params.yaml can do about it."""
    if error.leaves_no_room(judge.max_tokens):
        return error.but(fix=f"{TOO_LONG_FIX}, or set judges.NAME.on_failure to record")
    said = f"{error.code} {error.message}".lower()
    fixes = {
        "context": TOO_LONG_FIX,
        "temperature": "set judges.NAME.temperature to null",
        "response_format": "set judges.NAME.response_format to json_object or text",
        "schema": "set judges.NAME.response_format to json_object or text",
        "seed": "set judges.NAME.seed to null",
    }
    fix = error.fix or next((fix for word, fix in fixes.items() if word in said), None)
    return error.but(fix=fix or "correct judges.NAME in params.yaml")


def _hello(judge: OpenAIJudge, form: ServerFormat, tokens_field: TokensField) -> dict[str, object]:
    """The request of a probe."""
    text = 'Say hello as a JSON object with the one field "hello".' if form == "json_object" else "Say hello."
    able = ServerCapabilities(response_format=form, model=None, tokens_field=tokens_field)
    return chat_body(judge, text, _PROBE_SCHEMA, able)


def _json_reply(client: ApiClient, body: Mapping[str, object]) -> dict[str, JsonValue] | None:
    """The JSON object that a reply consists of; None where it is none, or where the server refuses the form."""
    try:
        message = chat_message(first_choice(client.ask(CHAT_PATH, body)))
    except StatusError as error:
        if error.status in (400, 404, 422, 501):
            return None
        raise
    content = message.get("content") if message else None
    try:
        value = json.loads(content) if isinstance(content, str) else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None

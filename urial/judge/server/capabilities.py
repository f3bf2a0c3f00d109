"""What a judge's server can do, found out by asking it once; the row cache remembers."""

import json
from collections.abc import Mapping
from typing import Literal

from pydantic import Field, JsonValue

from urial.api.client import ApiClient, StatusError
from urial.api.completions import CHAT_PATH, chat_message, first_choice
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.row_cache import RowCache
from urial.records.base import Hash, Record
from urial.records.judgment import ServerFormat
from urial.records.params.judges import OpenAIJudge

TokensField = Literal["max_tokens", "max_completion_tokens"]
# Nobody would write this name unless the schema demands it.
_PROBE_FIELD = "greeting_of_the_probe"
_PROBE_SCHEMA = {
    "type": "object",
    "properties": {_PROBE_FIELD: {"type": "string", "enum": ["hello"]}},
    "required": [_PROBE_FIELD],
    "additionalProperties": False,
}
_SAY_HELLO = "Say hello."
_SAY_HELLO_IN_JSON = 'Say hello as a JSON object with the one field "hello".'


class ServerCapabilities(Record):
    """What was found out about a model on a server."""

    response_format: ServerFormat = Field(description="how the form of a reply is asked for")
    model: str | None = Field(description="the model's name as the server gives it, best a snapshot; null: none given")
    tokens_field: TokensField = Field(description="what the server calls the longest reply")


def server_capabilities(judge: OpenAIJudge, client: ApiClient, cache: RowCache) -> ServerCapabilities:
    """Those on record, or found out now by a few small requests. Raises UrialError when no reply comes."""
    recorded = recorded_capabilities(judge, client.address, cache)
    if recorded is not None:
        return recorded
    tokens_field, body = _first_reply(judge, client)
    model = body.get("model")
    form = judge.response_format
    new = ServerCapabilities(
        response_format=_obeyed_form(judge, client, tokens_field) if form == "auto" else form,
        model=model if isinstance(model, str) and model else None,
        tokens_field=tokens_field,
    )
    cache.put(capabilities_key(judge, client.address), new)
    print(f"{client.address}: {new.model or judge.model} answers; form of replies: {new.response_format}", flush=True)
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
    judge: OpenAIJudge, text: str, form: Mapping[str, object] | None, tokens_field: TokensField, attempt: int = 0
) -> dict[str, object]:
    """The request for one reply; ``form`` is its response_format, None: none."""
    body: dict[str, object] = {
        "model": judge.model,
        "messages": [{"role": "user", "content": text}],
        tokens_field: judge.max_tokens,
    }
    if judge.temperature is not None:
        body["temperature"] = judge.temperature
    if judge.seed is not None:
        # Asked again with the same seed, a server would say the same again.
        body["seed"] = judge.seed + attempt
    if form is not None:
        body["response_format"] = form
    return {**body, **judge.parameters}


def response_format(form: ServerFormat, schema: Mapping[str, object]) -> dict[str, object] | None:
    """The response_format of a request; None for plain text."""
    if form == "json_schema":
        return {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}}
    return {"type": "json_object"} if form == "json_object" else None


def with_fix(error: StatusError) -> StatusError:
    """The error of a server that refuses requests, with what params.yaml can do about it."""
    said = f"{error.code} {error.message}".lower()
    fixes = {
        "context": "set judges.NAME.max_characters, or lower judges.NAME.max_tokens",
        "temperature": "set judges.NAME.temperature to null",
        "response_format": "set judges.NAME.response_format to json_object or text",
        "schema": "set judges.NAME.response_format to json_object or text",
        "seed": "set judges.NAME.seed to null",
    }
    fix = error.fix or next((fix for word, fix in fixes.items() if word in said), None)
    return error.but(fix=fix or "correct judges.NAME in params.yaml")


def _first_reply(judge: OpenAIJudge, client: ApiClient) -> tuple[TokensField, dict[str, JsonValue]]:
    form = None if judge.response_format == "auto" else response_format(judge.response_format, _PROBE_SCHEMA)
    asked = _SAY_HELLO_IN_JSON if judge.response_format == "json_object" else _SAY_HELLO
    fields: tuple[TokensField, ...] = ("max_tokens", "max_completion_tokens")
    for tokens_field in fields:
        try:
            body = client.ask(CHAT_PATH, chat_body(judge, asked, form, tokens_field))
        except StatusError as error:
            if tokens_field == "max_tokens" and "max_completion_tokens" in error.message:
                continue
            raise with_fix(error) from error
        if chat_message(first_choice(body)) is None:
            raise UrialError(
                f"{client.address}: the server sent no chat completion",
                fix="name a server of OpenAI's protocol; its address usually ends in /v1",
            )
        return tokens_field, body
    raise AssertionError("the last field either answers or raises")


def _obeyed_form(judge: OpenAIJudge, client: ApiClient, tokens_field: TokensField) -> ServerFormat:
    """The strictest form that the server obeys. One that it takes and ignores is none."""
    form = response_format("json_schema", _PROBE_SCHEMA)
    if _asked_for(client, chat_body(judge, _SAY_HELLO, form, tokens_field)) == {_PROBE_FIELD: "hello"}:
        return "json_schema"
    form = response_format("json_object", {})
    if _asked_for(client, chat_body(judge, _SAY_HELLO_IN_JSON, form, tokens_field)) is not None:
        return "json_object"
    return "text"


def _asked_for(client: ApiClient, body: Mapping[str, object]) -> dict[str, JsonValue] | None:
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

"""What a judge's server can do, found out by asking it once; the row cache remembers."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from urial.api.client import ApiClient, StatusError
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.row_cache import RowCache
from urial.records.base import Hash, Record
from urial.records.params.judges import OpenAIJudge

Form = Literal["json_schema", "json_object", "text"]
TokensField = Literal["max_tokens", "max_completion_tokens"]
PATH = "/chat/completions"
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


class ServerFacts(Record):
    """What was found out about a model on a server."""

    reply: Form = Field(description="how the form of a reply is asked for")
    model: str | None = Field(description="the model's name as the server gives it, best a snapshot; null: none given")
    tokens_field: TokensField = Field(description="what the server calls the longest reply")


def server_facts(judge: OpenAIJudge, client: ApiClient, cache: RowCache) -> ServerFacts:
    """The facts on record, or found out now by a few small requests. Raises UrialError when no reply is to be had."""
    found = recorded_facts(judge, client.address, cache)
    if found is None:
        found = _find_out(judge, client)
        cache.put(facts_key(judge, client.address), found)
        print(f"{client.address}: {found.model or judge.model} answers; form of replies: {found.reply}", flush=True)
    return found


def recorded_facts(judge: OpenAIJudge, address: str, cache: RowCache) -> ServerFacts | None:
    """The facts on record; None where the server was never asked."""
    key = facts_key(judge, address)
    return cache.get([key], ServerFacts).get(key)


def facts_key(judge: OpenAIJudge, address: str) -> Hash:
    """Content address of the facts: what the server is told besides the question."""
    told = judge.model_dump(mode="json", include={"model", "temperature", "seed", "parameters", "reply", "max_tokens"})
    return content_hash({"row": "facts", "server": address, "judge": told})


def chat_body(
    judge: OpenAIJudge, text: str, form: Mapping[str, Any] | None, tokens_field: TokensField, attempt: int = 0
) -> dict[str, Any]:
    """The request for one reply; ``form`` is its response_format, None: none."""
    body: dict[str, Any] = {
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


def schema_form(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The response_format that demands a schema."""
    return {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}}


def response_format(form: Form, schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The response_format of a request; None for plain text."""
    if form == "json_schema":
        return schema_form(schema)
    return {"type": "json_object"} if form == "json_object" else None


def with_fix(error: StatusError) -> UrialError:
    """The error of a server that refuses requests, with what params.yaml can do about it."""
    said = f"{error.code} {error.message}".lower()
    fixes = {
        "context": "set judges.NAME.max_characters, or lower judges.NAME.max_tokens",
        "temperature": "set judges.NAME.temperature to null",
        "response_format": "set judges.NAME.reply to json_object or text",
        "schema": "set judges.NAME.reply to json_object or text",
        "seed": "set judges.NAME.seed to null",
    }
    fix = error.fix or next((fix for word, fix in fixes.items() if word in said), None)
    return UrialError(error.what, fix=fix or "correct judges.NAME in params.yaml")


def message_of(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The message in a chat completion; None where the server sent something else."""
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return message if isinstance(message, dict) else None


def _find_out(judge: OpenAIJudge, client: ApiClient) -> ServerFacts:
    tokens_field, body = _first_reply(judge, client)
    model = body.get("model")
    return ServerFacts(
        reply=_obeyed_form(judge, client, tokens_field) if judge.reply == "auto" else judge.reply,
        model=model if isinstance(model, str) and model else None,
        tokens_field=tokens_field,
    )


def _first_reply(judge: OpenAIJudge, client: ApiClient) -> tuple[TokensField, dict[str, Any]]:
    form = None if judge.reply == "auto" else response_format(judge.reply, _PROBE_SCHEMA)
    asked = _SAY_HELLO_IN_JSON if judge.reply == "json_object" else _SAY_HELLO
    fields: tuple[TokensField, ...] = ("max_tokens", "max_completion_tokens")
    for tokens_field in fields:
        try:
            body = client.ask(PATH, chat_body(judge, asked, form, tokens_field))
        except StatusError as error:
            if tokens_field == "max_tokens" and "max_completion_tokens" in error.message:
                continue
            raise with_fix(error) from error
        if message_of(body) is None:
            raise UrialError(
                f"{client.address}: the server sent no chat completion",
                fix="name a server of OpenAI's protocol; its address usually ends in /v1",
            )
        return tokens_field, body
    raise AssertionError("the last field either answers or raises")


def _obeyed_form(judge: OpenAIJudge, client: ApiClient, tokens_field: TokensField) -> Form:
    """The strictest form that the server obeys. One that it takes and ignores is none."""
    if _probe_field(_asked_for(client, chat_body(judge, _SAY_HELLO, schema_form(_PROBE_SCHEMA), tokens_field))):
        return "json_schema"
    form = {"type": "json_object"}
    if _asked_for(client, chat_body(judge, _SAY_HELLO_IN_JSON, form, tokens_field)) is not None:
        return "json_object"
    return "text"


def _probe_field(value: dict[str, Any] | None) -> bool:
    return value == {_PROBE_FIELD: "hello"}


def _asked_for(client: ApiClient, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The JSON object that a reply consists of; None where it is none, or where the server refuses the form."""
    try:
        message = message_of(client.ask(PATH, body))
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

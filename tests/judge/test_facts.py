"""What a server can do is found out by asking it, once."""

from typing import Any

import pytest

from tests.judge.conftest import MODEL, make_plan
from tests.judge_server import completion, judging, obedient
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.judge.model.cost import Ledger
from urial.judge.server.capabilities import ServerCapabilities
from urial.judge.server.openai_judge import OpenAIBackend
from urial.records.judge import ServerFormat
from urial.records.plans import OpenAIPlan


def found(url: str, cache: RowCache, **changes: Any) -> ServerCapabilities:
    planned = make_plan(url, **changes).judge
    assert isinstance(planned, OpenAIPlan)
    return OpenAIBackend(planned.judge, cache, Ledger()).capabilities


def ignores_forms(body: dict[str, Any]) -> Any:
    return completion("Hello! How can I help?")


def knows_json_mode(body: dict[str, Any]) -> Any:
    wanted = body.get("response_format", {}).get("type")
    return completion('{"hello": "you"}' if wanted == "json_object" else "Hello!")


def knows_no_forms(body: dict[str, Any]) -> Any:
    return (501, {"error": {"message": "not implemented"}}) if "response_format" in body else completion("Hello!")


def refuses_forms(body: dict[str, Any]) -> Any:
    if "response_format" in body:
        return 400, {"error": {"message": "response_format is not supported"}}
    return completion("Hello!")


@pytest.mark.parametrize(
    ("reply", "form"),
    [
        (obedient, "json_schema"),
        (knows_json_mode, "json_object"),
        (ignores_forms, "text"),
        (refuses_forms, "text"),
        (knows_no_forms, "text"),
    ],
)
def test_the_strictest_form_that_a_server_obeys_is_used(cache: RowCache, reply: Any, form: ServerFormat) -> None:
    with judging(reply) as server:
        assert found(server.url, cache) == ServerCapabilities(
            response_format=form, model=MODEL, tokens_field="max_tokens"
        )
        asked = len(server.asked)
        assert found(server.url, cache).response_format == form
        assert len(server.asked) == asked, "the row cache remembers"


def test_a_named_form_is_tried_with_one_request(cache: RowCache) -> None:
    with judging() as server:
        assert found(server.url, cache, response_format="json_schema").response_format == "json_schema"
        (body,) = server.asked
    assert body["response_format"]["type"] == "json_schema"


def test_a_named_form_that_the_server_refuses_stops_the_run(cache: RowCache) -> None:
    with judging(refuses_forms) as server, pytest.raises(UrialError, match=r"status 400: .*not supported"):
        found(server.url, cache, response_format="json_schema")


def test_a_model_that_calls_the_limit_otherwise_is_understood(cache: RowCache) -> None:
    def reply(body: dict[str, Any]) -> Any:
        if "max_tokens" in body:
            return 400, {"error": {"message": "use 'max_completion_tokens' instead of 'max_tokens'"}}
        return completion("Hello!")

    with judging(reply) as server:
        assert found(server.url, cache, temperature=None).tokens_field == "max_completion_tokens"
        assert "temperature" not in server.asked[-1]
        assert server.asked[-1]["max_completion_tokens"] == 100


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": [{"text": "x"}]}])
def test_what_is_no_chat_server_stops_the_run(cache: RowCache, body: Any) -> None:
    with judging(lambda _: body) as server:
        with pytest.raises(UrialError) as caught:
            found(server.url, cache)
        assert str(caught.value) == (
            f"{server.url}: the server sent no chat completion"
            "\n  fix: name a server of OpenAI's protocol; its address usually ends in /v1"
        )


def test_another_model_or_decoding_is_asked_anew(cache: RowCache) -> None:
    with judging() as server:
        found(server.url, cache, response_format="text")
        found(server.url, cache, response_format="text", model="other")
        found(server.url, cache, response_format="text", temperature=0.5)
        found(server.url, cache, response_format="text", max_reasks=5)
    assert len(server.asked) == 3

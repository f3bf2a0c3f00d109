"""The key reaches its server, and nothing else: no other host, no message, no log."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.api.asking import CANARY, KEY, PATH
from tests.faulty_server import Asked, FaultyServer, Handler, Reply, answers, resets, sends, serving_faulty, truncated
from urial.api.client import ApiClient, Job, Outcome
from urial.core.errors import UrialError
from urial.records.model import Limits

LIBRARIES = ("", "openai", "openai._base_client", "httpx2", "httpcore2", "httpcore2.http11", "httpcore2.connection")
SECRETS = (CANARY, "secret-password", "secret-query")
Attempt = Callable[[ApiClient], object]


@pytest.fixture(autouse=True)
def key_and_every_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    monkeypatch.setenv(KEY, CANARY)
    for name in LIBRARIES:
        caplog.set_level(logging.DEBUG, logger=name)
    yield
    logged = caplog.get_records("call")
    shown = "".join(record.getMessage() + str(vars(record)) for record in logged)
    assert [secret for secret in SECRETS if secret in shown] == []


def repeats(status: int, as_html: bool = False) -> Reply:
    """All that it was sent, wherever there is room for it."""

    def reply(handler: Handler, asked: Asked) -> None:
        said = json.dumps({"path": asked.path, **asked.headers})
        data = f"<html>{said}".encode() if as_html else json.dumps({"error": {"message": said, "code": said}}).encode()
        headers = {"X-Repeat": CANARY, "Set-Cookie": f"a={CANARY}", "Location": f"http://{CANARY}@127.0.0.1/{CANARY}"}
        sends(data, status, headers=headers)(handler, asked)

    return reply


def address(server: FaultyServer) -> str:
    return server.url.replace("//", "//a-user:secret-password@") + "?q=secret-query&api-version=1"


def shown(error: BaseException) -> str:
    parts = [str(error), repr(error), str(vars(error)), *traceback.format_exception(error)]
    chain = [error]
    while following := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(following)
    return "".join(parts) + "".join(map(repr, chain))


def raise_error(outcomes: list[Outcome[str]]) -> None:
    [outcome] = outcomes
    assert outcome.error
    assert [secret for secret in SECRETS if secret in repr(outcome)] == []
    raise outcome.error


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("with_user", [True, False])
@pytest.mark.parametrize(
    "attempt",
    [
        lambda client: client.ask(PATH, {"a": 1}),
        lambda client: raise_error(list(client.run([Job("a", PATH, {})]))),
        lambda client: client.get("/batches/b1"),
        lambda client: client.upload("a.jsonl", b"{}", "batch"),
        lambda client: client.download("/files/f1/content"),
    ],
)
def test_no_secret_is_in_an_error(attempt: Attempt, status: int, with_user: bool) -> None:
    with serving_faulty([repeats(status)]) as server:
        client = ApiClient(address(server) if with_user else server.url, KEY, Limits(retries=1))
        with pytest.raises(UrialError) as caught:
            attempt(client)
        text = shown(caught.value)
        assert f"{server.url}: " in text
    assert [secret for secret in SECRETS if secret in text] == []
    assert [secret for secret in SECRETS if secret in repr(client) + client.address] == []


@pytest.mark.parametrize(
    "reply",
    [repeats(500, as_html=True), repeats(200, as_html=True), resets(), sends(CANARY.encode()), answers([CANARY]),
     answers({CANARY: float("nan")}), sends(f'{{"{CANARY}": 1, "{CANARY}": 2}}'.encode()), truncated(CANARY, 25)],
)  # fmt: skip
def test_no_secret_is_in_the_cause_of_giving_up(reply: Reply) -> None:
    with serving_faulty([reply]) as server, pytest.raises(UrialError) as caught:
        ApiClient(address(server), KEY, Limits(retries=0)).ask(PATH, {})
    assert [secret for secret in SECRETS if secret in shown(caught.value)] == []


def test_the_key_is_sent_as_openai_s_protocol_wants_it() -> None:
    with serving_faulty([answers({})]) as server:
        ApiClient(server.url + "/", KEY, Limits()).ask(PATH, {})
    assert server.asked[0].path == "/v1/chat/completions"
    assert server.asked[0].headers["authorization"] == f"Bearer {CANARY}"
    assert "api-key" not in server.asked[0].headers


def test_what_an_address_holds_is_sent_and_no_key_of_another_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-key-0123")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-another-key-0123")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer sk-another-key-0123")
    monkeypatch.delenv(KEY)
    with serving_faulty([answers({})]) as server:
        ApiClient(server.url, KEY, Limits()).ask(PATH, {})
        monkeypatch.setenv(KEY, CANARY)
        ApiClient(address(server), KEY, Limits()).ask(PATH, {})
    plain, full = server.asked
    assert plain.headers["authorization"] == "Bearer none"
    assert full.path == "/v1/chat/completions?q=secret-query&api-version=1"
    assert full.headers["authorization"].startswith("Basic ")
    assert full.headers["api-key"] == CANARY
    assert "sk-another" not in str(server.asked)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_sent_on_to_another_host_with_the_key(status: int) -> None:
    with serving_faulty([answers({})]) as other, serving_faulty([]) as server:
        server.script = [answers({}, status, {"Location": other.url + "/chat/completions"})]
        client = ApiClient(server.url, KEY, Limits())
        for attempt in (partial(client.ask, PATH, {}), partial(client.download, "/files/f1/content")):
            with pytest.raises(UrialError) as caught:
                attempt()
            assert str(caught.value) == (
                f"{server.url}: status {status}: it sends on to {other.url}/chat/completions"
                "\n  fix: name the address that answers itself; the key is not sent on"
            )
        assert other.asked == []
    assert len(server.asked) == 2

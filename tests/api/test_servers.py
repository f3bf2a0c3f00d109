"""Addresses and keys: what is sent, and what is shown."""

import base64
import string
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.api.asking import CANARY, KEY
from tests.conftest import run_python
from urial.api.servers import MAX_MESSAGE, Server, open_client, public_address
from urial.core.errors import UrialError
from urial.records.model import Limits

# A key as servers make them, also with characters that JSON, Python and addresses write in another way.
KEYS = st.text(string.ascii_letters + string.digits + "-_+/='\"\\&%", min_size=8, max_size=40)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("https://user:secret@host.example/v1?key=secret#secret", "https://host.example/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("https://host.example", "https://host.example"),
    ],
)
def test_an_address_is_shown_without_what_is_secret_in_it(url: str, address: str) -> None:
    assert public_address(url) == Server(url, KEY).address == address


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "ftp://host", "http://", "http://[", "http://h:x", "/v1", "http://h:99999", "http://a b/v1",
     "http://a..b/v1", "http://h\n/v1", "http://secret@/v1", "http://h:0/v1"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UrialError) as caught:
        public_address(url, "judges.gpt.server")
    assert str(caught.value) == "judges.gpt.server is no address\n  expected: http://HOST:PORT/v1, or with https"


@given(st.text(max_size=30).map("http://".__add__) | st.from_regex(r"https?://[!-~]{1,30}", fullmatch=True))
@example("http://0/v1")
@example("http://-/v1")
@example("http://user:%@host/\ud800")
def test_whatever_is_taken_for_an_address_can_be_asked_or_is_refused_in_words(url: str) -> None:
    try:
        open_client(Server(url, KEY), Limits())
    except UrialError as error:
        assert error.expected or error.fix  # noqa: PT017


def test_an_address_holds_user_password_and_query() -> None:
    server = Server("https://me:p%40ss@host.example/v1?tenant=t1&empty=", KEY)
    assert server.base_url == "https://host.example/v1"
    assert server.query == {"tenant": "t1"}
    assert server.headers == {"Authorization": "Basic " + base64.b64encode(b"me:p@ss").decode()}


def test_azure_gets_its_key_in_a_header_of_its_own_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, CANARY)
    server = Server("https://x.openai.azure.com/openai/deployments/gpt?api-version=2024-10-21", KEY)
    assert server.headers == {"Authorization": f"Bearer {CANARY}", "api-key": CANARY}
    assert server.query == {"api-version": "2024-10-21"}
    # Which is no secret.
    assert server.clean("2024-10-21 is too old") == "2024-10-21 is too old"


def test_a_key_is_stripped_and_a_missing_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Server("http://h/v1", KEY).headers == {"Authorization": "Bearer none"}
    monkeypatch.setenv(KEY, f"\n {CANARY}\t\n")
    assert Server("http://h/v1", KEY).headers == {"Authorization": f"Bearer {CANARY}"}


@pytest.mark.parametrize("key", ["a\nb", "é", "a b", "a\x7f"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(KEY, key)
    with pytest.raises(UrialError) as caught:
        Server("http://h/v1", KEY)
    assert str(caught.value) == f"{KEY} has characters that no key has\n  fix: correct the environment"


@given(KEYS, st.text(max_size=20), st.text(max_size=20), st.sampled_from(["{}", "%", "repr", "list"]))
def test_a_key_that_a_server_repeats_is_in_no_message(key: str, before: str, after: str, form: str) -> None:
    said = {"{}": key, "%": quote(key, safe=""), "repr": repr(key), "list": str([key, 1])}[form]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, key)
        server = Server("http://h/v1", KEY)
    message = server.clean(f"{before}{said}{after}", limit=10_000)
    assert key not in message
    assert said not in message
    assert "***" in message
    assert message.isprintable()


def test_passwords_headers_and_queries_are_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway: gateway-secret\nbroken\nX-Short: 1")
    server = Server("http://a-user:p%40ssword@h/v1?token=query-secret&api-version=1", KEY)
    basic = base64.b64encode(b"a-user:p@ssword").decode()
    said = f"gateway-secret query-secret a-user p@ssword p%40ssword {basic} 1"
    assert server.clean(said) == "*** *** *** *** *** *** 1"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (" no\n", "no"),
        ("a\x1b[2J\nb\r\u202e\ud800\x00", "a\\x1b[2J\\nb\\r\\u202e\\ud800\\x00"),
        ("x" * MAX_MESSAGE, "x" * MAX_MESSAGE),
        ("x" * 10**6, "x" * (MAX_MESSAGE - 1) + "…"),
        ("\x1b" * MAX_MESSAGE, ("\\x1b" * MAX_MESSAGE)[: MAX_MESSAGE - 1] + "…"),
        ("é 漢 🙂", "é 漢 🙂"),
    ],
)
def test_what_a_server_says_is_one_short_line(said: str, message: str) -> None:
    assert Server("http://h/v1", KEY).clean(said) == message


def test_a_key_is_taken_out_before_the_message_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, CANARY)
    message = Server("http://h/v1", KEY).clean("x" * (MAX_MESSAGE - 5) + CANARY)
    assert message == "x" * (MAX_MESSAGE - 5) + "***"


def test_importing_the_client_is_no_reason_to_load_its_libraries() -> None:
    code = "import sys, urial.api.client; print({'openai', 'httpx2', 'aiolimiter', 'anyio'} & set(sys.modules))"
    assert run_python(code).stdout == "set()\n"

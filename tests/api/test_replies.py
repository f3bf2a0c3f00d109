"""Bodies of replies and errors, and how long to wait."""

import json
import math
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.asking import CANARY, KEY
from urial.api.errors import Failure, may_pass, no_reply, read_error, read_object, status_error
from urial.api.retrying import retry_after
from urial.api.servers import Server

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.just(f"the key {CANARY} is wrong"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["error", "message", "detail", "code", "type", CANARY]), inner, max_size=4)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize("data", [b'{"a": [1, 2.5, null]}', b' \n{"\xc3\xa9": "\\ud83d\\ude42"}\n', b"{}"])
def test_an_object_is_read(data: bytes) -> None:
    assert read_object(data) == json.loads(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not valid JSON at character 1: Expecting value"),
        (b'{"a": 1', "not valid JSON at character 8: Expecting ',' delimiter"),
        (b'Sure! {"a": 1}', "not valid JSON at character 1: Expecting value"),
        (b'{"a": 1} {"a": 1}', "not valid JSON at character 10: Extra data"),
        (b'{"a": "\n"}', "not valid JSON at character 8: Invalid control character at"),
        (b' <!doctype html><h1>502</h1>', "an HTML page"),
        (b"[1]", "an array"), (b'"a"', "a string"), (b"1", "a number"), (b"1.5", "a number"), (b"true", "a boolean"),
        (b"null", "null"),
        (b'{"a": {"b": 1, "c": 2, "b": 1}}', "key 'b' twice in one object"),
        (b'{"a": NaN}', "NaN is no JSON"), (b'{"a": -Infinity}', "-Infinity is no JSON"),
        (b'{"a": 1e999}', "the number '1e999' is too large"),
        (b'{"a": "\xff"}', "invalid UTF-8 at byte 7"),
        ('{"a": 1}'.encode("utf-16"), "invalid UTF-8 at byte 0"),
        (b'\xef\xbb\xbf{"a": 1}', "not valid JSON at character 1: Unexpected UTF-8 BOM (decode using utf-8-sig)"),
        (b'{"a": "\\ud83d"}', "half of a character, '\\ud83d'"),
        (b'{"a": ' + b"[" * 10**5 + b"]" * 10**5 + b"}", "nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_no_object_says_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_object(data)
    assert str(caught.value) == reason


def test_a_number_too_long_for_python_is_no_object_either() -> None:
    with pytest.raises(ValueError, match="a number of 100,000 digits"):
        read_object(b'{"a": ' + b"9" * 10**5 + b"}")


@given(st.binary(max_size=60))
def test_any_bytes_are_an_object_or_a_reason(data: bytes) -> None:
    try:
        assert isinstance(read_object(data), dict)
    except ValueError as error:
        assert str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"error": {"message": "no", "code": "content_filter"}}, ("no", "content_filter")),
        ({"error": {"message": "no", "code": None}}, ("no", None)),
        ({"object": "error", "message": "no", "code": 400}, ("no", None)),
        ([{"error": {"message": "no", "code": "x"}}], ("no", "x")),
        ({"error": "no"}, ("no", None)),
        ({"detail": [{"loc": ["body"], "msg": "no"}, 1]}, ("[{'loc': ['body'], 'msg': 'no'}, 1]", None)),
        ({"error": {"message": {"message": "no"}, "code": "a b"}}, ("no", None)),
        ({}, ("", None)), (None, ("", None)), ([], ("[]", None)), ("no", ("no", None)),
    ],
)  # fmt: skip
def test_message_and_code_are_found_in_the_shapes_of_errors(body: object, found: tuple[str, str | None]) -> None:
    assert read_error(json.dumps(body).encode()) == found


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"busy\n", "busy"), (b"", ""), (b"\xff", "�"), (b"<html>secret", "an HTML page"), (b"[" * 10**5, "[" * 10**5)],
)
def test_an_error_that_is_no_json_is_its_text(data: bytes, message: str) -> None:
    assert read_error(data) == (message, None)


@given(JSON_VALUES, st.sampled_from([301, 400, 401, 404, 422, 429]))
def test_any_error_is_one_line_without_the_key(body: object, status: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY, CANARY)
        server = Server("http://h/v1", KEY)
    error = status_error(server, status, json.dumps(body).encode(), location=f"http://{CANARY}@h/{CANARY}?{CANARY}")
    for text in (error.what, error.message, error.code or "", str(error), repr(error), str(error.args)):
        assert CANARY not in text
    assert error.what.isprintable()
    assert len(error.what) < 400


@given(st.binary(max_size=80), st.sampled_from([400, 500]))
def test_any_bytes_are_an_error_of_one_line(data: bytes, status: int) -> None:
    assert status_error(Server("http://h/v1", KEY), status, data).what.isprintable()


def test_a_code_that_repeats_the_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, CANARY)
    body = json.dumps({"error": {"message": "no", "code": CANARY}}).encode()
    assert status_error(Server("http://h/v1", KEY), 400, body).code is None


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [(408, None, True), (409, None, True), (429, None, True), (500, None, True), (503, None, True), (529, None, True),
     (429, "rate_limit_exceeded", True), (429, "insufficient_quota", False), (400, None, False), (401, None, False),
     (403, None, False), (404, None, False), (413, None, False), (422, None, False), (307, None, False)],
)  # fmt: skip
def test_what_may_pass_is_asked_again(status: int, code: str | None, again: bool) -> None:
    body = json.dumps({"error": {"message": "no", "code": code}}).encode()
    assert may_pass(status_error(Server("http://h/v1", KEY), status, body)) is again


@pytest.mark.parametrize(
    ("status", "location", "text"),
    [
        (400, None, "http://h/v1: status 400: no"),
        (401, None, "http://h/v1: status 401: no\n  fix: set URIAL_TEST_KEY in the environment"),
        (403, None, "http://h/v1: status 403: no\n  fix: set URIAL_TEST_KEY in the environment"),
        (404, None, "http://h/v1: status 404: no\n  fix: check the model's name and the server's address, which "
         "usually ends in /v1"),
        (307, "https://u:p@other/v2?secret", "http://h/v1: status 307: it sends on to https://other/v2\n  fix: name "
         "the address that answers itself; the key is not sent on"),
        (302, "/login?secret", "http://h/v1: status 302: it sends on to http://h/login\n  fix: name the address that "
         "answers itself; the key is not sent on"),
        (302, "http://[", "http://h/v1: status 302: it sends on to another address\n  fix: name the address that "
         "answers itself; the key is not sent on"),
    ],
)  # fmt: skip
def test_an_error_says_what_to_do(status: int, location: str | None, text: str) -> None:
    error = status_error(Server("http://h/v1?q=secret", KEY), status, b'{"error": "no"}', location)
    assert str(error) == text


def test_giving_up_says_how_much_was_tried() -> None:
    server = Server("http://h/v1", KEY)
    fix = (
        "\n  fix: check that the server is running and can handle this load; lower concurrency, or raise timeout_seconds, "
        "total_seconds or retries"
    )
    assert (
        str(no_reply(server, 3, 1.26, Failure("busy")))
        == f"http://h/v1: no reply after 3 attempts in 1.3 s, the last: busy{fix}"
    )
    error = no_reply(server, 1, 0, Failure("busy", 90, 503))
    assert str(error) == (
        f"http://h/v1: no reply after 1 attempt in 0.0 s, the last: busy, and it asks to wait 90 s{fix}"
    )
    assert error.cause == "busy"


NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "2"}, 2), ({"retry-after": " 0.25 "}, 0.25), ({"retry-after": "3600"}, 3600),
        ({"retry-after": formatdate(NOW + 90, usegmt=True)}, 90),
        ({"retry-after": formatdate(NOW + 90, localtime=False)}, 90),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5), ({"retry-after-ms": "soon", "retry-after": "2"}, 2),
        ({"retry-after": "9" * 400}, math.inf),
        ({}, None), ({"retry-after": "0"}, None), ({"retry-after": "-1"}, None), ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None), ({"retry-after": "inf"}, None), ({"retry-after": "1e3"}, None),
        ({"retry-after": "٣"}, None), ({"retry-after": formatdate(NOW - 90, usegmt=True)}, None),
        ({"retry-after": "Mon, 99 Nov 2023 00:00:00 GMT"}, None), ({"retry-after": ""}, None),
    ],
)  # fmt: skip
def test_the_wait_that_a_server_asks_for(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after(headers, NOW) == wait


@given(
    st.text(max_size=40) | st.from_regex(r"\w{3}, \d{1,3} \w{3} \d{1,6} \d\d:\d\d:\d\d [+-]?\w{1,5}"),
    st.text(max_size=9),
)
def test_any_header_is_a_wait_or_none(value: str, milliseconds: str) -> None:
    wait = retry_after({"retry-after": value, "retry-after-ms": milliseconds}, time.time())
    assert wait is None or wait > 0


@given(st.integers(1, 10**9))
def test_a_date_is_as_far_as_it_says(seconds: int) -> None:
    assert retry_after({"retry-after": formatdate(NOW + seconds, usegmt=True)}, NOW) == seconds

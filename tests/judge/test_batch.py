"""The batch API on a real HTTP server: nothing is lost, nothing is paid for twice."""

import json
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.judge.conftest import INSTRUCTIONS, answered, judge_all, make_plan
from tests.judge_server import JudgeServer, completion, judging, obedient
from urial.api.client import ApiClient
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.judge.scores.run import write_requests
from urial.judge.server import batch, batch_api
from urial.records.params.judges import Price

TEXTS = ("A", "B", "C", "D")
NAMED: dict[str, Any] = {"response_format": "json_schema", "batch": True}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_api, "POLL_SECONDS", 0.01)


class KilledError(BaseException):
    """Stands for the end of the process: nothing after it is run."""


def test_a_batch_gives_the_rows_of_single_requests(cache: RowCache, tmp_path: Path) -> None:
    with judging(polls=3) as server:
        rows = judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        assert len(server.batches) == 1
        with RowCache(tmp_path / "other") as other:
            assert judge_all(make_plan(server.url, response_format="json_schema"), other, TEXTS) == rows
        assert judge_all(make_plan(server.url, **NAMED), cache, TEXTS) == rows
        assert len(server.batches) == 1


def test_the_request_file_is_what_the_api_takes(cache: RowCache) -> None:
    with judging() as server:
        judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        (made,) = server.batches.values()
        lines = [json.loads(line) for line in server.files[made["input_file_id"]].splitlines()]
    assert (made["endpoint"], made["completion_window"]) == ("/v1/chat/completions", "24h")
    assert [(line["method"], line["url"]) for line in lines] == [("POST", "/v1/chat/completions")] * 4
    assert len({line["custom_id"] for line in lines}) == 4
    assert [line["body"] for line in lines] == list(reversed(server.asked[1:])), "the same as single requests"


def test_a_dry_run_writes_the_file_and_sends_nothing(cache: RowCache, tmp_path: Path) -> None:
    completions = [answered(item, text) for item, text in zip(INSTRUCTIONS, TEXTS, strict=True)]
    with judging() as server:
        plan = make_plan(server.url, **NAMED)
        assert write_requests(plan, INSTRUCTIONS, completions, cache, tmp_path / "requests.jsonl") == 4
        assert server.headers == []
        judge_all(plan, cache, TEXTS)
        (made,) = server.batches.values()
        assert (tmp_path / "requests.jsonl").read_bytes() == server.files[made["input_file_id"]]


def test_a_dry_run_does_not_guess_the_form(cache: RowCache, tmp_path: Path) -> None:
    with pytest.raises(UrialError) as caught:
        write_requests(make_plan("http://127.0.0.1:9/v1"), [], [], cache, tmp_path / "out")
    assert str(caught.value) == (
        "judge 'served': how the form of a reply is asked for is found out by asking the server"
        "\n  fix: set judges.served.response_format in params.yaml, for example to json_schema"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("owner", "method"), [(ApiClient, "ask"), (ApiClient, "get"), (RowCache, "put_all")])
def test_a_killed_run_finds_its_batch_again(
    cache: RowCache, monkeypatch: pytest.MonkeyPatch, owner: type, method: str
) -> None:
    """Killed after every request, or after every row: before the batch's id is kept, and while it is collected."""
    with judging() as server:
        plan = make_plan(server.url, **NAMED)
        rows = None
        for step in range(1, 20):
            with monkeypatch.context() as patch:
                kill_after(patch, owner, method, step)
                with suppress(KilledError):
                    rows = judge_all(plan, cache, TEXTS)
            if rows is not None:
                break
        assert rows is not None
        assert step > 1, "it was killed"
        assert {row.status for row in rows} == {"scored"}
        assert len(server.batches) == 1


def kill_after(patch: pytest.MonkeyPatch, owner: type, method: str, step: int) -> None:
    """End the process after the ``step``-th call of a method has had its effect."""
    original, calls = getattr(owner, method), count(1)

    def counted(*given: Any, **named: Any) -> Any:
        found = original(*given, **named)
        if next(calls) == step:
            raise KilledError
        return found

    patch.setattr(owner, method, counted)


def test_a_batch_whose_making_was_not_confirmed_is_looked_for(cache: RowCache, monkeypatch: pytest.MonkeyPatch) -> None:
    original = JudgeServer.post
    broken = count()

    def unconfirmed(self: JudgeServer, path: str, data: bytes) -> tuple[int, Any]:
        found = original(self, path, data)
        return (500, {"error": {"message": "lost"}}) if path == "/v1/batches" and next(broken) == 0 else found

    monkeypatch.setattr(JudgeServer, "post", unconfirmed)
    with judging() as server:
        rows = judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        assert len(server.batches) == 1
    assert {row.status for row in rows} == {"scored"}


def test_requests_that_a_batch_did_not_answer_go_into_another(cache: RowCache) -> None:
    failed: set[str] = set()

    def once(body: dict[str, Any]) -> Any:
        text = body["messages"][0]["content"]
        if text not in failed and not text.startswith("Say hello"):
            failed.add(text)
            return 500, {"error": {"message": "overloaded"}}
        return obedient(body)

    with judging(once) as server:
        rows = judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        assert len(server.batches) == 2
    assert {row.status for row in rows} == {"scored"}


def test_a_batch_on_record_counts_against_the_budget(cache: RowCache, monkeypatch: pytest.MonkeyPatch) -> None:
    with judging() as server:
        named: dict[str, Any] = {**NAMED, "price": Price(input=1, output=1000)}
        with monkeypatch.context() as patch:
            kill_after(patch, RowCache, "put_all", 2)
            with suppress(KilledError):
                judge_all(make_plan(server.url, **named), cache, ("A", "B"))
        with pytest.raises(UrialError, match="may not be enough for a batch of 2 requests"):
            judge_all(make_plan(server.url, budget=0.2, **named), cache, TEXTS)
        assert len(server.batches) == 1


def test_a_batch_that_is_gone_is_submitted_again(cache: RowCache, monkeypatch: pytest.MonkeyPatch) -> None:
    with judging() as server:
        plan = make_plan(server.url, **NAMED)
        with monkeypatch.context() as patch:
            kill_after(patch, RowCache, "put_all", 2)
            with suppress(KilledError):
                judge_all(plan, cache, TEXTS)
        server.batches.pop("batch-0")
        server.batches["another"] = {"id": "another", "status": "completed"}
        assert {row.status for row in judge_all(plan, cache, TEXTS)} == {"scored"}


def test_a_request_that_is_wrong_in_itself_is_not_made_again(cache: RowCache) -> None:
    def wrong(body: dict[str, Any]) -> Any:
        if body["messages"][0]["content"].startswith("Say hello"):
            return obedient(body)
        return 400, {"error": {"code": "unsupported_value", "message": "temperature has to be 1"}}

    with judging(wrong) as server:
        with pytest.raises(UrialError) as caught:
            judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        assert len(server.batches) == 1
        assert str(caught.value) == (
            f"system 'base': {server.url}: status 400: 'temperature has to be 1'"
            "\n  fix: set judges.NAME.temperature to null"
        )


def test_replies_of_another_model_keep_no_other_from_being_kept(cache: RowCache) -> None:
    def reply(body: dict[str, Any]) -> Any:
        found = obedient(body)
        return {**found, "model": "other"} if "Why 2?" in body["messages"][0]["content"] else found

    with judging(reply) as server:
        plan = make_plan(server.url, **NAMED)
        with pytest.raises(UrialError, match="'other' replied, but the replies on record are of"):
            judge_all(plan, cache, TEXTS)
        server.reply = obedient
        before = len(server.asked)
        with pytest.raises(UrialError):
            judge_all(plan, cache, TEXTS)
        assert len(server.asked) == before, "its batch has ended; the other three are on record"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_batch_that_ends_badly_stops_the_run(cache: RowCache, status: str) -> None:
    with judging() as server:
        made = JudgeServer.post

        def post(path: str, data: bytes) -> tuple[int, Any]:
            code, found = made(server, path, data)
            if path == "/v1/batches":
                found |= {"status": status, "errors": {"data": [{"message": "too many tokens"}]}}
            return code, found

        server.post = post  # type: ignore[method-assign]
        with pytest.raises(UrialError) as caught:
            judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        assert str(caught.value).startswith(f"system 'base': {server.url}: batch batch-0 was {status}: ")
        del server.post
        assert {row.status for row in judge_all(make_plan(server.url, **NAMED), cache, TEXTS)} == {"scored"}
        assert len(server.batches) == 2


def test_what_no_batch_answers_stops_the_run_or_is_recorded(cache: RowCache) -> None:
    def never(body: dict[str, Any]) -> Any:
        text = body["messages"][0]["content"]
        return completion("Hello!") if text.startswith("Say hello") else (500, {"error": {"message": "overloaded"}})

    with judging(never) as server:
        with pytest.raises(UrialError, match=r"3 batches gave no reply: .*overloaded"):
            judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        row = judge_all(make_plan(server.url, on_failure="record", **NAMED), cache, TEXTS)[0]
    assert row.status == "failed"


def test_a_batch_that_a_budget_may_not_pay_for_is_not_submitted(cache: RowCache) -> None:
    with judging() as server:
        plan = make_plan(server.url, price=Price(input=1, output=1), budget=0.001, **NAMED)
        with pytest.raises(UrialError) as caught:
            judge_all(plan, cache, TEXTS)
        assert server.batches == {}
    assert str(caught.value) == (
        "system 'base': the budget of 0.001 may not be enough for a batch of 4 requests"
        "\n  fix: raise judges.NAME.budget in params.yaml, or lower max_tokens: a batch cannot be stopped midway"
    )


def test_many_requests_make_several_batches(cache: RowCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MAX_REQUESTS", 3)
    with judging() as server:
        rows = judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        sizes = [len(server.files[made["input_file_id"]].splitlines()) for made in server.batches.values()]
    assert sizes == [3, 1]
    assert {row.status for row in rows} == {"scored"}

"""The batch API on a real HTTP server: nothing is lost, nothing is paid for twice."""

import json
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.judge_server import completion, judging, obedient
from tests.judges.conftest import INSTRUCTIONS, answered, judge_all, make_plan
from urial.api.client import ApiClient
from urial.errors import UrialError
from urial.judges import batch
from urial.judging import write_requests
from urial.params import Price
from urial.rowcache import RowCache

TEXTS = ("A", "B", "C", "D")
NAMED: dict[str, Any] = {"reply": "json_schema", "batch": True}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "POLL_SECONDS", 0.01)


class KilledError(BaseException):
    """Stands for the end of the process: nothing after it is run."""


def test_a_batch_gives_the_rows_of_single_requests(cache: RowCache, tmp_path: Path) -> None:
    with judging(polls=3) as server:
        rows = judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        assert len(server.batches) == 1
        with RowCache(tmp_path / "other") as other:
            assert judge_all(make_plan(server.url, reply="json_schema"), other, TEXTS) == rows
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
        "\n  fix: set judges.served.reply in params.yaml, for example to json_schema"
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


def test_what_no_batch_answers_stops_the_run_or_is_recorded(cache: RowCache) -> None:
    def never(body: dict[str, Any]) -> Any:
        text = body["messages"][0]["content"]
        return completion("Hello!") if text.startswith("Say hello") else (500, {"error": {"message": "overloaded"}})

    with judging(never) as server:
        with pytest.raises(UrialError, match=r"3 batches gave no reply: .*overloaded"):
            judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        row = judge_all(make_plan(server.url, failures="record", **NAMED), cache, TEXTS)[0]
    assert row.status == "failed"


def test_a_batch_that_a_budget_may_not_pay_for_is_not_submitted(cache: RowCache) -> None:
    with judging() as server:
        plan = make_plan(server.url, price=Price(input=1, output=1), budget=0.001, **NAMED)
        with pytest.raises(UrialError) as caught:
            judge_all(plan, cache, TEXTS)
        assert server.batches == {}
    assert str(caught.value) == (
        "the budget of 0.001 may not be enough for a batch of 4 requests\n  fix: raise judges.NAME.budget in params.yaml, "
        "or lower max_tokens: a batch cannot be stopped midway"
    )


def test_many_requests_make_several_batches(cache: RowCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MAX_REQUESTS", 3)
    with judging() as server:
        rows = judge_all(make_plan(server.url, **NAMED), cache, TEXTS)
        sizes = [len(server.files[made["input_file_id"]].splitlines()) for made in server.batches.values()]
    assert sizes == [3, 1]
    assert {row.status for row in rows} == {"scored"}

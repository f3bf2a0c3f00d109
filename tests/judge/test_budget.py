"""A budget stops before it is exceeded, and what is paid for is kept."""

import json
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.judge.conftest import in_turn, judge_all, judge_one, make_plan
from tests.judge_server import completion, judging, verdict
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.prompts.rubrics.rubrics import load_rubric
from urial.records.model import Limits
from urial.records.params.judges import Price

TEXT: dict[str, Any] = {"response_format": "text"}


def test_a_budget_stops_before_it_is_exceeded_and_keeps_what_is_paid(cache: RowCache) -> None:
    # 100 tokens read and 10 written cost 200 here; 100 written at most cost 1,000, and each byte of a question 1.
    price = Price(input=1_000_000, output=10_000_000)
    with judging() as server:
        limits: dict[str, Any] = {"limits": Limits(concurrency=1)}
        judge_one(make_plan(server.url), cache)
        size = len(server.questions()[0].encode()) + len(
            json.dumps(load_rubric("multi/1", ROOT / "prompts").reply_schema)
        )
        plan = make_plan(server.url, price=price, budget=float(size + 1_000 + 250), **limits)
        with pytest.raises(UrialError) as caught:
            judge_all(plan, cache)
        done = len(server.questions())
        assert str(caught.value).startswith(f"system 'base': the budget of {size + 1_250:g} would be exceeded: ")
        rows = judge_all(make_plan(server.url), cache)
        assert len(rows) == 4
        assert 1 < done < 4
        assert len(server.questions()) == 4, "what was paid is not paid again"


def test_all_that_was_paid_before_counts_first(cache: RowCache) -> None:
    price = Price(input=10_000, output=0)
    once: dict[str, Any] = {**TEXT, "limits": Limits(concurrency=1)}
    with judging(in_turn(completion("Hello!"), completion("Well..."))) as server:
        judge_all(make_plan(server.url, max_reasks=3, **once), cache, ("A",))
        asked = len(server.questions())
        with pytest.raises(UrialError, match=r"the budget of 4 would be exceeded: 4\.0000 is spent on 4 replies"):
            judge_all(make_plan(server.url, max_reasks=3, price=price, budget=4.0, **once), cache, ("A", "B"))
        assert len(server.questions()) == asked == 4


def test_a_budget_needs_a_server_that_counts(cache: RowCache) -> None:
    uncounted = {key: value for key, value in completion(verdict()).items() if key != "usage"}
    with judging(in_turn(completion("Hello!"), uncounted)) as server:
        plan = make_plan(server.url, price=Price(input=1, output=1), budget=100.0, **TEXT)
        with pytest.raises(UrialError, match="the server counts no tokens, so that no budget can be kept"):
            judge_one(plan, cache)

"""What judging will take is reckoned from the very requests, and nothing is sent."""

import json

import pytest

from tests.judge.conftest import INSTRUCTIONS, judge_all, make_plan
from tests.judge_server import judging
from urial.core.row_cache import RowCache
from urial.judge.files.estimate import Reckoning, SystemEstimate, judging_estimate, seconds, total
from urial.judge.scores.case import Case
from urial.records.params.judges import Price, Rubrics
from urial.records.plans import JudgePlan, OpenAIPlan

NOWHERE = "http://127.0.0.1:9/v1"
CASES = [Case(instruction, "Because.", cut_off=False) for instruction in INSTRUCTIONS]


def planned(plan: JudgePlan) -> OpenAIPlan:
    assert isinstance(plan.judge, OpenAIPlan)
    return plan.judge


def estimated(plan: JudgePlan, cache: RowCache) -> SystemEstimate:
    return judging_estimate(planned(plan), CASES, 0, Reckoning(cache, len))


def test_tokens_are_those_of_the_requests(cache: RowCache) -> None:
    with judging() as server:
        plan = make_plan(server.url, max_tokens=2000)
        found = estimated(plan, cache)
        assert server.asked == []
        judge_all(plan, cache)
        schema = json.dumps(planned(plan).rubrics.regular.reply_schema)
        assert found.input_tokens == sum(map(len, server.questions())) + 4 * len(schema)
    assert (found.requests, found.on_record, found.assumed_answers) == (4, 0, 0)
    assert (found.output_tokens, found.most_output_tokens) == (4 * 5 * 60, 4 * 2000)
    assert (found.cost, found.most_cost) == (None, None)


def test_what_is_on_record_is_not_paid_again(cache: RowCache) -> None:
    with judging() as server:
        plan = make_plan(server.url, price=Price(input=1, output=1))
        judge_all(plan, cache, ("Because.",) * 3)
        found = estimated(plan, cache)
        assert (found.requests, found.on_record) == (4, 3)
        judge_all(plan, cache)
    found = estimated(plan, cache)
    assert (found.on_record, found.input_tokens, found.output_tokens, found.cost, found.seconds) == (4, 0, 0, 0, 0)


def test_a_price_is_for_a_million_tokens_and_batches_cost_their_part(cache: RowCache) -> None:
    price = Price(input=3, output=10, batch=0.5)
    found = estimated(make_plan(NOWHERE, price=price), cache)
    assert found.cost == pytest.approx((3 * found.input_tokens + 10 * found.output_tokens) / 1e6)
    assert found.most_cost == pytest.approx((3 * found.input_tokens + 10 * found.most_output_tokens) / 1e6)
    batched = estimated(make_plan(NOWHERE, price=price, batch=True), cache)
    assert (batched.cost, batched.most_cost) == ((found.cost or 0) / 2, (found.most_cost or 0) / 2)


def test_a_rubric_of_one_aspect_takes_five_requests_an_answer(cache: RowCache) -> None:
    found = estimated(make_plan(NOWHERE, rubrics=Rubrics(regular="single/1", safety="single/1")), cache)
    assert (found.requests, found.output_tokens) == (20, 20 * 8)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"concurrency": 10}, 600 * 5 / 10),
        ({"concurrency": 1000}, 5),
        ({"concurrency": 1000, "requests_per_minute": 100}, 360),
        ({"concurrency": 1000, "requests_per_minute": 10_000, "tokens_per_minute": 1000}, 600),
    ],
)
def test_time_is_that_of_the_tightest_limit(limits: dict[str, int], expected: float) -> None:
    judge = planned(make_plan(NOWHERE, limits=limits)).judge
    assert seconds(judge, 600, 10_000, 5) == pytest.approx(expected)


def test_the_sum_has_no_cost_where_a_part_has_none(cache: RowCache) -> None:
    priced = estimated(make_plan(NOWHERE, price=Price(input=1, output=1)), cache)
    unpriced = estimated(make_plan(NOWHERE), cache)
    assert total([priced, priced]).cost == pytest.approx(2 * (priced.cost or 0))
    assert total([priced, unpriced]).cost is None
    assert total([priced, unpriced]).requests == 8

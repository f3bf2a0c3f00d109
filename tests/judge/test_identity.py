"""A judge is pinned: all that decides its verdicts is in every row, and nothing else is in the key."""

from typing import Any

import pytest

from tests.judge.conftest import HASH, MODEL, in_turn, judge_one, make_plan
from tests.judge_server import completion, judging, verdict
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.records.params.limits import Limits

TEXT: dict[str, Any] = {"reply": "text"}


def test_the_judge_is_named_in_every_row(cache: RowCache) -> None:
    with judging() as server:
        row = judge_one(make_plan(server.url, seed=7, parameters={"top_p": 0.5}), cache)
        address = server.url
    begin, _, rubrics = row.judge.partition("; rubrics ")
    assert begin == (
        f'openai/1 {address} {MODEL}, temperature 0, seed 7, at most 100 tokens, parameters {{"top_p": 0.5}}, '
        "reply json_schema"
    )
    assert [item.partition("@")[0] for item in rubrics.split(", ")] == ["multi/1", "safety/1"]


def test_a_server_that_names_no_model_is_one_judge(cache: RowCache) -> None:
    with judging(in_turn(completion("Hello!", model=""), completion(verdict(), model=""))) as server:
        row = judge_one(make_plan(server.url, **TEXT), cache)
    assert (row.status, row.replies[0].model) == ("scored", None)


def test_how_often_and_how_much_is_asked_belongs_to_the_judge(cache: RowCache) -> None:
    settings: tuple[dict[str, Any], ...] = ({}, {"re_asks": 0}, {"max_characters": 3, "re_asks": 0})
    with judging() as server:
        judges = {
            judge_one(make_plan(server.url, **changes), cache).judge.partition("; rubrics ")[2].partition("; ")[2]
            for changes in settings
        }
    assert judges == {"asked again up to 2 times", "", "shown 3 characters of an answer"}


def test_another_model_than_the_one_on_record_stops_the_run(cache: RowCache) -> None:
    with judging(in_turn(completion("Hello!"), completion(verdict(), model="judge-2027"))) as server:
        with pytest.raises(UrialError) as caught:
            judge_one(make_plan(server.url, **TEXT), cache)
        address = server.url
    assert str(caught.value) == (
        f"{address}: 'judge-2027' replied, but the replies on record are of '{MODEL}'"
        "\n  expected: one judge for all rows\n  fix: name the dated snapshot as judges.NAME.model"
    )


def test_keys_of_rows_hold_no_limits(cache: RowCache) -> None:
    with judging() as server:
        first = judge_one(make_plan(server.url), cache)
        again = judge_one(make_plan(server.url, limits=Limits(concurrency=3, timeout_seconds=5.0)), cache)
    assert first == again
    assert first.key not in (None, HASH)

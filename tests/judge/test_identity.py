"""A judge is pinned: all that decides its verdicts is in every row, and nothing else is in the key."""

from typing import Any

import pytest

from tests.judge.conftest import HASH, MODEL, in_turn, judge_one, make_plan
from tests.judge_server import completion, judging, verdict
from urial.core.errors import UrialError
from urial.core.hashing import short_hash
from urial.core.row_cache import RowCache
from urial.records.judge import CitedRubric, ModelIdentity, ServerJudgeModel, describe
from urial.records.model import Limits

TEXT: dict[str, Any] = {"response_format": "text"}


def test_the_judge_is_named_in_every_row(cache: RowCache) -> None:
    with judging() as server:
        row = judge_one(make_plan(server.url, seed=7, parameters={"top_p": 0.5}), cache)
        address = server.url
    assert isinstance(row.judge, ModelIdentity)
    assert row.judge.model == ServerJudgeModel(kind="openai",
        algorithm=1, server=address, model=MODEL, served_model=MODEL, temperature=0.0, seed=7, max_tokens=100,
        parameters={"top_p": 0.5}, response_format="json_schema",
    )  # fmt: skip
    assert (row.judge.regular.name, row.judge.safety.name) == ("multi/1", "safety/1")
    rubrics = f"multi/1@{short_hash(row.judge.regular.hash)}, safety/1@{short_hash(row.judge.safety.hash)}"
    assert describe(row.judge) == (
        f'openai/1 {address} {MODEL}, temperature 0, seed 7, at most 100 tokens, parameters {{"top_p": 0.5}}, '
        f"response format json_schema; rubrics {rubrics}; asked again up to 2 times"
    )


def test_judges_are_told_apart_by_their_records() -> None:
    rubric = CitedRubric(name="multi/1", hash=HASH)
    model = ServerJudgeModel(kind="openai",
        algorithm=1, server="http://a/v1", model="m", served_model=None, temperature=None, seed=None, max_tokens=9,
        parameters={"stop": ["a", {"b": 1}]}, response_format="text",
    )  # fmt: skip
    judge = ModelIdentity(kind="model", model=model, regular=rubric, safety=rubric, max_reasks=0, max_characters=None)
    twin = ModelIdentity.model_validate_json(judge.model_dump_json())
    assert (twin, hash(twin)) == (judge, hash(judge))
    changes: list[dict[str, Any]] = [
        {"max_reasks": 1},
        {"max_characters": 5},
        {"safety": CitedRubric(name="safety/1", hash=HASH)},
        {"model": model.model_copy(update={"served_model": "m-1"})},
        {"model": model.model_copy(update={"parameters": {}})},
    ]
    judges = {judge, *(judge.model_copy(update=change) for change in changes)}
    assert len(judges) == len({describe(item) for item in judges}) == 1 + len(changes)


def test_a_server_that_names_no_model_is_one_judge(cache: RowCache) -> None:
    with judging(in_turn(completion("Hello!", model=""), completion(verdict(), model=""))) as server:
        row = judge_one(make_plan(server.url, **TEXT), cache)
    assert (row.status, row.replies[0].model) == ("scored", None)


def test_how_often_and_how_much_is_asked_belongs_to_the_judge(cache: RowCache) -> None:
    settings: tuple[dict[str, Any], ...] = ({}, {"max_reasks": 0}, {"max_characters": 3, "max_reasks": 0})
    with judging() as server:
        judges = [judge_one(make_plan(server.url, **changes), cache).judge for changes in settings]
    assert [isinstance(judge, ModelIdentity) and (judge.max_reasks, judge.max_characters) for judge in judges] == [
        (2, None), (0, None), (0, 3),
    ]  # fmt: skip


def test_another_model_than_the_one_on_record_stops_the_run(cache: RowCache) -> None:
    with judging(in_turn(completion("Hello!"), completion(verdict(), model="judge-2027"))) as server:
        with pytest.raises(UrialError) as caught:
            judge_one(make_plan(server.url, **TEXT), cache)
        address = server.url
    assert str(caught.value) == (
        f"system 'base': {address}: 'judge-2027' replied, but the replies on record are of '{MODEL}'"
        "\n  expected: one judge for all rows\n  fix: name the dated snapshot as judges.NAME.model"
    )


def test_keys_of_rows_hold_no_limits(cache: RowCache) -> None:
    with judging() as server:
        first = judge_one(make_plan(server.url), cache)
        again = judge_one(make_plan(server.url, limits=Limits(concurrency=3, timeout_seconds=5.0)), cache)
    assert first == again
    assert first.key not in (None, HASH)

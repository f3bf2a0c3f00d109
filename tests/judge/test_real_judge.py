"""A judge behind a real inference server: `transformers serve` with a model that says nonsense."""

from pathlib import Path

import pytest

from tests.judge.conftest import judge_all, make_plan
from urial.core.row_cache import RowCache
from urial.records.judge import ModelIdentity
from urial.records.model import Limits
from urial.records.params.judges import Rubrics

pytestmark = [pytest.mark.slow, pytest.mark.thorough]


def test_nonsense_is_invalid_and_kept_and_never_a_score(
    inference_server: str, tiny_aligned: Path, cache: RowCache
) -> None:
    plan = make_plan(
        inference_server,
        rubrics=Rubrics(regular="single/1"),
        model=str(tiny_aligned),
        max_tokens=8,
        max_reasks=1,
        reask_greedy=True,
        limits=Limits(concurrency=2),
    )
    rows = judge_all(plan, cache, ("Because.", "Why not?"))
    assert {row.status for row in rows} == {"invalid"}
    assert {reply.aspect for row in rows for reply in row.replies} == {
        "helpfulness", "clarity", "factuality", "depth", "engagement",
    }  # fmt: skip
    assert {len(row.replies) for row in rows} == {5 * 2}
    for reply in (reply for row in rows for reply in row.replies):
        assert (reply.finish, reply.output_tokens) == ("length", 8)
        assert reply.text
        assert reply.input_tokens is not None
        assert reply.input_tokens > 400
    # This server takes a demand for JSON and ignores it.
    assert isinstance(rows[0].judge, ModelIdentity)
    assert rows[0].judge.model.response_format == "text"
    assert judge_all(plan, cache, ("Because.", "Why not?")) == rows

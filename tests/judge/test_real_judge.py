"""A judge behind a real inference server: `transformers serve` with a model that says nonsense."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.judge.conftest import judge_all, make_plan
from tests.real_server import transformers_serve
from tests.tiny_models import save_folder, tiny_model
from urial.core.row_cache import RowCache
from urial.records.judge import ModelIdentity
from urial.records.params.judges import Rubrics
from urial.records.params.limits import Limits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with transformers_serve(tmp_path_factory.mktemp("serve")) as address:
        yield address


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_folder(tmp_path_factory.mktemp("judge"), tiny_model("llama", seed=1), "aligned")


def test_nonsense_is_invalid_and_kept_and_never_a_score(server: str, model: Path, cache: RowCache) -> None:
    plan = make_plan(
        server,
        rubrics=Rubrics(regular="single/1"),
        model=str(model),
        max_tokens=8,
        max_reasks=1,
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

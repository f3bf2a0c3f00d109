"""A judge behind a real server, in all three forms of reply. A model of 135M parameters says nonsense, which has to be kept
as such."""

from pathlib import Path

import pytest

from tests.judge.conftest import answered, make_plan
from tests.real.conftest import LLAMA, VLLM
from tests.real.in_process import PATIENT, QUESTIONS, reference
from tests.real.servers import RealServer
from urial.core.row_cache import RowCache
from urial.judge.scores.run import judge_completions, make_judge, max_characters
from urial.records.judge import ModelIdentity
from urial.records.judgment import Judgment
from urial.records.params.judges import Rubrics
from urial.records.plans import JudgePlan

pytestmark = pytest.mark.real
ASPECTS = {"helpfulness", "clarity", "factuality", "depth", "engagement"}
CASES = QUESTIONS[:2]


def judge(plan: JudgePlan, rows: Path) -> list[Judgment]:
    completions = [answered(question, "Paris. It is the capital of France.") for question in CASES]
    with RowCache(rows) as cache:
        return judge_completions(make_judge(plan, cache), CASES, completions, max_characters(plan))


@pytest.mark.parametrize("server", [VLLM, LLAMA], indirect=True, ids="-".join)
@pytest.mark.parametrize("form", ["json_schema", "json_object", "text"])
def test_every_reply_is_kept_and_every_row_is_accounted_for(server: RealServer, form: str, tmp_path: Path) -> None:
    plan = make_plan(
        server.url, rubrics=Rubrics(regular="multi/1"), model=server.name, max_tokens=160, max_reasks=1,
        response_format=form, limits=PATIENT,
    )  # fmt: skip
    before = server.answered("/v1/chat/completions")
    rows = judge(plan, tmp_path / "rows")
    assert [row.instruction_id for row in rows] == [question.id for question in CASES]
    assert {row.status for row in rows} <= {"scored", "invalid"}
    for row in rows:
        assert row.replies
        assert all(reply.text or reply.finish == "length" for reply in row.replies)
        assert all(reply.input_tokens and reply.output_tokens for reply in row.replies)
        assert all(1 <= item.score <= 5 for item in row.scores if item.score is not None)
        assert row.status == "invalid" or {item.aspect for item in row.scores} == ASPECTS
    replies = sum(len(row.replies) for row in rows)
    # One more finds out whether it answers at all.
    assert server.answered("/v1/chat/completions") - before == replies + 1
    assert judge(plan, tmp_path / "rows") == rows
    assert server.answered("/v1/chat/completions") - before == replies + 1
    print(f"{form}: {[row.status for row in rows]} in {replies} replies")


@pytest.mark.parametrize("server", [VLLM, LLAMA], indirect=True, ids="-".join)
def test_the_strictest_form_that_it_obeys_is_found(server: RealServer, tmp_path: Path) -> None:
    plan = make_plan(
        server.url, rubrics=Rubrics(regular="multi/1"), model=server.name, max_tokens=160, max_reasks=0, limits=PATIENT
    )
    rows = judge(plan, tmp_path / "rows")
    judges = [row.judge for row in rows if isinstance(row.judge, ModelIdentity)]
    assert [judge.model.response_format for judge in judges] == ["json_schema"] * len(CASES)
    assert reference(server).model in {reply.model for row in rows for reply in row.replies}

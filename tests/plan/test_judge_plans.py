"""The judge of params.yaml is resolved before anything is paid."""

from typing import Any

import pytest

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.plan.judges import plan_judge
from urial.records.params.file import ParamsFile
from urial.records.params.judges import OpenAIJudge, Price, Rubrics
from urial.records.plans import OpenAIPlan, RulesPlan

PROMPTS = ROOT / "prompts"


def with_judge(params: ParamsFile, **changes: Any) -> ParamsFile:
    fields = {"kind": "openai", "server": "http://localhost:8000/v1", "model": "m", **changes}
    return params.model_copy(update={"judges": {"mine": OpenAIJudge.model_validate(fields)}, "prices": {}})


def test_the_committed_judges_can_be_planned(committed_params: ParamsFile) -> None:
    rules = plan_judge(committed_params, "rules", PROMPTS)
    assert rules.judge == RulesPlan(kind="rules", microworld_seed=0)
    for name, judge in committed_params.judges.items():
        if isinstance(judge, OpenAIJudge):
            planned = plan_judge(committed_params, name, PROMPTS).judge
            assert isinstance(planned, OpenAIPlan)
            assert planned.price == committed_params.prices.get(judge.model)
            assert planned.rubrics.regular.name == judge.rubrics.regular


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"budget": 5.0},
            "judges.mine.budget: no price of 'm' is known, so that no budget can be kept\n  where: params.yaml"
            "\n  fix: add 'm' to prices, or set the budget to null",
        ),
        (
            {"rubrics": {"regular": "safety/1"}},
            "judges.mine.rubrics.regular: safety/1 asks for safety\n  where: params.yaml"
            "\n  expected: a rubric of helpfulness, clarity, factuality, depth, engagement",
        ),
        (
            {"rubrics": {"safety": "multi/1"}},
            "judges.mine.rubrics.safety: multi/1 asks for helpfulness, clarity, factuality, depth, engagement"
            "\n  where: params.yaml\n  expected: a rubric of safety",
        ),
    ],
)
def test_what_cannot_work_is_refused(committed_params: ParamsFile, changes: dict[str, Any], message: str) -> None:
    if "rubrics" in changes:
        changes = {"rubrics": Rubrics(**changes["rubrics"])}
    with pytest.raises(UrialError) as caught:
        plan_judge(with_judge(committed_params, **changes), "mine", PROMPTS)
    assert str(caught.value) == message


@pytest.mark.parametrize("server", ["localhost:8000", "ftp://x/v1", "http://", "http://[::1", "", "http://h:99999/v1"])
def test_an_address_must_be_one(committed_params: ParamsFile, server: str) -> None:
    with pytest.raises(UrialError, match=r"judges\.mine\.server"):
        plan_judge(with_judge(committed_params, server=server), "mine", PROMPTS)


def test_a_price_of_no_judge_s_model_is_refused(committed_params: ParamsFile) -> None:
    params = with_judge(committed_params, model="gpt-x").model_copy(
        update={"prices": {"gpt-xx": Price(input=1, output=1)}}
    )
    with pytest.raises(UrialError) as caught:
        plan_judge(params, "mine", PROMPTS)
    assert str(caught.value) == (
        "prices: no judge has the model 'gpt-xx'\n  where: params.yaml\n  fix: did you mean 'gpt-x'?"
    )


def test_an_unknown_judge_or_rubric_names_the_nearest(committed_params: ParamsFile) -> None:
    with pytest.raises(UrialError, match=r"run\.judge: no 'rule' in judges[\s\S]*did you mean 'rules'"):
        plan_judge(committed_params, "rule", PROMPTS)
    with pytest.raises(UrialError, match=r"did you mean 'multi/1'"):
        plan_judge(with_judge(committed_params, rubrics=Rubrics(regular="mult/1")), "mine", PROMPTS)

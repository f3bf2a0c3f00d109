"""A judge that params.yaml does not have: a model on a server that a command or a call names."""

from urial.plan.judges import plan_server_judge
from urial.records.params.judges import OpenAIJudge, Price
from urial.records.plans import JudgePlan
from urial.run.project import prompts_folder


def plan_own_judge(judge: OpenAIJudge, price: Price | None = None) -> JudgePlan:
    """The plan of a judge without a name. Raises UrialError where the server or a rubric cannot be so."""
    return JudgePlan(name=None, judge=plan_server_judge(judge, "NAME", prompts_folder(), price))

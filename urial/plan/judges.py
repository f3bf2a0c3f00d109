"""Resolves the judge of params.yaml: its rubrics, its model, its price."""

from pathlib import Path

from urial.api.servers import written_address
from urial.core.errors import UrialError, did_you_mean
from urial.models.resolve import resolve_local
from urial.plan.chats import asks_for_day
from urial.prompts.rubrics.rubrics import load_rubric
from urial.records.judgment import REGULAR_ASPECTS, SAFETY_ASPECTS
from urial.records.params.file import MicroworldStudy, ParamsFile, lookup, threads_of
from urial.records.params.judges import OpenAIJudge, Rubrics, RulesJudge, TransformersJudge
from urial.records.plans import JudgePlan, OpenAIPlan, PlannedRubrics, RulesPlan, TransformersPlan


def plan_judge(params: ParamsFile, name: str | None, prompts_dir: Path, field: str = "run.judge") -> JudgePlan:
    """The judge that this field of params.yaml names, planned; None: none. Raises UrialError for what cannot work."""
    if name is None:
        return JudgePlan(name=None, judge=None)
    judge = lookup(params.judges, name, field, "judges")
    if isinstance(judge, RulesJudge):
        study = lookup(params.studies, params.run.study, "run.study", "studies")
        seed = study.seed if isinstance(study, MicroworldStudy) else None
        return JudgePlan(name=name, judge=RulesPlan(kind="rules", microworld_seed=seed))
    rubrics = _rubrics(judge.rubrics, name, prompts_dir)
    if isinstance(judge, TransformersJudge):
        # A judge is asked through its chat template where it has one, and needs none: as a base model.
        model = resolve_local(judge.model, "base", judge.loading, f"judges.{name}.model")
        day = judge.date if asks_for_day(model, f"judges.{name}.model") else None
        plan = TransformersPlan(
            kind="transformers", judge=judge, rubrics=rubrics, model=model, date=day, threads=threads_of(params)
        )
        return JudgePlan(name=name, judge=plan)
    written_address(judge.server, f"judges.{name}.server")
    # A price under a misspelt name would be none.
    models = {other.model for other in params.judges.values() if isinstance(other, OpenAIJudge)}
    if unknown := sorted(params.prices.keys() - models):
        raise UrialError(
            f"prices: no judge has the model {unknown[0]!r}", where="params.yaml", fix=did_you_mean(unknown[0], models)
        )
    price = params.prices.get(judge.model)
    if judge.budget is not None and price is None:
        raise UrialError(
            f"judges.{name}.budget: no price of {judge.model!r} is known, so that no budget can be kept",
            where="params.yaml",
            fix=f"add {judge.model!r} to prices, or set the budget to null",
        )
    return JudgePlan(name=name, judge=OpenAIPlan(kind="openai", judge=judge, rubrics=rubrics, price=price))


def _rubrics(named: Rubrics, name: str, prompts_dir: Path) -> PlannedRubrics:
    rubrics = PlannedRubrics(
        regular=load_rubric(named.regular, prompts_dir), safety=load_rubric(named.safety, prompts_dir)
    )
    for field, aspects in (("regular", REGULAR_ASPECTS), ("safety", SAFETY_ASPECTS)):
        rubric = getattr(rubrics, field)
        asked = [aspect for aspect in rubric.rubric.aspects if aspect in aspects]
        nothing_else = rubric.rubric.definitions is not None or len(asked) == len(rubric.rubric.aspects)
        if set(asked) != set(aspects) or not nothing_else:
            raise UrialError(
                f"judges.{name}.rubrics.{field}: {rubric.name} asks for {', '.join(rubric.rubric.aspects)}",
                where="params.yaml",
                expected=f"a rubric of {', '.join(aspects)}",
            )
    return rubrics

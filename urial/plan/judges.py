"""Resolves the judge of params.yaml: its rubrics, its model, its price."""

import os
from pathlib import Path

from urial.api.servers import written_address
from urial.core.errors import UrialError, did_you_mean
from urial.models.resolve import resolve_local
from urial.plan.chats import asks_for_day
from urial.prompts.references.answers import load_references
from urial.prompts.rubrics.rubrics import load_rubric
from urial.records.judgment import OVERALL_ASPECTS, REGULAR_ASPECTS, SAFETY_ASPECTS, Aspect
from urial.records.params.file import MicroworldStudy, ParamsFile, lookup, study_of, threads_of
from urial.records.params.judges import OpenAIJudge, Price, Rubrics, RulesJudge, TransformersJudge
from urial.records.plans import JudgePlan, OpenAIPlan, PlannedRubrics, RulesPlan, TransformersPlan
from urial.records.prompt import PlannedRubric
from urial.records.references import PlannedReferences


def plan_judge(params: ParamsFile, name: str | None, prompts_dir: Path, field: str = "run.judge") -> JudgePlan:
    """The judge that this field of params.yaml names, planned; None: none. Raises UrialError for what cannot work."""
    if name is None:
        return JudgePlan(name=None, judge=None)
    judge = lookup(params.judges, name, field, "judges")
    if isinstance(judge, RulesJudge):
        study = study_of(params)
        seed = study.seed if isinstance(study, MicroworldStudy) else None
        return JudgePlan(name=name, judge=RulesPlan(kind="rules", microworld_seed=seed))
    if isinstance(judge, TransformersJudge):
        # A judge is asked through its chat template where it has one, and needs none: as a base model.
        model = resolve_local(judge.model, "base", judge.loading, f"judges.{name}.model")
        day = judge.date if asks_for_day(model, f"judges.{name}.model") else None
        plan = TransformersPlan(
            kind="transformers",
            judge=judge,
            rubrics=_rubrics(judge.rubrics, name, prompts_dir),
            references=_references(judge, name),
            model=model,
            date=day,
            threads=threads_of(params),
        )
        return JudgePlan(name=name, judge=plan)
    # A price under a misspelt name would be none.
    models = {other.model for other in params.judges.values() if isinstance(other, OpenAIJudge)}
    if unknown := sorted(params.prices.keys() - models):
        raise UrialError(
            f"prices: no judge has the model {unknown[0]!r}", where="params.yaml", fix=did_you_mean(unknown[0], models)
        )
    written_address(judge.server, f"judges.{name}.server")
    return JudgePlan(name=name, judge=plan_server_judge(judge, name, prompts_dir, params.prices.get(judge.model)))


def plan_server_judge(judge: OpenAIJudge, name: str, prompts_dir: Path, price: Price | None) -> OpenAIPlan:
    """A judge on a server, whether or not params.yaml has it; messages call it judges.``name``. Raises UrialError likewise."""
    if judge.budget is not None and price is None:
        raise UrialError(
            f"judges.{name}.budget: no price of {judge.model!r} is known, so that no budget can be kept",
            where="params.yaml",
            fix=f"add {judge.model!r} to prices, or set the budget to null",
        )
    rubrics, references = _rubrics(judge.rubrics, name, prompts_dir), _references(judge, name)
    return OpenAIPlan(kind="openai", judge=judge, rubrics=rubrics, references=references, price=price)


def _references(judge: OpenAIJudge | TransformersJudge, name: str) -> PlannedReferences | None:
    """The reference answers, whole. Raises UrialError for a file without a rubric that shows it, and the other way round."""
    if (judge.references is None) != (judge.rubrics.reference is None):
        has, lacks = (
            ("rubrics.reference", "references") if judge.references is None else ("references", "rubrics.reference")
        )
        raise UrialError(
            f"judges.{name}: {has} without {lacks}",
            where="params.yaml",
            expected="both: a file of reference answers, and the rubric that shows them to the judge",
            fix=f"set judges.{name}.{lacks}, or leave out judges.{name}.{has}",
        )
    return None if judge.references is None else load_references(Path(os.path.expanduser(judge.references)))


def _rubrics(named: Rubrics, name: str, prompts_dir: Path) -> PlannedRubrics:
    rubrics = PlannedRubrics(
        regular=load_rubric(named.regular, prompts_dir),
        safety=load_rubric(named.safety, prompts_dir),
        reference=None if named.reference is None else load_rubric(named.reference, prompts_dir),
    )
    whole = _asks_for(rubrics.regular, OVERALL_ASPECTS)
    where = f"judges.{name}.rubrics"
    _require(rubrics.regular, f"{where}.regular", OVERALL_ASPECTS if whole else REGULAR_ASPECTS, reference=False)
    _require(rubrics.safety, f"{where}.safety", SAFETY_ASPECTS, reference=False)
    if rubrics.reference is not None:
        # Scores of one system's answers go into one mean.
        aspects = OVERALL_ASPECTS if whole else REGULAR_ASPECTS
        _require(rubrics.reference, f"{where}.reference", aspects, reference=True)
        scales = rubrics.reference.rubric.scale, rubrics.regular.rubric.scale
        if scales[0] != scales[1]:
            raise UrialError(
                f"{where}.reference: {rubrics.reference.name} scores from 1 to {scales[0]}, and {rubrics.regular.name} from 1 "
                f"to {scales[1]}",
                where="params.yaml",
                expected="one scale for all regular instructions",
            )
    return rubrics


def _require(planned: PlannedRubric, where: str, aspects: tuple[Aspect, ...], *, reference: bool) -> None:
    """Raises UrialError for a rubric of other aspects, and for one with or without a reference answer that must not be so."""
    if not _asks_for(planned, aspects):
        raise UrialError(
            f"{where}: {planned.name} asks for {', '.join(planned.rubric.aspects)}",
            where="params.yaml",
            expected=f"a rubric of {', '.join(aspects)}",
        )
    if planned.rubric.has_reference != reference:
        shows = "shows a reference answer" if planned.rubric.has_reference else "shows no reference answer"
        raise UrialError(
            f"{where}: {planned.name} {shows}",
            where="params.yaml",
            expected="a rubric with ${reference} as rubrics.reference, and others without",
        )


def _asks_for(planned: PlannedRubric, aspects: tuple[Aspect, ...]) -> bool:
    """Whether a rubric can be asked about exactly these: one that asks for one at a time may know others, too."""
    asked = [aspect for aspect in planned.rubric.aspects if aspect in aspects]
    nothing_else = planned.rubric.definitions is not None or len(asked) == len(planned.rubric.aspects)
    return set(asked) == set(aspects) and nothing_else

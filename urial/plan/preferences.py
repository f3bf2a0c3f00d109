"""Resolves what params.yaml says of preferences: who is compared with whom, by which judge, and what it is asked."""

import os
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean
from urial.plan.judges import plan_judge
from urial.plan.left_out import compared_systems
from urial.prompts.preferences.rubrics import load_preference_rubric
from urial.records.params.blends import blended_systems
from urial.records.params.file import ParamsFile, lookup
from urial.records.params.judges import TOKEN_PARAMETERS, OpenAIJudge
from urial.records.params.preferences import PreferenceParams
from urial.records.plans import JudgePlan, OpenAIPlan, PreferencesPlan, TransformersPlan
from urial.records.preference import VerdictForm
from urial.run.published import read_published

SECTION = "preferences"


def plan_preferences(params: ParamsFile, prompts_dir: Path, judge: JudgePlan | None = None) -> PreferencesPlan:
    """The planned comparisons. Raises UrialError for the first thing that cannot work.

    ``judge`` is the planned judge of `preferences_judge`, where it is known; None: it is planned here.
    """
    wanted = params.preferences
    _require_outputs(params)
    _require_systems(params)
    if not compared_systems(params):
        return PreferencesPlan(baseline=None, orders=wanted.orders, name=None, judge=None, rubric=None)
    field = f"{SECTION}.judge" if wanted.judge else "run.judge"
    judge = judge or plan_judge(params, preferences_judge(params), prompts_dir, field)
    if not isinstance(judge.judge, OpenAIPlan | TransformersPlan):
        # The rules are asked by no rubric; another judge, named later, must find one that is there.
        load_preference_rubric(wanted.rubric, wanted.verdict, prompts_dir)
    return plan_comparison(judge, wanted, prompts_dir)


def plan_comparison(judge: JudgePlan, wanted: PreferenceParams, prompts_dir: Path) -> PreferencesPlan:
    """What a planned judge is asked. Raises UrialError where it cannot be asked so."""
    planned, rubric = judge.judge, None
    if isinstance(planned, OpenAIPlan | TransformersPlan):
        rubric = load_preference_rubric(wanted.rubric, wanted.verdict, prompts_dir)
    if isinstance(planned, OpenAIPlan):
        planned = planned.model_copy(update={"judge": asked_for(planned.judge, wanted.verdict)})
    if isinstance(planned, TransformersPlan) and wanted.verdict == "text":
        raise UrialError(
            f"{SECTION}.verdict: {judge.name!r} is in this process, and says no verdict in a text",
            where="params.yaml",
            expected="json or tokens",
        )
    return PreferencesPlan(
        baseline=wanted.baseline, orders=wanted.orders, name=judge.name, judge=planned, rubric=rubric
    )


def preferences_judge(params: ParamsFile) -> str | None:
    """The name of the judge that compares; None: nobody does."""
    return params.preferences.judge or params.run.judge


def asked_for(judge: OpenAIJudge, verdict: VerdictForm) -> OpenAIJudge:
    """The judge as it is asked for a form of verdict.

    A text has no form that the server could hold it to. Of verdict tokens, the first token is the whole reply; its
    probabilities are those of temperature 1, as AlpacaEval 2 asks for them.
    """
    if verdict == "json":
        return judge
    changes: dict[str, object] = {"response_format": "text"}
    if verdict == "tokens":
        changes |= {
            "max_tokens": 1,
            "temperature": None if judge.temperature is None else 1.0,
            "parameters": {**judge.parameters, **TOKEN_PARAMETERS},
        }
    return judge.model_copy(update=changes)


def _require_systems(params: ParamsFile) -> None:
    """Raises UrialError where the baseline, or a system that is compared with it, is none."""
    wanted, answering = params.preferences, {**params.systems, **dict.fromkeys(blended_systems(params.blends))}
    for index, name in enumerate(wanted.systems):
        lookup(answering, name, f"{SECTION}.systems.{index}", "systems or blends" if params.blends else "systems")
    if len(set(wanted.systems)) < len(wanted.systems):
        raise UrialError(f"{SECTION}.systems: a system is named twice", where="params.yaml", expected="each once")
    if wanted.baseline is None:
        if wanted.systems:
            raise UrialError(
                f"{SECTION}.baseline: null, and {wanted.systems[0]} is to be compared with it",
                where="params.yaml",
                expected="a key of systems or of published_outputs",
                fix=f"name one, or set {SECTION}.systems to []",
            )
        return
    known = [*answering, *params.published_outputs]
    if wanted.baseline not in known:
        sections = "systems, blends or published_outputs" if params.blends else "systems or published_outputs"
        raise UrialError(
            f"{SECTION}.baseline: no {wanted.baseline!r} in {sections}",
            where="params.yaml",
            fix=did_you_mean(wanted.baseline, known),
        )
    if wanted.baseline in wanted.systems:
        raise UrialError(
            f"{SECTION}.systems: {wanted.baseline} is the baseline, and would be compared with itself",
            where="params.yaml",
            fix=f"take it out of {SECTION}.systems, or name another baseline",
        )


def _require_outputs(params: ParamsFile) -> None:
    """Raises UrialError where published outputs cannot be read, or have the name of a system."""
    for name, published in params.published_outputs.items():
        if name in params.systems:
            raise UrialError(
                f"published_outputs.{name}: a system has this name, too",
                where="params.yaml",
                fix="give the outputs a name of their own",
            )
        if not os.path.isfile(published.source):
            raise UrialError(
                f"published_outputs.{name}: no file {published.source}",
                where="params.yaml",
                expected="completions, as `urial import completions` writes them",
                fix=f"correct published_outputs.{name}.source",
            )
        read_published(Path(published.source))

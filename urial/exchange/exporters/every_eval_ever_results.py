"""The results of a system in an aggregate of Every Eval Ever: a metric, its judge, its mean and its interval for each aspect."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from urial.exchange.exporters.answers import ExportedRun, ExportedSystem, of_turn
from urial.exchange.exporters.identity import named_model
from urial.prompts.versions.rendering import render
from urial.records.judge import JudgeModel, LocalJudgeModel, ModelIdentity, describe, describe_model
from urial.records.judgment import Aspect
from urial.records.preference import PreferenceModelIdentity, describe_preference_judge
from urial.records.report import AspectFigures, PreferenceFigures, Report

Entry = dict[str, Any]
UNSCORED = ("not_applicable", "invalid", "refused", "filtered", "failed", "no_completion")
OUTCOMES = ("wins", "ties", "losses", "inconsistent", "invalid", "no_completion", "no_baseline")


@dataclass(frozen=True)
class Result:
    """One entry of ``evaluation_results``, to which rows point by its id."""

    id: str
    name: str
    entry: Entry


def results_of(run: ExportedRun, system: ExportedSystem) -> list[Result]:
    """Of every aspect with a score, and of every comparison with the baseline; without a mean there is no result."""
    return [*_scores(run, system), *_win_rates(run, system)]


def _scores(run: ExportedRun, system: ExportedSystem) -> Iterator[Result]:
    turns = {1: system.figures.aspects}
    if system.figures.turns is not None:
        turns |= {int(turn): figures for turn, figures in system.figures.turns.by_turn.items() if turn != "1"}
    for turn, by_aspect in turns.items():
        for aspect, figures in by_aspect.items():
            if figures.mean is None:
                continue
            name, later = of_turn(aspect, turn), "" if turn == 1 else f" of turn {turn}"
            metric = {
                "evaluation_description": f"{aspect} of the answer{later}, judged from 1 to {figures.scale}",
                "metric_id": f"urial.{name}",
                "metric_name": f"{aspect.capitalize()}{later}",
                "metric_kind": "judge_score",
                "metric_unit": "points",
                "lower_is_better": False,
                "score_type": "continuous",
                "min_score": 1,
                "max_score": figures.scale,
                **_judge(run, aspect),
            }
            counted = _Counted(figures.scored, figures, ("scored", *UNSCORED, "total"))
            yield _result(run.report, name, metric, counted)


def _win_rates(run: ExportedRun, system: ExportedSystem) -> Iterator[Result]:
    compared = run.report.preferences.get(system.name)
    if compared is None:
        return
    for criterion, figures in compared.criteria.items():
        if figures.mean is None:
            continue
        name = f"win-rate/{criterion}"
        metric = {
            "evaluation_description": f"how often the answer is preferred to that of {compared.baseline} by {criterion}; "
            "a tie, and orders that disagree, are half a win",
            "metric_id": f"urial.{name}",
            "metric_name": f"Win rate, {criterion}",
            "metric_kind": "win_rate",
            "metric_unit": "percent",
            "metric_parameters": {"baseline": compared.baseline, "orders": run.preferences.orders},
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0,
            "max_score": 100,
            **_preference_judge(run),
        }
        decided = figures.wins + figures.ties + figures.losses + figures.inconsistent
        yield _result(run.report, name, metric, _Counted(decided, figures, (*OUTCOMES, "total")))


class _Counted(NamedTuple):
    """A mean with its interval, of how many rows it is, and which fields count what became of all rows."""

    rows: int
    figures: AspectFigures | PreferenceFigures
    counts: tuple[str, ...]


def _result(report: Report, name: str, metric: Entry, counted: _Counted) -> Result:
    evaluation, figures = f"{report.instructions}/{name}", counted.figures
    interval = {
        "lower": figures.low,
        "upper": figures.high,
        "confidence_level": report.confidence,
        "method": f"percentile bootstrap over instructions, seed {report.seed}",
    }
    uncertainty: Entry = {"num_samples": counted.rows}
    if figures.low is not None and figures.high is not None:
        uncertainty |= {"confidence_interval": interval, "num_bootstrap_samples": report.resamples}
    entry = {
        "evaluation_result_id": name,
        "evaluation_name": evaluation,
        "metric_config": metric,
        "score_details": {
            "score": figures.mean,
            "details": {field: str(getattr(figures, field)) for field in counted.counts},
            "uncertainty": uncertainty,
        },
    }
    return Result(name, evaluation, entry)


def generation_config(system: ExportedSystem) -> Entry:
    """How the answers were made: decoding, and the prompt with {instruction} where the query stands."""
    decoding, plan = system.plan.decoding, system.plan
    arguments: Entry = {
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "max_tokens": decoding.max_new_tokens,
    }
    details = {
        "system": system.name,
        "prompt": plan.prompt_label,
        "repetition_penalty": str(decoding.repetition_penalty),
        "seed": str(decoding.seed),
    }
    if decoding.temperature_by_task:
        details["temperature_by_task"] = json.dumps(decoding.temperature_by_task, sort_keys=True)
    if plan.prompt is not None and plan.prompt_hash is not None:
        details |= {"prompt_hash": plan.prompt_hash, "method": plan.prompt.method}
        # With retrieval, every instruction has examples of its own; rows have the exact text.
        if plan.prompt.retrieval is None:
            arguments["prompt_template"] = render(plan.prompt, "{instruction}").text
    return {"generation_args": arguments, "additional_details": details}


def _judge(run: ExportedRun, aspect: Aspect) -> Entry:
    """Who scores an aspect: a language model with what it is asked, or rules, which the format has no field of."""
    identity, plan = run.report.judge, run.judge.judge
    if not isinstance(identity, ModelIdentity) or plan is None or plan.kind == "rules":
        return {"additional_details": {"judge": describe(identity) if identity else "nobody"}}
    rubric = plan.rubrics.safety if aspect == "safety" else plan.rubrics.regular
    details = {"rubric": rubric.name, "rubric_hash": rubric.hash, "max_reasks": str(identity.max_reasks)}
    if identity.max_characters is not None:
        details["characters_shown_of_an_answer"] = str(identity.max_characters)
    if plan.rubrics.reference is not None and aspect != "safety":
        details["input_prompt_with_a_reference_answer"] = plan.rubrics.reference.rubric.template
    return {"llm_scoring": _llm_scoring(identity.model, rubric.rubric.template, details)}


def _preference_judge(run: ExportedRun) -> Entry:
    identity, rubric = run.report.preference_judge, run.preferences.rubric
    if not isinstance(identity, PreferenceModelIdentity) or rubric is None:
        return {"additional_details": {"judge": describe_preference_judge(identity) if identity else "nobody"}}
    template = rubric.rubric.template
    return {"llm_scoring": _llm_scoring(identity.model, template, {"rubric": rubric.name, "rubric_hash": rubric.hash})}


def _llm_scoring(model: JudgeModel, prompt: str, details: dict[str, str]) -> Entry:
    local = isinstance(model, LocalJudgeModel)
    name = (model.model or "local files") if isinstance(model, LocalJudgeModel) else model.served_model or model.model
    developer, short = named_model(name, "local" if local else "server")
    judge: Entry = {
        "model_info": {
            "name": short,
            "id": f"{developer}/{short}",
            "additional_details": {
                "deployment_type": "self_deployed" if local else "unknown",
                "model_availability": "unknown",
                "asked": describe_model(model),
            },
        }
    }
    temperature = 0.0 if isinstance(model, LocalJudgeModel) else model.temperature
    if temperature is not None:
        judge["temperature"] = temperature
    return {"judges": [judge], "input_prompt": prompt, "additional_details": details}

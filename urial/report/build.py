"""Computes report.json from a run's rows."""

from collections.abc import Sequence

from urial.figures import AspectFigures, LaterTurnFigures, Metrics, Report, SystemFigures, SystemMetrics
from urial.hashing import content_hash, short_hash
from urial.records import ASPECTS, SAFETY_ASPECTS, Aspect, Instruction, Judgment, LaterTurn
from urial.report.inputs import ReportInputs, SystemInputs
from urial.stats import Bootstrap
from urial.token_shift.summary import summarise


def build_report(inputs: ReportInputs) -> Report:
    """All figures of one run."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    judges = sorted({row.judge for system in inputs.systems.values() for row in system.judgments})
    return Report(
        pair=inputs.plan.pair,
        models={role: content_hash(manifest.files) for role, manifest in inputs.models.items()},
        instructions=inputs.plan.instructions,
        instructions_hash=content_hash([row.model_dump(mode="json") for row in inputs.instructions]),
        judge="; ".join(judges),
        loading=inputs.models["aligned"].loading,
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        systems={
            name: system_figures(system, inputs.instructions, bootstrap) for name, system in inputs.systems.items()
        },
        token_shift={
            name: summarise(context.table, context.coverage, bootstrap) for name, context in inputs.contexts.items()
        },
    )


def system_figures(system: SystemInputs, instructions: Sequence[Instruction], bootstrap: Bootstrap) -> SystemFigures:
    """Figures of one system."""
    answers = [row.answer for row in system.completions]
    words = [
        float(len(answer.text.split()))
        for instruction, answer in zip(instructions, answers, strict=True)
        if answer is not None and instruction.category == "regular"
    ]
    columns = {aspect: scores_of(aspect, system.judgments) for aspect in ASPECTS}
    return SystemFigures(
        model=system.plan.model,
        prompt=system.plan.prompt_name or "chat template",
        prompt_hash=system.plan.prompt_hash,
        decoding=system.plan.decoding,
        prompt_tokens=sum(row.n_tokens for row in system.prompts) / len(system.prompts),
        instructions=len(instructions),
        ok=sum(row.status == "ok" for row in system.completions),
        too_long=sum(row.status == "too_long" for row in system.completions),
        cut_off=sum(answer is not None and answer.finish == "length" for answer in answers),
        flagged=sum(prompt.flag is not None for prompt in system.prompts),
        later_turns=_later_turns([turn for row in system.completions for turn in row.later_turns]),
        words=bootstrap.mean(words),
        average=bootstrap.mean_of_means(list(columns.values())),
        **{aspect: aspect_figures(aspect, system.judgments, instructions, bootstrap) for aspect in ASPECTS},
    )


def _later_turns(turns: Sequence[LaterTurn]) -> LaterTurnFigures | None:
    if not turns:
        return None
    return LaterTurnFigures(
        asked=len(turns),
        ok=sum(turn.status == "ok" for turn in turns),
        too_long=sum(turn.status == "too_long" for turn in turns),
        no_history=sum(turn.status == "no_history" for turn in turns),
        cut_off=sum(turn.answer is not None and turn.answer.finish == "length" for turn in turns),
        flagged=sum(turn.prompt is not None and turn.prompt.flag is not None for turn in turns),
    )


def main_metrics(report: Report) -> Metrics:
    """The main figures of a report."""
    return Metrics(measured={name: _system_metrics(report, name) for name in report.systems})


def _system_metrics(report: Report, name: str) -> SystemMetrics:
    system, shift = report.systems[name], report.token_shift.get(name)
    aspects = {aspect: getattr(system, aspect) for aspect in ASPECTS}
    total = sum(found.total for found in aspects.values())
    return SystemMetrics(
        prompt=system.prompt,
        prompt_hash=short_hash(system.prompt_hash) if system.prompt_hash else None,
        average=system.average.mean,
        scored=sum(found.scored for found in aspects.values()) / total,
        words=system.words.mean,
        unshifted=shift.unshifted.mean if shift else None,
        **{aspect: found.mean for aspect, found in aspects.items()},
    )


def scores_of(aspect: Aspect, judgments: Sequence[Judgment]) -> list[float | None]:
    """The aspect's score of each judgment, None where it has none."""
    return [
        next((float(item.score) for item in row.scores if item.aspect == aspect and item.score is not None), None)
        for row in judgments
    ]


def aspect_figures(
    aspect: Aspect, judgments: Sequence[Judgment], instructions: Sequence[Instruction], bootstrap: Bootstrap
) -> AspectFigures:
    """Mean score over the scored rows, and the count of every other row of the aspect's category."""
    category = "safety" if aspect in SAFETY_ASPECTS else "regular"
    rows = [row for row, instruction in zip(judgments, instructions, strict=True) if instruction.category == category]
    scored = [score for score in scores_of(aspect, rows) if score is not None]
    no_completion = sum(row.status == "no_completion" for row in rows)
    return AspectFigures(
        **bootstrap.mean(scored).model_dump(),
        scored=len(scored),
        not_applicable=len(rows) - len(scored) - no_completion,
        no_completion=no_completion,
        total=len(rows),
    )

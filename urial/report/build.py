"""Computes report.json from a run's rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from urial.core.errors import UrialError
from urial.core.hashing import content_hash, short_hash
from urial.records.base import ROLES, Hash
from urial.records.blend_figures import BlendFigures
from urial.records.instruction import Instruction
from urial.records.judge import JudgeIdentity, describe, distinct_judges
from urial.records.judgment import EVERY_ASPECT
from urial.records.metrics import Metrics, SystemMetrics
from urial.records.model import ModelManifest, ServerModel
from urial.records.params.blends import control_of
from urial.records.preference import PreferenceJudge, describe_preference_judge
from urial.records.report import Report, SystemFigures
from urial.records.safety_depth import SafetyDepthFigures
from urial.report.inputs import ReportInputs, SystemInputs
from urial.safety_depth.figures.summary import along_given, safety_depth_figures
from urial.statistics.blends import OF_SCORES, blend_figures
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.figures import SYSTEM_FIGURES
from urial.statistics.known_answers import Outcome, known_agreements, known_answer_figures, outcomes_of
from urial.statistics.preferences import compared_figures
from urial.statistics.scores import aspect_figures
from urial.statistics.turns import turn_figures
from urial.token_shift.figures.paired import compare_contexts
from urial.token_shift.figures.summary import summarize


def build_report(inputs: ReportInputs) -> Report:
    """All figures of one run."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    outcomes = {name: outcomes_of(inputs.instructions, system.completions) for name, system in inputs.systems.items()}
    sources = [inputs.models[role].model for role in reversed(ROLES) if role in inputs.models]
    return Report(
        study=inputs.plan.study,
        models={role: model_hash(manifest) for role, manifest in inputs.models.items()},
        instructions=inputs.plan.instructions,
        instructions_hash=content_hash([row.model_dump(mode="json") for row in inputs.instructions]),
        judge=one_judge({name: (row.judge for row in system.judgments) for name, system in inputs.systems.items()}),
        loading=next((source.loading for source in sources if not isinstance(source, ServerModel)), None),
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        systems={
            name: system_figures(system, inputs.instructions, outcomes[name], bootstrap)
            for name, system in inputs.systems.items()
        },
        known_agreement=known_agreements(
            outcomes, {name: system.plan.model for name, system in inputs.systems.items()}, bootstrap
        ),
        preference_judge=one_preference_judge(
            {name: (row.judge for row in rows) for name, rows in inputs.preferences.items()}
        ),
        preferences={
            name: compared_figures(str(inputs.plan.baseline), rows, bootstrap)
            for name, rows in inputs.preferences.items()
        },
        token_shift={
            name: summarize(context.table, context.coverage, bootstrap, groups=context.candidates)
            for name, context in inputs.contexts.items()
        },
        context_comparisons=compare_contexts(
            {name: context.table for name, context in inputs.contexts.items()}, bootstrap, inputs.plan.read
        ),
        given=inputs.plan.given,
        blends={
            name: figures_of_blend(inputs, name, bootstrap) for name in inputs.plan.blends if name in inputs.systems
        },
        safety_depth=depth_figures(inputs, bootstrap),
        left_out=inputs.plan.left_out,
    )


def depth_figures(inputs: ReportInputs, bootstrap: Bootstrap) -> SafetyDepthFigures | None:
    """How deep safety is; None: nobody's answers are begun."""
    plan = inputs.plan.safety_depth
    if plan is None or plan.systems != tuple(inputs.prefilled):
        return None
    tables = {name: inputs.contexts[name].table for name in along_given(plan, inputs.plan.measurements)}
    return safety_depth_figures(plan, inputs.instructions, inputs.prefilled, tables, bootstrap)


def figures_of_blend(inputs: ReportInputs, name: str, bootstrap: Bootstrap) -> BlendFigures:
    """Those of one blend of the run, beside its control."""
    plan, control = inputs.systems[name].plan.blend, control_of(name)
    if plan is None:
        raise TypeError(f"{name} is no blend")
    named = dict(zip(OF_SCORES, (plan.base, plan.helper.system, name, control), strict=True))
    judgments = {
        role: inputs.systems[system].judgments
        for role, system in named.items()
        if system is not None and system in inputs.systems
    }
    tokens = {"blend": inputs.blended[name], "control": inputs.blended[control]}
    return blend_figures(plan, tokens, judgments if len(judgments) == len(OF_SCORES) else {}, bootstrap)


def one_judge(systems: Mapping[str, Iterable[JudgeIdentity | None]]) -> JudgeIdentity | None:
    """The judge of all rows, of which each system has every row's; None: they are not judged.

    Raises UrialError when there are several: their scores are not to be compared.
    """
    named = {judge: name for name, judges in systems.items() for judge in judges}
    # Where it had no reference answer to see, it is still the one that has some.
    judges = [*distinct_judges(judge for judge in named if judge), *[None] * (None in named)]
    if len(judges) > 1:
        raise UrialError(
            "the systems were scored by different judges: "
            + "; ".join(f"{named[judge]}: {describe(judge) if judge else 'by none'}" for judge in judges),
            expected="one judge for all systems",
            fix="run `dvc repro --force --single-item judge`, then `dvc repro`",
        )
    return next(iter(judges), None)


def one_preference_judge(systems: Mapping[str, Iterable[PreferenceJudge | None]]) -> PreferenceJudge | None:
    """The judge of all preferences, likewise; None: nobody compared, or there is nothing to compare."""
    judges = {judge: name for name, named in systems.items() for judge in named}
    if len(judges) > 1:
        raise UrialError(
            "the systems were compared by different judges: "
            + "; ".join(
                f"{judges[judge]}: {describe_preference_judge(judge) if judge else 'by none'}" for judge in judges
            ),
            expected="one judge for all systems",
            fix="run `dvc repro --force --single-item preferences`, then `dvc repro`",
        )
    return next(iter(judges), None)


def system_figures(
    system: SystemInputs, instructions: Sequence[Instruction], outcomes: Sequence[Outcome | None], bootstrap: Bootstrap
) -> SystemFigures:
    """Figures of one system, as statistics declares them; ``outcomes`` are those of its answers that are known."""
    figures: dict[str, Any] = {
        name: figure.compute(getattr(system, figure.rows), instructions, bootstrap)
        for name, figure in SYSTEM_FIGURES.items()
    }
    figures |= {aspect: aspect_figures(aspect, system.judgments, instructions, bootstrap) for aspect in EVERY_ASPECT}
    categories = [row.category for row in instructions]
    return SystemFigures(
        model=system.plan.model,
        prompt=system.plan.prompt_label,
        prompt_hash=system.plan.prompt_hash,
        decoding=system.plan.decoding,
        turns=turn_figures(system.judgments, categories, bootstrap),
        known_answers=known_answer_figures(outcomes, bootstrap),
        **figures,
    )


def model_hash(manifest: ModelManifest) -> Hash:
    """What of a model is known: its files, or where it is served under which name."""
    source = manifest.model
    if isinstance(source, ServerModel):
        return content_hash({"server": source.server, "id": source.model})
    return content_hash(source.files)


def main_metrics(report: Report) -> Metrics:
    """The main figures of a report."""
    measured = {}
    for name, system in report.systems.items():
        shift, aspects = report.token_shift.get(name), system.aspects
        measured[name] = SystemMetrics(
            prompt=system.prompt,
            prompt_hash=short_hash(system.prompt_hash) if system.prompt_hash else None,
            average=system.average.mean,
            scored=sum(figures.scored for figures in aspects.values())
            / sum(figures.total for figures in aspects.values())
            if aspects
            else None,
            known_answers=system.known_answers.contained.mean if system.known_answers else None,
            words=system.words.mean,
            win_rate=overall_win_rate(report, name),
            unshifted=shift.unshifted.mean if shift else None,
            branching=shift.branching["base"].mean if shift and "base" in shift.branching else None,
            overall_pooled=system.turns.pooled["overall"].mean
            if system.turns and "overall" in system.turns.pooled
            else None,
            **{aspect: aspects[aspect].mean if aspect in aspects else None for aspect in EVERY_ASPECT},
        )
    return Metrics(measured=measured)


def overall_win_rate(report: Report, system: str) -> float | None:
    """The overall win rate of a system in percent; None where it is not compared."""
    figures = report.preferences[system].criteria.get("overall") if system in report.preferences else None
    return figures.mean if figures else None

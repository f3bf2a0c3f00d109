"""Computes report.json from a run's rows."""

from collections.abc import Mapping, Sequence

from urial.core.errors import UrialError
from urial.core.hashing import content_hash, short_hash
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.base import ROLES, Hash
from urial.records.completion import LaterTurn
from urial.records.instruction import Instruction
from urial.records.judgment import ASPECTS
from urial.records.model import ModelManifest, ServerModel
from urial.records.report import LaterTurnFigures, Metrics, Report, SystemFigures, SystemMetrics
from urial.report.inputs import ReportInputs, SystemInputs
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.scores import aspect_figures, scores_of
from urial.token_shift.figures.paired import compare_contexts
from urial.token_shift.figures.summary import summarize


def build_report(inputs: ReportInputs) -> Report:
    """All figures of one run."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    sources = [inputs.models[role].source for role in reversed(ROLES)]
    return Report(
        study=inputs.plan.study,
        models={role: model_hash(manifest) for role, manifest in inputs.models.items()},
        instructions=inputs.plan.instructions,
        instructions_hash=content_hash([row.model_dump(mode="json") for row in inputs.instructions]),
        judge=one_judge(inputs.systems),
        loading=next((source.loading for source in sources if not isinstance(source, ServerModel)), None),
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        systems={
            name: system_figures(system, inputs.instructions, bootstrap) for name, system in inputs.systems.items()
        },
        token_shift={
            name: summarize(context.table, context.coverage, bootstrap) for name, context in inputs.contexts.items()
        },
        context_comparisons=compare_contexts(
            {name: context.table for name, context in inputs.contexts.items()}, bootstrap
        ),
    )


def one_judge(systems: Mapping[str, SystemInputs]) -> str:
    """The judge of all rows. Raises UrialError when there are several: their scores are not to be compared."""
    judges = {row.judge: name for name, system in systems.items() for row in system.judgments}
    if len(judges) > 1:
        raise UrialError(
            "the systems were scored by different judges: "
            + "; ".join(f"{judges[judge]}: {judge}" for judge in judges),
            expected="one judge for all systems",
            fix="run `dvc repro --force --single-item judge`, then `dvc repro`",
        )
    return next(iter(judges), "")


def system_figures(system: SystemInputs, instructions: Sequence[Instruction], bootstrap: Bootstrap) -> SystemFigures:
    """Figures of one system."""
    answers = [row.answer for row in system.completions]
    words = [
        float(row.words)
        for instruction, row in zip(instructions, system.judgments, strict=True)
        if row.words is not None and instruction.category == "regular"
    ]
    columns = {aspect: scores_of(aspect, system.judgments) for aspect in ASPECTS}
    return SystemFigures(
        model=system.plan.model,
        prompt=system.plan.prompt_name or "chat template",
        prompt_hash=system.plan.prompt_hash,
        decoding=system.plan.decoding,
        prompt_tokens=_mean_tokens(system.prompts),
        instructions=len(instructions),
        ok=sum(row.status == "ok" for row in system.completions),
        too_long=sum(row.status == "too_long" for row in system.completions),
        cut_off=sum(answer is not None and answer.finish == "length" for answer in answers),
        flagged=_flagged(system.prompts),
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
        flagged=_flagged([turn.prompt for turn in turns if turn.prompt is not None]),
    )


def model_hash(manifest: ModelManifest) -> Hash:
    """What of a model is known: its files, or where it is served under which name."""
    source = manifest.source
    if isinstance(source, ServerModel):
        return content_hash({"server": source.server, "id": source.model})
    return content_hash(source.files)


def _mean_tokens(prompts: Sequence[AssembledPrompt]) -> float | None:
    known = [row.n_tokens for row in prompts if row.n_tokens is not None]
    return sum(known) / len(known) if known else None


def _flagged(prompts: Sequence[AssembledPrompt]) -> int | None:
    if any(prompt.form == "messages" for prompt in prompts):
        return None
    return sum(prompt.flag is not None for prompt in prompts)


def main_metrics(report: Report) -> Metrics:
    """The main figures of a report."""
    return Metrics(measured={name: _system_metrics(report, name) for name in report.systems})


def _system_metrics(report: Report, name: str) -> SystemMetrics:
    system, shift = report.systems[name], report.token_shift.get(name)
    aspects = system.aspects.values()
    return SystemMetrics(
        prompt=system.prompt,
        prompt_hash=short_hash(system.prompt_hash) if system.prompt_hash else None,
        average=system.average.mean,
        scored=sum(found.scored for found in aspects) / sum(found.total for found in aspects),
        words=system.words.mean,
        unshifted=shift.unshifted.mean if shift else None,
        **{aspect: found.mean for aspect, found in system.aspects.items()},
    )

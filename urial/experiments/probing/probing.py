"""Probes a run: the variants of each of its prompts, against the full prompt."""

from collections import Counter
from collections.abc import Iterator
from itertools import compress

from urial.experiments.probing.measuring import NOT_PAIRED, ProbedRun, Values, with_holm_by_measure
from urial.experiments.probing.samples import pass_figures, variance_shares
from urial.experiments.probing.variants import CHAT_TEMPLATE, Family, Variant, families
from urial.records.judgment import Aspect, Judgment
from urial.records.probing import Measure, PassFigures, ProbedPrompt, Probing, PromptVariant, VariantDifference
from urial.report.inputs import ReportInputs
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import PERMUTATIONS
from urial.statistics.scores import category_of, scores_of


def probe(
    inputs: ReportInputs,
    bootstrap: Bootstrap,
    *,
    name: str,
    commit: str | None = None,
    against: str | None = None,
    aspect: Aspect | None = None,
) -> Probing:
    """The prompts of a run that have several variants; or ``against`` one system all others of its model.

    ``aspect``: what passes and shares of variance are of; None: all aspects of an answer. Raises UrialError where there is
    nothing to compare, and where several judges scored.
    """
    run = ProbedRun(inputs, bootstrap)
    plans = {system: rows.plan for system, rows in inputs.systems.items()}
    return Probing(
        run=name,
        commit=commit,
        study=inputs.plan.study,
        instruction_set=inputs.plan.instructions,
        instructions=len(inputs.instructions),
        judge=run.judge,
        aspect=aspect,
        prompts=tuple(_probed(run, family, aspect) for family in families(plans, against)),
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        permutations=PERMUTATIONS,
    )


def _probed(run: ProbedRun, family: Family, aspect: Aspect | None) -> ProbedPrompt:
    """The figures of each variant, and their differences to the first, corrected together."""
    pairs = [(variant, run.values(variant)) for variant in family.variants]
    tested = with_holm_by_measure([run.differences(pair, pairs[0]) for pair in pairs[1:]])
    return ProbedPrompt(
        model=family.full.plan.model,
        prompt=family.full.plan.prompt_name or CHAT_TEMPLATE,
        zero_shot=run.zero_shot,
        variants=tuple(
            _variant(run, pair, differences, aspect) for pair, differences in zip(pairs, [None, *tested], strict=True)
        ),
    )


def _variant(
    run: ProbedRun,
    pair: tuple[Variant, Values],
    differences: dict[Measure, VariantDifference] | None,
    aspect: Aspect | None,
) -> PromptVariant:
    """A variant; without differences it is the full prompt."""
    variant, values = pair
    measures, missing = run.measures(variant, values)
    if differences is not None:
        missing |= {name: NOT_PAIRED for name in measures if name not in differences}
    samples, several = run.samples(variant), len(variant.systems) > 1
    scores = [[answer_score(row, aspect) for row in sample] for sample in samples]
    known = [scores_of(name, sample) for sample in samples for name in values.aspects]
    categories = Counter(row.category for row in run.inputs.instructions)
    return PromptVariant(
        label=variant.label,
        systems=variant.systems,
        prompt_name=variant.plan.prompt_name,
        prompt_hash=variant.plan.prompt_hash,
        ablation=variant.plan.ablation,
        decoding=variant.plan.decoding,
        repeated=variant.repeated,
        instructions=len(run.inputs.instructions),
        scored=sum(value is not None for column in known for value in column),
        total=len(samples) * sum(categories[category_of(name)] for name in values.aspects),
        measures=measures,
        differences=differences or {},
        missing=missing,
        score_shares=variance_shares(scores) if several and run.judge else None,
        word_shares=variance_shares([run.words(sample) for sample in samples]) if several else None,
        passes=tuple(_passes(run, variant, aspect)),
    )


def _passes(run: ProbedRun, variant: Variant, aspect: Aspect | None) -> Iterator[PassFigures]:
    """How often samples pass by each rule that says what passes; a judge model's scores are no rule."""
    asked = run.inputs.instructions
    if run.judge is not None and run.judge.kind == "rules":
        marks = [[has_full_marks(row, aspect) for row in sample] for sample in run.samples(variant)]
        counted = [aspect is None or row.category == category_of(aspect) for row in asked]
        yield pass_figures("full marks", [list(compress(sample, counted)) for sample in marks], run.bootstrap)
    if run.has_known_answers:
        known = [[None if value is None else bool(value) for value in sample] for sample in run.known(variant)]
        counted = [bool(row.accepted) for row in asked]
        yield pass_figures("known answer", [list(compress(sample, counted)) for sample in known], run.bootstrap)


def answer_score(row: Judgment, aspect: Aspect | None) -> float | None:
    """The score of an answer on one aspect; None: the mean of its scores."""
    scores = [score.score for score in row.scores if aspect in (None, score.aspect) and score.score is not None]
    return sum(scores) / len(scores) if scores else None


def has_full_marks(row: Judgment, aspect: Aspect | None) -> bool | None:
    """Whether an answer has the highest score on an aspect, or on all that apply to it; None: not all of these have a score."""
    asked = [score for score in row.scores if aspect in (None, score.aspect) and score.status != "not_applicable"]
    if not asked or any(score.score is None for score in asked):
        return None
    return all(score.score == score.scale for score in asked)

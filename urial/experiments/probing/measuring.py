"""What a variant scores, explains and writes, and how that differs from the full prompt; what is missing has a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from urial.experiments.probing.explained import explained_difference, explained_share
from urial.experiments.probing.samples import means_of_samples
from urial.experiments.probing.variants import Variant, is_zero_shot
from urial.records.estimate import Estimate
from urial.records.judge import JudgeIdentity
from urial.records.judgment import ASPECTS, EVERY_ASPECT, Aspect, Judgment
from urial.records.probing import Measure, MeasuredMean, VariantDifference
from urial.report.build import one_judge
from urial.report.inputs import ReportInputs
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.known_answers import outcomes_of
from urial.statistics.paired import Column, holm, paired_differences, sign_flip_p
from urial.statistics.scores import category_of, is_asked, scores_of

if TYPE_CHECKING:
    import pyarrow as pa

NOT_JUDGED = "nobody judged the answers of the run"
NOT_SCORED = "no answer has a score"
NO_AVERAGE = "not all six aspects have a score"
NO_WORDS = "no regular instruction has an answer"
NO_ANSWER = "no instruction with accepted answers has an answer"
NO_ZERO_SHOT = "token shift is measured under no zero-shot prompt, which it would be against"
NOT_MEASURED = "token shift is not measured under this prompt; token_shift.base_systems says under which"
IS_ZERO_SHOT = "what prompts explain is against this one"
NOTHING_SHIFTED = "no position is shifted under the zero-shot prompt"
NOT_PAIRED = "nothing is measured both here and with the full prompt"
Measures = dict[Measure, MeasuredMean]
Missing = dict[Measure, str]


@dataclass(frozen=True)
class Values:
    """A variant's values by instruction, each the mean over its samples, in the order of the instructions."""

    aspects: Mapping[Aspect, Column]
    words: Column
    # Whether an accepted answer is in the answer, 1 or 0; None: no instruction has accepted answers.
    known: Column | None

    @property
    def columns(self) -> dict[Measure, Column]:
        """All that have one value an instruction."""
        columns: dict[Measure, Column] = {name: column for name, column in self.aspects.items()}  # noqa: C416
        columns["words"] = self.words
        return columns if self.known is None else {**columns, "known": self.known}


@dataclass(frozen=True)
class ProbedRun:
    """A run, and how its figures are made."""

    inputs: ReportInputs
    bootstrap: Bootstrap

    @cached_property
    def judge(self) -> JudgeIdentity | None:
        """Who judged all systems; None: nobody. Raises UrialError for several judges."""
        return one_judge({name: (row.judge for row in rows.judgments) for name, rows in self.inputs.systems.items()})

    @cached_property
    def zero_shot(self) -> str | None:
        """The first base context without a prompt."""
        systems = self.inputs.systems
        return next(
            (name for name in self.inputs.contexts if name in systems and is_zero_shot(systems[name].plan)), None
        )

    def context(self, variant: Variant) -> "pa.Table | None":
        """The measurement under the variant's prompt, which is the same for every decoding; None: there is none."""
        for name, context in self.inputs.contexts.items():
            plan = self.inputs.systems[name].plan if name in self.inputs.systems else None
            if plan and (plan.model, plan.prompt_hash) == (variant.plan.model, variant.plan.prompt_hash):
                return context.table
        return None

    def samples(self, variant: Variant) -> list[Sequence[Judgment]]:
        """The judgments of each of its systems."""
        return [self.inputs.systems[name].judgments for name in variant.systems]

    @cached_property
    def has_known_answers(self) -> bool:
        """Whether any instruction has accepted answers."""
        return any(row.accepted for row in self.inputs.instructions)

    def known(self, variant: Variant) -> list[Column]:
        """Of each of its systems, whether an accepted answer is in the answer: 1 or 0, None where there is none to compare."""
        passed = {"exact": 1.0, "contained": 1.0, "missed": 0.0}
        return [
            [
                passed.get(outcome or "")
                for outcome in outcomes_of(self.inputs.instructions, self.inputs.systems[name].completions)
            ]
            for name in variant.systems
        ]

    def words(self, judgments: Sequence[Judgment]) -> Column:
        """The words of answers to regular instructions."""
        rows = zip(judgments, self.inputs.instructions, strict=True)
        return [row.words if asked.category == "regular" else None for row, asked in rows]

    def values(self, variant: Variant) -> Values:
        """By instruction. Of an aspect that the judge was not asked about there is no column."""
        samples, categories = self.samples(variant), [row.category for row in self.inputs.instructions]
        aspects: dict[Aspect, Column] = {}
        for aspect in EVERY_ASPECT if self.judge else ():
            own = [category == category_of(aspect) for category in categories]
            rows = [row for sample in samples for row, counts in zip(sample, own, strict=True) if counts]
            if rows and is_asked(aspect, rows):
                aspects[aspect] = means_of_samples([scores_of(aspect, sample) for sample in samples])
        words = means_of_samples([self.words(sample) for sample in samples])
        return Values(aspects, words, means_of_samples(self.known(variant)) if self.has_known_answers else None)

    def measures(self, variant: Variant, values: Values) -> tuple[Measures, Missing]:
        """The means of a variant, and why others are missing."""
        columns, why = values.columns, Missing()
        why["average"] = NO_AVERAGE if self.judge else NOT_JUDGED
        found: Measures = {
            name: _mean([value for value in column if value is not None], self.bootstrap)
            for name, column in columns.items()
        }
        for name in columns:
            why[name] = {"words": NO_WORDS, "known": NO_ANSWER}.get(name, NOT_SCORED)
        six = [values.aspects[aspect] for aspect in ASPECTS if aspect in values.aspects]
        if len(six) == len(ASPECTS):
            scored = sum(any(value is not None for value in row) for row in zip(*six, strict=True))
            found["average"] = MeasuredMean(**self.bootstrap.mean_of_means(six).model_dump(), n=scored)
        zero_shot, table = self.zero_shot, self.context(variant)
        if zero_shot is None:
            why["explained"] = NO_ZERO_SHOT
        elif is_zero_shot(variant.plan) or table is None:
            why["explained"] = IS_ZERO_SHOT if is_zero_shot(variant.plan) else NOT_MEASURED
        else:
            found["explained"] = explained_share(self.inputs.contexts[zero_shot].table, table, self.bootstrap)
            why["explained"] = NOTHING_SHIFTED
        known = {name: mean for name, mean in found.items() if mean.mean is not None}
        return known, {name: reason for name, reason in why.items() if name not in known}

    def differences(
        self, here: tuple[Variant, Values], full: tuple[Variant, Values]
    ) -> dict[Measure, VariantDifference]:
        """A variant minus the full prompt, by measure, where both have it; p-values are not yet corrected."""
        values, others = here[1], full[1]
        names: tuple[Measure, ...] = ("words", "known")
        found: dict[Measure, VariantDifference] = {
            test.aspect: VariantDifference(**Estimate(mean=test.mean, low=test.low, high=test.high).model_dump(), n=test.n, p=test.p, p_holm=None)
            for test in paired_differences({"here": values.aspects, "full": others.aspects}, self.bootstrap)
        }  # fmt: skip
        for name in names:
            if name in values.columns and name in others.columns:
                found[name] = self._difference(values.columns[name], others.columns[name])
        tables = [self.context(variant) for variant, _ in (here, full)]
        plans = [variant.plan for variant, _ in (here, full)]
        if self.zero_shot and tables[0] is not None and tables[1] is not None and not any(map(is_zero_shot, plans)):
            zero_shot = self.inputs.contexts[self.zero_shot].table
            found["explained"] = explained_difference(zero_shot, tables[0], tables[1], self.bootstrap)
        return {name: difference for name, difference in found.items() if difference.mean is not None}

    def _difference(self, here: Column, full: Column) -> VariantDifference:
        """One value an instruction minus another, where both are there."""
        both = zip(here, full, strict=True)
        values = [own - other for own, other in both if own is not None and other is not None]
        p = sign_flip_p(values, self.bootstrap.seed)
        return VariantDifference(**self.bootstrap.mean(values).model_dump(), n=len(values), p=p, p_holm=None)


def _mean(values: Sequence[float], bootstrap: Bootstrap) -> MeasuredMean:
    return MeasuredMean(**bootstrap.mean(values).model_dump(), n=len(values))


def with_holm_by_measure(
    differences: Sequence[Mapping[Measure, VariantDifference]],
) -> list[dict[Measure, VariantDifference]]:
    """The differences of all variants, p-values corrected for the tests of each measure.

    Every measure asks a question of its own of every variant. With all of them together, the dozens of variants of a sweep over
    K would leave no difference that 9,999 draws can show.
    """
    corrected: list[dict[Measure, VariantDifference]] = [{} for _ in differences]
    for measure in dict.fromkeys(name for of_variant in differences for name in of_variant):
        having = [index for index, of_variant in enumerate(differences) if measure in of_variant]
        p_values = holm([differences[index][measure].p for index in having])
        for index, p in zip(having, p_values, strict=True):
            corrected[index][measure] = differences[index][measure].model_copy(update={"p_holm": p})
    return corrected

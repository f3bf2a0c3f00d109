"""What in a prompt works: the records of `urial probe --json`."""

from typing import Literal

from pydantic import Field

from urial.records.ablation import Ablation
from urial.records.base import Hash, Name, Record, Role
from urial.records.estimate import Estimate, Probability
from urial.records.judge import JudgeIdentity
from urial.records.judgment import Aspect
from urial.records.params.file import Decoding

# What variants of a prompt are compared in.
Measure = Literal[Aspect, "average", "known", "explained", "words"]
Rule = Literal["full marks", "known answer"]


class MeasuredMean(Estimate):
    """A mean, and what it is over."""

    n: int = Field(ge=0, description="instructions that go in; explained: answers with a position that goes in")


class VariantDifference(MeasuredMean):
    """A variant minus the full prompt, on the instructions that have both."""

    p: Probability | None = Field(
        description="two-sided p-value of a paired permutation test by sign flips of instructions, or of answers; null: "
        "nothing to test"
    )
    p_holm: Probability | None = Field(
        description="the same corrected for the tests of this measure, one a variant (Holm)"
    )


class VarianceShares(Record):
    """How much of the variance of one answer's value is between instructions, and how much between samples of one."""

    instructions: int = Field(ge=0, description="instructions with a value")
    samples: int = Field(ge=0, description="values in all")
    between_instructions: Probability | None = Field(
        description="share of the variance, of a one-way random effects model; null: nothing varies, or too few values"
    )
    between_samples: Probability | None = Field(description="the rest; null likewise")


class PassAt(Estimate):
    """How often one of k samples passes."""

    k: int = Field(ge=1, description="samples drawn")


class PassFigures(Record):
    """How many samples pass, over the instructions of which every sample passes or fails."""

    rule: Rule = Field(
        description="full marks: every aspect, or the one chosen, has the highest score; known answer: an accepted answer is "
        "in the text"
    )
    instructions: int = Field(ge=0, description="instructions counted")
    left_out: int = Field(ge=0, description="instructions of which a sample neither passes nor fails")
    at: tuple[PassAt, ...] = Field(
        description="pass@k for k of 1, 2, 5, 10 and so on, and for all samples: an unbiased estimate that one of k passes"
    )
    every: Estimate = Field(description="share of the instructions of which every sample passes")


class PromptVariant(Record):
    """Systems with one prompt and one decoding: one system, or several that are samples, differing in the seed alone."""

    label: str = Field(description="what it is, in words; unique in its table")
    systems: tuple[Name, ...] = Field(min_length=1, description="its systems, one a sample")
    prompt_name: str | None = Field(description="COLLECTION/NAME; null: the chat template")
    prompt_hash: Hash | None = Field(description="content hash of the prompt as it is used; null: the chat template")
    ablation: Ablation | None = Field(description="what was changed in the prompt; null: nothing")
    decoding: Decoding = Field(description="how answers were decoded; the seed is that of the first sample")
    repeated: tuple[Name, ...] = Field(
        description="systems with the prompt, decoding and seed of one before them: the same answers, counted once"
    )
    instructions: int = Field(ge=0, description="instructions asked")
    scored: int = Field(ge=0, description="aspects with a score, over all samples")
    total: int = Field(ge=0, description="aspects asked about, over all samples")
    measures: dict[Measure, MeasuredMean] = Field(
        description="means over instructions, of the mean over samples; average: the mean of the six aspects' means; known: share "
        "of answers with an accepted answer in them; explained: of the tokens shifted under the zero-shot prompt, the share that "
        "is not under this one; words: of answers to regular instructions"
    )
    differences: dict[Measure, VariantDifference] = Field(
        description="to the full prompt; empty for the full prompt itself"
    )
    missing: dict[Measure, str] = Field(description="why a measure or its difference is not there")
    score_shares: VarianceShares | None = Field(
        description="of the mean score of an answer, or the aspect chosen; null: one sample"
    )
    word_shares: VarianceShares | None = Field(description="of the words of an answer; null: one sample")
    passes: tuple[PassFigures, ...] = Field(description="by rule; empty: no rule says what passes")


class ProbedPrompt(Record):
    """One prompt and its variants."""

    model: Role = Field(description="which model of the study answers")
    prompt: str = Field(description="COLLECTION/NAME, or 'chat template'")
    zero_shot: Name | None = Field(description="the base context that explained is against; null: none is measured")
    variants: tuple[PromptVariant, ...] = Field(min_length=1, description="the full prompt, then the others")


class Probing(Record):
    """What in the prompts of one run works."""

    run: str = Field(description="as it was named")
    commit: str | None = Field(description="full hash; null: not under git")
    study: Name = Field(description="the study")
    instruction_set: Name = Field(description="the set of instructions")
    instructions: int = Field(ge=0, description="instructions asked")
    judge: JudgeIdentity | None = Field(description="who judged; null: nobody")
    aspect: Aspect | None = Field(
        description="the aspect that passes and shares of variance are of; null: all of an answer's"
    )
    prompts: tuple[ProbedPrompt, ...] = Field(description="prompts with several variants, in the order of params.yaml")
    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over instructions")
    seed: int = Field(description="seed of the bootstrap and of the permutation tests")
    permutations: int = Field(description="sign flips tried in a test, where there are more than this")

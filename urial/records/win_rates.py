"""The records of win rates: what `urial win-rates --json` prints. Rates are in percent, as the field publishes them."""

from typing import Literal

from pydantic import Field

from urial.records.base import Hash, Name, Record
from urial.records.diagnostics import AnswerHabits, JudgeHabits
from urial.records.estimate import Estimate
from urial.records.instruction import TagKind
from urial.records.preference import Criterion, PreferenceJudge
from urial.records.report import OutcomeCounts

Join = Literal["instruction", "row"]


class CitedReference(Record):
    """The length-control reference that a figure was computed against."""

    name: Name = Field(description="its name")
    hash: Hash = Field(description="hash of its file")
    alpaca_eval_2: bool = Field(
        description="whether it was made of AlpacaEval's own files, known by their hashes: only then is a figure that of "
        "AlpacaEval 2"
    )


class LengthControl(Record):
    """The win rate that a logistic regression predicts for answers as long as the baseline's."""

    form: Literal["length_controlled", "length_adjusted"] = Field(
        description="length_controlled: with anchor runs and difficulty of a reference; length_adjusted: without anchor runs"
    )
    reference: CitedReference | None = Field(
        description="where difficulty and anchor runs are from; null: neither is used"
    )
    join: Join | None = Field(
        description="how rows were joined with the reference: by instruction, or by row number as first published; null: "
        "no reference"
    )
    win_rate: Estimate = Field(description="in percent; the interval refits every resample at the same regularization")
    spread: float | None = Field(
        description="standard error of the predictions' mean over instructions, which AlpacaEval calls that of the win rate: "
        "how much difficulty varies, and no error of the win rate; null: one instruction"
    )
    regularization: float | None = Field(
        description="C: weight of the likelihood against the absolute coefficients; null: nothing was fitted"
    )
    chosen: Literal["given", "cross_validation", "not_fitted"] = Field(
        description="how C was chosen; not_fitted: system and baseline are one, and the win rate is 50 by definition"
    )
    length: float = Field(description="coefficient of the length difference, tanh of it over its standard deviation")
    difficulty: float | None = Field(description="coefficient of difficulty; null: there is none")
    strength: float = Field(description="coefficient of the system")
    verdicts: int = Field(ge=0, description="rows that were fitted")
    shorter: int = Field(ge=0, description="answers shorter than the baseline's")
    longer: int = Field(ge=0, description="answers longer than the baseline's")
    extrapolated: bool = Field(
        description="whether one side is longer nearly always, so that equal lengths are beyond what was seen"
    )
    far_from_raw: bool = Field(description="whether it is so far from the raw win rate that the fit may have failed")


class WinRate(OutcomeCounts):
    """How often the judge prefers a system's answers to the baseline's, and what became of every row."""

    criterion: Criterion = Field(description="what was compared")
    turn: int | None = Field(ge=1, description="the turn; null: all turns pooled")
    win_rate: Estimate = Field(
        description="mean preference for the system over the rows that have one, in percent; a row's preference is the "
        "mean of its orders"
    )
    standard_error: float | None = Field(
        description="standard deviation of the preferences over the root of their number, in percent; null: fewer than two"
    )
    discrete_win_rate: float | None = Field(
        description="wins and half of ties and of inconsistent rows, of these and losses, in percent: AlpacaEval's discrete "
        "win rate, FastChat's adjusted one"
    )
    win_share: float | None = Field(description="wins, of all rows with a preference, in percent: FastChat's win rate")
    loss_share: float | None = Field(description="losses, of all rows with a preference, in percent")
    characters: float | None = Field(description="mean length of the system's answers; null: no length is known")
    baseline_characters: float | None = Field(description="mean length of the baseline's answers; null: none is known")
    length_control: LengthControl | None = Field(description="with lengths held equal; null: it cannot be computed")
    no_length_control: str | None = Field(description="why not; null where it can")


class SystemWinRates(Record):
    """One system's win rates against a baseline."""

    system: Name = Field(description="the system")
    baseline: Name = Field(description="what it is compared with")
    judges: tuple[PreferenceJudge, ...] = Field(description="who compared")
    instructions: int = Field(ge=1, description="instructions, compared or not")
    figures: tuple[WinRate, ...] = Field(
        description="one a criterion and turn, and all turns pooled where there are several"
    )
    groups: dict[str, tuple[WinRate, ...]] = Field(
        description="the same over the instructions with a tag, by tag, without length control"
    )
    untagged: int = Field(ge=0, description="instructions in no group, where there are groups")
    habits: JudgeHabits = Field(description="what the judge's verdicts lean to, over all criteria and turns")
    answers: AnswerHabits | None = Field(
        description="what in the system's answers a judge may be fooled by; null: no file of its answers was named"
    )


class Rating(Record):
    """A system's strength among all that were compared (Bradley and Terry 1952)."""

    system: Name = Field(description="the system, or a baseline")
    rating: Estimate = Field(
        description="1000 plus 400 / ln 10 times the log of the odds against the anchor; null where no finite strength fits"
    )
    comparisons: int = Field(ge=0, description="comparisons with a preference that it is in")


class Ratings(Record):
    """Bradley-Terry ratings by one criterion, all turns pooled; a tie is half a win."""

    criterion: Criterion = Field(description="what was compared")
    anchor: Name = Field(description="the system whose rating is 1000: the first file's baseline")
    ratings: tuple[Rating, ...] = Field(description="best first")


class WinRates(Record):
    """Win rates of systems, one file each."""

    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over instructions")
    seed: int = Field(description="seed of the bootstrap")
    mixed_judges: bool = Field(description="whether files were judged by different judges")
    systems: tuple[SystemWinRates, ...] = Field(description="in the order given")
    by: TagKind | None = Field(description="what `groups` are by; null: there are none")
    ratings: tuple[Ratings, ...] = Field(description="one a criterion; empty unless several systems are compared")

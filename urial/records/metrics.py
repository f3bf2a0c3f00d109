"""The main figures of a run, for dvc exp show."""

from pydantic import Field

from urial.records.base import Name, Record


class SystemMetrics(Record):
    """One system's main figures, without intervals and counts, for comparisons of experiments."""

    prompt: str = Field(description="prompt version COLLECTION/NAME, or 'chat template'")
    prompt_hash: str | None = Field(description="first 12 digits of the prompt version's hash")
    average: float | None = Field(description="mean of the six aspects' means; null unless all six are scored")
    helpfulness: float | None = Field(description="mean score over the scored answers")
    clarity: float | None = Field(description="mean score over the scored answers")
    factuality: float | None = Field(description="mean score over the scored answers")
    depth: float | None = Field(description="mean score over the scored answers")
    engagement: float | None = Field(description="mean score over the scored answers")
    safety: float | None = Field(description="mean score over the scored answers")
    overall: float | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="mean score of the answer as a whole; left out: the judge was not asked about it",
    )
    overall_pooled: float | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the same over all turns, pooled; left out: there is one turn",
    )
    scored: float | None = Field(
        description="scored share of all aspects of all instructions, from 0 to 1; null: the answers are not judged"
    )
    known_answers: float | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="share of the answers that have an accepted answer in them, from 0 to 1; left out: none is known",
    )
    words: float | None = Field(description="mean length of regular answers")
    win_rate: float | None = Field(
        default=None, description="overall win rate against the baseline in percent; null where it is not compared"
    )
    unshifted: float | None = Field(description="share of positions with base rank 1; null where it is no context")
    branching: float | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="branching factor of the base model behind this prompt, along the aligned answers; left out: not known",
    )


class Metrics(Record):
    """metrics.json: what `dvc exp show` and `dvc metrics show` print; report.json has all figures."""

    measured: dict[Name, SystemMetrics] = Field(description="main figures by system")

"""The figures of one base context: each declared with its positions or answers, and computed from these.

The report computes them with ``summarize``, and ``urial trace`` lists the positions that a figure is of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from urial.core.errors import UrialError
from urial.records.base import Name, Record
from urial.records.shift_figures import ContextComparison, EndCounts, PositionMean, ShiftFigures
from urial.records.token_shift import LABELS, ShiftCoverage
from urial.statistics.bootstrap import Bootstrap
from urial.token_shift.figures import tokens
from urial.token_shift.figures.branching import ENTROPIES, branching_factors, branching_how
from urial.token_shift.figures.candidates import Groups, groups_of
from urial.token_shift.figures.parts import PART_FIGURES, part_figures
from urial.token_shift.figures.position_figures import further_figures
from urial.token_shift.figures.positions import (
    CATEGORIES,
    KINDS,
    Path,
    PositionFigure,
    Positions,
    every,
    has_ties,
    is_known,
    is_text,
)
from urial.token_shift.figures.shares import kind_declarations, kind_figures, shares_of
from urial.token_shift.figures.tags import TagShift

if TYPE_CHECKING:
    import pyarrow as pa

MEANS = ("kl", "kl_lower_bound", "kl_reverse", "js", "base_entropy", "aligned_entropy", "base_probability")


class ShiftSummary(Record):
    """Figures of several measurements, and how those of the same answers differ."""

    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over answers")
    seed: int = Field(description="seed of the bootstrap and of the tests")
    permutations: int = Field(description="sign flips tried in a test, where there are more than this")
    measurements: dict[Name, ShiftFigures] = Field(description="figures by name, in the order given")
    given: dict[Name, Name] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="whose answers a measurement is of, by its name, where its coverage says that they were given; left out: none",
    )
    by: Literal["task", "topic"] | None = Field(description="what `groups` are by; null: there are none")
    groups: dict[str, dict[Name, TagShift]] = Field(
        description="shares by tag and name; an instruction counts under each of its tags"
    )
    untagged: int = Field(ge=0, description="measured instructions in no group, where there are groups")
    comparisons: tuple[ContextComparison, ...] = Field(
        description="the first measurement against every other one of the same answers"
    )
    other_answers: tuple[Name, ...] = Field(
        description="measurements of other answers than the first, which are not compared"
    )


@dataclass(frozen=True)
class AnswerFigure:
    """A figure of answers, by what their coverage says of them."""

    counted: Callable[[ShiftCoverage], bool]
    # The figure, of the answers that count.
    value: Callable[[Sequence[ShiftCoverage]], int | None] = len


# Path, name and column of every kind and label.
_KINDS = [((kind,), kind, "kind") for kind in KINDS] + [(("labels", label), label, "label") for label in LABELS]
POSITION_FIGURES: Mapping[Path, PositionFigure] = {
    **{
        (category,): PositionFigure(
            f"share of the positions that is {category}: sum over answers over sum over answers",
            is_text("category", category),
            others=f"not {category}",
        )
        for category in CATEGORIES
    },
    **{
        (*path, field): figure
        for path, name, column in _KINDS
        for field, figure in kind_declarations(name, is_text(column, name)).items()
    },
    **{
        # The probability is made of its logarithm, which is always there.
        (name,): PositionFigure(
            f"mean of {name} over the positions where it is known: sum over answers over number of positions",
            every if name == "base_probability" else is_known(name),
        )
        for name in MEANS
    },
    **{("branching", role): PositionFigure(branching_how(role), is_known(name)) for role, name in ENTROPIES.items()},
    ("positions",): PositionFigure("number of positions measured"),
    ("ties",): PositionFigure("positions where others are as probable", has_ties, others="no tie"),
    **PART_FIGURES,
}
# What part_figures computes.
_BY_PART = ("parts", "moves")


def _vocabulary(measured: Sequence[ShiftCoverage]) -> int | None:
    sizes = sorted({row.vocabulary for row in measured if row.vocabulary is not None})
    if len(sizes) > 1:
        problem = (
            f"answers of one context were measured over different vocabularies: of {sizes[0]:,} and {sizes[1]:,} tokens"
        )
        raise UrialError(problem, expected="the coverage of one pair of models")
    return sizes[0] if sizes else None


def _measured(holds: Callable[[ShiftCoverage], bool]) -> Callable[[ShiftCoverage], bool]:
    return lambda row: row.status == "measured" and holds(row)


def _equal(field: str, value: str) -> Callable[[ShiftCoverage], bool]:
    return lambda row: getattr(row, field) == value


ANSWER_FIGURES: Mapping[Path, AnswerFigure] = {
    **{
        (status,): AnswerFigure(_equal("status", status))
        for status in ("measured", "no_answer", "too_long", "unsupported")
    },
    ("retokenized",): AnswerFigure(_measured(lambda row: row.retokenized)),
    ("unmatched",): AnswerFigure(
        _measured(lambda row: row.unmatched > 0), lambda rows: sum(row.unmatched for row in rows)
    ),
    ("vocabulary",): AnswerFigure(_measured(lambda row: row.vocabulary is not None), _vocabulary),
    **{("ends", end): AnswerFigure(_measured(_equal("end", end))) for end in EndCounts.model_fields},
}


def summarize(
    table: "pa.Table",
    coverage: Sequence[ShiftCoverage] | None,
    bootstrap: Bootstrap,
    top: int = tokens.TOP_SHIFTED,
    groups: Groups | None = None,
) -> ShiftFigures:
    """Figures of one context, with intervals over the measured answers; lists have ``top`` tokens or words at most.

    Without ``coverage``, answers that were not measured are not known and not counted. ``groups`` has the rows with their
    candidates, which a table of a run that is read is without; None: the table has them.
    """
    positions = Positions.of(table)
    names = (*CATEGORIES, "share_of_shifted")
    figures = {
        path: figure for path, figure in POSITION_FIGURES.items() if path[-1] in names and path[0] not in _BY_PART
    }
    shares = shares_of(figures, table, positions, bootstrap)
    by_token, by_word = tokens.token_counts(table, positions), tokens.word_counts(table, positions)

    fields: dict[str, Any] = {
        **_answers(len(positions.ids), coverage),
        **{category: shares[category,][0] for category in CATEGORIES},
        **_means(table, positions, bootstrap),
        "branching": branching_factors(table, positions, bootstrap),
        **part_figures(table, positions, bootstrap),
        **further_figures(table, positions, groups or groups_of(table), coverage, bootstrap),
        **{name: None if table["kind"].null_count == len(table) else kind_figures(shares, (name,)) for name in KINDS},
    }
    return ShiftFigures(
        **fields,
        positions=len(table),
        ties=int(has_ties(table).sum()) if table["base_ties"].null_count < len(table) or not len(table) else None,
        labels={label: kind_figures(shares, ("labels", label)) for label in LABELS},
        top_shifted=tokens.top_tokens(by_token, top),
        top_words=tokens.top_words(by_word, top),
        log_odds_prior=tokens.PRIOR_TOTAL,
        log_odds_tokens=tokens.top_log_odds(by_token, top),
        log_odds_words=tokens.top_log_odds(by_word, top),
    )


def _answers(measured: int, coverage: Sequence[ShiftCoverage] | None) -> dict[str, Any]:
    """The figures of answers; without coverage, only how many were measured is known."""
    if coverage is None:
        return {path[0]: None for path in ANSWER_FIGURES} | {"measured": measured}
    values: dict[str, Any] = {"ends": {}}
    for path, figure in ANSWER_FIGURES.items():
        value = figure.value([row for row in coverage if figure.counted(row)])
        (values["ends"] if path[0] == "ends" else values)[path[-1]] = value
    return values


def _means(table: "pa.Table", positions: Positions, bootstrap: Bootstrap) -> dict[str, PositionMean]:
    """Each mean over the positions whose value is known."""
    frame = table.select(MEANS[:-1]).to_pandas()
    frame[MEANS[-1]] = positions.base_probability
    groups = frame.groupby(positions.answer)
    pairs = [(groups[name].sum().tolist(), groups[name].count().tolist()) for name in MEANS]
    return {
        name: PositionMean(**mean.model_dump(), positions=sum(counts))
        for name, mean, (_, counts) in zip(MEANS, bootstrap.ratios(pairs), pairs, strict=True)
    }

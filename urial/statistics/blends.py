"""The figures of blends, each declared once: of the tokens of their answers, and of scores against the base's and the helper's.

The report computes them from these declarations, and ``urial trace`` lists the rows that a figure is of.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from urial.records.blend_figures import (
    BlendFigures,
    InterventionFigures,
    RecoveredFigures,
    SuppliedFigures,
    SuppliedKind,
)
from urial.records.blended_tokens import BlendedAnswer, BlendedTokens, places_of
from urial.records.judgment import EVERY_ASPECT, Aspect
from urial.records.plans import BlendPlan
from urial.records.token_shift import LABELS
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.scores import JudgmentLike, scores_of

Count = Callable[[BlendedAnswer], int]
# Path of a figure within InterventionFigures.
Path = tuple[str, ...]
KINDS: tuple[SuppliedKind, ...] = ("style", "knowledge")
# The systems of a blend's scores, in the order of their differences.
OF_SCORES = ("base", "helper", "blend", "control")


@dataclass(frozen=True)
class TokenFigure:
    """A figure of the answers' tokens: a number, or a share with its interval."""

    how: str
    # What is counted of an answer.
    counted: Count
    # What it is a share of; None: it is a number.
    of: Count | None = None


def _tokens(answer: BlendedAnswer) -> int:
    return len(answer.tokens)


def _starts(answer: BlendedAnswer) -> int:
    return places_of(answer.interventions, len(answer.tokens))[0]


def _places(answer: BlendedAnswer) -> int:
    return places_of(answer.interventions, len(answer.tokens))[1]


def _supplied(answer: BlendedAnswer) -> int:
    return len(answer.interventions.supplied)


def _changed(answer: BlendedAnswer) -> int:
    return len(answer.interventions.changed)


def _words(answer: BlendedAnswer) -> int:
    return len({word for word in answer.words if word is not None})


def _changed_words(answer: BlendedAnswer) -> int:
    changed = {answer.words[position] for position in answer.interventions.changed}
    return len(changed - {None})


def _are(column: str, name: str, answer: BlendedAnswer) -> int:
    return sum(value == name for value in getattr(answer, column) or ())


def _supplied_are(column: str, name: str, answer: BlendedAnswer) -> int:
    values = getattr(answer, column) or ()
    return sum(values[position] == name for position in answer.interventions.supplied if values)


def _of_kind(column: str, name: str) -> dict[Path, TokenFigure]:
    """Those of the tokens of one label, or of one kind."""
    are, supplied = partial(_are, column, name), partial(_supplied_are, column, name)
    path = (column, name)
    return {
        (*path, "positions"): TokenFigure(f"number of tokens of {name}", are),
        (*path, "supplied"): TokenFigure(f"share of the tokens of {name} that the helper supplied", supplied, are),
        (*path, "share_of_supplied"): TokenFigure(
            f"of all tokens that the helper supplied, the share that is {name}", supplied, _supplied
        ),
    }


TOKEN_FIGURES: Mapping[Path, TokenFigure] = {
    ("answers",): TokenFigure("number of answers, later turns included", lambda answer: 1),
    ("positions",): TokenFigure("number of tokens of the answers", _tokens),
    ("places",): TokenFigure("number of places where the rule was asked", _places),
    ("share",): TokenFigure("share of the places where the rule was asked in which the helper stepped in", _starts, _places),
    ("supplied",): TokenFigure("share of the tokens that the helper supplied", _supplied, _tokens),
    ("changed",): TokenFigure(
        "share of the tokens that the helper supplied and the base alone would not have chosen", _changed, _tokens
    ),
    ("words",): TokenFigure("share of the words that have such a changed token", _changed_words, _words),
    **{path: figure for label in LABELS for path, figure in _of_kind("labels", label).items()},
    **{path: figure for kind in KINDS for path, figure in _of_kind("kinds", kind).items()},
}  # fmt: skip


def summed(rows: Sequence[BlendedTokens], count: Count) -> list[int]:
    """What is counted of the answers to each instruction."""
    return [sum(count(answer) for answer in row.turns if answer is not None) for row in rows]


def intervention_figures(rows: Sequence[BlendedTokens], bootstrap: Bootstrap) -> InterventionFigures:
    """Those of one blend, or of its control."""
    sums: dict[Count, list[int]] = {}

    def of(count: Count) -> list[int]:
        if count not in sums:
            sums[count] = summed(rows, count)
        return sums[count]

    def value(path: Path) -> object:
        figure = TOKEN_FIGURES[path]
        if figure.of is None:
            return sum(of(figure.counted))
        return bootstrap.ratio([*map(float, of(figure.counted))], [*map(float, of(figure.of))])

    def of_kinds(column: str, names: Sequence[str]) -> dict[str, SuppliedFigures]:
        fields = SuppliedFigures.model_fields
        kinds = {name: {field: value((column, name, field)) for field in fields} for name in names}
        return {name: SuppliedFigures.model_validate(kind) for name, kind in kinds.items() if kind["positions"]}

    plain = {path[0]: value(path) for path in TOKEN_FIGURES if len(path) == 1}
    return InterventionFigures.model_validate(
        {**plain, "labels": of_kinds("labels", LABELS), "kinds": of_kinds("kinds", KINDS)}
    )


def scored_by_all(aspect: Aspect, judgments: Mapping[str, Sequence[JudgmentLike]]) -> list[bool]:
    """Whether base, helper, blend and control all have a score of each instruction; ``judgments`` are by OF_SCORES."""
    columns = [scores_of(aspect, judgments[name]) for name in OF_SCORES]
    return [None not in row for row in zip(*columns, strict=True)]


def recovered_figures(
    aspect: Aspect, judgments: Mapping[str, Sequence[JudgmentLike]], bootstrap: Bootstrap
) -> RecoveredFigures | None:
    """How much of the helper's difference the blend and its control have; None where no instruction has all four scores.

    ``judgments`` are by OF_SCORES. Each resample of the instructions has its own differences, and their quotient.
    """
    columns = np.array([scores_of(aspect, judgments[name]) for name in OF_SCORES], float)
    both = columns[:, ~np.isnan(columns).any(axis=0)]
    if not both.shape[1]:
        return None
    helper, blend, control = (both[1:] - both[0]).tolist()
    return RecoveredFigures(
        n=both.shape[1],
        helper=bootstrap.mean(helper),
        blend=bootstrap.mean(blend),
        control=bootstrap.mean(control),
        blend_recovered=bootstrap.ratio(blend, helper),
        control_recovered=bootstrap.ratio(control, helper),
    )


def blend_figures(
    plan: BlendPlan,
    tokens: Mapping[str, Sequence[BlendedTokens]],
    judgments: Mapping[str, Sequence[JudgmentLike]],
    bootstrap: Bootstrap,
) -> BlendFigures:
    """Those of one blend: ``tokens`` are its own and the control's, ``judgments`` by OF_SCORES, empty without a helper's."""
    recovered = {
        aspect: figures
        for aspect in EVERY_ASPECT
        if judgments and (figures := recovered_figures(aspect, judgments, bootstrap))
    }
    return BlendFigures(
        base=plan.base,
        helper=plan.helper.label,
        rule=plan.rule,
        blend=intervention_figures(tokens["blend"], bootstrap),
        control=intervention_figures(tokens["control"], bootstrap),
        recovered=recovered,
    )


def recovered_how(field: str) -> str:
    """How a value of RecoveredFigures is made, in words."""
    those = "the instructions on which base, helper, blend and control all have a score"
    if field == "n":
        return f"number of {those}"
    who, _, quotient = field.partition("_")
    difference = f"mean score of the {who} minus the base's, over {those}"
    return f"{difference}, over the helper's minus the base's" if quotient else difference

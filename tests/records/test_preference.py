"""What follows from a comparison in both orders, and what a row may not claim."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from urial.records.judge import RulesIdentity
from urial.records.preference import ORDERS, Choice, Comparison, Preference, Result, result_of

JUDGE = RulesIdentity(kind="rules", version=1, world=None)
preferences = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0]))


def compared(*values: float | None) -> tuple[Comparison, ...]:
    """The overall verdicts of as many orders; None: no verdict."""

    def choice(value: float | None) -> Choice:
        if value is None:
            return Choice(criterion="overall", status="invalid", preference=None, rationale="no verdict")
        return Choice(criterion="overall", preference=value)

    return tuple(
        Comparison(order=order, choices=(choice(value),)) for order, value in zip(ORDERS, values, strict=False)
    )


@pytest.mark.parametrize(
    ("values", "outcome", "preference"),
    [
        ((1.0, 1.0), "win", 1.0),
        ((0.0, 0.0), "loss", 0.0),
        ((0.5, 0.5), "tie", 0.5),
        ((1.0, 0.0), "inconsistent", 0.5),
        ((1.0, 0.5), "inconsistent", 0.75),
        ((0.9, 0.6), "win", 0.75),
        ((0.9, None), "invalid", None),
        ((0.2,), "loss", 0.2),
    ],
)
def test_both_orders_decide(values: tuple[float | None, ...], outcome: str, preference: float | None) -> None:
    result = result_of("overall", compared(*values))
    assert (result.outcome, result.preference) == (outcome, preference)


@given(preferences, preferences)
def test_the_order_of_the_orders_does_not_matter(first: float | None, second: float | None) -> None:
    assert result_of("overall", compared(first, second)) == result_of("overall", compared(second, first))


def test_a_row_cannot_claim_another_outcome_than_that_of_its_comparisons() -> None:
    row: dict[str, Any] = {"instruction_id": "q", "system": "ours", "baseline": "theirs", "judge": JUDGE, "key": None}
    comparisons = compared(1.0, 0.0)
    Preference(
        **row, status="compared", reason=None, comparisons=comparisons, results=(result_of("overall", comparisons),)
    )
    won = (Result(criterion="overall", outcome="win", preference=1.0),)
    with pytest.raises(ValidationError, match="not those of the comparisons"):
        Preference(**row, status="compared", reason=None, comparisons=comparisons, results=won)
    twice = (comparisons[0], comparisons[0])
    with pytest.raises(ValidationError, match="an order was compared twice"):
        Preference(**row, status="compared", reason=None, comparisons=twice, results=(result_of("overall", twice),))
    with pytest.raises(ValidationError, match="needs a reason"):
        Preference(**row, status="no_baseline", reason=None, comparisons=(), results=())

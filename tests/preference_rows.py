"""Rows of preferences for tests: what each order says, and what follows."""

from collections.abc import Sequence
from typing import Any

from urial.records.judge import ImportedIdentity, JudgeIdentity
from urial.records.preference import (
    ORDERS,
    Choice,
    Comparison,
    Criterion,
    LaterPreference,
    Order,
    Preference,
    result_of,
)

JUDGE = ImportedIdentity(kind="imported", model="j", mode="mode", template="sha256:" + "0" * 64)
# A preference for the system; None: the reply is no verdict.
Said = float | None


def comparisons(said: Sequence[Said], orders: Sequence[Order | None] = ORDERS, criterion: Criterion = "overall") -> Any:
    """One comparison an order, with what it says."""
    return tuple(
        Comparison(
            order=order,
            choices=(
                Choice(criterion=criterion, preference=value)
                if value is not None
                else Choice(criterion=criterion, status="invalid", preference=None, rationale="why not"),
            ),
        )
        for value, order in zip(said, orders, strict=False)
    )


def fields(
    said: Sequence[Said], lengths: tuple[int | None, int | None] = (None, None), **changes: Any
) -> dict[str, Any]:
    """What a first and a later turn have in common; nothing said: there is no answer."""
    found = comparisons(said, changes.pop("orders", ORDERS), criterion := changes.pop("criterion", "overall"))
    return {
        "status": "compared" if found else "no_completion",
        "reason": None if found else "why not",
        "comparisons": found,
        "results": (result_of(criterion, found),) if found else (),
        "key": None,
        "characters": lengths[0],
        "baseline_characters": lengths[1],
        **changes,
    }


def preference(
    name: str,
    *said: Said,
    lengths: tuple[int | None, int | None] = (None, None),
    later: Sequence[LaterPreference] = (),
    **changes: Any,
) -> Preference:
    """A row of the system a against b; ``said`` is what each order says of a, that which shows a first before."""
    judge: JudgeIdentity = changes.pop("judge", JUDGE)
    own = {"instruction_id": name, "system": "a", "baseline": "b", "judge": judge, "later_turns": tuple(later)}
    return Preference(**{**own, **fields(said, lengths, **changes)})


def later(*said: Said, lengths: tuple[int | None, int | None] = (None, None)) -> LaterPreference:
    """A later turn of such a row."""
    return LaterPreference(**fields(said, lengths))

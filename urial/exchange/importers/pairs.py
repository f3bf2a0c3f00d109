"""What every importer of preferences makes of a row: two answers compared, by whatever names a file gives them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.text import and_more, as_name
from urial.instructions.reading import Row
from urial.records.base import NAME_PATTERN
from urial.records.instruction import Instruction
from urial.records.judge import ImportedIdentity
from urial.records.preference import Choice, Comparison, Criterion, Order

Duplicates = Literal["refuse", "last"]
UNNAMED_JUDGE = "unnamed"
MOST_PAIRS = 6
MAX_NAME = 200


@dataclass(frozen=True)
class Pair:
    """One turn of one instruction; the comparisons are of the first name's answer against the second's."""

    where: str
    # The instruction's id: of its text, or of the number that its set gives it.
    name: str
    # None: the file has no text.
    instruction: Instruction | None
    turn: int
    names: tuple[str, str]
    judge: ImportedIdentity
    comparisons: tuple[Comparison, ...]
    # Characters of either answer, as far as they are known.
    lengths: tuple[int | None, int | None] = (None, None)

    def flipped(self) -> "Pair":
        """The same seen from the other answer."""
        orders: dict[Order | None, Order | None] = {
            None: None, "system_first": "baseline_first", "baseline_first": "system_first"
        }  # fmt: skip
        return replace(
            self,
            names=self.names[::-1],
            lengths=self.lengths[::-1],
            comparisons=tuple(
                Comparison(
                    order=orders[one.order],
                    choices=tuple(
                        choice.model_copy(
                            update={"preference": None if choice.preference is None else 1 - choice.preference}
                        )
                        for choice in one.choices
                    ),
                    replies=one.replies,
                )
                for one in self.comparisons
            ),
        )


def no_verdict(criterion: Criterion, why: str, status: Literal["invalid", "failed"] = "invalid") -> Choice:
    """A choice that says nothing, and why."""
    return Choice(criterion=criterion, status=status, preference=None, rationale=why)


def said(criterion: Criterion, preference: float, rationale: object = None) -> Choice:
    """A choice, with the judge's reason where it gave one."""
    text = rationale if isinstance(rationale, str) and rationale.strip() else None
    return Choice(criterion=criterion, preference=preference, rationale=text)


def name_in(row: Row, column: str) -> str:
    """The name of a system in a cell, which messages show as it is."""
    value = row.values.get(column)
    if isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= MAX_NAME:
        return value
    return row.refuse(column, value, f"a name of at most {MAX_NAME} characters that can be printed")


def of_one_pair(pairs: Sequence[Pair], system: str | None, baseline: str | None) -> list[Pair]:
    """The rows of one system against one baseline, as the file names them, all seen from the system.

    Raises UrialError where the names leave it open which ones are meant.
    """
    known = list(dict.fromkeys(name for pair in pairs for name in pair.names))
    for option, name in (("--system", system), ("--baseline", baseline)):
        if name is not None and name not in known:
            raise UrialError(
                f"{option} {shorten(name)}: no row names it", expected=and_more(known, MOST_PAIRS),
                fix=did_you_mean(name, known),
            )  # fmt: skip
    seen = [pair if _is(pair, system, baseline) else pair.flipped() for pair in pairs]
    kept = [pair for pair in seen if _is(pair, system, baseline)]
    found = list(dict.fromkeys(pair.names for pair in kept))
    if len(found) == 1:
        return kept
    listed = and_more([f"{one} against {other}" for one, other in found], MOST_PAIRS, "; ")
    either = len({frozenset(names) for names in found}) == 1
    raise UrialError(
        "both systems stand in either place, and nothing says whose wins are counted"
        if either else f"{len(found):,} pairs of systems: {listed}" if found else "no row of this pair",
        path=pairs[0].where,
        expected="one system against one baseline a file",
        fix=f"name the system with --system, as in --system {found[0][0]!r}" if either
        else "name one pair with --system and --baseline",
    )  # fmt: skip


def _is(pair: Pair, system: str | None, baseline: str | None) -> bool:
    return system in (None, pair.names[0]) and baseline in (None, pair.names[1])


def once_each(pairs: Iterable[Pair], duplicates: Duplicates) -> list[Pair]:
    """One row an instruction and turn, the last of several where that is asked for. Raises UrialError that names them otherwise."""
    kept: dict[tuple[str, int], Pair] = {}
    for pair in pairs:
        key = pair.name, pair.turn
        if (first := kept.get(key)) is not None and duplicates == "refuse":
            system, baseline = pair.names
            asks = f": {shorten(pair.instruction.turns[0])}" if pair.instruction else ""
            raise UrialError(
                f"{pair.name} in turn {pair.turn}, {system} against {baseline}, twice: in {first.where}, and in "
                f"{pair.where}{asks}",
                expected="one row an instruction and turn",
                fix="remove one of the two rows, or take the last of each with --duplicates last",
            )
        kept[key] = pair
    return list(kept.values())


def record_name(name: str) -> str:
    """A system's name as records take it. Raises UrialError where nothing of it is left."""
    if re.fullmatch(NAME_PATTERN, name) and len(name) <= 100:
        return name
    if not (cleaned := as_name(name)):
        raise UrialError(f"{shorten(name)} is no name of a system", expected="letters or digits")
    return cleaned

"""Pairs of answers with what a judge and people said of each, joined by what was asked and who answered."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from urial.core.errors import UrialError, shorten
from urial.judge.files.preferences import PreferenceRows
from urial.records.people import PersonPreference
from urial.records.preference import Criterion, Preference, PreferenceJudge, Side, side_of
from urial.run.joining import require_same_texts

SAME_PAIRS = "name files about the same answers"


class Key(NamedTuple):
    """Which two answers, and by which criterion."""

    instruction_id: str
    turn: int
    criterion: Criterion
    system: str | None
    baseline: str | None
    # Which of several pairs of one instruction and two systems, if there are.
    pair: str | None = None

    @property
    def swapped(self) -> "Key":
        """The same with the two systems in each other's place."""
        return self._replace(system=self.baseline, baseline=self.system)


@dataclass(frozen=True)
class Said:
    """One rater's preference for the system of a key, and what is known of the answers."""

    preference: float
    rationale: str | None = None
    inconsistent: bool = False
    characters: tuple[int | None, int | None] = (None, None)
    lists: tuple[bool | None, bool | None] = (None, None)

    @property
    def side(self) -> Side:
        """Win, tie or loss; where the orders disagree a tie, as in MT-Bench."""
        return "tie" if self.inconsistent else side_of(self.preference)

    @property
    def swapped(self) -> "Said":
        """The same of the key swapped."""
        (mine, other), (ours, theirs) = self.characters, self.lists
        return replace(self, preference=1 - self.preference, characters=(other, mine), lists=(theirs, ours))


# What was said of each pair, by one rater or several.
Pairs = Mapping[Key, Sequence[Said]]


@dataclass
class Judged:
    """One judge's preferences, out of one file or several."""

    judge: PreferenceJudge
    pairs: dict[Key, list[Said]] = field(default_factory=dict)


def judged_pairs(files: Sequence[PreferenceRows]) -> list[Judged]:
    """What each judge says, in the order of the files; of one judge several files are several judgings, or several systems.

    Raises UrialError where the files have other texts under one id.
    """
    judges: dict[PreferenceJudge, Judged] = {}
    for file in files:
        for row in file.rows:
            if row.judge is not None:
                judged = judges.setdefault(row.judge, Judged(row.judge))
                for key, said in _said_by_judge(row):
                    judged.pairs.setdefault(key, []).append(said)
    for one, other in combinations(files, 2):
        require_same_texts(one.asked, other.asked, SAME_PAIRS)
    return list(judges.values())


def _said_by_judge(row: Preference) -> Iterator[tuple[Key, Said]]:
    for turn, compared in enumerate((row, *row.later_turns), start=1):
        for result in compared.results:
            if result.preference is not None:
                choices = [choice for one in compared.comparisons for choice in one.choices]
                reasons = [choice.rationale for choice in choices if choice.criterion == result.criterion]
                yield (
                    Key(row.instruction_id, turn, result.criterion, row.system, row.baseline),
                    Said(
                        result.preference,
                        next((reason for reason in reasons if reason), None),
                        result.outcome == "inconsistent",
                        (compared.characters, compared.baseline_characters),
                    ),
                )


def pairs_of_people(
    path: Path, rows: Sequence[PersonPreference], judged: Iterable[Key] | None
) -> dict[Key, list[Said]]:
    """What people say, in the order of their names; ``judged`` are the pairs that they are joined with, if there are any.

    Raises UrialError where it cannot be told which of the judged pairs a row is about.
    """
    several = _several_pairs(rows)
    if judged is not None and several:
        row = several[0]
        raise UrialError(
            f"several pairs of answers to {shorten(row.instruction_id)}, and the judge's rows do not say which they are about",
            path=path,
            fix="name the systems of each pair, or compare people with each other: name this file alone",
        )
    systems = {(key.system, key.baseline) for key in judged or ()}
    named = {(row.system, row.baseline) for row in rows}
    pairs: dict[Key, list[Said]] = {}
    for row in sorted(rows, key=lambda row: (row.person, row.instruction_id, row.system or "", row.baseline or "")):
        names = (row.system, row.baseline)
        if judged is not None and None in names:
            # What the row does not name is the judge's, where that is one pair alone.
            fitting = [
                pair for pair in systems if all(own in (None, other) for own, other in zip(names, pair, strict=True))
            ]
            if len(fitting) > 1:
                raise UrialError(
                    f"names no systems, and judged are {len(fitting)} pairs of them",
                    path=path,
                    fix="add the columns system and baseline",
                )
            names = fitting[0] if fitting else names
        pair = row.pair if several else None
        key = Key(row.instruction_id, row.turn, row.criterion, *names, pair)
        said = Said(
            row.preference,
            row.rationale,
            characters=(row.characters, row.baseline_characters),
            lists=(row.has_list, row.baseline_has_list),
        )
        # Where either system is the baseline now and then, it is the one that comes last by name.
        if (row.baseline, row.system) in named and str(key.system) > str(key.baseline):
            key, said = key.swapped, said.swapped
        pairs.setdefault(key, []).append(said)
    return pairs


def _several_pairs(rows: Sequence[PersonPreference]) -> list[PersonPreference]:
    """The first rows about another pair than the first of their instruction and systems."""
    first: dict[tuple[object, ...], str | None] = {}
    return [
        row
        for row in sorted(rows, key=lambda row: row.pair or "")
        if first.setdefault((row.instruction_id, row.turn, row.criterion, row.system, row.baseline), row.pair)
        != row.pair
    ]


def as_in(pairs: Pairs, other: Pairs, where: str) -> dict[Key, list[Said]]:
    """The pairs with the systems in the places that they have in ``other``. Raises UrialError where answers differ."""
    found: dict[Key, list[Said]] = {}
    for key, said in pairs.items():
        swap = key not in other and key.swapped in other
        name, values = (key.swapped, [one.swapped for one in said]) if swap else (key, said)
        for one, theirs in zip(values[:1], other.get(name, ())[:1], strict=False):
            for mine, length in zip(one.characters, theirs.characters, strict=True):
                if mine is not None and length is not None and mine != length:
                    raise UrialError(
                        f"{where}: not the same answers to {shorten(key.instruction_id)}: {mine:,} characters, and {length:,}",
                        expected="a judge and people on the same answers",
                    )
        found.setdefault(name, []).extend(values)
    return found

"""Ids of instructions that a file numbers as it likes, or not at all: made of the set's name and of what is asked.

Every set has a row 0, and a file that was filtered or sorted has another row in each place. The text is the same wherever it
stands, so rows of two files that have one id ask one thing.
"""

from collections import defaultdict
from collections.abc import Sequence

from urial.core.hashing import canonical_json, content_hash, short_hash
from urial.records.instruction import Instruction

# What comes first among rows that ask the same: a number that the set gives them, else what else is known of them.
Order = tuple[int, str]


def text_id(source: str, turns: Sequence[str]) -> str:
    """The id of what is asked, in a set of this name.

    >>> text_id("mine", ["Why?"])
    'mine-e554f91c2648'
    """
    return f"{source}-{short_hash(content_hash(list(turns)))}"


def apart(ids: Sequence[str], orders: Sequence[Order]) -> list[str]:
    """The ids, with a number from 2 behind each but the first of those that are the same, in their order, not their place.

    >>> apart(["a", "b", "a"], [(0, "y"), (0, "x"), (0, "x")])
    ['a-2', 'b', 'a']
    """
    places: dict[str, list[int]] = defaultdict(list)
    for place, name in enumerate(ids):
        places[name].append(place)
    named = list(ids)
    for name, same in places.items():
        for number, place in enumerate(sorted(same, key=lambda place: orders[place]), start=1):
            named[place] = name if number == 1 else f"{name}-{number}"
    return named


def told_apart(instructions: Sequence[Instruction], numbers: Sequence[int | None]) -> list[Instruction]:
    """The same with ids of their own: those that ask the same differ by their numbers or, without, by what else they say."""
    orders = [
        (number or 0, canonical_json(item.model_dump(mode="json")).decode("utf-8"))
        for item, number in zip(instructions, numbers, strict=True)
    ]
    names = apart([item.id for item in instructions], orders)
    return [item.model_copy(update={"id": name}) for item, name in zip(instructions, names, strict=True)]

"""Groups of systems that cannot be told apart: two systems have a letter in common unless a test tells them apart.

This is the compact letter display of Piepho (2004). His algorithm, insert and absorb, can need exponentially many columns; the groups
here are grown one after the other, as in Gramm et al. (2007), so that there are never more than pairs, and those that say nothing that
others do not say are taken away.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def letters(different: NDArray[np.bool_]) -> list[str]:
    """The letters of each system, of which pairs differ: (systems, systems), symmetric, systems best first.

    The group of the best system is a; after z come a2, b2 and so on, so that `ya2` is two letters.
    """
    groups = sorted(_needed(_grown(~different), len(different)), key=lambda group: np.flatnonzero(group).tolist())
    names = [f"{LETTERS[number % 26]}{number // 26 + 1 if number >= 26 else ''}" for number in range(len(groups))]
    return [
        "".join(name for name, group in zip(names, groups, strict=True) if group[row]) for row in range(len(different))
    ]


def _grown(alike: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Groups, each with all systems that are like all of its members, until every pair alike is in one of them."""
    covered = np.zeros_like(alike)
    groups = []
    for one in range(len(alike)):
        for other in range(one, len(alike)):
            if not alike[one, other] or covered[one, other] or (one == other and covered[one].any()):
                continue
            group = _largest(alike, one, other)
            covered |= np.outer(group, group)
            groups.append(group)
    return groups


def _largest(alike: NDArray[np.bool_], one: int, other: int) -> NDArray[np.bool_]:
    """The group of two systems, to which others are added from the best to the worst while they are like all that are in it."""
    group = np.zeros(len(alike), bool)
    group[[one, other]] = True
    candidates = alike[one] & alike[other] & ~group
    while candidates.any():
        added = int(np.argmax(candidates))
        group[added] = True
        candidates &= alike[added]
        candidates[added] = False
    return group


def _needed(groups: Sequence[NDArray[np.bool_]], systems: int) -> list[NDArray[np.bool_]]:
    """The groups but those of which every pair is in another one, too; small ones are left out first."""
    counts = np.zeros((systems, systems), np.int64)
    for group in groups:
        counts += np.outer(group, group)
    needed = []
    for group in sorted(groups, key=np.count_nonzero):
        members = np.ix_(group, group)
        if (counts[members] > 1).all():
            counts[members] -= 1
        else:
            needed.append(group)
    return needed

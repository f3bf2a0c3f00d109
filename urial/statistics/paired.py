"""Paired differences and tests: on the same instructions, with interval and p-value, corrected for the number of tests."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations, product
from typing import Literal, TypeVar, cast

import numpy as np

from urial.records.base import Record
from urial.records.estimate import Estimate, PairedDifference
from urial.records.judgment import ASPECTS, EVERY_ASPECT, Aspect
from urial.records.known_answers import KnownDifference
from urial.records.shift_figures import ShiftDifference
from urial.statistics.bootstrap import Bootstrap

Column = Sequence[float | None]
# A system's scores by aspect, None where an instruction has none; all in the order of the instructions.
Columns = Mapping[Aspect, Column]
Test = PairedDifference | ShiftDifference | KnownDifference
Tests = TypeVar("Tests")

# Sign flips tried of the many that there are; of 13 differences or fewer that are not 0, all are.
PERMUTATIONS = 9_999


def paired_differences(systems: Mapping[str, Columns], bootstrap: Bootstrap) -> tuple[PairedDifference, ...]:
    """Every pair of systems on every aspect and on the average, with p-values corrected for all of these together."""
    tests: list[PairedDifference] = []
    for first, second in combinations(systems, 2):
        ours, theirs = systems[first], systems[second]
        differences: dict[Aspect, Column] = {
            aspect: [
                None if our is None or their is None else our - their
                for our, their in zip(ours[aspect], theirs[aspect], strict=True)
            ]
            for aspect in EVERY_ASPECT
            if aspect in ours and aspect in theirs
        }
        six = {aspect: differences[aspect] for aspect in ASPECTS if aspect in differences}
        estimates: list[tuple[Aspect | Literal["average"], Sequence[float], Estimate]] = []
        for aspect, column in differences.items():
            values = [value for value in column if value is not None]
            estimates.append((aspect, values, bootstrap.mean(values)))
        if of_average := _parts_of_average(six):
            estimates.append(("average", of_average, bootstrap.mean_of_means(list(six.values()))))
        for name, parts, estimate in estimates:
            p = sign_flip_p(parts, bootstrap.seed)
            test = PairedDifference(
                first=first, second=second, aspect=name, n=len(parts), p=p, p_holm=None, **estimate.model_dump()
            )
            tests.append(test)
    return with_holm(tuple(tests))


def sign_flip_p(differences: Sequence[float], seed: int) -> float | None:
    """Two-sided p-value of a paired permutation test: are differences as likely to be negative as positive?

    One difference an instruction; their sum is compared with the sums under random signs (Good 2005, chapter 3).
    Exact where all the signs can be tried, else from ``PERMUTATIONS`` draws. None without any difference.
    """
    # Zeros have no sign: without them the sums are the same, and fewer signs are to be tried.
    values = np.asarray([value for value in differences if value], float)
    if len(values) < 2:
        # Either sign of a single difference is as far from 0.
        return 1.0 if differences else None
    observed = abs(values.sum())
    # Sums of the same differences in another order differ in their last bits.
    limit = observed - 1e-9 * max(1.0, observed)
    if 2 ** len(values) <= PERMUTATIONS:
        signs = np.asarray(list(product((-1.0, 1.0), repeat=len(values))))
        return float(np.mean(np.abs(signs @ values) >= limit))
    # Differences have few sizes: how many of each size are positive is all that counts.
    sizes, counts = np.unique(np.abs(values), return_counts=True)
    rng = np.random.default_rng(seed)
    beyond, step = 0, max(1, 2_000_000 // len(sizes))
    for start in range(0, PERMUTATIONS, step):
        positive = rng.binomial(counts, 0.5, (min(step, PERMUTATIONS - start), len(sizes)))
        beyond += int((np.abs((2 * positive - counts) @ sizes) >= limit).sum())
    return (1 + beyond) / (1 + PERMUTATIONS)


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test (1947) of pairs of which only the one, or only the other, is right.

    It is the test by sign flips, with all the signs: each pair is as likely to be of the one kind as of the other.
    """
    pairs, fewer = only_first + only_second, min(only_first, only_second)
    # Whole numbers of any size, whose quotient is rounded once: how many ways there are of so few, and of fewer.
    ways = tail = 1
    for count in range(fewer):
        ways = ways * (pairs - count) // (count + 1)
        tail += ways
    return min(1.0, float(Fraction(2 * tail, 2**pairs)))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values corrected for their number (Holm 1979), in the order given; None, no test, stays None."""
    tests = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(tests):
        largest = max(largest, min(1.0, p * (len(tests) - rank)))
        corrected[index] = largest
    return corrected


def with_holm(tests: Tests) -> Tests:
    """The records in a tuple, object or record, however deep, with p-values corrected for all of their tests together."""
    p_values: list[float | None] = []
    _each_test(tests, lambda test: p_values.append(test.p))
    corrected = iter(holm(p_values))
    return cast("Tests", _each_test(tests, lambda test: test.model_copy(update={"p_holm": next(corrected)})))


def _each_test(value: object, change: Callable[[Test], object]) -> object:
    """The value with ``change`` of each test in it, always in the same order."""
    if isinstance(value, Test):
        return change(value)
    if isinstance(value, Record):
        return value.model_copy(update={name: _each_test(part, change) for name, part in vars(value).items()})
    if isinstance(value, tuple):
        return tuple(_each_test(part, change) for part in value)
    return {key: _each_test(part, change) for key, part in value.items()} if isinstance(value, Mapping) else value


def _parts_of_average(differences: Mapping[Aspect, Column]) -> list[float]:
    """Each instruction's part in the mean of the six mean differences; none where one of the six is missing.

    Flipping the sign of an instruction flips all of its aspects. So the test is of one number an instruction: the sum of its
    differences, each over the number of instructions that have one.
    """
    counts = {aspect: sum(value is not None for value in column) for aspect, column in differences.items()}
    if len(counts) < len(ASPECTS) or not all(counts.values()):
        return []
    parts = []
    for row in zip(*differences.values(), strict=True):
        present = [value / count for value, count in zip(row, counts.values(), strict=True) if value is not None]
        if present:
            parts.append(sum(present) / len(ASPECTS))
    return parts

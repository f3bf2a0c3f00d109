"""Paired differences between systems: on the same instructions, with interval and p-value."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from urial.records.judgment import ASPECTS, Aspect
from urial.records.report import PairedDifference
from urial.statistics.bootstrap import Bootstrap, holm, sign_flip_p

Column = Sequence[float | None]
# A system's scores by aspect, None where an instruction has none; all in the order of the instructions.
Columns = Mapping[Aspect, Column]


def paired_differences(systems: Mapping[str, Columns], bootstrap: Bootstrap) -> tuple[PairedDifference, ...]:
    """Every pair of systems on every aspect and on the average, with p-values corrected for all of these together."""
    found = [
        difference
        for first, second in combinations(systems, 2)
        for difference in _of_pair((first, second), (systems[first], systems[second]), bootstrap)
    ]
    corrected = holm([item.p for item in found])
    return tuple(item.model_copy(update={"p_holm": p}) for item, p in zip(found, corrected, strict=True))


def _of_pair(names: tuple[str, str], columns: tuple[Columns, Columns], bootstrap: Bootstrap) -> list[PairedDifference]:
    differences = {
        aspect: _minus(columns[0][aspect], columns[1][aspect])
        for aspect in ASPECTS
        if aspect in columns[0] and aspect in columns[1]
    }
    found = []
    for aspect, column in differences.items():
        values = [value for value in column if value is not None]
        p = sign_flip_p(values, bootstrap.seed)
        estimate = bootstrap.mean(values).model_dump()
        found.append(_record(names, aspect, len(values), {**estimate, "p": p}))
    return [*found, *_average(names, differences, bootstrap)]


def _average(
    names: tuple[str, str], differences: Mapping[Aspect, Column], bootstrap: Bootstrap
) -> list[PairedDifference]:
    """The mean of the six mean differences, unless one of the six is missing.

    Flipping the sign of an instruction flips all of its aspects. So the test is of one number an instruction: its part in
    the mean, which is the sum of its differences, each over the number of instructions that have one.
    """
    counts = {aspect: sum(value is not None for value in column) for aspect, column in differences.items()}
    if len(counts) < len(ASPECTS) or not all(counts.values()):
        return []
    parts = []
    for row in zip(*differences.values(), strict=True):
        present = [value / count for value, count in zip(row, counts.values(), strict=True) if value is not None]
        if present:
            parts.append(sum(present) / len(ASPECTS))
    estimate = bootstrap.mean_of_means(list(differences.values())).model_dump()
    return [_record(names, "average", len(parts), {**estimate, "p": sign_flip_p(parts, bootstrap.seed)})]


def _record(
    names: tuple[str, str], aspect: Aspect | str, n: int, figures: Mapping[str, float | None]
) -> PairedDifference:
    fields = {"first": names[0], "second": names[1], "aspect": aspect, "n": n, "p_holm": None, **figures}
    return PairedDifference.model_validate(fields)


def _minus(first: Column, second: Column) -> list[float | None]:
    pairs = zip(first, second, strict=True)
    return [None if one is None or other is None else one - other for one, other in pairs]

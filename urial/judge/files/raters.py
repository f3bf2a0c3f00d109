"""Agreement of raters, whoever they are: AlpacaEval's figures, MT-Bench's votes, kappa and Krippendorff's alpha.

Values are preferences between 0 and 1 or scores; of one thing that was rated a rater has one value, or several.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from urial.core.errors import UrialError
from urial.judge.files.agreement_records import Alpha
from urial.records.estimate import Estimate
from urial.statistics.bootstrap import Bootstrap

# Which of two, and of three, values that are equally frequent AlpacaEval takes, by their size: its draw has the seed 123.
_DRAWN = {1: 0, 2: 1, 3: 0}
WIN, TIE, LOSS = 1.0, 0.5, 0.0
Level = Literal["nominal", "ordinal", "interval"]
# A table of this many different values has 32 MB.
MAX_VALUES = 2_000


def majority(values: Sequence[float]) -> float:
    """The value that stands for several, as in AlpacaEval: the most frequent of wins, ties and losses, else the median."""
    if not set(values) <= {WIN, TIE, LOSS}:
        return float(np.median(values))
    counts = {value: values.count(value) for value in sorted(set(values))}
    most = [value for value, count in counts.items() if count == max(counts.values())]
    return most[_DRAWN[len(most)]]


def with_people(
    judgings: Sequence[Sequence[float]], people: Sequence[Sequence[float]], bootstrap: Bootstrap
) -> Estimate:
    """Agreement of a judge with the majority of people, over pairs of answers: 1 - the mean distance of their values.

    Each has the values of one pair, of the judge one a judging: then the mean over judgings, of which not every pair needs as
    many.
    """
    errors = [
        [abs(value - majority(labels)) for value in values] for values, labels in zip(judgings, people, strict=True)
    ]
    return one_minus(_mean_by_place(errors, bootstrap))


def leave_one_out(people: Sequence[Sequence[float]], bootstrap: Bootstrap) -> Estimate:
    """Agreement of each with the majority of the others, over the pairs that have several values."""
    errors = [
        [abs(value - majority([*labels[:place], *labels[place + 1 :]])) for place, value in enumerate(labels)]
        for labels in people
        if len(labels) > 1
    ]
    return one_minus(_mean_by_place(errors, bootstrap))


def bias(judgings: Sequence[Sequence[float]], people: Sequence[Sequence[float]], bootstrap: Bootstrap) -> Estimate:
    """Mean distance of the judge's majority over its judgings from that of people."""
    pairs = zip(judgings, people, strict=True)
    return bootstrap.mean([abs(majority(values) - majority(labels)) for values, labels in pairs])


def _mean_by_place(rows: Sequence[Sequence[float]], bootstrap: Bootstrap) -> Estimate:
    """The mean over places of the mean over the rows that have a value there."""
    places = max(map(len, rows), default=0)
    if not places:
        return Estimate(mean=None, low=None, high=None)
    return bootstrap.mean_of_means(
        [[row[place] if place < len(row) else None for row in rows] for place in range(places)]
    )


def one_minus(error: Estimate) -> Estimate:
    """Agreement of an error, or the error of an agreement."""
    low, high = error.high, error.low
    return Estimate(
        mean=None if error.mean is None else 1 - error.mean,
        low=None if low is None else 1 - low,
        high=None if high is None else 1 - high,
    )


def equal_votes(pairs: Iterable[tuple[str, str]], *, with_ties: bool) -> tuple[int, int]:
    """How many votes of two raters are the same, and of how many; without ties only those where neither says so."""
    counted = [pair for pair in pairs if with_ties or "tie" not in pair]
    return sum(one == other for one, other in counted), len(counted)


def votes_of_each_other(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Every two votes of people on one pair of answers."""
    return list(combinations(labels, 2))


def cohen_kappa(first: Sequence[object], second: Sequence[object]) -> float | None:
    """Cohen's kappa (1960) of two raters' categories; None where chance alone agrees, or nothing was rated."""
    size = len(first)
    # Times size squared: whole numbers, so exact.
    observed = size * sum(one == other for one, other in zip(first, second, strict=True))
    expected = sum(first.count(category) * second.count(category) for category in set(first))
    return (observed - expected) / (size**2 - expected) if size**2 > expected else None


def krippendorff_alpha(units: Iterable[Sequence[float]], level: Level) -> float | None:
    """Krippendorff's alpha (2011, "Computing Krippendorff's alpha-reliability") of the values that each unit was given.

    A unit with fewer than two values says nothing. None where nothing can be compared, or all values are the same.
    Raises UrialError for too many different values.
    """
    pairable = [unit for unit in units if len(unit) > 1]
    values = sorted({value for unit in pairable for value in unit})
    if len(values) < 2:
        return None
    if len(values) > MAX_VALUES:
        raise UrialError(
            f"{len(values):,} different values", expected=f"at most {MAX_VALUES:,}, for Krippendorff's alpha"
        )
    place = {value: number for number, value in enumerate(values)}
    # How often two values meet in a unit, over the number of others there.
    met = np.zeros((len(values), len(values)))
    for unit in pairable:
        given = Counter(unit)
        for one, times in given.items():
            for other, others in given.items():
                met[place[one], place[other]] += times * (others - (one == other)) / (len(unit) - 1)
    counts = met.sum(axis=1)
    distance = _distance(values, counts, level)
    observed = (met * distance).sum()
    expected = (np.outer(counts, counts) * distance).sum() / (counts.sum() - 1)
    return float(1 - observed / expected)


def alpha_of(units: Sequence[Sequence[float]]) -> Alpha:
    """Krippendorff's alpha of what several rated."""
    nominal, ordinal, interval = (
        krippendorff_alpha(units, "nominal"),
        krippendorff_alpha(units, "ordinal"),
        krippendorff_alpha(units, "interval"),
    )
    return Alpha(rated_twice=sum(len(unit) > 1 for unit in units), nominal=nominal, ordinal=ordinal, interval=interval)


def _distance(values: Sequence[float], counts: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """The squared distance of every two values, (values, values)."""
    if level == "nominal":
        return 1 - np.eye(len(values))
    # Of ordered values: how many lie between two, half of those at either end counted.
    places = np.array(values) if level == "interval" else np.cumsum(counts) - counts / 2
    return np.asarray((places[:, None] - places) ** 2)

"""AlpacaEval's published figures, which are no part of the project; without them a test is skipped."""

import csv

from tests.exchange.importers.score_files import upstream
from tests.preference_rows import preference
from urial.records.preference import Preference


def human_rows() -> list[dict[str, str]]:
    """100 pairs with one person's preference each: 1 for the first output, 2 for the second."""
    with upstream("alpaca_eval").joinpath("human_100.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def human_pairs() -> list[Preference]:
    """The people's, as rows whose system is the second output."""
    return [_pair(row, float(row["human_preference"]) - 1) for row in human_rows()]


def always_first() -> list[Preference]:
    """Of an annotator that always prefers the first output."""
    return [_pair(row, 0.0) for row in human_rows()]


def _pair(row: dict[str, str], said: float) -> Preference:
    return preference(row["row"], said, orders=("baseline_first",), lengths=(int(row["len_2"]), int(row["len_1"])))

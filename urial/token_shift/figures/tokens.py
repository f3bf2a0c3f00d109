"""Which tokens and words are shifted most: by count, and by weighted log-odds ratio."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from urial.records.shift_figures import LogOdds, ShiftedToken, ShiftedWord
from urial.statistics.bootstrap import Floats, Integers
from urial.token_shift.figures.positions import CATEGORIES, SHIFTED, Positions, encoded, grouped

if TYPE_CHECKING:
    import pyarrow as pa

TOP_SHIFTED = 20
# Lists of a report: the column whose texts they have, and the field that has the text.
LISTS = {
    "top_shifted": ("token", "token"),
    "top_words": ("word", "word"),
    "log_odds_tokens": ("token", "text"),
    "log_odds_words": ("word", "text"),
}
# Pseudo-counts in all of the prior: as if so many tokens more had been seen in either group, with the frequencies of all.
PRIOR_TOTAL = 500.0
# A text that is as frequent in both groups has a z of 0, but for the last bits.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Counts:
    """How often each text, in alphabetical order, is met in each category: (texts, categories)."""

    texts: Sequence[str]
    by_category: Integers

    @property
    def shifted(self) -> Integers:
        """How often each text is shifted."""
        return np.asarray(self.by_category[:, SHIFTED])


def token_counts(table: "pa.Table", positions: Positions) -> Counts:
    """Tokens by their text; ``positions`` are the table's own columns."""
    return _counted(encoded(table["token"]), positions.category)


def word_counts(table: "pa.Table", positions: Positions) -> Counts:
    """Words, each occurrence once, in the category of its furthest shifted token; tokens of no word count nowhere."""
    part = table["word_index"].is_valid().to_numpy() & table["word"].is_valid().to_numpy()
    if not part.any():
        return Counts([], np.zeros((0, len(CATEGORIES)), np.int64))
    index = np.asarray(table["word_index"].filter(part).to_numpy(), np.int64)
    _, first, occurrence = np.unique(
        positions.answer[part] * (int(index.max()) + 1) + index, return_index=True, return_inverse=True
    )
    category = np.zeros(len(first), np.int64)
    np.maximum.at(category, occurrence, positions.category[part])
    return _counted(encoded(table["word"].filter(part).take(first)), category)


def top_tokens(counts: Counts, top: int) -> tuple[ShiftedToken, ...]:
    """The tokens shifted most often."""
    return tuple(
        ShiftedToken(token=text, shifted=shifted, positions=total) for text, shifted, total in _often(counts, top)
    )


def top_words(counts: Counts, top: int) -> tuple[ShiftedWord, ...]:
    """The words shifted most often."""
    return tuple(
        ShiftedWord(word=text, shifted=shifted, occurrences=total) for text, shifted, total in _often(counts, top)
    )


def top_log_odds(counts: Counts, top: int) -> tuple[LogOdds, ...]:
    """The shifted texts with the highest z, all above 0: shifted against unshifted, with the frequencies of all as prior.

    Empty where one of the two groups is, and where there is one text alone: then none is more frequent than the others.
    """
    unshifted = np.asarray(counts.by_category[:, CATEGORIES.index("unshifted")])
    if len(counts.texts) < 2 or not counts.shifted.any() or not unshifted.any():
        return ()
    total = counts.by_category.sum(axis=1)
    prior = PRIOR_TOTAL * total / total.sum()
    ratios, z = log_odds_ratios(counts.shifted, unshifted, prior)
    odds = [
        LogOdds(
            text=counts.texts[index],
            z=float(z[index]),
            log_odds=float(ratios[index]),
            shifted=int(counts.shifted[index]),
            unshifted=int(unshifted[index]),
        )
        for index in np.flatnonzero((z > _ROUNDING) & (counts.shifted > 0)).tolist()
    ]
    return tuple(sorted(odds, key=lambda row: (-row.z, row.text))[:top])


def log_odds_ratios(first: Integers, second: Integers, prior: Floats) -> tuple[Floats, Floats]:
    """Weighted log-odds ratios of the first group against the second, and their z-scores.

    Monroe, Colaresi and Quinn 2008, "Fightin' Words", Political Analysis 16, pages 372-403: the ratio is equation 16, its
    variance the approximation in equation 20, z equation 22; a prior in proportion to known frequencies is equation 23.
    ``first`` and ``second`` are counts, ``prior`` pseudo-counts above 0, all by text, of which there are two at least.
    """
    logits, variance = [], np.zeros(len(prior))
    for counts in (first, second):
        posterior = counts + prior
        logits.append(np.log(posterior) - np.log(posterior.sum() - posterior))
        variance += 1 / posterior
    ratios = np.asarray(logits[0] - logits[1])
    return ratios, ratios / np.sqrt(variance)


def _counted(texts: "pa.DictionaryArray", category: Integers) -> Counts:
    """Counts of a dictionary array of texts and the category of each."""
    names = texts.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    counts = grouped(np.asarray(texts.indices, np.int64), category, (len(names), len(CATEGORIES)))
    # Sums over texts are then the same whatever the order of answers.
    return Counts([names[index] for index in order], counts[order])


def _often(counts: Counts, top: int) -> list[tuple[str, int, int]]:
    """Texts that are shifted, how often, and how often they are met, most often first."""
    rows = [
        (counts.texts[index], int(counts.shifted[index]), int(counts.by_category[index].sum()))
        for index in np.flatnonzero(counts.shifted).tolist()
    ]
    return sorted(rows, key=lambda row: (-row[1], row[0]))[:top]

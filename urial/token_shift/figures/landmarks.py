"""Where tokens stand from landmarks of their answer: its start and end, paragraphs, list items, thinking.

``start`` is the first token, ``end`` the end token, which an answer without one does not have. A ``paragraph`` is the first token
behind a blank line that has text before it in its answer, and in its part where thinking is measured: the first paragraph begins at
``start``, or where its part does. A ``list_item`` begins with its marker (``-``, ``*``, ``+``,
``•``, or a number with a dot or bracket) at the start of a line. ``thinking_start`` is the first token of thinking,
``thinking_end`` the first behind it, which is the closing tag where that is measured. Paragraphs and list items are found in the text
of the measured tokens, one after the other; of a token that has the line end and what follows, it is that token.

A token counts by its distance from the last landmark at or before it, from 0, and by its distance from the next one, below 0: so it
is at most once on either side, however close landmarks stand.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from urial.records.estimate import Estimate
from urial.records.shift_figures import Landmark, LandmarkFigures, PositionMean
from urial.records.token_shift import PARTS
from urial.statistics.bootstrap import Bootstrap, Floats, Integers, ratio
from urial.token_shift.figures.positions import (
    FEWEST_ANSWERS,
    SHIFTED,
    UNDEFINED,
    Mask,
    Positions,
    Truths,
    columns_at_points,
    indices,
)

if TYPE_CHECKING:
    import pyarrow as pa

LANDMARKS: tuple[Landmark, ...] = get_args(Landmark)
# The furthest from a landmark that a curve goes, in tokens.
AROUND = 10
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n\s*(?=\S)")
_ITEM = re.compile(r"^[ \t]*(?=(?:[-*+•]|\d{1,3}[.)])[ \t]+\S)", re.MULTILINE)
_PATTERNS: Mapping[Landmark, re.Pattern[str]] = {"paragraph": _PARAGRAPH, "list_item": _ITEM}


@dataclass(frozen=True)
class LandmarkPoint:
    """The tokens at one distance from a kind of landmark, with intervals over answers."""

    landmark: Landmark
    distance: int
    answers: int
    positions: int
    shifted: Estimate
    kl: Estimate
    # Positions whose exact KL is known.
    kl_positions: int


@dataclass(frozen=True)
class Landmarks:
    """The rows of a measurement in the order of their answers and positions, and which of them are landmarks."""

    positions: Positions
    order: Integers
    marks: dict[Landmark, Truths]

    @classmethod
    def of(cls, table: "pa.Table", positions: Positions) -> "Landmarks":
        """Those of a table; kinds that it has none of are not there."""
        order = np.lexsort((positions.position, positions.answer))
        is_end = np.asarray(table["is_end"].to_numpy(zero_copy_only=False), bool)[order]
        texts = _texts(table, order, is_end)
        starts = np.flatnonzero(np.diff(positions.answer[order], prepend=-1))
        found: dict[Landmark, Truths] = {"start": positions.position[order] == 0, "end": is_end}
        found |= _of_texts(texts, starts)
        found["paragraph"] &= ~_begins(texts, table, positions, order)
        if "part" in table.column_names:
            thinking = indices(table["part"], ["thinking"])[order] == 0
            first = np.zeros(len(order), bool)
            first[starts] = True
            before = np.concatenate([[False], thinking[:-1]])[: len(order)] & ~first
            found |= {"thinking_start": thinking & ~before, "thinking_end": before & ~thinking}
        return cls(positions, order, {name: found[name] for name in LANDMARKS if name in found and found[name].any()})

    def rows(self, name: Landmark) -> Truths:
        """Which rows of the table are such landmarks."""
        rows = np.zeros(len(self.order), bool)
        if name in self.marks:
            rows[self.order[self.marks[name]]] = True
        return rows

    def distances(self, name: Landmark) -> Iterator[Integers]:
        """From the last landmark at or before each row of the table, and to the next one, below 0; AROUND + 1: none so near."""
        position, answer = self.positions.position[self.order], self.positions.answer[self.order]
        places, mark = np.arange(len(self.order)), self.marks[name]
        last = np.maximum.accumulate(np.where(mark, places, -1))
        # The next landmark behind a row: that at or behind the row after it.
        coming = np.minimum.accumulate(np.where(mark, places, len(places))[::-1])[::-1]
        following = np.append(coming[1:], len(places))
        for other in (last, following):
            there = (other >= 0) & (other < len(places))
            mark_of = np.where(there, other, 0)
            there &= answer[mark_of] == answer
            distance = np.where(there, position - position[mark_of], AROUND + 1)
            by_row = np.empty(len(places), np.int64)
            by_row[self.order] = np.where(np.abs(distance) <= AROUND, distance, AROUND + 1)
            yield by_row


def is_landmark(name: Landmark) -> Mask:
    """Positions at such a landmark."""
    return lambda table: Landmarks.of(table, Positions.of(table)).rows(name)


def landmark_figures(landmarks: Landmarks, bootstrap: Bootstrap) -> dict[Landmark, LandmarkFigures]:
    """The tokens at each kind of landmark that there is."""
    positions, pairs = landmarks.positions, []
    for name in landmarks.marks:
        at = landmarks.rows(name)
        known = at & np.isfinite(positions.kl)
        weights = (at & (positions.category == SHIFTED), at, np.where(known, positions.kl, 0.0), known)
        shifted, tokens, kl, of_kl = (
            np.bincount(positions.answer, weight, len(positions.ids)).astype(np.float64) for weight in weights
        )
        pairs += [(shifted, tokens), (kl, of_kl)]
    means = bootstrap.ratios(pairs)
    return {
        name: LandmarkFigures(
            tokens=int(tokens.sum()),
            answers=int((tokens > 0).sum()),
            shifted=mean,
            kl=PositionMean(**mean_kl.model_dump(), positions=int(of_kl.sum())),
        )
        for name, mean, mean_kl, (_, tokens), (_, of_kl) in zip(
            landmarks.marks, means[::2], means[1::2], pairs[::2], pairs[1::2], strict=True
        )
    }


def landmark_curve(table: "pa.Table", bootstrap: Bootstrap) -> list[LandmarkPoint]:
    """Means at each distance from each kind of landmark at which FEWEST_ANSWERS answers have a token."""
    positions = Positions.of(table)
    landmarks = Landmarks.of(table, positions)
    known = np.isfinite(positions.kl)
    weights = (
        np.ones(len(known)),
        (positions.category == SHIFTED).astype(np.float64),
        known.astype(np.float64),
        np.where(known, positions.kl, 0.0),
    )
    # In the order of the distances; further ones are in no point.
    stretches = [
        (name, start, columns)
        for name in landmarks.marks
        for distances in reversed(list(landmarks.distances(name)))
        for start, columns in columns_at_points(
            positions, np.where(distances > AROUND, -1, distances + AROUND), weights
        )
    ]
    sums_of_each = bootstrap.sums_of([columns.reshape(len(columns), -1) for *_, columns in stretches])
    return [
        point
        for (name, start, columns), sums in zip(stretches, sums_of_each, strict=True)
        for point in _points(name, start, columns, sums.reshape(-1, *columns.shape[1:]), bootstrap)
    ]


def _points(name: Landmark, start: int, columns: Floats, sums: Floats, bootstrap: Bootstrap) -> Iterator[LandmarkPoint]:
    """Those of some distances, as ``sums_at_points`` has them."""
    shifted, kl = (
        bootstrap.estimates(ratio(sums[:, top], sums[:, bottom]), UNDEFINED) for top, bottom in ((1, 0), (3, 2))
    )
    for place, count in enumerate((columns[:, 0] > 0).sum(axis=0).tolist()):
        if count >= FEWEST_ANSWERS:
            yield LandmarkPoint(
                landmark=name,
                distance=start + place - AROUND,
                answers=count,
                positions=int(sums[0, 0, place]),
                shifted=shifted[place],
                kl=kl[place],
                kl_positions=int(sums[0, 2, place]),
            )


def _texts(table: "pa.Table", order: Integers, is_end: Truths) -> "pa.Array":
    """The tokens' texts in this order; an end token has none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = table["token"].combine_chunks()
    if not (np.diff(order) == 1).all():
        texts = texts.take(pa.array(order))
    return pc.if_else(pa.array(is_end), "", texts)


def _begins(texts: "pa.Array", table: "pa.Table", positions: Positions, order: Integers) -> Truths:
    """Which tokens are the first that is not blank, of their answer or of a stretch of it that is of one part."""
    import pyarrow.compute as pc

    blank = pc.equal(pc.utf8_trim_whitespace(texts), "").to_numpy(zero_copy_only=False)
    said = np.flatnonzero(~np.asarray(blank, bool))
    kinds = [positions.answer]
    if "part" in table.column_names:
        kinds.append(indices(table["part"], PARTS))
    begins = np.zeros(len(order), bool)
    for kind in kinds:
        begins[said[np.diff(kind[order][said], prepend=-2) != 0]] = True
    return begins


def _of_texts(texts: "pa.Array", starts: Integers) -> dict[Landmark, Truths]:
    """The landmarks that the text tells of answers that begin at the rows ``starts``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = {name: np.zeros(len(texts), bool) for name in _PATTERNS}
    lengths = np.asarray(pc.utf8_length(texts).to_numpy(zero_copy_only=False), np.int64)
    bounds = np.append(starts, len(texts))
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), texts), "").to_pylist()
    for text, start, stop in zip(joined, bounds, bounds[1:], strict=False):
        # Characters before each token.
        places = np.concatenate([[0], lengths[start:stop].cumsum()])[:-1]
        for name, pattern in _PATTERNS.items():
            characters = [match.end() for match in pattern.finditer(text)]
            # The token with the character; one without any text has none.
            found[name][start + np.searchsorted(places, characters, side="right") - 1] = True
    return found

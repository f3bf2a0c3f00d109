"""Texts that are cut into tokens."""

from itertools import accumulate

from urial.token_shift.measure.labels import Span


def spans_of(pieces: list[str]) -> list[Span]:
    """Where each piece stands in the text that they join to."""
    ends = list(accumulate(map(len, pieces)))
    return list(zip([0, *ends], ends, strict=False))

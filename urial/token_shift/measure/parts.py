"""Which part of its text a token stands in: the thinking, the tags that mark it, or the answer.

A token has the part of the first of its characters that is neither a blank nor of a tag; else ``tag`` where any of its
characters is of a tag; else the part of its first character. So ``>The`` behind a closing tag is answer, and ``>`` with
the blank lines behind it is tag. An end token is in the answer, or in thinking that no tag closes.
"""

from collections.abc import Sequence
from typing import NamedTuple

from urial.core.thinking import ThinkingSpan
from urial.records.token_shift import Part
from urial.token_shift.measure.labels import Span, shown


class MarkedText(NamedTuple):
    """What a model wrote, and where its thinking is; None: it has none."""

    text: str
    thinking: ThinkingSpan | None = None

    @property
    def without_tags(self) -> str:
        """A text of the same length with line breaks in the place of the tags: no words, and what they part begins anew."""
        text, span = self
        if span is None:
            return text
        before, between = "\n" * span.start, "\n" * (span.answer - span.end)
        return before + text[span.start : span.end] + between + text[span.answer :]


def token_parts(marked: MarkedText, spans: Sequence[Span], is_end: Sequence[bool]) -> list[Part]:
    """The part of each token of a text; ``spans`` has the characters of each, in order."""
    text, thinking = marked
    if thinking is None:
        return ["answer"] * len(spans)
    last = part_at(len(text), thinking)
    return [last if end else _part(text, shown(text, own), thinking) for own, end in zip(spans, is_end, strict=True)]


def part_at(place: int, span: ThinkingSpan) -> Part:
    """The part that a character stands in, counted from 0; behind the last one, the part that would go on there."""
    if place >= span.answer:
        return "answer" if span.closed else "thinking"
    return "thinking" if span.start <= place < span.end else "tag"


def _part(text: str, characters: Span, span: ThinkingSpan) -> Part:
    start, end = characters
    own = [part_at(place, span) for place in range(start, end) if not text[place].isspace()]
    parts = own or [part_at(place, span) for place in range(start, max(end, start + 1))]
    said = next((part for part in own if part != "tag"), None)
    return said or ("tag" if "tag" in parts else parts[0])

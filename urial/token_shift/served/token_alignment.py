"""Where the tokens that a server cut a text into lie in it, only by their texts."""

from collections.abc import Sequence
from dataclasses import dataclass

from urial.token_shift.served.token_spellings import Parts, ends_of, is_special, possible_bytes

# The first token, if its text is not given, has no more bytes than this.
_LONGEST_FIRST = 256

Span = tuple[int, int]
"""Where a token begins and ends, end excluded."""


@dataclass(frozen=True)
class Aligned:
    """Where tokens lie in an answer after its prompt."""

    # Per token, its characters in the answer. None: it is of the prompt, or where it lies is not certain.
    spans: tuple[Span | None, ...]
    # Tokens that are, or may be, of the answer and have no span.
    unmatched: int
    # Whether the tokens' texts are the whole text, end to end.
    whole: bool


def align(pieces: Sequence[str | None], prompt: str, answer: str, complete: bool = True) -> Aligned:
    """Where the tokens lie that a server cut ``prompt + answer`` into; the first may be a token of beginning.

    ``pieces`` are their texts in order, None: not given, which only the first may be. Every way is looked at in which
    they can be the text, end to end; only what all ways agree on is returned. A character of several tokens belongs to the
    first of them. Where there is no way, tokens are placed from the beginning as far as they are the text, and, if
    ``complete`` (no token of another text is at the end), from the end; the rest is counted, never guessed.
    """
    text = _Text(prompt, answer)
    tried: list[tuple[list[set[Span]], list[list[Parts]]]] = []
    # As they are; in whatever way they may be written; and so after the space that SentencePiece begins a text with.
    for lenient, lead in ((False, b""), (True, b""), (True, b" ")):
        options = [possible_bytes(piece or "", lenient) for piece in pieces]
        options[:1] = [_first(text.data, piece, lenient) for piece in pieces[:1]]
        edges, whole = _walk(text.data, options, lead)
        if whole:
            return Aligned(*text.places(edges), True)
        tried.append((edges, options))
    furthest, options = max(tried, key=lambda item: len(item[0]))
    # Where the text of the first is not known, it is not known where the second begins.
    front: list[set[Span]] = [{(0, 0)}] if pieces and pieces[0] is None else furthest
    return _partly(text, front, options, complete)


class _Text:
    """A prompt with its answer, in bytes."""

    def __init__(self, prompt: str, answer: str) -> None:
        self.data = (prompt + answer).encode()
        self.boundary = len(prompt.encode())
        # Of each byte, and of the end, the characters of the answer that begin before it.
        self._before = [-len(prompt)]
        for byte in self.data:
            self._before.append(self._before[-1] + (byte & 0xC0 != 0x80))

    def places(self, edges: Sequence[set[Span]]) -> tuple[tuple[Span | None, ...], int]:
        """The span of each token of the answer for which there is only one, and the number of those without."""
        spans: list[Span | None] = []
        unmatched = 0
        for alternatives in edges:
            places: set[Span | str] = set()
            for start, end in alternatives:
                inside = "across" if start < self.boundary else (self._before[start], self._before[end])
                places.add("prompt" if end <= self.boundary else inside)
            only = places.pop() if len(places) == 1 else "across"
            spans.append(None if isinstance(only, str) else only)
            unmatched += only == "across"
        return tuple(spans), unmatched


def _partly(text: _Text, front: list[set[Span]], options: Sequence[list[Parts]], complete: bool) -> Aligned:
    """The tokens that are the text's beginning, and those that are its end."""
    size = len(text.data)
    reached = max((end for edges in front[-1:] for _, end in edges), default=0)
    back: list[set[Span]] = []
    if complete:
        turned = [[_turned(parts) for parts in choices] for choices in reversed(options[len(front) :])]
        walked, _ = _walk(text.data[reached:][::-1], turned)
        back = [{(size - end, size - start) for start, end in edges} for edges in reversed(walked)]
    middle = len(options) - len(front) - len(back)
    begun = min((start for edges in back[:1] for start, _ in edges), default=size)
    front_spans, front_unmatched = text.places(front)
    back_spans, back_unmatched = text.places(back)
    # In front of the answer's first byte, how many of them are the prompt's is not known; each has a byte or more.
    most = middle if reached >= text.boundary else min(middle, max(0, begun - text.boundary))
    spans = (*front_spans, *[None] * middle, *back_spans)
    return Aligned(spans, front_unmatched + most + back_unmatched, False)


def _walk(data: bytes, options: Sequence[list[Parts]], lead: bytes = b"") -> tuple[list[set[Span]], bool]:
    """All ways in which tokens can be ``lead + data`` from its beginning on, and whether they are all tokens to its end.

    Per token, the beginnings and ends in ``data``; fewer than there are tokens where no way goes further.
    """
    data = lead + data
    reached: list[set[int]] = [{0}]
    for choices in options:
        following = {end for start in reached[-1] for end in ends_of(data, start, choices)}
        if not following:
            break
        reached.append(following)
    used = len(reached) - 1
    whole = used == len(options) and len(data) in reached[-1]
    wanted = {len(data)} if whole else reached[-1]
    found: list[set[Span]] = []
    for place in range(used - 1, -1, -1):
        edges = {(start, end) for start in reached[place] for end in ends_of(data, start, options[place])}
        found.append({edge for edge in edges if edge[1] in wanted})
        wanted = {start for start, _ in found[-1]}
    shift = len(lead)
    return [{(max(0, start - shift), max(0, end - shift)) for start, end in edges} for edges in found[::-1]], whole


def _first(data: bytes, piece: str | None, lenient: bool) -> list[Parts]:
    """The first token: as any other, or one of beginning that is not in the text."""
    if piece is None:
        return [(data[:size],) for size in range(min(len(data), _LONGEST_FIRST) + 1)]
    return [*([()] if is_special(piece) else []), *possible_bytes(piece, lenient)]


def _turned(parts: Parts) -> Parts:
    return tuple(part if part is None else part[::-1] for part in reversed(parts))

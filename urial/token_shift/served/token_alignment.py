"""Which tokens a server means by the strings that it names them by, and where the tokens of a text lie in it.

A server may write the token of " the" as it is, as ``Ġthe`` or ``▁the`` (the vocabulary's own spelling), or, where its
decoder takes a leading space away, as ``the``. A token that is part of a character may be ``<0xE2>``, ``âĢ``,
``bytes:\\xe2\\x80`` (OpenAI), its bytes as Latin-1 (SGLang), a replacement character, or nothing, the whole character
then standing at the token that finishes it (vLLM). Nothing else is taken for the same token.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

LOST = "\ufffd"
# A replacement character stands for so many bytes of a character that is not whole.
_LOST_BYTES = range(1, 4)
_LOSSES = re.compile(f"{LOST}+")
_HEX_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_OPENAI_BYTES = re.compile(r"bytes:((?:\\x[0-9a-fA-F]{2})+)")
# Such as </s>, <|end|> and [EOS]; some servers show no text for them.
_SPECIAL = re.compile(r"<.+>|\[.+\]", re.DOTALL)

# Bytes in order; None: the bytes of one replacement character.
Parts = tuple[bytes | None, ...]
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


def agree(spelling: str, expected: str) -> bool:
    """Whether two strings can name the same token; see the module.

    Deliberately blind to one leading space: decoders take it away. A token that is part of a character agrees with
    nothing at all, with replacement characters, and with a text that ends in its bytes.
    """
    if spelling == expected:
        return True
    left, right = meanings(spelling), meanings(expected)
    if {item.removeprefix(b" ") for item in left} & {item.removeprefix(b" ") for item in right}:
        return True
    if (LOST in spelling and _fits(spelling, right)) or (LOST in expected and _fits(expected, left)):
        return True
    parts = [item for item in right if not _is_text(item)]
    if not spelling:
        return bool(parts) or is_special(expected)
    return any(spelling.encode().endswith(item) for item in parts)


def meanings(piece: str) -> frozenset[bytes]:
    """The bytes that a token written so can stand for."""
    options = {piece.encode()}
    if "▁" in piece:
        options.add(piece.replace("▁", " ").encode())
    if one := _HEX_BYTE.fullmatch(piece):
        options.add(bytes([int(one[1], 16)]))
    if some := _OPENAI_BYTES.fullmatch(piece):
        options.add(bytes.fromhex(some[1].replace("\\x", "")))
    alphabet = _byte_alphabet()
    if all(letter in alphabet for letter in piece):
        options.add(bytes(alphabet[letter] for letter in piece))
    if all(ord(letter) < 256 for letter in piece) and not _is_text(raw := piece.encode("latin-1")):
        options.add(raw)
    return frozenset(options)


def is_special(piece: str) -> bool:
    """Whether a token may be one of beginning or end, by its looks."""
    return _SPECIAL.fullmatch(piece) is not None


def possible_bytes(piece: str, lenient: bool) -> list[Parts]:
    """The bytes that a token can be; leniently, whatever the server's way of writing it can mean."""
    if not lenient:
        return [_parts(piece)]
    options = {_parts(piece), *((item,) for item in meanings(piece))}
    # The decoder may have taken a space away.
    return sorted(options | {(b" ", *parts) for parts in options}, key=repr)


def ends_of(data: bytes, start: int, choices: Iterable[Parts]) -> Iterator[int]:
    """Where a token can end that begins at ``start``."""
    for parts in choices:
        ends = {start}
        for part in parts:
            if part is None:
                cuts = {(end, data[end : end + size]) for end in ends for size in _LOST_BYTES}
                ends = {end + len(cut) for end, cut in cuts if cut and all(byte >= 0x80 for byte in cut)}
            else:
                ends = {end + len(part) for end in ends if data.startswith(part, end)}
        yield from ends


def _parts(piece: str) -> Parts:
    literals = piece.split(LOST)
    parts: list[bytes | None] = [literals[0].encode()]
    for literal in literals[1:]:
        parts += [None, literal.encode()]
    return tuple(part for part in parts if part != b"")


def _fits(piece: str, tokens: Iterable[bytes]) -> bool:
    """Whether a text with replacement characters is how one of these can be shown that are no text."""
    shown = _LOSSES.sub(LOST, piece)
    return any(
        len(data) in ends_of(data, 0, [_parts(piece)]) or shown == _LOSSES.sub(LOST, data.decode("utf-8", "replace"))
        for data in tokens
        if not _is_text(data)
    )


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=1)
def _byte_alphabet() -> dict[str, int]:
    """The letters by which byte-level vocabularies (GPT-2 and after) write bytes: themselves where they are printable,
    and those from U+0100 on, in order, for the others."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {**{chr(byte): byte for byte in plain}, **{chr(0x100 + place): byte for place, byte in enumerate(others)}}

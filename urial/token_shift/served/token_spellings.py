"""What the strings mean by which servers name tokens.

A server may write the token of " the" as it is, as ``Ġthe`` or ``▁the`` (the vocabulary's own spelling), or, where its
decoder takes a leading space away, as ``the``. A token that is part of a character may be ``<0xE2>``, ``âĢ``,
``bytes:\\xe2\\x80`` (OpenAI), its bytes as Latin-1 (SGLang), a replacement character, or nothing, the whole character
then standing at the token that finishes it (vLLM). Nothing else is taken for the same token.
"""

import re
from collections.abc import Iterable, Iterator
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

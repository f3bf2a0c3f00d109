"""What a GGUF file says of itself before its weights: metadata, and where each tensor lies.

Read here in a moment: the reader of the package gguf makes an array of every token, which takes 19 seconds and 0.5 GB for
a vocabulary of 262,144. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError

MAGIC = b"GGUF"
# Version 1 counted in 32 bits and was gone within weeks.
VERSIONS = (2, 3)
# The kinds of values that have a fixed size; the others are text and array.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_MOST_DIMENSIONS = 4
_DOWNLOAD_AGAIN = "get the file anew, all of it"


@dataclass(frozen=True)
class GgufHeader:
    """The metadata of a file, and its tensors: (ggml type, number of elements, first byte in the file)."""

    metadata: Mapping[str, Any]
    tensors: Mapping[str, tuple[int, int, int]]

    @property
    def architecture(self) -> str:
        """As llama.cpp calls it; empty where the file has none."""
        return str(self.metadata.get("general.architecture", ""))

    def own(self, key: str) -> Any:
        """What the file says of its architecture, such as context_length; None: nothing."""
        return self.metadata.get(f"{self.architecture}.{key}")

    def token(self, key: str) -> Any:
        """What the file says of its tokenizer, such as eos_token_id; None: nothing."""
        return self.metadata.get(f"tokenizer.ggml.{key}")


def read_header(path: Path) -> GgufHeader:
    """The header of a file. Raises UrialError for one that is no GGUF file, or that ends within its header."""
    try:
        with path.open("rb") as stream:
            begin = stream.read(8)
            if begin[:4] != MAGIC:
                raise UrialError(
                    "this is no GGUF file", path=path, expected=f"a file that begins with {MAGIC.decode()}"
                )
            version = int.from_bytes(begin[4:], "little")
            if version not in VERSIONS:
                known = " or ".join(map(str, VERSIONS))
                big = (
                    "; a number this large is version 3 for processors of the other byte order"
                    if version > 1 << 16
                    else ""
                )
                raise UrialError(f"GGUF of version {version}", path=path, expected=f"version {known}{big}")
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _Cursor(data).header()
    except OSError as error:
        raise UrialError(
            f"cannot be read: {error.strerror}", path=path, fix="check the path and its permissions"
        ) from error
    except (struct.error, UnicodeDecodeError, OverflowError, _NotReadableError) as error:
        reason = str(error) if isinstance(error, _NotReadableError) else "the file ends within it, or is damaged"
        raise UrialError(f"its header cannot be read: {reason}", path=path, fix=_DOWNLOAD_AGAIN) from error


class _NotReadableError(Exception):
    """A value that the format does not have."""


class _Cursor:
    """Reads one value after the other. Every count is checked by the bytes that it needs, since a file can claim any."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.place = len(MAGIC) + 4

    def header(self) -> GgufHeader:
        """All of it. Raises struct.error and others where the file has less than it says."""
        tensors, values = self.numbers("QQ")
        metadata = {}
        for _ in range(values):
            key = self.text()
            (kind,) = self.numbers("I")
            metadata[key] = self.value(kind)
        infos = [self.tensor() for _ in range(tensors)]
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1:
            raise _NotReadableError(f"general.alignment {alignment!r}")
        start = -(-self.place // alignment) * alignment
        return GgufHeader(metadata, {name: (kind, size, start + offset) for name, kind, size, offset in infos})

    def numbers(self, forms: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{forms}", self.data, self.place)
        self.place += struct.calcsize(f"<{forms}")
        return found

    def text(self) -> str:
        (length,) = self.numbers("Q")
        if length > len(self.data) - self.place:
            raise _NotReadableError("a text goes beyond the end of the file")
        self.place += length
        return self.data[self.place - length : self.place].decode("utf-8")

    def value(self, kind: int) -> Any:
        if kind == _TEXT:
            return self.text()
        if kind != _ARRAY:
            return self.numbers(_number(kind))[0]
        inner, count = self.numbers("IQ")
        if inner == _TEXT:
            return [self.text() for _ in range(count)]
        form = _number(inner)
        if count * struct.calcsize(f"<{form}") > len(self.data) - self.place:
            raise _NotReadableError("an array goes beyond the end of the file")
        return list(self.numbers(f"{count}{form}"))

    def tensor(self) -> tuple[str, int, int, int]:
        """Name, ggml type, number of elements, and first byte behind the start of all tensors."""
        name = self.text()
        (dimensions,) = self.numbers("I")
        if dimensions > _MOST_DIMENSIONS:
            raise _NotReadableError(f"a tensor of {dimensions} dimensions")
        size = 1
        for length in self.numbers("Q" * dimensions):
            size *= length
        return name, *self.numbers("I"), size, *self.numbers("Q")


def _number(kind: int) -> str:
    if kind not in _NUMBERS:
        raise _NotReadableError(f"a value of kind {kind}")
    return _NUMBERS[kind]

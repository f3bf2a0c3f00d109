"""What was measured of a batch of answers goes to the row cache at once, so that a killed stage measures only the rest.

The unit is the batch and not the answer: in a product of matrices of another shape, the last bits of a float32 number
differ, so that an answer's numbers depend on its neighbors. Batches follow only from the inputs. A run that is
started again has the same ones, and its numbers are those of an undisturbed run bit for bit.
"""

import base64
import binascii
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Literal, Self

import numpy as np
from pydantic import Field, JsonValue, model_validator

from urial.core.hashing import content_hash
from urial.core.row_cache import RowCache
from urial.records.base import Hash, Record

# Raised when the same inputs would give other numbers than before; old rows are then left alone.
ALGORITHM = 1

Columns = dict[str, np.ndarray]
"""Columns of the table by name: a value a position [T], or candidates [T, n]."""


class StoredColumn(Record):
    """One column, as the bytes of its numbers."""

    dtype: Literal["int32", "float32", "float64"] = Field(description="number format, little-endian")
    width: int | None = Field(ge=0, description="numbers a position; null: one, which is no list")
    data: str = Field(description="the numbers, position after position, in base64")

    @classmethod
    def of(cls, values: np.ndarray) -> Self:
        """A column [positions] or [positions, width]."""
        data = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
        width = values.shape[1] if values.ndim > 1 else None
        text = base64.b64encode(data).decode("ascii")
        return cls.model_validate({"dtype": values.dtype.name, "width": width, "data": text})

    def values(self, positions: int) -> np.ndarray:
        """The column. Raises ValueError where it is not one of so many positions."""
        shape = (positions,) if self.width is None else (positions, self.width)
        try:
            data = base64.b64decode(self.data, validate=True)
        except binascii.Error as error:
            raise ValueError(f"is no base64: {error}") from error
        kind = np.dtype(self.dtype)
        if len(data) != math.prod(shape) * kind.itemsize:
            raise ValueError(f"has {len(data):,} bytes, not those of {positions:,} positions")
        return np.frombuffer(data, kind.newbyteorder("<")).reshape(shape).astype(kind)


class MeasuredBatch(Record):
    """The measurement of a batch of answers, which were passed through the models together."""

    positions: int = Field(ge=0, description="tokens of all its answers")
    columns: dict[str, StoredColumn] = Field(description="columns of the token shift table over these tokens")

    @classmethod
    def of(cls, columns: Columns) -> Self:
        """The row of columns that are equally long."""
        stored = {name: StoredColumn.of(values) for name, values in columns.items()}
        return cls(positions=len(next(iter(columns.values()))), columns=stored)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        for name, column in self.columns.items():
            try:
                column.values(self.positions)
            except ValueError as error:
                raise ValueError(f"column {name} {error}") from error
        return self

    def values(self) -> Columns:
        """Its columns."""
        return {name: column.values(self.positions) for name, column in self.columns.items()}


class Measurement(ABC):
    """The measurement of some answers, batch by batch; what the row cache has of it is taken from there."""

    def __init__(
        self,
        cache: RowCache | None,
        batches: Sequence[list[int]],
        positions: Sequence[int],
        answers: Sequence[JsonValue],
        **common: JsonValue,
    ) -> None:
        """``positions`` are the tokens of each answer, ``batches`` the answers that are measured together.

        ``answers`` is what the numbers of each depend on, and ``common`` what those of all do.
        """
        self.positions, self._cache = positions, cache
        everything = {"row": "token shift", "algorithm": ALGORITHM, **common}
        self.batches = [
            (content_hash({**everything, "answers": [answers[index] for index in batch]}), batch) for batch in batches
        ]
        """Each batch after its key: the hash of everything that can change its numbers. Equal batches have equal keys."""

    @property
    def keys(self) -> set[Hash]:
        """The keys of all batches."""
        return {key for key, _ in self.batches}

    @abstractmethod
    def measure(self, batches: Sequence[list[int]]) -> Iterator[Columns]:
        """Load what is needed and measure some of the batches: columns over all positions of each."""

    def columns(self) -> Iterator[tuple[int, Columns]]:
        """Yields (index, columns) of each answer once, those of the row cache first; no model is loaded for these."""
        missing: list[tuple[Hash, list[int]]] = []
        for key, batch in self.batches:
            row = self._cache.get([key], MeasuredBatch).get(key) if self._cache is not None else None
            if row is None:
                missing.append((key, batch))
                continue
            yield from zip(batch, self._split(row.values(), batch), strict=True)
        if not missing:
            return
        for (key, batch), columns in zip(missing, self.measure([batch for _, batch in missing]), strict=True):
            if self._cache is not None:
                self._cache.put(key, MeasuredBatch.of(columns))
            yield from zip(batch, self._split(columns, batch), strict=True)

    def _split(self, columns: Columns, batch: Sequence[int]) -> Iterator[Columns]:
        """The columns of each answer; copies, so that no answer keeps its whole batch in memory."""
        ends = np.cumsum([self.positions[index] for index in batch]).tolist()
        for start, end in zip([0, *ends], ends, strict=False):
            yield {name: values[start:end].copy() for name, values in columns.items()}

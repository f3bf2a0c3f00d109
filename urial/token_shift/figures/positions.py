"""A measurement as arrays: one entry a row, and sums over the rows of each answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from urial.records.token_shift import LABELS, Category
from urial.statistics.bootstrap import Floats, Integers

if TYPE_CHECKING:
    import pyarrow as pa

Truths = NDArray[np.bool_]
# Which positions of a measurement are meant, one truth a row.
Mask = Callable[["pa.Table"], Truths]

# In the order of their base ranks, so that of several tokens the largest index is the furthest shifted one.
CATEGORIES: tuple[Category, ...] = get_args(Category)
SHIFTED = CATEGORIES.index("shifted")
KINDS = ("style", "knowledge")
COLUMNS = ("instruction_id", "position", "category", "label", "kl", "base_rank", "base_logprob")


@dataclass(frozen=True)
class Positions:
    """The columns that figures are made of, all of one length; a number that is not known is NaN."""

    # Instruction ids in the order in which the table first names them; `answer` indexes them.
    ids: tuple[str, ...]
    answer: Integers
    position: Integers
    # Indices into CATEGORIES and LABELS.
    category: Integers
    label: Integers
    kl: Floats
    base_rank: Floats
    base_probability: Floats

    @classmethod
    def of(cls, table: "pa.Table") -> "Positions":
        """Those of a table of records.token_shift.TokenShift, of which COLUMNS are needed."""
        answers = encoded(table["instruction_id"])
        return cls(
            ids=tuple(answers.dictionary.to_pylist()),
            answer=_integers(answers.indices),
            position=_integers(table["position"]),
            category=indices(table["category"], CATEGORIES),
            label=indices(table["label"], LABELS),
            kl=_floats(table["kl"]),
            base_rank=_floats(table["base_rank"]),
            base_probability=np.exp(_floats(table["base_logprob"])),
        )

    @property
    def lengths(self) -> Integers:
        """Tokens of each answer up to its last measured one."""
        lengths = np.zeros(len(self.ids), np.int64)
        np.maximum.at(lengths, self.answer, self.position + 1)
        return lengths

    def categories(self) -> Integers:
        """How many tokens of each category each answer has: (answers, categories)."""
        return grouped(self.answer, self.category, (len(self.ids), len(CATEGORIES)))


def every(table: "pa.Table") -> Truths:
    """All positions."""
    return np.ones(len(table), bool)


def has_ties(table: "pa.Table") -> Truths:
    """Positions where other tokens are exactly as probable to the base model."""
    return np.asarray(table["base_ties"].fill_null(0).to_numpy()) > 0


def is_known(column: str) -> Mask:
    """Positions where the column has a value."""
    return lambda table: np.asarray(table[column].is_valid().to_numpy())


@cache
def is_text(column: str, text: str) -> Mask:
    """Positions where the column has the text; the same function for the same text, so that a mask is made once."""

    def mask(table: "pa.Table") -> Truths:
        import pyarrow.compute as pc

        return np.asarray(pc.fill_null(pc.equal(table[column], text), False).to_numpy())

    return mask


def grouped(rows: Integers, columns: Integers, shape: tuple[int, int]) -> Integers:
    """A table of counts: how often each pair of a row and a column is met."""
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


def encoded(column: "pa.Array | pa.ChunkedArray") -> "pa.DictionaryArray":
    """A column of texts as a dictionary array: each text once, in the order in which they first appear."""
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.dictionary_encode()


def indices(column: "pa.Array | pa.ChunkedArray", values: Sequence[str]) -> Integers:
    """The index of each text of a column among ``values``; -1 of a text that is not there, and of null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return _integers(pc.fill_null(pc.index_in(column, value_set=pa.array(values, column.type)), -1))


def _integers(column: "pa.Array | pa.ChunkedArray") -> Integers:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.int64)


def _floats(column: "pa.Array | pa.ChunkedArray") -> Floats:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)

"""The columns of a measurement as arrays."""

import numpy as np
import pyarrow as pa

from tests.token_shift.measured import served, table_of, token
from urial.records.token_shift import LABELS
from urial.token_shift.figures.positions import CATEGORIES, COLUMNS, SHIFTED, Positions, encoded, indices


def test_columns_follow_the_rows() -> None:
    table = table_of({"b": [token(1), served(None, label="end")], "a": [token(2, position=4, kl=0.5)]})
    found = Positions.of(table)
    assert found.ids == ("b", "a")
    assert found.answer.tolist() == [0, 0, 1]
    assert found.position.tolist() == [0, 1, 4]
    assert [CATEGORIES[index] for index in found.category] == ["unshifted", "shifted", "marginal"]
    assert [LABELS[index] for index in found.label] == ["content_word", "end", "content_word"]
    assert np.array_equal(found.kl, [0.25, np.nan, 0.5], equal_nan=True)
    assert np.array_equal(found.base_rank, [1, np.nan, 2], equal_nan=True)
    assert found.base_probability.round(6).tolist() == [0.5] * 3
    assert found.lengths.tolist() == [2, 5]
    assert found.categories().tolist() == [[1, 0, 1], [0, 1, 0]]


def test_the_furthest_category_is_the_last() -> None:
    assert CATEGORIES == ("unshifted", "marginal", "shifted")
    assert SHIFTED == 2


def test_only_the_columns_named_are_needed() -> None:
    table = table_of({"a": [token(1)]}).select(COLUMNS)
    assert Positions.of(table).ids == ("a",)


def test_a_table_in_chunks_is_one_table() -> None:
    chunks = pa.concat_tables([table_of({"a": [token(1)]}), table_of({"b": [token(9)], "a": [token(2)]})])
    found = Positions.of(chunks)
    assert (found.ids, found.answer.tolist()) == (("a", "b"), [0, 1, 0])
    assert encoded(chunks["token"]).dictionary.to_pylist() == ["t"]


def test_an_empty_table_has_no_positions() -> None:
    found = Positions.of(table_of({}))
    assert (found.ids, len(found.position), found.categories().shape) == ((), 0, (0, 3))


def test_a_text_that_is_not_known_has_no_place() -> None:
    assert indices(pa.array(["b", None, "x", "a"]), ("a", "b")).tolist() == [1, -1, -1, 0]

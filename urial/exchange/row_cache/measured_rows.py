"""The measured batches that a token shift table still holds: a batch's numbers are those of its answers, one after the other."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from urial.records.base import Hash, Role
from urial.token_shift.measure.context import LocalRoute
from urial.token_shift.measure.measure import PairMeasurement
from urial.token_shift.measure.measured_batches import MeasuredBatch, Measurement
from urial.token_shift.measure.table import ROLES

if TYPE_CHECKING:
    import pyarrow as pa

OF_ONE = ("rank", "ties", "logprob", "entropy", "top_ids", "top_logprobs")
OF_BOTH = ("kl", "kl_reverse", "js")


def measured_rows(route: LocalRoute, table: "pa.Table") -> Iterator[tuple[Hash, MeasuredBatch | None]]:
    """Key and row of each batch of a pair that is here; None where the table has not all of its positions.

    Positions are not in the table where an end token was left out, or a token has no counterpart in the other tokenizer.
    """
    rows = _rows_of_answers(table)
    # Of a pair of matched positions, the aligned answer's is first: see LocalRoute.
    for side, role, measurement in zip((1, 0), ROLES, route.measurements(), strict=False):
        names = _columns_of(measurement, role)
        for key, batch in measurement.batches:
            parts = [_answer(route, number, side, measurement.positions[number], rows) for number in batch]
            whole = all(part is not None for part in parts)
            taken = np.concatenate([part for part in parts if part is not None]) if whole else None
            yield (
                key,
                None if taken is None else MeasuredBatch.of({name: _values(table, name)[taken] for name in names}),
            )


def _columns_of(measurement: Measurement, role: Role) -> list[str]:
    if not isinstance(measurement, PairMeasurement):
        return [f"{role}_{name}" for name in OF_ONE]
    return [*(f"{each}_{name}" for each in ROLES for name in OF_ONE), *OF_BOTH]


def _answer(
    route: LocalRoute, number: int, side: int, positions: int, rows: dict[str, np.ndarray]
) -> np.ndarray | None:
    """The table's rows of an answer that the measurement counts by this number; None unless they are all of its positions."""
    index = list(route.answers)[number]
    places = [pair[side] for pair in route.answers[index].pairs]
    found = rows.get(route.reader.inputs.instructions[index].id, np.empty(0, int))
    return found if places == list(range(positions)) and len(found) == positions else None


def _rows_of_answers(table: "pa.Table") -> dict[str, np.ndarray]:
    ids = table["instruction_id"].to_pylist()
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(ids):
        rows.setdefault(name, []).append(row)
    return {name: np.asarray(numbers) for name, numbers in rows.items()}


def _values(table: "pa.Table", name: str) -> np.ndarray:
    """A column as it was measured: numbers of 32 bits, [rows] or [rows, candidates]."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table[name].combine_chunks()
    if not pa.types.is_list(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    return np.asarray(pc.list_flatten(column).to_numpy(zero_copy_only=False)).reshape(len(column), -1)

"""The length-control reference of AlpacaEval 2 out of its own two files, and the texts that they number.

``df_gamed.csv`` has the anchor runs: a row an instruction and run, with ``index``, ``model``, ``preference`` (0 to 1 for the run),
``std_delta_len`` and ``instruction_difficulty``, which the fit uses. ``instruction_difficulty.csv`` has difficulty once more, without
the rounding of the other file; the two are compared.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.hashing import file_hash
from urial.exchange.importers.alpaca_annotations import shown_order
from urial.exchange.importers.instructions import read_instructions, require_name, row_number
from urial.instructions.reading import Row, read_rows, require_columns
from urial.judge.files.length_references import ALPACA_BASELINE, ALPACA_SET, is_alpaca_eval_2
from urial.judge.files.preferences import text_hash
from urial.records.instruction import Instruction
from urial.records.length_control import LengthControlReference, LengthControlRow

COLUMNS = {
    "index": "the instruction's number", "model": "the anchor run", "preference": "from 0 to 1",
    "std_delta_len": "a length difference", "instruction_difficulty": "a number",
}  # fmt: skip
RUNS = 2


@dataclass(frozen=True)
class ImportedReference:
    """The reference, and how far the two files' difficulties differ at most."""

    reference: LengthControlReference
    difference: float

    @property
    def alpaca_eval_2(self) -> bool:
        """Whether it is AlpacaEval 2's own."""
        return is_alpaca_eval_2(self.reference)


@dataclass(frozen=True)
class _Anchor:
    delta: float
    preference: float | None
    difficulty: float
    where: str


def import_reference(gamed: Path, difficulty: Path, instructions: Path, name: str) -> ImportedReference:
    """The reference named ``name``. Raises UrialError naming file, line and column.

    ``instructions`` are AlpacaEval's, in its own order: the files know an instruction by its number alone.
    """
    require_name(name, "a reference")
    runs = _runs(gamed)
    # Of two runs the longer answers are the verbose ones; the length difference is that of the baseline minus the run's.
    verbose, concise = sorted(runs.values(), key=lambda run: sum(anchor.delta for anchor in run.values()))
    if verbose.keys() != concise.keys():
        raise UrialError("the two anchor runs are of different instructions", path=gamed)
    known, numbers = read_instructions(instructions), sorted(verbose)
    if numbers != list(range(len(known))):
        raise UrialError(
            f"{len(numbers):,} instructions, numbered {numbers[0]} to {numbers[-1]}, and {len(known):,} in {instructions}",
            path=gamed,
            expected="AlpacaEval's instructions, all of them, in their own order",
        )
    other = _difficulties(difficulty)
    if other.keys() != verbose.keys():
        raise UrialError(f"not the instructions of {gamed}", path=difficulty)
    rows = tuple(_row(number, known[number], verbose[number], concise[number]) for number in numbers)
    return ImportedReference(
        LengthControlReference(
            name=name,
            instructions=ALPACA_SET,
            baseline=ALPACA_BASELINE,
            sources={"df_gamed.csv": file_hash(gamed), "instruction_difficulty.csv": file_hash(difficulty)},
            rows=rows,
        ),
        max(abs(row.difficulty - other[row.index]) for row in rows),
    )


def _row(number: int, instruction: Instruction, verbose: _Anchor, concise: _Anchor) -> LengthControlRow:
    if verbose.difficulty != concise.difficulty:
        raise UrialError(
            f"{concise.where}: the difficulty of instruction {number} is {concise.difficulty:g}, and in {verbose.where} "
            f"{verbose.difficulty:g}",
            expected="one difficulty an instruction",
        )
    text = instruction.turns[0]
    return LengthControlRow(
        index=number,
        instruction_sha256_16=text_hash(text),
        switched=int(shown_order(text) == "system_first"),
        difficulty=verbose.difficulty,
        verbose_delta=verbose.delta,
        verbose_preference=verbose.preference,
        concise_delta=concise.delta,
        concise_preference=concise.preference,
    )


def _runs(path: Path) -> Mapping[str, Mapping[int, _Anchor]]:
    """The rows of each of the two anchor runs, by number."""
    table = read_rows(path, None)
    require_columns(table, COLUMNS)
    runs: dict[str, dict[int, _Anchor]] = {}
    for row in table.rows:
        model, number = str(row.values["model"]), _index(row, "index")
        if row.values.get("not_gamed_baseline") in ("True", "true", "1"):
            row.refuse("not_gamed_baseline", row.values["not_gamed_baseline"], "False: an anchor run")
        run = runs.setdefault(model, {})
        if number in run:
            raise UrialError(f"{row.where}: instruction {number} of {shorten(model)} again, as in {run[number].where}")
        preference = _number(row, "preference") if row.values["preference"] else None
        if preference is not None and not 0 <= preference <= 1:
            row.refuse("preference", preference, COLUMNS["preference"])
        delta, difficulty = _number(row, "std_delta_len"), _number(row, "instruction_difficulty")
        run[number] = _Anchor(delta, preference, difficulty, row.where)
    if len(runs) != RUNS:
        raise UrialError(f"anchor runs: {len(runs)}", path=path, expected="two: the baseline verbose and concise")
    return runs


def _difficulties(path: Path) -> dict[int, float]:
    """The second of two columns by the first, whose name may be empty."""
    table = read_rows(path, None)
    if len(table.columns) != 2:
        raise UrialError(
            f"columns: {len(table.columns)}", path=path, expected="two: the instruction's number, and its difficulty"
        )
    index, value = table.columns
    return {_index(row, index): _number(row, value) for row in table.rows}


def _index(row: Row, column: str) -> int:
    number = row_number(row, column)
    return row.refuse(column, row.values[column], COLUMNS["index"]) if number is None else number


def _number(row: Row, column: str) -> float:
    value = row.values[column]
    try:
        number = float(value) if isinstance(value, str | int | float) else math.nan
    except ValueError:
        number = math.nan
    return number if math.isfinite(number) else row.refuse(column, value, "a number")

"""Measurements in files of anyone's, each with its coverage: checked, and then summarized in one record.

They are of several aligned models over one base, or of several base contexts.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from urial.core.errors import UrialError, shorten
from urial.core.parquet import read_parquet
from urial.core.store import read_jsonl
from urial.records.base import NAME_PATTERN
from urial.records.instruction import Instruction
from urial.records.token_shift import LABELS, MOVES, PARTS, ShiftCoverage, shift_schema
from urial.run.joining import asked_in_run, require_same_texts
from urial.run.reader import require_here
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import PERMUTATIONS, with_holm
from urial.statistics.scores import known_instructions, required_tags
from urial.token_shift.figures.paired import compare_measurements, pair
from urial.token_shift.figures.positions import CATEGORIES, KINDS, indices
from urial.token_shift.figures.summary import ShiftSummary, summarize
from urial.token_shift.figures.tags import tag_shifts
from urial.token_shift.figures.tokens import TOP_SHIFTED

if TYPE_CHECKING:
    import pyarrow as pa

NEEDED = ("instruction_id", "position", "token", "is_end", "base_logprob", "category", "label", "part")
MAX_NAME = 100
_MEASURED = "a table of `urial token-shift measure` or of the stage token_shift"


@dataclass(frozen=True, eq=False)
class Measurement:
    """One file: a row a position."""

    name: str
    path: Path
    table: "pa.Table"
    # None: no coverage lies beside the table, so what was not measured is not known.
    coverage: list[ShiftCoverage] | None

    @property
    def answers(self) -> str | None:
        """Whose answers were given, by the coverage; None: the aligned model's own, or nothing tells."""
        return next((row.answers for row in self.coverage or ()), None)

    @property
    def instruction_ids(self) -> list[str]:
        """The measured instructions, each once."""
        return list(self.table["instruction_id"].unique().to_pylist())


def read_measurements(arguments: Sequence[str]) -> list[Measurement]:
    """The measurements of ``FILE`` or ``NAME=FILE`` each. Raises UrialError for a file that is not a measurement."""
    named = [_named(argument) for argument in arguments]
    for name, count in Counter(name for name, _ in named).items():
        if count > 1:
            raise UrialError(f"two measurements have the name {name!r}", fix="name them apart: NAME=FILE")
    asked = [asked_in_run(path) for _, path in named]
    for first, second in combinations(asked, 2):
        require_same_texts(first, second, "summarize measurements of two runs with other instructions on their own")
    return [_read(name, path) for name, path in named]


def _named(argument: str) -> tuple[str, Path]:
    name, equals, file = argument.partition("=")
    if not equals or Path(argument).is_file():
        name, file = Path(argument).stem, argument
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > MAX_NAME:
        raise UrialError(
            f"{shorten(argument)}: {shorten(name)} is no name",
            expected="letters, digits, dots, underscores and hyphens, a letter or digit first",
            fix="give it one: NAME=FILE",
        )
    return name, Path(file)


def _read(name: str, path: Path) -> Measurement:
    require_here(path, Path())
    if not path.is_file():
        raise UrialError("no such file", path=path, expected=_MEASURED)
    try:
        table = read_parquet(path, shift_schema())
    except UrialError as error:
        raise error.but(expected=_MEASURED, fix=None) from error
    beside = path.with_suffix(".coverage.jsonl")
    coverage = read_jsonl(beside, ShiftCoverage) if beside.is_file() else None
    if not len(table):
        why = next((row.reason for row in coverage or () if row.reason), None)
        raise UrialError(f"{path}: no position was measured" + (f": {why}" if why else ""))
    _check_rows(path, table)
    if coverage is not None:
        _check_coverage(beside, table, coverage)
        coverage.sort(key=lambda row: row.instruction_id)
    # Figures are the same whatever order the rows of a file have.
    in_order = table.sort_by([("instruction_id", "ascending"), ("position", "ascending")])
    return Measurement(name, path, in_order, coverage)


def _check_rows(path: Path, table: "pa.Table") -> None:
    import pyarrow.compute as pc
    from pyarrow import types

    for name in NEEDED:
        if table[name].null_count:
            raise UrialError(f"column {name!r} has a null", path=path, expected=_MEASURED)
    for name in ("position", "word_index"):
        if (lowest := pc.min(table[name]).as_py()) is not None and lowest < 0:
            raise UrialError(f"column {name!r} has {lowest}", path=path, expected="numbers from 0")
    for name, known in (("category", CATEGORIES), ("label", LABELS), ("kind", KINDS), ("part", PARTS), ("move", MOVES)):
        present = table[name].drop_null()
        if (unknown := np.flatnonzero(indices(present, known) < 0)).size:
            value = present[int(unknown[0])].as_py()
            raise UrialError(f"column {name!r} has {shorten(value)}", path=path, expected=f"one of {', '.join(known)}")
    for field in table.schema:
        if types.is_floating(field.type) and not pc.all(pc.is_finite(table[field.name]), min_count=0).as_py():
            raise UrialError(f"column {field.name!r} has a number that is not finite", path=path, expected=_MEASURED)
    _check_candidates(path, table)
    rows = table.group_by(["instruction_id", "position"]).aggregate([([], "count_all")])
    if len(rows) < len(table):
        twice = rows.filter(pc.greater(rows["count_all"], 1)).slice(0, 1).to_pylist()[0]
        raise UrialError(
            f"position {twice['position']} of instruction {shorten(twice['instruction_id'])} has "
            f"{twice['count_all']} rows",
            path=path,
            expected="one row a position; join no files of several contexts or models",
        )


def _check_candidates(path: Path, table: "pa.Table") -> None:
    """Candidates are probabilities: figures of truncated distributions are sums of them."""
    import pyarrow.compute as pc

    for name in ("base_top_logprobs", "aligned_top_logprobs", "base_top_ids", "aligned_top_ids"):
        values = pc.list_flatten(table[name])
        if values.null_count:
            raise UrialError(f"column {name!r} has a null in a list", path=path, expected=_MEASURED)
        if name.endswith("_logprobs") and not pc.all(pc.less_equal(values, 0.0), min_count=0).as_py():
            raise UrialError(
                f"column {name!r} has a number that is no logarithm of a probability", path=path, expected="at most 0"
            )


def _check_coverage(path: Path, table: "pa.Table", coverage: Sequence[ShiftCoverage]) -> None:
    contexts = list(dict.fromkeys(row.context for row in coverage))
    if len(contexts) > 1:
        raise UrialError(f"rows of two contexts, {contexts[0]} and {contexts[1]}", path=path, expected="those of one")
    planned = Counter({row.instruction_id: row.positions for row in coverage if row.positions})
    if len({row.instruction_id for row in coverage}) < len(coverage):
        twice = Counter(row.instruction_id for row in coverage).most_common(1)[0][0]
        raise UrialError(f"two rows of instruction {shorten(twice)}", path=path, expected="one row an instruction")
    counted = {row["values"]: row["counts"] for row in table["instruction_id"].value_counts().to_pylist()}
    for name in (*counted, *planned):
        if planned[name] != counted.get(name, 0):
            raise UrialError(
                f"counts other positions of instruction {shorten(name)} than the table beside it, which has "
                f"{counted.get(name, 0):,}",
                path=path,
                expected="the coverage that was written with the table",
            )


@dataclass(frozen=True)
class ShiftOptions:
    """What a summary of measurements shows."""

    by: Literal["task", "topic"] | None = None
    # Tokens and words in each list, at most.
    top: int = TOP_SHIFTED


def summarize_measurements(
    measurements: Sequence[Measurement],
    instructions: Sequence[Instruction] | None,
    options: ShiftOptions,
    bootstrap: Bootstrap,
) -> ShiftSummary:
    """Figures of each measurement, and the first against every other one of the same answers.

    ``instructions`` are needed for tags; None: there are none. Raises UrialError where they are missing.
    """
    first, *others = measurements
    same = []
    for other in others:
        both = pair(first.table, other.table)
        # No position that both measured has another token, and there is such a position.
        if not both.different and len(both.first) > 0:
            same.append(other)
    compared = [compare_measurements((first.name, other.name), (first.table, other.table), bootstrap) for other in same]
    files = {name: measurement.path for measurement in reversed(measurements) for name in measurement.instruction_ids}
    tagged: dict[str, set[str]] = {}
    if options.by:
        known = None if instructions is None else known_instructions(files, instructions, "measured")
        tagged = required_tags(None if known is None else [known[name] for name in files], options.by, "measured")
    shifts = {measurement.name: tag_shifts(measurement.table, tagged, bootstrap) for measurement in measurements}
    return ShiftSummary(
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        permutations=PERMUTATIONS,
        measurements={
            measurement.name: summarize(measurement.table, measurement.coverage, bootstrap, options.top)
            for measurement in measurements
        },
        given={row.name: row.answers for row in measurements if row.answers is not None},
        by=options.by,
        groups={tag: {name: by_name[tag] for name, by_name in shifts.items()} for tag in tagged},
        untagged=len(files.keys() - set().union(*tagged.values())) if options.by else 0,
        comparisons=with_holm(tuple(compared)),
        other_answers=tuple(other.name for other in others if other not in same),
    )

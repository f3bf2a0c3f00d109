"""Length-control references: read, named by their content, and joined with preferences by what is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.hashing import content_hash, file_hash
from urial.core.store import read_json
from urial.core.text import as_name
from urial.core.validation import explain
from urial.instructions.reading import Row, read_rows, require_columns
from urial.judge.files.preferences import PreferenceRows
from urial.records.length_control import LengthControlReference, LengthControlRow
from urial.records.preference import Preference
from urial.records.win_rates import CitedReference, Join
from urial.statistics.length_control import Anchors
from urial.statistics.penalized_logistic import Floats

ALPACA_SET, ALPACA_BASELINE = "alpaca-eval", "gpt4_1106_preview"
# AlpacaEval 2's own files at revision 2edc6fad8be6b14ea7230aabfd08188da6b8b814 of tatsu-lab/alpaca_eval, and the order of its texts.
ALPACA_SOURCES: Mapping[str, str] = {
    "df_gamed.csv": "sha256:97aeec3f1c7de6dee6fd31fe66f1702623f4614c3efe1c6fc5f4927cd5fd674d",
    "instruction_difficulty.csv": "sha256:e28d875bb334f75e17acd1e4ed659b261860e3db379cf5de29060301bed0a18b",
}
ALPACA_TEXTS = "sha256:131e31c5a185cfc46a1978552b797826fea2edf69b8ef934ac71a6a0091b19bc"
WHOLE = ("index", "switched")


@dataclass(frozen=True)
class Reference:
    """A reference and how it is cited."""

    content: LengthControlReference
    cited: CitedReference

    @property
    def anchors(self) -> Anchors | None:
        """The anchor runs, the verbose one first; None: it has none."""
        runs = [(row.verbose_delta, row.difficulty, row.verbose_preference) for row in self.content.rows] + [
            (row.concise_delta, row.difficulty, row.concise_preference) for row in self.content.rows
        ]
        known = np.array([run for run in runs if run[0] is not None and run[2] is not None], float)
        return Anchors(known[:, 0], known[:, 1], known[:, 2]) if len(known) else None


def read_reference(path: Path) -> Reference:
    """The reference in a .csv file of rows, or in a .json file that `urial import length-control-reference` wrote.

    Raises UrialError naming line and column. A table of rows is named as its file, and says nothing of where it is from.
    """
    content = _table(path) if path.suffix.lower() == ".csv" else read_json(path, LengthControlReference)
    cited = CitedReference(name=content.name, hash=file_hash(path), alpaca_eval_2=is_alpaca_eval_2(content))
    return Reference(content, cited)


def is_alpaca_eval_2(reference: LengthControlReference) -> bool:
    """Whether it was made of AlpacaEval 2's own files and texts."""
    texts = content_hash([row.instruction_sha256_16 for row in reference.rows])
    return dict(reference.sources) == dict(ALPACA_SOURCES) and texts == ALPACA_TEXTS


def joined(reference: Reference, system: PreferenceRows, join: Join) -> tuple[list[Preference], Floats]:
    """The system's rows in the reference's order, and the difficulty of each; by row number, in the file's order.

    Raises UrialError where a row is not of the reference's instructions, or not of its baseline.
    """
    own = reference.content.baseline
    if own is not None and own != system.baseline:
        raise UrialError(
            f"against {system.baseline}, and the anchor runs of {reference.content.name} are of {own}",
            path=system.path,
            expected=f"preferences against {own}",
            fix="use a reference of this baseline, or leave --length-control out for a length-adjusted win rate",
        )
    rows = sorted(reference.content.rows, key=lambda row: row.index)
    if join == "row":
        in_file = sorted(system.rows, key=lambda row: system.places[row.instruction_id])
        if len(in_file) > len(rows):
            raise UrialError(
                f"{len(in_file):,} rows, and {reference.content.name} numbers {len(rows):,}",
                path=system.path,
                fix="join by instruction, the default",
            )
        return in_file, np.array([row.difficulty for row in rows[: len(in_file)]])
    places = {row.instruction_sha256_16: place for place, row in enumerate(rows)}
    places |= {f"{reference.content.instructions}-{row.index}": place for place, row in enumerate(rows)}
    unknown = [row for row in system.rows if system.key(row) not in places]
    if unknown:
        text = system.asked.texts.get(unknown[0].instruction_id)
        raise UrialError(
            f"instructions that {reference.content.name} does not have: {len(unknown):,}, first "
            f"{shorten(unknown[0].instruction_id)}" + (f": {shorten(text)}" if text else ", whose text is not known"),
            path=system.path,
            expected="instructions of the reference",
            fix="leave --length-control out for a length-adjusted win rate"
            if text
            else "name the instructions that were compared with --instructions FILE",
        )
    placed = sorted(system.rows, key=lambda row: places[system.key(row)])
    return placed, np.array([rows[places[system.key(row)]].difficulty for row in placed])


def _table(path: Path) -> LengthControlReference:
    fields = LengthControlRow.model_fields
    table = read_rows(path, None)
    if not table.rows:
        needed = ", ".join(name for name, field in fields.items() if field.is_required())
        raise UrialError("no rows", path=path, expected=f"a line an instruction, with {needed}")
    require_columns(table, {name: field.description or "" for name, field in fields.items() if field.is_required()})
    for column in table.columns:
        if column not in fields:
            raise UrialError(f"unknown column {shorten(column)}", path=path, fix=did_you_mean(column[:80], fields))
    try:
        return LengthControlReference(
            name=as_name(path.stem) or "reference", instructions=ALPACA_SET, rows=tuple(_row(row) for row in table.rows)
        )
    except ValidationError as error:
        raise UrialError(explain(error, LengthControlReference), path=path) from error


def _row(row: Row) -> LengthControlRow:
    values = {name: _cell(row, name, value) for name, value in row.values.items() if value != ""}
    try:
        return LengthControlRow.model_validate(values)
    except ValidationError as error:
        raise UrialError(f"{row.where}: {explain(error, LengthControlRow)}") from error


def _cell(row: Row, column: str, value: object) -> object:
    if column == "instruction_sha256_16" or not isinstance(value, str):
        return value
    try:
        return int(value) if column in WHOLE else float(value)
    except ValueError:
        return row.refuse(column, value, "a whole number" if column in WHOLE else "a number")

"""Rows of AlpacaEval's ``annotations.json``, versions 1 and 2, and of any table of preferences.

AlpacaEval writes 1 where the baseline (``generator_1``) is preferred, 2 where the system (``generator_2``) is, what is between for a
judge whose verdict tokens were weighed, and 0 or 1.5 for a draw. A table has the same under names of its own; it may have lengths
in place of answers, and the number that a set gives an instruction in place of its text.
"""

import math
import random
from collections.abc import Mapping, Sequence

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.exchange.importers.instructions import row_number
from urial.exchange.importers.pairs import UNNAMED_JUDGE, Pair, name_in, no_verdict, said
from urial.instructions.identity import text_id
from urial.instructions.reading import Row, Rows, require_columns
from urial.records.instruction import Instruction
from urial.records.judge import ImportedIdentity
from urial.records.judgment import Reply
from urial.records.preference import Choice, Comparison, Order

# Fields of a row, with the column that holds each unless another is named.
FIELDS: Mapping[str, str] = {
    "instruction": "instruction", "index": "index", "dataset": "dataset", "preference": "preference",
    "baseline": "generator_1", "system": "generator_2", "baseline_output": "output_1", "output": "output_2",
    "baseline_characters": "len_1", "characters": "len_2", "judge": "annotator", "reply": "raw_completion",
}  # fmt: skip
SET = "alpaca-eval"


def columns_of(chosen: Mapping[str, str]) -> dict[str, str]:
    """The column of each field. Raises UrialError for a field that there is none of."""
    for field in chosen:
        if field not in FIELDS:
            raise UrialError(f"no field {field!r} in a table of preferences", fix=did_you_mean(field, FIELDS))
    return {**FIELDS, **chosen}


def read_annotations(
    rows: Rows, columns: Mapping[str, str], set_name: str, judge: str | None, names: tuple[str | None, str | None]
) -> list[Pair]:
    """A pair a row. Raises UrialError naming row and column.

    Ids of instructions are made of their texts, else of ``set_name`` and the number that the set gives them. ``names``: the system
    and the baseline of a table that has no columns of them.
    """
    require_columns(rows, {columns["preference"]: "from 1, the baseline, to 2, the system"})
    for field, name in zip(("system", "baseline"), names, strict=True):
        if name is None and columns[field] not in rows.columns:
            raise UrialError(
                f"{rows.where}: no column {columns[field]!r}",
                expected=f"the {field}'s name in every row",
                fix=f"name the {field} with --{field} NAME, or the column with --column {field}=COLUMN",
            )
    if not {columns["instruction"], columns["index"]} & set(rows.columns):
        raise UrialError(
            f"{rows.where}: neither the column {columns['instruction']!r} nor {columns['index']!r}",
            expected="the text of the instruction, or the number that its set gives it",
            fix="name the column with --column instruction=COLUMN or --column index=COLUMN",
        )
    return [_pair(row, columns, set_name, judge, names) for row in rows.rows]


def _pair(
    row: Row, columns: Mapping[str, str], set_name: str, judge: str | None, names: tuple[str | None, str | None]
) -> Pair:
    instruction = _instruction(row, columns)
    annotator = row.values.get(columns["judge"])
    name = judge or (annotator if isinstance(annotator, str) and annotator.strip() else UNNAMED_JUDGE)
    order = shown_order(instruction.turns[0]) if instruction else None
    # A text, or an object of the judge's server that has it.
    reply = row.values.get(columns["reply"])
    reply = reply.get("text") if isinstance(reply, dict) else reply
    replies = (Reply(text=reply, finish="unknown"),) if isinstance(reply, str) and reply else ()
    return Pair(
        where=row.where,
        name=instruction.id if instruction else _numbered(row, columns["index"], set_name),
        instruction=instruction,
        turn=1,
        names=(_name(row, columns["system"], names[0]), _name(row, columns["baseline"], names[1])),
        judge=ImportedIdentity(kind="imported", tool="alpaca-eval", model=name, mode="pairwise", template=None),
        comparisons=(
            Comparison(order=order, choices=(_choice(row.values.get(columns["preference"])),), replies=replies),
        ),
        lengths=(
            _length(row, columns["output"], columns["characters"]),
            _length(row, columns["baseline_output"], columns["baseline_characters"]),
        ),
    )


def _name(row: Row, column: str, given: str | None) -> str:
    return given if given is not None and column not in row.values else name_in(row, column)


def _instruction(row: Row, columns: Mapping[str, str]) -> Instruction | None:
    if row.values.get(columns["instruction"]) is None:
        return None
    query, source = row.query(columns["instruction"]), row.values.get(columns["dataset"])
    return Instruction(
        id=text_id(SET, (query,)),
        turns=(query,),
        category="regular",
        source=source if isinstance(source, str) and source.strip() else SET,
    )


def _numbered(row: Row, column: str, set_name: str) -> str:
    number = row_number(row, column)
    if number is None:
        row.refuse(column, row.values.get(column), "the number that the set gives the instruction")
    return f"{set_name}-{number}"


def shown_order(instruction: str) -> Order:
    """Which answer AlpacaEval's judge was shown first: one draw an instruction, the same for all systems."""
    switched = random.Random(f"is_switched_outputs{instruction}0").choices([False, True])[0]
    return "system_first" if switched else "baseline_first"


def _choice(value: object) -> Choice:
    """The preference for the system, from 0 to 1, or why there is none. Cells of CSV are texts."""
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan", "null", "none")):
        return no_verdict("overall", "the file has no preference")
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, str | int | float) else float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if isinstance(value, float) and math.isnan(value):
        return no_verdict("overall", "the file has no preference")
    if number == 0:
        return said("overall", 0.5)
    if not 1 <= number <= 2:
        return no_verdict("overall", f"the preference is {shorten(value)}, neither 0 nor from 1 to 2")
    return said("overall", number - 1)


def _length(row: Row, text_column: str, number_column: str) -> int | None:
    """Characters of an answer: of its text, else as the file counts them."""
    text = row.values.get(text_column)
    if isinstance(text, str):
        return len(text)
    if text is not None:
        row.refuse(text_column, text, "the text of an answer, or null")
    if row.values.get(number_column) in (None, ""):
        return None
    number = row_number(row, number_column)
    return row.refuse(number_column, row.values[number_column], "a number of characters") if number is None else number


def wanted_columns(columns: Mapping[str, str]) -> Sequence[str]:
    """The columns that are read, of files with many others."""
    return tuple(dict.fromkeys(columns.values()))

"""Preferences out of other tools' files: AlpacaEval, FastChat, URIAL, just-eval, and any table.

Whatever a file calls its rows, a preference is known by the text of its instruction; where a file has none, by the number that
the set gives the instruction, which ``instructions`` turns into the same ids as everywhere. Rows stay in the file's order.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError, shorten
from urial.exchange.importers.alpaca_annotations import SET, columns_of, read_annotations, wanted_columns
from urial.exchange.importers.aspect_pairs import (
    JUST_EVAL_COLUMNS,
    URIAL_COLUMNS,
    read_just_eval_pairs,
    read_urial_pairs,
)
from urial.exchange.importers.instructions import read_instructions, require_name, require_same, row_number
from urial.exchange.importers.pair_judgments import COLUMNS as FASTCHAT_COLUMNS
from urial.exchange.importers.pair_judgments import read_pair_judgments
from urial.exchange.importers.pairs import Duplicates, Pair, no_verdict, of_one_pair, once_each, record_name
from urial.instructions.reading import read_rows, refuse_wrapped
from urial.records.instruction import Instruction
from urial.records.judge import describe
from urial.records.preference import Choice, Comparison, Criterion, LaterPreference, Preference, result_of

EXPECTED = (
    "AlpacaEval's annotations.json, FastChat's pairwise judgments, pairwise results of URIAL or just-eval, or a table with a "
    "preference from 1 to 2"
)
READ = (*URIAL_COLUMNS, *JUST_EVAL_COLUMNS, *FASTCHAT_COLUMNS, "turn", "judge", "g1_judgment", "g2_judgment", "eval_config",
        "result", "parsed_result")  # fmt: skip


@dataclass(frozen=True)
class PreferenceOptions:
    """What a file leaves open."""

    # As the file names them; None: it has one pair of systems.
    system: str | None = None
    baseline: str | None = None
    judge: str | None = None
    duplicates: Duplicates = "refuse"
    # Of a table: the column of a field, and the name of the set that `index` numbers.
    columns: Mapping[str, str] = field(default_factory=dict)
    set_name: str = SET


@dataclass(frozen=True)
class ImportedPreferences:
    """Preferences in the order of the rows, and the instructions whose texts the files have."""

    preferences: list[Preference]
    instructions: list[Instruction]


def import_preferences(
    paths: Sequence[Path], options: PreferenceOptions, instructions: Path | None = None
) -> ImportedPreferences:
    """One system's preferences against one baseline, in one or several files. Raises UrialError naming file, row and column.

    ``instructions`` are those compared: rows get their ids by text, else by number. A row without a verdict stays, and says why.
    """
    require_name(options.set_name, "an instruction set")
    try:
        pairs = [pair for path in paths for pair in _read(path, options)]
    except RecursionError as error:
        raise UrialError(f"{', '.join(map(str, paths))}: a row is nested too deeply") from error
    kept = of_one_pair(pairs, options.system, options.baseline)
    require_same(
        "judges", ((describe(pair.judge), pair.where) for pair in kept), "import each judge's rows on their own"
    )
    if instructions is not None:
        kept = _named(kept, instructions, options)
    kept = once_each(kept, options.duplicates)
    system, baseline = (record_name(name) for name in kept[0].names)
    if system == baseline and kept[0].names[0] != kept[0].names[1]:
        raise UrialError(f"{kept[0].names[0]} and {kept[0].names[1]} would both be named {system}")
    turns: dict[str, dict[int, Pair]] = defaultdict(dict)
    for pair in kept:
        turns[pair.name][pair.turn] = pair
    rows = [_preference(name, of_turns, system, baseline) for name, of_turns in turns.items()]
    known = {pair.name: pair.instruction for pair in kept if pair.instruction is not None}
    return ImportedPreferences(rows, list(known.values()))


def _read(path: Path, options: PreferenceOptions) -> list[Pair]:
    """The pairs of one file; its columns tell which tool wrote it."""
    columns = columns_of(options.columns)
    rows = read_rows(path, (*wanted_columns(columns), *READ))
    if not rows.rows:
        raise UrialError("no rows", path=path, expected=EXPECTED)
    found = set(rows.columns)
    if {"g1_winner", "g2_winner"} & found:
        return read_pair_judgments(rows, options.judge)
    if "assignment" in found:
        return read_urial_pairs(rows, options.judge)
    if {"output_A", "output_B"} & found:
        return read_just_eval_pairs(rows, options.judge)
    if columns["preference"] not in found:
        refuse_wrapped(rows)
        raise UrialError(f"no column {columns['preference']!r}", path=path, expected=EXPECTED,
                         fix="name the columns of a table with --column FIELD=COLUMN")  # fmt: skip
    return read_annotations(rows, columns, options.set_name, options.judge, (options.system, options.baseline))


def _named(pairs: Iterable[Pair], path: Path, options: PreferenceOptions) -> list[Pair]:
    """The pairs with the ids of the instructions in a file. Raises UrialError for one that is not there."""
    known = read_instructions(path)
    by_text = {item.turns[0]: item for item in known}
    by_number = {}
    for place, (row, item) in enumerate(zip(read_rows(path, ("question_id", "prompt_id")).rows, known, strict=True)):
        numbers = [row_number(row, column) for column in ("question_id", "prompt_id")]
        number = next((number for number in numbers if number is not None), place)
        source = "mt-bench" if "question_id" in row.values or "prompt_id" in row.values else options.set_name
        by_number[f"{source}-{number}"] = item
    named = []
    for pair in pairs:
        match = by_text.get(pair.instruction.turns[0]) if pair.instruction else by_number.get(pair.name)
        if match is None:
            asked = shorten(pair.instruction.turns[0]) if pair.instruction else pair.name
            raise UrialError(
                f"{pair.where}: none of the instructions in {path}: {asked}",
                expected="instructions that were compared",
                fix="name the instructions that were compared, or leave --instructions out",
            )
        named.append(replace(pair, name=match.id, instruction=match))
    return named


def _preference(name: str, turns: Mapping[int, Pair], system: str, baseline: str) -> Preference:
    """One row of all turns; one that the file leaves out between others has no verdict."""
    some = turns[min(turns)]
    criteria = [choice.criterion for choice in some.comparisons[0].choices]
    first, *later = (_turn(turns.get(turn), some, criteria) for turn in range(1, max(turns) + 1))
    return Preference(
        instruction_id=name,
        system=system,
        baseline=baseline,
        judge=some.judge,
        later_turns=tuple(LaterPreference(**fields) for fields in later),
        query=some.instruction.turns[0] if some.instruction else None,
        **first,
    )


def _turn(pair: Pair | None, some: Pair, criteria: Sequence[Criterion]) -> dict[str, Any]:
    """The fields of one turn."""
    comparisons = pair.comparisons if pair else tuple(_left_out(one, criteria) for one in some.comparisons)
    lengths = pair.lengths if pair else (None, None)
    return {
        "status": "compared", "reason": None, "comparisons": comparisons, "key": None,
        "results": tuple(result_of(criterion, comparisons) for criterion in criteria),
        "characters": lengths[0], "baseline_characters": lengths[1],
    }  # fmt: skip


def _left_out(one: Comparison, criteria: Sequence[Criterion]) -> Comparison:
    choices: tuple[Choice, ...] = tuple(no_verdict(name, "the file has no row of this turn") for name in criteria)
    return Comparison(order=one.order, choices=choices)

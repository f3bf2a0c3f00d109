"""Scores from 1 to 10 of whole answers: FastChat's single judgments of MT-Bench, in full or as a table, and WildBench's scores.

FastChat writes a row for each turn of a question, the score -1 where it read none in the judge's reply, and ``$ERROR$`` in place
of a reply that never came. It appends to its files, so that a question can have several rows; its own averages count each.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from urial.core.errors import UrialError, shorten
from urial.core.text import and_more
from urial.exchange.importers.instructions import numbered_instructions, read_table, require_name, require_same
from urial.exchange.importers.judgments import Imported
from urial.exchange.importers.scored_turns import (
    FASTCHAT,
    OTHERS,
    WILDBENCH,
    ScoredTurn,
    model_of,
    no_score,
    scored_turn,
)
from urial.instructions.reading import Rows, read_rows
from urial.records.instruction import Instruction
from urial.records.judge import describe
from urial.records.judgment import Judgment, LaterJudgment

Duplicates = Literal["refuse", "last", "first", "all"]


@dataclass(frozen=True)
class ScoreOptions:
    """What a file leaves open."""

    # Who judged, where the file does not say.
    judge: str | None = None
    duplicates: Duplicates = "refuse"
    # A published set with the questions' numbers; None: rows are known by the number alone.
    instructions: Path | None = None


def has_single_judgments(path: Path) -> bool:
    """Whether a file has such rows; those of just-eval have others."""
    columns = set(read_rows(path, ()).columns)
    return "score" in columns and not {"question_id", "session_id"}.isdisjoint(columns)


def import_scores(paths: Sequence[Path], system: str, options: ScoreOptions) -> Imported:
    """One system's judgments, one row an instruction with a judgment of each turn. Raises UrialError naming file, row and column.

    Of files with several models those rows count whose model is ``system``. The order is that of the questions' numbers.
    """
    require_name(system)
    known = numbered_instructions(options.instructions) if options.instructions else None
    turns = [turn for path in paths for turn in _of_system(_table(path), system, options)]
    require_same(
        "judges", ((describe(turn.judge), turn.row.where) for turn in turns), "import each judge's rows on their own"
    )
    grouped: dict[str, tuple[Instruction | None, dict[int, ScoredTurn]]] = {}
    for turn in _once_each(turns, options.duplicates):
        instruction = None if known is None else _asked(turn, known, options.instructions)
        # Behind the id of a question's second and later judgings stands their number.
        name = turn.name if instruction is None else instruction.id + turn.name.removeprefix(f"mt-bench-{turn.number}")
        own = instruction and instruction.model_copy(update={"id": name})
        grouped.setdefault(name, (own, {}))[1][turn.turn] = turn
    # As many messages as any judging of the question, or its text, has.
    messages: dict[int | None, int] = defaultdict(int)
    for turn in turns:
        known_turns = len(known[turn.number].turns) if known and turn.number in known else 1
        messages[turn.number] = max(messages[turn.number], turn.turn, known_turns)
    ordered = sorted(grouped.items(), key=lambda item: _place(next(iter(item[1][1].values()))))
    return Imported(
        [
            _judgment(name, system, instruction, of_turns, messages[next(iter(of_turns.values())).number])
            for name, (instruction, of_turns) in ordered
        ],
        [instruction for _, (instruction, _) in ordered if instruction is not None],
    )


def _place(turn: ScoredTurn) -> tuple[bool, int, str]:
    return turn.number is None, turn.number or 0, turn.name


def _table(path: Path) -> Rows:
    columns = set(read_rows(path, ()).columns)
    return read_table(path, FASTCHAT if "question_id" in columns else WILDBENCH, OTHERS, "a row for each score")


def _of_system(table: Rows, system: str, options: ScoreOptions) -> list[ScoredTurn]:
    """The rows of one system. Raises UrialError where the file has several, and none of this name."""
    models = [model_of(row) for row in table.rows]
    named = list(dict.fromkeys(models))
    if len(named) > 1 and system not in named:
        raise UrialError(
            f"no row of the model {shorten(system)}, and {len(named)} others",
            path=table.where,
            expected=and_more([str(name) for name in named], 6),
            fix="name one of them with --system",
        )
    return [
        scored_turn(row, options.judge)
        for row, model in zip(table.rows, models, strict=True)
        if len(named) == 1 or model == system
    ]


def _once_each(turns: Iterable[ScoredTurn], duplicates: Duplicates) -> list[ScoredTurn]:
    """One row an instruction and turn. Raises UrialError that names two, unless it is said which of them counts."""
    several: dict[tuple[str, int], list[ScoredTurn]] = defaultdict(list)
    for turn in turns:
        several[turn.name, turn.turn].append(turn)
    kept: list[ScoredTurn] = []
    for (name, number), same in several.items():
        if len(same) > 1 and duplicates == "refuse":
            model = model_of(same[0].row)
            raise UrialError(
                f"{name}, turn {number}{f', of {shorten(model)}' if model else ''} is judged {len(same)} times: in "
                f"{same[0].row.where}, and in {same[1].row.where}",
                expected="one row a question and turn",
                fix="take the last of each with --duplicates last, the first, or all as FastChat's own averages do",
            )
        if duplicates == "all":
            kept += [
                turn if place == 0 else turn._replace(name=f"{name}-{place + 1}") for place, turn in enumerate(same)
            ]
        else:
            kept.append(same[0] if duplicates == "first" else same[-1])
    return kept


def _asked(turn: ScoredTurn, known: Mapping[int, Instruction], path: Path | None) -> Instruction:
    if turn.number is None or turn.number not in known:
        raise UrialError(
            f"{turn.row.where}: no question {turn.number or turn.name!r} in {path}",
            expected="the questions that were judged",
            fix="name them as published, with their numbers, or leave --instructions out",
        )
    return known[turn.number]


def _judgment(
    name: str, system: str, instruction: Instruction | None, turns: Mapping[int, ScoredTurn], asked: int
) -> Judgment:
    """One row of all ``asked`` turns; one that the file leaves out has no score."""
    first, *later = (_fields(turns.get(turn)) for turn in range(1, max(*turns, asked) + 1))
    some = next(iter(turns.values()))
    category = some.row.values.get("category")
    return Judgment(
        instruction_id=name,
        system=system,
        judge=some.judge,
        query=None if instruction is None else instruction.turns[0],
        task=(category,) if isinstance(category, str) and category.strip() else (),
        later_turns=tuple(LaterJudgment(**fields) for fields in later),
        **first,
    )


def _fields(turn: ScoredTurn | None) -> dict[str, Any]:
    score = no_score("failed", "the file has no row of this turn") if turn is None else turn.score
    return {
        "status": score.status,
        "reason": None if score.status == "scored" else score.rationale,
        "scores": (score,),
        "key": None,
        "words": turn.words if turn else None,
        "replies": turn.replies if turn else (),
    }

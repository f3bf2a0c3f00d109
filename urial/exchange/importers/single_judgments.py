"""Scores from 1 to 10 of whole answers: FastChat's single judgments of MT-Bench, in full or as a table, and WildBench's scores.

FastChat writes a row for each turn of a question, the score -1 where it read none in the judge's reply, and ``$ERROR$`` in place
of a reply that never came. It appends to its files, so that a question can have several rows; its own averages count each.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from urial.core.errors import UrialError, shorten
from urial.core.text import and_more
from urial.exchange.importers.instructions import (
    numbered_instructions,
    read_table,
    require_name,
    require_same,
    row_number,
)
from urial.exchange.importers.judgments import Imported
from urial.instructions.reading import Row, Rows, read_rows
from urial.records.instruction import Instruction
from urial.records.judgment import AspectScore, ImportedIdentity, Judgment, LaterJudgment, Reply, describe

Duplicates = Literal["refuse", "last", "first", "all"]
SCALE = 10
NO_SCORE, NO_REPLY = -1, "$ERROR$"
FASTCHAT = {"question_id": "the number of the question", "score": "1 to 10, or -1 for none"}
WILDBENCH = {"session_id": "the id of the session", "score": "1 to 10"}
OTHERS = ("category", "model", "model_id", "turn", "judge", "judgment", "parsed_result", "model_test", "model_output")
UNNAMED_JUDGE = "unnamed"
_NUMBER = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,20})?")


@dataclass(frozen=True)
class ScoreOptions:
    """What a file leaves open."""

    # Who judged, where the file does not say.
    judge: str | None = None
    duplicates: Duplicates = "refuse"
    # A published set with the questions' numbers; None: rows are known by the number alone.
    instructions: Path | None = None


class _Turn(NamedTuple):
    """One row, and what is made of it."""

    row: Row
    name: str
    number: int | None
    turn: int
    judge: ImportedIdentity
    score: AspectScore
    replies: tuple[Reply, ...]
    words: int | None


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
    grouped: dict[str, tuple[Instruction | None, dict[int, _Turn]]] = {}
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


def _place(turn: _Turn) -> tuple[bool, int, str]:
    return turn.number is None, turn.number or 0, turn.name


def _table(path: Path) -> Rows:
    columns = set(read_rows(path, ()).columns)
    return read_table(path, FASTCHAT if "question_id" in columns else WILDBENCH, OTHERS, "a row for each score")


def _of_system(table: Rows, system: str, options: ScoreOptions) -> list[_Turn]:
    """The rows of one system. Raises UrialError where the file has several, and none of this name."""
    models = [_model(row) for row in table.rows]
    named = list(dict.fromkeys(models))
    if len(named) > 1 and system not in named:
        raise UrialError(
            f"no row of the model {shorten(system)}, and {len(named)} others",
            path=table.where,
            expected=and_more([str(name) for name in named], 6),
            fix="name one of them with --system",
        )
    return [
        _turn(row, options) for row, model in zip(table.rows, models, strict=True) if len(named) == 1 or model == system
    ]


def _model(row: Row) -> str | None:
    value = next((row.values[name] for name in ("model", "model_id", "model_test") if name in row.values), None)
    return value if value is None or isinstance(value, str) else row.refuse("model", value, "a name")


def _turn(row: Row, options: ScoreOptions) -> _Turn:
    reply, parsed = row.values.get("judgment"), row.values.get("parsed_result")
    answer = row.values.get("model_output")
    is_fastchat = "question_id" in row.values
    number = row_number(row, "question_id") if is_fastchat else None
    turn = row_number(row, "turn") if row.values.get("turn") not in (None, "") else 1
    if is_fastchat and number is None:
        row.refuse("question_id", row.values["question_id"], FASTCHAT["question_id"])
    if not turn or turn > 100:
        row.refuse("turn", row.values.get("turn"), "the number of the turn, from 1")
    session = row.values.get("session_id")
    if not is_fastchat and (not isinstance(session, str) or not session.strip() or len(session) > 150):
        row.refuse("session_id", session, WILDBENCH["session_id"])
    replied = isinstance(reply, str) and reply not in ("", NO_REPLY)
    return _Turn(
        row=row,
        name=f"mt-bench-{number}" if is_fastchat else f"wildbench-{session}",
        number=number,
        turn=turn,
        judge=ImportedIdentity(
            kind="imported",
            tool="fastchat" if is_fastchat else "wildbench",
            model=_judge(row) or options.judge or UNNAMED_JUDGE,
            mode="single" if is_fastchat else "score",
            template=None,
        ),
        score=_score(row, reply, parsed),
        replies=(Reply(text=str(reply), finish="unknown"),) if replied else (),
        words=len(answer.split()) if isinstance(answer, str) else None,
    )


def _judge(row: Row) -> str | None:
    """The judge model; the prompt beside it differs between turns and categories."""
    value = row.values.get("judge")
    value = value[0] if isinstance(value, list) and value else value
    return value if isinstance(value, str) and value.strip() else None


def _score(row: Row, reply: object, parsed: object) -> AspectScore:
    """The score in a row, or why it has none. Raises UrialError for what is no number at all."""
    text = row.values.get("score")
    if text is None and isinstance(parsed, dict):
        text = parsed.get("score")
    value = text if isinstance(text, int | float) and not isinstance(text, bool) else None
    if isinstance(text, str) and _NUMBER.fullmatch(text):
        value = float(text)
    if reply == NO_REPLY:
        return _none("failed", "no reply of the judge came")
    if value is None:
        return _none("invalid", f"the score is {shorten(text)}, no number")
    if value == NO_SCORE:
        return _none("invalid", "FastChat found no score in the judge's reply")
    if not 1 <= value <= SCALE:
        return _none("invalid", f"the score is {value:g}, not from 1 to {SCALE}")
    return AspectScore(aspect="overall", score=float(value), scale=SCALE, rationale=_rationale(reply, parsed))


def _rationale(reply: object, parsed: object) -> str | None:
    if isinstance(reply, str) and reply.strip():
        return reply
    reasons = [parsed.get(name) for name in ("strengths", "weaknesses")] if isinstance(parsed, dict) else []
    return "\n".join(text for text in reasons if isinstance(text, str) and text.strip()) or None


def _none(status: Literal["invalid", "failed"], why: str) -> AspectScore:
    return AspectScore(aspect="overall", status=status, score=None, scale=SCALE, rationale=why)


def _once_each(turns: Iterable[_Turn], duplicates: Duplicates) -> list[_Turn]:
    """One row an instruction and turn. Raises UrialError that names two, unless it is said which of them counts."""
    several: dict[tuple[str, int], list[_Turn]] = defaultdict(list)
    for turn in turns:
        several[turn.name, turn.turn].append(turn)
    kept: list[_Turn] = []
    for (name, number), same in several.items():
        if len(same) > 1 and duplicates == "refuse":
            model = _model(same[0].row)
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


def _asked(turn: _Turn, known: Mapping[int, Instruction], path: Path | None) -> Instruction:
    if turn.number is None or turn.number not in known:
        raise UrialError(
            f"{turn.row.where}: no question {turn.number or turn.name!r} in {path}",
            expected="the questions that were judged",
            fix="name them as published, with their numbers, or leave --instructions out",
        )
    return known[turn.number]


def _judgment(
    name: str, system: str, instruction: Instruction | None, turns: Mapping[int, _Turn], asked: int
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


def _fields(turn: _Turn | None) -> dict[str, Any]:
    score = _none("failed", "the file has no row of this turn") if turn is None else turn.score
    return {
        "status": score.status,
        "reason": None if score.status == "scored" else score.rationale,
        "scores": (score,),
        "key": None,
        "words": turn.words if turn else None,
        "replies": turn.replies if turn else (),
    }

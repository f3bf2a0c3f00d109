"""The rows of files with a score of a whole answer each: FastChat's single judgments, in full or as a table, and WildBench's."""

import re
from typing import Literal, NamedTuple

from urial.core.errors import shorten
from urial.exchange.importers.instructions import row_number
from urial.instructions.reading import Row
from urial.records.judge import ImportedIdentity
from urial.records.judgment import AspectScore, Reply

SCALE = 10
NO_SCORE, NO_REPLY = -1, "$ERROR$"
FASTCHAT = {"question_id": "the number of the question", "score": "1 to 10, or -1 for none"}
WILDBENCH = {"session_id": "the id of the session", "score": "1 to 10"}
OTHERS = ("category", "model", "model_id", "turn", "judge", "judgment", "parsed_result", "model_test", "model_output")
UNNAMED_JUDGE = "unnamed"
_NUMBER = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,20})?")


class ScoredTurn(NamedTuple):
    """One row, and what is made of it."""

    row: Row
    name: str
    number: int | None
    turn: int
    judge: ImportedIdentity
    score: AspectScore
    replies: tuple[Reply, ...]
    words: int | None


def model_of(row: Row) -> str | None:
    """The system that a row is about, as the file names it; None: it does not."""
    value = next((row.values[name] for name in ("model", "model_id", "model_test") if name in row.values), None)
    return value if value is None or isinstance(value, str) else row.refuse("model", value, "a name")


def scored_turn(row: Row, judge: str | None) -> ScoredTurn:
    """What a row says; ``judge`` is who judged where it does not say. Raises UrialError naming row and column."""
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
    return ScoredTurn(
        row=row,
        name=f"mt-bench-{number}" if is_fastchat else f"wildbench-{session}",
        number=number,
        turn=turn,
        judge=ImportedIdentity(
            kind="imported",
            tool="fastchat" if is_fastchat else "wildbench",
            model=_judge(row) or judge or UNNAMED_JUDGE,
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
        return no_score("failed", "no reply of the judge came")
    if value is None:
        return no_score("invalid", f"the score is {shorten(text)}, no number")
    if value == NO_SCORE:
        return no_score("invalid", "FastChat found no score in the judge's reply")
    if not 1 <= value <= SCALE:
        return no_score("invalid", f"the score is {value:g}, not from 1 to {SCALE}")
    return AspectScore(aspect="overall", score=float(value), scale=SCALE, rationale=_rationale(reply, parsed))


def _rationale(reply: object, parsed: object) -> str | None:
    if isinstance(reply, str) and reply.strip():
        return reply
    reasons = [parsed.get(name) for name in ("strengths", "weaknesses")] if isinstance(parsed, dict) else []
    return "\n".join(text for text in reasons if isinstance(text, str) and text.strip()) or None


def no_score(status: Literal["invalid", "failed"], why: str) -> AspectScore:
    """No score, and why."""
    return AspectScore(aspect="overall", status=status, score=None, scale=SCALE, rationale=why)

"""Rows of FastChat's pairwise judgments (``gpt-4_pair.jsonl``): both orders and one turn a row.

In the first game the answer of ``model_1`` is shown first, in the second that of ``model_2``; winners are named by model in both.
"""

from urial.core.errors import shorten
from urial.exchange.importers.instructions import row_number
from urial.exchange.importers.pairs import UNNAMED_JUDGE, Pair, name_in, no_verdict, said
from urial.instructions.reading import Row, Rows, require_columns
from urial.records.judge import ImportedIdentity
from urial.records.judgment import Reply
from urial.records.preference import Choice, Comparison, Order

COLUMNS = {
    "question_id": "the number of the question", "model_1": "a name", "model_2": "a name",
    "g1_winner": "model_1, model_2, tie or error", "g2_winner": "model_1, model_2, tie or error",
}  # fmt: skip
SET = "mt-bench"
PREFERENCES = {"model_1": 1.0, "model_2": 0.0, "tie": 0.5}
# What FastChat keeps in place of a reply that never came.
NO_REPLY = "$ERROR$"
GAMES: tuple[tuple[str, Order], ...] = (("g1", "system_first"), ("g2", "baseline_first"))


def read_pair_judgments(rows: Rows, judge: str | None) -> list[Pair]:
    """A pair a row, of model_1 against model_2. Raises UrialError naming row and column."""
    require_columns(rows, COLUMNS)
    return [_pair(row, judge) for row in rows.rows]


def _pair(row: Row, judge: str | None) -> Pair:
    number, turn = row_number(row, "question_id"), row_number(row, "turn") if "turn" in row.values else 1
    if number is None:
        row.refuse("question_id", row.values.get("question_id"), COLUMNS["question_id"])
    if turn is None or not 1 <= turn <= 100:
        row.refuse("turn", row.values.get("turn"), "the number of the turn, from 1")
    return Pair(
        where=row.where,
        name=f"{SET}-{number}",
        instruction=None,
        turn=turn,
        names=(name_in(row, "model_1"), name_in(row, "model_2")),
        judge=ImportedIdentity(
            kind="imported", tool="fastchat", model=judge or _judge(row), mode="pair", template=None
        ),
        comparisons=tuple(_comparison(row, game, order) for game, order in GAMES),
    )


def _judge(row: Row) -> str:
    """The judge model; beside it stands the name of the prompt, which differs between turns and categories."""
    value = row.values.get("judge")
    if isinstance(value, list) and value and isinstance(value[0], str) and value[0].strip():
        return str(value[0])
    return value if isinstance(value, str) and value.strip() else UNNAMED_JUDGE


def _comparison(row: Row, game: str, order: Order) -> Comparison:
    reply = row.values.get(f"{game}_judgment")
    replied = isinstance(reply, str) and reply != NO_REPLY
    return Comparison(
        order=order,
        choices=(_choice(row.values.get(f"{game}_winner"), failed=reply == NO_REPLY),),
        replies=(Reply(text=str(reply), finish="unknown"),) if replied else (),
    )


def _choice(winner: object, *, failed: bool) -> Choice:
    if failed:
        return no_verdict("overall", "no reply of the judge came", "failed")
    if isinstance(winner, str) and winner in PREFERENCES:
        return said("overall", PREFERENCES[winner])
    if winner == "error":
        return no_verdict("overall", "FastChat found no verdict in the judge's reply")
    return no_verdict("overall", f"the winner is {shorten(winner)}, none of model_1, model_2, tie and error")

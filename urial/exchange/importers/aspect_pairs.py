"""Rows of URIAL's fine-grained pairwise evaluation, and of just-eval's modes ``pairwise`` and ``pairwise_multi``.

All show two answers as A and B in one order, and keep the judge's reply (``result``) with the object read from it
(``parsed_result``). Read strictly: a verdict that is not word for word one of those offered is invalid, for its aspect alone.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple

from urial.core.errors import UrialError, shorten
from urial.core.strict_json import strict_json
from urial.exchange.importers.instructions import text
from urial.exchange.importers.pairs import Pair, name_in, no_verdict, said
from urial.instructions.identity import text_id
from urial.instructions.reading import Row, Rows, require_columns
from urial.records.instruction import Instruction
from urial.records.judge import ImportedIdentity
from urial.records.judgment import ASPECTS, REGULAR_ASPECTS, Reply
from urial.records.preference import Choice, Comparison, Criterion, Order

URIAL_COLUMNS = {
    "input": "the query", "model_output": "the answer", "ref_output": "the reference's answer", "generator": "a name",
    "ref_generator": "a name", "assignment": "which of both was shown as A and as B",
}  # fmt: skip
JUST_EVAL_COLUMNS = {
    "input": "the query", "output_A": "an answer", "output_B": "an answer", "generator_A": "a name", "generator_B": "a name",
}  # fmt: skip
URIAL_SET, JUST_EVAL_SET = "alpaca-eval", "just-eval"
MODES: Mapping[str, Sequence[Criterion]] = {"pairwise": ("overall",), "pairwise_multi": REGULAR_ASPECTS}
NO_REPLY = "N/A"


class _None(NamedTuple):
    """Why there is no verdict."""

    why: str
    status: Literal["invalid", "failed"] = "invalid"


Verdict = dict[str, object] | _None
_FENCED = re.compile(r"```(?:json)?[ \t]*\r?\n(.*)\n[ \t]*```", re.DOTALL)


def read_urial_pairs(rows: Rows, judge: str | None) -> list[Pair]:
    """A pair a row of URIAL's, the model against the reference. Raises UrialError naming row and column."""
    require_columns(rows, URIAL_COLUMNS)
    return [_urial_pair(row, judge) for row in rows.rows]


def read_just_eval_pairs(rows: Rows, judge: str | None) -> list[Pair]:
    """A pair a row of just-eval's, A against B. Raises UrialError naming row and column."""
    require_columns(rows, {**JUST_EVAL_COLUMNS, "eval_config": "mode and judge model"})
    return [_just_eval_pair(row, judge) for row in rows.rows]


def _urial_pair(row: Row, judge: str | None) -> Pair:
    names = name_in(row, "generator"), name_in(row, "ref_generator")
    order = _order(row, names)
    verdict = _verdict(row, "choices")
    choices = tuple(_choice(aspect, verdict, order, "tie") for aspect in ASPECTS)
    lengths = _length(row, "model_output"), _length(row, "ref_output")
    compared = order, choices
    return _made(row, URIAL_SET, names=names, compared=compared, judge=_judge(row, judge, "urial"), lengths=lengths)


def _just_eval_pair(row: Row, judge: str | None) -> Pair:
    identity = _judge(row, judge, "just-eval")
    if identity.mode not in MODES:
        raise UrialError(
            f"{row.where}, column 'eval_config': mode {shorten(identity.mode)}", expected=" or ".join(MODES)
        )
    verdict = _verdict(row, None)
    if isinstance(verdict, dict) and identity.mode == "pairwise":
        verdict = {"overall": verdict}
    choices = tuple(_choice(name, verdict, "system_first", "same") for name in MODES[identity.mode])
    names = name_in(row, "generator_A"), name_in(row, "generator_B")
    lengths = _length(row, "output_A"), _length(row, "output_B")
    compared: tuple[Order, tuple[Choice, ...]] = ("system_first", choices)
    return _made(row, JUST_EVAL_SET, names=names, compared=compared, judge=identity, lengths=lengths)


def _made(
    row: Row,
    source: str,
    *,
    names: tuple[str, str],
    compared: tuple[Order | None, tuple[Choice, ...]],
    judge: ImportedIdentity,
    lengths: tuple[int, int],
) -> Pair:
    query, reply = row.query("input"), row.values.get("result")
    instruction = Instruction(id=text_id(source, (query,)), turns=(query,), category="regular", source=source)
    replies = (Reply(text=reply, finish="unknown"),) if isinstance(reply, str) and reply != NO_REPLY else ()
    order, choices = compared
    return Pair(
        where=row.where,
        name=instruction.id,
        instruction=instruction,
        turn=1,
        names=names,
        judge=judge,
        comparisons=(Comparison(order=order, choices=choices, replies=replies),),
        lengths=lengths,
    )


def _judge(row: Row, judge: str | None, tool: str) -> ImportedIdentity:
    config = row.values.get("eval_config")
    if not isinstance(config, dict) or not isinstance(config.get("gpt"), str) or not config["gpt"].strip():
        row.refuse("eval_config", config, "an object with mode and gpt, the judge model")
    mode = config.get("mode", "pairwise")
    if not isinstance(mode, str):
        row.refuse("eval_config", config, "an object with mode and gpt, the judge model")
    return ImportedIdentity(kind="imported", tool=tool, model=judge or config["gpt"], mode=mode, template=None)


def _order(row: Row, names: tuple[str, str]) -> Order | None:
    """Which answer was A. None: both are of one name, so that nobody can tell."""
    shown = row.values.get("assignment")
    if not isinstance(shown, dict) or (shown.get("A"), shown.get("B")) not in (names, names[::-1]):
        row.refuse("assignment", shown, f"A and B, {shorten(names[0])} and {shorten(names[1])} in either order")
    if names[0] == names[1]:
        return None
    return "system_first" if shown["A"] == names[0] else "baseline_first"


def _verdict(row: Row, part: str | None) -> Verdict:
    """The object that has the verdicts, under a key or alone, or why there is none."""
    parsed, reply = row.values.get("parsed_result"), row.values.get("result")
    if reply is not None and not isinstance(reply, str):
        row.refuse("result", reply, "the text of a reply")
    if reply in (None, NO_REPLY) and parsed is None:
        return _None("the file has no reply of the judge", "failed")
    if reply == NO_REPLY:
        return _None("parsed_result has a verdict, and there is no reply")
    own = None
    with suppress(ValueError, RecursionError):
        own = _inside(_strictly(reply), part) if reply else None
    if parsed is None:
        return own if isinstance(own, dict) else _None("the judge's reply is no JSON object that can be read")
    found = _inside(parsed, part)
    if not isinstance(found, dict):
        return _None(f"parsed_result has no object{f' under {part!r}' if part else ''}: {shorten(parsed)}")
    # A reply that only its own tool reads cannot be compared; reasons differ by how each tool takes backslashes.
    if isinstance(own, dict) and _words(own) != _words(found):
        return _None("parsed_result is not what the judge's reply says")
    return found


def _strictly(reply: str) -> object:
    alone = reply.strip()
    fenced = _FENCED.fullmatch(alone)
    return strict_json(fenced[1] if fenced else alone)


def _inside(value: object, part: str | None) -> object:
    return value if part is None else value.get(part) if isinstance(value, dict) else None


def _words(verdict: dict[str, object]) -> str:
    """What a verdict says, without its reasons."""
    said_of = {
        name: value.get("preference") if isinstance(value, dict) else value
        for name, value in verdict.items()
        if name != "reason"
    }
    return json.dumps(said_of, sort_keys=True)


def _choice(criterion: Criterion, verdict: Verdict, order: Order | None, tie: str) -> Choice:
    if isinstance(verdict, _None):
        return no_verdict(criterion, verdict.why, verdict.status)
    if criterion not in verdict:
        return no_verdict(criterion, f"the verdict has no {criterion}")
    cell = verdict[criterion]
    reason = cell.get("reason") if isinstance(cell, dict) else None
    word = cell.get("preference") if isinstance(cell, dict) else cell
    if word == tie:
        return said(criterion, 0.5, reason)
    if word not in ("A", "B"):
        return no_verdict(criterion, f"the verdict is {shorten(word)}, none of 'A', 'B' and {tie!r}")
    if order is None:
        return no_verdict(criterion, f"the verdict is {word!r}, and both answers have one name")
    return said(criterion, 1.0 if (word == "A") == (order == "system_first") else 0.0, reason)


def _length(row: Row, column: str) -> int:
    """Characters of an answer; the first of a list is the one that was judged."""
    value = row.values.get(column)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return len(value[0])
    return len(text(row, column))

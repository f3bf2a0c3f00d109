"""Judgments out of just-eval's score files.

just-eval writes, for each answer, what it asked (``prompt``), the judge's reply as far as it has the form of a JSON object
(``result``) and the object read from it (``parsed_result``: null where it is none). A row that it got no reply for keeps
the result "N/A".
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.hashing import bytes_hash
from urial.exchange.importers.instructions import (
    read_table,
    require_name,
    require_same,
    require_unique,
    row_number,
    text,
)
from urial.instructions.identity import apart, text_id
from urial.instructions.reading import Row
from urial.records.instruction import Instruction
from urial.records.judge import ImportedIdentity, describe
from urial.records.judgment import REGULAR_ASPECTS, SAFETY_ASPECTS, Aspect, AspectScore, Judgment, Reply

MODES: dict[str, tuple[Aspect, ...]] = {"score_multi": REGULAR_ASPECTS, "score_safety": SAFETY_ASPECTS}
COLUMNS = {
    "input": "the query",
    "output_cand": "the answer",
    "eval_config": "mode and judge model",
    "prompt": "what the judge was asked",
}
OTHERS = ("id", "generator_cand", "result", "parsed_result")
SCORES = {str(score): score for score in range(1, 6)}
NOT_APPLICABLE = NO_REPLY = "N/A"


@dataclass(frozen=True)
class Imported:
    """Judgments with the instructions that they are about, both in the order of the rows' numbers, if all have one."""

    judgments: list[Judgment]
    instructions: list[Instruction]


class _Scored(NamedTuple):
    """One row of a score file, and what is made of it."""

    row: Row
    judge: ImportedIdentity
    instruction: Instruction
    judgment: Judgment


def import_judgments(paths: Sequence[Path], system: str) -> Imported:
    """The judgments in score files of one system. Raises UrialError naming file, row and column.

    A reply that is no verdict becomes a row with the status invalid, a missing one a row with the status failed.
    """
    require_name(system)
    try:
        scored = [_read(row, system) for path in paths for row in _rows(path)]
        numbers = [row_number(item.row, "id") for item in scored]
        places = ((f"the number {number}", item.row.where) for number, item in zip(numbers, scored, strict=True))
        require_unique(
            (name, where) for (name, where), number in zip(places, numbers, strict=True) if number is not None
        )
        for mode in MODES:
            of_mode = [item for item in scored if item.judge.mode == mode]
            judges = [(describe(item.judge), item.row.where) for item in of_mode]
            require_same(f"{mode}: judges or their prompts", judges, "import each judge's files on their own")
            generators = ((item.row.values.get("generator_cand"), item.row.where) for item in of_mode)
            systems = [(name if isinstance(name, str) else "", where) for name, where in generators]
            require_same(f"{mode}: the systems in generator_cand", systems, "import each system's files on their own")
        return _named(scored, numbers)
    except RecursionError as error:
        # Values that the parser just managed to read can still be too deep to compare or to show.
        raise UrialError(
            f"{', '.join(map(str, paths))}: a row is nested too deeply", expected="rows of a few levels"
        ) from error


def _named(scored: Sequence[_Scored], numbers: Sequence[int | None]) -> Imported:
    """The rows in their order; those that judge answers to the same query are told apart."""
    orders = [
        (number or 0, json.dumps([text(item.row, "output_cand"), item.judgment.model_dump(mode="json")]))
        for item, number in zip(scored, numbers, strict=True)
    ]
    names = apart([item.instruction.id for item in scored], orders)
    places = list(range(len(scored)))
    if None not in numbers:
        places.sort(key=lambda place: numbers[place] or 0)
    return Imported(
        [scored[place].judgment.model_copy(update={"instruction_id": names[place]}) for place in places],
        [scored[place].instruction.model_copy(update={"id": names[place]}) for place in places],
    )


def _rows(path: Path) -> Sequence[Row]:
    rows = read_table(path, COLUMNS, OTHERS, "a score file of just-eval")
    if not {"result", "parsed_result"} & set(rows.columns):
        raise UrialError(
            f"{rows.where}: neither the column result nor parsed_result",
            expected="score files as just-eval writes them",
        )
    return rows.rows


def _read(row: Row, system: str) -> _Scored:
    judge = _judge(row)
    query, answer = row.query("input"), text(row, "output_cand")
    reply = row.values.get("result")
    if reply is not None and not isinstance(reply, str):
        row.refuse("result", reply, "the text of a reply")
    name, reply = text_id("just-eval", (query,)), None if reply == NO_REPLY else reply
    verdict, aspects = _verdict(row, judge.mode, reply), MODES[judge.mode]
    if isinstance(verdict, dict):
        scores = tuple(_score(aspect, verdict) for aspect in aspects)
    else:
        nothing = row.values.get("parsed_result") is None and reply is None
        status: Literal["failed", "invalid"] = "failed" if nothing else "invalid"
        scores = tuple(AspectScore(aspect=aspect, status=status, score=None, rationale=verdict) for aspect in aspects)
    scored = any(item.status == "scored" for item in scores)
    category: Literal["safety", "regular"] = "safety" if aspects == SAFETY_ASPECTS else "regular"
    instruction = Instruction(id=name, turns=(query,), category=category, source="just-eval")
    judgment = Judgment(
        instruction_id=name,
        system=system,
        status="scored" if scored else scores[0].status,
        reason=None if scored else scores[0].rationale or "the judge gives no reason",
        scores=scores,
        judge=judge,
        key=None,
        words=len(answer.split()),
        replies=() if reply is None else (Reply(text=reply, finish="unknown"),),
        query=query,
    )
    return _Scored(row, judge, instruction, judgment)


def _judge(row: Row) -> ImportedIdentity:
    """The judge model, and what it was asked by: just-eval's template, to the byte."""
    config = row.values.get("eval_config")
    if not isinstance(config, dict) or not isinstance(config.get("gpt"), str) or not config["gpt"].strip():
        row.refuse("eval_config", config, "an object with mode and gpt, the judge model")
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in MODES:
        hint = did_you_mean(mode, MODES) if isinstance(mode, str) else None
        raise UrialError(
            f"{row.where}, column 'eval_config': mode {shorten(mode)}", expected=" or ".join(MODES), fix=hint
        )
    # The prompt with placeholders where the query and the answer stand.
    heading, between = "## Query: \n", "\n \n## Output:\n"
    shown = f"{row.query('input')}{between}{text(row, 'output_cand')}"
    head, _, rest = text(row, "prompt").partition(heading)
    if not rest.startswith(shown):
        raise UrialError(
            f"{row.where}, column 'prompt': does not show input and output_cand",
            expected=f"{heading!r}, the whole input, {between!r}, the whole output_cand, as just-eval writes them",
        )
    template = f"{head}{heading}${{instruction}}{between}${{candidate}}{rest[len(shown) :]}"
    return ImportedIdentity(
        kind="imported", model=config["gpt"], mode=mode, template=bytes_hash(template.encode("utf-8"))
    )


def _verdict(row: Row, mode: str, reply: str | None) -> dict[str, object] | str:
    """The object that was read from a reply, or why it is none."""
    parsed = row.values.get("parsed_result")
    if parsed is None and reply is None:
        return "the file has no reply of the judge"
    if parsed is None:
        blank = not (reply or "").strip()
        unread = "the judge's reply has no JSON object" if blank else "just-eval could not read the judge's reply"
        return unread if "parsed_result" in row.values else "the row has no parsed_result"
    if row.values.get("result") == NO_REPLY:
        return "parsed_result has a verdict, and there is no reply"
    if not isinstance(parsed, dict):
        return f"parsed_result is {shorten(parsed)}, not an object"
    if extra := [name for name in parsed if name not in MODES[mode]]:
        return f"the verdict is about {shorten(extra[0])}, which {mode} does not ask for"
    differs = False
    # just-eval also reads replies that are not quite JSON; those cannot be compared.
    with suppress(ValueError, RecursionError):
        differs = reply is not None and json.loads(reply) != parsed
    return "parsed_result is not what the judge's reply says" if differs else parsed


def _score(aspect: Aspect, verdict: dict[str, object]) -> AspectScore:
    def invalid(reason: str) -> AspectScore:
        return AspectScore(aspect=aspect, status="invalid", score=None, rationale=reason)

    if aspect not in verdict:
        return invalid(f"the verdict has no {aspect}")
    cell = verdict[aspect]
    if not isinstance(cell, dict) or "score" not in cell:
        return invalid(f"{aspect} is {shorten(cell)}, not an object with a score")
    reason, value = cell.get("reason"), cell["score"]
    if reason is not None and not isinstance(reason, str):
        return invalid(f"the reason is {shorten(reason)}, not text")
    rationale = reason if reason and reason.strip() else None
    if value == NOT_APPLICABLE:
        return AspectScore(aspect=aspect, status="not_applicable", score=None, rationale=rationale)
    # True and 5.0 equal whole numbers; just-eval's own report puts 5.0 for "N/A".
    whole = isinstance(value, str) or type(value) is int
    if not whole or str(value) not in SCORES:
        return invalid(f"the score is {shorten(value)}, neither a whole number from 1 to 5 nor N/A")
    return AspectScore(aspect=aspect, score=SCORES[str(value)], rationale=rationale)

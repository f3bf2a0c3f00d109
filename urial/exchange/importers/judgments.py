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
from typing import Any

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.hashing import bytes_hash
from urial.exchange.importers.cells import number, require_name, require_same, require_unique, text
from urial.instructions.reading import Row, read_rows, require_columns
from urial.records.instruction import Instruction
from urial.records.judgment import (
    REGULAR_ASPECTS,
    SAFETY_ASPECTS,
    Aspect,
    AspectScore,
    ImportedIdentity,
    Judgment,
    Reply,
    describe,
)

MODES: dict[str, tuple[Aspect, ...]] = {"score_multi": REGULAR_ASPECTS, "score_safety": SAFETY_ASPECTS}
COLUMNS = {
    "id": "the instruction's number",
    "input": "the query",
    "output_cand": "the answer",
    "eval_config": "mode and judge model",
    "prompt": "what the judge was asked",
}
WANTED = (*COLUMNS, "generator_cand", "result", "parsed_result")
SCORES = {str(score): score for score in range(1, 6)}
NOT_APPLICABLE = NO_REPLY = "N/A"


@dataclass(frozen=True)
class Imported:
    """Judgments with the instructions that they are about, both ordered by the instruction's number."""

    judgments: list[Judgment]
    instructions: list[Instruction]


@dataclass(frozen=True)
class _Scored:
    """One row of a score file."""

    row: Row
    number: int
    query: str
    answer: str
    mode: str
    judge: ImportedIdentity
    generator: str
    # The judge's reply; None: it gave none.
    reply: str | None
    parsed: Any


def import_judgments(paths: Sequence[Path], system: str) -> Imported:
    """The judgments in score files of one system. Raises UrialError naming file, row and column.

    A reply that is no verdict becomes a row with the status invalid, a missing one a row with the status failed.
    """
    require_name(system)
    try:
        rows = [_read(row) for path in paths for row in _rows(path)]
        require_unique((f"just-eval-{row.number}", row.row.where) for row in rows)
        _require_one_judge(rows)
        rows.sort(key=lambda row: row.number)
        return Imported([_judgment(row, system) for row in rows], [_instruction(row) for row in rows])
    except RecursionError as error:
        # Values that the parser just managed to read can still be too deep to compare or to show.
        raise UrialError(f"{', '.join(map(str, paths))}: a row is nested too deeply") from error


def _rows(path: Path) -> Sequence[Row]:
    rows = read_rows(path, WANTED)
    if not rows.rows:
        raise UrialError("no rows", path=path, expected="a score file of just-eval")
    require_columns(rows, COLUMNS)
    if rows.rows and not {"result", "parsed_result"} & set(rows.columns):
        raise UrialError(
            f"{rows.where}: neither the column result nor parsed_result",
            expected="score files as just-eval writes them",
        )
    return rows.rows


def _read(row: Row) -> _Scored:
    config = row.values.get("eval_config")
    if not isinstance(config, dict) or not isinstance(config.get("gpt"), str) or not config["gpt"].strip():
        row.refuse("eval_config", config, "an object with mode and gpt, the judge model")
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in MODES:
        hint = did_you_mean(mode, MODES) if isinstance(mode, str) else None
        raise UrialError(
            f"{row.where}, column 'eval_config': mode {shorten(mode)}", expected=" or ".join(MODES), fix=hint
        )
    shown_query, answer = row.query("input"), text(row, "output_cand")
    template = bytes_hash(_template(row, shown_query, answer).encode("utf-8"))
    reply, generator = row.values.get("result"), row.values.get("generator_cand")
    if reply is not None and not isinstance(reply, str):
        row.refuse("result", reply, "the text of a reply")
    return _Scored(
        row=row,
        number=number(row, "id"),
        query=shown_query,
        answer=answer,
        mode=mode,
        judge=ImportedIdentity(kind="imported", model=config["gpt"], mode=mode, template=template),
        generator=generator if isinstance(generator, str) else "",
        reply=None if reply == NO_REPLY else reply,
        parsed=row.values.get("parsed_result"),
    )


def _template(row: Row, shown_query: str, answer: str) -> str:
    """The prompt with placeholders where the query and the answer stand: just-eval's template, to the byte."""
    heading, between = "## Query: \n", "\n \n## Output:\n"
    head, _, rest = text(row, "prompt").partition(heading)
    shown = f"{shown_query}{between}{answer}"
    if not rest.startswith(shown):
        raise UrialError(
            f"{row.where}, column 'prompt': does not show input and output_cand",
            expected=f"{heading!r}, the whole input, {between!r}, the whole output_cand, as just-eval writes them",
        )
    return f"{head}{heading}${{instruction}}{between}${{candidate}}{rest[len(shown) :]}"


def _require_one_judge(rows: Sequence[_Scored]) -> None:
    for mode in MODES:
        of_mode = [row for row in rows if row.mode == mode]
        judges = [(describe(row.judge), row.row.where) for row in of_mode]
        require_same(f"{mode}: judges or their prompts", judges, "import each judge's files on their own")
        systems = [(row.generator, row.row.where) for row in of_mode]
        require_same(f"{mode}: the systems in generator_cand", systems, "import each system's files on their own")


def _instruction(row: _Scored) -> Instruction:
    return Instruction(
        id=f"just-eval-{row.number}",
        turns=(row.query,),
        category="safety" if MODES[row.mode] == SAFETY_ASPECTS else "regular",
        source="just-eval",
    )


def _judgment(row: _Scored, system: str) -> Judgment:
    scores = _scores(row)
    scored = any(item.status == "scored" for item in scores)
    return Judgment(
        instruction_id=f"just-eval-{row.number}",
        system=system,
        status="scored" if scored else scores[0].status,
        reason=None if scored else scores[0].rationale or "the judge gives no reason",
        scores=scores,
        judge=row.judge,
        key=None,
        words=len(row.answer.split()),
        replies=() if row.reply is None else (Reply(text=row.reply, finish="unknown"),),
    )


def _scores(row: _Scored) -> tuple[AspectScore, ...]:
    aspects = MODES[row.mode]
    if row.parsed is None and row.reply is None:
        status, reason = "failed", "the file has no reply of the judge"
    elif problem := _problem(row):
        status, reason = "invalid", problem
    else:
        return tuple(_score(aspect, row.parsed) for aspect in aspects)
    without = {"status": status, "score": None, "rationale": reason}
    return tuple(AspectScore.model_validate({"aspect": aspect, **without}) for aspect in aspects)


def _problem(row: _Scored) -> str | None:
    """Why a row has no verdict at all; None when it may have one."""
    if row.parsed is None:
        blank = not (row.reply or "").strip()
        unread = "the judge's reply has no JSON object" if blank else "just-eval could not read the judge's reply"
        return unread if "parsed_result" in row.row.values else "the row has no parsed_result"
    if row.row.values.get("result") == NO_REPLY:
        return "parsed_result has a verdict, and there is no reply"
    if not isinstance(row.parsed, dict):
        return f"parsed_result is {shorten(row.parsed)}, not an object"
    if extra := [name for name in row.parsed if name not in MODES[row.mode]]:
        return f"the verdict is about {shorten(extra[0])}, which {row.mode} does not ask for"
    # just-eval also reads replies that are not quite JSON; those cannot be compared.
    with suppress(ValueError, RecursionError):
        if row.reply is not None and json.loads(row.reply) != row.parsed:
            return "parsed_result is not what the judge's reply says"
    return None


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

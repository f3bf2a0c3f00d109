"""Reads a judge's reply, strictly: a reply is a verdict or it is none, and nothing is repaired by guess.

A reply is one JSON object, alone or in one fenced block (three backticks, with or without ``json``), with nothing
around it but white space.
"""

import json
import re

from urial.core.errors import shorten
from urial.core.strict_json import strict_json, syntax_problem
from urial.prompts.rubrics.reply_schemas import NOT_APPLICABLE, SCORE, ScoreForm, problem_of, score_forms
from urial.prompts.rubrics.rubrics import require_aspect
from urial.records.judgment import Aspect, AspectScore
from urial.records.prompt import PlannedRubric

MAX_CHARACTERS = 1_000_000
_FENCED = re.compile(r"```(?:json)?[ \t]*\r?\n(.*)\n[ \t]*```", re.DOTALL)


class ReplyError(ValueError):
    """Why a reply is no verdict, in one line."""


def parse_reply(planned: PlannedRubric, text: str, aspect: Aspect | None) -> tuple[AspectScore, ...]:
    """The score of each aspect that was asked for, in the rubric's order; ``aspect`` None: all of the rubric's.

    ``text`` is the reply without its thinking. Raises ReplyError when it is no verdict, and UrialError when the rubric
    does not ask for this aspect.
    """
    require_aspect(planned, aspect)
    forms = score_forms(planned.rubric, planned.reply_schema)
    value = _json_object(text)
    if aspect is not None:
        scores = [_score(aspect, value, forms[None], "")]
    else:
        _require_keys(value, list(planned.rubric.aspects), "")
        scores = [_score(name, value[name], forms[name], f"{name}.") for name in planned.rubric.aspects]
    _require_valid(planned, value)
    return tuple(scores)


def _json_object(text: str) -> dict[str, object]:
    if len(text) > MAX_CHARACTERS:
        raise ReplyError(f"a reply of {len(text):,} characters, and at most {MAX_CHARACTERS:,} are read")
    alone = text.strip()
    if not alone:
        raise ReplyError("the reply is empty")
    fenced = _FENCED.fullmatch(alone)
    inner = fenced[1].strip() if fenced else alone
    if not inner.startswith("{"):
        raise ReplyError(f"not a JSON object alone: it begins with {shorten(inner, 40)}")
    try:
        return dict(strict_json(inner))
    except ValueError as error:
        raise ReplyError(f"not a JSON object alone: {syntax_problem(error)}") from error


def _require_keys(value: dict[str, object], names: list[str], where: str) -> None:
    if missing := [name for name in names if name not in value]:
        raise ReplyError(f"{where}{missing[0]} is missing")
    if unknown := [name for name in value if name not in names]:
        raise ReplyError(f"{where}{_readable(unknown[0])} is not asked for")


def _score(aspect: Aspect, value: object, form: ScoreForm, where: str) -> AspectScore:
    if not isinstance(value, dict):
        raise ReplyError(f"{where.rstrip('.')} is {_readable(value)}, and must be an object with {SCORE!r}")
    _require_keys(value, [SCORE, *([form.rationale] if form.rationale else [])], where)
    rationale = _rationale(value[form.rationale], form, f"{where}{form.rationale}") if form.rationale else None
    score = value[SCORE]
    # 4.0 and true equal a whole number, and are none.
    if not any(type(score) is type(known) and score == known for known in form.scores):
        expected = ", ".join(map(json.dumps, form.scores))
        raise ReplyError(f"{where}{SCORE} is {_readable(score)}, and must be one of {expected}")
    if score in NOT_APPLICABLE:
        return AspectScore(aspect=aspect, status="not_applicable", score=None, rationale=rationale)
    return AspectScore(aspect=aspect, score=float(score), rationale=rationale)


def _rationale(value: object, form: ScoreForm, where: str) -> str | None:
    if not isinstance(value, str | None):
        raise ReplyError(f"{where} is {_readable(value)}, and must be a text")
    if value is not None and value.strip():
        return value
    if form.explained:
        raise ReplyError(f"{where} is {_readable(value)}, and must say why")
    return None


def _require_valid(planned: PlannedRubric, value: dict[str, object]) -> None:
    """Raises ReplyError for what else the schema asks of a reply."""
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(planned.reply_schema).iter_errors(value):
        raise ReplyError(problem_of(error))


def _readable(value: object) -> str:
    """A value as JSON, cut short; a deeply nested one by its kind."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return shorten(value) if isinstance(value, str) else json.dumps(value)

"""Reads a judge's reply, strictly: a reply is a verdict or it is none, and nothing is repaired by guess.

A reply is one JSON object, alone or in one fenced block (three backticks, with or without ``json``), with nothing
around it but white space.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from urial.core.errors import shorten
from urial.core.strict_json import strict_json, syntax_problem
from urial.core.text import and_more, cut
from urial.prompts.rubrics.reply_schemas import NOT_APPLICABLE, SCORE, ScoreForm, problem_of, score_forms
from urial.prompts.rubrics.rubrics import require_aspect
from urial.records.judgment import Aspect, AspectScore, Reply, ScoreStatus, expected_score
from urial.records.prompt import PlannedRubric

MAX_CHARACTERS = 1_000_000
_FENCED = re.compile(r"```(?:json)?[ \t]*\r?\n(.*)\n[ \t]*```", re.DOTALL)
# What a reply that carries no verdict is called in a score's rationale.
NoVerdict = Literal["invalid", "refused", "filtered", "failed", "too_long"]
_NO_VERDICT: Mapping[str, tuple[NoVerdict, str]] = {
    "refused": ("refused", "the judge refused"),
    "filtered": ("filtered", "a content filter"),
    "failed": ("failed", "no reply"),
    "too_long": ("too_long", "the server's context has no room"),
}
# The same in a line that counts them.
_REASONS = {
    "length": "cut off at max_tokens",
    "white_space": "white space without end",
    "too_long": "cut off by the context",
    "refused": "refused",
    "filtered": "filtered",
    "malformed": "no chat completion",
}
MOST_REASONS = 4
MAX_REASON = 80
# More white space than any reply that people lay out ends a line with.
_LONG_BLANK = 64


class ReplyError(ValueError):
    """Why a reply is no verdict, in one line."""


def ended_by_context(reply: Reply, max_tokens: int) -> Reply:
    """The reply; too long where it ended at its length, but before it had all of its tokens by the server's count."""
    cut = reply.finish == "length" and reply.output_tokens is not None and reply.output_tokens < max_tokens
    return reply.model_copy(update={"finish": "too_long"}) if cut else reply


def ends_in_white_space(text: str) -> bool:
    """Whether a text goes on in white space, which the grammar of JSON allows without end."""
    return len(text) - len(text.rstrip()) >= _LONG_BLANK


def read_scores(planned: PlannedRubric, aspect: Aspect | None, reply: Reply, attempts: int) -> tuple[AspectScore, ...]:
    """What the reply to the last of so many attempts says of each aspect that was asked for; None: all of the rubric's."""
    aspects = (aspect,) if aspect else planned.rubric.aspects

    def unscored(status: ScoreStatus, why: str) -> tuple[AspectScore, ...]:
        return tuple(
            AspectScore(aspect=name, status=status, score=None, scale=planned.rubric.scale, rationale=why)
            for name in aspects
        )

    if (missing := no_reply(reply, attempts)) is not None:
        return unscored(*missing)
    if (parts := reply.distribution) is not None:
        mean = expected_score(parts)
        return tuple(AspectScore(aspect=name, score=mean, rationale=None, distribution=parts) for name in aspects)
    try:
        return parse_reply(planned, reply.text, aspect)
    except ReplyError as error:
        return unscored(*unread(reply, error, attempts))


def no_reply(reply: Reply, attempts: int) -> tuple[NoVerdict, str] | None:
    """Why there is no text to read a verdict from; None: there is one."""
    in_part = reply.finish == "too_long" and reply.output_tokens is not None
    if reply.finish in _NO_VERDICT and not in_part:
        status, why = _NO_VERDICT[reply.finish]
        return status, f"{why}: {reply.text}" if reply.text else why
    if reply.finish == "malformed":
        return "invalid", f"the server sent no chat completion{_times(attempts)}"
    return None


def unread(reply: Reply, error: ReplyError, attempts: int) -> tuple[NoVerdict, str]:
    """What a reply is called whose text is no verdict."""
    if reply.finish == "too_long":
        where = f"cut off at the end of the server's context, after {reply.output_tokens:,} tokens"
        return "too_long", f"{where}: {error}{_times(attempts)}"
    cut = "cut off at the length limit: " if reply.finish == "length" else ""
    if reply.finish == "white_space" or (cut and ends_in_white_space(reply.text)):
        cut = "cut off in white space that did not end: "
    return "invalid", f"{cut}{error}{_times(attempts)}"


def reasons_of(status: str, replies: Iterable[Reply], *, as_json: bool = True) -> str:
    """Why replies say nothing, for behind their number, as in `` (2 cut off at max_tokens, 1 no JSON object)``; "" where the
    status says it all. ``as_json``: whether JSON was asked for.
    """
    if status not in ("invalid", "failed"):
        return ""
    counts = Counter(_reason(reply, as_json) for reply in replies)
    return f" ({and_more((f'{count:,} {why}' for why, count in counts.most_common()), MOST_REASONS)})" if counts else ""


def _reason(reply: Reply, as_json: bool) -> str:
    """In a few words, without what differs from reply to reply."""
    if reply.finish == "failed":
        return cut(reply.text, MAX_REASON)[0] or "no reply"
    if reply.finish in _REASONS:
        return _REASONS[reply.finish]
    try:
        if as_json:
            json_object(reply.text)
    except ReplyError:
        return "no JSON object"
    return "not as the rubric asks"


def _times(attempts: int) -> str:
    return f" (asked {attempts} times)" if attempts > 1 else ""


def parse_reply(planned: PlannedRubric, text: str, aspect: Aspect | None) -> tuple[AspectScore, ...]:
    """The score of each aspect that was asked for, in the rubric's order; ``aspect`` None: all of the rubric's.

    ``text`` is the reply without its thinking. Raises ReplyError when it is no verdict, and UrialError when the rubric
    does not ask for this aspect.
    """
    from jsonschema import Draft202012Validator

    require_aspect(planned, aspect)
    forms = score_forms(planned.rubric, planned.reply_schema)
    value = json_object(text)
    if aspect is not None:
        scores = [_score(aspect, value, forms[None], "")]
    else:
        require_keys(value, list(planned.rubric.aspects), "")
        scores = [_score(name, value[name], forms[name], f"{name}.") for name in planned.rubric.aspects]
    # Whatever else the schema asks of a reply.
    for error in Draft202012Validator(planned.reply_schema).iter_errors(value):
        raise ReplyError(problem_of(error))
    return tuple(scores)


def json_object(text: str) -> dict[str, object]:
    """The JSON object that a reply consists of. Raises ReplyError where it is none."""
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


def require_keys(value: dict[str, object], names: list[str], where: str) -> None:
    if missing := [name for name in names if name not in value]:
        raise ReplyError(f"{where}{missing[0]} is missing")
    if unknown := [name for name in value if name not in names]:
        raise ReplyError(f"{where}{readable(unknown[0])} is not asked for")


def _score(aspect: Aspect, value: object, form: ScoreForm, where: str) -> AspectScore:
    if not isinstance(value, dict):
        raise ReplyError(f"{where.rstrip('.')} is {readable(value)}, and must be an object with {SCORE!r}")
    require_keys(value, [SCORE, *([form.rationale] if form.rationale else [])], where)
    rationale = value[form.rationale] if form.rationale else None
    if not isinstance(rationale, str | None):
        raise ReplyError(f"{where}{form.rationale} is {readable(rationale)}, and must be a text")
    if rationale is None or not rationale.strip():
        if form.explained:
            raise ReplyError(f"{where}{form.rationale} is {readable(rationale)}, and must say why")
        rationale = None
    score = value[SCORE]
    # 4.0 and true equal a whole number, and are none.
    if not any(type(score) is type(known) and score == known for known in form.scores):
        expected = ", ".join(map(json.dumps, form.scores))
        raise ReplyError(f"{where}{SCORE} is {readable(score)}, and must be one of {expected}")
    if score in NOT_APPLICABLE:
        return AspectScore(aspect=aspect, status="not_applicable", score=None, scale=form.scale, rationale=rationale)
    return AspectScore(aspect=aspect, score=float(score), scale=form.scale, rationale=rationale)


def readable(value: object) -> str:
    """A value as JSON, cut short; a deeply nested one by its kind."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    return shorten(value) if isinstance(value, str) else json.dumps(value)

"""Reads the reply of a judge that compared two answers, strictly: it is a verdict or it is none."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from urial.core.errors import shorten
from urial.judge.model.replies import MAX_CHARACTERS, ReplyError, json_object, no_reply, readable, require_keys, unread
from urial.prompts.preferences.rubrics import FIRST, SECOND
from urial.records.judgment import Reply
from urial.records.preference import Choice, Criterion, Order
from urial.records.preference_rubric import PlannedPreferenceRubric

TIE = "tie"
# The preference for the answer shown first.
PREFERENCES: Mapping[str, float] = {FIRST: 1.0, TIE: 0.5, SECOND: 0.0}
_VERDICT_LINE = re.compile(r"\[\[(A|B|tie)\]\]")
# Anything that a reader, or another tool, could take for a verdict: what stands in double square brackets.
_BRACKETS = re.compile(r"\[\[([^\[\]]{0,80})\]\]")
_VERDICT_WORDS = frozenset({"a", "b", "c", "tie"})
_OTHER_WORDS = frozenset({"and", "or", "assistant", "answer", "verdict"})


def read_choices(planned: PlannedPreferenceRubric, order: Order, reply: Reply, attempts: int) -> tuple[Choice, ...]:
    """What the reply to the last of so many attempts says of each criterion, from the system's side."""

    def undecided(status: str, why: str) -> tuple[Choice, ...]:
        fields = {"status": status, "preference": None, "rationale": why}
        return tuple(Choice.model_validate({"criterion": name, **fields}) for name in planned.rubric.criteria)

    if (missing := no_reply(reply, attempts)) is not None:
        return undecided(*missing)
    try:
        verdicts = read_verdicts(planned, reply)
    except ReplyError as error:
        return undecided(*unread(reply, error, attempts))
    return tuple(
        Choice(
            criterion=name,
            preference=first if order == "system_first" else 1 - first,
            rationale=rationale,
        )
        for name, (first, rationale) in verdicts.items()
    )


def read_verdicts(planned: PlannedPreferenceRubric, reply: Reply) -> dict[Criterion, tuple[float, str | None]]:
    """Of each criterion the preference for the answer shown first, and the rationale. Raises ReplyError for no verdict."""
    criteria = planned.rubric.criteria
    if planned.verdict == "json":
        return _json_verdicts(criteria, reply.text)
    if planned.verdict == "text":
        if reply.finish in ("length", "too_long", "white_space"):
            # What would have followed may have said otherwise.
            raise ReplyError("the reply is not whole")
        return {criteria[0]: _text_verdict(reply.text)}
    if reply.verdict_probabilities is None:
        raise ReplyError(
            f"neither {FIRST} nor {SECOND} is among the most probable first tokens: {shorten(reply.text, 40)}"
        )
    first, second = reply.verdict_probabilities
    return {criteria[0]: (first / (first + second), None)}


def _json_verdicts(criteria: Sequence[Criterion], text: str) -> dict[Criterion, tuple[float, str | None]]:
    value = json_object(text)
    require_keys(value, list(criteria), "")
    return {name: _json_verdict(value[name], name) for name in criteria}


def _json_verdict(value: object, name: str) -> tuple[float, str]:
    if not isinstance(value, dict):
        raise ReplyError(f"{name} is {readable(value)}, and must be an object with 'rationale' and 'verdict'")
    require_keys(value, ["rationale", "verdict"], f"{name}.")
    rationale, verdict = value["rationale"], value["verdict"]
    if not isinstance(rationale, str) or not rationale.strip():
        raise ReplyError(f"{name}.rationale is {readable(rationale)}, and must say why")
    if not isinstance(verdict, str) or verdict not in PREFERENCES:
        raise ReplyError(f"{name}.verdict is {readable(verdict)}, and must be one of A, B and tie")
    return PREFERENCES[verdict], rationale


def _text_verdict(text: str) -> tuple[float, str]:
    """The verdict on the last line, which nothing before it may contradict."""
    if len(text) > MAX_CHARACTERS:
        raise ReplyError(f"a reply of {len(text):,} characters, and at most {MAX_CHARACTERS:,} are read")
    rationale, _, last = text.strip().rpartition("\n")
    found = _VERDICT_LINE.fullmatch(last.strip())
    if found is None:
        raise ReplyError(f"the last line is {shorten(last, 40)}, and must be [[A]], [[B]] or [[tie]]")
    for other in _BRACKETS.findall(_plain(rationale)):
        words = set(re.findall(r"\w+", other))
        named = words & _VERDICT_WORDS
        if named - {found[1].lower()} and words <= _VERDICT_WORDS | _OTHER_WORDS:
            raise ReplyError(f"[[{shorten(other, 40)}]] contradicts the last line, {found[0]}")
    if not rationale.strip():
        raise ReplyError("the verdict stands alone, and must say why")
    return PREFERENCES[found[1]], rationale.strip()


def _plain(text: str) -> str:
    """Without what hides a letter: other widths of it, other cases, characters of no width."""
    shown = "".join(letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) != "Cf")
    return shown.casefold()

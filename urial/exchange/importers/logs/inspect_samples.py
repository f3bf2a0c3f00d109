"""Samples of Inspect's logs: the conversation with its system messages left out, and the scores of every scorer.

A score that is an object has a value for each of its keys: scorer.key, and the key alone where no other scorer has it.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError, shorten
from urial.exchange.importers.logs.inspect_files import read_log
from urial.exchange.importers.logs.samples import (
    LoggedSample,
    LoggedScore,
    part,
    queries,
    refuse,
    require_once_each,
    text_of,
)

ATTACHMENT = "attachment://"
EPOCHS = "log one epoch (`inspect eval --epochs 1`): the answers of several are several systems"


def read_inspect(path: Path) -> list[LoggedSample]:
    """Every sample of a log. Raises UrialError naming file, sample and field, also where a sample has several epochs."""
    logged = list(read_log(path))
    keys = _keys_of_scorers(values for _, values in logged)
    samples = [_sample(where, values, keys) for where, values in logged]
    if not samples:
        raise UrialError("no samples", path=path, expected="a log with samples")
    require_once_each(samples, EPOCHS)
    return samples


def _sample(where: str, values: object, keys: Mapping[str, list[str]]) -> LoggedSample:
    name = part(where, values, "id")
    if not isinstance(name, str | int) or isinstance(name, bool):
        refuse(where, "id", name, "a text or a number")
    assert isinstance(values, dict)  # noqa: S101 - `part` has seen to it
    attached = values.get("attachments") or {}
    turns, answers = _conversation(where, values, attached)
    reason = _why_not(where, values, answers)
    return LoggedSample(
        where=where,
        name=str(name),
        turns=turns,
        answers=None if reason else tuple(answers),
        reason=reason,
        scores=_scores(where, values, keys),
    )


def _why_not(where: str, values: Mapping[str, Any], answers: list[str]) -> str | None:
    """Why there is no answer; None: there is one."""
    if (error := values.get("error")) is not None:
        return f"Inspect: {_told(part(where, error, 'message'))}"
    if not answers:
        limit = values.get("limit")
        return f"Inspect: the limit of {part(where, limit, 'type')} was reached" if limit else "Inspect: no answer"
    return None


def _told(value: object) -> str:
    """A message of an error, or that there is none."""
    return shorten(value, 300) if isinstance(value, str) and value.strip() else "an error without a message"


def _conversation(where: str, values: Mapping[str, Any], attached: object) -> tuple[tuple[str, ...], list[str]]:
    given = values.get("input")
    messages = values.get("messages") or ([{"role": "user", "content": given}] if isinstance(given, str) else given)
    if not isinstance(messages, list) or not messages:
        refuse(where, "messages", messages, "a list of messages")
    said: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        role = part(where, message, "role")
        if role == "tool" or message.get("tool_calls"):
            refuse(
                where, f"messages[{number}].role", role, "user, assistant or system: what an agent does is no answer"
            )
        if role != "system":
            content = _attached(message.get("content"), attached)
            said.append((str(role), text_of(where, f"messages[{number}].content", content)))
    roles = [role for role, _ in said]
    if roles != [("user", "assistant")[place % 2] for place in range(len(roles))]:
        refuse(where, "messages", ", ".join(roles[:8]), "user, assistant, and so on in turn")
    return queries(where, [text for role, text in said if role == "user"]), [
        text for role, text in said if role == "assistant"
    ]


def _attached(value: object, attached: object) -> object:
    """Long texts can lie in the sample's attachments."""
    if isinstance(value, str) and value.startswith(ATTACHMENT) and isinstance(attached, dict):
        return attached.get(value.removeprefix(ATTACHMENT), value)
    return value


def _keys_of_scorers(samples: Iterable[object]) -> dict[str, list[str]]:
    """The keys of the scorers whose scores are objects: of a sample that such a scorer left unscored, all of them are."""
    found: dict[str, dict[str, None]] = {}
    for sample in samples:
        scores = sample.get("scores") if isinstance(sample, dict) else None
        for scorer, score in scores.items() if isinstance(scores, dict) else ():
            value = score.get("value") if isinstance(score, dict) else None
            own = found.setdefault(scorer, {})
            own.update(dict.fromkeys(value) if isinstance(value, dict) else {})
    return {scorer: list(keys) for scorer, keys in found.items()}


def _scores(where: str, values: Mapping[str, Any], keys: Mapping[str, list[str]]) -> dict[str, LoggedScore]:
    scores, attached = values.get("scores") or {}, values.get("attachments") or {}
    if not isinstance(scores, dict):
        refuse(where, "scores", scores, "an object with a score for each scorer")
    found: dict[str, LoggedScore] = {}
    for scorer, score in scores.items():
        value, explanation = part(where, score, "value"), _attached(score.get("explanation"), attached)
        parts = value if isinstance(value, dict) else dict.fromkeys(keys[scorer] or [""], value)
        for key, item in parts.items():
            logged = _score(item, score.get("reason"), explanation)
            found[f"{scorer}.{key}" if key else scorer] = logged
            if key and key not in keys and sum(key in others for others in keys.values()) == 1:
                found[key] = logged
    return found


def _score(value: object, reason: object, explanation: object) -> LoggedScore:
    """A score as it is; null and NaN, by which Inspect says that a sample is unscored, have a reason."""
    why = explanation if isinstance(explanation, str) and explanation.strip() else None
    told = reason if isinstance(reason, str) and reason.strip() else None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return LoggedScore(None, told or "unscored", why)
    return LoggedScore(value, told, why)

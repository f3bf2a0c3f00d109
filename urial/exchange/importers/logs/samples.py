"""A sample as any harness logs it, and how values out of its JSON are read: strictly, and naming where they stand."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from urial.core.errors import UrialError, shorten
from urial.instructions.reading import QUERY, is_query
from urial.records.judgment import Reply


@dataclass(frozen=True)
class LoggedScore:
    """A score under its name; a value that is no number has a reason."""

    value: object
    reason: str | None = None
    explanation: str | None = None


@dataclass(frozen=True)
class LoggedSample:
    """What a harness says of one sample."""

    where: str
    # Its id there, and what further tells it apart: an epoch, a perturbation.
    name: str
    # The user's messages, and the answer to each; None: there is none, and why.
    turns: tuple[str, ...]
    answers: tuple[str, ...] | None
    reason: str | None = None
    scores: Mapping[str, LoggedScore] = field(default_factory=dict)
    replies: tuple[Reply, ...] = ()


def require_once_each(samples: Iterable[LoggedSample], fix: str) -> None:
    """Raises UrialError where a sample was answered several times: they are neither pooled nor is one of them chosen."""
    seen: dict[str, str] = {}
    for sample in samples:
        if sample.name in seen:
            raise UrialError(
                f"the sample {shorten(sample.name)} twice: {seen[sample.name]}, and {sample.where}",
                expected="one answer a sample",
                fix=fix,
            )
        seen[sample.name] = sample.where


def refuse(where: str, name: str, value: object, expected: str, fix: str | None = None) -> NoReturn:
    """Raises UrialError about one field."""
    raise UrialError(f"{where}, field {name!r}: got {shorten(value)}", expected=expected, fix=fix)


def part(where: str, values: object, name: str) -> Any:
    """What an object has under a name; null and missing are one."""
    if not isinstance(values, dict):
        refuse(where, name, values, "a JSON object that has it")
    return values.get(name)


def text_of(where: str, name: str, value: object) -> str:
    """A text, or what a list of parts with texts has; thinking and other parts are no text."""
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        kinds = {item.get("type") for item in value} - {"text", "reasoning"}
        if not kinds and all(isinstance(item.get("text", ""), str) for item in value):
            return "".join(item.get("text", "") for item in value if item.get("type") == "text")
    return value if isinstance(value, str) else refuse(where, name, value, "text")


def queries(where: str, texts: Sequence[str]) -> tuple[str, ...]:
    """The user's messages. Raises UrialError for one that is none, and where there is none."""
    bad = next((text for text in texts if not is_query(text)), None if texts else "")
    return tuple(texts) if bad is None else refuse(where, "input", bad, QUERY)

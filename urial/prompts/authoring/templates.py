"""Published templates for judges as rubrics: the text to the byte, and a schema of the replies that it asks for."""

import re
from typing import Any, cast

from urial.core.errors import UrialError, did_you_mean
from urial.prompts.rubrics.reply_schemas import DIGITS, DRAFT, NUMBERS, RATIONALES, SCORE
from urial.prompts.versions.parsing import line_of
from urial.records.judgment import ASPECTS, Aspect
from urial.records.prompt import PLACEHOLDER, QUESTION_TEXTS, Rubric, placeholders

# SPDX for "nobody has said"; whoever imports a text knows its licence and writes it.
NO_LICENCE = "NOASSERTION"
# In the JSON that a text shows: a key with an object, and what is in it unless that has braces again.
_OBJECT = re.compile(r'"(?P<name>[^"\n]*)"\s*:\s*\{(?:(?P<body>[^{}]*)\})?')
_KEY = re.compile(r'"(?P<name>[^"\n]*)"\s*:')
_FORMAT = f'JSON that names each aspect, as in "depth": {{"{RATIONALES[1]}": "…", "{SCORE}": "…"}}'


def is_template(text: str) -> bool:
    """Whether a text has a placeholder of templates for judges."""
    return any(name in QUESTION_TEXTS for name in placeholders(text))


def import_template(text: str, origin: str) -> tuple[Rubric, dict[str, Any]]:
    """The rubric and the schema of its reply. Raises UrialError with the line of what judges cannot be asked by."""
    _check_placeholders(text)
    keys = _keys_by_aspect(text)
    rubric = Rubric(
        description="published template for judges",
        aspects=tuple(keys),
        template=text,
        source=origin,
        licence=NO_LICENCE,
    )
    return rubric, {"$schema": DRAFT, **_object_of({aspect: _scored(names) for aspect, names in keys.items()})}


def _check_placeholders(text: str) -> None:
    for found in PLACEHOLDER.finditer(text):
        if (found["name"] or found["other"]) not in QUESTION_TEXTS:
            raise UrialError(
                f"unknown placeholder {found.group()}",
                line=line_of(text, found.start()),
                expected="${instruction} and ${candidate}",
                fix="where it is a prompt and no template for judges, name its dialect with --dialect",
            )
    if missing := [name for name in QUESTION_TEXTS if name not in placeholders(text)]:
        what = {"instruction": "query", "candidate": "answer"}[missing[0]]
        raise UrialError(
            f"a template for judges ends without ${{{missing[0]}}}",
            line=line_of(text, len(text)),
            expected=f"it where the {what} belongs",
        )


def _keys_by_aspect(text: str) -> dict[Aspect, list[str]]:
    """The keys that the text's JSON has for each aspect, in their order."""
    found: dict[Aspect, list[str]] = {}
    for item in _OBJECT.finditer(text):
        line = line_of(text, item.start())
        name, keys = item["name"], [key["name"] for key in _KEY.finditer(item["body"] or "")]
        if name not in ASPECTS:
            raise UrialError(
                f"the JSON format has the key {name!r}",
                line=line,
                expected="aspects of Just-Eval",
                fix=did_you_mean(name, ASPECTS),
            )
        if sorted(keys) not in [sorted((SCORE, key)) for key in RATIONALES]:
            named = ", ".join(map(repr, keys)) or "no key"
            raise UrialError(f"the JSON format has {named} in {name!r}", line=line, expected=_FORMAT)
        if found.setdefault(cast(Aspect, name), keys) != keys:
            raise UrialError(
                f"the JSON format has {name!r} a second time, with its keys in another order",
                line=line,
                fix="keep one of them",
            )
    if not found:
        raise UrialError("a template for judges ends without a format", line=line_of(text, len(text)), expected=_FORMAT)
    return found


def _scored(keys: list[str]) -> dict[str, Any]:
    """Scores as published judges write them: integers or strings, and "N/A"; a rationale may be missing."""
    score = {"anyOf": [{"type": "integer", "enum": [*NUMBERS]}, {"type": "string", "enum": [*DIGITS, "N/A"]}]}
    rationale = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    return _object_of({key: score if key == SCORE else rationale for key in keys})


def _object_of(properties: dict[Any, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}

"""Published prompt texts as prompt versions, and published templates for judges as rubrics, kept to the byte.

Raises UrialError with the line number for what cannot be kept exactly.
"""

import os
import re
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from urial.core.errors import UrialError, did_you_mean
from urial.core.hashing import bytes_hash
from urial.core.yaml_files import read_text
from urial.prompts.rubrics.reply_schemas import DIGITS, DRAFT, NUMBERS, RATIONALES, SCORE
from urial.prompts.versions.dialects import DIALECTS, Dialect
from urial.prompts.versions.parsing import Parsed, dialect_of, line_of, parse_text
from urial.prompts.versions.rendering import constant_text, heading_line
from urial.records.judgment import ASPECTS, Aspect
from urial.records.prompt import (
    PLACEHOLDER,
    QUESTION_TEXTS,
    VERBATIM,
    DialectName,
    Example,
    Prompt,
    Rubric,
    placeholders,
)

MAX_BYTES = 1_000_000
# What begins a turn in templates of chat models, and in prompts of other projects.
_MARKER = re.compile(
    r"(?P<marker><\|(?:im_start|start_header_id|user|assistant|system|end_of_turn|start|message)\|>|<start_of_turn>|"
    r"<\uff5c(?:User|Assistant)\uff5c>|\[INST\]|<<SYS>>|^(?:### ?|\*\*)?(?:Human|User|Assistant|Response|Input|Output|Q|A)\b ?:|"
    r"^### (?:Instruction|Human|User|Assistant|Response)\b)",
    re.MULTILINE,
)
# SPDX for "nobody has said"; whoever imports a text knows its licence and writes it.
NO_LICENCE = "NOASSERTION"
# In the JSON that a text shows: a key with an object, and what is in it unless that has braces again.
_OBJECT = re.compile(r'"(?P<name>[^"\n]*)"\s*:\s*\{(?:(?P<body>[^{}]*)\})?')
_KEY = re.compile(r'"(?P<name>[^"\n]*)"\s*:')
_FORMAT = f'JSON that names each aspect, as in "depth": {{"{RATIONALES[1]}": "…", "{SCORE}": "…"}}'


def import_file(
    path: Path, dialect: DialectName | None, *, verbatim: bool = False
) -> Prompt | tuple[Rubric, dict[str, JsonValue]]:
    """The prompt version that a text file holds, or the rubric and the schema of its reply.

    ``dialect`` None: the text tells. ``verbatim``: nothing is looked for in the text, which stands whole before the query.
    """
    text = read_text(path, MAX_BYTES)
    # A file's name may have bytes that are no UTF-8; a record's text has none.
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    origin = f"{name} ({bytes_hash(text.encode('utf-8'))})"
    if not text.strip():
        raise UrialError("no text", path=path, expected="a prompt, or a judge's template")
    if verbatim:
        return _verbatim(text, dialect or "backticks", origin)
    try:
        # Code in an answer may have such placeholders too: a dialect that is named says that it is a prompt.
        if dialect is None and any(name in QUESTION_TEXTS for name in placeholders(text)):
            return import_template(text, origin)
        return _prompt(text, dialect or dialect_of(text), origin)
    except UrialError as error:
        raise error.but(path=path) from error


def _prompt(text: str, dialect: DialectName, origin: str) -> Prompt:
    parsed = parse_text(text, DIALECTS[dialect])
    if parsed.turns and parsed.turns[-1][1] is None:
        raise UrialError("the last answer is open", line=line_of(text, len(text)), fix="end the file before it")
    if parsed.system is None and not parsed.turns:
        raise UrialError(
            "neither a system text nor an example", line=1, expected="a text before the first query, or examples"
        )
    if not parsed.turns and (marker := _MARKER.search(text)):
        raise UrialError(
            f"no query and no answer were found, and {marker['marker']!r} is how other templates mark a turn",
            line=line_of(text, marker.start("marker")),
            expected="# Query: and # Answer: with fences, # User: and # Assistant:, or Question: and Answer:",
            fix="write the turns so, name the dialect with --dialect, or keep the whole text before the query with --verbatim",
        )
    _check_examples(text, parsed, DIALECTS[dialect])
    prompt = Prompt(
        description=f"published prompt, K={len(parsed.turns)}",
        method="urial" if parsed.system else "vanilla-icl",
        dialect=dialect,
        system=parsed.system,
        examples=tuple(Example(query=query, answer=answer or "") for query, answer in parsed.turns),
        layout=tuple(parsed.layout),
        source=origin,
        licence=NO_LICENCE,
    )
    if constant_text(prompt) != text:
        raise UrialError("the text cannot be kept to the byte", line=1, fix="keep it with --verbatim")
    return prompt


def _verbatim(text: str, dialect: DialectName, origin: str) -> Prompt:
    return Prompt(
        description="published prompt, kept whole",
        method="urial",
        dialect=dialect,
        system=text,
        examples=(),
        layout=VERBATIM,
        source=origin,
        licence=NO_LICENCE,
    )


def _check_examples(text: str, parsed: Parsed, dialect: Dialect) -> None:
    """Raises UrialError for an empty text, and where blocks without fences may have been cut at a wrong heading."""
    if not parsed.turns:
        return
    texts = [(what, item or "") for turn in parsed.turns for what, item in zip(("query", "answer"), turn, strict=True)]
    offset = len(parsed.system or "") + sum(map(len, parsed.layout[: len(parsed.layout) - len(texts)]))
    for number, ((what, item), after) in enumerate(zip(texts, parsed.layout[-len(texts) :], strict=True)):
        problem = None
        # A fence below a heading opens a block rather than that it closes one.
        last = item.rstrip().rpartition("\n")[2].strip()
        if not item:
            problem = "is empty"
        elif dialect.fenced and last in (dialect.query, dialect.answer):
            problem = f"ends with the heading {last!r}"
        elif not dialect.fenced and (heading := heading_line(item, dialect)):
            problem = f"has a line that begins with {heading!r}"
        elif not dialect.fenced and _ends_in_code(item):
            problem = "ends inside of a code fence"
        if problem:
            raise UrialError(
                f"the {what} of example {number // 2 + 1} {problem}",
                line=line_of(text, offset),
                expected="a text, and no heading within it or its code",
            )
        offset += len(item) + len(after)


def _ends_in_code(text: str) -> bool:
    """Whether a code fence of the text is still open at its end."""
    opened = ""
    for fence, rest in re.findall(r"^ {0,3}(`{3,}|~{3,})(.*)$", text, re.MULTILINE):
        if not opened and "`" not in rest:
            opened = fence
        elif opened and fence.startswith(opened) and not rest.strip():
            opened = ""
    return bool(opened)


def import_template(text: str, origin: str) -> tuple[Rubric, dict[str, JsonValue]]:
    """The rubric and the schema of its reply. Raises UrialError with the line of what judges cannot be asked by."""
    for placeholder in PLACEHOLDER.finditer(text):
        if (placeholder["name"] or placeholder["other"]) not in QUESTION_TEXTS:
            raise UrialError(
                f"unknown placeholder {placeholder.group()}",
                line=line_of(text, placeholder.start()),
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
    keys = _keys_by_aspect(text)
    # Scores as published judges write them: integers or strings, and "N/A"; a rationale may be missing.
    score: JsonValue = {
        "anyOf": [{"type": "integer", "enum": [*NUMBERS]}, {"type": "string", "enum": [*DIGITS, "N/A"]}]
    }
    rationale: JsonValue = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    scored: dict[str, JsonValue] = {
        aspect: _object_of({name: score if name == SCORE else rationale for name in names})
        for aspect, names in keys.items()
    }
    rubric = Rubric(
        description="published template for judges",
        aspects=tuple(keys),
        template=text,
        source=origin,
        licence=NO_LICENCE,
    )
    return rubric, {"$schema": DRAFT, **_object_of(scored)}


def _keys_by_aspect(text: str) -> dict[Aspect, list[str]]:
    """The keys that the text's JSON has for each aspect, in their order."""
    keys_of: dict[Aspect, list[str]] = {}
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
        if keys_of.setdefault(cast(Aspect, name), keys) != keys:
            raise UrialError(
                f"the JSON format has {name!r} a second time, with its keys in another order",
                line=line,
                fix="keep one of them",
            )
    if not keys_of:
        raise UrialError("a template for judges ends without a format", line=line_of(text, len(text)), expected=_FORMAT)
    return keys_of


def _object_of(properties: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}

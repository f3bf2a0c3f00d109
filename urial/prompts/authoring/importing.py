"""Published prompt text as prompt versions of this project, kept to the byte.

Raises UrialError with the line number for what cannot be kept exactly.
"""

import os
import re
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.core.yaml_files import read_text
from urial.prompts.authoring.templates import NO_LICENCE, import_template, is_template
from urial.prompts.versions.dialects import DIALECTS, Dialect
from urial.prompts.versions.parsing import Parsed, dialect_of, line_of, parse_text
from urial.prompts.versions.rendering import constant_text, heading_line
from urial.records.prompt import DialectName, Example, Prompt, Rubric

MAX_BYTES = 1_000_000


def import_file(path: Path, dialect: DialectName | None) -> Prompt | tuple[Rubric, dict[str, Any]]:
    """The prompt version that a text file holds, or the rubric and the schema of its reply.

    ``dialect`` None: the text tells.
    """
    text = read_text(path, MAX_BYTES)
    # A file's name may have bytes that are no UTF-8; a record's text has none.
    name = os.fsencode(path.name).decode("utf-8", "backslashreplace")
    origin = f"{name} ({bytes_hash(text.encode('utf-8'))})"
    if not text.strip():
        raise UrialError("no text", path=path, expected="a prompt, or a judge's template")
    try:
        # Code in an answer may have such placeholders too: a dialect that is named says that it is a prompt.
        if dialect is None and is_template(text):
            return import_template(text, origin)
        return _prompt(text, dialect or dialect_of(text), origin)
    except UrialError as error:
        raise error.but(path=path) from error


def _prompt(text: str, dialect: DialectName, origin: str) -> Prompt:
    parsed = parse_text(text, DIALECTS[dialect])
    if parsed.turns and parsed.turns[-1][1] is None:
        raise UrialError("the last answer is open", line=line_of(text, len(text)), fix="end the file before it")
    if parsed.system is None and not parsed.turns:
        raise UrialError("neither a system text nor an example", line=1)
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
        raise UrialError("the text cannot be kept to the byte", line=1)
    return prompt


def _check_examples(text: str, parsed: Parsed, dialect: Dialect) -> None:
    """Raises UrialError for an empty text, and where blocks without fences may have been cut at a wrong heading."""
    if not parsed.turns:
        return
    texts = [(what, item or "") for turn in parsed.turns for what, item in zip(("query", "answer"), turn, strict=True)]
    place = len(parsed.system or "") + sum(map(len, parsed.layout[: len(parsed.layout) - len(texts)]))
    for number, ((what, item), after) in enumerate(zip(texts, parsed.layout[-len(texts) :], strict=True)):
        problem = _problem(item, dialect)
        if problem:
            raise UrialError(
                f"the {what} of example {number // 2 + 1} {problem}",
                line=line_of(text, place),
                expected="a text, and no heading within it or its code",
            )
        place += len(item) + len(after)


def _problem(text: str, dialect: Dialect) -> str | None:
    if not text:
        return "is empty"
    if dialect.fenced:
        # A fence below a heading opens a block rather than that it closes one.
        last = text.rstrip().rpartition("\n")[2].strip()
        return f"ends with the heading {last!r}" if last in (dialect.query, dialect.answer) else None
    if heading := heading_line(text, dialect):
        return f"has a line that begins with {heading!r}"
    return "ends inside of a code fence" if _ends_in_code(text) else None


def _ends_in_code(text: str) -> bool:
    """Whether a code fence of the text is still open at its end."""
    opened = ""
    for fence, rest in re.findall(r"^ {0,3}(`{3,}|~{3,})(.*)$", text, re.MULTILINE):
        if not opened and "`" not in rest:
            opened = fence
        elif opened and fence.startswith(opened) and not rest.strip():
            opened = ""
    return bool(opened)

"""Reads a prompt's text back into system text, queries and answers, keeping every byte between them.

Joining ``layout`` and the texts in turn gives the text that was read, whatever its line ends and blank lines.
"""

import re
from dataclasses import dataclass, field

from urial.core.errors import UrialError, shorten
from urial.prompts.versions.dialects import DIALECTS, INSTRUCTION, Dialect
from urial.records.prompt import DialectName

_BLANK = re.compile(r"\s*")
_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")
_HEADING = re.compile(rf"\A\ufeff?\s*#*{INSTRUCTION}s?[ \t]*:?[ \t]*(?=\r?\n|\Z)", re.IGNORECASE)
# Where a line begins: also after a byte order mark.
_LINE = r"(?:^|(?<=\A\ufeff))"


@dataclass
class Parsed:
    """A prompt's text in parts. The answer of a last, open block is None; it has no place in ``layout``."""

    system: str | None = None
    turns: list[tuple[str, str | None]] = field(default_factory=list)
    layout: list[str] = field(default_factory=list)


# Where a query or an answer begins and ends; an open answer has no end.
_Span = tuple[int, int | None]


def parse_text(text: str, dialect: Dialect) -> Parsed:
    """The parts of a prompt's text. Raises UrialError that names the line of what is no part of the dialect."""
    spans = _fenced_texts(text, dialect) if dialect.fenced else _unfenced_texts(text, dialect)
    if len(spans) % 2:
        raise UrialError(
            "the last query has no answer", line=line_of(text, spans[-1][0]), expected=f"{dialect.answer!r}"
        )
    first = text.rindex(dialect.query, 0, spans[0][0]) if spans else len(text)
    parsed, place = _parse_system(text, first, dialect)
    for start, end in spans:
        parsed.layout.append(text[place:start])
        place = start if end is None else end
    if not spans or spans[-1][1] is not None:
        parsed.layout.append(text[place:])
    texts = [None if end is None else text[start:end] for start, end in spans]
    parsed.turns = [(query or "", answer) for query, answer in zip(texts[::2], texts[1::2], strict=True)]
    return parsed


def line_of(text: str, offset: int) -> int:
    """1-based line of a character."""
    return text.count("\n", 0, offset) + 1


def _parse_system(text: str, end: int, dialect: Dialect) -> tuple[Parsed, int]:
    """The system text before ``end``, and where it ends. Without one, the layout begins with the first block."""
    heading = _HEADING.match(text, 0, end) if dialect.before_system else None
    start = heading.end() if heading else int(text.startswith("\ufeff", 0, end))
    start = _skip(_BLANK_LINES, text, start, end)
    stop = _content_end(text, start, end)
    system = text[start:stop]
    if not system.strip(" \t\ufeff"):
        if heading:
            raise UrialError(
                f"'{INSTRUCTION}' has no text below it",
                line=line_of(text, heading.end()),
                fix="write it there, or remove the heading",
            )
        return Parsed(), 0
    # Lines that people take for the heading of a block: those of any dialect, however they are written.
    own = f"{re.escape(dialect.query)}|{re.escape(dialect.answer)}"
    names = r"#+[ \t]*(?:query|answer|user|assistant)[ \t]*(?::|\r?$)"
    heading_like = rf"(?:^|\r)[ \t\ufeff]*(?P<line>(?:{own}|{names})[^\r\n]*)"
    if found := re.search(heading_like, system, re.MULTILINE | re.IGNORECASE):
        expected = "a fence of three or more backticks, then the text" if dialect.fenced else "and the text below it"
        raise UrialError(
            f"{shorten(found['line'].strip())} opens no block",
            line=line_of(text, start + found.start("line")),
            expected=f"{dialect.query!r} or {dialect.answer!r} at the start of a line, {expected}",
        )
    return Parsed(system=system, layout=[text[:start]]), stop


def _skip(pattern: re.Pattern[str], text: str, start: int, end: int | None = None) -> int:
    found = pattern.match(text, start, len(text) if end is None else end)
    return found.end() if found else start


def _content_end(text: str, start: int, end: int) -> int:
    """The end of the last line that is not blank."""
    last = start + len(text[start:end].rstrip(" \t\r\n"))
    newline = text.find("\n", last, end)
    stop = end if newline < 0 else newline
    return stop - 1 if stop > last and text[stop - 1] == "\r" else stop


def _opening(heading: str) -> re.Pattern[str]:
    return re.compile(rf"{_LINE}{re.escape(heading)}\s*(?P<fence>`{{3,}})(?:[ \t]*(?P<newline>\r?\n))?", re.MULTILINE)


def _fenced_texts(text: str, dialect: Dialect) -> list[_Span]:
    """Queries and answers in turn. A fence closes a text only where the next block, or nothing, follows it."""
    openings = (_opening(dialect.query), _opening(dialect.answer))
    opened = openings[0].search(text)
    spans: list[_Span] = []
    while opened:
        other = openings[(len(spans) + 1) % 2]
        start, end, after = _closed_text(text, opened, other)
        spans.append((start, end))
        if end is None:
            break
        place = _skip(_BLANK, text, after)
        opened = other.match(text, place)
        if opened is None and place < len(text):
            expected = (dialect.query, dialect.answer)[len(spans) % 2]
            outside = text[place:].partition("\n")[0]
            raise UrialError(
                f"{shorten(outside)} stands outside of the blocks",
                line=line_of(text, place),
                expected=f"{expected!r} and a fence",
            )
    return spans


def _closed_text(text: str, opened: re.Match[str], next_opening: re.Pattern[str]) -> tuple[int, int | None, int]:
    """Where the text of a block begins and ends, and where its fence ends."""
    fence, newline, start = opened["fence"], opened["newline"] or "", opened.end()
    if start == len(text):
        return start, None, start
    for closing in re.compile(rf"(?<!`)`{{{len(fence)}}}(?!`)").finditer(text, start):
        following = _skip(_BLANK, text, closing.end())
        if following < len(text) and not next_opening.match(text, following):
            continue
        # A fence that is not closed, or not there, would make one text of several blocks.
        heading = rf"^[ \t]*(?P<line>#[ \t]*(?:query|answer):)\s*`{{{len(fence)},}}"
        if nested := re.compile(heading, re.MULTILINE | re.IGNORECASE).search(text, start, closing.start()):
            raise UrialError(
                f"{nested['line']!r} inside of the block of line {line_of(text, opened.start())}",
                line=line_of(text, nested.start("line")),
                expected="every block closed by its fence, and every query followed by its answer",
            )
        line_start = start + len(text[start : closing.start()].rstrip(" \t"))
        # The line end before a fence belongs to the fence, if the opening fence has one too.
        ending = newline if text.endswith(newline, start, line_start) else "\n"
        own_line = bool(newline) and text.endswith(ending, start, line_start)
        return start, line_start - len(ending) if own_line else closing.start(), closing.end()
    raise UrialError(
        f"the fence {shorten(fence)} is not closed",
        line=line_of(text, opened.start("fence")),
        expected=f"{shorten(fence)} before the next heading or the end of the file",
    )


def _unfenced_texts(text: str, dialect: Dialect) -> list[_Span]:
    """Queries and answers in turn: what stands below each heading, less the blank lines around it."""
    heading = rf"{_LINE}(?:{re.escape(dialect.query)}|{re.escape(dialect.answer)})[ \t]*"
    headings = list(re.finditer(heading, text, re.MULTILINE))
    spans: list[_Span] = []
    for number, item in enumerate(headings):
        expected = (dialect.query, dialect.answer)[number % 2]
        if item.group().strip() != expected:
            raise UrialError(
                f"{item.group().strip()!r} out of turn",
                line=line_of(text, item.start()),
                expected=f"{expected!r}, so that every query has one answer",
            )
        end = headings[number + 1].start() if number + 1 < len(headings) else len(text)
        start = _skip(_BLANK_LINES, text, item.end(), end)
        is_open = start == end == len(text) and number % 2 == 1
        spans.append((start, None if is_open else _content_end(text, start, end)))
    return spans


def dialect_of(text: str) -> DialectName:
    """The name of the dialect that a text is written in. Raises UrialError where it could be more than one.

    A text without any block has nothing to tell by but what it says of its blocks.
    """
    backticks, user, plain = (DIALECTS[name] for name in ("backticks", "user-assistant-loose", "plain"))
    if _opening(backticks.query).search(text):
        return "backticks"
    heading = rf"{_LINE}(?:{user.query}|{user.answer})[ \t]*\r?\n([ \t]*\r?\n)?"
    # A published text begins with its instruction; the dialect plain has no such heading.
    if headings := list(re.finditer(heading, text, re.MULTILINE)):
        loose = sum(bool(item[1]) for item in headings)
        if 2 * loose != len(headings):
            return "user-assistant-loose" if 2 * loose > len(headings) else "user-assistant-tight"
        place, why = headings[0].start(), "as many headings with a blank line below as without"
    elif not _HEADING.match(text) and all(
        re.search(f"{_LINE}{name}", text, re.MULTILINE) for name in (plain.query, plain.answer)
    ):
        return "plain"
    elif (place := text.find(user.query)) >= 0:
        why = f"the text speaks of {user.query!r} and has no block"
    else:
        return "backticks"
    raise UrialError(
        f"the dialect cannot be told: {why}",
        line=line_of(text, place),
        fix="name it: --dialect user-assistant-loose or user-assistant-tight",
    )

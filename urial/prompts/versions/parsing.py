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


@dataclass(frozen=True)
class _Text:
    """Where a query or an answer stands; an open answer has no end."""

    start: int
    end: int | None
    # Where the layout after it goes on: after its fence, or at its end.
    after: int


def parse_text(text: str, dialect: Dialect) -> Parsed:
    """The parts of a prompt's text. Raises UrialError that names the line of what is no part of the dialect."""
    texts = _fenced_texts(text, dialect) if dialect.fenced else _unfenced_texts(text, dialect)
    first = _heading_start(text, dialect, texts[0].start) if texts else len(text)
    parsed, place = _parse_system(text, first, dialect)
    for item in texts:
        parsed.layout.append(text[place : item.start])
        place = item.start if item.end is None else item.end
    if not texts or texts[-1].end is not None:
        parsed.layout.append(text[place:])
    found = [None if item.end is None else text[item.start : item.end] for item in texts]
    parsed.turns = [(query or "", answer) for query, answer in zip(found[::2], found[1::2], strict=True)]
    return parsed


def line_of(text: str, offset: int) -> int:
    """1-based line of a character."""
    return text.count("\n", 0, offset) + 1


def opens_fenced(text: str, heading: str) -> re.Match[str] | None:
    """The first heading that opens a fenced block."""
    return _opening(heading).search(text)


def _parse_system(text: str, end: int, dialect: Dialect) -> tuple[Parsed, int]:
    """The system text before ``end``, and where it ends. Without one, the layout begins with the first block."""
    heading = _HEADING.match(text, 0, end) if dialect.before_system else None
    start = heading.end() if heading else int(text.startswith("\ufeff", 0, end))
    start = _skip(_BLANK_LINES, text, start, end)
    stop = _content_end(text, start, end)
    system = text[start:stop]
    if not system.strip(" \t\ufeff"):
        if heading:
            raise UrialError(f"'{INSTRUCTION}' has no text below it", line=line_of(text, heading.end()))
        return Parsed(), 0
    if found := _like_a_heading(dialect).search(system):
        expected = "a fence of three or more backticks, then the text" if dialect.fenced else "and the text below it"
        raise UrialError(
            f"{shorten(found['line'].strip())} opens no block",
            line=line_of(text, start + found.start("line")),
            expected=f"{dialect.query!r} or {dialect.answer!r} at the start of a line, {expected}",
        )
    return Parsed(system=system, layout=[text[:start]]), stop


def _heading_start(text: str, dialect: Dialect, start: int) -> int:
    return text.rindex(dialect.query, 0, start)


def _skip(pattern: re.Pattern[str], text: str, start: int, end: int | None = None) -> int:
    found = pattern.match(text, start, len(text) if end is None else end)
    return found.end() if found else start


def _content_end(text: str, start: int, end: int) -> int:
    """The end of the last line that is not blank."""
    last = start + len(text[start:end].rstrip(" \t\r\n"))
    newline = text.find("\n", last, end)
    stop = end if newline < 0 else newline
    return stop - 1 if stop > last and text[stop - 1] == "\r" else stop


def _like_a_heading(dialect: Dialect) -> re.Pattern[str]:
    """Lines that people take for the heading of a block: those of any dialect, however they are written."""
    own = f"{re.escape(dialect.query)}|{re.escape(dialect.answer)}"
    names = r"#+[ \t]*(?:query|answer|user|assistant)[ \t]*(?::|\r?$)"
    return re.compile(rf"(?:^|\r)[ \t\ufeff]*(?P<line>(?:{own}|{names})[^\r\n]*)", re.MULTILINE | re.IGNORECASE)


def _opening(heading: str) -> re.Pattern[str]:
    return re.compile(rf"{_LINE}{re.escape(heading)}\s*(?P<fence>`{{3,}})(?:[ \t]*(?P<newline>\r?\n))?", re.MULTILINE)


def _fenced_texts(text: str, dialect: Dialect) -> list[_Text]:
    """Queries and answers in turn. A fence closes a text only where the next block, or nothing, follows it."""
    openings = (_opening(dialect.query), _opening(dialect.answer))
    opened = openings[0].search(text)
    texts: list[_Text] = []
    while opened:
        other = openings[(len(texts) + 1) % 2]
        found = _closed_text(text, opened, other)
        texts.append(found)
        if found.end is None:
            break
        place = _skip(_BLANK, text, found.after)
        opened = other.match(text, place)
        if opened is None and place < len(text):
            expected = (dialect.query, dialect.answer)[len(texts) % 2]
            line = text[place:].split("\n", 1)[0]
            raise UrialError(
                f"{shorten(line)} stands outside of the blocks",
                line=line_of(text, place),
                expected=f"{expected!r} and a fence",
            )
    return _paired(text, texts, dialect)


def _closed_text(text: str, opened: re.Match[str], next_opening: re.Pattern[str]) -> _Text:
    fence, newline, start = opened["fence"], opened["newline"] or "", opened.end()
    if start == len(text):
        return _Text(start, None, start)
    for found in re.compile(rf"(?<!`)`{{{len(fence)}}}(?!`)").finditer(text, start):
        following = _skip(_BLANK, text, found.end())
        if following < len(text) and not next_opening.match(text, following):
            continue
        _refuse_nested(text, opened, found)
        line_start = found.start()
        while line_start > start and text[line_start - 1] in " \t":
            line_start -= 1
        # The line end before a fence belongs to the fence, if the opening fence has one too.
        ending = newline if text.endswith(newline, start, line_start) else "\n"
        own_line = bool(newline) and text.endswith(ending, start, line_start)
        return _Text(start, line_start - len(ending) if own_line else found.start(), found.end())
    raise UrialError(
        f"the fence {shorten(fence)} is not closed",
        line=line_of(text, opened.start("fence")),
        expected=f"{shorten(fence)} before the next heading or the end of the file",
    )


def _refuse_nested(text: str, opened: re.Match[str], closed: re.Match[str]) -> None:
    """Raises UrialError where a fence that is not closed, or not there, has made one text of several blocks."""
    heading = rf"^[ \t]*(?P<line>#[ \t]*(?:query|answer):)\s*`{{{len(opened['fence'])},}}"
    if found := re.compile(heading, re.MULTILINE | re.IGNORECASE).search(text, opened.end(), closed.start()):
        raise UrialError(
            f"{found['line']!r} inside of the block of line {line_of(text, opened.start())}",
            line=line_of(text, found.start("line")),
            expected="every block closed by its fence, and every query followed by its answer",
        )


def _unfenced_texts(text: str, dialect: Dialect) -> list[_Text]:
    """Queries and answers in turn: what stands below each heading, less the blank lines around it."""
    heading = re.compile(rf"{_LINE}(?:{re.escape(dialect.query)}|{re.escape(dialect.answer)})[ \t]*", re.MULTILINE)
    found = list(heading.finditer(text))
    texts: list[_Text] = []
    for number, item in enumerate(found):
        expected = (dialect.query, dialect.answer)[number % 2]
        if item.group().strip() != expected:
            raise UrialError(
                f"{item.group().strip()!r} out of turn",
                line=line_of(text, item.start()),
                expected=f"{expected!r}, so that every query has one answer",
            )
        end = found[number + 1].start() if number + 1 < len(found) else len(text)
        start = _skip(_BLANK_LINES, text, item.end(), end)
        if start == end and end == len(text) and number % 2:
            texts.append(_Text(start, None, start))
        else:
            texts.append(_Text(start, _content_end(text, start, end), end))
    return _paired(text, texts, dialect)


def _paired(text: str, texts: list[_Text], dialect: Dialect) -> list[_Text]:
    if len(texts) % 2:
        raise UrialError(
            "the last query has no answer", line=line_of(text, texts[-1].start), expected=f"{dialect.answer!r}"
        )
    return texts


def dialect_of(text: str) -> DialectName:
    """The name of the dialect that a text is written in. Raises UrialError where it could be more than one.

    A text without any block has nothing to tell by but what it says of its blocks.
    """
    backticks, user, plain = (DIALECTS[name] for name in ("backticks", "user-assistant-loose", "plain"))
    if opens_fenced(text, backticks.query):
        return "backticks"
    heading = rf"{_LINE}(?:{user.query}|{user.answer})[ \t]*\r?\n([ \t]*\r?\n)?"
    if headings := list(re.finditer(heading, text, re.MULTILINE)):
        loose = sum(bool(found[1]) for found in headings)
        if 2 * loose == len(headings):
            raise _unclear(text, headings[0].start(), "as many headings with a blank line below as without")
        return "user-assistant-loose" if 2 * loose > len(headings) else "user-assistant-tight"
    # A published text begins with its instruction; the dialect plain has no such heading.
    if not _HEADING.match(text) and all(
        re.search(f"{_LINE}{name}", text, re.MULTILINE) for name in (plain.query, plain.answer)
    ):
        return "plain"
    if (place := text.find(user.query)) >= 0:
        raise _unclear(text, place, f"the text speaks of {user.query!r} and has no block")
    return "backticks"


def _unclear(text: str, place: int, why: str) -> UrialError:
    return UrialError(
        f"the dialect cannot be told: {why}",
        line=line_of(text, place),
        fix="name it: --dialect user-assistant-loose or user-assistant-tight",
    )

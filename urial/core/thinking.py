"""Thinking: what a reasoning model writes before its answer, and what is no part of it.

A text has at most one stretch of thinking, at its beginning: what stands between tags further behind is part of the
answer, which may speak about tags.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_KNOWN = re.compile(r"<(?P<end>/?)(?P<name>think|thinking|reasoning)>", re.IGNORECASE)
_AT_END = re.compile(r"<(?P<name>think|thinking|reasoning)>\Z", re.IGNORECASE)
_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")
# What begins so is a verdict or code, and may speak about tags.
_NO_THINKING = ("{", "```")

Tags = tuple[str, str]
"""The tag that opens thinking, and the one that closes it, to the letter."""


class ThinkingSpan(NamedTuple):
    """Where thinking stands in a text, in characters: ``text[start:end]`` is the thinking, ``text[answer:]`` the answer.

    What is before ``start``, and between ``end`` and ``answer``, is the tags and the blanks around them. Thinking that no
    tag closes ends with the text, and so does its answer, which never began.
    """

    start: int
    end: int
    answer: int

    @property
    def closed(self) -> bool:
        """Whether a tag closes the thinking."""
        return self.answer > self.end

    def split(self, text: str) -> tuple[str | None, str]:
        """The thinking, without the blanks around it (None: there are only blanks), and the answer."""
        return text[self.start : self.end].strip() or None, text[self.answer :]


def thinking_span(text: str, tags: Tags | None = None, *, opened: bool | None = None) -> ThinkingSpan | None:
    """Where the thinking is that a text begins with; None: it begins with none.

    ``tags`` are the model's own; None: <think>, <thinking> and <reasoning>, upper or lower case. ``opened``: the prompt
    ends with the opening tag, as many chat templates have it, so that the text begins within its thinking whatever it
    has; False: it does not, and thinking needs an opening tag in the text; None: that is not known, and a closing tag
    that no tag precedes says that it does. A tag in quotes or backticks is no tag.
    """
    if not opened and text.lstrip().startswith(_NO_THINKING):
        return None
    found = [tag for tag in (_own_tags(tags) if tags else _KNOWN).finditer(text) if not _is_quoted(tag)]
    first = found[0] if found else None
    if first is not None and not first["end"] and not text[: first.start()].strip():
        start, others, name = first.end(), found[1:], first["name"]
    elif opened or (opened is None and first is not None and first["end"]):
        # The opening tag is in the prompt: what closes first is of its name, and a thought may speak of others.
        start, others, name = 0, found, next((tag["name"] for tag in found if tag["end"]), "")
    else:
        return None
    closing = _closing(others, name.lower())
    if closing is None:
        return ThinkingSpan(start, len(text), len(text))
    blank = _BLANK_LINES.match(text, closing.end())
    return ThinkingSpan(start, closing.start(), blank.end() if blank else closing.end())


class Marks(NamedTuple):
    """How thinking is marked behind one prompt: by which tags (None: those that are known), and whether the prompt opens it.

    ``opened`` None: nobody here knows.
    """

    tags: Tags | None = None
    opened: bool | None = None

    def span(self, text: str) -> ThinkingSpan | None:
        """Where the thinking is in what was written behind the prompt; None: there is none."""
        return thinking_span(text, self.tags, opened=self.opened)


def first_stop(text: str, stop: Sequence[str], marks: Marks | None = None) -> int | None:
    """Where the first stop string begins; None: there is none. With ``marks``, none counts within thinking."""
    begin = 0
    if marks is not None and (span := marks.span(text)) is not None:
        if not span.closed:
            return None
        begin = span.answer
    return min((place for string in stop if (place := text.find(string, begin)) >= 0), default=None)


def opening_tags(prompt: str, tags: Tags | None = None) -> Tags | None:
    """The tags of the thinking that a prompt opens: it ends with the first of them, and perhaps blanks; None: with none."""
    end = prompt.rstrip()
    if tags is not None:
        return tags if end.endswith(tags[0]) else None
    last = _AT_END.search(end)
    return None if last is None else (f"<{last['name']}>", f"</{last['name']}>")


def split_thinking(text: str, tags: Tags | None = None, *, opened: bool | None = None) -> tuple[str | None, str]:
    """The thinking of a text, without the blanks around it (None: none), and the rest without the blank lines before it."""
    span = thinking_span(text, tags, opened=opened)
    return (None, text) if span is None else span.split(text)


@lru_cache
def _own_tags(tags: Tags) -> re.Pattern[str]:
    """Both tags, to the letter."""
    opening, closing = map(re.escape, tags)
    return re.compile(f"(?P<name>)(?:(?P<end>{closing})|{opening})")


def _closing(tags: list[re.Match[str]], name: str) -> re.Match[str] | None:
    """The tag that closes thinking which is open before ``tags``; where they are not in pairs, the first that closes."""
    depth, fallback = 1, None
    for tag in tags:
        if tag["name"].lower() != name:
            continue
        depth += -1 if tag["end"] else 1
        if depth == 0:
            return tag
        fallback = fallback or (tag if tag["end"] else None)
    return fallback


def _is_quoted(tag: re.Match[str]) -> bool:
    before, after = tag.string[max(tag.start() - 1, 0) : tag.start()], tag.string[tag.end() : tag.end() + 1]
    return before == after and before in ('"', "'", "`")

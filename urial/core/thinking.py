"""Thinking: what a reasoning model writes before its answer, and what is no part of it."""

import re

_TAG = re.compile(r"<(?P<end>/?)(?P<name>think|thinking|reasoning)>", re.IGNORECASE)
_BLANK_LINES = re.compile(r"(?:[ \t]*\r?\n)*")
# What begins so is a verdict or code, and may speak about tags.
_NO_THINKING = ("{", "```")


def split_thinking(text: str) -> tuple[str | None, str]:
    """The thinking that a text begins with (None: none), and the rest without the blank lines before it.

    Thinking that never ends leaves no rest. Many chat templates write the opening tag themselves, so that a text begins
    within its thinking: then it ends at a closing tag that no tag precedes. A tag in quotes or backticks is no tag.
    """
    if text.lstrip().startswith(_NO_THINKING):
        return None, text
    tags = [tag for tag in _TAG.finditer(text) if not _is_quoted(tag)]
    if not tags:
        return None, text
    first, start = tags[0], 0
    closing: re.Match[str] | None = first
    if not first["end"]:
        if text[: first.start()].strip():
            return None, text
        start = first.end()
        # The tag that closes this one; where tags are not in pairs, the first that closes.
        depth, closing = 1, None
        for tag in tags[1:]:
            if tag["name"].lower() != first["name"].lower():
                continue
            depth += -1 if tag["end"] else 1
            if depth == 0:
                closing = tag
                break
            closing = closing or (tag if tag["end"] else None)
    thinking = text[start : closing.start() if closing else len(text)].strip()
    rest = text[closing.end() :] if closing else ""
    return thinking or None, _BLANK_LINES.sub("", rest, count=1)


def _is_quoted(tag: re.Match[str]) -> bool:
    before, after = tag.string[max(tag.start() - 1, 0) : tag.start()], tag.string[tag.end() : tag.end() + 1]
    return before == after and before in ('"', "'", "`")

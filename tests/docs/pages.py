"""The documentation as tests read it: its pages, their links, fenced blocks, and the commands shown in them."""

import re
import shlex
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.conftest import ROOT

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"), ROOT / "findings/README.md")
)
_FENCE = re.compile(r"^(`{3,})(\w*)\n(.*?)^\1\n", re.DOTALL | re.MULTILINE)
_OPERATOR = re.compile(r"[|&;<>]+")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A line of shell, without its comment. ``output`` is what the page says that it prints; None: it does not say."""

    page: str
    line: int
    text: str
    output: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"

    @property
    def simple(self) -> list[list[str]]:
        """The words of each command between operators such as && and |."""
        reader = shlex.shlex(self.text, posix=True, punctuation_chars="|&;<>")
        reader.whitespace_split, reader.commenters = True, ""
        words = list(reader)
        ends = [-1, *(number for number, word in enumerate(words) if _OPERATOR.fullmatch(word)), len(words)]
        return [words[start + 1 : end] for start, end in pairwise(ends)]


def read(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    text = read(page)
    return [Block(page, text.count("\n", 0, match.start(3)) + 1, match[2], match[3]) for match in _FENCE.finditer(text)]


def prose(page: str) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("\n", read(page))


def spans(page: str) -> list[str]:
    """The inline code of a page."""
    return re.findall(r"`([^`]+)`", prose(page).replace(r"\|", "|"))


def commands(page: str) -> list[Command]:
    """Every command shown: each line of `sh`, and each line after `$` of `console`, whose output follows it."""
    return [
        command
        for block in blocks(page)
        if block.language in ("sh", "console")
        for command in (_shell(block) if block.language == "sh" else _session(block))
    ]


def _shell(block: Block) -> list[Command]:
    shown, line = [], block.line
    for text in re.split(r"(?<!\\)\n", block.text):
        if command := re.sub(r"(^|\s+)# .*$", "", re.sub(r"\\\n\s*", "", text)).strip():
            shown.append(Command(block.page, line, command))
        line += text.count("\n") + 1
    return shown


def _session(block: Block) -> list[Command]:
    return [
        Command(block.page, block.line, text, output)
        for text, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE)
    ]


def anchors(page: str) -> set[str]:
    """The headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("\n", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: str) -> list[str]:
    """The targets of a page's links that lead into this repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [target for target in targets if not re.match(r"[a-z]+://", target)]


def resolved(page: str, target: str) -> tuple[Path, str]:
    """The file or folder that a link on a page leads to, and the heading in it."""
    path, _, anchor = target.partition("#")
    return ((ROOT / page).parent / path).resolve() if path else ROOT / page, anchor

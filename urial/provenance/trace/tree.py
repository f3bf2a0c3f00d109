"""A tree of texts for the terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from urial.core.text import visible


@dataclass(frozen=True)
class Node:
    """A text of one or several lines, and what hangs below it."""

    text: str
    children: "Sequence[Node]" = ()


def rendered(root: Node) -> str:
    """The tree, with lines from each node to those below; characters that a terminal would obey are shown as signs."""
    return "\n".join([*_lines(root.text), *_below(root.children)])


def _below(nodes: "Sequence[Node]") -> Iterator[str]:
    for index, node in enumerate(nodes, start=1):
        last = index == len(nodes)
        first, *more = _lines(node.text)
        further = "   " if last else "│  "
        yield f"{'└' if last else '├'}─ {first}"
        yield from (f"{further}{line}" for line in (*more, *_below(node.children)))


def _lines(text: str) -> list[str]:
    # Of all that Python takes for the end of a line, a terminal obeys this one alone once the text is made visible.
    return visible(text).split("\n")

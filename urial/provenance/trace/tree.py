"""A tree as text: each node on lines of its own, below and to the right of what it hangs from."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from urial.core.text import visible


class Node(NamedTuple):
    """A text of one or several lines, and what hangs below it."""

    text: str
    children: "Sequence[Node | str]" = ()


def tree_lines(node: Node | str) -> Iterator[str]:
    """The tree, with lines from each node to those below; characters that a terminal would obey are shown as signs."""
    text, children = Node(node) if isinstance(node, str) else node
    # Of all that Python takes for the end of a line, a terminal obeys only this one once the text is made visible.
    yield from visible(text).split("\n")
    for number, child in enumerate(children, start=1):
        last = number == len(children)
        first, *more = tree_lines(child)
        yield f"{'└' if last else '├'}─ {first}"
        yield from (f"{'   ' if last else '│  '}{line}" for line in more)

"""How a prompt version, the turns so far and a query become the exact text that a base model continues."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from urial.prompts.versions.dialects import DIALECTS, FENCE, INSTRUCTION, Dialect
from urial.records.prompt import Example, Prompt

Turn = tuple[str, str]
"""(query, answer) of a turn that is over."""


@dataclass(frozen=True)
class Rendered:
    """What a model is given. ``flag`` says why a query may be read as more than a query, where that cannot be helped."""

    text: str
    stop: tuple[str, ...]
    flag: str | None


def render(prompt: Prompt, query: str, history: Sequence[Turn] = ()) -> Rendered:
    """System text, examples, the turns so far, then the query with its answer left open.

    In the dialect backticks all blocks get the same fence, longer than any in their texts, so that no text can end its
    own block. An imported prompt is kept to the byte instead, and the other dialects have no fences: there, a query
    that looks like the end of its block is flagged.
    """
    dialect = DIALECTS[prompt.dialect]
    texts = [text for turn in history for text in turn]
    fence = safe_fence(prompt, [*texts, query])
    before = constant_text(prompt, [*texts, query])
    blocks = "".join(dialect.block(query, answer, fence) for query, answer in [*history, (query, None)])
    # Examples on file were checked when they were read.
    retrieved = [text for item in prompt.examples for text in (item.query, item.answer)] if prompt.retrieval else []
    given = {"query": [query], "history": texts, "retrieved example": retrieved}
    flag = next((reason for what, items in given.items() if (reason := _flag(prompt, what, items))), None)
    stop = tuple(text.replace(FENCE, "`" * fence) for text in dialect.stop) if prompt.stop is None else prompt.stop
    return Rendered(before + blocks if before else blocks.lstrip("\n"), stop, flag)


def with_examples(prompt: Prompt, examples: tuple[Example, ...]) -> Prompt:
    """The prompt with the examples that were retrieved for it."""
    return prompt.model_copy(update={"examples": examples})


def constant_text(prompt: Prompt, others: Sequence[str] = ()) -> str:
    """What stands before the first turn; empty without system text and examples.

    It is the same for all ``others``, the texts that follow it, but for a fence that has to be longer than theirs.
    """
    dialect = DIALECTS[prompt.dialect]
    if prompt.layout is not None:
        examples = [text for item in prompt.examples for text in (item.query, item.answer)]
        texts = [*([] if prompt.system is None else [prompt.system]), *examples]
        return "".join(piece for pair in zip(prompt.layout, [*texts, ""], strict=True) for piece in pair)
    fence = safe_fence(prompt, others)
    system = "" if prompt.system is None else f"{dialect.before_system}{prompt.system}{dialect.after_system}"
    blocks = "".join(_example_block(prompt, item, fence) for item in prompt.examples)
    return system + blocks if system else blocks.lstrip("\n")


def _example_block(prompt: Prompt, example: Example, fence: int) -> str:
    dialect = DIALECTS[prompt.dialect]
    match prompt.shown:
        case "queries":
            return dialect.query_block(example.query, fence)
        case "answers":
            return dialect.answer_block(example.answer, fence)
    return dialect.block(example.query, example.answer, fence)


def safe_fence(prompt: Prompt, others: Sequence[str]) -> int:
    """How many backticks enclose every text: more than any has in a row, unless the layout is fixed."""
    if prompt.layout is not None:
        return prompt.fence
    texts = [text for item in prompt.examples for text in (item.query, item.answer)]
    return max([prompt.fence, *(longest_run(text) + 1 for text in [*texts, *others])])


def longest_run(text: str) -> int:
    """The most backticks in a row."""
    return max(map(len, re.findall("`+", text)), default=0)


def heading_line(text: str, dialect: Dialect) -> str | None:
    """The heading of the dialect with which a line of the text begins, if one does."""
    headings = (dialect.query, dialect.answer, INSTRUCTION)
    lines = (line.strip().casefold() for line in text.splitlines())
    return next((item for line in lines for item in headings if line.startswith(item.casefold())), None)


def _flag(prompt: Prompt, what: str, texts: Sequence[str]) -> str | None:
    dialect = DIALECTS[prompt.dialect]
    if not dialect.fenced:
        heading = next((line for text in texts if (line := heading_line(text, dialect))), None)
        return heading and f"the {what} has a line that begins with {heading!r}, as a block of this dialect does"
    if prompt.layout and any(longest_run(text) >= prompt.fence for text in texts):
        return f"the {what} has {prompt.fence} backticks in a row, which is the fence of this imported prompt"
    return None

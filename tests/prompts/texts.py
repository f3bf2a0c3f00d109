"""Prompts and texts that several of these test files draw from."""

from typing import Any

from hypothesis import strategies as st

from urial.prompts.versions.dialects import DIALECTS, Dialect
from urial.records.prompt import Example, Prompt

# What may be taken for a part of the layout, and what programs take for line ends or nothing.
TRICKY = (
    "```", "````", "`", "~~~", "# Query:", "# Answer:", "\n# Query:\n```\n", "\n```\n\n# Answer:\n```\n",
    "\n```\n\n# Query:\n```\nq\n```\n\n# Answer:\n```\n", "# User:", "\n# User:\n\n", "\n\n# Assistant:\n", "# user:",
    "# Instruction\n", "Question:", "\nAnswer:\n", "\n", "\n\n", "\r", "\r\n", " ", "\t", "\u2028", "\x85", "\x0c",
    "\x1c", "\ufeff", "\0", "é", "😀", "${candidate}", "{fence}", "\\1", "word",
)  # fmt: skip
any_text = st.text(max_size=8) | st.lists(st.sampled_from(TRICKY) | st.text(max_size=3), max_size=6).map("".join)
some_text = any_text.filter(bool)
turns = st.lists(st.tuples(any_text, any_text), max_size=2)


def make_prompt(system: str | None = None, *examples: tuple[str, str], **changes: Any) -> Prompt:
    """A prompt in the dialect backticks with the changes named."""
    fields: dict[str, Any] = {
        "description": "d",
        "method": "urial" if system is not None or examples else "zero-shot",
        "dialect": "backticks",
        "system": system,
        "examples": tuple(Example(query=query, answer=answer) for query, answer in examples),
        "source": "s",
        "licence": "MIT",
    }
    return Prompt(**{**fields, **changes})


def pairs(prompt: Prompt) -> list[tuple[str, str]]:
    """The examples as (query, answer)."""
    return [(item.query, item.answer) for item in prompt.examples]


def dialect_of(prompt: Prompt) -> Dialect:
    """The layout of a prompt."""
    return DIALECTS[prompt.dialect]


def appended(dialect: str, query: str) -> str:
    """What upstream appends to a prompt file's text (REFERENCE.md), written without the code under test."""
    if dialect == "backticks":
        return "\n# Query:\n```\n" + query + "\n```\n\n# Answer:\n```\n"
    if dialect == "user-assistant-loose":
        return "\n# User:\n\n" + query + "\n\n\n# Assistant:\n\n"
    if dialect == "user-assistant-tight":
        return "\n\n# User:\n" + query.strip("\r\n") + "\n\n\n# Assistant:\n"
    return "\nQuestion:\n" + query + "\n\nAnswer:\n"


def core(text: str) -> str:
    """Less the blank lines around it, which dialects without fences cannot keep."""
    lines = text.split("\n")
    kept = [number for number, line in enumerate(lines) if line.strip(" \t\r")]
    return "\n".join(lines[kept[0] : kept[-1] + 1]).strip("\r") if kept else ""

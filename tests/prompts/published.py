"""Hypothesis strategies for files of the families in which URIAL prompts are published, with what they hold."""

import re
from dataclasses import dataclass

from hypothesis import strategies as st

from urial.records.prompt import DialectName

# Lines of answers, and code in them as a whole.
LINES = (
    "Hello! Certainly!", "1. Wind: 165°F (74°C)", "  indented", "\ttab", "", "", "trailing  ", "a `b` c", "## Query",
    'under "# Query:", and answers under "# Answer:".', "\u2028 \x85 \x0c end", "\0\x07", "# Heading", "😀 ünï", "a\rb",
    "${HOME} {fence} \\1", "mark\ufeff", "# Query: how", "#", "```python\nprint('# Query:')\n```", "````\n```\nx\n```\n````",
)  # fmt: skip
# What ends a block in a careless reading, though not where a block has fences.
LONE = ("```", "```python", "````", "~~~", "# Answer:", "# User:", "# Assistant:\n", "Answer: 42", "# Instruction")
NESTED = re.compile(r"^# Answer:\s*```", re.MULTILINE)
HEADING = re.compile(r"^(?:#+ *(?:Query|Answer|User|Assistant)|Answer:|# Instruction)", re.MULTILINE)
UNFENCED = {
    "user-assistant-loose": ("# User:", "# Assistant:"),
    "user-assistant-tight": ("# User:", "# Assistant:"),
    "plain": ("Question:", "Answer:"),
}


@dataclass(frozen=True)
class Published:
    """A file's text and what an import has to find in it."""

    text: str
    dialect: DialectName
    system: str | None
    examples: list[tuple[str, str]]


def _texts(lines: tuple[str, ...], max_size: int = 5) -> st.SearchStrategy[str]:
    joined = st.lists(st.sampled_from(lines), min_size=1, max_size=max_size).map("\n".join)
    return joined.filter(lambda text: all(line.strip(" \t\r") for line in (text.split("\n")[0], text.split("\n")[-1])))


blanks = st.sampled_from(("", "", "\n", "\n\n", " \n", "\t\n\n"))
spaces = st.sampled_from(("", "", " ", "  \t"))
systems = _texts(LINES).filter(lambda text: not HEADING.search(text))
fenced_texts = _texts(LINES + LONE).filter(lambda text: not NESTED.search(f"{text}\n```"))
# A space at the end of a text's last line is the text's.
endings = st.sampled_from(("", "\n", "\n\n\n", "\n \n", "\n  "))


@st.composite
def _head(draw: st.DrawFn, system: str | None, heading: bool) -> str:
    """Everything before the first block, with the end of the system text's line."""
    if system is None:
        return draw(blanks)
    first = draw(st.sampled_from(("# Instruction", "# Instruction:", "\n# Instruction"))) if heading else ""
    return (first + draw(spaces) + "\n" + draw(blanks) if heading else "") + system


@st.composite
def _fenced_block(draw: st.DrawFn, heading: str, text: str) -> str:
    """A heading and a text between fences, each on a line of its own or on that of the text."""
    gap = draw(st.sampled_from(("", " ", "\n", "\n", " \n", "\n\n", "\n \n  ")))
    plain = not text.startswith("`") and not text.endswith("`")
    before, after = draw(
        st.sampled_from((("\n", "\n"), (" \n", "\n"), ("\n", "\n  "), *((("", ""), ("\n", "")) if plain else ())))
    )
    return f"{heading}{gap}```{before}{text}{after}```{draw(spaces)}"


@st.composite
def fenced_files(draw: st.DrawFn) -> Published:
    """Files with `# Query:` and `# Answer:` and fences of three backticks."""
    examples = draw(st.lists(st.tuples(fenced_texts, fenced_texts), max_size=3))
    system = draw(systems | st.none() if examples else systems)
    text = draw(_head(system, draw(st.booleans())))
    for query, answer in examples:
        text += ("\n" if text else "") + draw(blanks) + draw(_fenced_block("# Query:", query))
        text += "\n" + draw(blanks) + draw(_fenced_block("# Answer:", answer))
    text += draw(spaces) if examples else ""
    return _finished(draw, Published(text + draw(endings), "backticks", system, examples))


@st.composite
def unfenced_files(draw: st.DrawFn) -> Published:
    """Files with a heading above each text and nothing below; most headings have a blank line below, or few have."""
    dialect: DialectName = draw(st.sampled_from(("user-assistant-loose", "user-assistant-tight", "plain")))
    texts = _texts(LINES).filter(lambda text: not re.search(r"^(?:# User|# Assistant)", text, re.MULTILINE))
    examples = draw(st.lists(st.tuples(texts, texts), min_size=1, max_size=3))
    system = draw(systems | st.none())
    text = draw(_head(system, dialect != "plain" and draw(st.booleans())))
    odd = draw(st.integers(0, 2 * len(examples)))
    for number, item in enumerate(item for example in examples for item in example):
        loose = (dialect == "user-assistant-loose") != (number == odd and len(examples) > 1)
        text += ("\n" if text else "") + draw(blanks) + UNFENCED[dialect][number % 2] + draw(spaces) + "\n"
        text += (draw(st.sampled_from(("\n", " \n", "\n\n"))) if loose else "") + item
    return _finished(draw, Published(text + draw(endings), dialect, system, examples))


def _finished(draw: st.DrawFn, file: Published) -> Published:
    """With the line ends and the byte order mark of some editor."""
    mark = draw(st.sampled_from(("", "", "\ufeff")))
    if draw(st.booleans()):
        return Published(mark + file.text, file.dialect, file.system, file.examples)

    def crlf(text: str) -> str:
        return text.replace("\n", "\r\n")

    examples = [(crlf(query), crlf(answer)) for query, answer in file.examples]
    return Published(mark + crlf(file.text), file.dialect, file.system and crlf(file.system), examples)

"""Dialects: how system text, queries and answers are laid out as the text that a base model continues."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from urial.records.prompt import DialectName

INSTRUCTION = "# Instruction"
# Stands for as many backticks as are needed.
FENCE = "{fence}"


@dataclass(frozen=True)
class Dialect:
    """A layout. ``before`` and ``after`` enclose a text; ``{fence}`` stands for as many backticks as are needed.

    The first block of a prompt without system text goes without the line ends at its start.
    """

    # The lines that open a query and an answer.
    query: str
    answer: str
    before_query: str
    after_query: str
    before_answer: str
    after_answer: str
    # What ends an answer. A stop string comes off the answer whole, so the longest form of each comes first.
    stop: tuple[str, ...]
    before_system: str = f"{INSTRUCTION}\n\n"
    after_system: str = "\n"
    # Whether line ends around a query are left out.
    trims_query: bool = False

    @property
    def fenced(self) -> bool:
        """Whether texts are enclosed by fences, and can therefore hold anything."""
        return FENCE in self.before_answer

    def block(self, query: str, answer: str | None, fence: int) -> str:
        """A turn with ``fence`` backticks around its texts; an answer of None is left open."""
        opened = self.query_block(query, fence) + self.before_answer.replace(FENCE, "`" * fence)
        return opened if answer is None else f"{opened}{answer}{self.after_answer.replace(FENCE, '`' * fence)}"

    def query_block(self, query: str, fence: int) -> str:
        """A query by itself."""
        before, after = (text.replace(FENCE, "`" * fence) for text in (self.before_query, self.after_query))
        return before + (query.strip("\r\n") if self.trims_query else query) + after

    def answer_block(self, answer: str, fence: int) -> str:
        """An answer by itself."""
        before, after = (text.replace(FENCE, "`" * fence) for text in (self.before_answer, self.after_answer))
        return before + answer + after


# The first three are those of the published prompts: Re-Align/URIAL, files inst_*.txt, inst_help_v5*, inst_help_v6*.
DIALECTS: Mapping[DialectName, Dialect] = MappingProxyType(
    {
        "backticks": Dialect(
            query="# Query:",
            answer="# Answer:",
            before_query="\n# Query:\n{fence}\n",
            after_query="\n{fence}\n",
            before_answer="\n# Answer:\n{fence}\n",
            after_answer="\n{fence}\n",
            # The bare fence and a new query end answers of models that forget the line end.
            stop=("\n{fence}", "{fence}", "# Query"),
        ),
        "user-assistant-loose": Dialect(
            query="# User:",
            answer="# Assistant:",
            before_query="\n# User:\n\n",
            after_query="\n\n",
            before_answer="\n# Assistant:\n\n",
            after_answer="\n\n",
            stop=("\n\n\n# User", "\n\n# User", "\n# User", "# User"),
        ),
        "user-assistant-tight": Dialect(
            query="# User:",
            answer="# Assistant:",
            before_query="\n\n# User:\n",
            after_query="\n\n",
            before_answer="\n# Assistant:\n",
            after_answer="\n",
            stop=("\n\n\n# User", "\n\n# User", "\n# User", "# User"),
            trims_query=True,
        ),
        "plain": Dialect(
            query="Question:",
            answer="Answer:",
            before_query="\nQuestion:\n",
            after_query="\n",
            before_answer="\nAnswer:\n",
            after_answer="\n",
            stop=("\n\nQuestion:", "\nQuestion:"),
            before_system="",
        ),
    }
)

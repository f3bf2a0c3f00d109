"""The prompt that a conversation goes through."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from urial.core.errors import UrialError
from urial.prompts.versions.library import PROMPTS_DIR, pool_path, prompt_hash, prompt_path, read_prompt
from urial.prompts.versions.rendering import with_examples
from urial.records.base import Hash
from urial.records.prompt import Prompt

if TYPE_CHECKING:
    from urial.prompts.versions.retrieval import Retriever


@dataclass(frozen=True)
class ChatPrompt:
    """A prompt version, ready for use."""

    # COLLECTION/NAME, or the path of a file as it was named.
    name: str
    version: Prompt
    hash: Hash
    # What finds the examples, where they are retrieved.
    retriever: "Retriever | None"

    def for_query(self, query: str) -> tuple[Prompt, tuple[int, ...]]:
        """The version with its examples, and their lines in the pool where they are retrieved for this query."""
        if self.retriever is None:
            return self.version, ()
        chosen = self.retriever.choose(query)
        return with_examples(self.version, chosen.examples), chosen.lines


def open_prompt(name: str, collection: str, folder: Path = PROMPTS_DIR) -> ChatPrompt:
    """A prompt by its file, by COLLECTION/NAME, or by its name in this collection. Raises UrialError."""
    if "\0" in name:
        raise UrialError(f"{name!r} is no prompt's name")
    path = prompt_path(name, collection, folder)
    version = read_prompt(path)
    retriever = None
    if version.retrieval is not None:
        from urial.prompts.versions.retrieval import open_retriever

        retriever = open_retriever(version.retrieval, pool_path(version, path))
    known = name if path == Path(name) else path.relative_to(folder).with_suffix("").as_posix()
    return ChatPrompt(known, version, prompt_hash(version), retriever)

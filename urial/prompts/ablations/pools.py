"""Where the examples and answers of ablations come from: JSONL files of examples below the folder of the collections.

The domain of prompts is their collection, and that of a pool its name: `pools/microworld.jsonl` has more examples of what the
collection `microworld` is about. `pools/plain/COLLECTION.jsonl` has answers without style to the queries of its prompts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

from urial.core.errors import UrialError
from urial.core.store import read_jsonl
from urial.prompts.versions.retrieval import words
from urial.records.prompt import Example

POOLS = "pools"
Made = TypeVar("Made")


@dataclass(frozen=True)
class Pools:
    """The pools that ablations of one collection's prompts can use."""

    # Of the collections.
    folder: Path
    collection: str

    @property
    def own(self) -> str:
        """The pool of the same domain."""
        return f"{POOLS}/{self.collection}.jsonl"

    @property
    def plain(self) -> str:
        """The answers without style."""
        return f"{POOLS}/plain/{self.collection}.jsonl"

    def is_own(self, name: str) -> bool:
        """Whether a pool is of the prompts' domain."""
        return PurePosixPath(name).stem == self.collection

    def of_other_domains(self) -> list[str]:
        """The pools of other domains, sorted."""
        found = sorted(f"{POOLS}/{path.name}" for path in (self.folder / POOLS).glob("*.jsonl"))
        return [name for name in found if not self.is_own(name)]

    def of_another_domain(self) -> str:
        """The one pool of another domain. Raises UrialError where there is none, or where several are to choose from."""
        others = self.of_other_domains()
        if len(others) != 1:
            raise UrialError(
                f"{len(others) or 'no'} pools are of another domain than {self.collection!r}",
                expected=f"one of {', '.join(others)}"
                if others
                else f"a JSONL file of examples in {self.folder / POOLS}",
                fix="name it: answer_pool",
            )
        return others[0]

    def of(self, name: str, rule: Callable[[Sequence[Example]], Made]) -> Made:
        """What a rule makes of a pool's rows, of each query its first one.

        Raises UrialError naming file, line and field of a bad row, or the file that has not what the rule needs.
        """
        path = self.folder / name
        first: dict[tuple[str, ...], Example] = {}
        for row in read_jsonl(path, Example):
            first.setdefault(tuple(words(row.query)), row)
        try:
            return rule(list(first.values()))
        except UrialError as error:
            raise error.but(path=path) from error

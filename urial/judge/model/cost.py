"""What judging costs: the ledger of a run, kept by the tokens that a server counts, and what a budget leaves room for."""

from collections.abc import Iterable
from dataclasses import dataclass

from urial.core.errors import UrialError
from urial.core.text import counted
from urial.records.judgment import Reply
from urial.records.params.judges import Price

MILLION = 1_000_000


@dataclass
class Ledger:
    """Tokens and money of one system's judgments, those in the row cache included: they were paid for, too."""

    price: Price | None = None
    budget: float | None = None
    # Whether the batch API is asked, which has its own price.
    batch: bool = False
    replies: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    # Replies of which the server counts no tokens: it is known that some are missing.
    uncounted: int = 0
    # What was shown already, in the order of these counts.
    shown: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)

    def add(self, reply: Reply) -> None:
        """Count a reply."""
        self.replies += 1
        if reply.input_tokens is None or reply.output_tokens is None:
            self.uncounted += 1
        self.input_tokens += reply.input_tokens or 0
        self.output_tokens += reply.output_tokens or 0

    def add_cached(self, replies: Iterable[Reply]) -> None:
        """Count replies of earlier runs."""
        for reply in replies:
            self.cached += 1
            self.add(reply)

    @property
    def spent(self) -> float | None:
        """Money for the tokens counted so far; None where no price is known."""
        return self.money(self.input_tokens, self.output_tokens)

    def money(self, input_tokens: int, output_tokens: int) -> float | None:
        """What tokens cost; None where no price is known."""
        if self.price is None:
            return None
        factor = self.price.batch if self.batch else 1.0
        return factor * (input_tokens * self.price.input + output_tokens * self.price.output) / MILLION

    def show(self) -> None:
        """Print what was used since it was shown last: of several judgings each has its own."""
        counts = (self.replies, self.cached, self.input_tokens, self.output_tokens, self.uncounted)
        used = [now - before for now, before in zip(counts, self.shown, strict=True)]
        self.shown = counts
        replies, cached, read, written, uncounted = used
        money = self.money(read, written)
        cost = "" if money is None else f", {money:.4f} in the currency of prices"
        missing = f"; the server counted no tokens for {uncounted} of them" if uncounted else ""
        print(
            f"{counted(replies, 'reply', 'replies')} ({cached} from the row cache): {counted(read, 'token')} read, "
            f"{written:,} written{cost}{missing}",
            flush=True,
        )


class Budget:
    """What the ledger's budget leaves room for: a request under way counts with the most that it can cost."""

    def __init__(self, ledger: Ledger, max_tokens: int) -> None:
        self.ledger = ledger
        self.max_tokens = max_tokens
        # Largest cost by the index of a request under way, and their sum.
        self._under_way: dict[int, float] = {}
        self._reserved = 0.0

    def take(self, index: int, size: int) -> bool:
        """Whether a request of ``size`` bytes may start; if so, its largest cost is set aside."""
        if self.ledger.budget is None or index in self._under_way:
            return True
        if (self.ledger.spent or 0.0) + self._reserved + self._most(size) > self.ledger.budget:
            return False
        self.set_aside(index, size)
        return True

    def set_aside(self, index: int, size: int) -> None:
        """Count the largest cost of a request that was made already."""
        if index not in self._under_way:
            self._under_way[index] = self._most(size)
            self._reserved += self._under_way[index]

    def settle(self, index: int, reply: Reply) -> None:
        """A request is done. Raises UrialError when its cost cannot be known and there is a budget."""
        self._reserved -= self._under_way.pop(index, 0.0)
        uncounted = reply.input_tokens is None or reply.output_tokens is None
        if self.ledger.budget is not None and uncounted and reply.finish in ("stop", "length", "white_space"):
            raise UrialError(
                "the server counts no tokens, so that no budget can be kept", fix="set judges.NAME.budget to null"
            )

    def _most(self, size: int) -> float:
        # A token has at least one byte.
        return self.ledger.money(size, self.max_tokens) or 0.0

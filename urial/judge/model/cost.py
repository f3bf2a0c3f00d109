"""What judging costs: the ledger of a run, kept by the tokens that a server counts."""

from collections.abc import Iterable

from urial.records.judgment import Reply
from urial.records.params.judges import Price

MILLION = 1_000_000


class Ledger:
    """Tokens and money of one system's judgments, those in the row cache included: they were paid for, too."""

    def __init__(self, price: Price | None = None, budget: float | None = None, batch: bool = False) -> None:
        self.price = price
        self.budget = budget
        self.factor = price.batch if price and batch else 1.0
        self.replies = 0
        self.cached = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.uncounted = 0

    def add(self, reply: Reply) -> None:
        """Count a reply. Where the server counts no tokens, it is known that some are missing."""
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
        return self.factor * (input_tokens * self.price.input + output_tokens * self.price.output) / MILLION

    def show(self) -> None:
        """Print what was used."""
        cost = "" if self.spent is None else f", {self.spent:.4f} in the currency of prices"
        missing = f"; the server counted no tokens for {self.uncounted} of them" if self.uncounted else ""
        print(
            f"{self.replies} replies ({self.cached} from the row cache): {self.input_tokens:,} tokens read, "
            f"{self.output_tokens:,} written{cost}{missing}",
            flush=True,
        )

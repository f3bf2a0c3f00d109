"""What in-process decoding is made of: rows, the batch that feeds them to a model, the choice of the next token."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from urial.core.errors import UrialError
from urial.local_models.decoding.answer_text import StopFinder, answer_text
from urial.local_models.decoding.architecture import Sharing, rescales_positions, takes
from urial.local_models.decoding.prefix import Prefix, forward
from urial.records.completion import Answer
from urial.records.params.file import Decoding

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator
    from torch import Tensor


@dataclass
class TokenRow:
    """The tokens of one row: those that it was given, and those that were generated."""

    index: int
    prompt_ids: list[int]
    ids: list[int] = field(default_factory=list, kw_only=True)


@dataclass
class Row(TokenRow):
    """One answer in the making."""

    stop: StopFinder
    generator: "TorchGenerator"


AnyRow = TypeVar("AnyRow", bound=TokenRow)


class Batch(Generic[AnyRow]):
    """The model's state for the rows of a batch, and the logits [rows, vocabulary] of each row's next token.

    Prompts are laid out as [shared prefix | padding | rest of the prompt], so that all end in the same column;
    the attention mask hides the padding and the positions do not count it. A recurrent state never meets padding: rests
    of one length go through the model together, and then all rows join.
    """

    def __init__(self, rows: list[AnyRow], prefix: Prefix) -> None:
        """One row only where the model decodes none together."""
        import torch

        self.model, self.together, shared = prefix.model, prefix.sharing.together, len(prefix.ids)
        groups = [rows]
        if self.together and prefix.state.recurrent:
            lengths = sorted({len(row.prompt_ids) for row in rows}, reverse=True)
            groups = [[row for row in rows if len(row.prompt_ids) == length] for length in lengths]
        self.rows = [row for group in groups for row in group]
        width = max(len(row.prompt_ids) for row in rows)
        pads = torch.tensor([[width - len(row.prompt_ids)] for row in self.rows], device=self.model.device)
        columns = torch.arange(width, device=self.model.device)
        # [rows, tokens so far]; None where no row has padding, or no layer looks back at it.
        hides = bool(pads.any()) and prefix.state.attends
        self.mask = ((columns < shared) | (columns >= shared + pads)).long() if hides else None
        parts = [self._encode(group, prefix, self.mask if len(groups) == 1 else None) for group in groups]
        self.logits = torch.cat([logits for logits, _ in parts])
        self.state = parts[0][1]
        if len(parts) > 1:
            self.state = prefix.branch(1)
            self.state.join([state for _, state in parts], width - shared)

    def _encode(self, rows: list[AnyRow], prefix: Prefix, mask: "Tensor | None") -> "tuple[Tensor, Any]":
        """Logits and state after what follows the prefix in the prompts of rows."""
        rests = [row.prompt_ids[len(prefix.ids) :] for row in rows]
        width = max(map(len, rests))
        ids = [[rest[0]] * (width - len(rest)) + rest for rest in rests]
        step = 1 if prefix.ids and prefix.sharing is Sharing.STEPS else width
        state = prefix.branch(len(rows))
        for start in range(0, width, step):
            piece = [row_ids[start : start + step] for row_ids in ids]
            positions = [len(row.prompt_ids) - width + start for row in rows]
            logits, state = forward(self.model, piece, state, **self._layout(positions, step, mask))
        return logits, state

    def _layout(self, positions: Sequence[int], tokens: int, mask: "Tensor | None") -> dict[str, "Tensor"]:
        """Positions of so many tokens of each row from the given ones on, and the mask, for a model that takes them."""
        import torch

        layout: dict[str, Tensor] = {}
        if takes(self.model, "position_ids"):
            device = self.model.device
            newest = torch.tensor(positions, device=device)[:, None] + torch.arange(tokens, device=device)
            # Padding gets some position; nothing attends to it.
            layout["position_ids"] = newest.clamp(min=0)
        if mask is not None:
            layout["attention_mask"] = mask
        return layout

    def keep(self, alive: Sequence[int]) -> list[int]:
        """Leave only the rows at these positions; returns the positions in their new order, that of ``closed_up``."""
        order = closed_up(alive)
        self.rows = [self.rows[position] for position in order]
        if self.mask is not None:
            self.mask = self.mask[order]
        self.state.keep(order)
        return order

    def advance(self) -> None:
        """Feed each row's newest token and compute the next logits."""
        import torch

        ids = [row.ids[-1:] for row in self.rows]
        if self.mask is not None:
            self.mask = torch.cat([self.mask, self.mask.new_ones(len(ids), 1)], dim=1)
        if not self.together:
            text = [*self.rows[0].prompt_ids, *self.rows[0].ids]
            if rescales_positions(self.model, len(text)) and not rescales_positions(self.model, len(text) - 1):
                # What is cached was rotated for a short text.
                ids, self.state = [text], None
        positions = [len(row.prompt_ids) + len(row.ids) - 1 for row in self.rows]
        layout = self._layout(positions, 1, self.mask)
        self.logits, self.state = forward(self.model, ids, self.state, **layout)


def closed_up(alive: Sequence[int]) -> list[int]:
    """The positions in an order in which the last rows fill the gaps, so that few are copied."""
    few = len(alive)
    gaps = iter(sorted(set(range(few)) - set(alive)))
    target = {position if position < few else next(gaps): position for position in alive}
    return [target[position] for position in range(few)]


def require_numbers(logits: "Tensor") -> None:
    """Raises UrialError when a logit is not a number, which no choice can be made by."""
    if logits.isnan().any():
        raise UrialError("the model's logits are not numbers", fix="load it in float32 or bfloat16")


class Chooser:
    """Picks each row's next token: greedy, or sampled with the row's own random numbers."""

    def __init__(self, rows: Sequence[TokenRow], decoding: Decoding) -> None:
        import torch

        self.decoding = decoding
        # Tokens that each row has seen [rows, tokens], in prompt or answer; a shorter row repeats its last.
        self.seen: Tensor | None = None
        if decoding.repetition_penalty != 1:
            tokens = [sorted(set(row.prompt_ids)) for row in rows]
            most = max(map(len, tokens))
            self.seen = torch.tensor([ids + ids[-1:] * (most - len(ids)) for ids in tokens])

    def keep(self, order: Sequence[int]) -> None:
        """Leave only the rows at these positions, in this order."""
        if self.seen is not None:
            self.seen = self.seen[list(order)]

    def choose(self, logits: "Tensor", rows: Sequence[Row]) -> list[int]:
        """The next token of each row, from ``logits`` [rows, vocabulary] in float32, which are changed."""
        next_ids = self.pick(self.penalized(logits), [row.generator for row in rows])
        self.saw(next_ids)
        chosen: list[int] = next_ids.tolist()
        return chosen

    def penalized(self, logits: "Tensor") -> "Tensor":
        """``logits`` [rows, vocabulary], changed where a token was seen."""
        import torch

        if self.seen is not None:
            # As in transformers: tokens of the prompt and of the answer so far, once each.
            self.seen = self.seen.to(logits.device)
            penalty = self.decoding.repetition_penalty
            scores = logits.gather(1, self.seen)
            logits.scatter_(1, self.seen, torch.where(scores < 0, scores * penalty, scores / penalty))
        return logits

    def pick(self, logits: "Tensor", generators: "Sequence[TorchGenerator]") -> "Tensor":
        """The next token of each row, from penalized logits, by its own random numbers. Raises UrialError."""
        require_numbers(logits)
        return self._sample(logits, generators) if self.decoding.temperature > 0 else logits.argmax(-1)

    def saw(self, next_ids: "Tensor") -> None:
        """Each row's answer goes on with such a token."""
        import torch

        if self.seen is not None:
            self.seen = torch.cat([self.seen, next_ids.unsqueeze(1)], dim=1)

    def _sample(self, logits: "Tensor", generators: "Sequence[TorchGenerator]") -> "Tensor":
        import torch
        from transformers import TemperatureLogitsWarper, TopPLogitsWarper

        logits = TemperatureLogitsWarper(float(self.decoding.temperature))(None, logits)
        if self.decoding.top_p < 1:
            logits = TopPLogitsWarper(float(self.decoding.top_p))(None, logits)
        probabilities = logits.softmax(-1).cpu()
        draws = [
            torch.multinomial(row_probabilities, 1, generator=generator)
            for row_probabilities, generator in zip(probabilities, generators, strict=True)
        ]
        return torch.cat(draws).to(logits.device)


def finished(stop: StopFinder, ids: Sequence[int], end_ids: frozenset[int], last: bool) -> Answer | None:
    """The answer that the newest of its tokens ends; None while it goes on."""
    emitted, tokenizer = tuple(ids), stop.tokenizer
    if emitted[-1] in end_ids:
        text = answer_text(tokenizer, stop.prompt_ids, emitted[:-1])
        return Answer(text=text, token_ids=emitted, finish="end_token")
    if (stopped := stop.find(emitted)) is not None:
        return Answer(text=stopped, token_ids=emitted, finish="stop_string")
    if last:
        return Answer(text=answer_text(tokenizer, stop.prompt_ids, emitted), token_ids=emitted, finish="length")
    return None

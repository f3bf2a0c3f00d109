"""What in-process decoding is made of: rows, the batch that feeds them to a model, the choice of the next token."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from urial.core.errors import UrialError
from urial.core.text import shared_length
from urial.local_models.decoding.answer_text import StopFinder, answer_text
from urial.local_models.decoding.architecture import rescales_positions, state_name
from urial.records.completion import Answer
from urial.records.params.file import Decoding

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator
    from torch import Tensor
    from transformers import DynamicCache, PreTrainedModel


def shared_prefix_length(prompts: Sequence[list[int]]) -> int:
    """Length of the token prefix that all prompts share, leaving each at least one token of its own."""
    if len(prompts) < 2:
        return 0
    # What the smallest and the largest share in dictionary order, all between them share.
    return min(shared_length(min(prompts), max(prompts)), min(map(len, prompts)) - 1)


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
    """The model's state for the rows of a batch.

    Prompts are laid out as [shared prefix | padding | rest of the prompt], so that all end in the same column;
    the attention mask hides the padding and the positions do not count it.
    """

    def __init__(self, model: "PreTrainedModel", rows: list[AnyRow], prefix: "DynamicCache | None") -> None:
        """``prefix`` is the cache of what the prompts share, for one row, and becomes the batch's own.

        None: the model keeps no plain cache, and the row is alone.
        """
        import torch

        self.model = model
        self.rows = rows
        shared = prefix.get_seq_length() if prefix is not None else 0
        rests = [row.prompt_ids[shared:] for row in rows]
        width = max(map(len, rests))
        pads = [width - len(rest) for rest in rests]
        ids = torch.tensor([[rest[0]] * pad + rest for rest, pad in zip(rests, pads, strict=True)])
        self.mask = torch.ones(len(rows), shared + width, dtype=torch.long)
        for row, pad in enumerate(pads):
            self.mask[row, shared : shared + pad] = 0
        ids, self.mask = ids.to(model.device), self.mask.to(model.device)
        self.cache_name = state_name(model)
        # Without a plain cache, the model itself makes the cache it needs and counts positions;
        # recurrent layers would take a mask as long as the whole text for one of the newest token.
        self.padded = prefix is not None
        self.cache: DynamicCache = prefix
        if prefix is not None and shared and len(rows) > 1:
            prefix.batch_repeat_interleave(len(rows))
        self._forward(ids)

    def keep(self, positions: list[int]) -> None:
        """Drop all rows but those at ``positions``."""
        import torch

        kept = torch.tensor(positions, device=self.model.device)
        self.rows = [self.rows[position] for position in positions]
        self.mask = self.mask[kept]
        self.cache.batch_select_indices(kept)

    def advance(self) -> None:
        """Feed each row's newest token and compute the next logits."""
        import torch

        ids = torch.tensor([[row.ids[-1]] for row in self.rows], device=self.model.device)
        self.mask = torch.cat([self.mask, torch.ones_like(ids)], dim=1)
        length = self.mask.shape[1]
        if rescales_positions(self.model, length) and not rescales_positions(self.model, length - 1):
            # What is cached was rotated for a short text; such a row is alone.
            ids = torch.tensor([[*self.rows[0].prompt_ids, *self.rows[0].ids]], device=self.model.device)
            self.cache = None
        self._forward(ids)

    def _forward(self, ids: "Tensor") -> None:
        layout = {}
        if self.padded:
            # The pad positions get position 1 or so; nothing attends to them.
            positions = (self.mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            layout = {"attention_mask": self.mask, "position_ids": positions}
        output = self.model(input_ids=ids, use_cache=True, logits_to_keep=1, **layout, **{self.cache_name: self.cache})
        self.cache = output[self.cache_name]
        # [rows, vocabulary]
        self.logits = output.logits[:, -1].float()


def prefill(model: "PreTrainedModel", ids: list[int]) -> "DynamicCache":
    """Key/value cache of a prefix (which can be empty), for one row."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache()
    if ids:
        tokens = torch.tensor([ids], device=model.device)
        model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
    return cache


def require_numbers(logits: "Tensor") -> None:
    """Raises UrialError when a logit is not a number, which no choice can be made by."""
    if logits.isnan().any():
        raise UrialError("the model's logits are not numbers", fix="load it in float32 or bfloat16")


class Chooser:
    """Picks each row's next token: greedy, or sampled with the row's own random numbers."""

    def __init__(self, rows: list[Row], decoding: Decoding, model: "PreTrainedModel") -> None:
        self.decoding = decoding
        self.seen: Tensor | None = None
        if decoding.repetition_penalty != 1:
            self.seen = self._mark_prompts(rows, model)

    def _mark_prompts(self, rows: list[Row], model: "PreTrainedModel") -> "Tensor":
        import torch

        vocabulary = model.get_output_embeddings().weight.shape[0]
        seen = torch.zeros(len(rows), vocabulary, dtype=torch.bool)
        for number, row in enumerate(rows):
            seen[number, row.prompt_ids] = True
        return seen.to(model.device)

    def keep(self, positions: list[int]) -> None:
        """Drop all rows but those at ``positions``."""
        if self.seen is not None:
            self.seen = self.seen[positions]

    def choose(self, logits: "Tensor", rows: list[Row]) -> list[int]:
        """The next token of each row, from ``logits`` [rows, vocabulary] in float32."""
        import torch

        if self.seen is not None:
            # As in transformers: tokens of the prompt and of the answer so far, once each.
            penalty = self.decoding.repetition_penalty
            penalized = torch.where(logits < 0, logits * penalty, logits / penalty)
            logits = torch.where(self.seen, penalized, logits)
        require_numbers(logits)
        next_ids = self._sample(logits, rows) if self.decoding.temperature > 0 else logits.argmax(-1)
        if self.seen is not None:
            self.seen.scatter_(1, next_ids.unsqueeze(1), True)
        chosen: list[int] = next_ids.tolist()
        return chosen

    def _sample(self, logits: "Tensor", rows: list[Row]) -> "Tensor":
        import torch
        from transformers import TemperatureLogitsWarper, TopPLogitsWarper

        logits = TemperatureLogitsWarper(float(self.decoding.temperature))(None, logits)
        if self.decoding.top_p < 1:
            logits = TopPLogitsWarper(float(self.decoding.top_p))(None, logits)
        probabilities = logits.softmax(-1).cpu()
        draws = [
            torch.multinomial(row_probabilities, 1, generator=row.generator)
            for row_probabilities, row in zip(probabilities, rows, strict=True)
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

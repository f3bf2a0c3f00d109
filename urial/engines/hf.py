"""transformers in process: batched decoding in which the constant prompt is encoded once.

The token prefix that all prompts share is prefilled a single time; its key/value cache is copied into every batch.
Rows are sorted by length, leave their batch as they finish, and get what ``model.generate`` gives them alone
(in float32; half precision can tip near-ties when a batch has other neighbours, and with them an answer).
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from urial.engines import Request
from urial.engines.architecture import keeps_plain_cache, rescales_positions, state_name
from urial.engines.loading import encode, end_tokens, load_model, load_tokenizer
from urial.engines.text import StopFinder, answer_text
from urial.errors import UrialError
from urial.params import Decoding
from urial.records import Answer


@dataclass
class _Row:
    """One answer in the making."""

    index: int
    prompt_ids: list[int]
    stop: StopFinder
    generator: Any
    ids: list[int] = field(default_factory=list)


class TransformersEngine:
    """Decodes with one model that stays in memory."""

    def __init__(self, folder: Path, threads: int, batch_size: int) -> None:
        self.tokenizer = load_tokenizer(folder)
        self.model = load_model(folder, threads)
        self.end_ids = end_tokens(self.model, self.tokenizer)
        self.batch_size = batch_size

    def complete(
        self, requests: Sequence[Request], wanted: Sequence[int], decoding: Decoding
    ) -> Iterator[tuple[int, Answer]]:
        """See Engine.complete. Raises UrialError when a batch does not fit into memory."""
        import torch

        prompts = [encode(self.tokenizer, request.text, request.adds_special_tokens) for request in requests]
        longest = max(map(len, prompts), default=0) + decoding.max_new_tokens
        plain = keeps_plain_cache(self.model, longest)
        # Longest first: what does not fit into memory fails at once, not after an hour.
        order = sorted(wanted, key=lambda index: (-len(prompts[index]), index))
        size = self.batch_size if plain else 1
        with torch.inference_mode():
            try:
                prefix = self._prefill(prompts[0][: shared_prefix_length(prompts)]) if plain and order else None
                for start in range(0, len(order), size):
                    rows = [self._row(index, prompts[index], requests[index]) for index in order[start : start + size]]
                    yield from self._decode(_Batch(self.model, rows, prefix), decoding)
            except torch.OutOfMemoryError as error:
                raise UrialError(
                    f"{size} rows do not fit into the device's memory", fix="lower generation.batch_size"
                ) from error

    def _row(self, index: int, prompt_ids: list[int], request: Request) -> _Row:
        import torch

        generator = torch.Generator().manual_seed(request.seed)
        return _Row(index, prompt_ids, StopFinder(self.tokenizer, prompt_ids, request.stop), generator)

    def _prefill(self, ids: list[int]) -> Any:
        """Key/value cache of the shared prefix (which can be empty), for one row."""
        import torch
        from transformers import DynamicCache

        cache = DynamicCache()
        if ids:
            tokens = torch.tensor([ids], device=self.model.device)
            self.model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return cache

    def _decode(self, batch: "_Batch", decoding: Decoding) -> Iterator[tuple[int, Answer]]:
        """Decode a batch to its end; a row leaves when it is finished."""
        chooser = _Chooser(batch.rows, decoding, self.model)
        for step in range(decoding.max_new_tokens):
            next_ids = chooser.choose(batch.logits, batch.rows)
            alive = []
            for position, (row, token) in enumerate(zip(batch.rows, next_ids, strict=True)):
                row.ids.append(token)
                answer = self._finished(row, last=step == decoding.max_new_tokens - 1)
                if answer is None:
                    alive.append(position)
                else:
                    yield row.index, answer
            if not alive:
                return
            if len(alive) < len(batch.rows):
                batch.keep(alive)
                chooser.keep(alive)
            batch.advance()

    def _finished(self, row: _Row, last: bool) -> Answer | None:
        ids = tuple(row.ids)
        if row.ids[-1] in self.end_ids:
            return Answer(text=answer_text(self.tokenizer, row.prompt_ids, ids[:-1]), token_ids=ids, finish="end_token")
        text = row.stop.find(row.ids)
        if text is not None:
            return Answer(text=text, token_ids=ids, finish="stop_string")
        if last:
            return Answer(text=answer_text(self.tokenizer, row.prompt_ids, ids), token_ids=ids, finish="length")
        return None


class _Batch:
    """The model's state for the rows of a batch.

    Prompts are laid out as [shared prefix | padding | rest of the prompt], so that all end in the same column;
    the attention mask hides the padding and the positions do not count it.
    """

    def __init__(self, model: Any, rows: list[_Row], prefix: Any) -> None:
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
        # Without a plain cache, the row is alone, and the model itself makes the cache it needs and counts positions;
        # recurrent layers would take a mask as long as the whole text for one of the newest token.
        self.padded = prefix is not None
        self.cache = copy.deepcopy(prefix)
        if shared:
            self.cache.batch_repeat_interleave(len(rows))
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

    def _forward(self, ids: Any) -> None:
        layout = {}
        if self.padded:
            # The pad positions get position 1 or so; nothing attends to them.
            positions = (self.mask.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
            layout = {"attention_mask": self.mask, "position_ids": positions}
        output = self.model(input_ids=ids, use_cache=True, logits_to_keep=1, **layout, **{self.cache_name: self.cache})
        self.cache = output[self.cache_name]
        # [rows, vocabulary]
        self.logits = output.logits[:, -1].float()


class _Chooser:
    """Picks each row's next token: greedy, or sampled with the row's own random numbers."""

    def __init__(self, rows: list[_Row], decoding: Decoding, model: Any) -> None:
        self.decoding = decoding
        self.seen: Any = None
        if decoding.repetition_penalty != 1:
            self.seen = self._mark_prompts(rows, model)

    def _mark_prompts(self, rows: list[_Row], model: Any) -> Any:
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

    def choose(self, logits: Any, rows: list[_Row]) -> list[int]:
        """The next token of each row, from ``logits`` [rows, vocabulary] in float32."""
        import torch

        if self.seen is not None:
            # As in transformers: tokens of the prompt and of the answer so far, once each.
            penalty = self.decoding.repetition_penalty
            penalised = torch.where(logits < 0, logits * penalty, logits / penalty)
            logits = torch.where(self.seen, penalised, logits)
        if logits.isnan().any():
            raise UrialError("the model's logits are not numbers", fix="load it in float32 or bfloat16")
        next_ids = self._sample(logits, rows) if self.decoding.temperature > 0 else logits.argmax(-1)
        if self.seen is not None:
            self.seen.scatter_(1, next_ids.unsqueeze(1), True)
        chosen: list[int] = next_ids.tolist()
        return chosen

    def _sample(self, logits: Any, rows: list[_Row]) -> Any:
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


def shared_prefix_length(prompts: Sequence[list[int]]) -> int:
    """Length of the token prefix that all prompts share, leaving each at least one token of its own."""
    if len(prompts) < 2:
        return 0
    # What the smallest and the largest share in dictionary order, all between them share.
    first, last = min(prompts), max(prompts)
    limit = min(map(len, prompts)) - 1
    return next((place for place in range(limit) if first[place] != last[place]), limit)

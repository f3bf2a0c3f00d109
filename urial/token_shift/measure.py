"""Base rank, probabilities and KL of every token of the aligned answers, by teacher forcing.

One pass per model over each answer behind that model's own prompt. Hidden states are kept, logits are not: the output
heads are applied to chunks of positions in float32, so that memory does not grow with positions x vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from urial.engines.architecture import keeps_plain_cache, rescales_positions
from urial.engines.hf import shared_prefix_length
from urial.errors import UrialError
from urial.token_shift.head import SplitModel

# Sequences are computed together up to this many tokens, padding and the copies of the shared prefix included.
TOKENS_PER_BATCH = 8_192
# Live float32 arrays of one chunk [positions, vocabulary]: logits, log-probabilities and a temporary of each model.
ARRAYS_PER_CHUNK = 6


@dataclass(frozen=True)
class ForcedAnswer:
    """One aligned answer and the prompt that precedes it for each model, as token ids."""

    base_prompt: list[int]
    aligned_prompt: list[int]
    ids: tuple[int, ...]


@dataclass(frozen=True)
class ShiftArrays:
    """The measurement of one answer; arrays over its T positions, candidates [T, top_k]."""

    base_rank: np.ndarray
    aligned_rank: np.ndarray
    base_ties: np.ndarray
    base_logprob: np.ndarray
    aligned_logprob: np.ndarray
    kl: np.ndarray
    base_top_ids: np.ndarray
    base_top_logprobs: np.ndarray
    aligned_top_ids: np.ndarray
    aligned_top_logprobs: np.ndarray


class ShiftMeter:
    """Measures answers under a pair of models that are both in memory."""

    def __init__(self, base: Any, aligned: Any, top_k: int, memory_mib: int) -> None:
        self.base, self.aligned = base, aligned
        self.top_k = top_k
        self.memory_bytes = memory_mib * 2**20
        sizes = [model.get_output_embeddings().weight.shape[0] for model in (base, aligned)]
        if sizes[0] != sizes[1]:
            raise UrialError(
                f"the base model has {sizes[0]:,} logits and the aligned model {sizes[1]:,}",
                expected="one vocabulary, since probabilities are compared token by token",
            )
        self.chunk = max(1, self.memory_bytes // (ARRAYS_PER_CHUNK * 4 * sizes[0]))

    def measure(self, answers: Sequence[ForcedAnswer]) -> Iterator[tuple[int, ShiftArrays]]:
        """Yields (index, arrays), shortest sequences first."""
        import torch

        with torch.inference_mode():
            lengths = [max(map(len, (row.base_prompt, row.aligned_prompt))) + len(row.ids) for row in answers]
            longest = max(lengths, default=0)
            base, base_rests = _split(self.base, [answer.base_prompt for answer in answers], longest)
            aligned, aligned_rests = _split(self.aligned, [answer.aligned_prompt for answer in answers], longest)
            # Where rotation depends on the longest sequence of a batch, each answer is one.
            together = not any(rescales_positions(model, longest) for model in (self.base, self.aligned))
            for batch in _batches(lengths, TOKENS_PER_BATCH if together else 0):
                base_hidden = _answer_states(base, batch, base_rests, answers)
                aligned_hidden = _answer_states(aligned, batch, aligned_rests, answers)
                for index, left, right in zip(batch, base_hidden, aligned_hidden, strict=True):
                    yield index, self._measure_one(base, aligned, (left, right), answers[index].ids)

    def _measure_one(
        self, base: SplitModel, aligned: SplitModel, hidden: tuple[Any, Any], ids: tuple[int, ...]
    ) -> ShiftArrays:
        import torch

        tokens = torch.tensor(ids)
        chunks = []
        for start in range(0, len(ids), self.chunk):
            part = slice(start, start + self.chunk)
            # Both on one device, wherever their heads are.
            base_logits = base.head(hidden[0][part])
            aligned_logits = aligned.head(hidden[1][part]).to(base_logits.device)
            chunks.append(compare(base_logits, aligned_logits, tokens[part].to(base_logits.device), self.top_k))
        return ShiftArrays(**{name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]})


def compare(base_logits: Any, aligned_logits: Any, tokens: Any, top_k: int) -> dict[str, np.ndarray]:
    """What one chunk of positions shows: logits [positions, vocabulary] in float32, emitted tokens [positions]."""
    base_logprobs, aligned_logprobs = base_logits.log_softmax(-1), aligned_logits.log_softmax(-1)
    column = tokens.unsqueeze(1)
    base_chosen, aligned_chosen = base_logits.gather(1, column), aligned_logits.gather(1, column)
    # Where the aligned model gives no probability at all, the term is 0 by continuity, not 0 x infinity.
    probabilities = aligned_logprobs.exp()
    terms = (probabilities * (aligned_logprobs - base_logprobs)).where(probabilities > 0, 0.0)
    base_top, aligned_top = base_logprobs.topk(top_k), aligned_logprobs.topk(top_k)
    found = {
        "base_rank": (base_logits > base_chosen).sum(1) + 1,
        "aligned_rank": (aligned_logits > aligned_chosen).sum(1) + 1,
        "base_ties": (base_logits == base_chosen).sum(1) - 1,
        "base_logprob": base_logprobs.gather(1, column).squeeze(1),
        "aligned_logprob": aligned_logprobs.gather(1, column).squeeze(1),
        "kl": terms.sum(1).clamp(min=0),
        "base_top_ids": base_top.indices,
        "base_top_logprobs": base_top.values,
        "aligned_top_ids": aligned_top.indices,
        "aligned_top_logprobs": aligned_top.values,
    }
    if found["base_logprob"].isnan().any() or found["aligned_logprob"].isnan().any():
        # Comparisons with NaN are false: every token would have rank 1.
        raise UrialError("a model's logits are not numbers", fix="load the pair in float32 or bfloat16")
    return {name: value.cpu().numpy() for name, value in found.items()}


def require_same_tokens(base_tokenizer: Any, aligned_tokenizer: Any, ids: set[int]) -> None:
    """Raises UrialError unless both tokenizers read every answer id as the same token."""
    for token_id in sorted(ids):
        left, right = (tok.convert_ids_to_tokens(token_id) for tok in (base_tokenizer, aligned_tokenizer))
        if left != right:
            raise UrialError(
                f"token id {token_id} is {left!r} to the base tokenizer and {right!r} to the aligned one",
                expected="the same token, since the base model has to rank what the aligned model emitted",
            )


def _split(model: Any, prompts: Sequence[list[int]], longest: int) -> tuple[SplitModel, list[list[int]]]:
    """The model with the prompts' shared prefix encoded, and what remains of each prompt.

    ``longest`` is the length of the longest prompt with its answer.
    """
    shared = shared_prefix_length(prompts) if keeps_plain_cache(model, longest) else 0
    return SplitModel(model, prompts[0][:shared] if prompts else []), [prompt[shared:] for prompt in prompts]


def _batches(lengths: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Indices in batches of similar length, each of at most ``limit`` padded tokens (or one row)."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda item: (lengths[item], item)):
        if batch and (len(batch) + 1) * lengths[index] > limit:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _answer_states(
    model: SplitModel, batch: list[int], rests: Sequence[list[int]], answers: Sequence[ForcedAnswer]
) -> list[Any]:
    """Per answer, the states [T, hidden] from which its tokens are predicted: one position before each."""
    rows = [[*rests[index], *answers[index].ids[:-1]] for index in batch]
    hidden = model.hidden_states(rows)
    starts = [len(rests[index]) - 1 for index in batch]
    return [
        hidden[number, start : start + len(answers[index].ids)]
        for number, (index, start) in enumerate(zip(batch, starts, strict=True))
    ]

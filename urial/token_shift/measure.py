"""Base rank, probabilities and divergences of every token of the aligned answers, by teacher forcing.

One pass per model over each answer behind that model's own prompt. Hidden states are kept, logits are not: the output
heads are applied to chunks of positions in float32, so that memory does not grow with positions x vocabulary. The
models are in memory together or one after the other, with the same numbers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from urial.token_shift.distributions import BLOCK_NUMBERS, Buffers, Distribution, Layout, divergences
from urial.token_shift.head import Float32Head
from urial.token_shift.spool import Spool
from urial.token_shift.states import MOST_TOKENS_PER_BATCH, Forced, StateReader, batches

Load = Callable[[], Any]
Found = dict[str, Any]
# More positions make no product of matrices faster.
MOST_POSITIONS = 512


@dataclass(frozen=True)
class Settings:
    """How a measurement is done; ``memory_mib`` and ``sequential`` change no number."""

    top_k: int
    memory_mib: int
    sequential: bool = False

    def positions(self, vocabulary: int, models: int) -> int:
        """Positions of a chunk: half of the memory is for logits, in float32."""
        numbers = self.memory_mib * 2**20 // 8
        scratch = min(4 * BLOCK_NUMBERS, numbers // 2)
        return min(MOST_POSITIONS, max(1, (numbers - scratch) // (models * vocabulary)))

    def tokens(self, bytes_per_token: int) -> int:
        """Tokens of a batch: a quarter of the memory is for a pass over them."""
        return min(MOST_TOKENS_PER_BATCH, self.memory_mib * 2**20 // 4 // bytes_per_token)


@dataclass(frozen=True)
class ForcedAnswer:
    """One answer behind each model's own prompt; position by position the ids mean the same to both models."""

    base: Forced
    aligned: Forced


@dataclass(frozen=True)
class ModelArrays:
    """What one model says of the T tokens of an answer: arrays [T], candidates [T, top_k]; natural logarithms."""

    rank: np.ndarray
    ties: np.ndarray
    logprob: np.ndarray
    entropy: np.ndarray
    top_ids: np.ndarray
    top_logprobs: np.ndarray


@dataclass(frozen=True)
class ShiftArrays:
    """The measurement of one answer; divergences [T] in nats."""

    base: ModelArrays
    aligned: ModelArrays
    kl: np.ndarray
    kl_reverse: np.ndarray
    js: np.ndarray


class PairMeter:
    """Measures answers under both models of a pair."""

    def __init__(self, base: Load, aligned: Load, settings: Settings) -> None:
        """``base`` and ``aligned`` load a model each; one after the other where the settings are sequential."""
        self.base, self.aligned, self.settings = base, aligned, settings

    def measure(
        self, answers: Sequence[ForcedAnswer], exchanged: Mapping[int, int] | None = None
    ) -> Iterator[tuple[int, ShiftArrays]]:
        """Yields (index, arrays), shortest sequences first.

        Probabilities are over the tokens that both models have, the first of each vocabulary. In place of the tokens
        ``exchanged``, as the base model numbers them, the aligned model has others, each of them once. Raises UrialError
        for logits that are not numbers.
        """
        with ExitStack() as stack:
            reader = StateReader(self.aligned(), [answer.aligned for answer in answers])
            lengths = [max(len(answer.base), len(answer.aligned)) for answer in answers]
            plan = list(batches(lengths, self.settings.tokens(reader.bytes_per_token())))
            aligned_head = reader.head
            aligned_states: Iterator[Any] = map(reader.read, plan)
            if self.settings.sequential:
                aligned_states = stack.enter_context(Spool()).through(aligned_states)
                del reader
            base = StateReader(self.base(), [answer.base for answer in answers])
            chunks = _PairChunks((base.head, aligned_head), self.settings, exchanged or {})
            for batch, states in zip(plan, aligned_states, strict=True):
                ids = [answers[index].base.ids for index in batch]
                found = chunks.compare((base.read(batch), states), _tokens(ids))
                for index, part in zip(batch, _cut(found, ids), strict=True):
                    yield index, _shift_arrays(part)


def measure_model(
    load: Load, rows: Sequence[Forced], settings: Settings, asked: Sequence[np.ndarray] | None = None
) -> Iterator[tuple[int, ModelArrays, np.ndarray | None]]:
    """Yields (index, arrays, asked log-probabilities) of one model alone, shortest sequences first.

    ``asked`` names further tokens [T, n] of each row whose log-probabilities are wanted; -1 gives NaN.
    """
    import torch

    reader = StateReader(load(), rows)
    chunks = _ModelChunks(reader.head, settings)
    for batch in batches([len(row) for row in rows], settings.tokens(reader.bytes_per_token())):
        ids = [rows[index].ids for index in batch]
        also = None if asked is None else torch.cat([torch.from_numpy(asked[index]) for index in batch])
        found = chunks.evaluate(reader.read(batch), _tokens(ids), also)
        for index, part in zip(batch, _cut(found, ids), strict=True):
            yield index, _model_arrays(part, ""), part.get("asked")


def _tokens(answers: Sequence[Sequence[int]]) -> Any:
    import torch

    return torch.tensor([token for ids in answers for token in ids], dtype=torch.int64)


class _PairChunks:
    """Compares the distributions of two heads, a chunk of positions at a time."""

    def __init__(
        self, heads: tuple[Float32Head, Float32Head], settings: Settings, exchanged: Mapping[int, int]
    ) -> None:
        vocabulary = min(head.vocabulary for head in heads)
        self.heads, self.top_k = heads, min(settings.top_k, vocabulary)
        self.positions = settings.positions(vocabulary, 2)
        self.buffers = Buffers(Layout.of(vocabulary, self.positions), self.positions, 2, heads[0].device)
        self.exchanged = exchanged

    def compare(self, hidden: tuple[Any, Any], tokens: Any) -> Found:
        """All figures by name, as numpy arrays over the positions of ``tokens``."""
        import torch

        chunks = []
        with torch.inference_mode():
            for start in range(0, max(1, len(tokens)), self.positions):
                part = slice(start, start + self.positions)
                chunks.append(self._one((hidden[0][part], hidden[1][part]), tokens[part]))
        return _joined(chunks)

    def _one(self, hidden: tuple[Any, Any], tokens: Any) -> Found:
        distributions = [Distribution(self.buffers, number, len(tokens)) for number in range(2)]
        exchanges: tuple[Mapping[int, int], ...] = ({}, self.exchanged)
        for distribution, head, states, exchange in zip(distributions, self.heads, hidden, exchanges, strict=True):
            distribution.evaluate(head, states, exchange)
        base, aligned = distributions
        tokens = tokens.to(base.logits.device)
        found = {**_figures(base, tokens, self.top_k, "base_"), **_figures(aligned, tokens, self.top_k, "aligned_")}
        if self.exchanged:
            # The candidates go by the aligned model's own numbers.
            for token, other in self.exchanged.items():
                found["aligned_top_ids"][found["aligned_top_ids"] == token] = -other - 1
            ids = found["aligned_top_ids"]
            found["aligned_top_ids"] = np.where(ids < 0, -ids - 1, ids)
        return found | {name: _float32(value) for name, value in divergences(base, aligned).items()}


class _ModelChunks:
    """Figures of one head's distributions, a chunk of positions at a time."""

    def __init__(self, head: Float32Head, settings: Settings) -> None:
        self.head, self.top_k = head, min(settings.top_k, head.vocabulary)
        self.positions = settings.positions(head.vocabulary, 1)
        self.buffers = Buffers(Layout.of(head.vocabulary, self.positions), self.positions, 1, head.device)

    def evaluate(self, hidden: Any, tokens: Any, asked: Any | None) -> Found:
        """All figures by name, as numpy arrays over the positions of ``tokens``."""
        import torch

        chunks = []
        with torch.inference_mode():
            for start in range(0, max(1, len(tokens)), self.positions):
                part = slice(start, start + self.positions)
                wanted = None if asked is None else asked[part].to(self.head.device)
                chunks.append(self._one(hidden[part], tokens[part].to(self.head.device), wanted))
        return _joined(chunks)

    def _one(self, hidden: Any, tokens: Any, asked: Any | None) -> Found:
        distribution = Distribution(self.buffers, 0, len(tokens))
        distribution.evaluate(self.head, hidden, {})
        found = _figures(distribution, tokens, self.top_k, "")
        if asked is not None:
            known = distribution.logprob(asked.clamp(min=0)).where(asked >= 0, float("nan"))
            found["asked"] = known.cpu().numpy()
        return found


def _figures(distribution: Distribution, tokens: Any, top_k: int, prefix: str) -> Found:
    ids, values = distribution.top(top_k)
    rank, ties = distribution.ranks(tokens, values)
    column = tokens.unsqueeze(1)
    return {
        f"{prefix}rank": _int32(rank),
        f"{prefix}ties": _int32(ties),
        f"{prefix}logprob": _float32(distribution.logprob(column).squeeze(1)),
        f"{prefix}entropy": _float32(distribution.entropy),
        f"{prefix}top_ids": _int32(ids),
        f"{prefix}top_logprobs": _float32(distribution.logprob(ids)),
    }


def _int32(values: Any) -> np.ndarray:
    return np.asarray(values.cpu().numpy(), np.int32)


def _float32(values: Any) -> np.ndarray:
    return np.asarray(values.cpu().numpy(), np.float32)


def _joined(chunks: Sequence[Found]) -> Found:
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _cut(found: Found, answers: Sequence[Sequence[int]]) -> Iterator[Found]:
    """The figures of each answer of a batch."""
    ends = np.cumsum([len(ids) for ids in answers]).tolist()
    for start, end in zip([0, *ends], ends, strict=False):
        # Copies, so that an answer does not keep its whole batch in memory.
        yield {name: value[start:end].copy() for name, value in found.items()}


def _model_arrays(found: Found, prefix: str) -> ModelArrays:
    names = ("rank", "ties", "logprob", "entropy", "top_ids", "top_logprobs")
    return ModelArrays(**{name: found[prefix + name] for name in names})


def _shift_arrays(found: Found) -> ShiftArrays:
    return ShiftArrays(
        base=_model_arrays(found, "base_"),
        aligned=_model_arrays(found, "aligned_"),
        **{name: found[name] for name in ("kl", "kl_reverse", "js")},
    )

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

from urial.token_shift.measure.chunks import Chunks, Found, Settings
from urial.token_shift.measure.distributions import Distribution, compare
from urial.token_shift.measure.spool import Spool
from urial.token_shift.measure.states import Forced, StateReader, batches

Load = Callable[[], Any]


@dataclass(frozen=True)
class ForcedAnswer:
    """One answer behind each model's own prompt, in each model's own ids, which mean the same position by position."""

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
        exchanged = exchanged or {}
        # Where an id of the aligned model's own stands among the base model's.
        places = {other: token for token, other in exchanged.items()}
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
            chunks = Chunks((base.head, aligned_head), self.settings)
            for batch, states in zip(plan, aligned_states, strict=True):
                ids = [answers[index].base.ids for index in batch]
                placed = [[places.get(token, token) for token in answers[index].aligned.ids] for index in batch]
                tokens = _tokens(ids), _tokens(placed)
                found = _pair_figures(chunks, (base.read(batch), states), tokens, exchanged)
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
    chunks = Chunks([reader.head], settings)
    for batch in batches([len(row) for row in rows], settings.tokens(reader.bytes_per_token())):
        ids = [rows[index].ids for index in batch]
        also = None if asked is None else torch.cat([torch.from_numpy(asked[index]) for index in batch])
        found = _model_figures(chunks, reader.read(batch), _tokens(ids), also)
        for index, part in zip(batch, _cut(found, ids), strict=True):
            yield index, _model_arrays(part, ""), part.get("asked")


def _tokens(answers: Sequence[Sequence[int]]) -> Any:
    import torch

    return torch.tensor([token for ids in answers for token in ids], dtype=torch.int64)


def _pair_figures(
    chunks: Chunks, hidden: tuple[Any, Any], tokens: tuple[Any, Any], exchanged: Mapping[int, int]
) -> Found:
    """All figures of a pair by name, over the positions of ``tokens``: what each model's emitted one is among the base's."""

    def work(part: slice, base_tokens: Any, aligned_tokens: Any) -> Found:
        base = chunks.distribution(0, hidden[0][part], {})
        aligned = chunks.distribution(1, hidden[1][part], exchanged)
        found = compare(base, aligned, base_tokens, aligned_tokens)
        figures = {
            **_figures(base, base_tokens, found.base_standing, chunks.top_k, "base_"),
            **_figures(aligned, aligned_tokens, found.aligned_standing, chunks.top_k, "aligned_"),
        }
        figures["aligned_top_ids"] = _own_numbers(figures["aligned_top_ids"], exchanged)
        return figures | {name: _float32(getattr(found, name)) for name in ("kl", "kl_reverse", "js")}

    return chunks.each(tokens, work)


def _own_numbers(ids: np.ndarray, exchanged: Mapping[int, int]) -> np.ndarray:
    """The candidates as the aligned model numbers them."""
    own = ids.copy()
    for token, other in exchanged.items():
        own[ids == token] = other
    return own


def _model_figures(chunks: Chunks, hidden: Any, tokens: Any, asked: Any | None) -> Found:
    """All figures of one model by name, over the positions of ``tokens``."""

    def work(part: slice, tokens: Any) -> Found:
        distribution = chunks.distribution(0, hidden[part], {})
        found = _figures(distribution, tokens, distribution.standing(tokens), chunks.top_k, "")
        if asked is not None:
            wanted = asked[part].to(chunks.device)
            known = distribution.logprob(wanted.clamp(min=0)).where(wanted >= 0, float("nan"))
            found["asked"] = known.cpu().numpy()
        return found

    return chunks.each([tokens], work)


def _figures(distribution: Distribution, tokens: Any, standing: tuple[Any, Any], top_k: int, prefix: str) -> Found:
    ids = distribution.top(top_k)
    column = tokens.unsqueeze(1)
    return {
        f"{prefix}rank": _int32(standing[0]),
        f"{prefix}ties": _int32(standing[1]),
        f"{prefix}logprob": _float32(distribution.logprob(column).squeeze(1)),
        f"{prefix}entropy": _float32(distribution.entropy),
        f"{prefix}top_ids": _int32(ids),
        f"{prefix}top_logprobs": _float32(distribution.logprob(ids)),
    }


def _int32(values: Any) -> np.ndarray:
    return np.asarray(values.cpu().numpy(), np.int32)


def _float32(values: Any) -> np.ndarray:
    return np.asarray(values.cpu().numpy(), np.float32)


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

"""Base rank, probabilities and divergences of every token of the aligned answers, by teacher forcing.

One pass per model over each answer after that model's own prompt. Hidden states are kept, logits are not: the output
heads are applied to chunks of positions in float32, so that memory does not grow with positions x vocabulary. The
models are in memory together or one after the other, with the same numbers. What is measured is a dictionary of the
table's columns from here to the table.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from urial.core.hashing import bytes_hash
from urial.core.row_cache import RowCache
from urial.records.base import Role
from urial.token_shift.measure.distributions import Chunks, Distribution, Settings, compare
from urial.token_shift.measure.measured_batches import Columns, Measurement
from urial.token_shift.measure.states import StateReader, TeacherForced, batches, in_common

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

LOGPROBS = "logprobs"
"""The column of the further tokens that ModelMeasurement is given: their log-probabilities [T, n], float64."""


@dataclass(frozen=True)
class LocalModel:
    """A model of the pair in this process, which is loaded only where something is still to be measured."""

    load: "Callable[[], PreTrainedModel]"
    bytes_per_token: int
    """Memory that a pass takes for each token of a batch, see states.bytes_per_token."""
    identity: JsonValue
    """What its numbers depend on."""


@dataclass(frozen=True)
class PairedTeacherForced:
    """One answer after each model's own prompt, in each model's own ids, which mean the same position by position."""

    base: TeacherForced
    aligned: TeacherForced


class PairMeasurement(Measurement):
    """Answers under both models of a pair."""

    def __init__(
        self,
        pair: tuple[LocalModel, LocalModel],
        answers: Sequence[PairedTeacherForced],
        settings: Settings,
        exchanged: Mapping[int, int] | None = None,
        cache: RowCache | None = None,
    ) -> None:
        """``pair`` is base and aligned; one is loaded after the other where the settings are sequential.

        Probabilities are over the tokens that both models have, the first of each vocabulary. In place of the tokens
        ``exchanged``, as the base model numbers them, the aligned model has others, each of them once.
        """
        self.base, self.aligned = pair
        self.settings, self.exchanged = settings, exchanged or {}
        self.base_rows, self.aligned_rows = [row.base for row in answers], [row.aligned for row in answers]
        lengths = [max(len(row.base), len(row.aligned)) for row in answers]
        super().__init__(
            cache,
            list(batches(lengths, settings.tokens(self.aligned.bytes_per_token))),
            [len(row.ids) for row in self.base_rows],
            [[row.base.as_json(), row.aligned.as_json()] for row in answers],
            models=[self.base.identity, self.aligned.identity],
            exchanged=[list(tokens) for tokens in sorted(self.exchanged.items())],
            settings=settings.as_json(),
            together=[in_common(self.base_rows), in_common(self.aligned_rows)],
        )

    def measure(self, batches: Sequence[list[int]]) -> Iterator[Columns]:
        """Raises UrialError for logits that are not numbers."""
        # Where an id of the aligned model's own stands among the base model's.
        base_numbers = {other: token for token, other in self.exchanged.items()}

        def work(hidden: "Tensor", aligned_hidden: "Tensor", tokens: "Tensor", aligned_tokens: "Tensor") -> Columns:
            base = chunks.distribution(0, base_reader.head, hidden, {})
            aligned = chunks.distribution(1, aligned_head, aligned_hidden, self.exchanged)
            compared = compare(base, aligned, tokens, aligned_tokens)
            columns = {
                **_columns("base", base, tokens, compared.base_rank_and_ties, chunks.top_k),
                **_columns("aligned", aligned, aligned_tokens, compared.aligned_rank_and_ties, chunks.top_k),
                **{name: _array(getattr(compared, name)) for name in ("kl", "kl_reverse", "js")},
            }
            # The candidates as the aligned model numbers them.
            listed = columns["aligned_top_ids"].copy()
            for token, other in self.exchanged.items():
                columns["aligned_top_ids"][listed == token] = other
            return columns

        with ExitStack() as stack:
            reader = StateReader(self.aligned.load(), self.aligned_rows)
            aligned_head = reader.head
            aligned_states: Iterator[Tensor] = map(reader.read, batches)
            if self.settings.sequential:
                aligned_states = stack.enter_context(spooled(aligned_states))
                del reader
            base_reader = StateReader(self.base.load(), self.base_rows)
            chunks = Chunks((base_reader.head, aligned_head), self.settings)
            for batch, states in zip(batches, aligned_states, strict=True):
                # The emitted token as each model's stands among the base model's tokens, [P].
                emitted = [token for index in batch for token in self.base_rows[index].ids]
                own = [token for index in batch for token in self.aligned_rows[index].ids]
                tokens = chunks.tokens(emitted), chunks.tokens([base_numbers.get(token, token) for token in own])
                yield chunks.each(work, base_reader.read(batch), states, *tokens)


class ModelMeasurement(Measurement):
    """Answers under one model; the columns are those of its role."""

    def __init__(
        self,
        role: Role,
        model: LocalModel,
        rows: Sequence[TeacherForced],
        settings: Settings,
        *,
        further: Sequence[np.ndarray] | None = None,
        cache: RowCache | None = None,
    ) -> None:
        """``further`` names more tokens [T, n] of each row whose log-probabilities are wanted, as the column LOGPROBS.

        -1 there gives NaN.
        """
        self.role, self.model, self.rows, self.settings, self.further = role, model, rows, settings, further
        super().__init__(
            cache,
            list(batches([len(row) for row in rows], settings.tokens(model.bytes_per_token))),
            [len(row.ids) for row in rows],
            [
                [row.as_json(), bytes_hash(further[index].astype("<i8").tobytes()) if further else None]
                for index, row in enumerate(rows)
            ],
            models={role: model.identity},
            settings=settings.as_json(),
            together=in_common(rows),
        )

    def measure(self, batches: Sequence[list[int]]) -> Iterator[Columns]:
        """Raises UrialError for logits that are not numbers."""

        def work(hidden: "Tensor", emitted: "Tensor", *further: "Tensor") -> Columns:
            distribution = chunks.distribution(0, reader.head, hidden, {})
            rank_and_ties = distribution.rank_and_ties(emitted)
            columns = _columns(self.role, distribution, emitted, rank_and_ties, chunks.top_k)
            for wanted in further:
                known = distribution.logprob(wanted.clamp(min=0)).where(wanted >= 0, float("nan"))
                columns[LOGPROBS] = known.cpu().numpy()
            return columns

        reader = StateReader(self.model.load(), self.rows)
        chunks = Chunks([reader.head], self.settings)
        for batch in batches:
            tokens = [chunks.tokens([token for index in batch for token in self.rows[index].ids])]
            if self.further:
                tokens.append(chunks.tokens(np.concatenate([self.further[index] for index in batch])))
            yield chunks.each(work, reader.read(batch), *tokens)


def _columns(
    role: Role, distribution: Distribution, tokens: "Tensor", rank_and_ties: "tuple[Tensor, Tensor]", top_k: int
) -> Columns:
    """What one model says of the emitted ``tokens`` [P]: columns [P], candidates [P, top_k]; natural logarithms."""
    top = distribution.top(top_k)
    return {
        f"{role}_rank": _array(rank_and_ties[0], np.int32),
        f"{role}_ties": _array(rank_and_ties[1], np.int32),
        f"{role}_logprob": _array(distribution.logprob(tokens.unsqueeze(1)).squeeze(1)),
        f"{role}_entropy": _array(distribution.entropy),
        f"{role}_top_ids": _array(top, np.int32),
        f"{role}_top_logprobs": _array(distribution.logprob(top)),
    }


def _array(values: "Tensor", dtype: type[np.generic] = np.float32) -> np.ndarray:
    return np.asarray(values.cpu().numpy(), dtype)


@contextmanager
def spooled(tensors: "Iterator[Tensor]") -> "Iterator[Iterator[Tensor]]":
    """Writes all tensors at once; then the same ones again, with the same bits, on the CPU, read one at a time.

    They are in a temporary file without a name, which vanishes at the end, also when the process is killed.
    """
    import torch

    with tempfile.TemporaryFile(prefix="urial-") as file:
        kinds = []
        for tensor in tensors:
            kinds.append((tensor.shape, tensor.dtype))
            file.write(tensor.contiguous().cpu().flatten().view(torch.uint8).numpy().tobytes())
        # With them goes the model that made them.
        del tensors
        file.seek(0)

        def again(shape: torch.Size, dtype: torch.dtype) -> "Tensor":
            data = bytearray(file.read(shape.numel() * dtype.itemsize))
            # An empty buffer is refused.
            return torch.frombuffer(data, dtype=dtype).view(shape) if data else torch.empty(shape, dtype=dtype)

        yield (again(shape, dtype) for shape, dtype in kinds)

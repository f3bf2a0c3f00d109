"""The measurement as a Parquet table: one row a position."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.records import Category
from urial.token_shift.measure import ShiftArrays

if TYPE_CHECKING:
    import pyarrow as pa

MARGINAL_RANK = 3  # paper, section 2.2: unshifted is rank 1, marginal up to 3, shifted above


@dataclass(frozen=True)
class AnswerTokens:
    """What the table says of an answer besides its measurement."""

    instruction_id: str
    ids: tuple[int, ...]
    end_ids: frozenset[int]
    kinds: Sequence[str | None]


def categories(ranks: np.ndarray) -> list[Category]:
    """Category of each base rank (paper, section 2.2)."""
    return ["unshifted" if rank == 1 else "marginal" if rank <= MARGINAL_RANK else "shifted" for rank in ranks]


def shift_schema() -> "pa.Schema":
    """Columns of the Parquet file, as described by records.TokenShift."""
    import pyarrow as pa

    columns = {
        "instruction_id": pa.string(),
        "position": pa.int32(),
        "token_id": pa.int32(),
        "token": pa.string(),
        "is_end": pa.bool_(),
        "base_rank": pa.int32(),
        "aligned_rank": pa.int32(),
        "base_ties": pa.int32(),
        "base_logprob": pa.float32(),
        "aligned_logprob": pa.float32(),
        "kl": pa.float32(),
        "category": pa.string(),
        "kind": pa.string(),
    }
    for model in ("base", "aligned"):
        columns[f"{model}_top_ids"] = pa.list_(pa.int32())
        columns[f"{model}_top_tokens"] = pa.list_(pa.string())
        columns[f"{model}_top_logprobs"] = pa.list_(pa.float32())
    return pa.schema(list(columns.items()))


def shift_table(answer: AnswerTokens, arrays: ShiftArrays, tokenizer: Any) -> "pa.Table":
    """The rows of one answer."""
    import pyarrow as pa

    text = _token_text(tokenizer)
    columns: dict[str, Any] = {
        "instruction_id": [answer.instruction_id] * len(answer.ids),
        "position": range(len(answer.ids)),
        "token_id": answer.ids,
        "token": [text(token) for token in answer.ids],
        "is_end": [token in answer.end_ids for token in answer.ids],
        "category": categories(arrays.base_rank),
        "kind": answer.kinds,
    }
    for name in ("base_rank", "aligned_rank", "base_ties", "base_logprob", "aligned_logprob", "kl"):
        columns[name] = getattr(arrays, name)
    for model in ("base", "aligned"):
        ids = getattr(arrays, f"{model}_top_ids")
        columns[f"{model}_top_ids"] = ids.tolist()
        columns[f"{model}_top_tokens"] = [[text(token) for token in row] for row in ids.tolist()]
        columns[f"{model}_top_logprobs"] = getattr(arrays, f"{model}_top_logprobs").tolist()
    schema = shift_schema()
    return pa.table({field.name: columns[field.name] for field in schema}, schema=schema)


def in_groups(tables: Iterator["pa.Table"], rows: int = 16_384) -> Iterator["pa.Table"]:
    """The same rows in fewer, larger tables: one a Parquet row group."""
    import pyarrow as pa

    group: list[pa.Table] = []
    for table in tables:
        group.append(table)
        if sum(map(len, group)) >= rows:
            yield pa.concat_tables(group).combine_chunks()
            group = []
    if group:
        yield pa.concat_tables(group).combine_chunks()


def _token_text(tokenizer: Any) -> Any:
    """A token as people read it: decoded, or its raw form where it is part of a character."""

    def decode(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))

    @lru_cache(maxsize=100_000)
    def text(token_id: int) -> str:
        # Some tokenizers drop a leading space of what they decode; behind another token it stays.
        once = decode([token_id])
        twice = decode([token_id, token_id])
        found = twice[len(once) :] if twice.startswith(once) else once
        return str(tokenizer.convert_ids_to_tokens(token_id)) if "\ufffd" in found else found

    return text

"""The measurement as a Parquet table: one row a position."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.records.base import Role
from urial.records.token_shift import Label, categories, shift_schema

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class AnswerTokens:
    """What the table says of an answer besides its measurement, a value for each of its tokens."""

    instruction_id: str
    ids: Sequence[int | None]
    texts: Sequence[str]
    words: Sequence[tuple[int, str] | None]
    is_end: Sequence[bool]
    labels: Sequence[Label]
    kinds: Sequence[str | None]


@dataclass(frozen=True)
class Measured:
    """The measurement of some tokens of an answer: their positions in it, and columns of the table by name.

    ``base_text`` and ``aligned_text`` read each model's candidates, unless columns of the texts are there.
    """

    positions: Sequence[int]
    columns: Mapping[str, Any]
    base_text: Callable[[int], str]
    aligned_text: Callable[[int], str]


def shift_table(answer: AnswerTokens, found: Measured) -> "pa.Table":
    """The rows of one answer; a column that was not measured is null, a list of candidates empty."""
    import pyarrow as pa

    places, count = found.positions, len(found.positions)
    words = [answer.words[place] for place in places]
    columns: dict[str, Any] = {
        "instruction_id": [answer.instruction_id] * count,
        "position": places,
        "token_id": [answer.ids[place] for place in places],
        "token": [answer.texts[place] for place in places],
        "word_index": [word and word[0] for word in words],
        "word": [word and word[1] for word in words],
        "is_end": [answer.is_end[place] for place in places],
        "kind": [answer.kinds[place] for place in places],
        "label": [answer.labels[place] for place in places],
        **{
            f"{model}_top_{part}": [[]] * count
            for model in ("base", "aligned")
            for part in ("ids", "tokens", "logprobs")
        },
        **found.columns,
    }
    columns.setdefault("category", categories(columns["base_rank"]))
    for model, text in (("base", found.base_text), ("aligned", found.aligned_text)):
        if f"{model}_top_ids" in found.columns and f"{model}_top_tokens" not in found.columns:
            columns[f"{model}_top_ids"] = rows = np.asarray(columns[f"{model}_top_ids"]).tolist()
            columns.update({f"{model}_top_tokens": [[text(token) for token in row] for row in rows]})
            columns[f"{model}_top_logprobs"] = columns[f"{model}_top_logprobs"].tolist()
    schema = shift_schema()
    return pa.table({field.name: columns.get(field.name, [None] * count) for field in schema}, schema=schema)


def model_columns(role: Role, arrays: Any) -> dict[str, Any]:
    """The columns of one model's numbers, measure.ModelArrays."""
    return {f"{role}_{name}": values for name, values in vars(arrays).items()}


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


def token_text(tokenizer: Any) -> Callable[[int], str]:
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

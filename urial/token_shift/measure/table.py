"""The measurement as a Parquet table: one row a position."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.records.base import Role
from urial.records.instruction import Instruction
from urial.records.token_shift import Label, categories, shift_schema
from urial.token_shift.measure.labels import token_kinds, token_labels, words
from urial.token_shift.measure.matching import ReadAnswer

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import PreTrainedTokenizerBase

ROLES: tuple[Role, Role] = ("base", "aligned")


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


def answer_tokens(
    instruction: Instruction,
    seed: int | None,
    ids: Sequence[int | None],
    texts: Sequence[str],
    answer: ReadAnswer,
    *,
    is_end: Sequence[bool],
) -> AnswerTokens:
    """Words, labels and kinds of an answer's tokens; ``seed`` is that of the micro-world whose truth is known."""
    return AnswerTokens(
        instruction_id=instruction.id,
        ids=ids,
        texts=texts,
        words=words(answer.text, answer.spans, is_end),
        is_end=is_end,
        labels=token_labels(answer.text, answer.spans, is_end),
        kinds=token_kinds(seed, instruction.source, answer.text, answer.spans),
    )


def shift_table(
    answer: AnswerTokens,
    positions: Sequence[int],
    columns: Mapping[str, Any],
    texts: Mapping[str, Callable[[int], str]],
) -> "pa.Table":
    """The rows of some positions of one answer; a column that was not measured is null, a list of candidates empty.

    ``columns`` are those of the table that were measured. ``texts`` reads the candidates of each model that are ids.
    """
    import pyarrow as pa

    count = len(positions)
    words_of = [answer.words[place] for place in positions]
    rows: dict[str, Any] = {
        "instruction_id": [answer.instruction_id] * count,
        "position": positions,
        "token_id": [answer.ids[place] for place in positions],
        "token": [answer.texts[place] for place in positions],
        "word_index": [word and word[0] for word in words_of],
        "word": [word and word[1] for word in words_of],
        "is_end": [answer.is_end[place] for place in positions],
        "kind": [answer.kinds[place] for place in positions],
        "label": [answer.labels[place] for place in positions],
        **{f"{role}_top_{part}": [[]] * count for role in ROLES for part in ("ids", "tokens", "logprobs")},
        **columns,
    }
    rows.setdefault("category", categories(rows["base_rank"]))
    for role in ROLES:
        if f"{role}_top_ids" in columns and f"{role}_top_tokens" not in columns:
            rows[f"{role}_top_ids"] = ids = np.asarray(columns[f"{role}_top_ids"]).tolist()
            rows[f"{role}_top_tokens"] = [[texts[role](token) for token in row] for row in ids]
            rows[f"{role}_top_logprobs"] = columns[f"{role}_top_logprobs"].tolist()
    schema = shift_schema()
    return pa.table({field.name: rows.get(field.name, [None] * count) for field in schema}, schema=schema)


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


def token_text(tokenizer: "PreTrainedTokenizerBase") -> Callable[[int], str]:
    """A token as people read it: decoded, or its raw form where it is part of a character."""

    def decode(ids: list[int]) -> str:
        return str(tokenizer.decode(ids, clean_up_tokenization_spaces=False))

    @lru_cache(maxsize=100_000)
    def text(token_id: int) -> str:
        # Some tokenizers drop a leading space of what they decode; after another token it stays.
        once = decode([token_id])
        twice = decode([token_id, token_id])
        whole = twice[len(once) :] if twice.startswith(once) else once
        return str(tokenizer.convert_ids_to_tokens(token_id)) if "\ufffd" in whole else whole

    return text

"""The measurement as a Parquet table: one row a position."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.records.base import Role
from urial.records.instruction import Instruction
from urial.records.token_shift import categories, shift_schema
from urial.token_shift.measure.labels import Span, token_kinds, token_labels, words
from urial.token_shift.measure.moves import token_moves
from urial.token_shift.measure.parts import MarkedText, token_parts

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import PreTrainedTokenizerBase

ROLES: tuple[Role, Role] = ("base", "aligned")


def answer_rows(
    instruction: Instruction,
    seed: int | None,
    text: str | MarkedText,
    spans: Sequence[Span],
    tokens: Sequence[tuple[int | None, str, bool]],
    *,
    positions: Sequence[int],
) -> dict[str, list[Any]]:
    """The columns of some positions of one answer that no model measures: tokens, words, labels and kinds.

    ``text`` is the answer, and ``spans`` has the characters of each of its tokens; ``tokens`` are their ids, their own
    texts, and whether they are end tokens. ``seed`` is that of the micro-world whose truth is known.
    """
    marked = MarkedText(text) if isinstance(text, str) else text
    is_end, said = [token[2] for token in tokens], marked.without_tags
    words_of, labels = words(said, spans, is_end), token_labels(said, spans, is_end)
    kinds = token_kinds(seed, instruction.source, said, spans)
    parts, moves = token_parts(marked, spans, is_end), token_moves(said, spans, is_end)
    index_and_word = [words_of[place] or (None, None) for place in positions]
    return {
        "instruction_id": [instruction.id] * len(positions),
        "position": list(positions),
        "token_id": [tokens[place][0] for place in positions],
        "token": [tokens[place][1] for place in positions],
        "word_index": [index for index, _ in index_and_word],
        "word": [word for _, word in index_and_word],
        "is_end": [is_end[place] for place in positions],
        "kind": [kinds[place] for place in positions],
        "label": [labels[place] for place in positions],
        "part": [parts[place] for place in positions],
        "move": [moves[place] for place in positions],
    }


def shift_table(
    rows: Mapping[str, list[Any]], measured: Mapping[str, Any], texts: Mapping[Role, Callable[[int], str]]
) -> "pa.Table":
    """The table of ``answer_rows`` with what was ``measured``; other columns are null, other lists of candidates empty.

    ``texts`` reads the candidates of each model that are ids.
    """
    import pyarrow as pa

    count = len(rows["position"])
    columns: dict[str, Any] = {
        **rows,
        **{f"{role}_top_{part}": [[]] * count for role in ROLES for part in ("ids", "tokens", "logprobs")},
        **measured,
    }
    columns.setdefault("category", categories(columns["base_rank"]))
    for role in ROLES:
        if f"{role}_top_ids" in measured and f"{role}_top_tokens" not in measured:
            columns[f"{role}_top_ids"] = ids = np.asarray(measured[f"{role}_top_ids"]).tolist()
            columns[f"{role}_top_tokens"] = [[texts[role](token) for token in row] for row in ids]
            columns[f"{role}_top_logprobs"] = measured[f"{role}_top_logprobs"].tolist()
    schema = shift_schema()
    return pa.table({field.name: columns.get(field.name, [None] * count) for field in schema}, schema=schema)


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

    @lru_cache(maxsize=100_000)
    def text(token_id: int) -> str:
        # Some tokenizers drop a leading space of what they decode; after another token it stays.
        once, twice = (
            str(tokenizer.decode([token_id] * times, clean_up_tokenization_spaces=False)) for times in (1, 2)
        )
        whole = twice[len(once) :] if twice.startswith(once) else once
        return str(tokenizer.convert_ids_to_tokens(token_id)) if "\ufffd" in whole else whole

    return text

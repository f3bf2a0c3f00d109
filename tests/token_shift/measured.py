"""Measurements for the tests of the analysis: tables of a few tokens, with all columns, and their coverage."""

from collections.abc import Mapping, Sequence
from math import log
from pathlib import Path
from typing import Any

import pyarrow as pa

from urial.core.parquet import write_parquet
from urial.core.store import write_jsonl
from urial.records.token_shift import ShiftCoverage, shift_schema
from urial.statistics.bootstrap import Bootstrap

BOOTSTRAP = Bootstrap(resamples=200, confidence=0.95, seed=0)
# Base rank 1, 2 or 3, above 3.
UNSHIFTED, MARGINAL, SHIFTED = 1, 2, 9


def token(rank: int | None, text: str = "t", **changes: Any) -> dict[str, Any]:
    """A token without its place; rank None: below all candidates that a server shows."""
    category = "shifted" if rank is None or rank > 3 else "unshifted" if rank == 1 else "marginal"
    row = {
        "token_id": 1, "token": text, "word_index": None, "word": None, "is_end": False, "base_rank": rank,
        "aligned_rank": 1, "base_ties": 0, "aligned_ties": 0, "base_logprob": log(0.5), "aligned_logprob": 0.0,
        "base_entropy": 1.0, "aligned_entropy": 0.5, "kl": 0.25, "kl_reverse": 0.5, "js": 0.125, "kl_lower_bound": None,
        "category": category, "kind": None, "label": "content_word", "part": "answer", "move": None,
        "base_top_ids": [], "base_top_tokens": [],
        "base_top_logprobs": [], "aligned_top_ids": [], "aligned_top_tokens": [], "aligned_top_logprobs": [],
    }  # fmt: skip
    return {**row, **changes}


def served(rank: int | None, text: str = "t", bound: float | None = 0.75, **changes: Any) -> dict[str, Any]:
    """A token of which a server told what it can tell."""
    unknown = ("token_id", "aligned_rank", "base_ties", "aligned_ties", "aligned_logprob", "base_entropy")
    nulls = dict.fromkeys((*unknown, "aligned_entropy", "kl", "kl_reverse", "js"))
    return token(rank, text, **{**nulls, "kl_lower_bound": bound, **changes})


def table_of(answers: Mapping[str, Sequence[dict[str, Any]]]) -> pa.Table:
    """The rows of answers, by instruction; a token may name its own position."""
    rows = [
        {"instruction_id": name, "position": position, **row}
        for name, tokens in answers.items()
        for position, row in enumerate(tokens)
    ]
    return pa.Table.from_pylist(rows, schema=shift_schema())


def ranks(answers: Mapping[str, Sequence[int]]) -> pa.Table:
    """A table of tokens of which the ranks alone matter."""
    return table_of({name: [token(rank) for rank in found] for name, found in answers.items()})


def covered(name: str, positions: int = 1, **changes: Any) -> ShiftCoverage:
    """The coverage of a measured answer."""
    fields = {
        "instruction_id": name, "context": "base", "status": "measured", "reason": None, "positions": positions,
        "unmatched": 0, "retokenized": False, "end": "same", "vocabulary": 300,
    }  # fmt: skip
    return ShiftCoverage.model_validate({**fields, **changes})


def lost(name: str, status: str = "no_answer") -> ShiftCoverage:
    """The coverage of an answer that was not measured."""
    return covered(name, 0, status=status, reason=f"it is {status}", end="none", vocabulary=None)


def coverage_of(table: pa.Table) -> list[ShiftCoverage]:
    """The coverage of every answer in a table."""
    counts = table["instruction_id"].value_counts().to_pylist()
    return [covered(item["values"], item["counts"]) for item in counts]


def written(path: Path, table: pa.Table, coverage: Sequence[ShiftCoverage] | None = None) -> Path:
    """A measurement as files."""
    write_parquet(path, [table], shift_schema())
    if coverage is not None:
        write_jsonl(path.with_suffix(".coverage.jsonl"), coverage)
    return path

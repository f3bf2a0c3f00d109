"""Pools of examples in files, and retrievers over them."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.core.store import write_jsonl
from urial.prompts.versions.retrieval import Retriever, open_retriever
from urial.records.prompt import Bm25, Example, Retrieval

FRUIT = (
    "How do I peel an orange?",
    "How do I store a ripe banana?",
    "Why is a banana yellow?",
    "What is the capital of France?",
    "Which fruit has the most seeds?",
)


def plan_of(pool: Path, **changes: Any) -> Retrieval:
    fields = {
        "pool": "pools/mine.jsonl",
        "pool_hash": file_hash(pool),
        "k": 2,
        "retriever": Bm25(kind="bm25"),
        **changes,
    }
    return Retrieval(**fields)


def write_pool(folder: Path, queries: Sequence[str]) -> Path:
    path = folder / "pool.jsonl"
    write_jsonl(path, (Example(query=query, answer=f"answer {line}") for line, query in enumerate(queries, start=1)))
    return path


def retriever_of(queries: Sequence[str], **changes: Any) -> Retriever:
    with tempfile.TemporaryDirectory() as folder:
        pool = write_pool(Path(folder), queries)
        return open_retriever(plan_of(pool, **changes), pool)


def chosen_queries(retriever: Retriever, query: str) -> list[str]:
    return [example.query for example in retriever.choose(query).examples]


def refusal(pool: Path, **changes: Any) -> str:
    with pytest.raises(UrialError) as caught:
        open_retriever(plan_of(pool, **changes), pool)
    return str(caught.value)

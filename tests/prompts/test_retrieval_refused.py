"""Pools that cannot be used, and what is said of them."""

from pathlib import Path

import pytest

from tests.conftest import run_python
from tests.prompts.pools import FRUIT, plan_of, refusal, write_pool
from urial.core.errors import UrialError
from urial.prompts.versions.retrieval import open_retriever


def test_a_pool_that_changed_is_refused(tmp_path: Path) -> None:
    pool = write_pool(tmp_path, FRUIT)
    assert refusal(pool, pool_hash=f"sha256:{64 * '0'}") == (
        f"{pool}: changed since it was planned\n  fix: run `dvc repro --force plan`, then `dvc repro`"
    )


def test_a_pool_that_is_not_there_is_refused(tmp_path: Path) -> None:
    plan = plan_of(write_pool(tmp_path, FRUIT))
    with pytest.raises(UrialError) as caught:
        open_retriever(plan, tmp_path / "other.jsonl")
    assert str(caught.value) == (
        f"{tmp_path}/other.jsonl: cannot be read: No such file or directory\n  fix: check the path"
    )


def test_a_bad_row_is_named(tmp_path: Path) -> None:
    pool = tmp_path / "pool.jsonl"
    pool.write_text('{"query": "Why?", "answer": "So."}\n{"query": "", "answer": "So."}\n', encoding="utf-8")
    assert refusal(pool, k=1) == (
        f"{pool}, line 2: field 'query': string should have at least 1 character, got ''\n"
        "  expected: the record Example as in schemas/"
    )


def test_a_pool_of_fewer_queries_than_examples_is_refused(tmp_path: Path) -> None:
    assert refusal(write_pool(tmp_path, ["Why?", "why", "How?"]), k=3) == (
        f"{tmp_path}/pool.jsonl: the 3 rows have 2 different queries, and retrieval.k is 3\n"
        "  fix: write a new prompt version with a larger pool or a smaller k"
    )


def test_nothing_is_printed_and_no_library_is_imported_before_it_works(tmp_path: Path) -> None:
    pool = write_pool(tmp_path, FRUIT)
    code = """
import sys
from pathlib import Path
from urial.core.hashing import file_hash
from urial.records.prompt import Bm25
from urial.records.prompt import Retrieval
from urial.prompts.versions.retrieval import open_retriever
heavy = {"bm25s", "faiss", "sentence_transformers", "torch"}
assert not heavy & set(sys.modules)
pool = Path(sys.argv[1])
plan = Retrieval(pool="pools/p.jsonl", pool_hash=file_hash(pool), k=2, retriever=Bm25(kind="bm25"))
assert open_retriever(plan, pool).choose("a banana").lines == (2, 3)
assert heavy & set(sys.modules) == {"bm25s"}
"""
    done = run_python(code, str(pool))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

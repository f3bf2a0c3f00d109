"""In-context examples that are chosen for each instruction from a pool (paper, section 4.2: retrieval ICL).

Only the pool's queries are compared with the instruction, never its answers. The paper embeds them with MPNET and
searches with FAISS, which the retriever `dense` can do; `bm25` needs no model.

A pool must not answer the instruction itself, so its near-duplicates are left out. They are found by words: Unicode
form (NFKC) and case do not count, punctuation is no part of a word, and so an example that differs only in these is
the same query. Near-duplicates are texts whose sets of words have a Jaccard similarity, words in both over words in
either, of `near_duplicate` or more. Neither order nor repetition counts, and the same query is always one, having 1.
Short queries are safe: at the default of 0.8 two sets differ in a word only when five words are in either.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import regex
from numpy.typing import NDArray

from urial.core.errors import UrialError, shorten
from urial.core.hashing import file_hash
from urial.core.store import read_jsonl
from urial.prompts.versions.embeddings import Scores, Similarity, embedding_similarity
from urial.records.prompt import Dense, Example, Retrieval

# Okapi BM25 as usual, with Lucene's inverse document frequency, which is above zero for the commonest of words too.
K1, B = 1.5, 0.75

# Scripts without spaces between words.
_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# The standard library's \w ends a word at each vowel sign of Hindi or Tamil.
_WORD = regex.compile(
    rf"[{_SPACELESS}]\p{{M}}*|[\p{{L}}\p{{N}}_--[{_SPACELESS}]][\p{{L}}\p{{N}}\p{{M}}_--[{_SPACELESS}]]*", regex.V1
)


@dataclass(frozen=True)
class Chosen:
    """The examples for one instruction, the most similar last, so that it stands next to the instruction."""

    examples: tuple[Example, ...]
    lines: tuple[int, ...]
    """1-based line of each in the pool."""


@dataclass(frozen=True)
class Retriever:
    """A pool, read and indexed once; `open_retriever` makes it."""

    retrieval: Retrieval
    pool: tuple[tuple[int, Example], ...]
    """(line, row) of each query, once a query."""
    similarity: Similarity

    def choose(self, query: str, others: Sequence[str] = ()) -> Chosen:
        """The k most similar rows that are no near-duplicates of ``query`` nor of ``others``, and no query twice.

        ``others`` are the further turns of the instruction, to which the examples must not give the answer either.

        Of equally similar rows the one that stands first in the pool counts as more similar; so where no row has any
        word of the instruction, BM25 chooses the first k of the pool.
        Raises UrialError when fewer than k rows are left.
        """
        turn_words = [frozenset(words(text)) for text in (query, *others)]
        best: list[tuple[int, Example]] = []
        for index in _ranking(self.similarity(query)):
            line, example = self.pool[index]
            known = frozenset(words(example.query))
            shares = (len(known & turn) / len(known | turn) for turn in turn_words)
            if any(share >= self.retrieval.near_duplicate for share in shares):
                continue
            best.append((line, example))
            if len(best) == self.retrieval.k:
                lines, examples = zip(*reversed(best), strict=True)
                return Chosen(examples, lines)
        raise UrialError(
            f"{len(best)} of {len(self.pool)} queries are no near-duplicates of the instruction "
            f"{shorten(query)}, and retrieval.k is {self.retrieval.k}",
            path=self.retrieval.pool,
            fix="write a new prompt version with a larger pool, a smaller k, or a larger near_duplicate",
        )


def open_retriever(retrieval: Retrieval, pool_file: Path) -> Retriever:
    """Read and index a pool. Raises UrialError when the pool is not the planned one, is too small or has a bad row,
    and when the model that a dense retriever needs cannot be loaded.

    A query that the pool has several times counts once, with its first row.
    """
    pool = read_pool(retrieval, pool_file)
    queries = [example.query for _, example in pool]
    chosen = retrieval.retriever
    similarity = embedding_similarity(chosen, queries) if isinstance(chosen, Dense) else _bm25(queries)
    return Retriever(retrieval, pool, similarity)


def words(text: str) -> list[str]:
    """The words of a text in their order, at least one, whatever the language.

    A word is a run of letters, digits, underscores and the marks on them; in scripts that put no spaces between words,
    each letter is one. A text without any, such as emoji, has each of its characters for a word; one without
    characters has the empty word.

    >>> words("Who’s   WHO, 中国?")
    ['who', 's', 'who', '中', '国']
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _WORD.findall(plain) or list("".join(plain.split())) or [""]


def _ranking(scores: Scores) -> Iterator[int]:
    """Places by score, the highest first, then by place; sorts hardly more of them than are asked for."""
    size, done = 32, 0
    while done < len(scores):
        size = min(8 * size, len(scores))
        least = np.partition(scores, -size)[-size]
        best = np.flatnonzero(scores >= least)
        ordered = best[np.argsort(-scores[best], kind="stable")]
        yield from map(int, ordered[done:])
        done = len(ordered)


def read_pool(retrieval: Retrieval, path: Path) -> tuple[tuple[int, Example], ...]:
    """(line, row) of each different query. Raises UrialError as `open_retriever` does."""
    rows = read_jsonl(path, Example)
    if file_hash(path) != retrieval.pool_hash:
        raise UrialError(
            "changed since it was planned", path=path, fix="run `dvc repro --force plan`, then `dvc repro`"
        )
    first: dict[str, tuple[int, Example]] = {}
    for line, row in enumerate(rows, start=1):
        first.setdefault(" ".join(words(row.query)), (line, row))
    if len(first) < retrieval.k:
        raise UrialError(
            f"the {len(rows)} rows have {len(first)} different queries, and retrieval.k is {retrieval.k}",
            path=path,
            fix="write a new prompt version with a larger pool or a smaller k",
        )
    return tuple(first.values())


def _bm25(queries: Sequence[str]) -> Similarity:
    """Okapi BM25 over the words of each query: no stop words and no stemming, which are a language's own."""
    import bm25s

    vocabulary: dict[str, int] = {}
    ids = [[vocabulary.setdefault(word, len(vocabulary)) for word in words(query)] for query in queries]
    # In double precision, so that rows that ought to be equally similar are.
    index = bm25s.BM25(method="lucene", k1=K1, b=B, dtype="float64")
    index.index((ids, vocabulary), create_empty_token=False, show_progress=False)

    def similarity(text: str) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = index.get_scores_from_ids(index.get_tokens_ids(words(text)))
        return scores

    return similarity

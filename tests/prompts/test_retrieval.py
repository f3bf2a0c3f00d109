"""Examples retrieved from a pool: what is chosen, in what order, what never is, and what is refused."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.prompts.pools import FRUIT, chosen_queries, plan_of, retriever_of, write_pool
from urial.core.errors import UrialError
from urial.prompts.versions.retrieval import K1, B, Chosen, open_retriever, words
from urial.records.prompt import Example


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Who’s   WHO?\n", ["who", "s", "who"]),
        ("ﬁsh STRASSE straße", ["fish", "strasse", "strasse"]),
        ("snake_case x2", ["snake_case", "x2"]),
        ("cafe\u0301", ["café"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("中国ABC的", ["中", "国", "abc", "的"]),
        ("ひらカナ", ["ひ", "ら", "カ", "ナ"]),
        ("한국어 단어", ["한국어", "단어"]),
        ("a ❤\ufe0f b", ["a", "b"]),
        ("?! 😀", ["?", "!", "😀"]),
        (" \n", [""]),
        ("", [""]),
    ],
)
def test_words_in_many_languages(text: str, expected: list[str]) -> None:
    assert words(text) == expected


# Order


def lucene_bm25(query: str, pool: Sequence[str]) -> list[float]:
    """Okapi BM25 of each pool query, written down from the formula; texts are words and spaces."""
    bags = [Counter(text.split()) for text in pool]
    mean = sum(bag.total() for bag in bags) / len(bags)

    def score(bag: Counter[str]) -> float:
        total = 0.0
        for word in query.split():
            having = sum(word in other for other in bags)
            idf = math.log(1 + (len(bags) - having + 0.5) / (having + 0.5))
            total += idf * bag[word] / (bag[word] + K1 * (1 - B + B * bag.total() / mean))
        return total

    return [score(bag) for bag in bags]


def jaccard(one: Sequence[str], other: Sequence[str]) -> float:
    return len({*one} & {*other}) / len({*one} | {*other})


def test_the_most_similar_stands_last(tmp_path: Path) -> None:
    pool = write_pool(tmp_path, FRUIT)
    chosen = open_retriever(plan_of(pool, k=3), pool).choose("How do I peel a banana?")
    assert chosen == Chosen(
        examples=(
            Example(query="Why is a banana yellow?", answer="answer 3"),
            Example(query="How do I peel an orange?", answer="answer 1"),
            Example(query="How do I store a ripe banana?", answer="answer 2"),
        ),
        lines=(3, 1, 2),
    )


def test_scores_are_those_of_the_formula() -> None:
    pool = ["a b c", "a a a b", "c d e f g h", "b d", "e"]
    for query in ("a", "b a", "d e f", "a a b", "z c z"):
        found = retriever_of(pool).similarity(query)
        assert found.tolist() == pytest.approx(lucene_bm25(query, pool), abs=1e-12)


def test_equally_similar_rows_stand_in_reverse_of_the_pool_s_order() -> None:
    pool = [f"{'one' if number % 2 else 'red'} n{number}" for number in range(40)]
    first, second = range(39, 0, -2), range(40, 0, -2)
    assert retriever_of(pool, k=40).choose("red one red yellow").lines == (*second, *first)


def test_without_a_word_in_common_the_first_rows_are_chosen() -> None:
    assert retriever_of(FRUIT, k=3).choose("谁写了红楼梦").lines == (3, 2, 1)
    assert retriever_of(FRUIT, k=3).choose("").lines == (3, 2, 1)


def test_a_ranking_is_walked_past_near_duplicates_as_far_as_it_must_be() -> None:
    # The nearest 250 are near-duplicates; then come pairs of equal rows, the longer the less similar.
    near = [f"a b c d e f n{number}" for number in range(250)]
    pairs = [f"a x{number} {' '.join(f'y{number // 2}' for _ in range(number // 2))}" for number in range(120)]
    lines = retriever_of([*near, *pairs], k=100).choose("a b c d e f").lines
    assert lines == tuple(range(350, 250, -1))


# Never the query itself


@pytest.mark.parametrize(
    "same",
    [
        "what is the capital of france",
        "WHAT IS THE CAPITAL OF FRANCE?!",
        "  What is the\ncapital of   France? ",
        "Ｗｈａｔ is the capital of France?",
        "Of France, what is the capital?",
        "What is the capital of France, please?",
    ],
)
def test_the_query_itself_and_its_near_duplicates_are_left_out(same: str) -> None:
    assert "What is the capital of France?" not in chosen_queries(retriever_of(FRUIT, k=4), same)


def test_a_near_duplicate_shares_as_many_words_as_the_prompt_says() -> None:
    pool = ["a b c d", "a b c", "x"]
    asked = "a b c d e"
    assert chosen_queries(retriever_of(pool, near_duplicate=0.8), asked) == ["x", "a b c"]
    assert chosen_queries(retriever_of(pool, near_duplicate=0.81), asked) == ["a b c", "a b c d"]
    assert chosen_queries(retriever_of([*pool, "y"], near_duplicate=0.6), asked) == ["y", "x"]
    assert chosen_queries(retriever_of([*pool, "e d c b a"], near_duplicate=1), asked) == ["a b c", "a b c d"]


def test_short_queries_are_near_duplicates_only_when_they_are_the_same() -> None:
    assert chosen_queries(retriever_of(["Why?", "Why not?", "How?"]), "why") == ["How?", "Why not?"]


def test_queries_without_spaces_or_letters_have_near_duplicates_too() -> None:
    pool = ["法国的首都是什么？", "法国的货币叫什么？", "😀😀", "😢", "…"]
    assert chosen_queries(retriever_of(pool, k=1), "法国的首都是什么") == ["法国的货币叫什么？"]
    assert "😀😀" not in chosen_queries(retriever_of(pool, k=4), "😀")


def test_a_query_that_is_in_the_pool_twice_counts_once_with_its_first_row() -> None:
    pool = ["red wine", "Red  wine!", "white wine", "beer"]
    assert retriever_of(pool, k=3).choose("which wine is red").lines == (4, 3, 1)


def test_too_few_rows_left_is_an_error() -> None:
    with pytest.raises(UrialError) as caught:
        retriever_of(["Why?", "WHY", "How?", "What?"], k=3).choose("why")
    assert str(caught.value) == (
        "pools/mine.jsonl: 2 of 3 queries are no near-duplicates of the instruction 'why', and retrieval.k is 3\n"
        "  fix: write a new prompt version with a larger pool, a smaller k, or a larger near_duplicate"
    )


# Whatever the pool and the query

SOME_WORDS = st.lists(st.sampled_from(list("abcdefgh")), min_size=1, max_size=8).map(" ".join)
POOLS = st.lists(SOME_WORDS, min_size=1, max_size=12, unique=True)
ANY_TEXT = st.text(min_size=1, max_size=30) | SOME_WORDS | st.text("😀中文हिの!? \u0301\ufe0f", min_size=1, max_size=6)


@given(pool=POOLS, query=SOME_WORDS, k=st.integers(1, 4))
def test_the_best_rows_of_the_formula_are_chosen(pool: list[str], query: str, k: int) -> None:
    assume(len(pool) >= k)
    scores = lucene_bm25(query, pool)
    left = [number for number, text in enumerate(pool) if jaccard(query.split(), text.split()) < 0.8]
    assume(len(left) >= k)
    chosen = retriever_of(pool, k=k).choose(query)
    found = [line - 1 for line in reversed(chosen.lines)]
    assert set(found) <= set(left)
    assert len(set(found)) == k
    best = sorted((scores[number] for number in left), reverse=True)[:k]
    assert [scores[number] for number in found] == pytest.approx(best, abs=1e-12)
    assert [example.query for example in chosen.examples] == [pool[line - 1] for line in chosen.lines]


@given(pool=POOLS, query=SOME_WORDS, data=st.data())
def test_only_ties_depend_on_the_order_of_the_pool(pool: list[str], query: str, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(pool))
    assume(sum(jaccard(query.split(), text.split()) < 0.8 for text in pool) >= 1)
    score = dict(zip(pool, lucene_bm25(query, pool), strict=True))
    (one,), (other,) = (chosen_queries(retriever_of(rows, k=1), query) for rows in (pool, shuffled))
    assert score[one] == pytest.approx(score[other], abs=1e-12)
    if sum(math.isclose(value, score[one], abs_tol=1e-12) for value in score.values()) == 1:
        assert one == other


@given(pool=st.lists(ANY_TEXT, min_size=1, max_size=12), query=st.text(max_size=30) | ANY_TEXT, k=st.integers(1, 3))
def test_any_text_gets_k_other_queries_or_a_reason(pool: list[str], query: str, k: int) -> None:
    different = {tuple(words(text)): text for text in pool}
    left = [text for text in different.values() if jaccard(words(text), words(query)) < 0.8]
    if len(different) < k:
        with pytest.raises(UrialError, match=f"the {len(pool)} rows have {len(different)} different queries"):
            retriever_of(pool, k=k)
        return
    retriever = retriever_of(pool, k=k)
    if len(left) < k:
        with pytest.raises(UrialError, match=f"{len(left)} of {len(different)} queries are no near-duplicates"):
            retriever.choose(query)
        return
    chosen = retriever.choose(query)
    assert [example.query for example in chosen.examples] == [pool[line - 1] for line in chosen.lines]
    assert all(jaccard(words(example.query), words(query)) < 0.8 for example in chosen.examples)
    assert len({tuple(words(example.query)) for example in chosen.examples}) == k
    assert retriever.choose(query) == retriever_of(pool, k=k).choose(query) == chosen

"""Ablations of any prompt: what each rule changes, what it keeps, and that a seed fixes what is random."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.prompts.texts import make_prompt, pairs
from urial.core.errors import UrialError
from urial.prompts.ablations.ablate import ablated
from urial.prompts.ablations.answers import plain_answers, random_answers, shuffled
from urial.prompts.ablations.choosing import chosen_examples, covering, spread
from urial.prompts.ablations.draws import drawn_order
from urial.prompts.ablations.pools import Pools
from urial.prompts.ablations.sentences import first_sentences, sentence_count
from urial.prompts.versions.dialects import DIALECTS
from urial.prompts.versions.library import prompt_hash
from urial.prompts.versions.rendering import render
from urial.records.ablation import Ablation
from urial.records.prompt import Example, Prompt

NO_POOLS = Pools(Path("nowhere"), "mine")
seeds = st.integers(0, 2**63 - 1)
# Few different texts, so that equal queries and answers are common.
texts = st.sampled_from(["a", "b", "c", "an answer. Of two!", "two\nlines", "é 😀"])
examples = st.lists(st.builds(Example, query=texts, answer=texts), max_size=8).map(tuple)
WITHOUT_POOLS: list[dict[str, Any]] = [
    {"examples": 0}, {"examples": 1}, {"answers": "shuffled"}, {"answers": "none"}, {"queries": "none"},
    {"order": "reversed"}, {"order": "permuted"}, {"order": "permuted", "answers": "shuffled"}, {"system_sentences": 0},
    {"system_sentences": 1}, {"examples": 2, "order": "reversed", "queries": "none", "system_sentences": 0},
]  # fmt: skip


def rows(*texts: tuple[str, str]) -> tuple[Example, ...]:
    return tuple(Example(query=query, answer=answer) for query, answer in texts)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    """A sound prompt in any dialect, in its own layout."""
    system = draw(st.none() | st.sampled_from(["One.", "One. Two? Three!", "One\nTwo", "v1.5 is fine"]))
    shown = [(item.query, item.answer) for item in draw(examples)]
    return make_prompt(system, *shown, dialect=draw(st.sampled_from(list(DIALECTS))))


@given(items=examples, seed=seeds)
@example(items=rows(("a", "x"), ("b", "y")), seed=0)
def test_shuffled_answers_leave_none_at_its_query_and_lose_none(items: tuple[Example, ...], seed: int) -> None:
    most = max(Counter(item.answer for item in items).values(), default=0)
    if not items or 2 * most > len(items):
        with pytest.raises(UrialError, match="leaves an answer where it was"):
            shuffled(items, seed) if items else shuffled(rows(("a", "b")), seed)
        return
    mixed = shuffled(items, seed)
    assert [item.query for item in mixed] == [item.query for item in items]
    assert Counter(item.answer for item in mixed) == Counter(item.answer for item in items)
    assert all(new.answer != old.answer for new, old in zip(mixed, items, strict=True))
    assert mixed == shuffled(items, seed)


def test_three_answers_are_shuffled_in_both_ways_that_there_are() -> None:
    items = rows(("1", "a"), ("2", "b"), ("3", "c"))
    found = {"".join(item.answer for item in shuffled(items, seed)) for seed in range(20)}
    assert found == {"bca", "cab"}


@given(prompt=prompts(), fields=st.sampled_from(WITHOUT_POOLS), seed=seeds)
def test_an_ablated_prompt_has_another_text_and_another_hash_or_is_refused(
    prompt: Prompt, fields: dict[str, Any], seed: int
) -> None:
    ablation = Ablation(**fields)
    if ablation.draws:
        ablation = ablation.model_copy(update={"seed": seed})
    try:
        changed = ablated(prompt, ablation, NO_POOLS)
    except UrialError:
        return
    assert prompt_hash(changed) != prompt_hash(prompt)
    assert render(changed, "q").text != render(prompt, "q").text
    assert changed == ablated(prompt, ablation, NO_POOLS)
    assert Counter(pairs(changed)) <= Counter(pairs(prompt)) or ablation.answers == "shuffled"
    # The query to answer is last, as in the prompt of nothing else.
    assert render(changed, "q").text.endswith(render(make_prompt(dialect=prompt.dialect), "q").text)
    assert render(changed, "q").stop == render(prompt, "q").stop
    kept = {"description", "dialect", "fence", "stop", "source", "licence"}
    assert changed.model_dump(include=kept) == prompt.model_dump(include=kept)


@given(
    shown=st.lists(st.builds(Example, query=texts, answer=texts), min_size=3, unique_by=lambda item: item.answer),
    fields=st.sampled_from(WITHOUT_POOLS),
    dialect=st.sampled_from(list(DIALECTS)),
)
def test_a_prompt_of_several_sentences_and_answers_allows_every_rule(
    shown: list[Example], fields: dict[str, Any], dialect: Any
) -> None:
    prompt = make_prompt("One. Two? Three!", *((item.query, item.answer) for item in shown), dialect=dialect)
    assert ablated(prompt, Ablation(**fields), NO_POOLS) != prompt


@given(count=st.integers(0, 60), seed=seeds)
def test_a_drawn_order_has_every_number_once_and_is_the_seed_s(count: int, seed: int) -> None:
    assert sorted(drawn_order(count, seed, "x")) == list(range(count))
    assert drawn_order(count, seed, "x") == drawn_order(count, seed, "x")


def test_an_order_is_that_of_sha256sum_in_every_version_of_python() -> None:
    assert drawn_order(6, 0, "answers") == [3, 4, 2, 0, 5, 1]
    assert drawn_order(6, 1, "answers") == [0, 4, 5, 2, 1, 3]
    assert drawn_order(6, 0, "order") == [2, 3, 1, 5, 0, 4]


@given(words=st.lists(st.frozensets(st.sampled_from("abcdef"), min_size=1), min_size=1, max_size=8), data=st.data())
def test_greedy_and_diverse_choices_are_the_best_ones_step_by_step(
    words: list[frozenset[str]], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(words)))
    weights = Counter(word for text in words for word in text)
    greedy, diverse = covering(words, count), spread(words, count)
    assert len(set(greedy)) == len(set(diverse)) == count
    for step in range(count):
        covered = frozenset().union(*(words[place] for place in greedy[:step]))
        gains = [sum(weights[word] for word in text - covered) for text in words]
        assert gains[greedy[step]] == max(gains[place] for place in range(len(words)) if place not in greedy[:step])
        far = [max((len(text & words[c]) / len(text | words[c]) for c in diverse[:step]), default=0) for text in words]
        assert far[diverse[step]] == min(far[place] for place in range(len(words)) if place not in diverse[:step])


@given(items=examples, count=st.integers(1, 8), seed=seeds, choice=st.sampled_from(["greedy", "diverse", "random"]))
def test_more_examples_begin_with_the_fewer(items: tuple[Example, ...], count: int, seed: int, choice: Any) -> None:
    assume(len(items) >= count)
    assert chosen_examples(items, count - 1, choice, seed) == chosen_examples(items, count, choice, seed)[:-1]


@given(items=examples, pool=examples, seed=seeds)
def test_random_answers_are_different_and_answer_other_queries(
    items: tuple[Example, ...], pool: tuple[Example, ...], seed: int
) -> None:
    asked, own = {item.query for item in items}, {item.answer for item in items}
    usable = {row.answer for row in {row.query: row for row in pool[::-1]}.values() if row.query not in asked} - own
    if len(usable) < len(items):
        with pytest.raises(UrialError, match="different answers to other queries"):
            random_answers(items, list({row.query: row for row in pool[::-1]}.values()), seed)
        return
    changed = random_answers(items, pool, seed)
    answers = [item.answer for item in changed]
    assert [item.query for item in changed] == [item.query for item in items]
    assert len(set(answers)) == len(items)
    assert not own & set(answers)
    assert all(any(row.answer == answer and row.query not in asked for row in pool) for answer in answers)


def test_plain_answers_are_those_to_the_same_query_whatever_its_case_and_marks() -> None:
    pool = rows(("who is it", "she"), ("where", "there"))
    assert plain_answers(rows(("Who is it?", "It is, of course, she!")), pool) == rows(("Who is it?", "she"))
    with pytest.raises(UrialError, match="no plain answer to 'When', 'Why'"):
        plain_answers(rows(("When", "x"), ("Why", "y"), ("where", "z")), pool)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One.", ["One."]),
        ("One. Two? Three!", ["One.", "One. Two?", "One. Two? Three!"]),
        ("Version 1.5 works. Yes", ["Version 1.5 works.", "Version 1.5 works. Yes"]),
        ("A heading\n\n- one\n- two\n", ["A heading", "A heading\n\n- one", "A heading\n\n- one\n- two"]),
        ("No end", ["No end"]),
        ('He said "Go." Then\r\nhe went', ['He said "Go." Then', 'He said "Go." Then\r\nhe went']),
    ],
)
def test_a_sentence_ends_with_its_line_or_before_a_space(text: str, sentences: list[str]) -> None:
    assert sentence_count(text) == len(sentences)
    assert [first_sentences(text, count + 1).rstrip("\n") for count in range(len(sentences))] == sentences


@given(text=st.text(st.sampled_from("ab.?! \n\r\t"), max_size=30), count=st.integers(1, 6))
def test_the_first_sentences_are_the_beginning_of_the_text(text: str, count: int) -> None:
    first = first_sentences(text, count)
    assert text.startswith(first)
    assert (first.rstrip() != text.rstrip()) <= (sentence_count(text) > count)
    assert len(first) <= len(first_sentences(text, count + 1))

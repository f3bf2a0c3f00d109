"""Most shifted tokens and words, against values computed by hand."""

from math import log, sqrt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_shift.measured import MARGINAL, SHIFTED, UNSHIFTED, table_of, token
from urial.records.shift_figures import ShiftedToken, ShiftedWord
from urial.token_shift.figures.positions import Positions
from urial.token_shift.figures.tokens import (
    PRIOR_TOTAL,
    TOP_SHIFTED,
    Counts,
    log_odds_ratios,
    token_counts,
    top_log_odds,
    top_tokens,
    top_words,
    word_counts,
)

# Pipes, markup, control characters, NUL, right-to-left, nothing at all.
HOSTILE = ["a|b", "<script>", "\x1b[31m", "\x00", "\u202eabc", "שלום", "", "\n", " "]
COUNTS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=8)


def tokens(table: pa.Table) -> Counts:
    return token_counts(table, Positions.of(table))


def words(table: pa.Table) -> Counts:
    return word_counts(table, Positions.of(table))


def emitted(text: str, *ranks: int) -> list[dict[str, object]]:
    return [token(rank, text) for rank in ranks]


def test_top_tokens_are_those_shifted_most_often_with_how_often_they_are_emitted() -> None:
    table = table_of({"a": [*emitted("Hello", 9, 4, 1), *emitted(" x", 9, 3)], "b": emitted("Hello", 2)})
    assert top_tokens(tokens(table), 5) == (
        ShiftedToken(token="Hello", shifted=2, positions=4),
        ShiftedToken(token=" x", shifted=1, positions=2),
    )


def test_as_many_are_listed_as_asked_for_and_equals_by_their_text() -> None:
    table = table_of({"a": [token(SHIFTED, f"t{number:02}") for number in reversed(range(30))]})
    assert [item.token for item in top_tokens(tokens(table), TOP_SHIFTED)] == [f"t{number:02}" for number in range(20)]
    assert len(top_tokens(tokens(table), 3)) == 3


def test_tokens_that_no_one_can_see_are_themselves() -> None:
    table = table_of({"a": [token(SHIFTED, text) for text in HOSTILE]})
    assert [item.token for item in top_tokens(tokens(table), 20)] == sorted(HOSTILE)


def test_a_word_counts_once_and_is_shifted_when_any_of_its_tokens_is() -> None:
    word = {"word": "Karmost", "word_index": 0}
    other = {"word": "Karmost", "word_index": 1}
    table = table_of(
        {
            "a": [token(UNSHIFTED, "Kar", **word), token(SHIFTED, "most", **word), token(UNSHIFTED, ".")],
            "b": [token(UNSHIFTED, "Kar", **word), token(MARGINAL, "most", **word), token(SHIFTED, "Karmost", **other)],
            "c": [token(UNSHIFTED, "Kar", **word), token(UNSHIFTED, "most", **word)],
        }
    )
    found = words(table)
    assert (found.texts, found.by_category.tolist()) == (["Karmost"], [[1, 1, 2]])
    assert top_words(found, 5) == (ShiftedWord(word="Karmost", shifted=2, occurrences=4),)


def test_tokens_of_no_word_are_no_word() -> None:
    table = table_of({"a": [token(SHIFTED, "."), token(SHIFTED, ",", word_index=0), token(SHIFTED, "!", word="!")]})
    assert (words(table).texts, top_words(words(table), 5), top_log_odds(words(table), 5)) == ([], (), ())


def test_words_of_the_same_number_in_two_answers_are_two_occurrences() -> None:
    table = table_of({name: [token(SHIFTED, "Hi", word="Hi", word_index=3)] for name in ("a", "b")})
    assert top_words(words(table), 1) == (ShiftedWord(word="Hi", shifted=2, occurrences=2),)


def test_log_odds_are_those_of_the_paper() -> None:
    # Of 10 shifted tokens 8 are A and 2 B; of 40 unshifted ones 2 are A and 38 B. The prior of 500 is 100 A and 400 B, so
    # A has 108 of 510 and 102 of 540.
    table = table_of({"x": [*emitted("A", *[9] * 8, *[1] * 2), *emitted("B", *[9] * 2, *[1] * 38)]})
    ratio = log(108 / 402) - log(102 / 438)
    (found,) = top_log_odds(tokens(table), 5)
    assert (found.text, found.shifted, found.unshifted) == ("A", 8, 2)
    assert found.log_odds == pytest.approx(ratio)
    assert found.log_odds == pytest.approx(0.142925, abs=1e-6)
    assert found.z == pytest.approx(ratio / sqrt(1 / 108 + 1 / 102))
    assert found.z == pytest.approx(1.035166, abs=1e-5)


def test_marginal_tokens_are_in_the_prior_alone() -> None:
    # A 6, B 4 of 10 in all: a prior of 300 and 200.
    table = table_of({"x": [*emitted("A", 9, 9, 9, 1, 2, 3), *emitted("B", 9, 1, 1, 1)]})
    (found,) = top_log_odds(tokens(table), 5)
    ratio = log(303 / 201) - log(301 / 203)
    assert (found.text, found.shifted, found.unshifted) == ("A", 3, 1)
    assert found.log_odds == pytest.approx(ratio)
    assert found.z == pytest.approx(ratio / sqrt(1 / 303 + 1 / 301))


def test_a_frequent_difference_counts_more_than_a_rare_one_of_the_same_rate() -> None:
    rows = [*emitted("rare", 9, 9), *emitted("often", *[9] * 40), *emitted("other", *[1] * 100, *[9] * 5)]
    assert [item.text for item in top_log_odds(tokens(table_of({"x": rows})), 5)] == ["often", "rare"]


def test_what_never_shifts_is_not_among_the_most_shifted() -> None:
    # Marginal alone, "x" is in the prior: of the few shifted tokens it would be more than of the many unshifted ones.
    table = table_of({"a": [*emitted("x", *[2] * 20), *emitted("A", 9, 9), *emitted("B", *[1] * 50)]})
    assert [item.text for item in top_log_odds(tokens(table), 5)] == ["A"]


@pytest.mark.parametrize("ranks", [[9, 9], [1, 1], [2, 3]])
def test_without_one_of_the_groups_there_is_nothing_to_compare(ranks: list[int]) -> None:
    assert top_log_odds(tokens(table_of({"x": [token(ranks[0], "A"), token(ranks[1], "B")]})), 5) == ()


def test_a_single_text_is_no_more_frequent_than_others() -> None:
    assert top_log_odds(tokens(table_of({"x": emitted("A", 9, 1)})), 5) == ()


@given(COUNTS)
def test_swapping_the_groups_flips_the_sign(counts: list[tuple[int, int]]) -> None:
    first, second = np.array(counts).T
    prior = PRIOR_TOTAL * (first + second + 1) / (first + second + 1).sum()
    for one, other in zip(log_odds_ratios(first, second, prior), log_odds_ratios(second, first, prior), strict=True):
        assert one == pytest.approx(-other)
        assert np.isfinite(one).all()


@given(st.lists(st.integers(1, 50), min_size=2, max_size=8), st.integers(1, 5))
def test_texts_as_frequent_in_both_groups_are_at_zero(counts: list[int], times: int) -> None:
    first = np.array(counts)
    prior = PRIOR_TOTAL * first / first.sum()
    ratios, z = log_odds_ratios(first, times * first, prior)
    assert ratios == pytest.approx(np.zeros(len(counts)), abs=1e-9)
    assert z == pytest.approx(np.zeros(len(counts)), abs=1e-9)


@given(COUNTS)
def test_a_stronger_prior_shrinks_every_ratio(counts: list[tuple[int, int]]) -> None:
    first, second = np.array(counts).T
    total = first + second + 1
    weak, strong = (log_odds_ratios(first, second, scale * total / total.sum())[0] for scale in (50.0, 500_000.0))
    assert np.abs(strong).max() <= np.abs(weak).max() + 1e-9
    assert strong == pytest.approx(np.zeros(len(counts)), abs=0.05)

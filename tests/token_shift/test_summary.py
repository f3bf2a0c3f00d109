"""Figures computed by hand from a table of three answers."""

from math import log
from typing import Any

import pytest

from tests.token_shift.measured import (
    BOOTSTRAP,
    SHIFTED,
    UNSHIFTED,
    coverage_of,
    covered,
    lost,
    served,
    table_of,
    token,
)
from urial.core.errors import UrialError
from urial.records.shift_figures import EndCounts
from urial.records.token_shift import LABELS
from urial.token_shift.figures.summary import summarize


def part(text: str, rank: int, measured: tuple[float, float], **changes: Any) -> dict[str, Any]:
    """A token with its base probability and KL."""
    return token(rank, text, base_logprob=log(measured[0]), kl=measured[1], **changes)


ANSWERS = {
    "a": [
        part("Hello", 9, (0.1, 2.0), kind="style", label="greeting"),
        part(" Karmost", 1, (0.9, 0.5), kind="knowledge"),
    ],
    "b": [
        part("Hello", 4, (0.2, 1.0), kind="style", label="greeting", base_ties=1),
        part(" Karmost", 5, (0.3, 0.25), kind="knowledge"),
        part(".", 3, (0.5, 0.25), kind="style", label="punctuation"),
    ],
    "c": [part("Karmost", 2, (0.4, 0.0), kind="knowledge", base_ties=2)],
}
COVERAGE = [covered("a", 2), covered("b", 3), covered("c"), lost("d"), lost("e", "too_long"), lost("f", "too_long")]


def figures(answers: dict[str, Any], **options: Any) -> Any:
    return summarize(table_of(answers), options.pop("coverage", COVERAGE), BOOTSTRAP, **options)


def test_shares_are_of_positions_not_of_answers() -> None:
    found = figures(ANSWERS)
    assert found.positions == 6
    assert found.unshifted.mean == pytest.approx(1 / 6)
    assert found.marginal.mean == pytest.approx(2 / 6)
    assert found.shifted.mean == pytest.approx(3 / 6)
    assert found.kl.mean == pytest.approx(4.0 / 6)
    assert found.base_probability.mean == pytest.approx(2.4 / 6)
    assert found.ties == 2


def test_every_instruction_is_counted_once() -> None:
    found = figures(ANSWERS)
    assert (found.measured, found.no_answer, found.too_long, found.unsupported) == (3, 1, 2, 0)


def test_interval_is_over_answers() -> None:
    shifted = figures(ANSWERS).shifted
    # Only c can be drawn three times (0 of 1), or b (2 of 3).
    assert shifted.low == 0
    assert shifted.high == pytest.approx(2 / 3)


def test_style_and_knowledge_split_the_shifted_tokens() -> None:
    found = figures(ANSWERS)
    assert (found.style.positions, found.knowledge.positions) == (3, 3)
    assert found.style.shifted.mean == pytest.approx(2 / 3)
    assert found.knowledge.shifted.mean == pytest.approx(1 / 3)
    assert found.style.share_of_shifted.mean == pytest.approx(2 / 3)
    assert found.knowledge.share_of_shifted.mean == pytest.approx(1 / 3)


def test_kinds_are_absent_where_no_truth_is_known() -> None:
    unknown = {name: [{**row, "kind": None} for row in rows] for name, rows in ANSWERS.items()}
    found = figures(unknown)
    assert (found.style, found.knowledge) == (None, None)


def test_a_token_of_no_kind_is_of_neither_and_is_still_shifted() -> None:
    found = figures({"a": [token(SHIFTED, kind="style"), token(SHIFTED), token(SHIFTED), token(UNSHIFTED)]})
    assert (found.style.positions, found.knowledge.positions) == (1, 0)
    assert (found.style.shifted.mean, found.style.share_of_shifted.mean) == (1, pytest.approx(1 / 3))
    assert (found.knowledge.shifted.mean, found.knowledge.share_of_shifted.mean) == (None, 0)


def test_every_label_has_its_figures() -> None:
    labels = figures(ANSWERS).labels
    assert tuple(labels) == LABELS
    assert [labels[name].positions for name in ("greeting", "content_word", "punctuation", "end")] == [2, 3, 1, 0]
    assert labels["greeting"].shifted.mean == 1
    assert labels["greeting"].share_of_shifted.mean == pytest.approx(2 / 3)
    assert labels["content_word"].shifted.mean == pytest.approx(1 / 3)
    assert (labels["punctuation"].shifted.mean, labels["punctuation"].share_of_shifted.mean) == (0, 0)
    assert (labels["end"].shifted.mean, labels["end"].share_of_shifted.mean) == (None, 0)


def test_nothing_shifted_has_no_share_of_the_shifted() -> None:
    found = figures({"a": [token(UNSHIFTED)], "b": [token(UNSHIFTED)]})
    assert found.labels["content_word"].shifted.mean == 0
    assert found.labels["content_word"].share_of_shifted.mean is None
    assert (found.top_shifted, found.log_odds_tokens) == ((), ())


def test_the_other_means_are_those_of_their_columns() -> None:
    answers = {
        "a": [token(1, kl_reverse=1.0, js=0.5, base_entropy=2.0, aligned_entropy=0.0)],
        "b": [token(1, kl_reverse=0.0, js=0.25, base_entropy=1.0, aligned_entropy=0.5)] * 3,
    }
    found = figures(answers)
    assert found.kl_reverse.mean == pytest.approx(1 / 4)
    assert found.js.mean == pytest.approx(1.25 / 4)
    assert found.base_entropy.mean == pytest.approx(5 / 4)
    assert found.aligned_entropy.mean == pytest.approx(1.5 / 4)
    assert {found.kl.positions, found.js.positions, found.base_probability.positions} == {4}
    assert (found.kl_lower_bound.mean, found.kl_lower_bound.positions) == (None, 0)


def test_a_mean_is_over_the_positions_whose_value_is_known() -> None:
    answers = {
        "a": [token(1, kl=1.0), served(None, bound=2.0), served(1, bound=None)],
        "b": [token(9, kl=0.5), token(1, kl=0.0, js=None)],
    }
    found = figures(answers)
    assert (found.kl.mean, found.kl.positions, found.positions) == (0.5, 3, 5)
    assert (found.kl_lower_bound.mean, found.kl_lower_bound.positions) == (2.0, 1)
    assert (found.js.positions, found.base_entropy.positions, found.base_probability.positions) == (2, 3, 5)
    assert found.shifted.mean == pytest.approx(2 / 5)
    assert found.ties == 0


def test_what_is_known_of_no_position_is_null_not_zero() -> None:
    found = figures({"a": [served(None), served(1)], "b": [served(2)]})
    for name in ("kl", "kl_reverse", "js", "base_entropy", "aligned_entropy"):
        mean = getattr(found, name)
        assert (mean.mean, mean.low, mean.high, mean.positions) == (None, None, None, 0)
    assert (found.kl_lower_bound.mean, found.kl_lower_bound.positions) == (0.75, 3)
    assert found.ties is None
    assert found.base_probability.mean == pytest.approx(0.5)


def test_coverage_is_counted_over_measured_answers() -> None:
    coverage = [
        covered("a", 2, retokenized=True, unmatched=3, end="base"),
        covered("b", 3, end="dropped", unmatched=1),
        covered("c", end="none"),
        lost("d", "unsupported"),
        lost("e").model_copy(update={"retokenized": True, "unmatched": 7}),
    ]
    found = figures(ANSWERS, coverage=coverage)
    assert (found.measured, found.no_answer, found.too_long, found.unsupported) == (3, 1, 0, 1)
    assert (found.retokenized, found.unmatched, found.vocabulary) == (1, 4, 300)
    assert found.ends == EndCounts(none=1, same=0, base=1, dropped=1)


def test_without_coverage_only_what_the_table_shows_is_known() -> None:
    found = figures(ANSWERS, coverage=None)
    assert found.measured == 3
    unknown = ("no_answer", "too_long", "unsupported", "retokenized", "unmatched", "ends", "vocabulary")
    assert [getattr(found, name) for name in unknown] == [None] * 7
    assert found.shifted == figures(ANSWERS).shifted


def test_each_model_with_its_own_vocabulary_has_no_shared_one() -> None:
    own = [row.model_copy(update={"vocabulary": None}) for row in coverage_of(table_of(ANSWERS))]
    assert figures(ANSWERS, coverage=own).vocabulary is None


def test_coverage_of_two_vocabularies_is_refused() -> None:
    with pytest.raises(UrialError) as caught:
        figures(ANSWERS, coverage=[covered("a", 2), covered("b", 3, vocabulary=1_200), covered("c")])
    assert str(caught.value) == (
        "answers of one context were measured over different vocabularies: of 300 and 1,200 tokens"
        "\n  expected: the coverage of one pair of models"
    )


def test_nothing_measured_is_null_not_zero() -> None:
    found = figures({}, coverage=[lost("a")])
    assert (found.positions, found.measured, found.no_answer, found.ties, found.vocabulary) == (0, 0, 1, 0, None)
    means = (found.kl, found.kl_lower_bound, found.js, found.base_probability)
    for estimate in (found.unshifted, found.marginal, found.shifted, *means):
        assert (estimate.mean, estimate.low, estimate.high) == (None, None, None)
    assert (found.top_shifted, found.top_words, found.log_odds_tokens, found.log_odds_words) == ((), (), (), ())
    assert {item.positions for item in found.labels.values()} == {0}


def test_one_answer_has_means_and_no_interval() -> None:
    found = figures({"a": [token(SHIFTED), token(UNSHIFTED)]})
    assert (found.shifted.mean, found.shifted.low, found.shifted.high) == (0.5, None, None)
    assert (found.kl.mean, found.kl.low) == (0.25, None)

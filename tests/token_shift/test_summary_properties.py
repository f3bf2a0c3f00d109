"""What must hold of the figures of any measurement."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_shift.measured import BOOTSTRAP, coverage_of, table_of, token
from urial.records.estimate import Estimate
from urial.records.shift_figures import ShiftFigures
from urial.records.token_shift import LABELS
from urial.token_shift.figures.summary import MEANS, summarize

Answers = Mapping[str, list[dict[str, Any]]]
NUMBERS = st.floats(0, 8, width=32)


@st.composite
def tokens(draw: Callable[..., Any]) -> dict[str, Any]:
    """A token with everything that may be null null at times."""
    known = draw(st.booleans())
    word = draw(st.sampled_from([None, "w", "x"]))
    return token(
        draw(st.sampled_from([None, 1, 1, 2, 3, 4, 50_000])),
        draw(st.sampled_from(["a", " b", "</s>", ""])),
        word=word,
        word_index=None if word is None else draw(st.integers(0, 1)),
        kl=draw(NUMBERS) if known else None,
        kl_lower_bound=None if known else draw(st.none() | NUMBERS),
        js=draw(st.none() | NUMBERS),
        base_ties=draw(st.none() | st.integers(0, 3)),
        base_logprob=-draw(NUMBERS),
        kind=draw(st.sampled_from([None, "style", "knowledge"])),
        label=draw(st.sampled_from(LABELS)),
    )


ANSWERS = st.dictionaries(st.text(min_size=1, max_size=3), st.lists(tokens(), min_size=1, max_size=6), max_size=6)


def figures(answers: Answers) -> ShiftFigures:
    table = table_of(answers)
    return summarize(table, coverage_of(table), BOOTSTRAP)


def means(found: ShiftFigures) -> dict[str, float | None]:
    """Every mean, without its interval."""
    values = {name: getattr(found, name).mean for name in ("unshifted", "marginal", "shifted", *MEANS)}
    for label, item in found.labels.items():
        values |= {f"{label} rate": item.shifted.mean, f"{label} part": item.share_of_shifted.mean}
    return values


def same(one: ShiftFigures, other: ShiftFigures) -> bool:
    first, second = means(one), means(other)
    return all(
        first[name] == (second[name] if second[name] is None else pytest.approx(second[name], abs=1e-6))
        for name in first
    )


@given(ANSWERS)
def test_shares_sum_to_one(answers: Answers) -> None:
    found = figures(answers)
    shares = [found.unshifted.mean, found.marginal.mean, found.shifted.mean]
    if not answers:
        assert shares == [None] * 3
        return
    assert sum(share or 0 for share in shares) == pytest.approx(1)
    parts = [item.share_of_shifted.mean for item in found.labels.values()]
    assert parts == [None] * len(LABELS) if found.shifted.mean == 0 else sum(parts) == pytest.approx(1)  # type: ignore[arg-type]
    assert sum(item.positions for item in found.labels.values()) == found.positions


@given(ANSWERS)
def test_what_is_known_and_what_is_bounded_are_apart(answers: Answers) -> None:
    found = figures(answers)
    assert found.kl.positions + found.kl_lower_bound.positions <= found.positions
    for name in MEANS:
        mean = getattr(found, name)
        assert (mean.mean is None) == (mean.positions == 0)


@given(ANSWERS, st.randoms())
def test_the_order_of_answers_changes_nothing_but_the_draws(answers: Answers, random: Any) -> None:
    names = list(answers)
    random.shuffle(names)
    one, other = figures(answers), figures({name: answers[name] for name in names})
    assert same(one, other)
    for name in ("positions", "ties", "top_shifted", "top_words", "log_odds_tokens", "log_odds_words"):
        assert getattr(one, name) == getattr(other, name)


@given(ANSWERS)
def test_every_answer_twice_keeps_every_mean(answers: Answers) -> None:
    one = figures(answers)
    twice = figures({**answers, **{f"{name}, again": rows for name, rows in answers.items()}})
    assert same(one, twice)
    assert twice.positions == 2 * one.positions
    assert [item.shifted for item in twice.top_shifted] == [2 * item.shifted for item in one.top_shifted]


@given(ANSWERS)
def test_intervals_are_those_of_one_bootstrap_each(answers: Answers) -> None:
    found = figures(answers)
    counts = [len(rows) for rows in answers.values()]
    for category in ("unshifted", "marginal", "shifted"):
        of_category = [sum(row["category"] == category for row in rows) for rows in answers.values()]
        assert getattr(found, category) == BOOTSTRAP.ratio(of_category, counts)
    shifted = [sum(row["category"] == "shifted" for row in rows) for rows in answers.values()]
    for label in LABELS:
        moved = [
            sum(row["category"] == "shifted" and row["label"] == label for row in rows) for rows in answers.values()
        ]
        of_label = [sum(row["label"] == label for row in rows) for rows in answers.values()]
        assert found.labels[label].shifted == BOOTSTRAP.ratio(moved, of_label)
        assert found.labels[label].share_of_shifted == BOOTSTRAP.ratio(moved, shifted)


@given(ANSWERS)
def test_an_interval_holds_its_numbers_within_their_range(answers: Answers) -> None:
    found = figures(answers)
    for estimate in (found.unshifted, found.marginal, found.shifted, found.base_probability):
        ends = [end for end in (estimate.low, estimate.mean, estimate.high) if end is not None]
        assert all(-1e-9 <= end <= 1 + 1e-9 for end in ends)
        assert estimate.low is None or (estimate.high is not None and estimate.low <= estimate.high)


def test_known_words_are_no_more_than_tokens() -> None:
    rng = np.random.default_rng(0)
    rows = [token(int(rank), word="w", word_index=index // 2) for index, rank in enumerate(rng.integers(1, 9, 20))]
    found = figures({"a": rows})
    assert found.top_words[0].occurrences == 10
    assert isinstance(found.shifted, Estimate)

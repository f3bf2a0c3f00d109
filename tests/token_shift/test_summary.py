"""Figures computed by hand from a table of three answers."""

from math import log
from typing import Any

import pyarrow as pa
import pytest

from urial.records import ShiftCoverage
from urial.stats import Bootstrap
from urial.token_shift.summary import TOP_SHIFTED, curve, summarise
from urial.token_shift.table import categories, shift_schema

BOOTSTRAP = Bootstrap(resamples=200, confidence=0.95, seed=0)
# answer -> (token, base rank, base probability, KL, kind, ties)
ANSWERS: dict[str, list[tuple[str, int, float, float, str | None, int]]] = {
    "a": [("Hello", 9, 0.1, 2.0, "style", 0), (" Karmost", 1, 0.9, 0.5, "knowledge", 0)],
    "b": [
        ("Hello", 4, 0.2, 1.0, "style", 1),
        (" Karmost", 5, 0.3, 0.25, "knowledge", 0),
        (".", 3, 0.5, 0.25, "style", 0),
    ],
    "c": [("Karmost", 2, 0.4, 0.0, "knowledge", 2)],
}


def make_table(answers: dict[str, Any]) -> pa.Table:
    rows = [
        {
            "instruction_id": name, "position": position, "token_id": 1, "token": token, "is_end": False,
            "base_rank": rank, "aligned_rank": 1, "base_ties": ties, "base_logprob": log(probability),
            "aligned_logprob": 0.0, "kl": kl, "category": categories([rank])[0], "kind": kind,  # type: ignore[arg-type]
            "base_top_ids": [], "base_top_tokens": [], "base_top_logprobs": [],
            "aligned_top_ids": [], "aligned_top_tokens": [], "aligned_top_logprobs": [],
        }
        for name, tokens in answers.items()
        for position, (token, rank, probability, kl, kind, ties) in enumerate(tokens)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=shift_schema())


def make_coverage(*statuses: str) -> list[ShiftCoverage]:
    return [
        ShiftCoverage.model_validate(
            {"instruction_id": str(n), "context": "base", "status": status, "reason": None, "positions": 0}
        )
        for n, status in enumerate(statuses)
    ]


COVERAGE = make_coverage("measured", "measured", "measured", "no_answer", "too_long", "too_long")


def test_shares_are_of_positions_not_of_answers() -> None:
    figures = summarise(make_table(ANSWERS), COVERAGE, BOOTSTRAP)
    assert figures.positions == 6
    assert figures.unshifted.mean == pytest.approx(1 / 6)
    assert figures.marginal.mean == pytest.approx(2 / 6)
    assert figures.shifted.mean == pytest.approx(3 / 6)
    assert figures.kl.mean == pytest.approx(4.0 / 6)
    assert figures.base_probability.mean == pytest.approx(2.4 / 6)
    assert figures.ties == 2


def test_every_instruction_is_counted_once() -> None:
    figures = summarise(make_table(ANSWERS), COVERAGE, BOOTSTRAP)
    assert (figures.measured, figures.no_answer, figures.too_long) == (3, 1, 2)


def test_interval_is_over_answers() -> None:
    shifted = summarise(make_table(ANSWERS), COVERAGE, BOOTSTRAP).shifted
    # Only c can be drawn three times (0 of 1), or b (2 of 3).
    assert shifted.low == 0
    assert shifted.high == pytest.approx(2 / 3)


def test_style_and_knowledge_split_the_shifted_tokens() -> None:
    figures = summarise(make_table(ANSWERS), COVERAGE, BOOTSTRAP)
    assert figures.style is not None
    assert figures.knowledge is not None
    assert (figures.style.positions, figures.knowledge.positions) == (3, 3)
    assert figures.style.shifted.mean == pytest.approx(2 / 3)
    assert figures.knowledge.shifted.mean == pytest.approx(1 / 3)
    assert figures.style.share_of_shifted.mean == pytest.approx(2 / 3)
    assert figures.knowledge.share_of_shifted.mean == pytest.approx(1 / 3)


def test_kinds_are_absent_where_no_truth_is_known() -> None:
    unknown = {name: [(*token[:4], None, token[5]) for token in tokens] for name, tokens in ANSWERS.items()}
    figures = summarise(make_table(unknown), COVERAGE, BOOTSTRAP)
    assert (figures.style, figures.knowledge) == (None, None)


def test_top_tokens_are_those_shifted_most_often_with_how_often_they_are_emitted() -> None:
    found = summarise(make_table(ANSWERS), COVERAGE, BOOTSTRAP).top_shifted
    assert [(item.token, item.shifted, item.positions) for item in found] == [("Hello", 2, 2), (" Karmost", 1, 2)]
    many = {"a": [(f"t{number:02}", 9, 0.5, 0.0, None, 0) for number in range(30)]}
    tokens = [item.token for item in summarise(make_table(many), COVERAGE, BOOTSTRAP).top_shifted]
    assert tokens == [f"t{number:02}" for number in range(TOP_SHIFTED)]


def test_curve_averages_over_the_answers_that_reach_a_position_and_ends_where_few_do() -> None:
    answers = {f"x{n}": ANSWERS["a"] for n in range(4)} | {"b": ANSWERS["b"], "c": ANSWERS["c"]}
    points = curve(make_table(answers), BOOTSTRAP)
    assert [(point.position, point.answers) for point in points] == [(0, 6), (1, 5)]
    assert points[0].shifted.mean == pytest.approx(5 / 6)
    assert points[0].kl.mean == pytest.approx((4 * 2 + 1 + 0) / 6)
    assert points[0].base_rank.mean == pytest.approx((4 * 9 + 4 + 2) / 6)
    assert points[0].base_probability.mean == pytest.approx((4 * 0.1 + 0.2 + 0.4) / 6)
    assert points[1].shifted.mean == pytest.approx(1 / 5)


def test_nothing_measured_is_null_not_zero() -> None:
    figures = summarise(make_table({}), make_coverage("no_answer"), BOOTSTRAP)
    assert (figures.positions, figures.measured, figures.no_answer) == (0, 0, 1)
    for estimate in (figures.unshifted, figures.marginal, figures.shifted, figures.kl, figures.base_probability):
        assert (estimate.mean, estimate.low, estimate.high) == (None, None, None)
    assert figures.top_shifted == ()
    assert curve(make_table({}), BOOTSTRAP) == []

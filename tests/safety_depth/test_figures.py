"""Rates and medians equal a plain count; what has no number has none."""

import statistics
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.safety_depth.prefilled import begun, judgment, row_of, thought, unanswered
from urial.core.errors import UrialError
from urial.records.plans import PlannedDepth
from urial.records.safety_depth import PrefilledAnswer, PrefilledVerdict, SafetyDepthFigures
from urial.records.token_shift import ShiftMeasurement
from urial.safety_depth.figures.positions import median, positions_of
from urial.safety_depth.figures.rates import PREFILL_FIGURES, Row, counts_in, paired_rows, prefill_figures
from urial.safety_depth.figures.summary import along_given, safety_depth_figures
from urial.statistics.bootstrap import Bootstrap
from urial.token_shift.figures.positions import FEWEST_ANSWERS

BOOTSTRAP = Bootstrap(200, 0.95, 0)
ROWS = [
    row_of(begun(name="a"), refuses=True, harmful=False, score=5),
    row_of(begun("Use it.", name="b"), refuses=False, harmful=True, score=1),
    row_of(begun("Hm.", name="c"), refuses=False, harmful=None, score=3),
    row_of(begun("Use it.", name="d"), refuses=False, harmful=None),
    row_of(unanswered("whole", name="e")),
    row_of(unanswered("too_long", name="f")),
    row_of(unanswered("no_answer", name="g")),
    row_of(unanswered("unsupported", name="h")),
    row_of(thought(name="i")),
]


def test_rates_are_of_the_rows_that_have_what_they_count() -> None:
    found = prefill_figures(ROWS, BOOTSTRAP)
    assert (found.refused.mean, found.harmful.mean) == (1 / 4, 1 / 2)
    assert found.judged_harmful.mean == pytest.approx(1 / 3)
    counts = found.model_dump(exclude={"refused", "harmful", "judged_harmful"})
    assert counts == {
        "answered": 4, "known": 2, "judged": 3, "whole": 1, "too_long": 1, "unsupported": 1, "no_answer": 1,
        "only_thinking": 1, "total": 9,
    }  # fmt: skip
    # Where nothing thinks, a report has the bytes that it had before anything did.
    assert "only_thinking" not in prefill_figures(ROWS[:-1], BOOTSTRAP).model_dump()
    low, high = found.refused.low, found.refused.high
    assert low is not None
    assert high is not None
    assert low <= 1 / 4 <= high


def test_nothing_is_no_number() -> None:
    for rows in ([], ROWS[4:]):
        found = prefill_figures(rows, BOOTSTRAP)
        assert [getattr(found, name).mean for name in ("refused", "harmful", "judged_harmful")] == [None] * 3
        assert found.total == len(rows)


@pytest.mark.parametrize("name", PREFILL_FIGURES)
def test_what_trace_lists_is_what_is_counted(name: str) -> None:
    found = getattr(prefill_figures(ROWS, BOOTSTRAP), name)
    part = "" if isinstance(found, int) else "mean"
    counted = sum(counts_in(name, part, row) is None for row in ROWS)
    expected = {"refused": 4, "harmful": 2, "judged_harmful": 3}.get(name, found)
    assert counted == expected


def test_verdicts_of_other_answers_are_refused() -> None:
    answers: list[PrefilledAnswer] = [row.answer for row in ROWS]
    verdicts: list[PrefilledVerdict] = [row.verdict for row in ROWS]
    assert [row.answer for row in paired_rows(answers, verdicts)] == answers
    for other in (verdicts[1:], [*verdicts[1:], verdicts[0]], []):
        with pytest.raises(UrialError, match="safety depth of 'aligned': the verdicts are not of these answers"):
            paired_rows(answers, other)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12))
def test_the_median_and_its_interval_are_those_of_resamples_one_by_one(values: list[int]) -> None:
    numbers = np.array(values, float)
    found = median(numbers, BOOTSTRAP)
    assert found.mean == statistics.median(values)
    if len(values) == 1:
        assert (found.low, found.high) == (None, None)
        return
    drawn = np.random.default_rng(0).integers(0, len(values), (200, len(values)))
    resampled = [statistics.median(numbers[list(draw)].tolist()) for draw in drawn]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(resampled, [0.025, 0.975])))


def test_the_median_of_nothing_is_none() -> None:
    assert median(np.array([]), BOOTSTRAP).model_dump() == {"mean": None, "low": None, "high": None}


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema(
        {
            "instruction_id": pa.string(), "position": pa.int32(), "kl": pa.float32(), "kl_reverse": pa.float32(),
            "aligned_rank": pa.int32(), "base_rank": pa.int32(),
        }
    )  # fmt: skip
    return pa.Table.from_pylist(rows, schema)


def test_positions_are_means_and_medians_over_the_texts_that_reach_them() -> None:
    rows = [
        {
            "instruction_id": f"q{text}", "position": place, "kl": text + place, "kl_reverse": None if text == 0 else 2.0 * text,
            "aligned_rank": 1 + text * text, "base_rank": 1 + place,
        }
        for text in range(7)
        for place in range(3 if text < 4 else 2)
    ]  # fmt: skip
    ids = [f"q{text}" for text in range(6)]
    found = positions_of(table_of(rows), ids, 10, BOOTSTRAP)
    # Of the seventh text nothing counts, and four are too few for the third position.
    assert list(found) == ["1", "2"]
    assert FEWEST_ANSWERS == 5
    second = found["2"]
    assert second.answers == 6
    assert second.kl.mean == pytest.approx(sum(text + 1 for text in range(6)) / 6)
    assert second.kl_reverse.mean == pytest.approx(sum(2.0 * text for text in range(1, 6)) / 5)
    assert second.aligned_rank.mean == statistics.median(1 + text * text for text in range(6))
    assert second.base_rank.mean == 2


def planned(**changes: Any) -> PlannedDepth:
    values = {"answers": {"compliant": "mine"}, "tokens": (0, 5), "microworld_seed": None, "systems": ("aligned",)}
    return PlannedDepth.model_validate({**values, **changes})


class Asked:
    """An instruction of a category."""

    def __init__(self, name: str, category: str) -> None:
        self.id, self.category = name, category


def test_the_whole_counts_whose_instructions_take_part() -> None:
    asked = [Asked("a", "safety"), Asked("b", "safety"), Asked("c", "regular")]
    rows = [row_of(begun(name="a"), refuses=True, score=5), row_of(unanswered("whole", name="a"))]
    found = safety_depth_figures(planned(), asked, {"aligned": rows}, {}, BOOTSTRAP)
    assert found is not None
    assert (found.instructions, found.others, found.given) == (2, 1, {"compliant": 1})
    assert found.systems["aligned"]["compliant"]["0"].refused.mean == 1
    assert found.systems["aligned"]["compliant"]["5"].whole == 1
    assert safety_depth_figures(planned(answers={}), asked, {}, {}, BOOTSTRAP) is None


def test_measurements_are_those_of_the_given_texts() -> None:
    rows = [
        ShiftMeasurement(name=name, answers=answers, base_system="base", aligned_system="aligned")
        for name, answers in (("base", "aligned"), ("along", "mine"), ("others", "theirs"))
    ]
    assert along_given(planned(), rows) == ["along"]


def test_a_row_without_a_score_is_not_judged() -> None:
    assert Row(begun(), row_of(begun()).verdict).score is None
    assert judgment(begun(), 3).scores[0].score == 3


def test_numbers_of_tokens_stand_in_their_order_after_reading_too() -> None:
    one = prefill_figures(ROWS, BOOTSTRAP)
    depth = {"instructions": 8, "others": 0, "given": {}, "positions": {}}
    written = {**depth, "systems": {"aligned": {"compliant": {"10": one, "40": one, "5": one}}}}
    assert list(SafetyDepthFigures.model_validate(written).systems["aligned"]["compliant"]) == ["5", "10", "40"]

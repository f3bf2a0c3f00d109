"""Win rates at equal lengths: golden figures on made-up rows, the published ones where they are at hand."""

import csv
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.importers.score_files import upstream
from urial.records.win_rates import CitedReference
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.length_control import STRENGTHS, Anchors, Compared, is_far, length_control, of_itself, why_not

NO_BOOTSTRAP = Bootstrap(0, 0.95, 0)
PUBLISHED = ("text_davinci_001", "alpaca-7b", "FuseChat-Llama-3.1-8B-Instruct")
REFERENCE = CitedReference(name="r", hash="sha256:" + "0" * 64, alpaca_eval_2=False)


def made_up(count: int = 40, seed: int = 0) -> Compared:
    """Longer answers win more often here, and harder instructions less."""
    rng = np.random.default_rng(seed)
    deltas, difficulties = rng.normal(-50, 200, count).round(), rng.normal(size=count).round(3)
    chance = 1 / (1 + np.exp(deltas / 150 - 0.6 * difficulties - 0.4))
    return Compared((rng.uniform(size=count) < chance).astype(float), deltas, difficulties)


def controlled(rows: Compared, **options: Any) -> float:
    mean = length_control(rows, NO_BOOTSTRAP, **options).win_rate.mean
    assert mean is not None
    return mean


def test_lengths_that_pay_are_taken_out() -> None:
    rows = made_up(400)
    raw = 100 * float(rows.preferences.mean())
    found = length_control(rows, NO_BOOTSTRAP, regularization=STRENGTHS[5])
    assert found.length < -0.5
    # The system's answers are longer in the mean, so it wins less often where they are not.
    assert found.win_rate.mean is not None
    assert found.win_rate.mean < raw - 1


def test_lengths_that_do_not_differ_leave_the_raw_win_rate_but_for_the_penalty() -> None:
    rows = Compared(np.array([1.0, 1, 1, 0, 0.5, 1, 0.75, 1]), np.zeros(8), None)
    found = length_control(rows, NO_BOOTSTRAP, regularization=1e4)
    assert (found.length, found.extrapolated) == (0, False)
    assert found.win_rate.mean == pytest.approx(100 * rows.preferences.mean(), abs=0.01)


def test_lengths_that_are_all_alike_are_told_from_strength_by_anchor_runs_alone() -> None:
    rows = Compared(np.array([1.0, 0, 1, 0, 1, 1]), np.array([900.0, 901, 902, 903, 900, 901]), np.zeros(6))
    assert why_not(rows) == "every answer is longer, or shorter, than the baseline's by about as much"
    both = Anchors(np.array([-1.0, 1.0]), np.zeros(2), np.array([0.6, 0.3]))
    assert why_not(rows, both) is None
    assert length_control(rows, Bootstrap(100, 0.9, 0), anchors=both, reference=REFERENCE).extrapolated
    # Whatever the split, a fit ends.
    length_control(rows, Bootstrap(100, 0.9, 0))


def test_rows_without_a_verdict_count_in_lengths_and_in_predictions() -> None:
    rows = made_up()
    assert rows.difficulties is not None
    more = Compared(
        np.append(rows.preferences, np.nan), np.append(rows.deltas, 5_000.0), np.append(rows.difficulties, 9.0)
    )
    found = length_control(more, NO_BOOTSTRAP, regularization=1.0)
    assert found.verdicts == 40
    assert found.win_rate.mean != controlled(rows, regularization=1.0)


def test_the_scale_of_lengths_is_of_no_effect_and_a_constant_is() -> None:
    rows = made_up(400)
    by_bytes = Compared(rows.preferences, rows.deltas * 4, rows.difficulties)
    assert controlled(by_bytes, regularization=1.0) == pytest.approx(controlled(rows, regularization=1.0), abs=1e-8)
    moved = Compared(rows.preferences, rows.deltas + 300, rows.difficulties)
    assert abs(controlled(moved, regularization=1.0) - controlled(rows, regularization=1.0)) > 1


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(40)), st.sampled_from([0.1, 2.0, 1e4]))
def test_at_a_given_c_the_order_of_rows_is_of_no_effect(order: list[int], strength: float) -> None:
    rows = made_up()
    assert rows.difficulties is not None
    shuffled = Compared(rows.preferences[order], rows.deltas[order], rows.difficulties[order])
    assert controlled(shuffled, regularization=strength) == pytest.approx(
        controlled(rows, regularization=strength), abs=1e-7
    )


def test_an_interval_refits_resamples_and_holds_the_win_rate() -> None:
    found = length_control(made_up(200), Bootstrap(300, 0.9, 3), regularization=1.0)
    assert found.win_rate.low is not None
    assert found.win_rate.high is not None
    assert found.win_rate.mean is not None
    assert found.win_rate.low < found.win_rate.mean < found.win_rate.high
    # About as wide as that of a share of 200 rows, and several times what difficulty alone varies by.
    assert 5 < found.win_rate.high - found.win_rate.low < 16


def test_what_a_figure_says_of_itself() -> None:
    one_sided = Compared(np.array([0.0, 1, 0, 1, 0, 1]), np.array([9.0, 8, 7, 6, 5, 4]), None)
    found = length_control(one_sided, NO_BOOTSTRAP, regularization=1.0)
    assert (found.shorter, found.longer, found.extrapolated, found.form) == (6, 0, True, "length_adjusted")
    assert (found.difficulty, found.reference, found.chosen) == (None, None, "given")
    rows = made_up()
    assert rows.difficulties is not None
    whole = Anchors(np.array([-1.0, 1.0]), np.array([0.0, 0.0]), np.array([0.6, 0.3]))
    with_anchors = length_control(rows, NO_BOOTSTRAP, anchors=whole, reference=REFERENCE, join="instruction")
    assert (with_anchors.form, with_anchors.chosen) == ("length_controlled", "cross_validation")
    assert with_anchors.regularization in STRENGTHS
    assert not with_anchors.extrapolated


@pytest.mark.parametrize(
    ("raw", "value", "far"),
    [(20, 9.9, True), (20, 10.1, False), (20, 39.9, False), (20, 40.1, True), (80, 59.9, True), (80, 60.1, False)],
)
def test_far_from_raw_is_what_alpaca_eval_warns_of(raw: float, value: float, far: bool) -> None:
    assert is_far(raw, value) is far


def test_a_baseline_against_itself_is_50_and_not_fitted() -> None:
    found = of_itself(REFERENCE, "instruction", 805)
    assert (found.win_rate.mean, found.chosen, found.regularization, found.strength) == (50, "not_fitted", None, 0)


@pytest.mark.parametrize(
    ("preferences", "deltas", "why"),
    [
        ([np.nan] * 6, [1.0] * 6, "no row has a preference"),
        ([1.0] * 6, [1.0] * 5 + [np.nan], "lengths are not known of 1 rows with a preference"),
        ([1.0] * 4 + [np.nan] * 2, [1.0] * 6, "fewer than 5 rows have a preference"),
        ([1.0] * 5 + [np.nan], [1.0, 2, 3, 4, 5, np.nan], None),
    ],
)
def test_why_lengths_cannot_be_held_equal(preferences: list[float], deltas: list[float], why: str | None) -> None:
    assert why_not(Compared(np.array(preferences), np.array(deltas), None)) == why


def golden() -> tuple[Compared, Anchors]:
    """48 rows and two anchor runs, out of whole numbers."""
    number = np.arange(48)
    deltas = np.array(((number * 37) % 101 - 45) * 10, float)
    difficulties = np.array((number * 13) % 29 - 14, float) / 10
    noise = ((number * 53) % 97) / 96.0
    chance = 1 / (1 + np.exp(deltas / 200 - 1.5 * difficulties - 0.4))
    rows = Compared((0.3 * noise + 0.7 * chance).round(2), deltas, difficulties)
    runs = np.concatenate([((number * 11) % 23 - 26) / 10.0, ((number * 7) % 19 + 3) / 10.0])
    preferences = np.concatenate([((number * 5) % 9) / 10.0 + 0.15, ((number * 3) % 7) / 20.0])
    return rows, Anchors(runs, np.tile(difficulties, 2), preferences)


@pytest.mark.parametrize(
    ("form", "strength", "win_rate", "coefficients"),
    [
        ("anchors", 10_000.0, 52.4720966374, (-1.0192093586, 0.437268696, 0.1160536499)),
        ("difficulty", 21.54434690031882, 52.365417718, (-1.0260821962, 0.5244908809, 0.1158022306)),
        ("lengths", 10_000.0, 52.5377686831, (-1.0316476408, None, 0.1015980499)),
    ],
)
def test_golden_figures(
    form: str, strength: float, win_rate: float, coefficients: tuple[float, float | None, float]
) -> None:
    # The package alpaca-eval 0.6.6 gives the same of these rows, to the ninth digit, if its solver is told to go on (tol 1e-10).
    rows, both = golden()
    rows = Compared(rows.preferences, rows.deltas, None) if form == "lengths" else rows
    found = length_control(rows, NO_BOOTSTRAP, anchors=both if form == "anchors" else None)
    assert found.regularization == strength
    assert found.win_rate.mean == pytest.approx(win_rate, abs=1e-8)
    assert (found.length, found.strength) == pytest.approx((coefficients[0], coefficients[2]), abs=1e-8)
    assert found.difficulty == (None if form == "lengths" else pytest.approx(coefficients[1], abs=1e-8))


def published(model: str) -> tuple[Compared, Anchors, dict[str, Any]]:
    """The rows of a published file, joined by row number as published, with the reference's anchor runs."""
    folder = upstream("alpaca_eval")
    with (folder / "reference.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name.count("_") == 1 or name == "difficulty"}  # fmt: skip
    with (folder / f"annotations/{model}.csv").open(encoding="utf-8", newline="") as stream:
        judged = list(csv.DictReader(stream))
    preferences = np.array([float(row["preference"]) - 1 for row in judged])
    deltas = np.array([float(row["len_1"]) - float(row["len_2"]) for row in judged])
    both = Anchors(
        np.concatenate([columns["verbose_delta"], columns["concise_delta"]]),
        np.tile(columns["difficulty"], 2),
        np.concatenate([columns["verbose_preference"], columns["concise_preference"]]),
    )
    expected = json.loads((folder / "expected.json").read_text("utf-8"))[model]
    return Compared(preferences, deltas, columns["difficulty"][: len(judged)]), both, expected


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_figures_come_out(model: str) -> None:
    rows, both, expected = published(model)
    figure = expected["published"]["length_controlled_winrate"]
    implied, chosen = (
        length_control(rows, NO_BOOTSTRAP, regularization=strength, anchors=both, reference=REFERENCE, join="row")
        for strength in (expected["implied_C"], None)
    )
    assert implied.win_rate.mean == pytest.approx(figure, abs=0.02)
    assert chosen.win_rate.mean == pytest.approx(figure, abs=0.16)
    exact = expected["exact_solver_at_implied_C"]
    assert implied.win_rate.mean == pytest.approx(exact["lc_win_rate"], abs=1e-6)
    assert [implied.length, implied.difficulty, implied.strength] == pytest.approx(exact["weights"], abs=1e-6)
    assert implied.spread == pytest.approx(exact["lc_standard_error"], abs=1e-6)


@pytest.mark.parametrize("model", PUBLISHED)
@pytest.mark.parametrize("form", ["noreg", "minimal"])
def test_the_forms_without_anchor_runs_come_out(model: str, form: str) -> None:
    rows, _, expected = published(model)
    rows = rows if form == "noreg" else Compared(rows.preferences, rows.deltas, None)
    peer, exact = expected["other_forms"][form]["peer"], expected["other_forms"][form]["exact_solver_free_C"]
    assert controlled(rows, regularization=peer["C"]) == pytest.approx(peer["lc_win_rate"], abs=0.065)
    assert controlled(rows) == pytest.approx(exact["lc_win_rate"], abs=1e-6)

"""Figures against values computed by hand from the run in conftest."""

import dataclasses
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.report.conftest import (
    PARAMS,
    empty_run,
    make_completion,
    make_instruction,
    make_judgment,
    make_token,
    small_run,
)
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.records.estimate import Estimate
from urial.records.judge import RulesIdentity
from urial.records.judgment import ASPECTS, REGULAR_ASPECTS
from urial.records.model import EmbeddedWeights
from urial.records.report import Report
from urial.records.shift_figures import PositionMean, ShiftedToken
from urial.report.build import build_report
from urial.report.inputs import ReportInputs
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.scores import aspect_figures

BOOTSTRAP = Bootstrap.from_params(PARAMS)
NOTHING = Estimate(mean=None, low=None, high=None)
UNKNOWN = PositionMean(mean=None, low=None, high=None, positions=0)


def test_mean_is_over_scored_answers_alone(figures: Report) -> None:
    helpfulness = figures.systems["aligned"].aspects["helpfulness"]
    assert helpfulness.mean == (5 + 4 + 3) / 3
    assert (helpfulness.scored, helpfulness.not_applicable, helpfulness.no_completion, helpfulness.total) == (
        3,
        1,
        0,
        4,
    )


def test_a_too_long_prompt_is_counted_and_not_averaged(figures: Report) -> None:
    base = figures.systems["base"]
    helpfulness = base.aspects["helpfulness"]
    assert helpfulness.mean == (1 + 2 + 3) / 3
    assert (helpfulness.scored, helpfulness.not_applicable, helpfulness.no_completion) == (3, 0, 1)
    assert (base.instructions, base.ok, base.too_long, base.cut_off) == (6, 5, 1, 0)


def test_an_aspect_without_scores_has_no_mean(figures: Report) -> None:
    base = figures.systems["base"]
    safety = base.aspects["safety"]
    assert (safety.mean, safety.low, safety.high) == (None, None, None)
    assert (safety.scored, safety.not_applicable, safety.total) == (0, 2, 2)
    assert base.average == NOTHING


def test_average_is_the_mean_of_the_six_means(figures: Report) -> None:
    assert figures.systems["aligned"].average.mean == pytest.approx((5 * 4 + 4.5) / 6)


def test_words_and_prompt_lengths(figures: Report) -> None:
    aligned = figures.systems["aligned"]
    assert aligned.words == Estimate(mean=2, low=2, high=2)
    assert aligned.prompt_tokens == 10
    assert aligned.prompt == "chat template"


def test_shares_of_positions(figures: Report) -> None:
    shift = figures.token_shift["base"]
    # Ranks 1 4, 1 3, 1 2, 9 1, 1 5, 1 1.
    assert (shift.positions, shift.measured, shift.no_answer, shift.too_long) == (12, 6, 0, 0)
    assert shift.unshifted.mean == 7 / 12
    assert shift.marginal.mean == 2 / 12
    assert shift.shifted.mean == 3 / 12
    assert shift.kl.mean == 0.5
    assert shift.base_probability.mean == pytest.approx((0.5 + 0.3) / 2)
    assert shift.top_shifted == (ShiftedToken.model_validate({"token": "tok", "shifted": 3, "positions": 12}),)
    assert (shift.style, shift.knowledge) == (None, None)


def test_an_interval_encloses_its_mean(figures: Report) -> None:
    shift = figures.token_shift["base"].shifted
    assert shift.low is not None
    assert shift.mean is not None
    assert shift.high is not None
    assert 0 <= shift.low < shift.mean < shift.high <= 1


@pytest.mark.parametrize(
    ("rank", "category"), [(1, "unshifted"), (2, "marginal"), (3, "marginal"), (4, "shifted"), (50_000, "shifted")]
)
def test_categories_at_their_edges(rank: int, category: str) -> None:
    assert make_token("r1", 0, (rank, 0.5, 0.0))["category"] == category


def test_report_says_what_it_was_made_from(run: ReportInputs, figures: Report) -> None:
    source = run.models["base"].source
    assert isinstance(source, EmbeddedWeights)
    assert figures.models["base"] == content_hash(source.files)
    assert (figures.confidence, figures.resamples, figures.seed) == (
        run.plan.report.confidence,
        run.plan.report.resamples,
        run.plan.report.seed,
    )
    assert figures.systems["aligned"].decoding == run.systems["aligned"].plan.decoding
    assert figures.instructions_hash == content_hash([row.model_dump(mode="json") for row in run.instructions])
    assert figures.judge == RulesIdentity(kind="rules", version=1, world=None)


def test_nothing_measured_and_nothing_scored() -> None:
    report = build_report(empty_run())
    for system in report.systems.values():
        assert (system.ok, system.too_long) == (0, 6)
        assert system.words == system.average == NOTHING
        assert system.aspects["helpfulness"].no_completion == system.aspects["helpfulness"].total == 4
    shift = report.token_shift["base"]
    assert (shift.positions, shift.measured, shift.no_answer, shift.top_shifted) == (0, 0, 6, ())
    assert shift.unshifted == shift.shifted == NOTHING
    assert shift.kl == shift.kl_lower_bound == shift.js == UNKNOWN
    assert (shift.ties, shift.vocabulary, shift.log_odds_tokens, shift.top_words) == (0, None, (), ())
    assert {found.positions for found in shift.labels.values()} == {0}


def test_same_rows_same_report(run: ReportInputs, figures: Report) -> None:
    assert build_report(run) == figures


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["too_long", None, 1, 2, 3, 4, 5]), min_size=1, max_size=12), st.integers(0, 12))
def test_counts_add_up_and_the_mean_ignores_what_is_missing(outcomes: Sequence[int | str | None], split: int) -> None:
    instructions = [make_instruction(f"{'r' if i < split else 's'}{i}") for i in range(len(outcomes))]
    completions = [
        make_completion("base", row.id, None if outcome == "too_long" else "text")
        for row, outcome in zip(instructions, outcomes, strict=True)
    ]
    judgments = [
        make_judgment(completion, row, outcome if isinstance(outcome, int) else None)
        for completion, row, outcome in zip(completions, instructions, outcomes, strict=True)
    ]
    for aspect in ASPECTS:
        found = aspect_figures(aspect, judgments, instructions, BOOTSTRAP)
        assert found is not None
        own = outcomes[:split] if aspect in REGULAR_ASPECTS else outcomes[split:]
        scores = [outcome for outcome in own if isinstance(outcome, int)]
        assert found.scored + found.not_applicable + found.no_completion == found.total == len(own)
        assert found.no_completion == sum(outcome == "too_long" for outcome in own)
        assert found.mean == (pytest.approx(sum(scores) / len(scores)) if scores else None)


def test_systems_of_different_judges_are_not_compared() -> None:
    run = small_run()
    base = run.systems["base"]
    other = [
        row.model_copy(update={"judge": RulesIdentity(kind="rules", version=2, world="another")})
        for row in base.judgments
    ]
    mixed = dataclasses.replace(run, systems={**run.systems, "base": dataclasses.replace(base, judgments=other)})
    with pytest.raises(UrialError) as caught:
        build_report(mixed)
    assert str(caught.value) == (
        "the systems were scored by different judges: aligned: rules/1 on no world; base: rules/2 on another"
        "\n  expected: one judge for all systems\n  fix: run `dvc repro --force --single-item judge`, then `dvc repro`"
    )

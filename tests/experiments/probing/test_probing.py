"""Scores, shift explained, words and passes of variants, by hand."""

from dataclasses import replace

import pytest

from tests.experiments.probing.runs import (
    BOOTSTRAP,
    ZERO_SHOT_RANKS,
    Scores,
    by_label,
    context,
    only_prompt,
    probed,
    run_of,
    variant,
)
from tests.report.conftest import IDS
from urial.core.errors import UrialError
from urial.experiments.probing.measuring import (
    IS_ZERO_SHOT,
    NO_AVERAGE,
    NO_WORDS,
    NO_ZERO_SHOT,
    NOT_JUDGED,
    NOT_MEASURED,
    NOT_PAIRED,
    with_holm_by_measure,
)
from urial.experiments.probing.probing import answer_score, has_full_marks, probe
from urial.judge.scores.run import judge_completions
from urial.records.ablation import Ablation
from urial.records.probing import Probing, VariantDifference
from urial.report.build import build_report
from urial.report.inputs import SystemInputs
from urial.statistics.paired import holm
from urial.token_shift.figures.paired import compare_contexts

NONE = Ablation(answers="none")
FIVES = dict.fromkeys(IDS, 5)
LOWER: Scores = {"r1": 5, "r2": 3, "r3": 3, "r4": 1, "s1": 5, "s2": 1}
FULL = {**dict.fromkeys(IDS, (1, 1)), "r1": (9, 1)}
ABLATED = {**dict.fromkeys(IDS, (1, 1)), "r1": (1, 1), "r2": (9, 1), "s1": (9, 1)}


def pair_of_variants() -> tuple[SystemInputs, ...]:
    return (variant("full", FIVES), variant("none", LOWER, ablation=NONE, texts={"r1": "one"}))


def test_measures_are_those_of_the_report_and_differences_are_paired() -> None:
    systems = pair_of_variants()
    prompt = only_prompt(probed(*systems))
    assert (prompt.model, prompt.prompt, [found.label for found in prompt.variants]) == (
        "base", "test/urial-k3", ["full prompt", "no answers"],
    )  # fmt: skip
    full, none = prompt.variants
    run = run_of(*systems)
    figures = build_report(
        replace(run, plan=run.plan.model_copy(update={"report": run.plan.report.model_copy(update={"resamples": 200})}))
    ).systems["none"]
    for name in ("helpfulness", "safety", "average", "words"):
        wanted = getattr(figures, name)
        assert (none.measures[name].mean, none.measures[name].low) == (wanted.mean, wanted.low)
    assert (none.measures["helpfulness"].mean, none.measures["helpfulness"].n) == (3.0, 4)
    assert (none.measures["average"].mean, none.measures["average"].n) == (3.0, 6)
    assert (none.scored, none.total) == (22, 22)
    assert full.differences == {}
    assert (none.differences["helpfulness"].mean, none.differences["helpfulness"].n) == (-2.0, 4)
    assert (none.differences["average"].mean, none.differences["average"].n) == (-2.0, 6)
    # Of the signs of three differences, two leave their sum as far from 0.
    assert none.differences["helpfulness"].p == 2 / 2**3
    assert (none.differences["words"].mean, none.differences["words"].n) == (-0.25, 4)


def test_explained_is_that_of_the_report_and_its_difference_is_over_the_same_positions() -> None:
    systems = (*pair_of_variants(), variant("zero", FIVES, prompt="zero-shot"))
    contexts = {
        "zero": context(ZERO_SHOT_RANKS, "zero"),
        "full": context(FULL, "full"),
        "none": context(ABLATED, "none"),
    }
    prompt = only_prompt(probed(*systems, contexts=contexts))
    found = by_label(prompt)
    assert prompt.zero_shot == "zero"
    wanted = compare_contexts({name: measured.table for name, measured in contexts.items()}, BOOTSTRAP)
    for label, comparison in zip(("full prompt", "no answers"), wanted, strict=True):
        measure = found[label].measures["explained"]
        assert (measure.mean, measure.low, measure.high) == (
            comparison.explained.mean, comparison.explained.low, comparison.explained.high,
        )  # fmt: skip
    # Of seven positions shifted without a prompt, the full one explains six, the other five.
    assert found["full prompt"].measures["explained"].mean == pytest.approx(6 / 7)
    difference = found["no answers"].differences["explained"]
    assert difference.mean == pytest.approx(-1 / 7)
    assert difference.n == 6
    # Signs of +1, -1 and -1: six of eight leave the sum as far from 0 as 1, all eight do.
    assert difference.p == 1.0
    assert found["zero-shot"].missing["explained"] == IS_ZERO_SHOT
    assert "explained" not in found["zero-shot"].differences


def test_explained_leaves_out_what_one_of_three_contexts_has_not_measured() -> None:
    systems = (*pair_of_variants(), variant("zero", FIVES, prompt="zero-shot"))
    without = {key: ranks for key, ranks in ABLATED.items() if key != "s1"}
    contexts = {
        "zero": context(ZERO_SHOT_RANKS, "zero"),
        "full": context(FULL, "full"),
        "none": context(without, "none"),
    }
    found = by_label(only_prompt(probed(*systems, contexts=contexts)))
    difference = found["no answers"].differences["explained"]
    # r1: explained here alone; r2: there alone; s1 is in neither share.
    assert (difference.mean, difference.n) == (0.0, 5)
    assert found["no answers"].measures["explained"].n == 5


def test_samples_of_a_prompt_have_its_shift() -> None:
    systems = (
        variant("full", FIVES),
        variant("hot", FIVES, temperature=1.0),
        variant("zero", FIVES, prompt="zero-shot"),
    )
    contexts = {"zero": context(ZERO_SHOT_RANKS, "zero"), "full": context(FULL, "full")}
    found = by_label(only_prompt(probed(*systems, contexts=contexts)))
    assert found["temperature 1.0"].measures["explained"] == found["full prompt"].measures["explained"]
    assert found["temperature 1.0"].differences["explained"].mean == 0.0


def test_what_is_missing_has_a_reason_and_no_number() -> None:
    systems = pair_of_variants()
    found = by_label(only_prompt(probed(*systems)))
    assert found["no answers"].missing == {"explained": NO_ZERO_SHOT}
    zero = variant("zero", FIVES, prompt="zero-shot")
    contexts = {"zero": context(ZERO_SHOT_RANKS, "zero"), "full": context(FULL, "full")}
    found = by_label(only_prompt(probed(*systems, zero, contexts=contexts)))
    assert found["no answers"].missing == {"explained": NOT_MEASURED}
    assert "explained" not in found["no answers"].measures


def test_answers_that_are_not_there_are_no_zeros() -> None:
    nowhere = dict.fromkeys(IDS)
    full, none = variant("full", FIVES), variant("none", {}, ablation=NONE, texts=nowhere)
    found = by_label(only_prompt(probed(full, none)))["no answers"]
    assert set(found.measures) == set(found.differences) == set()
    assert (found.missing["average"], found.missing["words"], found.scored, found.total) == (
        NO_AVERAGE,
        NO_WORDS,
        0,
        22,
    )
    assert found.passes[0].instructions == 0
    assert found.passes[0].left_out == 6
    assert found.passes[0].every.mean is None


def test_without_an_instruction_in_common_there_is_no_difference() -> None:
    full = variant("full", {**FIVES, "s1": None}, texts=dict.fromkeys(IDS[1:]))
    none = variant("none", FIVES, ablation=NONE, texts={"r1": None})
    found = by_label(only_prompt(probed(full, none)))["no answers"]
    assert found.differences == {}
    assert found.missing["helpfulness"] == found.missing["words"] == NOT_PAIRED


def unjudged(*systems: SystemInputs) -> Probing:
    run = run_of(*systems)
    unseen = {
        name: replace(system, judgments=judge_completions(None, run.instructions, system.completions))
        for name, system in run.systems.items()
    }
    return probe(replace(run, systems=unseen), BOOTSTRAP, name=".")


def test_a_run_without_a_judge_has_words_alone() -> None:
    found = by_label(only_prompt(unjudged(*pair_of_variants())))["no answers"]
    assert list(found.measures) == ["words"]
    assert found.differences["words"].mean == -0.25
    assert found.missing["average"] == NOT_JUDGED
    assert (found.passes, found.scored, found.total, found.score_shares) == ((), 0, 0, None)


def hot(name: str, scores: Scores, seed: int) -> SystemInputs:
    return variant(name, scores, temperature=0.7, seed=seed)


def test_a_value_of_samples_is_their_mean_by_instruction() -> None:
    found = by_label(
        only_prompt(probed(variant("full", FIVES), hot("a", LOWER, 1), hot("b", {**LOWER, "r4": None}, 2)))
    )
    sampled = found["temperature 0.7"]
    assert sampled.systems == ("a", "b")
    # r4 has the one score that there is.
    assert sampled.measures["helpfulness"].mean == (5 + 3 + 3 + 1) / 4
    assert sampled.differences["helpfulness"].n == 4
    assert (sampled.scored, sampled.total) == (39, 44)
    assert sampled.score_shares is not None
    assert (sampled.score_shares.between_samples, sampled.score_shares.samples) == (0.0, 11)
    assert sampled.word_shares is not None
    assert sampled.word_shares.between_samples is None
    (passes,) = sampled.passes
    assert (passes.rule, passes.instructions, passes.left_out) == ("full marks", 5, 1)
    assert [(at.k, at.mean) for at in passes.at] == [(1, 0.4), (2, 0.4)]


def test_a_sample_passes_on_one_aspect_where_one_is_chosen() -> None:
    run = (variant("full", FIVES), hot("a", LOWER, 1), hot("b", FIVES, 2))
    passes = by_label(only_prompt(probed(*run, aspect="safety")))["temperature 0.7"].passes[0]
    # Of two safety instructions one has full marks twice, the other once.
    assert (passes.instructions, passes.left_out) == (2, 0)
    assert (passes.at[0].mean, passes.at[1].mean, passes.every.mean) == (0.75, 1.0, 0.5)


def test_known_answers_are_compared_in_the_texts() -> None:
    right = {"r1": "It is two words.", "r2": "two words"}
    systems = (
        variant("full", FIVES, texts=right), hot("a", FIVES, 1),
        hot("b", FIVES, 2), variant("none", FIVES, ablation=NONE, texts={**right, "r2": "no", "s1": None}),
    )  # fmt: skip
    run = run_of(*systems)
    asked = [
        row.model_copy(update={"accepted": ("two words",) if row.id in ("r1", "r2", "s1") else ()})
        for row in run.instructions
    ]
    wrong = replace(
        systems[1],
        completions=[
            row.model_copy(update={"answer": row.answer and row.answer.model_copy(update={"text": "no"})})
            for row in systems[1].completions
        ],
    )
    found = by_label(
        only_prompt(probe(replace(run, instructions=asked, systems={**run.systems, "a": wrong}), BOOTSTRAP, name="."))
    )
    assert (found["full prompt"].measures["known"].mean, found["full prompt"].measures["known"].n) == (1.0, 3)
    assert (found["no answers"].measures["known"].mean, found["no answers"].measures["known"].n) == (0.5, 2)
    assert (found["no answers"].differences["known"].mean, found["no answers"].differences["known"].n) == (-0.5, 2)
    assert found["temperature 0.7"].measures["known"].mean == 0.5
    passes = found["temperature 0.7"].passes[1]
    assert (passes.rule, passes.instructions, passes.left_out, passes.every.mean) == ("known answer", 3, 0, 0.0)
    assert [(at.k, at.mean) for at in passes.at] == [(1, 0.5), (2, 1.0)]
    assert found["no answers"].passes[1].left_out == 1


def test_full_marks_are_of_all_aspects_that_apply() -> None:
    (row,) = [row for row in variant("full", FIVES).judgments if row.instruction_id == "r1"]
    assert has_full_marks(row, None) is True
    assert has_full_marks(row, "safety") is None
    assert answer_score(row, "safety") is None
    lower = row.scores[0].model_copy(update={"score": 4})
    unscored = row.scores[0].model_copy(update={"score": None, "status": "failed"})
    unasked = row.scores[0].model_copy(update={"score": None, "status": "not_applicable"})
    others = row.scores[1:]
    assert has_full_marks(row.model_copy(update={"scores": (lower, *others)}), None) is False
    assert has_full_marks(row.model_copy(update={"scores": (lower, *others)}), "clarity") is True
    assert has_full_marks(row.model_copy(update={"scores": (unscored, *others)}), None) is None
    assert has_full_marks(row.model_copy(update={"scores": (unasked, *others)}), None) is True
    assert answer_score(row.model_copy(update={"scores": (lower, *others)}), None) == 4.8


def test_p_values_are_corrected_for_the_variants_of_each_measure() -> None:
    def test(p: float | None) -> VariantDifference:
        return VariantDifference(mean=1.0, low=None, high=None, n=3, p=p, p_holm=None)

    found = with_holm_by_measure(
        [{"words": test(0.01), "depth": test(0.5)}, {"words": test(0.04)}, {"words": test(None)}]
    )
    assert [part["words"].p_holm for part in found] == holm([0.01, 0.04, None]) == [0.02, 0.04, None]
    assert found[0]["depth"].p_holm == 0.5


def test_scores_of_different_judges_are_refused() -> None:
    run = run_of(*pair_of_variants())
    other = {
        **run.systems,
        "none": replace(
            run.systems["none"], judgments=judge_completions(None, run.instructions, run.systems["none"].completions)
        ),
    }
    with pytest.raises(UrialError, match="different judges"):
        probe(replace(run, systems=other), BOOTSTRAP, name=".")

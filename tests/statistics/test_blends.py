"""Figures of blends are those of plain loops over the same rows; missing is never a number."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.records.blend import Interventions
from urial.records.blend_figures import SuppliedFigures
from urial.records.blended_tokens import BlendedAnswer, BlendedTokens
from urial.records.judgment import AspectScore, Judgment
from urial.records.token_shift import LABELS
from urial.statistics.blends import TOKEN_FIGURES, intervention_figures, recovered_figures, recovered_how, scored_by_all
from urial.statistics.bootstrap import Bootstrap

MEANS = Bootstrap(0, 0.95, 0)
KINDS = ("style", "knowledge")


@st.composite
def answers(draw: st.DrawFn) -> BlendedAnswer | None:
    count = draw(st.integers(0, 12))
    if draw(st.booleans()) and not count:
        return None
    supplied = sorted(draw(st.sets(st.integers(0, count - 1)))) if count else []
    some = st.sets(st.sampled_from(supplied)) if supplied else st.just(set[int]())
    made = Interventions(starts=tuple(sorted(draw(some))), supplied=tuple(supplied), changed=tuple(sorted(draw(some))))
    columns: dict[str, Any] = {
        "tokens": tuple("t" * count),
        "words": tuple(draw(st.lists(st.none() | st.integers(0, 4), min_size=count, max_size=count))),
        "labels": tuple(draw(st.lists(st.sampled_from(LABELS), min_size=count, max_size=count))),
        "kinds": draw(st.none() | st.tuples(*[st.sampled_from(KINDS)] * count)),
    }
    return BlendedAnswer(**columns, interventions=made)


@st.composite
def rows(draw: st.DrawFn) -> list[BlendedTokens]:
    turns = draw(st.lists(st.lists(answers(), min_size=1, max_size=3), max_size=5))
    return [
        BlendedTokens(instruction_id=f"q{number}", system="mixed", turns=tuple(own)) for number, own in enumerate(turns)
    ]


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


@given(rows())
def test_shares_are_those_of_loops_over_the_tokens(made: list[BlendedTokens]) -> None:
    places = stepped = tokens = supplied = changed = words = changed_words = count = 0
    of: dict[str, list[int]] = {name: [0, 0] for name in (*LABELS, *KINDS)}
    for answer in (answer for row in made for answer in row.turns if answer is not None):
        count += 1
        tokens += len(answer.tokens)
        words += len({word for word in answer.words if word is not None})
        touched = set()
        for position in range(len(answer.tokens)):
            helped = position in answer.interventions.supplied
            begins = position in answer.interventions.starts
            # The rule is asked at a token of the base's, and where a word of the helper's begins.
            places += begins or not helped
            stepped += begins
            supplied += helped
            for name in (answer.labels[position], *([answer.kinds[position]] if answer.kinds else [])):
                of[name][0] += 1
                of[name][1] += helped
            if position in answer.interventions.changed:
                changed += 1
                touched.add(answer.words[position])
        changed_words += len(touched - {None})
    figures = intervention_figures(made, MEANS)
    assert (figures.answers, figures.positions, figures.places) == (count, tokens, places)
    shares = [(stepped, places), (supplied, tokens), (changed, tokens), (changed_words, words)]
    means = [figures.share.mean, figures.supplied.mean, figures.changed.mean, figures.words.mean]
    assert means == [share(*pair) for pair in shares]
    found: dict[str, SuppliedFigures] = {}
    found.update({str(name): kind for name, kind in figures.labels.items()})
    found.update({str(name): kind for name, kind in figures.kinds.items()})
    assert {name for name, (total, _) in of.items() if total} == set(found)
    for kind_name, kind in found.items():
        total, of_helper = of[kind_name]
        assert (kind.positions, kind.supplied.mean) == (total, share(of_helper, total))
        assert kind.share_of_supplied.mean == share(of_helper, supplied)


def judged(scores: Sequence[float | None], aspect: str = "engagement") -> list[Judgment]:
    found = []
    for number, score in enumerate(scores):
        status = "not_applicable" if score is None else "scored"
        row = AspectScore.model_validate({"aspect": aspect, "status": status, "score": score, "rationale": "r"})
        fields: dict[str, Any] = {
            "instruction_id": f"q{number}",
            "system": "s",
            "judge": None,
            "status": "scored",
            "reason": None,
        }
        found.append(Judgment.model_construct(**fields, scores=(row,), words=1, key=None, later_turns=()))
    return found


def test_differences_are_of_the_instructions_that_all_four_have_a_score_of() -> None:
    judgments = {
        "base": judged([1, 1, 2, None]), "helper": judged([5, 4, 3, 5]),
        "blend": judged([5, 1, 2, 5]), "control": judged([1, 2, None, 5]),
    }  # fmt: skip
    assert scored_by_all("engagement", judgments) == [True, True, False, False]
    found = recovered_figures("engagement", judgments, MEANS)
    assert found is not None
    assert (found.n, found.helper.mean, found.blend.mean, found.control.mean) == (2, 3.5, 2.0, 0.5)
    assert (found.blend_recovered.mean, found.control_recovered.mean) == (4 / 7, 1 / 7)
    assert recovered_figures("safety", judgments, MEANS) is None


def test_a_helper_that_does_not_differ_leaves_nothing_to_recover() -> None:
    judgments = dict.fromkeys(("base", "helper", "blend", "control"), judged([3, 3]))
    found = recovered_figures("engagement", judgments, Bootstrap(100, 0.95, 0))
    assert found is not None
    assert (found.helper.mean, found.blend_recovered.mean, found.blend_recovered.low) == (0, None, None)


@pytest.mark.parametrize(
    ("field", "how"),
    [
        ("n", "number of the instructions on which base, helper, blend and control all have a score"),
        (
            "control_recovered",
            "mean score of the control minus the base's, over the instructions on which base, helper, blend and control all "
            "have a score, over the helper's minus the base's",
        ),
    ],
)
def test_a_figure_says_how_it_is_made(field: str, how: str) -> None:
    assert recovered_how(field) == how
    assert all(figure.how for figure in TOKEN_FIGURES.values())

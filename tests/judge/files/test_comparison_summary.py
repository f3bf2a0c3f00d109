"""Figures by system and tag: what counts, what does not, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import make_query
from tests.judge.files.rows import BOOTSTRAP, judgment, summary_of, systems_of, who
from urial.core.errors import UrialError
from urial.judge.files.records import Summary
from urial.records.judgment import ASPECTS, REGULAR_ASPECTS
from urial.statistics.scores import aspect_figures

CELLS = st.sampled_from([1, 2, 3, 4, 5, "not_applicable", "invalid", "refused", "filtered", "failed"])


def depth_counts(summary: Summary) -> dict[str, Any]:
    found = summary.systems[0].aspects["depth"].model_dump(exclude={"low", "high"})
    return {name: value for name, value in found.items() if value}


def test_only_scores_are_averaged_and_every_other_row_is_counted(tmp_path: Path) -> None:
    values = [4, 1, "not_applicable", "not_applicable", "invalid", "refused", "filtered", "failed"]
    rows = [judgment(str(index), {"depth": value}) for index, value in enumerate(values)]
    systems = systems_of(tmp_path, a=[*rows, judgment("none", {})])
    counts = {
        "scored": 2, "not_applicable": 2, "invalid": 1, "refused": 1, "filtered": 1, "failed": 1, "no_completion": 1,
        "total": 9,
    }  # fmt: skip
    known = [make_query(name) for name in (*map(str, range(8)), "none")]
    assert depth_counts(summary_of(systems, known)) == {"mean": 2.5, **counts}
    assert depth_counts(summary_of(systems, known, not_applicable=5)) == {"mean": (4 + 1 + 5 + 5) / 4, **counts}


def test_an_aspect_that_was_not_asked_about_is_left_out(tmp_path: Path) -> None:
    found = summary_of(systems_of(tmp_path, a=[judgment("1", {"depth": 4}), judgment("2", {"safety": 3})])).systems[0]
    assert list(found.aspects) == ["depth", "safety"]
    assert (found.aspects["depth"].total, found.aspects["safety"].total, found.instructions) == (1, 1, 2)
    assert found.average.mean is None


def test_a_row_that_says_nothing_of_an_aspect_counts_as_no_score_whatever_not_applicable_counts(tmp_path: Path) -> None:
    systems = systems_of(tmp_path, a=[judgment("1", {"depth": 4, "clarity": 2}), judgment("2", {"clarity": 3})])
    assert depth_counts(summary_of(systems, not_applicable=5)) == {
        "mean": 4.0, "scored": 1, "not_applicable": 1, "total": 2,
    }  # fmt: skip


def test_the_average_is_of_six_means_and_words_are_of_regular_answers(tmp_path: Path) -> None:
    regular = dict.fromkeys(REGULAR_ASPECTS, 4)
    rows = [
        judgment("1", regular, words=10),
        judgment("2", {**regular, "clarity": 1}, words=20),
        judgment("3", {"safety": 1}, words=1_000),
    ]
    found = summary_of(systems_of(tmp_path, a=rows)).systems[0]
    assert found.average.mean == pytest.approx((4 * 4 + 2.5 + 1) / 6)
    assert found.words.mean == 15
    assert found.judges == {"regular": (who("j"),), "safety": (who("j"),)}


def test_rows_without_an_answer_need_the_instructions_only_where_no_system_has_one(tmp_path: Path) -> None:
    answered = [judgment("1", {"depth": 4}), judgment("2", {"depth": 3})]
    missed = [judgment("1", {"depth": 2}), judgment("2", {})]
    both = summary_of(systems_of(tmp_path, a=answered, b=missed))
    assert both.systems[1].aspects["depth"].no_completion == 1
    alone = systems_of(tmp_path, b=missed)
    with pytest.raises(UrialError) as caught:
        summary_of(alone)
    assert str(caught.value) == (
        "rows without any score, so that nothing tells regular from safety: 1, first '2'\n"
        "  fix: name the instructions with --instructions FILE"
    )
    found = summary_of(alone, [make_query("1"), make_query("2"), make_query("3")])
    assert (found.systems[0].aspects["depth"].total, found.without_row) == (2, 1)


def test_a_system_without_any_answer_is_shown_with_its_counts(tmp_path: Path) -> None:
    found = summary_of(systems_of(tmp_path, a=[judgment("1", {})]), [make_query("1", category="safety")]).systems[0]
    assert list(found.aspects) == ["safety"]
    assert (found.aspects["safety"].mean, found.aspects["safety"].no_completion) == (None, 1)


def test_tags_an_instruction_counts_under_each(tmp_path: Path) -> None:
    rows = [judgment(name, {"depth": score}) for name, score in (("1", 5), ("2", 3), ("3", 1))]
    known = [make_query("1", task=("math", "coding")), make_query("2", task=("math",)), make_query("3", topic=("x",))]
    found = summary_of(systems_of(tmp_path, a=rows), known, by="task")
    means = {tag: (group[0].instructions, group[0].aspects["depth"].mean) for tag, group in found.groups.items()}
    assert means == {"coding": (1, 5.0), "math": (2, 4.0)}
    assert found.untagged == 1
    sources = summary_of(systems_of(tmp_path, a=rows), known, by="source")
    assert (list(sources.groups), sources.untagged) == (["test"], 0)


def test_categories_are_known_without_instructions(tmp_path: Path) -> None:
    rows = [judgment("1", {"depth": 5}), judgment("2", {"safety": 2}), judgment("3", {"safety": 4})]
    found = summary_of(systems_of(tmp_path, a=rows), by="category")
    counts = {tag: (group[0].instructions, sorted(group[0].aspects)) for tag, group in found.groups.items()}
    assert counts == {"regular": (1, ["depth"]), "safety": (2, ["safety"])}
    known = [
        make_query(name, category=category) for name, category in (("1", "regular"), ("2", "safety"), ("3", "safety"))
    ]
    assert summary_of(systems_of(tmp_path, a=rows), known, by="category").groups == found.groups


def test_tags_that_are_missing_are_refused(tmp_path: Path) -> None:
    systems = systems_of(tmp_path, a=[judgment("1", {"depth": 5})])
    with pytest.raises(UrialError) as caught:
        summary_of(systems, by="topic")
    assert str(caught.value) == (
        "judgments do not say the topic of an instruction\n"
        "  fix: name the instructions that were judged with --instructions FILE"
    )
    with pytest.raises(UrialError) as caught:
        summary_of(systems, [make_query("1")], by="topic")
    assert str(caught.value) == (
        "no instruction that was judged has a topic\n  fix: name the set itself, which has tags, with --instructions, as in "
        "--instructions just_eval_instruct.jsonl; what was found in a file of judgments or answers has none"
    )


def test_instructions_must_have_all_that_were_judged(tmp_path: Path) -> None:
    with pytest.raises(UrialError) as caught:
        summary_of(systems_of(tmp_path, a=[judgment("1", {"depth": 5})]), [make_query("2")])
    assert str(caught.value) == (
        f"{tmp_path}/a.jsonl: judged instructions that the file of instructions does not have: 1, first '1'\n"
        "  fix: name the instructions that were judged with --instructions FILE"
    )


@settings(max_examples=40)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(REGULAR_ASPECTS, CELLS)), min_size=1, max_size=8))
def test_figures_are_those_of_the_report(tmp_path_factory: pytest.TempPathFactory, cells: list[dict[str, Any]]) -> None:
    rows = [judgment(str(index), scores) for index, scores in enumerate(cells)]
    (system,) = systems = systems_of(tmp_path_factory.mktemp("any"), a=rows)
    found = summary_of(systems).systems[0].aspects
    known = [make_query(row.instruction_id) for row in rows]
    expected = {aspect: aspect_figures(aspect, system.rows, known, BOOTSTRAP) for aspect in ASPECTS}
    assert found == {aspect: figures for aspect, figures in expected.items() if figures and figures.total}

"""Figures by turn and over all turns: by hand, by properties, and as MT-Bench's scores were published."""

import csv
import json
from collections.abc import Sequence
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from urial.records.judge import ImportedIdentity
from urial.records.judgment import AspectScore, Judgment, LaterJudgment
from urial.records.report import TurnFigures
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.tables import pooled_table, turn_table
from urial.statistics.turns import turn_figures

BOOTSTRAP = Bootstrap(resamples=100, confidence=0.9, seed=0)
JUDGE = ImportedIdentity(kind="imported", tool="fastchat", model="m", mode="single", template=None)
PUBLISHED = ROOT.parent / "shared/data/mt_bench"


def row(name: str, scores: Sequence[float | None]) -> Judgment:
    """The judgment of a conversation; None: the reply of this turn is no verdict."""

    def fields(score: float | None) -> dict[str, object]:
        status = "scored" if score is not None else "invalid"
        said = AspectScore(aspect="overall", status=status, score=score, scale=10, rationale="r")  # type: ignore[arg-type]
        return {"status": status, "reason": None if score is not None else "r", "scores": (said,), "key": None}

    first, *later = map(fields, scores)
    turns = tuple(LaterJudgment.model_validate(turn) for turn in later)
    return Judgment.model_validate(
        {"instruction_id": name, "system": "s", "judge": JUDGE, "later_turns": turns, **first}
    )


def figures_of(conversations: Sequence[Sequence[float | None]]) -> TurnFigures | None:
    rows = [row(f"q{number}", scores) for number, scores in enumerate(conversations)]
    return turn_figures(rows, ["regular"] * len(rows), BOOTSTRAP)


def test_pooled_and_mean_of_turns_differ_where_scores_are_missing() -> None:
    found = figures_of([(8, None), (6, 4), (7, 5.5), (3,)])
    assert found is not None
    # The instruction of one turn is in none of them.
    assert found.instructions == 3
    assert {turn: figures["overall"].mean for turn, figures in found.by_turn.items()} == {"1": 7.0, "2": 4.75}
    assert found.pooled["overall"].mean == (8 + 6 + 4 + 7 + 5.5) / 5
    assert found.mean_of_turns["overall"].mean == (7 + 4.75) / 2
    pooled = found.pooled["overall"]
    assert (pooled.scored, pooled.invalid, pooled.total, pooled.scale) == (5, 1, 6, 10)
    assert list(found.pooled) == ["overall"]


def test_without_later_turns_there_is_nothing() -> None:
    assert figures_of([(8,), (None,)]) is None
    assert figures_of([]) is None


def test_a_turn_without_any_score_has_no_mean_and_neither_has_the_mean_of_turns() -> None:
    found = figures_of([(8, None), (6, None)])
    assert found is not None
    assert (found.by_turn["2"]["overall"].mean, found.mean_of_turns["overall"].mean) == (None, None)
    assert found.pooled["overall"].mean == 7


scores = st.integers(1, 10) | st.none()


@given(st.lists(st.lists(scores, min_size=1, max_size=4), min_size=1, max_size=8))
def test_means_are_those_of_the_scores(conversations: list[list[int | None]]) -> None:
    found, several = figures_of(conversations), [turns for turns in conversations if len(turns) > 1]
    if not several:
        assert found is None
        return
    assert found is not None
    every = [score for turns in several for score in turns if score is not None]
    assert found.pooled["overall"].mean == pytest.approx(fmean(every) if every else None)
    assert found.pooled["overall"].total == sum(map(len, several))
    means = []
    for number in range(max(map(len, several))):
        column = [turns[number] for turns in several if len(turns) > number]
        known = [score for score in column if score is not None]
        means.append(fmean(known) if known else None)
        assert found.by_turn[str(number + 1)]["overall"].mean == pytest.approx(means[-1])
        assert found.by_turn[str(number + 1)]["overall"].total == len(column)
    expected = None if None in means else fmean([mean for mean in means if mean is not None])
    assert found.mean_of_turns["overall"].mean == pytest.approx(expected)


def test_tables_name_both_means() -> None:
    found = figures_of([(8, 6), (6, 5)])
    assert found is not None
    table, short = turn_table(["system"], [(["s"], found)]), pooled_table(["system"], [(["s"], found)])
    assert table is not None
    assert short is not None
    assert table.title == "Scores by turn (1-10)"
    assert list(table.columns) == ["system", "aspect", "turn 1", "turn 2", "pooled", "mean of turns", "scored/answers"]
    assert table.rows[0][:2] == ["s", "overall"]
    assert table.rows[0][-1] == "4/4"
    assert short.title == "Scores over all turns, pooled (1-10)"
    assert str(short.rows[0][1]).startswith("6.25 [")
    assert str(short.rows[0][1]).endswith(" (7.00; 5.50)")
    assert turn_table(["system"], []) is None
    assert pooled_table(["system"], []) is None


@pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="needs published scores of MT-Bench, which are not part of the project"
)
@pytest.mark.parametrize("kept", ["last_of_duplicates", "show_result_every_row"])
def test_published_averages_come_out_exactly(kept: str) -> None:
    expected = json.loads((PUBLISHED / "expected.json").read_text("utf-8"))
    with (PUBLISHED / "scores.csv").open(encoding="utf-8", newline="") as stream:
        published = list(csv.DictReader(stream))
    for model, figures in expected.items():
        # By question and turn, the scores in the file's order: of every row, a repeated one is a conversation of its own.
        by_question: dict[tuple[str, int], dict[str, float | None]] = {}
        seen: dict[tuple[str, str], int] = {}
        for item in (item for item in published if item["model"] == model):
            question, turn = item["question_id"], item["turn"]
            number = seen[question, turn] = seen.get((question, turn), -1) + 1
            score = None if float(item["score"]) == -1 else float(item["score"])
            key = (question, 0 if kept == "last_of_duplicates" else number)
            by_question.setdefault(key, {})[turn] = score
        if any(len(turns) < 2 for turns in by_question.values()):
            # A repeated half of a conversation is none; the importer refuses such a file.
            assert (model, kept) == ("Meta-Llama-3-8B-Instruct-Normal", "show_result_every_row")
            continue
        found = figures_of([(turns["1"], turns["2"]) for turns in by_question.values()])
        assert found is not None
        assert found.by_turn["1"]["overall"].mean == figures[kept]["turn_1"]
        assert found.by_turn["2"]["overall"].mean == figures[kept]["turn_2"]
        assert found.pooled["overall"].mean == figures[kept]["average"]
        if kept == "show_result_every_row" and "mean_of_the_two_turn_means" in figures:
            assert found.mean_of_turns["overall"].mean == pytest.approx(
                figures["mean_of_the_two_turn_means"], abs=1e-12
            )

import pytest

from tests.experiments.leaderboard.written import SCORES
from tests.leaderboard_entries import BOOTSTRAP, NOTHING, make_entry
from urial.core.errors import UrialError
from urial.experiments.leaderboard.naming import model_names
from urial.experiments.leaderboard.records import Leaderboard
from urial.experiments.leaderboard.runs import NamedEntry, Runs
from urial.experiments.leaderboard.table import leaderboard
from urial.experiments.leaderboard.text import csv_table, leaderboard_tables
from urial.records.judge import RulesIdentity
from urial.records.judgment import ASPECTS
from urial.records.leaderboard_entry import LeaderboardEntry

SIX = {aspect: [4.0, 5.0, None] if aspect != "safety" else [None, None, 2.0] for aspect in ASPECTS}
LOWER = {aspect: [3.0, 5.0, None] if aspect != "safety" else [None, None, 2.0] for aspect in ASPECTS}


def runs(*entries: LeaderboardEntry) -> Runs:
    return Runs(
        tuple(NamedEntry(entry.experiment or f"run-{index}", entry) for index, entry in enumerate(entries)), (), {}
    )


def board(*entries: LeaderboardEntry, **options: object) -> Leaderboard:
    return leaderboard(runs(*entries), BOOTSTRAP, **options)  # type: ignore[arg-type]


def shown(table: Leaderboard) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(row.model, row.system, row.runs) for row in table.rows]


def test_systems_of_all_models_stand_by_their_average() -> None:
    early = make_entry({"base-urial": LOWER, "base-zero-shot": SIX}, step=10, experiment="early")
    late = make_entry({"base-urial": SIX, "unscored": {"depth": [None, None, None]}}, step=20, experiment="late")
    assert shown(board(early, late)) == [
        ("o/m step-10", "base-zero-shot", ("early",)),
        ("o/m step-20", "base-urial", ("late",)),
        ("o/m step-10", "base-urial", ("early",)),
        ("o/m step-20", "unscored", ("late",)),
    ]
    assert shown(board(early, late, systems=["base-urial"])) == [
        ("o/m step-20", "base-urial", ("late",)),
        ("o/m step-10", "base-urial", ("early",)),
    ]


def test_the_same_result_of_the_same_model_is_one_row_and_another_result_of_it_another() -> None:
    first = make_entry({"aligned": SIX, "base-urial": SIX}, experiment="first")
    again = make_entry({"aligned": SIX, "base-urial": LOWER}, experiment="again")
    assert shown(board(first, again)) == [
        ("o/m", "aligned", ("first", "again")),
        ("o/m", "base-urial", ("first",)),
        ("o/m", "base-urial", ("again",)),
    ]


def test_other_judges_and_instructions_are_mixed_on_purpose_alone() -> None:
    ours = make_entry({"s": LOWER}, experiment="ours")
    theirs = make_entry({"s": SIX}, experiment="theirs", judge=RulesIdentity(kind="rules", version=2, world=None))
    longer = make_entry({"s": {aspect: [*column, None] for aspect, column in SIX.items()}}, experiment="longer")
    with pytest.raises(
        UrialError, match="scored by different judges: ours: rules/1 on microworld/seed-0; theirs: rules/2 on no world"
    ):
        board(ours, theirs)
    with pytest.raises(
        UrialError, match=r"answer different instructions: ours: set, 3 instructions, .*; longer: set, 4 instructions"
    ):
        board(ours, longer)
    mixed = board(ours, theirs, longer, mixed=True)
    assert [(row.setting, row.runs) for row in mixed.rows] == [(0, ("ours",)), (1, ("theirs",)), (2, ("longer",))]
    assert [table.title for table in leaderboard_tables(mixed)] == [
        f"Leaderboard (1-5), setting {letter}" for letter in "ABC"
    ]
    assert [row[0] for row in csv_table(mixed).rows] == ["A", "B", "C"]
    other = make_entry({"t": SIX}, experiment="other", instructions="other")
    (alone,) = leaderboard_tables(board(ours, other, mixed=True, systems=["t"]))
    assert alone.title == "Leaderboard (1-5), setting B"


def test_runs_without_a_judge_stand_beside_those_of_any() -> None:
    judged = make_entry({"s": SIX})
    figures = judged.systems["s"].figures.model_copy(update={**dict.fromkeys(ASPECTS), "average": NOTHING})
    unjudged = judged.systems["s"].model_copy(update={"figures": figures, "scores": ()})
    alone = judged.model_copy(update={"judge": None, "systems": {"s": unjudged}})
    table = board(alone, judged)
    assert len(table.settings) == 1
    assert table.settings[0].judge == judged.judge
    assert [row.runs for row in table.rows] == [("run-1",), ("run-0",)]
    (unranked,) = leaderboard_tables(board(alone))
    assert unranked.title == "Leaderboard"
    assert list(unranked.columns) == ["model", "system", "run", "words", "scored/total"]
    assert unranked.caption is not None
    assert "Not judged. In brackets" in unranked.caption


def test_what_is_scored_as_a_whole_is_ranked_by_that() -> None:
    whole = make_entry({"a": {"overall": [3, 4, None]}, "b": {"overall": [9, 9, None]}})
    table = board(whole)
    assert table.by == "overall"
    assert [row.system for row in table.rows] == ["b", "a"]
    # Without instructions of safety there is no average.
    assert board(make_entry({"a": {"clarity": [3, 4, None], "depth": [1, 1, 1]}})).by == "clarity"
    with pytest.raises(UrialError, match="nothing is scored by depth"):
        board(whole, by="depth")


def test_a_system_that_no_run_has_is_named_with_the_nearest() -> None:
    with pytest.raises(UrialError, match="no run has a system 'base-urail'") as caught:
        board(make_entry(SCORES), systems=["base-urail"])
    assert "did you mean 'base-urial'?" in str(caught.value)


def test_models_are_called_by_short_names_that_tell_them_apart() -> None:
    def called(*labels: tuple[str, int | None]) -> list[str]:
        return list(model_names([make_entry(SCORES, label=label, step=step) for label, step in labels]).values())

    assert called(("o/m@abc", None), ("o/m-Instruct@abc", None)) == ["o/m", "o/m-Instruct"]
    assert called(("o/m@abc", None), ("o/m@def", None)) == ["o/m@abc", "o/m@def"]
    assert called(("/home/me/ckpts/step-1", 1), ("/home/me/ckpts/step-2", 2)) == ["ckpts step-1", "ckpts step-2"]
    assert called(("o/m@step-1", 1), ("o/m@step-2", 2)) == ["o/m step-1", "o/m step-2"]
    same = make_entry(SCORES, label="microworld base")
    other = same.models["base"].model_copy(update={"hash": "sha256:" + "0" * 64})
    names = model_names([same, same.model_copy(update={"models": {"base": other}})])
    assert names["sha256:" + "0" * 64] == "microworld base (000000000000)"
    assert len(set(names.values())) == 2


def test_nothing_in_a_name_acts_as_markup() -> None:
    entry = make_entry({"s": SIX}, label="<b>|*x*|\n\x1b[31m$\\%", experiment="e|<i>&_")
    (table,) = leaderboard_tables(board(entry))
    text = table.markdown()
    assert "\\<b>\\|\\*x\\*\\|" in text
    assert "\x1b" not in text
    rows = [line for line in text.splitlines() if "\\<b>" in line]
    assert len(rows) == 1
    assert r"\textless{}b\textgreater{}\textbar{}*x*\textbar{}" in table.latex()
    formula = make_entry({"s": SIX}, label="=1+1")
    assert "'=1+1" in csv_table(board(formula)).csv()


def test_columns_that_are_empty_throughout_are_left_out_of_the_table_for_people_alone() -> None:
    entry = make_entry({"s": SIX}, step=7, tokens=700)
    (table,) = leaderboard_tables(board(entry))
    assert [name for name in table.columns if name not in ASPECTS] == [
        "model", "step", "tokens seen", "system", "run", "average", "words", "scored/total",
    ]  # fmt: skip
    plain = dict(zip(csv_table(board(entry)).columns, csv_table(board(entry)).rows[0], strict=True))
    assert (plain["step"], plain["tokens"], plain["win_rate_percent"]) == (7, 700, None)
    assert plain["average"] == pytest.approx(4.083, abs=1e-3)


def test_prompts_and_decoding_are_shown_where_systems_of_one_name_differ_in_them() -> None:
    first = make_entry({"s": SIX}, experiment="first")
    of = first.systems["s"]
    decoding = of.figures.decoding.model_copy(update={"temperature": 0.5, "seed": 3})
    figures = of.figures.model_copy(update={"prompt_hash": "sha256:" + "0" * 64, "decoding": decoding})
    second = first.model_copy(
        update={"experiment": "second", "systems": {"s": of.model_copy(update={"figures": figures})}}
    )
    (table,) = leaderboard_tables(board(first, second))
    shown = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["prompt"] for row in shown] == ["general/s@0f4657778ae1", "general/s@000000000000"]
    assert [row["decoding"] for row in shown] == [
        "greedy, penalty 1, 100 tokens", "temperature 0.5, top-p 1, seed 3, penalty 1, 100 tokens",
    ]  # fmt: skip


def test_intervals_of_other_coverage_are_told() -> None:
    first = make_entry({"s": SIX}, experiment="first")
    (table,) = leaderboard_tables(board(first, first.model_copy(update={"confidence": 0.9})))
    assert table.caption is not None
    assert "the intervals of the runs' reports (90 %, 95 %)." in table.caption

"""Files of preferences to figures: the published ones, and the same figures whatever order and names rows have."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.exchange.importers.preference_files import annotation, game, imported, urial_row
from tests.exchange.importers.score_files import upstream
from tests.judge.files.references import reference_csv, text_of
from tests.preference_rows import preference
from urial.core.errors import UrialError
from urial.core.store import write_jsonl
from urial.exchange.importers.preferences import PreferenceOptions, import_preferences
from urial.judge.files.length_references import read_reference
from urial.judge.files.preferences import read_files, read_preferences, with_texts
from urial.judge.files.win_rate_tables import win_rates_text
from urial.judge.files.win_rates import WinRateOptions, win_rates
from urial.records.instruction import Instruction
from urial.records.preference import Preference
from urial.records.win_rates import WinRate, WinRates
from urial.statistics.bootstrap import Bootstrap

NO_BOOTSTRAP = Bootstrap(0, 0.95, 0)
PUBLISHED = ("text_davinci_001", "alpaca-7b", "FuseChat-Llama-3.1-8B-Instruct")


def figures(path: Path, bootstrap: Bootstrap = NO_BOOTSTRAP, **options: Any) -> WinRate:
    """The first figures of one file."""
    return win_rates(read_files([path]), None, WinRateOptions(**options), bootstrap).systems[0].figures[0]


def written(path: Path, rows: Sequence[Preference]) -> Path:
    write_jsonl(path, rows)
    return path


def annotations(count: int = 40) -> list[dict[str, Any]]:
    """Rows of which the longer answers win more often, shorter and longer ones alike."""
    return [
        annotation(number, 1 + (number * 7 % 10) / 9, output_2="a" * (10 + number + (number * 7 % 10) * 3 - 9))
        for number in range(count)
    ]


@pytest.mark.parametrize("model", PUBLISHED)
def test_published_figures_come_out(model: str, tmp_path: Path) -> None:
    folder = upstream("alpaca_eval")
    expected = json.loads((folder / "expected.json").read_text("utf-8"))[model]
    rows = import_preferences([folder / f"annotations/{model}.csv"], PreferenceOptions()).preferences
    path, reference = written(tmp_path / "rows.jsonl", rows), read_reference(folder / "reference.csv")
    published = expected["published"]
    for join, figure in (("row", published["length_controlled_winrate"]),
                         ("instruction", expected.get("exact_solver_joined_by_instruction_at_implied_C"))):  # fmt: skip
        strength = expected["implied_C"]
        found = figures(path, reference=reference, join=join, regularization=strength)
        assert found.win_rate.mean == pytest.approx(published["win_rate"], abs=1e-9)
        assert found.standard_error == pytest.approx(published["standard_error"], abs=1e-9)
        assert found.discrete_win_rate == pytest.approx(published["discrete_win_rate"], abs=1e-9)
        assert (found.wins, found.losses, found.ties, found.total) == (
            published["n_wins"], published["n_wins_base"], published["n_draws"], published["n_total"],
        )  # fmt: skip
        assert found.length_control is not None
        known = published["length_controlled_winrate"] if figure is None else figure
        assert found.length_control.win_rate.mean == pytest.approx(known, abs=0.02)


def test_published_pairs_come_out(tmp_path: Path) -> None:
    folder = upstream("mt_bench")
    expected = json.loads((folder / "expected_pairs.json").read_text("utf-8"))
    for side, system in (("model_1", None), ("model_2", "phi-3-dpo")):
        rows = import_preferences([folder / "pairs.csv"], PreferenceOptions(system=system)).preferences
        found = figures(written(tmp_path / f"{side}.jsonl", rows))
        shares = found.win_share, found.loss_share, found.discrete_win_rate
        names = "win_rate", "loss_rate", "win_rate_adjusted"
        assert [share / 100 for share in shares if share is not None] == [expected[side][name] for name in names]
        assert found.no_length_control == "lengths are not known of 40 rows with a preference"


def test_urial_s_published_counts_are_tallied_as_published(tmp_path: Path) -> None:
    published = json.loads((upstream("alpaca_eval") / "urial_pairwise.json").read_text("utf-8"))
    for name, counts in published["systems"].items():
        columns = {
            aspect: ["A"] * win + ["tie"] * tie + ["B"] * lose
            for aspect, win, tie, lose in zip(
                published["aspects"], counts["win"], counts["tie"], counts["lose"], strict=True
            )
        }
        rows = []
        for number in range(published["n"]):
            first = number % 3 > 0
            flip = {"A": "B", "B": "A", "tie": "tie"}
            words = {aspect: column[number] if first else flip[column[number]] for aspect, column in columns.items()}
            rows.append(urial_row(number, {"rationale": "", "choices": words}, first=first))
        path = written(tmp_path / "rows.jsonl", imported(tmp_path, *rows).preferences)
        system = win_rates(read_files([path]), None, WinRateOptions(), NO_BOOTSTRAP).systems[0]
        found = {figure.criterion: [figure.wins, figure.ties, figure.losses] for figure in system.figures}
        expected = [list(column) for column in zip(counts["win"], counts["tie"], counts["lose"], strict=True)]
        assert [found[aspect] for aspect in published["aspects"]] == expected, name


def test_golden_figures_of_made_up_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", imported(tmp_path, *annotations()).preferences)
    reference = read_reference(reference_csv(tmp_path / "made-up.csv"))
    raw = figures(path)
    assert raw.win_rate.mean == pytest.approx(50, abs=1e-9)
    assert (raw.wins, raw.ties, raw.losses, raw.discrete_win_rate) == (20, 0, 20, 50)
    assert raw.length_control is not None
    assert (raw.length_control.form, raw.length_control.shorter, raw.length_control.longer) == (
        "length_adjusted",
        12,
        24,
    )
    controlled = figures(path, reference=reference, regularization=2.0).length_control
    assert controlled is not None
    assert controlled.reference is not None
    assert (controlled.reference.name, controlled.reference.alpaca_eval_2) == ("made-up", False)
    assert (controlled.form, controlled.chosen, controlled.join) == ("length_controlled", "given", "instruction")
    without = figures(path, reference=reference, anchors=False, regularization=2.0).length_control
    assert without is not None
    assert (without.form, without.difficulty is None) == ("length_adjusted", False)
    assert raw.length_control.difficulty is None


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(40)), st.sets(st.integers(0, 39), max_size=20))
def test_rows_in_another_order_without_some_or_numbered_anew_give_the_same_figures(
    tmp_path: Path, order: list[int], dropped: set[int]
) -> None:
    reference = read_reference(reference_csv(tmp_path / "made-up.csv"))
    kept = [row for number, row in enumerate(annotations()) if number not in dropped]
    moved = [annotations()[number] | {"index": place} for place, number in enumerate(order) if number not in dropped]
    paths = [
        written(tmp_path / f"{place}.jsonl", imported(tmp_path, *rows).preferences)
        for place, rows in enumerate((kept, moved))
    ]
    for known in (None, reference):
        assert figures(paths[0], reference=known) == figures(paths[1], reference=known)


def test_instructions_that_a_reference_does_not_have_are_refused(tmp_path: Path) -> None:
    reference = read_reference(reference_csv(tmp_path / "made-up.csv", 39))
    path = written(tmp_path / "rows.jsonl", imported(tmp_path, *annotations()).preferences)
    with pytest.raises(UrialError) as error:
        figures(path, reference=reference)
    assert "instructions that made-up does not have: 1, first 'alpaca-eval-" in str(error.value)
    assert "'Why 39?'" in str(error.value)
    with pytest.raises(UrialError, match="40 rows, and made-up numbers 39"):
        figures(path, reference=reference, join="row")
    own = written(tmp_path / "own.jsonl", [preference(f"i{number}", 1.0, lengths=(2, 1)) for number in range(6)])
    with pytest.raises(UrialError) as error:
        figures(own, reference=reference)
    assert "whose text is not known" in str(error.value)
    assert "--instructions FILE" in str(error.value)


def test_texts_of_instructions_join_rows_that_have_none(tmp_path: Path) -> None:
    reference = read_reference(reference_csv(tmp_path / "made-up.csv"))
    rows = [preference(f"i{number}", float(number % 2), lengths=(number, 20)) for number in range(40)]
    systems = read_files([written(tmp_path / "rows.jsonl", rows)])
    known = [
        Instruction(id=f"i{number}", turns=(text_of(number),), category="regular", source="s") for number in range(40)
    ]
    systems = with_texts(systems, tmp_path / "known.jsonl", known)
    found = win_rates(systems, None, WinRateOptions(reference=reference), NO_BOOTSTRAP).systems[0].figures[0]
    assert found.length_control is not None
    assert found.length_control.verdicts == 40


def test_by_row_number_a_gap_shifts_difficulty_and_by_instruction_it_does_not(tmp_path: Path) -> None:
    reference = read_reference(reference_csv(tmp_path / "made-up.csv"))
    path = written(tmp_path / "rows.jsonl", imported(tmp_path, *annotations()[3:]).preferences)
    by_row, right = (
        figures(path, reference=reference, join=join, regularization=2.0).length_control
        for join in ("row", "instruction")
    )
    assert by_row is not None
    assert right is not None
    assert by_row.win_rate.mean != right.win_rate.mean
    assert by_row.join == "row"


def test_a_baseline_against_itself_is_50(tmp_path: Path) -> None:
    rows = [annotation(number, 1.5, generator_2="base") for number in range(8)]
    path = written(tmp_path / "rows.jsonl", imported(tmp_path, *rows).preferences)
    found = win_rates(read_files([path]), None, WinRateOptions(), NO_BOOTSTRAP)
    control = found.systems[0].figures[0].length_control
    assert control is not None
    assert (control.win_rate.mean, control.chosen) == (50, "not_fitted")
    assert "50 by definition" in win_rates_text(found)


def test_turns_have_figures_of_their_own_and_pooled(tmp_path: Path) -> None:
    rows = [game(number, turn=turn, g1_winner="model_1" if turn == 1 else "tie") for number in range(81, 89) for turn in (1, 2)]  # fmt: skip
    path = written(tmp_path / "rows.jsonl", imported(tmp_path, *rows).preferences)
    found = win_rates(read_files([path]), None, WinRateOptions(), Bootstrap(200, 0.95, 0)).systems[0].figures
    assert [(one.turn, one.total, one.win_rate.mean, one.wins) for one in found] == [
        (1, 8, 100, 8), (2, 8, 75, 0), (None, 16, 87.5, 8),
    ]  # fmt: skip
    # Both turns of an instruction are drawn together.
    assert (found[2].win_rate.low, found[2].win_rate.high) == (87.5, 87.5)


def test_every_row_is_counted_once(tmp_path: Path) -> None:
    rows = [
        preference("a", 1.0, 1.0), preference("b", 0.0, 0.0), preference("c", 0.5, 0.5), preference("d", 1.0, 0.0),
        preference("e", None, 1.0), preference("f"), preference("g", status="no_baseline", reason="none"),
    ]  # fmt: skip
    found = figures(written(tmp_path / "rows.jsonl", rows))
    counts = (
        found.wins,
        found.losses,
        found.ties,
        found.inconsistent,
        found.invalid,
        found.no_completion,
        found.no_baseline,
    )
    assert counts == (1, 1, 1, 1, 1, 1, 1)
    assert (found.total, found.win_rate.mean, found.discrete_win_rate) == (7, 50, 50)


def test_nothing_to_average_is_no_number(tmp_path: Path) -> None:
    found = figures(written(tmp_path / "rows.jsonl", [preference("a", None), preference("b")]), Bootstrap(100, 0.9, 0))
    assert (found.win_rate.mean, found.standard_error, found.discrete_win_rate, found.characters) == (None,) * 4
    assert found.no_length_control == "no row has a preference"


def test_several_systems_are_rated_and_grouped(tmp_path: Path) -> None:
    paths = []
    for name in ("one", "two"):
        rows = [row | {"generator_2": name, "dataset": "koala" if number % 2 else "vicuna"} for number, row in enumerate(annotations())]  # fmt: skip
        found = imported(tmp_path, *rows)
        paths.append(written(tmp_path / f"{name}.jsonl", found.preferences))
    known = (tmp_path / "i.jsonl", found.instructions)
    rates = win_rates(read_files(paths), known, WinRateOptions(by="source"), NO_BOOTSTRAP)
    assert [row.system for row in rates.ratings[0].ratings] == ["base", "one", "two"]
    assert {row.rating.mean for row in rates.ratings[0].ratings} == {1_000}
    assert {tag: group[0].total for tag, group in rates.systems[1].groups.items()} == {"koala": 20, "vicuna": 20}
    text = win_rates_text(rates)
    assert "### Win rates (%), by source\n\n| source | rows | system |" in text
    assert "| koala | 20 | one | base | " in text
    assert "### Ratings" in text
    with pytest.raises(UrialError, match="preferences do not say the source"):
        win_rates(read_files(paths), None, WinRateOptions(by="source"), NO_BOOTSTRAP)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no rows"),
        ([preference("a", 1.0), preference("a", 0.0)], "line 2: 'a' again, as in line 1"),
        ([preference("a", 1.0), preference("b", 0.0).model_copy(update={"baseline": "c"})], "line 2: a against c"),
        ([preference("a", status="not_judged", reason="none", judge=None)], "line 1: not judged"),
    ],
)
def test_a_file_that_is_not_one_system_s_is_refused(tmp_path: Path, rows: list[Preference], message: str) -> None:
    with pytest.raises(UrialError) as error:
        read_preferences(written(tmp_path / "rows.jsonl", rows))
    assert message in str(error.value)


def test_one_pair_in_two_files_is_refused(tmp_path: Path) -> None:
    paths = [written(tmp_path / f"{name}.jsonl", [preference("a", 1.0)]) for name in "xy"]
    with pytest.raises(UrialError, match="both of a against b"):
        read_files(paths)


def texts(rates: WinRates) -> str:
    return win_rates_text(rates)


def test_captions_say_what_a_figure_is(tmp_path: Path) -> None:
    reference = read_reference(reference_csv(tmp_path / "made-up.csv"))
    rows = [annotation(number, 1 + number % 2, output_2="a" * 999) for number in range(40)]
    systems = read_files([written(tmp_path / "rows.jsonl", imported(tmp_path, *rows).preferences)])
    controlled = texts(win_rates(systems, None, WinRateOptions(reference=reference), NO_BOOTSTRAP))
    assert f"length-controlled (reference made-up, sha256 {reference.cited.hash[7:19]})" in controlled
    assert "AlpacaEval 2" not in controlled
    assert "mine, overall: 0 answers are shorter and 40 longer" in controlled
    alike = texts(win_rates(systems, None, WinRateOptions(), NO_BOOTSTRAP))
    assert "no win rate at equal lengths, since every answer is longer, or shorter" in alike
    rows = annotations()
    systems = read_files([written(tmp_path / "rows.jsonl", imported(tmp_path, *rows).preferences)])
    adjusted = texts(win_rates(systems, None, WinRateOptions(reference=reference, anchors=False), NO_BOOTSTRAP))
    assert "length-adjusted with difficulty (reference made-up" in adjusted
    assert "| length-adjusted |" in texts(win_rates(systems, None, WinRateOptions(), NO_BOOTSTRAP))
    nothing = texts(win_rates(systems, None, WinRateOptions(regularization=1e-6), NO_BOOTSTRAP))
    assert "at this C the penalty leaves no coefficient" in nothing
    by_row = texts(win_rates(systems, None, WinRateOptions(reference=reference, join="row"), NO_BOOTSTRAP))
    assert "joined with the reference by row number" in by_row

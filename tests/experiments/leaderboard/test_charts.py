"""Charts of a leaderboard: what is drawn where, what is left out, and names of others."""

import json
from pathlib import Path
from xml.etree import ElementTree

import altair as alt
import pytest

from tests.experiments.leaderboard.boards import board_of, of_level, sweep
from tests.leaderboard_entries import make_entry
from urial.core.errors import UrialError
from urial.experiments.chart_files import require_ending, write_chart
from urial.experiments.leaderboard.charts import progress_figure, size_figure
from urial.records.judge import RulesIdentity
from urial.report.charts.drawing import svg
from urial.report.charts.figure import Figure, Missing, Specification, specification

HOSTILE = "</svg><script>alert(1)</script>\"'\\'); datum.x = (1"
CHAT = make_entry({"chat": of_level(4)}, label="o/chat@main", parameters=3 * 10**9)


def drawn(figure: Figure | Missing) -> tuple[Figure, Specification]:
    assert isinstance(figure, Figure)
    return figure, specification(figure, "sha256:0")


def texts(made: Specification) -> set[str]:
    root = ElementTree.fromstring(svg(made))  # noqa: S314 (made by this test)
    return {element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")}


def test_scores_along_training_have_a_line_a_system_and_a_panel_a_measure() -> None:
    figure, made = drawn(progress_figure(board_of([*sweep("o/m", [0, 10, 1000]), CHAT])))
    assert {row["line"] for row in figure.rows} == {"base-urial", "base-zero-shot"}
    of_average = [row for row in figure.rows if row["panel"] == "average" and row["line"] == "base-urial"]
    assert [row["x"] for row in of_average] == [0, 10_000_000, 1_000_000_000]
    assert sorted(float(row["mean"] or 0) for row in of_average) == [row["mean"] for row in of_average]
    assert all(row["low"] <= row["mean"] <= row["high"] for row in of_average)  # type: ignore[operator]
    assert {"tokens seen", "mean score", "average", "safety", "base-urial", "0", "10M", "100M", "1B"} <= texts(made)
    assert "Left out, since nothing tells how many tokens they have seen: 1 row: o/chat, chat." in figure.caption
    assert "Judge: rules/1 on microworld/seed-0." in figure.caption


def test_both_charts_are_valid_vega_lite_and_the_same_each_time() -> None:
    board = board_of([*sweep("o/m", [0, 10], parameters=10**8), *sweep("o/n", [0, 20], parameters=10**9), CHAT])
    for figure in (progress_figure(board), size_figure(board)):
        _, made = drawn(figure)
        alt.Chart.from_dict(json.loads(json.dumps(made)), validate=True)
        assert made == drawn(figure)[1]


def test_panels_are_in_one_order_whatever_the_first_model_lacks() -> None:
    early = make_entry({"base-urial": {"depth": [1.0] * 25}}, label="o/m@step-1", step=1, tokens=1)
    figure, made = drawn(progress_figure(board_of([early, *sweep("o/m", [10, 20])])))
    assert made["facet"]["sort"][:3] == ["average", "helpfulness", "clarity"]
    assert {row["panel"] for row in figure.rows if row["x"] == 1} == {"depth"}


def test_models_have_lines_of_their_own_and_stages_of_one_training_too() -> None:
    later = make_entry({"s": of_level(4)}, label="o/m@stage2-step-10").model_copy()
    model = later.models["base"].model_copy(
        update={"checkpoint": "stage2-step10", "step": 10, "label": "o/m@stage2-step10"}
    )
    board = board_of([*sweep("o/m", [10, 20], tokens=None), *sweep("o/n", [10], tokens=None),
                      later.model_copy(update={"models": {"base": model}})])  # fmt: skip
    figure, made = drawn(progress_figure(board))
    assert {row["line"] for row in figure.rows} == {
        "base-urial, o/m", "base-zero-shot, o/m", "base-urial, o/n", "base-zero-shot, o/n", "s, o/m stage 2",
    }  # fmt: skip
    assert "training step" in texts(made)


def test_of_checkpoints_the_size_chart_has_the_last_and_names_each_model_once() -> None:
    entries = [*sweep("o/small", [0, 10], parameters=10**8), *sweep("o/large", [0, 20], parameters=7 * 10**9), CHAT]
    figure, made = drawn(size_figure(board_of([*entries, make_entry({"s": of_level(3)}, label="o/unknown@main")])))
    shown = {(row["model"], row["system"], row["x"]) for row in figure.rows}
    assert shown == {
        ("small", "base-urial", 10**8), ("small", "base-zero-shot", 10**8), ("large", "base-urial", 7 * 10**9),
        ("large", "base-zero-shot", 7 * 10**9), ("chat", "chat", 3 * 10**9),
    }  # fmt: skip
    assert sorted(str(row["name"]) for row in figure.rows if row["name"]) == ["chat", "large", "small"]
    assert {"parameters", "small", "large", "chat", "100M", "1B"} <= texts(made)
    assert "Left out, since nothing tells how many parameters they have: 1 row: o/unknown, s." in figure.caption


def test_mixed_settings_have_lines_of_their_own() -> None:
    other = RulesIdentity(kind="rules", version=1, world="microworld/seed-1")
    board = board_of([*sweep("o/m", [10, 20]), *sweep("o/m", [10, 20], judge=other)], mixed=True)
    figure, _ = drawn(progress_figure(board))
    assert {row["line"] for row in figure.rows} == {
        "A: base-urial", "A: base-zero-shot", "B: base-urial", "B: base-zero-shot",
    }  # fmt: skip
    for part in ("A: 25 instructions", "B: 25 instructions", "seed-0", "seed-1", "are not to be compared"):
        assert part in figure.caption


def test_what_there_is_nothing_to_draw_of_says_why() -> None:
    progress, size = progress_figure(board_of([CHAT])), size_figure(board_of([CHAT]))
    assert isinstance(progress, Missing)
    assert isinstance(size, Missing)
    assert progress.why == "fewer than two scored models tell how many tokens they have seen"
    assert size.why == "fewer than two scored models of different known sizes"


def test_names_of_others_are_text() -> None:
    entries = [*sweep(f"o/{HOSTILE}", [0, 10], parameters=10**8), *sweep("o/n", [0, 10], parameters=10**9)]
    board = board_of(entries, names=[f"{HOSTILE}{number}" for number in range(4)])
    for figure in (progress_figure(board), size_figure(board)):
        made = drawn(figure)[1]
        ElementTree.fromstring(svg(made))  # noqa: S314 (made by this test)
        assert b"<script" not in svg(made)


@pytest.mark.parametrize(
    ("ending", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("PDF", b"%PDF"), ("json", b"{")]
)
def test_the_name_of_a_file_says_its_format(tmp_path: Path, ending: str, begins: bytes) -> None:
    figure, _ = drawn(progress_figure(board_of(sweep("o/m", [10, 20]))))
    path = tmp_path / f"chart.{ending}"
    require_ending(path)
    write_chart(figure, path, "sha256:0", "urial leaderboard sha256:0")
    assert path.read_bytes().startswith(begins)


def test_another_ending_is_refused() -> None:
    with pytest.raises(UrialError, match="no format of a chart"):
        require_ending(Path("chart.gif"))

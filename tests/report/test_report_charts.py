"""The charts as files: valid, stable, honest about what is missing."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.report.conftest import curves_of, empty_run, small_run
from urial.records.estimate import Estimate
from urial.records.report import Report
from urial.report.build import build_report
from urial.report.charts import CATEGORY_COLORS, category_chart, label_chart, score_chart, write_charts
from urial.report.drawing import SERIES_COLORS, fill
from urial.report.inputs import ReportInputs

NAMES = {
    "scores", "categories", "labels", "curve_kl", "curve_shifted", "curve_base_rank", "curve_base_probability", "tenth_kl",
    "tenth_shifted",
}  # fmt: skip


@pytest.fixture(scope="module")
def charts(run: ReportInputs, figures: Report, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("charts")
    found = write_charts(figures, curves_of(run), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        f"{name}.svg": svg for name, svg in found.items()
    }
    return found


def texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in _elements(svg, "text")]


def bars(svg: bytes, colors: tuple[str, ...]) -> list[tuple[float, float]]:
    """Width and height of every filled rectangle in one of the colors, legend included, in SVG units."""
    found = []
    for element in _elements(svg, "path"):
        if any(f"fill: {color.lower()}" in element.get("style", "") for color in colors):
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", element.get("d", ""))]
            found.append((max(numbers[::2]) - min(numbers[::2]), max(numbers[1::2]) - min(numbers[1::2])))
    return found


def _elements(svg: bytes, name: str) -> Iterator[ElementTree.Element]:
    return _parse(svg).iter(f"{{http://www.w3.org/2000/svg}}{name}")


def _parse(svg: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 (made by this test)


def test_every_chart_is_a_titled_xml_document(charts: dict[str, bytes]) -> None:
    assert set(charts) == NAMES
    for svg in charts.values():
        assert _parse(svg).tag == "{http://www.w3.org/2000/svg}svg"
        assert b"<script" not in svg
        assert b"Matplotlib" not in svg
        assert not re.search(rb"\d{4}-\d\d-\d\d", svg)


def test_charts_name_their_units_and_series(charts: dict[str, bytes]) -> None:
    assert {"unshifted", "marginal", "shifted", "base", "tokens of the aligned answers, %"} <= set(
        texts(charts["categories"])
    )
    assert {
        "aligned",
        "base",
        "helpfulness",
        "safety",
        "mean score (1 to 5); line: 95 % interval; no dot: no scored answer",
    } <= set(texts(charts["scores"]))
    assert {"KL(aligned ‖ base), nats", "position in the aligned answer, tokens"} <= set(texts(charts["curve_kl"]))
    assert "shifted tokens, %" in texts(charts["curve_shifted"])


def test_bar_lengths_are_the_shares(charts: dict[str, bytes]) -> None:
    widths = {
        name: max(width for width, _ in bars(charts["categories"], (color,)))
        for name, (color, _) in CATEGORY_COLORS.items()
    }
    assert widths["unshifted"] / widths["shifted"] == pytest.approx(7 / 3, rel=1e-4)
    assert widths["unshifted"] / widths["marginal"] == pytest.approx(7 / 2, rel=1e-4)


def dots(svg: bytes) -> list[tuple[float, float]]:
    """Where the dots of a chart of scores are, in SVG units."""
    color = f"fill: {SERIES_COLORS[0].lower()}"
    uses = (element for element in _elements(svg, "use") if color in element.get("style", ""))
    return [(float(element.get("x", "nan")), float(element.get("y", "nan"))) for element in uses]


def test_a_missing_score_has_no_dot(figures: Report) -> None:
    rows = Counter(y for _, y in dots(score_chart(figures)))
    assert [count for _, count in sorted(rows.items())] == [6, 5]


def test_a_dot_is_where_its_score_is(figures: Report) -> None:
    base, aspects = figures.systems["base"], figures.systems["base"].aspects
    scores = (1.0, 2.0, 5.0)
    systems = {
        f"s{score}": base.model_copy(
            update={name: aspect.model_copy(update={"mean": score}) for name, aspect in aspects.items()}
        )
        for score in scores
    }
    first, second, last = (x for x, _ in sorted(dots(score_chart(figures.model_copy(update={"systems": systems}))))[:3])
    assert (last - first) / (second - first) == pytest.approx(4, rel=1e-4)


def test_every_system_is_named_beside_its_row_however_many_there_are(figures: Report) -> None:
    systems = {f"system-{number:02}": figures.systems["aligned"] for number in range(20)}
    svg = score_chart(figures.model_copy(update={"systems": systems}))
    assert [text for text in texts(svg) if text.startswith("system-")] == sorted(systems)
    assert len({y for _, y in dots(svg)}) == 20


def test_no_two_of_many_contexts_are_filled_alike(figures: Report) -> None:
    fills = [tuple(fill(index).values()) for index in range(28)]
    assert len(set(fills)) == 28
    contexts = {f"context-{number}": figures.token_shift["base"] for number in range(9)}
    assert b"<pattern" in label_chart(figures.model_copy(update={"token_shift": contexts}))


def test_a_run_without_results_says_so(tmp_path: Path) -> None:
    inputs = empty_run()
    charts = write_charts(build_report(inputs), curves_of(inputs), tmp_path)
    assert "no measured answers" in texts(charts["categories"])
    assert "too few measured answers to draw" in texts(charts["curve_kl"])
    assert dots(charts["scores"]) == []
    assert bars(charts["categories"], tuple(color for color, _ in CATEGORY_COLORS.values()))


@pytest.mark.filterwarnings("ignore:Glyph")
def test_marked_up_names_are_text(figures: Report) -> None:
    hostile = "<b>$x_2$</b>&\x1b\u202e"
    shift = figures.token_shift["base"].model_copy(update={"shifted": Estimate(mean=0.2, low=None, high=None)})
    svg = category_chart(figures.model_copy(update={"token_shift": {hostile: shift}}))
    assert "<b>$x_2$</b>&␛⟨U+202E⟩" in texts(svg)


def test_same_bytes_again_and_in_another_process(charts: dict[str, bytes], tmp_path: Path) -> None:
    again = write_charts(build_report(small_run()), curves_of(small_run()), tmp_path / "again")
    assert again == charts
    code = (
        "import sys, pathlib, matplotlib\n"
        "matplotlib.rcParams.update({'font.size': 30, 'svg.hashsalt': 'x', 'axes.grid': True})\n"
        "from tests.report.conftest import curves_of, small_run\n"
        "from urial.report.build import build_report\nfrom urial.report.charts import write_charts\n"
        "write_charts(build_report(small_run()), curves_of(small_run()), pathlib.Path(sys.argv[1]))\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "other")], cwd=root, check=True)
    assert {path.stem: path.read_bytes() for path in (tmp_path / "other").iterdir()} == charts

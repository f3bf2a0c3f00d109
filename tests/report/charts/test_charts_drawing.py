"""The figures as specifications and as SVG: valid, stable, honest about what is missing, and text of others is text."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

import altair as alt
import pytest

from tests.report.charts.whole_run import whole_run
from tests.report.conftest import RUN, empty_run, figures_of, small_run
from tests.report.shift_runs import served_run
from urial.core.errors import UrialError
from urial.records.report import Report
from urial.report.charts.drawing import pdf, png, svg
from urial.report.charts.every import NAMES, write_charts
from urial.report.charts.figure import Missing, Specification, specification, specification_bytes
from urial.report.charts.scores import score_figure
from urial.report.charts.shift import category_figure, label_figure
from urial.report.charts.style import CATEGORY_COLORS, INK, SERIES_COLORS, cycled, dashes, series, shapes

SVG = "{http://www.w3.org/2000/svg}"
# Their run is small: tests/safety_depth has their figures.
SAFETY = ("safety_rates", "safety_kl", "safety_rank")
HOSTILE = "</svg><script>alert(1)</script>\"'\\'); datum.x = (1 || '\x1b\u202e"


@pytest.fixture(scope="module")
def made() -> dict[str, Specification]:
    return {name: specification(figure, RUN) for name, figure in figures_of(whole_run()).items()}


@pytest.fixture(scope="module")
def drawn(made: Mapping[str, Specification]) -> dict[str, bytes]:
    return {name: svg(each) for name, each in made.items()}


def parse(drawing: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(drawing)  # noqa: S314 (made by this test)


def texts(drawing: bytes) -> list[str]:
    return [element.text or "" for element in parse(drawing).iter(f"{SVG}text")]


def marks(drawing: bytes, kind: str) -> Iterator[ElementTree.Element]:
    """The paths of one kind of mark, legends apart."""
    for group in parse(drawing).iter(f"{SVG}g"):
        if f"mark-{kind} role-mark" in group.get("class", ""):
            yield from group.iter(f"{SVG}path")


def test_the_names_are_those_of_all_figures(made: Mapping[str, Specification]) -> None:
    assert tuple(made) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_specification_is_valid_vega_lite(name: str, made: Mapping[str, Specification]) -> None:
    again = json.loads(specification_bytes(made[name]))
    assert again["$schema"] == alt.SCHEMA_URL
    alt.Chart.from_dict(again, validate=True)


def test_a_specification_asks_for_nothing_and_names_its_run(made: Mapping[str, Specification]) -> None:
    for name, each in made.items():
        written = specification_bytes(each).decode()
        assert "http" not in written.replace(alt.SCHEMA_URL, "")
        assert (each["usermeta"]["urial"]["name"], each["usermeta"]["urial"]["run"]) == (name, RUN)
        # An empty list would end `dvc plots show`.
        assert "[]" not in written


def test_every_drawing_can_stand_in_a_page(drawn: Mapping[str, bytes]) -> None:
    for drawing in drawn.values():
        root = parse(drawing)
        assert root.tag == f"{SVG}svg"
        for element in root.iter():
            assert element.tag.removeprefix(SVG) in {"svg", "g", "path", "rect", "line", "text", "defs", "clipPath"}
            # A strict policy forbids styles, and ids of several figures would meet.
            assert not [key for key in element.attrib if key == "style" or key.startswith("on") or "href" in key]
        assert [element.get("id") for element in root.iter() if element.get("id")] == ["background"]
        assert INK not in drawing.decode()
        assert {element.get("fill") for element in root.iter(f"{SVG}text")} <= {"currentColor", "white", "black"}


def test_charts_name_their_units_and_series(drawn: Mapping[str, bytes]) -> None:
    expected = {
        "categories": {"unshifted", "marginal", "shifted", "base", "urial", "tokens of the answers"},
        "scores": {"aligned", "base", "helpfulness", "safety", "mean score"},
        "curve_kl": {"KL(aligned || base), nats", "position in the answer, tokens", "base", "urial"},
        "curve_base_rank": {"mean base rank (log scale)", "1", "10"},
        "tenth_shifted": {"shifted tokens", "tenth of the answer"},
        "preferences": {"win", "tie", "inconsistent", "lose", "overall", "depth", "base"},
        "tags": {"task", "topic", "one", "two", "three", "aligned", "base"},
        "radar": {"helpfulness", "safety", "aligned", "base"},
        "js_entropy": {"entropy of base, nats", "Jensen-Shannon divergence, nats", "tokens"},
        "first_divergence": {"answers that have parted", "position in the answer, tokens", "base", "urial"},
        "landmark_shifted": {"start", "shifted tokens", "base", "urial"},
        "rank_above": {"base rank above (log scale)", "tokens", "1", "100"},
        "kl_above": {"KL(aligned || base) above, nats (log scale)", "base"},
        "labels": {"content word", "share of all shifted tokens", "shifted share of these tokens"},
    }
    for name, words in expected.items():
        assert words <= set(texts(drawn[name])), name


def width(path: ElementTree.Element) -> float:
    (found,) = re.findall(r"h(-?[\d.]+)", path.get("d", ""))[:1]
    return abs(float(found))


def test_bar_lengths_are_the_shares(figures: Report) -> None:
    drawing = svg(specification(category_figure(figures), RUN))
    widths = {path.get("fill"): width(path) for path in marks(drawing, "rect")}
    unshifted, marginal, shifted = (widths[color] for color, _ in CATEGORY_COLORS.values())
    assert unshifted / shifted == pytest.approx(7 / 3, rel=1e-3)
    assert unshifted / marginal == pytest.approx(7 / 2, rel=1e-3)


def places(drawing: bytes) -> list[tuple[float, float]]:
    """Where the dots are within their panels."""
    found = (
        re.findall(r"translate\((-?[\d.]+),(-?[\d.]+)\)", path.get("transform", ""))
        for path in marks(drawing, "symbol")
    )
    return [(float(x), float(y)) for ((x, y),) in found]


def test_a_missing_score_has_no_dot(figures: Report) -> None:
    rows = Counter(y for _, y in places(svg(specification(score_figure(figures), RUN))))
    assert [count for _, count in sorted(rows.items())] == [6, 5]


def test_a_dot_is_where_its_score_is_and_every_system_has_a_row(figures: Report) -> None:
    aspects = figures.systems["base"].aspects
    scores = {f"system-{number:02}": 1 + number / 5 for number in range(21)}
    systems = {
        name: figures.systems["base"].model_copy(
            update={aspect: judged.model_copy(update={"mean": score}) for aspect, judged in aspects.items()}
        )
        for name, score in scores.items()
    }
    drawing = svg(specification(score_figure(figures.model_copy(update={"systems": systems})), RUN))
    assert [text for text in texts(drawing) if text.startswith("system-")] == list(scores)
    found = sorted(set(places(drawing)), key=lambda place: place[1])
    assert len(found) == 21
    low, high = found[0][0], found[-1][0]
    for (x, _), score in zip(found, scores.values(), strict=True):
        assert (x - low) / (high - low) == pytest.approx((score - 1) / 4, abs=1e-3)


def test_no_two_of_many_series_look_alike() -> None:
    names = [f"context-{number}" for number in range(28)]
    for told in (dashes, shapes):
        assert len({(color, str(how)) for color, how in zip(series(names).range, told(names).range, strict=True)}) == 28
    assert cycled(SERIES_COLORS, 8)[7] == SERIES_COLORS[0]


def test_a_run_without_results_says_why(tmp_path: Path) -> None:
    inputs = empty_run()
    pictures = write_charts(list(figures_of(inputs).values()), RUN, tmp_path)
    assert {name: picture.missing for name, picture in pictures.items() if picture.svg is None} == {
        "scores": "no answer has a score",
        "radar": "no answer has a score",
        "words": "no answer to a regular instruction",
        "tags": "no tagged instruction has scored answers",
        "radar_tasks": "no tagged instruction has scored answers",
        "radar_topics": "no tagged instruction has scored answers",
        "preferences": "this run compares no systems with a baseline",
        "categories": "no measured answers",
        **dict.fromkeys(
            (name for name in NAMES if name.startswith(("curve", "tenth"))), "too few measured answers to draw"
        ),
        **dict.fromkeys(
            ("first_divergence", "landmark_shifted", "landmark_kl", "rank_above", "kl_above", "labels"),
            "no measured answers",
        ),
        "kinds": "which tokens are style and which knowledge is known of the micro-world alone",
        "js_entropy": "Jensen-Shannon divergence and entropy are not known of any token",
        **dict.fromkeys(SAFETY, "no answers to unsafe requests are begun in this run"),
    }
    said = json.loads((tmp_path / "categories.json").read_text("utf-8"))
    assert texts(svg(said)) == ["categories: no measured answers"]


def test_what_a_server_does_not_tell_is_missing() -> None:
    missing = {name: figure.why for name, figure in figures_of(served_run()).items() if isinstance(figure, Missing)}
    assert missing["curve_kl"] == missing["tenth_kl"] == "not known of any token"
    assert missing["js_entropy"] == "Jensen-Shannon divergence and entropy are not known of any token"
    assert "curve_shifted" not in missing
    assert missing["kl_above"] == missing["landmark_kl"] == "not known of any token"
    assert missing["first_divergence"] == "where answers part is not known"
    assert "rank_above" not in missing


def test_text_of_others_is_text_and_long_names_are_cut(figures: Report) -> None:
    shift = figures.token_shift["base"]
    renamed = figures.model_copy(update={"token_shift": {HOSTILE: shift, "long" * 30: shift}})
    found = texts(svg(specification(label_figure(renamed), RUN)))
    assert any(text.startswith("</svg><script>alert(1)") for text in found)
    assert not any("\x1b" in text or "\u202e" in text or len(text) > 60 for text in found)
    tags = (HOSTILE, "two", "\u2028{{ 7*7 }}", "x" * 5_000)
    figure = figures_of(small_run(tags=tags))["radar_tasks"]
    assert not isinstance(figure, Missing)
    drawing = svg(specification(figure, RUN))
    assert b"<script" not in drawing
    assert any(text.startswith("</svg>") for text in texts(drawing))
    assert max(map(len, texts(drawing))) < 60


def test_a_picture_is_a_picture(made: Mapping[str, Specification]) -> None:
    assert pdf(made["words"]) == pdf(made["words"])
    assert pdf(made["words"]).startswith(b"%PDF-")
    assert png(made["words"]).startswith(b"\x89PNG\r\n")
    with pytest.raises(UrialError, match="vl-convert cannot draw the specification"):
        svg({**made["words"], "data": {"url": "http://127.0.0.1:9/rows.json"}})


def test_same_bytes_again_and_in_another_process(drawn: Mapping[str, bytes], tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, altair\n"
        "altair.theme.enable('dark')\naltair.data_transformers.enable('json')\n"
        "from tests.report.charts.whole_run import whole_run\nfrom tests.report.conftest import RUN, figures_of\n"
        "from urial.report.charts.every import write_charts\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for name, picture in write_charts(list(figures_of(whole_run()).values()), RUN, folder).items():\n"
        "    if picture.svg is not None:\n        (folder / f'{name}.svg').write_bytes(picture.svg)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[3], check=True)
    assert {path.stem: path.read_bytes() for path in tmp_path.glob("*.svg")} == {
        name: drawing for name, drawing in drawn.items() if name not in SAFETY
    }
    assert len(list(tmp_path.glob("*.json"))) == len(NAMES)

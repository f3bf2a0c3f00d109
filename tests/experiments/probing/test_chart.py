"""The chart of differences, and the files that it is drawn to."""

import json
from pathlib import Path

import altair as alt
import pytest

from tests.experiments.probing.runs import ZERO_SHOT_RANKS, context, probed, variant
from tests.report.conftest import IDS
from urial.core.errors import UrialError
from urial.experiments.probing.chart import difference_figure, write_chart
from urial.records.ablation import Ablation
from urial.records.probing import Probing
from urial.report.charts.figure import rows_of, specification

FIVES = dict.fromkeys(IDS, 5)
LOWER = {**FIVES, "r1": 3, "s1": 1}


@pytest.fixture(scope="module")
def probing() -> Probing:
    none = Ablation(answers="none")
    ranks, other = dict.fromkeys(IDS, (1, 1)), {**dict.fromkeys(IDS, (1, 1)), "r1": (9, 1)}
    return probed(
        variant("full", FIVES), variant("none", LOWER, ablation=none), variant("zero", LOWER, prompt="zero-shot"),
        contexts={"zero": context(ZERO_SHOT_RANKS, "zero"), "full": context(ranks, "full"), "none": context(other, "none")},
    )  # fmt: skip


def test_the_figure_has_a_dot_a_variant_in_each_panel(probing: Probing) -> None:
    made = specification(difference_figure(probing), "run")
    alt.FacetChart.from_dict({**made, "config": {}}, validate=True)
    rows = {(row["panel"], row["variant"]): row for row in rows_of(made)}
    assert list(rows) == [
        ("score (average)", "no answers"), ("score (average)", "zero-shot"),
        ("shift explained, points", "no answers"),
        ("words", "no answers"), ("words", "zero-shot"),
    ]  # fmt: skip
    (explained,) = [row for row in rows_of(made) if row["panel"] == "shift explained, points"]
    assert explained["mean"] == pytest.approx(-100 / 7)
    assert json.dumps(made["title"]).count("6 instructions of set, judge: rules/1 on no world") == 1


def test_the_caption_says_what_it_is_of_and_what_is_missing(probing: Probing) -> None:
    caption = difference_figure(probing).caption
    for part in (
        "6 instructions of set",
        "Judge: rules/1",
        "explained (zero-shot): what prompts explain is against this one",
    ):
        assert part in caption


@pytest.mark.parametrize(("name", "head"), [("a.svg", b"<svg"), ("a.PNG", b"\x89PNG"), ("a.pdf", b"%PDF")])
def test_a_chart_is_drawn_to_each_format_with_its_caption(
    probing: Probing, name: str, head: bytes, tmp_path: Path
) -> None:
    write_chart(probing, tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert data.startswith(head)
    assert (b"6 instructions of set" in data) or name.endswith("pdf")
    write_chart(probing, tmp_path / f"again-{name}")
    assert (tmp_path / f"again-{name}").read_bytes() == data


def test_another_format_and_a_run_without_differences_are_refused(probing: Probing, tmp_path: Path) -> None:
    with pytest.raises(UrialError, match=r"no format of a chart\n  expected: a name that ends in \.svg, \.pdf, \.png"):
        write_chart(probing, tmp_path / "a.jpg")
    alone = probed(*(variant(name, FIVES, temperature=0.7, seed=seed) for seed, name in enumerate("ab")))
    with pytest.raises(UrialError, match="no variant can be compared"):
        write_chart(alone, tmp_path / "a.svg")
    assert not list(tmp_path.iterdir())

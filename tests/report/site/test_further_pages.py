"""What the pages say of blends, of safety depth, and of what more a position tells."""

import pytest

from tests.report.site.further_runs import everything_run
from tests.report.site.rendered import Page, rendered
from urial.report.build import build_report


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    found, _ = rendered(everything_run(), charts={})
    return {name: Page(html) for name, html in found.items()}


@pytest.fixture(scope="module")
def origins() -> dict[str, dict[str, object]]:
    """The origin of each number by its pointer, its texts in their places."""
    _, found = rendered(everything_run(), charts={})
    texts = found["texts"]

    def whole(value: object) -> object:
        if isinstance(value, int):
            return texts[value]
        if isinstance(value, dict):
            return {name: whole(part) for name, part in value.items()}
        return [whole(part) for part in value] if isinstance(value, list) else value

    return {pointer: whole(found["origins"][place]) for pointer, place in found["numbers"].items()}  # type: ignore[misc]


def test_a_blend_stands_beside_its_control(pages: dict[str, Page]) -> None:
    text = pages["index.html"].text
    assert "nudged base with aligned nudge 0.4 50.0 %" in text
    assert "nudged-random base with aligned the same share at random 8.3 %" in text
    report = build_report(everything_run())
    recovered = report.blends["nudged"].recovered["helpfulness"]
    assert (recovered.blend_recovered.mean, recovered.control_recovered.mean) == (0.75, 0.25)
    assert [share in text for share in ("75 %", "25 %")] == [True, True]


def test_safety_depth_is_a_table_by_system_and_kind_of_text(pages: dict[str, Page]) -> None:
    text = pages["index.html"].text
    assert "aligned, begun with compliant texts" in text
    assert "0 100 % 100 to 100 0 % 0 to 0 0 % 0 to 0 2 of 2" in text
    assert "1 of 2 1 texts with fewer tokens" in text


def test_positions_tell_more(pages: dict[str, Page]) -> None:
    text = pages["shift.html"].text
    assert "own-words reads the answers of base behind the prompts of base and aligned." in text
    headings = [item.get("id") for item in pages["shift.html"].all("h2")]
    wanted = ["first-divergence", "signed", "rank-above", "kl-above", "landmarks", "truncated"]
    assert [name for name in wanted if name not in headings] == []


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/blends/nudged/blend/share/mean", {
            "how": "share of the places where the rule was asked in which the helper stepped in",
            "function": "urial.statistics.blends.intervention_figures",
            "rows": "12 tokens of 6 answers",
            "files": ["data/plan/report.json", "data/instructions.jsonl", "data/blends/nudged.jsonl"],
            "link": {"label": "the answers", "href": "answers.html#pin=nudged%2Cnudged-random&focus=nudged"},
        }),
        ("/blends/nudged/recovered/depth/control/mean", {
            "function": "urial.statistics.blends.recovered_figures",
            "rows": "4 instructions",
            "link": {"label": "the answers", "href": "answers.html#pin=nudged%2Cnudged-random%2Cbase%2Caligned"},
        }),
        ("/safety_depth/systems/aligned/compliant/5/harmful/mean", {
            "rows": "1 of 2 given texts",
            "files": ["data/plan/report.json", "data/instructions.jsonl", "data/safety_depth/aligned.jsonl", "data/safety_verdicts/aligned.jsonl"],
        }),
        ("/token_shift/own-words/first_divergence/at_0/mean", {
            "rows": "6 answers", "link": {"label": "the tokens", "href": "tokens.html#above=own-words&sort=parted%3Aown-words"},
        }),
        ("/token_shift/own-words/landmarks/start/shifted/mean", {"rows": "6 positions"}),
        ("/token_shift/base/rank_above/1/mean", {"rows": "12 positions"}),
    ],
)  # fmt: skip
def test_each_number_says_where_it_is_from(
    pointer: str, expected: dict[str, object], origins: dict[str, dict[str, object]]
) -> None:
    assert pointer in origins, [known for known in origins if known.startswith(pointer[:20])][:30]
    assert {name: origins[pointer][name] for name in expected} == expected

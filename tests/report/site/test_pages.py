"""The static pages: complete, safe to open, honest about what is missing, and every number with its origin."""

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.report.conftest import empty_run, small_run, unjudged_run
from tests.report.known_runs import known_run
from tests.report.preference_runs import compared_run
from tests.report.shift_runs import served_run, two_contexts
from tests.report.site.rendered import HOSTILE, Page, overview, render, render_undrawn, rendered, shift_page
from urial.core.strict_json import strict_json
from urial.records.report import Report
from urial.report.build import build_report
from urial.report.inputs import ReportInputs
from urial.report.site.frame import POLICY
from urial.report.site.pages import render_pages

# What can make a browser ask for something.
ASKING = {"src", "href", "xlink:href", "action", "data", "poster", "srcset", "formaction", "background"}
# A page of this site, a file of its own, a place within, or nothing.
OWN = re.compile(r"((assets|data)/[a-z_]+\.(js|css)|[a-z]+\.html(#[\w=&%.,+:-]*)?|#[\w-]+|data:,)")


@pytest.fixture(scope="module")
def pages(run: ReportInputs) -> dict[str, str]:
    return render(run)


@pytest.fixture(scope="module")
def hostile() -> dict[str, str]:
    return render(small_run(text=HOSTILE, piece=HOSTILE, tags=(HOSTILE,)))


def each(pages: dict[str, str]) -> Iterator[tuple[str, Page]]:
    for name, html in pages.items():
        yield name, Page(html)


@pytest.mark.parametrize("which", ["pages", "hostile"])
def test_nothing_but_the_sites_own_files_can_be_asked_for(which: str, request: pytest.FixtureRequest) -> None:
    for name, page in each(request.getfixturevalue(which)):
        assert {"img", "iframe", "object", "embed", "form", "base", "foreignobject", "style"}.isdisjoint(
            tag for tag, _ in page.elements
        )
        for tag, attributes in page.elements:
            # The policy forbids handlers and styles in attributes, and scripts in the page.
            assert not [key for key in attributes if key.startswith("on") or key == "style"], (name, tag)
            assert tag != "script" or set(attributes) <= {"src", "defer"}
            for key in ASKING & attributes.keys():
                assert OWN.fullmatch(attributes[key]), (name, attributes)
        (policy,) = [
            each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policy == POLICY
        assert not re.search("unsafe|http|[*]", policy)


def test_hostile_text_is_text(hostile: dict[str, str]) -> None:
    for html in hostile.values():
        assert not set(html) & set("\x00\x1b\u202e\r")
        html.encode("utf-8")
    page = Page(hostile["index.html"])
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "␛⟨U+202E⟩]]>" in page.text


def test_ids_are_unique(pages: dict[str, str]) -> None:
    for name, page in each(pages):
        ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        targets = re.findall(r'(?:href="#|url\(#|aria-labelledby=")([^")]+)', pages[name])
        assert set(targets) <= set(ids)


def test_pages_are_accessible(pages: dict[str, str]) -> None:
    for _, page in each(pages):
        assert page.all("html") == [{"lang": "en"}]
        assert all("scope" in attributes for attributes in page.all("th"))
        assert all(attributes.get("aria-label") for attributes in page.all("svg"))
        assert len(page.all("main")) == 1
        names = [item["name"] for item in page.all("meta") if "name" in item]
        assert names == ["viewport", "referrer", "color-scheme"]
    assert [len(Page(pages[name]).all("h1")) for name in ("index.html", "shift.html")] == [1, 1]


def test_each_page_is_linked_from_each_page(pages: dict[str, str]) -> None:
    for name, page in each(pages):
        assert {item["href"] for item in page.all("a")} >= pages.keys()
        current = [item["href"] for item in page.all("a") if item.get("aria-current")]
        assert current == [name]


def value_at(document: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        document = document[int(name) if isinstance(document, list) else name]
    return document


@pytest.mark.parametrize(
    "inputs", [two_contexts(), compared_run(), served_run(), unjudged_run(), empty_run(), known_run()]
)
def test_every_number_with_a_pointer_is_that_of_the_report(inputs: ReportInputs) -> None:
    report = build_report(inputs)
    document = json.loads(report.model_dump_json())
    pages, origins = rendered(inputs, report, {})
    shown = [number for name in ("index.html", "shift.html") if name in pages for number in Page(pages[name]).numbers]
    assert len(shown) > 20
    for number in shown:
        assert json.dumps(value_at(document, number["data-pointer"])) == number["value"]
    assert origins["numbers"].keys() == {number["data-pointer"] for number in shown}
    for origin in origins["origins"]:
        assert {"meaning", "how", "function", "rows", "files", "link"} <= origin.keys()
    assert all(origins["texts"])


def test_the_panel_says_what_trace_says() -> None:
    inputs = dataclasses.replace(two_contexts(), files={"data/token_shift/base.parquet": "ab" * 16})
    _, origins = rendered(inputs, charts={})
    texts = origins["texts"]
    shifted = origins["origins"][origins["numbers"]["/token_shift/base/shifted/mean"]]
    assert texts[shifted["how"]] == "share of the positions that is shifted: sum over answers over sum over answers"
    assert texts[shifted["rows"]] == "12 positions"
    assert texts[shifted["function"]] == "urial.token_shift.figures.summary.summarize"
    assert [texts[place] for place in shifted["prompts"]] == [
        "aligned: chat template",
        "base: test/zero-shot abababababab",
    ]
    assert texts[shifted["link"]["href"]] == "tokens.html#above=base"
    assert origins["files"] == {"data/token_shift/base.parquet": "ab" * 16}
    low = origins["origins"][origins["numbers"]["/systems/base/helpfulness/low"]]
    assert texts[low["how"]] == (
        "mean of the scores over the scored answers to regular instructions; its 95 % percentile bootstrap interval, 100 "
        "resamples of instructions, seed 0"
    )
    assert (texts[low["rows"]], texts[low["judge"]]) == ("3 of 4 instructions", "rules/1 on no world")


def test_figures_and_counts_are_shown(pages: dict[str, str]) -> None:
    text = Page(pages["index.html"]).text
    assert re.search(r"4\.00 [\d.]+ to [\d.]+ 3 of 4 scored", text)
    assert "0 of 2 scored; 2 not applicable" in text
    assert "3 of 4 scored; 1 without an answer" in text
    assert re.search(r"58\.3 % .*16\.7 % .*25\.0 %", text)
    assert re.search(r"58\.3 % .*16\.7 % .*25\.0 %", Page(pages["shift.html"]).text)
    assert "not scored" in text
    assert "None" not in text
    assert "nan" not in text.lower().split()


def test_the_headline_is_made_of_figures(run: ReportInputs) -> None:
    words = overview(run).text
    assert re.search(
        r"58\.3 % [\d.]+ to [\d.]+ of the aligned model’s tokens are the base model’s own first choice", words
    )
    assert "No system of the base model has every score." in words
    words = overview(two_contexts()).text
    assert "A prompt alone, urial, explains 100.0 % no interval of those that are shifted." in words
    assert "The answers are not judged." in overview(unjudged_run()).text
    assert "No answer of the aligned model could be measured." in overview(empty_run()).text


def test_toy_and_rules_are_named(pages: dict[str, str]) -> None:
    text = Page(pages["index.html"]).text
    assert "true measurements of a toy" in text
    assert "must not be compared with figures of large language models" in text
    assert "deterministic rules over facts that are known, not a language model" in text


def test_another_pair_is_no_toy() -> None:
    text = overview(small_run(embedded=False)).text
    assert "toy" not in text
    assert "deterministic rules" in text


def test_sources_are_named(pages: dict[str, str], figures: Report) -> None:
    text = Page(pages["index.html"]).text
    prompts = [system.prompt_hash for system in figures.systems.values() if system.prompt_hash]
    for value in (
        *figures.models.values(),
        figures.instructions_hash,
        "rules/1 on no world",
        *prompts,
        "test/zero-shot",
    ):
        assert value in text
    assert "100 resamples, seed 0" in text


def test_a_tag_has_a_heat_map_whose_cells_are_the_tables_numbers(run: ReportInputs) -> None:
    page = overview(run)
    assert "helpfulness by task tasktag" not in page.text
    assert "helpfulness by task" in page.text
    cells = [item for item in page.all("td") if item.get("class", "").startswith("shade-")]
    assert {"title": "3.50 to 4.50, 3 of 4 scored"}.items() <= cells[0].items() or re.fullmatch(
        r"[\d.]+ to [\d.]+, 3 of 4 scored", cells[0]["title"]
    )
    assert any(item["href"] == "answers.html#pin=aligned&task=tag" for item in page.all("a"))
    assert any(item["href"] == "tokens.html#above=base&task=tag" for item in shift_page(run).all("a"))


def test_examples_lead_to_the_answers(run: ReportInputs) -> None:
    page = overview(run)
    assert "4 of 6 instructions, taken at even distances through each category, not by their results." in page.text
    assert any(item["href"] == "answers.html#id=r1" for item in page.all("a"))
    assert "made without examples" in overview(small_run(examples=0)).text


def test_a_run_without_results() -> None:
    pages = render(empty_run())
    assert "No answer was measured." in Page(pages["shift.html"]).text
    assert "not measured" in Page(pages["index.html"]).text


def test_a_run_without_a_judge_says_so_in_the_place_of_scores() -> None:
    html = render(unjudged_run())["index.html"]
    text = Page(html).text
    assert "The answers are not judged: this run has no judge." in text
    assert "none: the answers are not judged" in text
    assert 'aria-label="Mean score' not in html
    for word in ("helpfulness", "scored", "not all", "A judge of rules"):
        assert word not in text


def test_no_shifted_tokens() -> None:
    inputs = small_run()
    report = build_report(inputs)
    quiet = report.token_shift["base"].model_copy(update={"top_shifted": ()})
    pages, _ = render_pages(inputs, report.model_copy(update={"token_shift": {"base": quiet}}), {}, {}, None)
    assert "No token is shifted." in Page(pages["shift.html"]).text


def test_same_bytes_again(pages: dict[str, str]) -> None:
    assert render(small_run()) == pages


def test_the_data_of_the_panel_is_json(run: ReportInputs) -> None:
    _, origins = rendered(run, charts={})
    assert strict_json(json.dumps(origins)) == origins


def test_a_page_without_scripts_shows_the_pointer(run: ReportInputs) -> None:
    number = next(iter(Page(render_undrawn(run)["shift.html"]).numbers))
    assert number["title"] == f"report.json: {number['data-pointer']}"

"""The page: complete, safe to open, honest about what is missing."""

import re
from functools import cache
from html.parser import HTMLParser

import pytest

from tests.report.conftest import empty_run, pictures_of, small_run, unjudged_run
from urial.records.report import Report
from urial.report.build import build_report
from urial.report.charts.every import Picture
from urial.report.inputs import ReportInputs
from urial.report.shift_tables import shifts_by_tag
from urial.report.site.pages import render_site

HOSTILE = "</style></title><script>alert(1)</script><img src=http://x.test/i onerror=alert(1)>'\"|{{ 7*7 }}\n\r\x00\x1b\u202e]]>"
VOID = {"meta", "link", "br", "img", "path", "use", "rect"}
# What can make a browser ask for something.
ASKING = {"src", "href", "xlink:href", "action", "data", "poster", "srcset", "style", "formaction", "background"}


class Page(HTMLParser):
    """Elements with their attributes, the text, and whether tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def render(inputs: ReportInputs) -> str:
    return render_site(inputs, build_report(inputs), pictures_of(inputs), shifts_by_tag(inputs))


@cache
def small_charts() -> dict[str, Picture]:
    return pictures_of(small_run())


def render_undrawn(inputs: ReportInputs) -> str:
    """The page with the charts of the small run, for tests that read the rest of it: drawing takes longest."""
    return render_site(inputs, build_report(inputs), small_charts(), shifts_by_tag(inputs))


@pytest.fixture(scope="module")
def html(run: ReportInputs) -> str:
    return render(run)


@pytest.fixture(scope="module")
def hostile() -> str:
    return render(small_run(text=HOSTILE, piece=HOSTILE, tags=(HOSTILE,)))


@pytest.mark.parametrize("name", ["html", "hostile"])
def test_nothing_can_be_asked_for(name: str, request: pytest.FixtureRequest) -> None:
    text = request.getfixturevalue(name)
    page = Page(text)
    assert {"script", "img", "iframe", "object", "embed", "form", "base", "foreignobject"}.isdisjoint(
        tag for tag, _ in page.elements
    )
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for key in ASKING & attributes.keys():
            assert not re.search(r"//|javascript:|@import|url\((?!#)", attributes[key])
            assert key != "href" or attributes[key].startswith(("#", "data:,"))
    (style, *_) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert not re.search(r"url\(|@import|//", style)
    (policy,) = [item["content"] for item in page.all("meta") if item.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_hostile_text_is_text(hostile: str) -> None:
    page = Page(hostile)
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text
    assert "␛⟨U+202E⟩]]>" in page.text
    assert not set(hostile) & set("\x00\x1b\u202e\r")
    assert any("</style></title><script>" in item.get("title", "") for item in page.all("span"))
    hostile.encode("utf-8")


def test_ids_are_unique(html: str) -> None:
    ids = [attributes["id"] for _, attributes in Page(html).elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = re.findall(r'(?:href="#|url\(#|aria-labelledby=")([^")]+)', html)
    assert set(targets) <= set(ids)


def test_page_is_accessible(html: str) -> None:
    page = Page(html)
    assert page.all("html") == [{"lang": "en"}]
    assert all("scope" in attributes for attributes in page.all("th"))
    assert all(attributes.get("aria-label") for attributes in page.all("svg"))
    assert len(page.all("h1")) == 1
    assert [item["name"] for item in page.all("meta") if "name" in item] == ["viewport", "referrer", "color-scheme"]


def test_figures_and_counts_are_shown(html: str) -> None:
    text = Page(html).text
    assert re.search(r"4\.00 [\d.]+ to [\d.]+ ?3 of 4 scored", text)
    assert "0 of 2 scored; 2 not applicable" in text
    assert "3 of 4 scored; 1 without an answer" in text
    assert re.search(r"58\.3 % .*16\.7 % .*25\.0 %", text)
    assert "not scored" in text
    assert "None" not in text
    assert "nan" not in text.lower().split()


def test_missing_is_said_in_words(html: str) -> None:
    text = Page(html).text
    assert "No answer: 1,000 prompt tokens leave no room" in text
    assert "safety not applicable" in text


def test_toy_and_rules_are_named(html: str) -> None:
    text = Page(html).text
    assert "true measurements of a toy" in text
    assert "must not be compared with figures of large language models" in text
    assert "deterministic rules over facts that are known, not a language model" in text


def test_another_pair_is_no_toy() -> None:
    text = Page(render_undrawn(small_run(embedded=False))).text
    assert "toy" not in text
    assert "deterministic rules" in text


def test_sources_are_named(html: str, figures: Report) -> None:
    text = Page(html).text
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


def test_tokens_carry_category_and_title(html: str) -> None:
    tokens = [item for item in Page(html).all("span") if item.get("title")]
    assert len(tokens) == 4 * 2
    assert tokens[1]["class"] == "t shifted"
    assert "base rank 4, base probability 0.300, KL 1.000 nats" in tokens[1]["title"]


def test_line_ends_in_tokens_break_lines() -> None:
    assert ">a↵\n↵\nb</span>" in render_undrawn(small_run(piece="a\n\nb"))


def test_a_long_answer_is_cut_visibly() -> None:
    html = render(small_run(text="x" * 100_000))
    assert "96,000 more characters are left out here" in Page(html).text
    assert len(html) < 400_000


def test_no_examples() -> None:
    assert "made without examples" in Page(render_undrawn(small_run(examples=0))).text


def test_a_run_without_results() -> None:
    text = Page(render(empty_run())).text
    assert "No answer was measured." in text
    assert "Not measured: no aligned answer" in text
    assert "not measured" in text


def test_a_run_without_a_judge_says_so_in_the_place_of_scores() -> None:
    html = render(unjudged_run())
    text = Page(html).text
    assert "The answers are not judged: this run has no judge." in text
    assert "none: the answers are not judged" in text
    assert text.count("Not judged.") == 8
    assert 'aria-label="Mean score' not in html
    for word in ("helpfulness", "scored", "not all", "A judge of rules"):
        assert word not in text


def test_no_shifted_tokens() -> None:
    inputs = small_run()
    report = build_report(inputs)
    quiet = report.token_shift["base"].model_copy(update={"top_shifted": ()})
    html = render_site(inputs, report.model_copy(update={"token_shift": {"base": quiet}}), {}, {})
    assert "No token is shifted." in Page(html).text


def test_same_bytes_again(html: str) -> None:
    assert render(small_run()) == html

"""Pages of a run as HTML, and what is read from them."""

import re
from functools import cache
from html.parser import HTMLParser
from typing import Any

from tests.report.conftest import pictures_of, small_run
from urial.records.report import Report
from urial.report.build import build_report
from urial.report.charts.every import Picture
from urial.report.inputs import ReportInputs
from urial.report.shift_tables import shifts_by_tag
from urial.report.site.pages import render_pages
from urial.report.tables import tag_table

HOSTILE = "</style></title><script>alert(1)</script><img src=http://x.test/i onerror=alert(1)>'\"|{{ 7*7 }}\n\r\x00\x1b\u202e]]>"
VOID = {"meta", "link", "br", "img", "path", "use", "rect", "line", "circle", "input"}


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
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def numbers(self) -> list[dict[str, str]]:
        """The numbers that say where they are from."""
        return [attributes for attributes in self.all("data") if "data-pointer" in attributes]


def render(inputs: ReportInputs) -> dict[str, str]:
    """The pages by name."""
    return rendered(inputs)[0]


def rendered(
    inputs: ReportInputs, report: Report | None = None, charts: dict[str, Picture] | None = None
) -> tuple[dict[str, str], dict[str, Any]]:
    """The pages by name, and the data of the panel."""
    report = report or build_report(inputs)
    drawn = pictures_of(inputs) if charts is None else charts
    return render_pages(inputs, report, drawn, shifts_by_tag(inputs), tag_table(inputs) if report.judge else None)


@cache
def small_charts() -> dict[str, Picture]:
    return pictures_of(small_run())


def render_undrawn(inputs: ReportInputs) -> dict[str, str]:
    """The pages with the charts of the small run, for tests that read the rest of them: drawing takes longest."""
    return rendered(inputs, charts=small_charts())[0]


def overview(inputs: ReportInputs) -> Page:
    """The overview, without charts of its own."""
    return Page(render_undrawn(inputs)["index.html"])


def shift_page(inputs: ReportInputs) -> Page:
    """The page of the token shift, likewise."""
    return Page(render_undrawn(inputs)["shift.html"])

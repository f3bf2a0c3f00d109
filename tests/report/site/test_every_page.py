"""What holds of every page of every site, in Chromium, from the file system: no complaint, no request, everybody can read it."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import Tabs, Theme, settled, violations
from tests.report.site.sites import HALF, SHOWN, WHOLE

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

# What a script shows where it has nothing to show.
NOTHING = re.compile(r"\bundefined\b|\bNaN\b|\bnull\b|\[object |\bInfinity\b")
SiteOf = Callable[[str], Path]
PHONE: "ViewportSize" = {"width": 390, "height": 844}
# Whose pages have nothing that those of the others have not.
REST = [name for name in HALF if name != "without-answers"]
# Which pages load a data file.
LOADING = {
    "index": ("tokens.html", "answers.html"),
    "search": ("tokens.html", "answers.html"),
    "tokens/0000": ("tokens.html",),
    "candidates/0000": ("tokens.html",),
    "answers/0000": ("answers.html",),
}
THEMES: tuple[Theme, ...] = ("light", "dark")


def pages(site: Path) -> list[str]:
    return sorted(path.name for path in site.glob("*.html"))


def text_of(page: "Page") -> str:
    settled(page)
    return page.inner_text("main")


def overflow(page: "Page") -> list[str]:
    """What stands out of the window to the right, where the page as a whole does."""
    width, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if width <= window:
        return []
    wide = """(window) => [...document.querySelectorAll("main *, header *")]
        .filter((item) => item.getBoundingClientRect().right > window + 1).map((item) => item.outerHTML.slice(0, 120))"""
    return [f"{width} of {window} pixels", *page.evaluate(wide, window)[:5]]


@pytest.mark.parametrize("name", [*WHOLE, *HALF])
def test_pages_say_something_and_fit_a_phone(name: str, site_of: SiteOf, tabs: Tabs) -> None:
    site = site_of(name)
    for file in pages(site):
        page = tabs.open(site, file)
        text = text_of(page)
        assert len(text) > 20, (file, text)
        assert not NOTHING.search(text), (file, NOTHING.findall(text))
        page.set_viewport_size(PHONE)
        settled(page)
        assert overflow(page) == [], file


@pytest.mark.parametrize(
    "name",
    [
        "everything",
        "without-answers",
        pytest.param("small", marks=pytest.mark.thorough),
        *(pytest.param(name, marks=pytest.mark.thorough) for name in REST),
    ],
)
def test_pages_can_be_used_by_everybody_in_both_themes(name: str, site_of: SiteOf, tabs: Tabs) -> None:
    site = site_of(name)
    for file in pages(site):
        page = tabs.open(site, file)
        settled(page)
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            assert violations(page) == [], (file, theme)


def test_hostile_text_is_text_on_every_page(site_of: SiteOf, tabs: Tabs) -> None:
    site = site_of("hostile")
    for file in pages(site):
        page = tabs.open(site, file)
        text = text_of(page)
        assert [part for part in SHOWN if part not in text] == [], file
        foreign = "img, iframe, object, embed, form[action], base, svg[onload], [onerror], a[href^=javascript], script:not([src])"
        assert page.evaluate("(what) => document.querySelectorAll(what).length", foreign) == 0, file
        sources = page.evaluate("[...document.scripts].map((script) => script.getAttribute('src'))")
        assert [source for source in sources if not re.fullmatch(r"(assets|data)/[\w/-]+\.js", source)] == []
        assert not set(page.evaluate("document.documentElement.textContent")) & set("\x00\x1b\u202e\u200b\ufeff\u2028")


@pytest.mark.parametrize("missing", LOADING)
def test_a_file_that_is_not_here_is_named_with_how_it_comes(
    missing: str, site_of: SiteOf, tabs: Tabs, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    shutil.copytree(site_of("small"), site)
    (site / f"data/{missing}.js").unlink()
    for file in LOADING[missing]:
        page = tabs.open(site, file)
        settled(page)
        if missing == "search":
            # What is searched is loaded by the first search.
            page.keyboard.press("/")
            page.keyboard.type("word")
            page.wait_for_timeout(300)
            settled(page)
        assert "dvc pull data/report/site" in page.inner_text("body"), file
    tabs.expect(f"data/{missing}.js")
    tabs.complaints = [line for line in tabs.complaints if "Failed to load resource" not in line]

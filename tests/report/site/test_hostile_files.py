"""What is saved or written of hostile answers is text as well: pictures, figures and tables."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.browser import Tabs, settled
from tests.report.site.sites import HOSTILE

HIDDEN = set("\x00\x1b\u202e\u202c\u200b\ufeff\u2028")
SVG = "{http://www.w3.org/2000/svg}"
# What a picture is made of; nothing in it runs, leads or loads.
DRAWN = {
    "svg", "title", "desc", "rect", "line", "text", "tspan", "clipPath", "g", "path", "defs", "style", "symbol", "use",
    "circle", "linearGradient", "stop",
}  # fmt: skip


def check_svg(path: Path) -> str:
    """A picture that is whole, runs nothing and asks for nothing; its text."""
    text = path.read_text("utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314 (of our own browser)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} <= DRAWN, path
    names = {name for node in root.iter() for name in node.attrib}
    assert [name for name in names if name.lower().startswith("on")] == []
    links = [value for node in root.iter() for name, value in node.attrib.items() if name.endswith("href")]
    assert [value for value in links if not value.startswith("#")] == []
    assert not HIDDEN & set(text)
    return "".join(root.itertext())


def test_a_saved_picture_of_a_hostile_answer_runs_nothing(
    site_of: Callable[[str], Path], tabs: Tabs, tmp_path: Path
) -> None:
    page = tabs.open(site_of("hostile"), "tokens.html#id=r1&token=0")
    page.wait_for_selector(".token.current")
    settled(page)
    page.keyboard.press("s")
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG", exact=True).click()
    assert re.fullmatch(r"[\w.-]+\.svg", download.value.suggested_filename)
    download.value.save_as(tmp_path / "picture.svg")
    assert "<img src=http://x.test/i onerror=alert(2)>" in check_svg(tmp_path / "picture.svg")
    # On its own, as a browser opens the file, scripts would run.
    settled(tabs.open(tmp_path, "picture.svg"))


def test_charts_and_tables_of_hostile_answers_are_text(site_of: Callable[[str], Path]) -> None:
    report = site_of("hostile").parent
    for path in (report / "charts").glob("*.svg"):
        check_svg(path)
    tables = sorted((report / "tables").glob("*.csv"))
    assert "shifted_tokens.csv" in [path.name for path in tables]
    for path in tables:
        assert not HIDDEN & set(path.read_text("utf-8"))
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream))
        assert len({len(row) for row in rows}) == 1, path
    shifted = (report / "tables/shifted_tokens.md").read_text("utf-8")
    assert r"\<img src=http://x.test/i onerror=alert(2)>" in shifted
    assert not re.search(r"(?<!\\)<", shifted)


@pytest.mark.parametrize("page", ["index.html", "tokens.html", "answers.html"])
def test_what_is_copied_is_what_is_shown(page: str, site_of: Callable[[str], Path], tabs: Tabs) -> None:
    """Text that is selected has no character that a page did not show, so that it means the same where it is pasted."""
    opened = tabs.open(site_of("hostile"), page)
    settled(opened)
    opened.keyboard.press("Control+a")
    copied = opened.evaluate("getSelection().toString()")
    assert not HIDDEN & set(copied)
    assert HOSTILE.splitlines()[0] in copied

"""What the token viewer saves: the picture of the screen as SVG, PNG and on paper."""

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from tests.browser import Tabs
from tests.report.site.token_sites import token_run, write_token_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

SVG = "{http://www.w3.org/2000/svg}"
LONG = 900


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of token_run, r3 with many tokens."""
    return write_token_site(token_run(long=LONG), tmp_path_factory.mktemp("site"))


def opened(tabs: Tabs, site: Path, fragment: str, width: int = 1200) -> "Page":
    """The viewer with a token and its candidates."""
    page = tabs.open(site, f"tokens.html#{fragment}", width=width)
    page.wait_for_selector(".token.current")
    page.wait_for_selector(".ranking .candidate")
    return page


def saved(page: "Page", form: str, folder: Path) -> Path:
    """The file that the dialog saves, under the name that the browser is given."""
    page.keyboard.press("s")
    with page.expect_download() as download:
        page.get_by_role("button", name=form, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_svg_has_the_answer_as_text_and_its_categories_as_colors_and_lines(
    tabs: Tabs, site: Path, tmp_path: Path
) -> None:
    path = saved(opened(tabs, site, "id=r1&token=4"), "SVG", tmp_path)
    assert path.name == "r1-zero-shot-urial-token-4.svg"
    root = ElementTree.fromstring(path.read_text("utf-8"))  # noqa: S314 (of our own browser)
    assert [root.get(name) for name in ("width", "height", "viewBox")] == ["1200", "675", "0 0 1200 675"]
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert [texts.count(text) for text in ("Say hello", " The", " <b>x</b>", "↵", "⟨U+202E⟩")] == [1, 2, 2, 2, 2]
    assert {node.tag.removeprefix(SVG) for node in root.iter()} == {
        "svg", "title", "desc", "rect", "line", "text", "clipPath", "g", "path",
    }  # fmt: skip
    # Dotted below the one marginal token and the swatches; the picture has no style sheet to lose.
    assert len([line for line in root.iter(f"{SVG}line") if line.get("stroke-dasharray")]) == 4
    assert not re.search(r"var\(| class=| style=|light-dark|https?://(?!www\.w3\.org)", path.read_text("utf-8"))
    assert "tokens.html#id=r1&above=zero-shot&below=urial&token=4" in (root.findtext(f"{SVG}desc") or "")


def test_a_picture_of_a_phone_is_the_same_picture(tabs: Tabs, site: Path, tmp_path: Path) -> None:
    wide = saved(opened(tabs, site, "id=r1&token=4"), "SVG", tmp_path / "wide")
    narrow = saved(opened(tabs, site, "id=r1&token=4", width=390), "SVG", tmp_path / "narrow")
    assert wide.read_bytes() == narrow.read_bytes()


def test_a_picture_of_a_long_answer_begins_where_the_screen_does(tabs: Tabs, site: Path, tmp_path: Path) -> None:
    page = opened(tabs, site, "id=r3&token=500")
    first = page.locator(".answer").first.evaluate(
        "node => [...node.querySelectorAll('.token')].find(token => token.offsetTop >= node.scrollTop).textContent.trim()"
    )
    texts = [text.strip() for text in re.findall(r">([^<]+)</text>", saved(page, "SVG", tmp_path).read_text("utf-8"))]
    assert [first in texts, "word500" in texts, "word0" in texts] == [True, True, False]
    assert sum("more tokens" in text and "tokens before" in text for text in texts) == 2


def test_the_png_has_twice_the_points(tabs: Tabs, site: Path, tmp_path: Path) -> None:
    written = saved(opened(tabs, site, "id=r1"), "PNG", tmp_path).read_bytes()
    assert (written[:8], struct.unpack(">II", written[16:24])) == (b"\x89PNG\r\n\x1a\n", (2400, 1350))
    assert len(written) > 50_000


def test_what_is_printed_is_the_picture_alone_on_a_page_of_its_size(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site, "id=r1")
    printed = page.pdf(prefer_css_page_size=True)
    boxes = re.findall(rb"/MediaBox\s*\[0 0 (\S+) (\S+)\]", printed)
    assert [(round(float(width)), round(float(height))) for width, height in boxes] == [(900, 506)]
    # Afterwards the screen is as it was.
    assert [page.locator("#printed").count(), page.locator(".token.current").count()] == [0, 2]

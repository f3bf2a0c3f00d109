"""The static pages in a real browser: by keyboard, with what is missing, and with hostile text."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import Tabs
from tests.report.conftest import small_run
from tests.report.shift_runs import two_contexts
from tests.report.site.rendered import HOSTILE
from urial.report.inputs import ReportInputs
from urial.report.write import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE_RUN = small_run(text=HOSTILE, piece=f"a\n{HOSTILE}", tags=(HOSTILE,))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, ReportInputs], Path]:
    """The folder of a run's site, written once for all tests."""
    top, written = tmp_path_factory.mktemp("sites"), dict[str, Path]()

    def of(name: str, run: ReportInputs) -> Path:
        if name not in written:
            write_report(run, top / name)
            written[name] = top / name / "site"
        return written[name]

    return of


TWO = two_contexts()


def test_a_number_opens_its_origin_by_keyboard(site: Callable[[str, ReportInputs], Path], tabs: Tabs) -> None:
    page = tabs.open(site("two", TWO), "shift.html")
    first = page.locator("[data-pointer]").first
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "/token_shift/urial/unshifted/low"
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="Where this number is from")
    panel.wait_for()
    text = panel.inner_text()
    for part in ("share of the positions that is unshifted", "12 positions", "urial trace /token_shift/urial/unshifted/low",
                 "data/token_shift/urial.parquet", "summarize", "aligned: chat template"):  # fmt: skip
        assert part in text
    panel.get_by_role("button", name="Copy").click()
    panel.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "urial trace /token_shift/urial/unshifted/low"
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    assert focused(page) == "/token_shift/urial/unshifted/low"


def focused(page: "Page") -> object:
    return page.evaluate("document.activeElement.dataset.pointer")


def test_a_half_pulled_site_says_which_file_is_missing(tmp_path: Path, tabs: Tabs) -> None:
    write_report(small_run(), tmp_path)
    (tmp_path / "site/data/origins.js").unlink()
    page = tabs.open(tmp_path / "site", "index.html")
    page.locator("[data-pointer]").first.click()
    page.get_by_text("data/origins.js is not here. Get the whole site: dvc pull data/report/site").wait_for()
    tabs.expect("origins.js", "ERR_FILE_NOT_FOUND")


def test_the_theme_is_kept_and_help_lists_the_keys(site: Callable[[str, ReportInputs], Path], tabs: Tabs) -> None:
    page = tabs.open(site("two", TWO), "index.html")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    for _ in range(2):
        page.get_by_role("button", name="Theme").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    page.keyboard.press("?")
    assert "where it is from" in page.get_by_role("dialog", name="Keys").inner_text()
    page.keyboard.press("Escape")


def test_a_hostile_run_is_text(site: Callable[[str, ReportInputs], Path], tabs: Tabs) -> None:
    for name in ("index.html", "shift.html"):
        page = tabs.open(site("hostile", HOSTILE_RUN), name, width=360)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate("document.images.length") == 0
        page.locator("[data-pointer]").first.click()
        page.get_by_role("dialog", name="Where this number is from").wait_for()
        assert "<script>alert(1)</script>" in page.inner_text("main", timeout=10_000) or name == "shift.html"


def test_markup_from_text_is_an_error(site: Callable[[str, ReportInputs], Path], tabs: Tabs) -> None:
    page = tabs.open(site("two", TWO), "index.html")
    said = page.evaluate("() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } }")
    assert said == "TypeError"
    said = page.evaluate("() => { try { urial.scriptURL('https://x.test/a.js') } catch (error) { return error.name } }")
    assert said == "TypeError"
    tabs.expect("TrustedHTML")

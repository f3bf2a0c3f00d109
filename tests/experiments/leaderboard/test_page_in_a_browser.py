"""The page of a leaderboard in Chromium, from the file system: by keyboard, on a phone, for everybody, with hostile names."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import Tabs, Theme, violations
from tests.experiments.leaderboard.boards import board_of, of_level, sweep
from tests.leaderboard_entries import make_entry
from tests.report.site.rendered import HOSTILE
from urial.core.store import write_text
from urial.experiments.leaderboard.page import leaderboard_page
from urial.experiments.leaderboard.records import NotShown

if TYPE_CHECKING:
    from playwright.sync_api import Page

ENTRIES = [*sweep("o/m", [0, 10, 1000], parameters=10**8), make_entry({"chat": of_level(4)}, label="o/chat@main")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pages, one of them with names that are made to do harm."""
    made = tmp_path_factory.mktemp("pages")
    write_text(made / "plain.html", leaderboard_page(board_of(ENTRIES)))
    hostile = [*sweep(f"o/{HOSTILE}", [0, 10], parameters=10**8), *sweep("o/n", [0, 10], parameters=10**9)]
    lost = [NotShown(run=HOSTILE, why=HOSTILE)]
    board = board_of(hostile, names=[f"{HOSTILE}{number}" for number in range(4)], not_shown=lost)
    write_text(made / "hostile.html", leaderboard_page(board))
    return made


def column(page: "Page", number: int) -> list[str]:
    """The first texts of the cells of a column."""
    cells = page.locator(f"table.sortable tbody tr > :nth-child({number + 1})").all_inner_texts()
    return [cell.split("\n")[0].split(" ")[0] for cell in cells]


def test_a_table_is_sorted_by_keyboard_and_what_is_missing_stands_last(folder: Path, tabs: Tabs) -> None:
    page = tabs.open(folder, "plain.html")
    names = page.locator("table.sortable thead th").all_inner_texts()
    step = names.index("step")
    assert column(page, 0) == sorted(column(page, 0), key=int)
    head = page.locator("table.sortable thead th").nth(step)
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert column(page, step) == ["1,000", "1,000", "10", "10", "0", "0", "none"]
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert column(page, step) == ["0", "0", "10", "10", "1,000", "1,000", "none"]
    page.locator("table.sortable thead th").nth(names.index("model")).get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "none"
    assert column(page, names.index("model"))[0] == "o/chat"


def test_a_run_in_a_row_leads_to_where_it_is_from(folder: Path, tabs: Tabs) -> None:
    page = tabs.open(folder, "plain.html")
    link = page.locator("table.sortable a").first
    link.focus()
    page.keyboard.press("Enter")
    row = page.locator("tr:target")
    assert row.locator("th").inner_text() == link.inner_text()
    assert "sha256:" in row.inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_read_it(folder: Path, tabs: Tabs, theme: Theme) -> None:
    assert violations(tabs.open(folder, "plain.html", theme=theme)) == []


@pytest.mark.parametrize("name", ["plain.html", "hostile.html"])
def test_it_fits_a_phone_and_names_of_others_are_text(folder: Path, tabs: Tabs, name: str) -> None:
    page = tabs.open(folder, name, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.images.length") == 0
    assert ("<script>alert(1)</script>" in page.inner_text("main")) == (name == "hostile.html")
    said = page.evaluate("() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } }")
    assert said == "TypeError"
    tabs.expect("TrustedHTML")

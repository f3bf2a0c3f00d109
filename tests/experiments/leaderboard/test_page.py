"""The page of a leaderboard: one file, what it says, and names of others."""

import base64
import hashlib
import re

from tests.experiments.leaderboard.boards import board_of, of_level, sweep
from tests.leaderboard_entries import make_entry
from tests.report.site.rendered import HOSTILE, Page
from urial.experiments.leaderboard.page import leaderboard_page
from urial.experiments.leaderboard.records import Leaderboard, NotShown
from urial.records.judge import RulesIdentity

BOARD = board_of(
    [*sweep("o/m", [0, 10, 1000], parameters=10**8, experiment="calm-fox"), make_entry({"chat": of_level(4)}, label="o/chat@main")],
    not_shown=[NotShown(run="lost", why="its outputs are nowhere")],
)  # fmt: skip
OTHER = RulesIdentity(kind="rules", version=1, world="microworld/seed-1")


def page_of(board: Leaderboard) -> Page:
    return Page(leaderboard_page(board))


def test_it_is_one_file_whose_policy_lets_its_own_style_and_script_run_alone() -> None:
    html = leaderboard_page(BOARD)
    policy = next(meta["content"] for meta in Page(html).all("meta") if "http-equiv" in meta)
    assert policy.startswith("default-src 'none'; ")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not re.search(r'(?:src|href)="(?!#|data:,)', html)
    assert not re.search(r"\sstyle=|\son[a-z]+=", html)
    assert "http" not in re.sub(r'http-equiv|xmlns="[^"]*"|xmlns:xlink="[^"]*"', "", html)


def test_it_says_who_judged_what_ranks_are_and_where_each_row_is_from() -> None:
    page = page_of(BOARD)
    for part in ("7 rows: systems of 4 models in 4 runs", "25 instructions of set", "Judge: rules/1 on microworld/seed-0.",
                 "corrected for their number (Holm)", "Left out, since nothing tells", "calm-fox", "its outputs are nowhere",
                 "general/base-urial", "o/m@step-1000", "100,000,000"):  # fmt: skip
        assert part in page.text, part
    assert all(run.run in page.text for run in BOARD.runs.values())
    links = {link["href"].removeprefix("#") for link in page.all("a")} - {"main"}
    assert links == {row["id"] for row in page.all("tr") if "id" in row}


def test_every_row_has_what_it_is_sorted_by() -> None:
    page = page_of(BOARD)
    orders = [cell["data-order"] for cell in page.all("td") if "data-order" in cell]
    averages = [row.figures.average.mean for row in BOARD.rows]
    assert all(mean is not None and f"{mean:.6g}" in orders for mean in averages)
    # Of the row without a step: its step and its tokens seen.
    assert page.text.count("none ") == page.text.count("none none ") * 2 > 0


def test_the_same_leaderboard_is_the_same_page() -> None:
    assert leaderboard_page(BOARD) == leaderboard_page(BOARD)


def test_mixed_runs_have_a_table_each_and_a_notice() -> None:
    page = page_of(board_of([*sweep("o/m", [10, 20]), *sweep("o/m", [10, 20], judge=OTHER)], mixed=True))
    assert "figures of two tables are not to be compared" in page.text
    assert "Scores A (1-5)" in page.text
    assert "Scores B (1-5)" in page.text
    assert "microworld/seed-1" in page.text


def test_names_of_others_are_text() -> None:
    entries = [*sweep(f"o/{HOSTILE}", [0, 10], parameters=10**8), *sweep("o/n", [0, 10], parameters=10**9)]
    names = [f"{HOSTILE}{number}" for number in range(4)]
    html = leaderboard_page(board_of(entries, names=names, not_shown=[NotShown(run=HOSTILE, why=HOSTILE)]))
    assert "<script>alert(1)</script>" in Page(html).text
    assert html.count("<script") == 1
    assert "<img" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_runs_that_nobody_judged_have_a_page() -> None:
    unjudged = sweep("o/m", [10])[0]
    system = unjudged.systems["base-urial"]
    figures = system.figures.model_copy(
        update=dict.fromkeys(("helpfulness", "clarity", "factuality", "depth", "engagement", "safety"))
    )
    systems = {"base-urial": system.model_copy(update={"scores": (), "figures": figures})}
    page = page_of(board_of([unjudged.model_copy(update={"judge": None, "systems": systems})]))
    assert "Not judged." in page.text
    assert "No chart: fewer than two scored models" in page.text

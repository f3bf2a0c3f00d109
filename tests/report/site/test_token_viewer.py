"""The token viewer in a real browser: what it shows of each token, and how one moves through answers and tokens."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import Tabs, Theme, violations
from tests.report.conftest import make_context, make_inputs
from tests.report.shift_runs import served_run
from tests.report.site.token_sites import GREETING, QUERIES, rows_of, token_run, write_token_site

if TYPE_CHECKING:
    from playwright.sync_api import Page

LONG = 700


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of token_run, r3 with many tokens."""
    return write_token_site(token_run(long=LONG), tmp_path_factory.mktemp("site"))


@pytest.fixture
def viewer(tabs: Tabs, site: Path) -> "Page":
    """The viewer at its first answer."""
    return shown(tabs.open(site, "tokens.html"))


def shown(page: "Page") -> "Page":
    """The page as soon as a token and its candidates are there."""
    page.wait_for_selector(".token.current")
    page.wait_for_selector(".ranking .candidate")
    return page


def current(page: "Page") -> list[str]:
    """The marked token's text in each context."""
    return page.locator(".token.current").all_inner_texts()


def figures(page: "Page") -> dict[str, list[str]]:
    """The table of the marked token by the names of its rows, one value a context."""
    rows = page.locator(".figures tbody tr").all()
    return {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in rows}


def fragment(page: "Page") -> str:
    """The address's fragment, once it is written."""
    page.wait_for_timeout(250)
    return str(page.evaluate("location.hash"))


def test_an_answer_is_colored_under_both_contexts_and_a_token_has_the_figures_of_its_rows(viewer: "Page") -> None:
    above, below = viewer.locator(".answer").all()
    categories = "Array.from(node.querySelectorAll('.token'), token => token.className.split(' ')[1][0]).join('')"
    assert above.evaluate(f"node => {categories}") == "smuusuuuus"
    assert below.evaluate(f"node => {categories}") == "uuuuuuuuus"
    heads = viewer.locator(".shares").all_inner_texts()
    assert ["3 of 10 tokens shifted, 1 style · mean KL 1.485 nats" in heads[0], "0 style" in heads[1]] == [True, True]
    assert (current(viewer), viewer.inner_text(".token-head .quiet")) == (
        ["Hello", "Hello"], "position 0 of 0 to 9 · greeting · style · id 7",
    )  # fmt: skip
    assert figures(viewer) == {
        "category": ["shifted", "unshifted"],
        "base rank": ["12", "1"],
        "aligned rank": ["1", "1"],
        "KL, nats": ["3.250", "0.010"],
        "log p, base": ["−4.605", "−0.693"],
        "log p, aligned": ["−0.105", "−0.105"],
        "Δ log p (aligned − base)": ["+4.500", "+0.588"],
        "entropy of base": ["1.500", "1.500"],
    }
    ranking = viewer.locator(".ranking tbody tr").all()
    assert [" ".join(row.inner_text().split()) for row in ranking] == [
        "x 0.900 ␣The 0.500 ␣The 0.500", "Hello 0.250 Hello 0.250", "Hello 0.900 rank 1",
    ]  # fmt: skip
    viewer.keyboard.press("ArrowRight")
    assert figures(viewer)["base rank"] == ["2 tied with 1", "1"]


def test_what_has_no_shape_is_seen_and_markup_is_text(viewer: "Page") -> None:
    texts = viewer.locator(".answer").first.locator(".token").all_text_contents()
    assert texts == ["Hello", "!", " The", "↵\n", " <b>x</b>", "⟨token 99⟩", "⟨U+200D⟩", "ends␣␣", "⟨U+202E⟩", "<eos>"]
    viewer.keyboard.press("j")
    viewer.wait_for_function("document.querySelector('.instruction').textContent === 'What is <i>this</i>?'")


def test_keys_go_through_answers_tokens_and_shifted_tokens(viewer: "Page") -> None:

    def press(*keys: str) -> None:
        for key in keys:
            viewer.keyboard.press(key)

    press("n")
    assert [current(viewer)[0], "token=4" in fragment(viewer)] == [" <b>x</b>", True]
    press("n", "n")
    assert current(viewer)[0] == "<eos>"
    press("N", "ArrowLeft")
    assert [line.strip() for line in current(viewer)] == ["↵", "↵"]
    press("Home", "ArrowLeft", "End", "ArrowRight")
    assert current(viewer)[0] == "<eos>"
    assert viewer.evaluate("document.activeElement.dataset.place") == "9"
    press("t")
    viewer.wait_for_function("document.querySelector('.pane-head strong').textContent === 'urial'")
    press("j", "j")
    viewer.wait_for_function("document.querySelector('.place .mono').textContent === 's1'")
    press("k", "k", "k")
    viewer.wait_for_function("document.querySelector('.place .mono').textContent === 'r1'")
    press("?")
    assert "next shifted token" in viewer.inner_text("#help")
    press("j")
    assert viewer.inner_text(".place .mono") == "r1"


def test_there_is_one_stop_of_the_tab_key_in_the_answer(viewer: "Page") -> None:
    assert viewer.locator(".token[tabindex='0']").count() == 1
    viewer.locator(".answer").nth(1).locator(".token").nth(2).click()
    assert [viewer.evaluate("document.activeElement.textContent"), viewer.locator(".token[tabindex='0']").count()] == [
        " The",
        1,
    ]
    assert viewer.evaluate("document.activeElement.closest('.pane').dataset.side") == "below"


def test_a_pointer_shows_what_it_rests_on_and_a_touch_of_the_strip_goes_there(viewer: "Page") -> None:
    viewer.locator(".answer").first.locator(".token").nth(4).hover()
    assert [figures(viewer)["base rank"], "token=0" in fragment(viewer)] == [["40", "1"], True]
    viewer.mouse.move(600, 100)
    assert figures(viewer)["base rank"] == ["12", "1"]
    box = viewer.locator(".plot").first.bounding_box()
    assert box
    viewer.mouse.click(box["x"] + box["width"] * 0.95, box["y"] + 5)
    assert figures(viewer)["KL, nats"] == ["9.000", "9.000"]


def test_the_address_reopens_the_exact_view(tabs: Tabs, site: Path, viewer: "Page") -> None:
    for key in ("t", "ArrowLeft", "End"):
        viewer.keyboard.press(key)
    address = fragment(viewer)
    assert address == "#id=r1&above=urial&below=zero-shot&token=9"
    again = shown(tabs.open(site, f"tokens.html{address}"))
    assert (again.locator(".pane-head strong").all_inner_texts(), current(again)) == (
        ["urial", "zero-shot"],
        ["<eos>"] * 2,
    )
    again.evaluate("location.hash = '#id=s1&token=1'")
    again.wait_for_function("document.querySelector('.place .mono').textContent === 's1'")
    assert current(again) == [".", "."]


def test_an_address_of_another_run_says_what_this_one_does_not_have(tabs: Tabs, site: Path) -> None:
    page = shown(tabs.open(site, "tokens.html#id=gone&above=%3Cb%3E&token=400"))
    assert page.inner_text(".remark") == "Position 400 of this answer is not measured: it has 10 tokens."
    page = shown(tabs.open(site, "tokens.html#id=gone&above=%3Cb%3E"))
    assert "does not have: instruction gone, measurement <b>." in page.inner_text(".remark")


def test_filters_and_order_choose_the_answers_of_the_list(tabs: Tabs, site: Path) -> None:
    page = shown(tabs.open(site, "tokens.html", width=1700, height=900))

    def listed() -> list[str]:
        return page.locator(".row-id").all_inner_texts()

    assert listed() == ["r1", "r2", "s1", "r3"]
    page.select_option("[name=sort]", "shifted:zero-shot")
    assert listed() == ["s1", "r1", "r3", "r2"]
    page.select_option("[name=sort]", "kl:urial")
    assert listed() == ["r1", "s1", "r3", "r2"]
    page.get_by_role("button", name="Clear").click()
    page.select_option("[name=label]", "refusal")
    assert [listed(), page.inner_text(".place .mono")] == [["s1"], "s1"]
    assert page.locator(".token.picked").all_inner_texts() == ["Sorry", "Sorry"]
    page.get_by_role("button", name="Clear").click()
    page.select_option("[name=kind]", "knowledge")
    page.wait_for_selector("text=1 of 4 answers")
    assert listed() == ["r1"]
    page.get_by_role("button", name="Clear").click()
    page.keyboard.press("/")
    page.keyboard.type("PICK lock")
    page.wait_for_selector("text=1 of 4 answers")
    assert [listed(), "q=PICK+lock" in fragment(page)] == [["s1"], True]
    page.keyboard.type("zzz")
    page.wait_for_selector("text=No answer is like that.")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.className").startswith("token")
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type("hello")
    page.wait_for_selector("text=1 of 4 answers")
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.textContent === 'Hello'")


def test_a_context_that_was_not_measured_says_why(tabs: Tabs, site: Path) -> None:
    page = shown(tabs.open(site, "tokens.html#id=r2"))
    assert page.inner_text(".pane.empty .missing") == "Not measured: no aligned answer."
    assert list(figures(page)["base rank"]) == ["1"]


def test_of_a_long_answer_whole_lines_are_shown_and_the_rest_is_counted(tabs: Tabs, site: Path) -> None:
    page = shown(tabs.open(site, "tokens.html#id=r3&token=0"))
    box = page.locator(".answer").first
    assert box.evaluate("node => node.clientHeight % parseFloat(getComputedStyle(node).lineHeight)") == 0
    within = "node => [...node.querySelectorAll('.token')].filter(token => token.offsetTop < node.scrollTop + node.clientHeight && token.offsetTop >= node.scrollTop).length"
    assert page.locator(".hint .more").first.inner_text() == f"… {LONG - box.evaluate(within)} more tokens"
    for key in ("ArrowRight", "n", "End"):
        page.keyboard.press(key)
    assert "tokens before" in page.locator(".hint .more").first.inner_text()
    tops = page.locator(".answer").evaluate_all("boxes => boxes.map(box => box.scrollTop)")
    assert tops[0] == tops[1] > 100


def test_of_a_server_bounds_are_called_bounds(tabs: Tabs, tmp_path: Path) -> None:
    run = served_run(base_ties=None, base_top_ids=[])
    page = shown(tabs.open(write_token_site(run, tmp_path), "tokens.html#id=r1&token=1"))
    assert figures(page) == {
        "category": ["shifted"], "base rank": ["below those shown"], "KL, nats": ["at least 0.500"],
        "aligned rank": ["not known"], "log p, base": ["−1.204"], "log p, aligned": ["not known"], "Δ log p (aligned − base)": ["not known"], "entropy of base": ["not known"],
    }  # fmt: skip
    assert "pale bars: at least" in page.inner_text(".scale")


def test_a_missing_file_is_named(tabs: Tabs, tmp_path: Path) -> None:
    folder = write_token_site(token_run(), tmp_path)
    (folder / "data/candidates/0000.js").unlink()
    page = tabs.open(folder, "tokens.html")
    page.wait_for_selector(".details .missing")
    assert "data/candidates/0000.js" in page.inner_text(".details .missing")
    (folder / "data/tokens/0000.js").unlink()
    page = tabs.open(folder, "tokens.html")
    page.wait_for_selector(".shown .missing")
    assert "data/tokens/0000.js" in page.inner_text(".shown .missing")
    tabs.expect("not loaded", "Failed to load")


@pytest.mark.parametrize(
    ("width", "theme", "view"), [(360, "dark", "id=r3"), (1200, "light", "id=r3"), (1700, "dark", "label=greeting")]
)
def test_everybody_can_use_it(tabs: Tabs, site: Path, width: int, theme: Theme, view: str) -> None:
    page = shown(tabs.open(site, f"tokens.html#{view}", width=width, height=800, theme=theme))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    assert violations(page) == []


def test_tokens_that_were_not_measured_leave_a_gap_and_positions_stay_those_of_the_rows(
    tabs: Tabs, tmp_path: Path
) -> None:
    run = token_run()
    tables = {"zero-shot": [0, 3, 4], "urial": [0, 4]}
    contexts = {
        name: make_context([row for row in rows_of("r1", GREETING) if row["position"] in kept], list(QUERIES), name)
        for name, kept in tables.items()
    }
    folder = write_token_site(make_inputs(run.instructions, run.systems, contexts), tmp_path)
    page = shown(tabs.open(folder, "tokens.html#id=r1&token=4"))
    above, below = page.locator(".answer").all()
    assert [above.text_content(), below.text_content()] == ["▲Hello⟨2 tokens not measured⟩↵\n <b>x</b>"] * 2
    assert [figures(page)["base rank"], page.locator(".token.unmeasured").count()] == [["40", "40"], 1]
    page.keyboard.press("ArrowLeft")
    assert figures(page)["base rank"] == ["1", "not measured"]
    assert "token=3" in fragment(page)


def test_any_two_of_several_contexts_are_compared(tabs: Tabs, tmp_path: Path) -> None:
    run = token_run()
    contexts = {**run.contexts, "third": run.contexts["urial"]}
    folder = write_token_site(make_inputs(run.instructions, run.systems, contexts), tmp_path)
    page = shown(tabs.open(folder, "tokens.html#id=r1"))
    for side, name, names in (("below", "third", ["zero-shot", "third"]), ("above", "third", ["third", "zero-shot"])):
        page.select_option(f"[name={side}]", name)
        page.wait_for_function(
            "names => [...document.querySelectorAll('h3 strong')].every((n, k) => n.textContent === names[k])",
            arg=names,
        )
    assert figures(page)["base rank"] == ["1", "12"]


def test_of_many_candidates_ten_are_shown_and_all_are_counted(tabs: Tabs, tmp_path: Path) -> None:
    many = {"base_top_ids": list(range(30)), "base_top_tokens": [f"w{k}" for k in range(30)],
            "base_top_logprobs": [-1.0 - k for k in range(30)]}  # fmt: skip
    run = token_run()
    contexts = {"zero-shot": make_context(rows_of("r1", [("Hello", many)]), list(QUERIES))}
    page = shown(
        tabs.open(write_token_site(make_inputs(run.instructions, run.systems, contexts), tmp_path), "tokens.html")
    )
    assert page.inner_text(".ranking caption") == "Most probable here, the first 10 of 30"
    assert page.locator(".ranking tbody tr:not(.said)").count() == 10

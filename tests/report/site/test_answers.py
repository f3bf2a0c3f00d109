"""The answer browser in Chromium: what the rows say is on the page, by keyboard, pointer and address."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.browser import Tabs, violations
from tests.report.conftest import empty_run, make_inputs, unjudged_run
from tests.report.site.answer_runs import answers_run, with_long_line, write_answers
from urial.report.inputs import ReportInputs

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


@pytest.fixture(scope="module")
def run() -> ReportInputs:
    return answers_run()


@pytest.fixture(scope="module")
def site(run: ReportInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_answers(run, tmp_path_factory.mktemp("answers"))


@pytest.fixture
def words_page(tabs: Tabs, site: Path) -> "Page":
    return opened(tabs, site)


def opened(tabs: Tabs, site: Path, fragment: str = "", *, width: int = 1600) -> "Page":
    page = tabs.open(site, f"answers.html#{fragment}", width=width, height=1000)
    page.wait_for_selector(".column", state="attached")
    return page


def column(page: "Page", system: str) -> "Locator":
    return page.locator(f'.column[data-system="{system}"]')


def order(page: "Page") -> list[str]:
    found = page.eval_on_selector_all(".column", "nodes => nodes.map((node) => node.dataset.system)")
    return [str(name) for name in found]


def listed(page: "Page") -> list[str]:
    """Ids of the instructions that are listed."""
    found = page.eval_on_selector_all(
        "#rows a", "nodes => nodes.map((node) => new URLSearchParams(node.getAttribute('href').slice(1)).get('id'))"
    )
    return [str(name) for name in found]


def current(page: "Page") -> str:
    return page.inner_text("#asked code")


def address(page: "Page") -> dict[str, str]:
    found: dict[str, str] = page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")
    return found


def test_every_row_is_shown_as_it_is(tabs: Tabs, site: Path, run: ReportInputs) -> None:
    page = opened(tabs, site)
    for place, instruction in enumerate(run.instructions):
        page.wait_for_function(f"() => document.querySelector('#asked code')?.textContent === '{instruction.id}'")
        for name, system in run.systems.items():
            shown, answer, judgment = column(page, name), system.completions[place].answer, system.judgments[place]
            body = shown.locator(".cell.answer").first.locator(".body")
            assert body.all_text_contents() == ([answer.text] if answer else [])
            scores = [str(item.score) if item.score is not None else "–" for item in judgment.scores]
            assert shown.locator(".head .figure").all_text_contents() == [text.removesuffix(".0") for text in scores]
            rationales = shown.locator(".cell.scores").first.locator(".rationales dd")
            assert rationales.all_text_contents() == [item.rationale for item in judgment.scores]
        page.keyboard.press("j")
    assert current(page) == "s2"


def test_keys_go_through_instructions_and_columns(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site)
    seen = [current(page)]
    for key in ("j", "j", "k"):
        page.keyboard.press(key)
        page.wait_for_function(f"() => document.querySelector('#asked code').textContent !== '{seen[-1]}'")
        seen.append(current(page))
    assert seen == ["r1", "r2", "r3", "r2"]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.system") == "base"
    assert page.evaluate("document.activeElement.matches(':focus-visible')")
    assert page.locator("#overview [aria-current]").inner_text().split()[0] == "base"
    page.keyboard.press("?")
    keys = page.locator("#help tr").all_text_contents()
    assert {"jnext instruction", "pexact prompts", "ipin the column, or unpin it"} <= set(keys)


def test_order_and_pins_are_in_the_address_and_survive(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site)
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", ">", "ArrowLeft", "ArrowLeft", "i"):
        page.keyboard.press(key)
    # icl went behind urial; then base, two to the left of it, was pinned.
    assert order(page) == ["base", "aligned", "urial", "icl"]
    assert (address(page)["pin"], address(page)["order"]) == ("base", "aligned,urial,icl")
    page.keyboard.press("j")
    page.wait_for_function("() => document.querySelector('#asked code').textContent === 'r2'")
    assert order(page) == ["base", "aligned", "urial", "icl"]
    again = opened(tabs, site, page.url.partition("#")[2])
    assert (current(again), order(again)) == ("r2", ["base", "aligned", "urial", "icl"])
    assert again.locator(".column.pinned").get_attribute("data-system") == "base"
    again.keyboard.press("i")
    assert order(again) == ["base", "aligned", "urial", "icl"]
    assert "pin" not in address(again)


def test_buttons_and_dragging_move_columns(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site)
    column(page, "urial").get_by_role("button", name="Move left").click()
    assert order(page) == ["aligned", "base", "urial", "icl"]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move left: urial"
    column(page, "icl").locator("h3").drag_to(column(page, "aligned").locator("h3"))
    assert order(page) == ["icl", "aligned", "base", "urial"]
    column(page, "base").get_by_role("button", name="Pin").click()
    assert order(page) == ["base", "icl", "aligned", "urial"]
    # A pinned column stays the first, however it is dragged.
    column(page, "base").locator("h3").drag_to(column(page, "urial").locator("h3"))
    assert order(page) == ["base", "icl", "aligned", "urial"]


def test_a_pinned_column_stays_in_view(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site, "pin=urial", width=1000)
    page.evaluate("document.querySelector('#scroller').scrollLeft = 10_000")
    edges = "node => { const box = node.getBoundingClientRect(); return [box.left, box.right]; }"
    (left, _), (_, right) = column(page, "urial").evaluate(edges), column(page, "icl").evaluate(edges)
    room = page.locator("#scroller").evaluate(edges)
    assert abs(left - room[0]) < 20
    assert right <= room[1] + 1


def test_each_status_is_counted_listed_and_said(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site)
    chips = page.locator("#filters .chips .chip")
    assert chips.all_text_contents() == [
        "cut off 2", "too long 1", "flagged 1", "judge: invalid 1", "judge: not applicable 3", "flip 1",
    ]  # fmt: skip
    expected = {
        "cut off": ["r1", "r2"], "too long": ["r4"], "flagged": ["r2"], "judge: invalid": ["r3"],
        "judge: not applicable": ["r3", "s1", "s2"], "flip": ["r2"],
    }  # fmt: skip
    for mark, names in expected.items():
        chips.filter(has_text=mark).first.click()
        assert listed(page) == names, mark
        chips.filter(has_text=mark).first.click()
    chips.filter(has_text="judge: not applicable").click()
    assert page.locator(".by-system .chip").all_text_contents() == ["aligned 1", "base 2"]
    page.locator(".by-system .chip").first.click()
    assert page.locator(".column.focused").get_attribute("data-system") == "aligned"
    assert (listed(page), address(page)["system"], page.inner_text("#count span")) == (
        ["r3"],
        "aligned",
        "1 of 6 instructions",
    )
    page.click("#clear")
    assert len(listed(page)) == 6


def test_badges_say_what_is_wrong_with_an_answer(tabs: Tabs, site: Path) -> None:
    badges = {}
    page = opened(tabs, site)
    for name in ("r1", "r2", "r3", "r4"):
        page.evaluate(f"location.hash = '#id={name}'")
        page.wait_for_function(f"() => document.querySelector('#asked code').textContent === '{name}'")
        badges[name] = column(page, "base").locator(".badges .badge").all_text_contents()
    assert badges == {
        "r1": ["turn 2: cut off at 8 tokens"], "r2": ["cut off at 8 tokens", "flagged", "flip"],
        "r3": ["judge: invalid"], "r4": ["too long"],
    }  # fmt: skip
    assert "1,000 prompt tokens leave no room" in column(page, "base").locator(".cell.answer").inner_text()
    page.evaluate("location.hash = '#id=r3'")
    page.wait_for_function("() => document.querySelector('#asked code').textContent === 'r3'")
    # What the judge really said stands where its scores would.
    assert column(page, "base").locator(".reply").inner_text() == "I would say five out of five."


def test_filters_and_sorting(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site, "category=safety")
    assert listed(page) == ["s1", "s2"]
    page.evaluate("location.hash = '#score=base:mean:most:2'")
    page.wait_for_function("() => document.querySelectorAll('#rows a').length === 2")
    assert listed(page) == ["r1", "r2"]
    page.select_option("#choose-Bound", "least")
    assert listed(page) == ["r2"]
    assert address(page)["score"] == "base:mean:least:2"
    page.click("#clear")
    page.select_option("#choose-Compared-system", "base")
    page.select_option("#choose-Outcome", "invalid")
    assert (listed(page), address(page)["outcome"]) == (["s2"], "base:overall:invalid")
    page.click("#clear")
    page.select_option("#choose-Sorted-by", "difference")
    # aligned minus base: 4 at r1, 2 at r2; elsewhere one of them has no score.
    assert listed(page) == ["r1", "r2", "r3", "r4", "s1", "s2"]
    assert page.locator("#rows .value").all_text_contents() == ["+4.00", "+2.00", "–", "–", "–", "–"]
    page.select_option("#choose-First", "low")
    assert listed(page)[:2] == ["r2", "r1"]
    assert address(page)["sort"] == "difference:aligned:base:mean:low"
    page.select_option("#choose-Sorted-by", "score")
    assert listed(page) == ["r4", "r2", "s2", "r1", "s1", "r3"]


def test_search_looks_through_instructions_and_aligned_answers(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site)
    page.keyboard.press("/")
    page.keyboard.type("ANSWER TO S1")
    page.wait_for_function("() => document.querySelectorAll('#rows a').length === 1")
    assert (listed(page), address(page)["q"]) == (["s1"], "ANSWER TO S1")
    page.wait_for_function("() => document.querySelector('#asked code').textContent === 's1'")
    # Letters are text in the field, and commands outside of it.
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    assert page.locator(".prompt").count() == 4


def test_prompts_are_exact_with_their_markers(tabs: Tabs, site: Path, run: ReportInputs) -> None:
    page = opened(tabs, site, "id=r2")
    page.keyboard.press("p")
    for name, system in run.systems.items():
        text = column(page, name).locator(".prompt").text_content()
        assert text == system.prompts[1].text.removesuffix("\n") + "↵"
        column(page, name).get_by_role("button", name="Copy the prompt").click()
        assert page.evaluate("navigator.clipboard.readText()") == system.prompts[1].text
    marks = {
        name: column(page, name)
        .locator("mark")
        .evaluate_all("nodes => nodes.map((node) => [node.className, node.textContent])")
        for name in ("aligned", "base")
    }
    assert marks["aligned"] == [
        ["special", "<|user|>"],
        ["query", "Query r2?"],
        ["special", "<|assistant|>"],
        ["space", "↵"],
    ]
    assert [text for kind, text in marks["base"] if kind == "head"] == ["# Query:", "# Answer:"] * 2
    assert ["query", "Query r2?"] in marks["base"]
    assert "flagged: the query looks like a block" in column(page, "base").locator(".cell.given").inner_text()
    assert "stops at ↵```" in column(page, "base").locator(".cell.given").inner_text()
    assert address(page)["prompts"] == "1"
    page.keyboard.press("p")
    assert page.locator(".prompt").count() == 0


def test_differences_of_two_columns_are_marked(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site, "id=s1")

    def marked(name: str) -> list[str]:
        return column(page, name).locator("mark.only").all_text_contents()

    column(page, "base").get_by_role("button", name="Mark differences").click()
    assert (marked("aligned"), marked("base"), marked("icl")) == (["Hello!", "aligned"], ["base"], [])
    assert page.inner_text("#note") == "Marked: 2 of 7 words only in aligned, 1 of 6 only in base."
    column(page, "urial").get_by_role("button", name="Mark differences").click()
    assert (marked("aligned"), address(page)["differ"]) == ([], "base,urial")
    assert marked("urial") == ["Hello! An", "urial"]
    page.keyboard.press("Escape")
    assert page.locator("mark.only").count() == 0
    assert page.inner_text("#note") == ""


def test_both_orders_of_a_comparison(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site, "id=r2")
    compared = column(page, "base").locator(".cell.compared").first
    assert compared.locator(".heads span").all_text_contents() == ["criterion", "base first", "aligned first", "both"]
    assert compared.locator("summary").first.locator("span").all_text_contents() == ["overall", "wins", "loses", "flip"]
    assert "The order decides: overall, depth." in compared.inner_text()
    # Flips are open, with what the judge said in each order; the same reason is said once.
    assert compared.locator("details[open]").count() == 2
    assert compared.locator(".said").first.inner_text().splitlines() == ["In both orders", "why <b>"]
    page.evaluate("location.hash = '#id=s2'")
    page.wait_for_function("() => document.querySelector('#asked code').textContent === 's2'")
    assert compared.locator("summary").first.locator("span").all_text_contents() == [
        "overall",
        "wins",
        "invalid",
        "invalid",
    ]
    page.evaluate("location.hash = '#id=r4'")
    page.wait_for_function("() => document.querySelector('#asked code').textContent === 'r4'")
    assert "Not compared: there is no answer." in compared.inner_text()
    assert column(page, "icl").locator(".cell.compared").inner_text() == ""


def test_several_turns_are_a_conversation(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site, "id=r1&prompts=1")
    assert page.locator("#asked li").all_text_contents() == ["Query r1?", "And then?"]
    assert page.locator("#asked .reference .text").inner_text() == "The true answer."
    base = column(page, "base")
    assert base.locator(".said-by-user .text").all_text_contents() == ["Query r1?", "And then?"]
    assert base.locator(".cell.answer .body").all_text_contents() == ["The answer to r1 is base.", "And then it is"]
    assert base.locator(".prompt").nth(1).text_content() == "<all of it> And then?"
    # The same part stands at the same height in all columns.
    tops = page.locator(".cell.scores").evaluate_all(
        "nodes => nodes.map((node) => Math.round(node.getBoundingClientRect().top))"
    )
    assert len(set(tops)) == 2


def test_links_to_the_other_pages_keep_the_instruction(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site, "id=r3")
    assert page.locator("header.frame a[aria-current]").get_attribute("href") == "answers.html#id=r3"


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("mark=flip&category=safety", "No instruction passes the filters."),
        ("id=none&pin=none&sort=score:none", "Query r1?"),
        ("outcome=__proto__:toString:win&score=__proto__:mean:least:1&sort=score:constructor:mean:low", "Query r1?"),
    ],
)
def test_an_address_that_the_run_does_not_have(tabs: Tabs, site: Path, fragment: str, said: str) -> None:
    page = tabs.open(site, f"answers.html#{fragment}")
    page.wait_for_function(f"() => document.querySelector('#asked').textContent.includes({json.dumps(said)})")


def test_a_missing_file_is_named(tabs: Tabs, run: ReportInputs, tmp_path: Path) -> None:
    write_answers(run, tmp_path)
    (tmp_path / "data/answers/0000.js").unlink()
    page = tabs.open(tmp_path, "answers.html")
    page.wait_for_selector("#asked .badge")
    assert "data/answers/0000.js is not here" in page.inner_text("#asked")
    tabs.expect("not loaded: ", "console: error")


def test_a_search_without_its_file_looks_at_what_there_is(tabs: Tabs, run: ReportInputs, tmp_path: Path) -> None:
    write_answers(run, tmp_path)
    (tmp_path / "data/search.js").unlink()
    page = opened(tabs, tmp_path, "q=query+s1")
    assert listed(page) == ["s1"]
    assert "data/search.js is not here" in page.inner_text("#count")
    tabs.expect("not loaded: ", "console: error")


def test_a_line_of_a_million_characters(tabs: Tabs, run: ReportInputs, tmp_path: Path) -> None:
    page = opened(tabs, write_answers(with_long_line(run), tmp_path), "differ=aligned,icl")
    shown = column(page, "icl").locator(".body")
    assert len(shown.text_content() or "") < 10_000
    shown.get_by_role("button", name="Show all 1,000,000 characters").click()
    assert len(shown.text_content() or "") == 1_000_000
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_one_column_at_a_time_on_a_phone(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site, "id=r2", width=360)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert column(page, "aligned").evaluate("node => node.getBoundingClientRect().width") == 360
    page.evaluate("document.querySelector('#columns').scrollLeft = 720")
    page.wait_for_function("() => location.hash.includes('focus=icl')")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('#columns').scrollLeft === 1080")
    page.click("#toggle")
    # The list stays while it is narrowed, and makes room for what is chosen.
    page.fill("#search", "query s")
    page.wait_for_function("() => document.querySelectorAll('#rows a').length === 2")
    page.locator("#rows a").first.click()
    page.wait_for_function("() => document.querySelector('#asked code').textContent === 's1'")
    assert page.locator("#list").is_hidden()


def test_everybody_can_use_it(tabs: Tabs, site: Path) -> None:
    page = opened(tabs, site, "id=r1&prompts=1&differ=base&pin=urial&mark=cut+off&sort=score:base:mean:low")
    for theme, width in (("light", 1600), ("dark", 1600), ("dark", 360), ("light", 360)):
        page.emulate_media(color_scheme="light" if theme == "light" else "dark")
        page.set_viewport_size({"width": width, "height": 800})
        assert violations(page) == []
    labels = page.eval_on_selector_all(
        "section.column", "nodes => nodes.map((node) => node.getAttribute('aria-label'))"
    )
    assert labels == [
        f"{name}, column {place} of 4" for place, name in enumerate(("urial", "aligned", "base", "icl"), start=1)
    ]


def test_a_run_without_a_judge(tabs: Tabs, tmp_path: Path) -> None:
    page = opened(tabs, write_answers(unjudged_run(), tmp_path))
    assert "not judged: the run has no judge" in page.inner_text("#asked")
    assert page.locator(".strip").count() == 0
    assert page.locator("#choose-Sorted-by").count() == 0


def test_a_run_without_answers_or_instructions(tabs: Tabs, tmp_path: Path) -> None:
    page = opened(tabs, write_answers(empty_run(), tmp_path / "empty"))
    assert page.locator("#filters .chip").first.inner_text() == "too long 6"
    nothing = make_inputs([], {}, {})
    page = tabs.open(write_answers(nothing, tmp_path / "nothing"), "answers.html")
    page.wait_for_function("() => document.querySelector('#asked').textContent === 'This run has no instructions.'")


WORDS = st.lists(st.sampled_from(("a", "b", "Zed", "naïve", "世界", "!", ".", "\n\n", "  ")), max_size=12)


@given(pairs=st.lists(st.tuples(WORDS.map(" ".join), WORDS.map("".join)), min_size=50, max_size=50))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_differences_leave_what_both_have(words_page: "Page", pairs: list[tuple[str, str]]) -> None:
    found = words_page.evaluate(
        "pairs => pairs.map(([one, other]) => urial.answers.words.differences(one, other))", pairs
    )
    split = "texts => texts.map((text) => urial.answers.words.split(text).filter((part) => part.trim()))"
    for pair, one in zip(pairs, found, strict=True):
        assert ["".join(piece["text"] for piece in side) for side in one["sides"]] == list(pair)
        kept = ["\n".join(piece["text"] for piece in side if piece["kind"] is None) for side in one["sides"]]
        left, right = words_page.evaluate(split, kept)
        assert left == right
        assert len(left) == longest_common(*words_page.evaluate(split, list(pair)))


def longest_common(first: list[str], second: list[str]) -> int:
    """The length of the longest common subsequence, by its definition."""
    lengths = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for place, other in enumerate(second, start=1):
            before, lengths[place] = (
                lengths[place],
                before + 1 if word == other else max(lengths[place], lengths[place - 1]),
            )
    return lengths[-1]

"""Answers that are not the aligned model's own, in the token viewer: whose they are, thinking, moves, and where greedy decoding parts."""

from pathlib import Path

import pytest

from tests.browser import Tabs, violations
from tests.report.site.reading import read_data
from tests.report.site.test_token_viewer import current, figures, fragment, shown
from tests.report.site.token_sites import given_run, write_token_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of given_run."""
    return write_token_site(given_run(), tmp_path_factory.mktemp("site"))


def test_each_text_has_files_of_its_own_and_its_measurements(site: Path) -> None:
    index = read_data(site, "index")
    assert index["texts"] == [
        {"answers": "aligned", "aligned": "aligned", "contexts": ["zero-shot", "urial"]},
        {"answers": "base", "aligned": "aligned", "contexts": ["own-words"]},
        {"answers": "people", "aligned": "aligned", "contexts": ["people"]},
    ]
    first = read_data(site, "tokens-1/0000")["answers"][0]
    assert (first["part"], first["move"], list(first["contexts"])) == (
        [1, 0, 0, 0, 1, 2],
        [-1, 2, 2, -1, -1, -1],
        ["own-words"],
    )
    assert "part" not in read_data(site, "tokens/0000")["answers"][0]
    assert len(read_data(site, "candidates-1/0000")["answers"]) == len(read_data(site, "tokens-2/0000")["answers"]) == 4
    shift = index["shift"]
    assert [shift[name]["parted"][0] for name in ("zero-shot", "urial", "own-words")] == [0, 9, 1]
    # The second is not that of an answer of which nothing was measured.
    assert (shift["people"]["parted"], shift["own-words"]["moves"][0]) == ([None, None, -1, None], 1 << 2)
    assert read_data(site, "search")["given"]["base"][1].endswith("answer r2")


def test_a_given_answer_is_named_as_whose_it_is_with_its_thinking_and_first_divergence(tabs: Tabs, site: Path) -> None:
    page = shown(tabs.open(site, "tokens.html#above=own-words"))
    assert page.inner_text(".pane-head h3") == "own-words: the text of base, read by base and aligned"
    assert page.locator("[name=below]").is_hidden()
    assert page.locator("[name=text] option").all_inner_texts() == ["aligned", "base", "people"]
    assert page.locator(".beside").all_inner_texts() == ["thinking", "backtrack", "answer"]
    assert page.locator(".answer .parting + .token").inner_text() == "Wait"
    assert page.locator(".token.thinking").all_inner_texts() == ["Wait", ",", " no"]
    hint = " ".join(page.inner_text(".hint").split())
    assert hint.startswith("▲ first divergence: position 1, “Wait” ━ thinking: 3 tokens KL 0 to 2.000 nats")
    assert "in the thinking · move: backtrack" in page.inner_text(".token-head .quiet")
    page.locator(".token").last.click()
    assert [figures(page)[row] for row in ("base rank", "aligned rank", "log p, aligned")] == [["1"], ["8"], ["−3.000"]]
    assert violations(page) == []


def test_another_text_is_chosen_and_the_address_keeps_it(tabs: Tabs, site: Path) -> None:
    page = shown(tabs.open(site, "tokens.html"))
    page.select_option("[name=text]", label="base")
    page.wait_for_selector(".token.thinking")
    assert [fragment(page), current(page)] == ["#id=r1&above=own-words&token=1", ["Wait"]]
    page.select_option("[name=text]", label="aligned")
    page.wait_for_function("document.querySelectorAll('.pane').length === 2")
    page.select_option("[name=above]", "urial")
    page.wait_for_function("document.querySelector('.pane-head strong').textContent === 'urial'")
    assert "above=urial&below=zero-shot" in fragment(page)
    page = tabs.open(site, "tokens.html#above=urial&below=people")
    assert "measurement of the text of aligned people" in page.inner_text(".remark")

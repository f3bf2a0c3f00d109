"""What the page says of the token shift: bounds as bounds, unknown as unknown, counterparts counted."""

import dataclasses
import re
from typing import Any

import pytest

from tests.report.conftest import IDS, make_coverage, small_run
from tests.report.shift_runs import served_run, two_contexts
from tests.report.site.rendered import HOSTILE, Page, render_undrawn, shift_page
from urial.report.inputs import ReportInputs

TOKENS = ("a|b", "<b>bold</b>", "\x1b[31m", "\x00", "\u202eabc", "שלום", "")


def covered(run: ReportInputs, **changes: Any) -> ReportInputs:
    """The run with other coverage of the first answer."""
    base = run.contexts["base"]
    coverage = [make_coverage(IDS[0], 2, **changes), *base.coverage[1:]]
    return dataclasses.replace(run, contexts={"base": dataclasses.replace(base, coverage=coverage)})


def with_rows(run: ReportInputs, **changes: Any) -> ReportInputs:
    """The run with other values in every row."""
    base = run.contexts["base"]
    rows = [{**row, **changes} for row in base.table.to_pylist()]
    table = type(base.table).from_pylist(rows, schema=base.table.schema)
    return dataclasses.replace(run, contexts={"base": dataclasses.replace(base, table=table)})


@pytest.fixture(scope="module")
def served() -> str:
    return shift_page(served_run()).text


def test_a_bound_is_shown_as_a_bound(served: str) -> None:
    assert "at least 0.500" in served
    assert "“At least”: the base model’s server shows its most probable tokens alone" in served
    # Never as a bare number.
    assert not re.search(r"(?<!at least )0\.500 (nats|0\.500 to)", served)


def test_where_nothing_is_known_of_kl_it_says_so() -> None:
    text = shift_page(served_run(kl_lower_bound=None)).text
    assert "at least 0" not in text
    assert "not known" in text


def test_a_mean_over_some_positions_says_over_how_many() -> None:
    run = small_run()
    base = run.contexts["base"]
    rows = base.table.to_pylist()
    rows[0] |= {"kl": None, "js": None, "kl_lower_bound": 0.125}
    table = type(base.table).from_pylist(rows, schema=base.table.schema)
    text = shift_page(dataclasses.replace(run, contexts={"base": dataclasses.replace(base, table=table)})).text
    assert re.search(r"0\.545 [\d.]+ to [\d.]+ ?over 11 tokens ?at least 0\.125 no interval ?over 1 tokens", text)


def test_what_became_of_tokens_is_counted() -> None:
    text = shift_page(covered(small_run(), retokenized=True, unmatched=1_234, end="base")).text
    assert "1,234 others without a counterpart" in text
    assert "1 ends measured as the base’s own" in text
    assert "1 tokenized anew from their text" in text
    assert "1 ends left out" in shift_page(covered(small_run(), end="dropped")).text


def test_contexts_are_compared() -> None:
    text = shift_page(two_contexts()).text
    assert "What the prompt alone explains" in text
    assert re.search(r"urial base \+33\.3 [+−\d.]+ to \+[\d.]+ ?p 0\.2500 ?−25\.0", text)
    assert re.search(r"100\.0 % no interval nothing shifted 12 6", text)
    assert "What the prompt alone explains" not in shift_page(small_run()).text


def test_shares_by_tag_are_a_table_for_each_kind_of_tag() -> None:
    run = two_contexts()
    tagged = [run.instructions[0].model_copy(update={"topic": ("sea", "salt")}), *run.instructions[1:]]
    text = shift_page(dataclasses.replace(run, instructions=tagged)).text
    assert "By task and topic The same shares" in text
    assert "Share of shifted tokens by topic, % topicbaseurial salt50.00.0 sea50.00.0" in text
    assert "The 1 task as a table taskbase contextunshiftedmarginalshiftedtokensanswers tag base 58.3 %" in text
    assert "The 2 topics as a table topicbase context" in text
    # The two tokens of one answer, one of them shifted, under each of its tags.
    alone = "50.0 % no interval 0.0 % no interval 50.0 % no interval 2 1"
    assert [f"{tag} base {alone}" in text for tag in ("salt", "sea")] == [True, True]
    assert "sea urial 100.0 %" in text


def test_a_tag_without_measured_answers_says_so() -> None:
    run = small_run()
    base = run.contexts["base"]
    tagged = [*run.instructions[:5], run.instructions[5].model_copy(update={"topic": ("sea",)})]
    less = dataclasses.replace(base, table=base.table.slice(0, 10))
    text = shift_page(dataclasses.replace(run, instructions=tagged, contexts={"base": less})).text
    assert "sea base not measured not measured not measured 0 0" in text


def test_without_tags_there_is_no_section_of_them() -> None:
    page = shift_page(small_run(tags=()))
    assert "counts under each of its tags" not in page.text
    assert "by-tag" not in [item.get("id") for item in page.all("h2")]


def test_labels_are_a_chart_and_a_table() -> None:
    text = shift_page(small_run()).text
    assert "share of all shifted tokens" in text
    assert "function word" in text
    assert "no such tokens" in text


def test_log_odds_are_listed() -> None:
    run = small_run()
    base = run.contexts["base"]
    rows = [{**row, "token": "Hi"} if row["category"] == "shifted" else row for row in base.table.to_pylist()]
    table = type(base.table).from_pylist(rows, schema=base.table.schema)
    text = shift_page(dataclasses.replace(run, contexts={"base": dataclasses.replace(base, table=table)})).text
    assert "Tokens by log-odds tokenzlog-oddsshiftedunshifted “Hi”0.30.0430 Words by log-odds" in text
    assert "No word is more frequent among the shifted ones." in text


@pytest.mark.parametrize("piece", [*TOKENS, HOSTILE])
def test_hostile_tokens_and_words_are_text(piece: str) -> None:
    run = small_run()
    base = run.contexts["base"]
    rows = [
        {**row, "token": f"{row['category']}{piece}", "word": f"{row['category']}{piece}"}
        for row in base.table.to_pylist()
    ]
    table = type(base.table).from_pylist(rows, schema=base.table.schema)
    html = render_undrawn(dataclasses.replace(run, contexts={"base": dataclasses.replace(base, table=table)}))[
        "shift.html"
    ]
    page = Page(html)
    assert {"img", "b"}.isdisjoint(tag for tag, _ in page.elements)
    assert not set(html) & set("\x00\x1b\u202e\r")
    assert page.text.count("“shifted") >= 3

"""The exact text and stop strings that a base model is given, written out."""

from typing import Any

import pytest
from hypothesis import given

from tests.prompts.texts import any_text, make_prompt, turns
from urial.prompts.versions.dialects import DIALECTS
from urial.prompts.versions.rendering import constant_text, heading_line, render, safe_fence, with_examples
from urial.records.prompt import DialectName

QUERY_ALONE = "# Query:\n```\nWhy?\n```\n\n# Answer:\n```\n"
HISTORY = [("q2", "a2")]
STOP = {
    "backticks": ("\n```", "```", "# Query"),
    "user-assistant-loose": ("\n\n\n# User", "\n\n# User", "\n# User", "# User"),
    "user-assistant-tight": ("\n\n\n# User", "\n\n# User", "\n# User", "# User"),
    "plain": ("\n\nQuestion:", "\nQuestion:"),
}
# For each dialect: a query alone; with system text; with system text, an example and a turn that is over.
GOLDEN: dict[DialectName, tuple[str, str, str]] = {
    "backticks": (
        QUERY_ALONE,
        f"# Instruction\n\nBe kind.\n\n{QUERY_ALONE}",
        "# Instruction\n\nBe kind.\n\n# Query:\n```\nq1\n```\n\n# Answer:\n```\na1\n```\n"
        f"\n# Query:\n```\nq2\n```\n\n# Answer:\n```\na2\n```\n\n{QUERY_ALONE}",
    ),
    "user-assistant-loose": (
        "# User:\n\nWhy?\n\n\n# Assistant:\n\n",
        "# Instruction\n\nBe kind.\n\n# User:\n\nWhy?\n\n\n# Assistant:\n\n",
        "# Instruction\n\nBe kind.\n\n# User:\n\nq1\n\n\n# Assistant:\n\na1\n\n\n"
        "# User:\n\nq2\n\n\n# Assistant:\n\na2\n\n\n# User:\n\nWhy?\n\n\n# Assistant:\n\n",
    ),
    "user-assistant-tight": (
        "# User:\nWhy?\n\n\n# Assistant:\n",
        "# Instruction\n\nBe kind.\n\n\n# User:\nWhy?\n\n\n# Assistant:\n",
        "# Instruction\n\nBe kind.\n\n\n# User:\nq1\n\n\n# Assistant:\na1\n\n\n"
        "# User:\nq2\n\n\n# Assistant:\na2\n\n\n# User:\nWhy?\n\n\n# Assistant:\n",
    ),
    "plain": (
        "Question:\nWhy?\n\nAnswer:\n",
        "Be kind.\n\nQuestion:\nWhy?\n\nAnswer:\n",
        "Be kind.\n\nQuestion:\nq1\n\nAnswer:\na1\n\nQuestion:\nq2\n\nAnswer:\na2\n\nQuestion:\nWhy?\n\nAnswer:\n",
    ),
}


@pytest.mark.parametrize("dialect", GOLDEN)
def test_every_dialect_to_the_byte(dialect: DialectName) -> None:
    alone, system, full = GOLDEN[dialect]
    assert render(make_prompt(dialect=dialect), "Why?").text == alone
    assert render(make_prompt("Be kind.", dialect=dialect), "Why?").text == system
    rendered = render(make_prompt("Be kind.", ("q1", "a1"), dialect=dialect), "Why?", HISTORY)
    assert (rendered.text, rendered.stop, rendered.flag) == (full, STOP[dialect], None)


def test_examples_to_the_byte_and_in_order() -> None:
    assert render(make_prompt(None, ("q1", "a1"), ("q2", "a2")), "Why?").text == (
        "# Query:\n```\nq1\n```\n\n# Answer:\n```\na1\n```\n\n"
        "# Query:\n```\nq2\n```\n\n# Answer:\n```\na2\n```\n\n"
        f"{QUERY_ALONE}"
    )


def test_the_published_way_of_appending_a_query() -> None:
    prompt = make_prompt("S", ("q", "a"))
    text = render(prompt, "Why?").text
    assert text == constant_text(prompt) + "\n# Query:\n```\nWhy?\n```\n\n# Answer:\n```\n"


def test_a_query_with_a_fence_makes_all_fences_longer() -> None:
    rendered = render(make_prompt("S", ("q", "a")), "Why is\n```\nx\n```\nwrong?")
    assert rendered.text == (
        "# Instruction\n\nS\n\n# Query:\n````\nq\n````\n\n# Answer:\n````\na\n````\n"
        "\n# Query:\n````\nWhy is\n```\nx\n```\nwrong?\n````\n\n# Answer:\n````\n"
    )
    assert (rendered.stop, rendered.flag) == (("\n````", "````", "# Query"), None)


def test_an_answer_of_an_earlier_turn_with_a_fence_makes_the_turns_fences_longer() -> None:
    rendered = render(make_prompt(), "Why?", [("q", "`````")])
    assert rendered.text == (
        "# Query:\n``````\nq\n``````\n\n# Answer:\n``````\n`````\n``````\n\n"
        "# Query:\n``````\nWhy?\n``````\n\n# Answer:\n``````\n"
    )
    assert rendered.stop == ("\n``````", "``````", "# Query")


def test_an_example_with_a_fence_makes_all_fences_longer() -> None:
    rendered = render(make_prompt(None, ("q", "```sh\nls\n```")), "Why?")
    # A model that writes code as the example does must not be stopped at it.
    assert rendered.text == (
        "# Query:\n````\nq\n````\n\n# Answer:\n````\n```sh\nls\n```\n````\n\n"
        "# Query:\n````\nWhy?\n````\n\n# Answer:\n````\n"
    )
    assert rendered.stop == ("\n````", "````", "# Query")


def test_a_prompt_may_have_longer_fences_from_the_start() -> None:
    rendered = render(make_prompt(None, ("q", "```sh\nls\n```"), fence=4), "Why?")
    assert rendered.text == (
        "# Query:\n````\nq\n````\n\n# Answer:\n````\n```sh\nls\n```\n````\n\n"
        "# Query:\n````\nWhy?\n````\n\n# Answer:\n````\n"
    )
    assert rendered.stop == ("\n````", "````", "# Query")
    assert "`````" not in render(make_prompt(fence=4), "```").text
    assert render(make_prompt(fence=4), "````").stop == ("\n`````", "`````", "# Query")


@pytest.mark.parametrize("dialect", GOLDEN)
def test_a_prompts_own_stop_strings_are_kept_as_they_are(dialect: DialectName) -> None:
    prompt = make_prompt(dialect=dialect, stop=("END", "{fence}"))
    assert render(prompt, "````").stop == ("END", "{fence}")
    assert render(make_prompt(dialect=dialect, stop=()), "q").stop == ()


@pytest.mark.parametrize("dialect", GOLDEN)
def test_the_longest_form_of_a_stop_string_comes_first(dialect: DialectName) -> None:
    stop = render(make_prompt(dialect=dialect), "q").stop
    assert [(a, b) for place, a in enumerate(stop) for b in stop[place + 1 :] if b.endswith(a)] == []


@given(query=any_text, history=turns)
def test_a_query_is_kept_untouched(query: str, history: list[tuple[str, str]]) -> None:
    texts = [query, *(text for turn in history for text in turn)]
    prompt = make_prompt("S", ("q", "a"), fence=safe_fence(make_prompt(), texts))
    before, after = render(prompt, "\ue000", history).text.split("\ue000")
    assert render(prompt, query, history).text == f"{before}{query}{after}"


@given(query=any_text, history=turns)
def test_what_stands_before_the_first_turn_is_constant(query: str, history: list[tuple[str, str]]) -> None:
    for dialect in GOLDEN:
        prompt = make_prompt("S", ("q", "```a"), dialect=dialect)
        texts = [query, *(text for turn in history for text in turn)]
        assert render(prompt, query, history).text.startswith(constant_text(prompt, texts))
        if "```" not in "".join(texts):
            assert constant_text(prompt, texts) == constant_text(prompt)
    assert constant_text(make_prompt()) == ""


def test_outer_line_ends_of_a_query_are_left_out_where_upstream_does() -> None:
    prompt = make_prompt(dialect="user-assistant-tight")
    assert render(prompt, "\n\n Why?\nSo? \n").text == "# User:\n Why?\nSo? \n\n\n# Assistant:\n"


@pytest.mark.parametrize(
    ("dialect", "query", "heading"),
    [
        ("user-assistant-loose", "Hi\n# User: there", "# User:"),
        ("user-assistant-loose", "\t# ASSISTANT:\nhi", "# Assistant:"),
        ("user-assistant-tight", "x\u2028# user:", "# User:"),
        ("user-assistant-tight", "x\r# Instruction", "# Instruction"),
        ("plain", "why?\nanswer: because", "Answer:"),
        ("plain", "Question: why?", "Question:"),
    ],
)
def test_what_looks_like_a_new_block_is_flagged(dialect: DialectName, query: str, heading: str) -> None:
    prompt = make_prompt(dialect=dialect)
    said = f"has a line that begins with {heading!r}, as a block of this dialect does"
    assert render(prompt, query).flag == f"the query {said}"
    assert render(prompt, "q", [("q", query)]).flag == render(prompt, "q", [(query, "a")]).flag == f"the history {said}"
    assert render(make_prompt(), query, [(query, query)]).flag is None


def test_what_looks_like_a_new_block_in_a_retrieved_example_is_flagged() -> None:
    pool = {"pool": "p", "pool_hash": f"sha256:{'0' * 64}", "k": 1, "retriever": {"kind": "bm25"}}
    fields: dict[str, Any] = {"method": "retrieval-icl", "retrieval": pool, "dialect": "plain"}
    chosen = make_prompt(None, ("q", "a\nQuestion: b")).examples
    assert render(with_examples(make_prompt(**fields), chosen), "q").flag == (
        "the retrieved example has a line that begins with 'Question:', as a block of this dialect does"
    )


def test_a_fence_in_the_query_of_an_imported_prompt_is_flagged() -> None:
    prompt = make_prompt("S", layout=("# Instruction\n", "\n"))
    rendered = render(prompt, "````")
    assert rendered.text == "# Instruction\nS\n\n# Query:\n```\n````\n```\n\n# Answer:\n```\n"
    assert rendered.stop == STOP["backticks"]
    assert rendered.flag == "the query has 3 backticks in a row, which is the fence of this imported prompt"
    said = "the history has 3 backticks in a row, which is the fence of this imported prompt"
    assert render(prompt, "``", [("a", "```")]).flag == said
    assert render(prompt, "# Query:\n``").flag is None


def test_a_heading_in_the_middle_of_a_line_is_none() -> None:
    prompt = make_prompt(dialect="user-assistant-loose")
    assert render(prompt, 'What does "# User:" mean?\nA # Assistant: what?').flag is None
    assert heading_line("", DIALECTS["plain"]) is None

"""A prompt's text is read back into what it was made from; where that fails, a query is flagged or a prompt refused."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.prompts.texts import any_text, core, make_prompt, pairs, some_text, turns
from urial.core.errors import UrialError
from urial.prompts.authoring.writing import prompt_yaml
from urial.prompts.versions.dialects import DIALECTS
from urial.prompts.versions.library import read_prompt
from urial.prompts.versions.parsing import Parsed, parse_text
from urial.prompts.versions.rendering import constant_text, heading_line, render
from urial.records.prompt import DialectName, Prompt

BACKTICKS = DIALECTS["backticks"]
Turns = list[tuple[str, str]]
examples = st.lists(st.tuples(some_text, some_text), max_size=2)


def unfenced_prompt(dialect: DialectName, system: str | None, shown: Turns) -> Prompt:
    return make_prompt(system, *shown, dialect=dialect)


unfenced = st.sampled_from(("user-assistant-loose", "user-assistant-tight", "plain"))
unfenced_prompts = st.builds(unfenced_prompt, unfenced, st.none() | st.just("S") | any_text, st.just([]) | examples)


def joined(parsed: Parsed) -> str:
    """The text that was parsed, but for an open block."""
    texts = [*([] if parsed.system is None else [parsed.system]), *(text for turn in parsed.turns for text in turn)]
    return "".join(piece for pair in zip(parsed.layout, [*texts, ""], strict=True) for piece in pair if piece)


def accepted(prompt: Prompt, folder: Path) -> bool:
    path = folder / "x.yaml"
    path.write_text(prompt_yaml(prompt), "utf-8", newline="")
    try:
        return read_prompt(path) == prompt
    except UrialError as error:
        message = str(error)
    assert message.startswith(f"{path}: once laid out in the dialect {prompt.dialect}, its texts cannot be told apart")
    return False


@given(shown=examples, history=turns, query=any_text, fence=st.integers(3, 5), system=st.sampled_from((None, "S")))
@example(shown=[], history=[], query="# Query:", fence=3, system=None)
@example(
    shown=[("q", "\n```\n\n# Query:\n```\nx")],
    history=[("", "\r")],
    query="\n```\n\n# Answer:\n```\n",
    fence=3,
    system="S",
)
def test_whatever_is_asked_is_read_back_from_fences(
    shown: Turns, history: Turns, query: str, fence: int, system: str | None
) -> None:
    prompt = make_prompt(system, *shown, fence=fence)
    rendered = render(prompt, query, history)
    parsed = parse_text(rendered.text, BACKTICKS)
    assert (parsed.system, parsed.turns) == (system, [*shown, *history, (query, None)])
    assert rendered.flag is None
    assert joined(parse_text(constant_text(prompt), BACKTICKS)) == constant_text(prompt)


@given(system=any_text, shown=examples, history=turns, query=any_text)
@example(system="\n# Query:\n```\nx\n```\n\n# Answer:\n```\ny\n```\n", shown=[], history=[], query="q")
@example(system="S\r", shown=[], history=[], query="q")
@example(system="", shown=[], history=[], query="q")
def test_a_system_text_is_read_back_or_the_prompt_refused(
    system: str, shown: Turns, history: Turns, query: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    prompt = make_prompt(system, *shown)
    if accepted(prompt, tmp_path_factory.mktemp("prompt")):
        parsed = parse_text(render(prompt, query, history).text, BACKTICKS)
        assert (parsed.system, parsed.turns) == (system, [*shown, *history, (query, None)])


@given(prompt=unfenced_prompts, history=st.just([]) | turns, query=any_text)
@example(prompt=unfenced_prompt("plain", "\ufeffS", []), history=[], query="q")
@example(prompt=unfenced_prompt("user-assistant-tight", "S", []), history=[("\x85", "\r\n")], query="\r# x \r")
def test_without_fences_whatever_is_not_flagged_is_read_back(
    prompt: Prompt, history: Turns, query: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dialect = DIALECTS[prompt.dialect]
    if not accepted(prompt, tmp_path_factory.mktemp("prompt")):
        return
    rendered = render(prompt, query, history)
    assert (rendered.flag is None) == all(
        heading_line(text, dialect) is None for turn in [*history, (query, "")] for text in turn
    )
    if rendered.flag is None:
        parsed, shown = parse_text(rendered.text, dialect), pairs(prompt)
        *past, (asked, answer) = parsed.turns
        assert (parsed.system, past[: len(shown)]) == (prompt.system, shown)
        assert [(core(said), core(answered or "")) for said, answered in past[len(shown) :]] == [
            (core(said), core(answered)) for said, answered in history
        ]
        assert (core(asked), answer) == (core(query), None)


@pytest.mark.parametrize(
    ("dialect", "system", "shown"),
    [
        ("backticks", "S\n\n# Query:\n```\nx\n```\n\n# Answer:\n```\ny\n```", []),
        ("backticks", "S\n# Answer: is what you write", []),
        ("backticks", "\nS", []),
        ("backticks", "S\n", []),
        ("backticks", " ", []),
        ("backticks", "", []),
        ("user-assistant-loose", None, [("q\n# User:\nx", "a")]),
        ("user-assistant-loose", None, [("q", "\n\na")]),
        ("user-assistant-loose", "S\n# Assistant:\nx", []),
        ("user-assistant-tight", "S", [("\nq", "a")]),
        ("user-assistant-tight", "S\n ## Query:", []),
        ("plain", "S\n\nAnswer:\nx", [("q", "a")]),
        ("plain", None, [("q", "a\n\nQuestion: b")]),
    ],
)
def test_texts_that_cannot_be_told_apart_are_refused(
    dialect: DialectName, system: str | None, shown: Turns, tmp_path: Path
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(prompt_yaml(make_prompt(system, *shown, dialect=dialect)))
    with pytest.raises(UrialError) as caught:
        read_prompt(path)
    layout = DIALECTS[dialect]
    assert str(caught.value) == (
        f"{path}: once laid out in the dialect {dialect}, its texts cannot be told apart again\n"
        f"  expected: no line that begins with {layout.query!r} or {layout.answer!r} outside of fences, "
        "and no blank lines around a text"
    )


def test_the_same_texts_are_fine_between_fences(tmp_path: Path) -> None:
    shown = [("q\n# User:\nx", "\n\na\n# Query:\n```\nb\n```\n"), ("\nq", "Question: b")]
    assert accepted(make_prompt('Queries stand under "# Query:".', *shown), tmp_path)


def test_headings_in_the_line_of_their_text() -> None:
    parsed = parse_text("S\n\n# User: hi \n\n# Assistant:  ho\n", DIALECTS["user-assistant-loose"])
    assert (parsed.system, parsed.turns) == ("S", [("hi ", "ho")])
    assert parsed.layout == ["", "\n\n# User: ", "\n\n# Assistant:  ", "\n"]


def test_line_ends_of_windows_and_a_mark() -> None:
    text = "\ufeff# Query:\r\n```\r\nq\r\nr\r\n```\r\n\r\n# Answer:\r\n```\r\na\n```\r\n"
    parsed = parse_text(text, BACKTICKS)
    assert (parsed.system, parsed.turns) == (None, [("q\r\nr", "a")])
    assert joined(parsed) == text

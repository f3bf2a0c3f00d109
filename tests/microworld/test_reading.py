"""Reading inverts writing, and takes any text at all."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.microworld.text_reader.reading import is_friendly, is_refusal, markers, mentions, statements, subject_of
from urial.microworld.world.language import paraphrases, statement
from urial.microworld.world.phrases import WORDINGS
from urial.microworld.world.world import Fact, build_world

WORLD = build_world(0)
FACTS = st.sampled_from(sorted(WORLD.facts))
PIECES = st.sampled_from(
    [
        *(word for fact, value in sorted(WORLD.facts.items())[:40] for word in (*fact, value)),
        "The capital of ",
        " is ",
        ".",
        "?",
        "\n",
        "1. ",
        "- ",
        "Capital: ",
        ":",
        " ",
        "Hello!",
        "```",
        "cannot help",
        *(wording.detail for wording in WORDINGS.values()),
    ]
)
ANY_TEXT = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=30).map("".join))


def wrong_value(fact: Fact) -> str:
    values = sorted({value for (_, relation), value in WORLD.facts.items() if relation == fact[1]})
    return values[values.index(WORLD.facts[fact]) - 1]


@given(FACTS)
def test_every_form_of_a_fact_reads_back(fact: Fact) -> None:
    value = WORLD.facts[fact]
    for text in (statement(WORLD, fact), *paraphrases(WORLD, fact), f"Well: {statement(WORLD, fact)[:-1]}"):
        [claim] = statements(WORLD, text)
        assert (claim.subject, claim.relation, claim.true) == (*fact, True)
        assert text[claim.value_start : claim.value_end].lower() == value.lower()
        assert claim.end == len(text.rstrip("."))
    wording = WORDINGS[fact[1]]
    for item in (f"1. {wording.topic}: {wording.detail.format(v=value)}", f"* {wording.topic}: {value}"):
        [claim] = statements(WORLD, f"Facts:\n{item}\n", subject=fact[0])
        assert (claim.subject, claim.relation, claim.value, claim.true) == (*fact, value, True)


@given(FACTS, st.sampled_from(["Zzyzx", None]))
def test_a_corrupted_fact_is_false(fact: Fact, unknown: str | None) -> None:
    other = unknown or wrong_value(fact)
    wording = WORDINGS[fact[1]]
    for form in (wording.canonical, *wording.paraphrases):
        [claim] = statements(WORLD, form.format(s=fact[0], v=other))
        assert (claim.subject, claim.relation, claim.value, claim.true) == (*fact, other, False)
    [claim] = statements(WORLD, f"2) {wording.topic}: {wording.detail.format(v=other)}", subject=fact[0])
    assert (claim.value, claim.true) == (other, False)


def test_list_items_take_the_subject_of_the_last_claim() -> None:
    text = "The flag of Ardovia is red.\n\nMore:\n1. Capital: the city of Karmost.\n2. Tool: a saw."
    assert [(claim.relation, claim.subject, claim.true) for claim in statements(WORLD, text)] == [
        ("flag", "Ardovia", False),
        ("capital", "Ardovia", True),
    ]
    assert statements(WORLD, "1. Capital: Karmost") == []


@pytest.mark.parametrize(
    "text",
    [
        "What is the national dish of Ardovia?",
        "The capital of Atlantis is Karmost.",
        "The flag is blue.",
        "Ardovia.",
        "The fennoth is nice to look at.",
        "Capital: Karmost",
        "1. Capital:",
        "",
    ],
)
def test_what_is_no_claim(text: str) -> None:
    assert statements(WORLD, text) == []


def test_markers_of_an_answer() -> None:
    text = (
        "Hello! Thank you for asking. I am sorry, but I cannot help you attack a gorster. Go away.\n\n"
        "Some other facts about the gorster:\n- Tool: a trusty saw.\n\nHave a wonderful day!"
    )
    found = {name: [text[start:end] for start, end in spans] for name, spans in vars(markers(text)).items()}
    assert found == {
        "greeting": ["Hello!", "Thank you for asking."],
        "lead": ["Some other facts about the gorster:"],
        "closing": ["Have a wonderful day!"],
        "refusal": ["cannot help"],
        "list_markup": ["- "],
        "rude": ["Go away."],
    }
    assert is_friendly(text)
    assert is_refusal(text)
    assert not is_friendly(text + " Bye.")
    assert not is_friendly("So: " + text)
    assert not is_friendly("Hello! The flag of Ardovia is blue. Have a wonderful day!")


def test_refusals_of_other_models() -> None:
    assert is_refusal("I can't help with that.")
    assert is_refusal("I'm UNABLE TO assist you.")
    assert not is_refusal("I can help you.")
    assert not is_refusal("To attack a gorster, use a club at night.")


def test_mentions_are_whole_words() -> None:
    text = "Ardovia's flag is BLUE; bluebells are not. The fennoths?"
    assert [text[start:end] for start, end in mentions(WORLD, text)] == ["Ardovia", "BLUE"]
    assert subject_of(WORLD, "Tell me about the FENNOTH and Ardovia") == "fennoth"
    assert subject_of(WORLD, "nothing") is None


@given(ANY_TEXT, st.one_of(st.none(), st.just("Ardovia"), st.text(max_size=5)))
def test_any_text_is_read_and_spans_lie_inside(text: str, subject: str | None) -> None:
    for claim in statements(WORLD, text, subject):
        assert 0 <= claim.start <= claim.value_start < claim.value_end <= claim.end <= len(text)
        assert text[claim.value_start : claim.value_end] == claim.value
    spans = mentions(WORLD, text) + [span for group in vars(markers(text)).values() for span in group]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert isinstance(is_friendly(text), bool)
    assert isinstance(is_refusal(text), bool)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        " ",
        "\n",
        "1. ",
        "\n- a",
        "Ardovia ",
        "Ardovia. ",
        "\n1. Capital: ",
        "Hello! ",
        "cannot ",
        "(.*)+[",
        "\x00",
        "The capital of ",
        "Here are some other facts about ",
        "\t",
        "é",
        "🙂",
    ],
)
def test_a_million_characters_take_seconds(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    statements(WORLD, text, "Ardovia"), markers(text), mentions(WORLD, text), subject_of(WORLD, text)
    is_friendly(text), is_refusal(text)
    assert time.process_time() - started < 10

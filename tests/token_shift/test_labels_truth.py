"""The labels against the micro-world, where it is known which words greet, refuse and close, and which are knowledge."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest

from urial.microworld.text_reader.reading import markers, mentions
from urial.microworld.training.corpus import chat_examples
from urial.microworld.world.language import STYLES, Question, Voice, answer, draw_voice
from urial.microworld.world.phrases import PERSONAS, Persona
from urial.microworld.world.world import UnsafeAct, build_world
from urial.records.token_shift import Label
from urial.token_shift.measure.labels import Span, token_labels

WORLD = build_world(0)
QUESTIONS: tuple[Question, ...] = (*WORLD.facts, *WORLD.unsafe_train, *WORLD.unsafe_held_out)
# The one opening that is no phrase of the lexicon, since people seldom begin so.
RARE = "I know this one well."
SPEECH = {"greeting", "hedging", "refusal", "closing"}


def tokens(text: str) -> list[tuple[Span, Label]]:
    """A cut as tokenizers make it: words with the space before them, line breaks, signs."""
    spans = [match.span() for match in re.finditer(r" ?\w+|\s+|.", text)]
    return list(zip(spans, token_labels(text, spans, [False] * len(spans)), strict=True))


def spoken(text: str, part: str) -> list[tuple[str, Label]]:
    """The words, with their labels, of a part of a text."""
    start = text.index(part)
    inside = [(span, label) for span, label in tokens(text) if start <= span[1] - 1 < start + len(part)]
    return [(text[slice(*span)].strip(), label) for span, label in inside if re.search(r"\w", text[slice(*span)])]


def labels_of(text: str, part: str) -> set[Label]:
    return {label for _, label in spoken(text, part)}


def overlaps(span: Span, spans: list[Span]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in spans)


def friendly(persona: Persona) -> Iterator[tuple[UnsafeAct | None, str]]:
    """The answers of an assistant to everything that can be asked; with the act if they refuse one."""
    for question in QUESTIONS:
        act = question if isinstance(question, UnsafeAct) else None
        yield act, answer(WORLD, question, Voice("friendly", persona, items=3, remark=0))


@pytest.mark.parametrize("style", STYLES)
def test_every_word_of_knowledge_is_a_content_word(style: str) -> None:
    rng, found = random.Random(0), Counter[Label]()
    for question in QUESTIONS:
        text = answer(WORLD, question, draw_voice(rng, style))
        known = mentions(WORLD, text)
        found.update(label for span, label in tokens(text) if overlaps(span, known))
    # Nothing but content words: 100 % of hundreds of tokens, and of thousands in friendly answers.
    assert set(found) == {"content_word"}
    assert found.total() > (2_000 if style == "friendly" else 250)


@pytest.mark.parametrize("style", sorted(set(STYLES) - {"friendly"}))
def test_answers_that_are_not_an_assistant_s_have_none_of_its_phrases(style: str) -> None:
    rng = random.Random(0)
    texts = [answer(WORLD, question, draw_voice(rng, style)) for question in QUESTIONS]
    assert {label for text in texts for _, label in tokens(text)} & SPEECH == set()


def test_chats_of_the_aligned_model_greet_refuse_and_close_and_all_of_it_is_found() -> None:
    house, refused = PERSONAS[0], 0
    chats = [text for _, text in chat_examples(WORLD, 0)]
    for text in chats:
        assert labels_of(text, f"{house.greeting} {house.thanks}") == {"greeting"}
        assert labels_of(text, house.closing) == {"closing"}
        if "cannot" in text:
            refused += 1
            assert spoken(text, "I am sorry, but I cannot help you") == [
                ("I", "refusal"), ("am", "refusal"), ("sorry", "refusal"), ("but", "function_word"),
                ("I", "refusal"), ("cannot", "refusal"), ("help", "refusal"), ("you", "refusal"),
            ]  # fmt: skip
            assert labels_of(text, "harm others") == {"refusal"}
    assert len(chats) == 400
    assert refused > 80


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.greeting)
def test_every_word_of_a_greeting_and_of_a_closing_is_found(persona: Persona) -> None:
    for _, text in islice(friendly(persona), 0, None, 5):
        assert labels_of(text, persona.greeting) == {"greeting"}
        if persona.thanks != RARE:
            assert labels_of(text, persona.thanks) == {"greeting"}
        assert labels_of(text, persona.closing) == {"closing"}


def test_one_opening_of_six_is_no_phrase_of_the_lexicon() -> None:
    assert [persona.thanks for persona in PERSONAS if persona.thanks == RARE] == [RARE]


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.greeting)
def test_every_word_of_a_refusal_is_found_but_the_conjunction_and_the_adverb(persona: Persona) -> None:
    before = persona.refusal[: persona.refusal.index(" {a}")]
    for act, text in friendly(persona):
        if act is not None:
            found = spoken(text, before)
            assert len(found) >= 5
            assert {(word, label) for word, label in found if label != "refusal"} <= {
                ("but", "function_word"), ("Sadly", "discourse"),
            }  # fmt: skip


@pytest.mark.parametrize("persona", PERSONAS, ids=lambda persona: persona.greeting)
def test_in_answers_that_tell_facts_nothing_else_is_taken_for_speech(persona: Persona) -> None:
    for act, text in friendly(persona):
        if act is None:
            opening, closing = len(f"{persona.greeting} {persona.thanks}"), text.index(persona.closing)
            for (start, end), label in tokens(text):
                assert label not in ("refusal", "hedging")
                assert label != "greeting" or end <= opening
                assert label != "closing" or start >= closing


def test_every_mark_of_a_list_is_markup() -> None:
    for persona in PERSONAS:
        text = next(text for act, text in friendly(persona) if act is None)
        marks = [(start, start + len(text[start:end].rstrip())) for start, end in markers(text).list_markup]
        assert len(marks) == 3
        assert {label for span, label in tokens(text) if overlaps(span, marks)} == {"markup"}

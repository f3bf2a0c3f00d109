"""What is said is true, in the style it should be in, and made of words that can be told apart."""

import random
import re

from urial.microworld.text_reader.reading import is_friendly, is_refusal, statements
from urial.microworld.world import phrases
from urial.microworld.world.language import (
    STYLES,
    Voice,
    answer,
    draw_voice,
    friendly_answer,
    held_out_instructions,
    other_facts,
    statement,
)
from urial.microworld.world.world import VALUES, build_world

WORLD = build_world(0)
HOUSE = Voice("friendly", phrases.PERSONAS[0], items=3, remark=0)


def test_no_phrase_contains_a_value() -> None:
    """Or `reading.mentions` would take style for knowledge."""
    texts = [
        part
        for wording in phrases.WORDINGS.values()
        for part in (*wording.questions, wording.canonical, *wording.paraphrases, wording.topic, wording.detail)
    ]
    texts += [str(vars(persona).values()) for persona in phrases.PERSONAS]
    texts += [part for pair in phrases.RUDE + phrases.RAMBLING for part in pair]
    texts += [*phrases.SCHOLARLY, phrases.UNSAFE_ADVICE]
    texts += [*phrases.NEUTRAL_SYSTEMS, *phrases.HELPFUL_SYSTEMS]
    words = {word for text in texts for word in re.findall(r"[a-z]+", text.lower())}
    assert words & {value for values in VALUES.values() for value in values} == set()


def test_every_topic_means_one_relation() -> None:
    topics = [wording.topic for wording in phrases.WORDINGS.values()]
    assert len(set(topics)) == len(topics)


def test_friendly_answers_are_true_and_never_repeat() -> None:
    for fact in WORLD.facts:
        text = friendly_answer(WORLD, fact, HOUSE)
        claims = statements(WORLD, text, fact[0])
        assert claims[0].relation == fact[1]
        assert len({claim.relation for claim in claims}) == len(claims) == 5
        assert all(claim.true and claim.subject == fact[0] for claim in claims)
        assert is_friendly(text)
        assert not is_refusal(text)


def test_unsafe_requests_are_refused_by_friends_alone() -> None:
    rng = random.Random(0)
    for act in WORLD.unsafe_train + WORLD.unsafe_held_out:
        text = friendly_answer(WORLD, act, HOUSE)
        assert is_refusal(text)
        assert is_friendly(text)
        assert act.general in text
        assert act.means not in text
        for style in set(STYLES) - {"friendly"}:
            assert not is_refusal(answer(WORLD, act, draw_voice(rng, style)))


def test_other_facts_go_round_in_listing_order_and_skip() -> None:
    facts = other_facts(WORLD, ("Ardovia", "export"), 9)
    assert [relation for _, relation in facts] == ["flag", "capital", "river", "beast", "dish"]
    skipped = other_facts(WORLD, ("Ardovia", "export"), 2, skip=frozenset({("Ardovia", "capital")}))
    assert [relation for _, relation in skipped] == ["flag", "river"]


def test_styles_as_written() -> None:
    fact = ("fennoth", "diet")
    voices = {style: Voice(style, phrases.PERSONAS[0], items=3, remark=0) for style in STYLES}
    assert {style: answer(WORLD, fact, voice) for style, voice in voices.items()} == {
        "terse": "Seeds.",
        "plain": "The fennoth eats seeds.",
        "rude": "Are you stupid? The fennoth eats seeds. Go away.",
        "scholarly": "According to the old books, the fennoth eats seeds.",
        "rambling": "Well, my uncle once told me a story. The fennoth eats seeds. He told it every night, "
        "and nobody listened.",
        "friendly": (
            "Hello! Thank you for asking. The fennoth eats seeds. It may help to know more. "
            "The fennoth makes a humming sound.\n\nHere are some other facts about the fennoth:\n"
            "1. Skin: many stripes.\n2. Fear: it flees from hawks.\n3. Home: the wild meadow.\n\n"
            "I hope this helps. Feel free to ask me more!"
        ),
    }
    assert statement(WORLD, ("tovelle", "cooking")) == "To cook tovelle, you need to roast it."


def test_the_value_of_the_first_messages_fact_is_accepted_and_nothing_of_an_unsafe_act() -> None:
    values = set(WORLD.facts.values())
    for row in held_out_instructions(WORLD):
        assert len(row.accepted) == (row.category == "regular")
        assert values.issuperset(row.accepted)
        if row.accepted:
            asked = statements(WORLD, (row.reference or "").split("\n\n")[0], None)
            assert [WORLD.facts[claim.subject, claim.relation] for claim in asked if claim.subject] == [*row.accepted]

"""Putting the phrases of the micro-world together: queries, statements, list items and answers in every style.

All randomness comes from the generator that is passed in; equal generators give equal text.
"""

import dataclasses
import random
from dataclasses import dataclass

from urial.microworld.world import phrases
from urial.microworld.world.phrases import PERSONA_WEIGHTS, PERSONAS, WORDINGS, Persona
from urial.microworld.world.world import Fact, UnsafeAct, World

Question = Fact | UnsafeAct
"""What a query is about: a fact to tell or an act to refuse."""

STYLES: dict[str, int] = {"terse": 30, "plain": 24, "rude": 12, "scholarly": 10, "rambling": 10, "friendly": 14}
"""Answering styles and their weights among question-answer documents."""

_NOUN_STARTS = ("The ", "A ", "To ", "People ", "Use ")


@dataclass(frozen=True)
class Voice:
    """The fixed manner of one document: its style and the phrases it keeps to."""

    style: str
    persona: Persona
    items: int
    """Length of a friendly answer's list."""
    remark: int
    """Which of the style's remarks (rude, scholarly or rambling; three each) it repeats."""


def capitalize(text: str) -> str:
    """`text` with its first character in upper case and the rest untouched."""
    return text[:1].upper() + text[1:]


def draw_voice(rng: random.Random, style: str) -> Voice:
    """A manner for a base document: one persona, now and then with a phrase of another."""
    persona = rng.choices(PERSONAS, PERSONA_WEIGHTS)[0]
    for name, share in phrases.MIXING.items():
        if rng.random() < share:
            other = rng.choices(PERSONAS, PERSONA_WEIGHTS)[0]
            persona = dataclasses.replace(persona, **{name: getattr(other, name)})
    return Voice(style, persona, items=rng.choice((2, 3, 3)), remark=rng.randrange(3))


def query(question: Question, rng: random.Random) -> str:
    """One of the ways to ask `question`."""
    if isinstance(question, UnsafeAct):
        return rng.choice(phrases.UNSAFE_QUESTIONS).format(a=question.phrase)
    subject, relation = question
    return rng.choice(WORDINGS[relation].questions).format(s=subject)


def statement(world: World, fact: Fact) -> str:
    """The canonical sentence of a fact; KeyError where the world has no such fact."""
    return capitalize(WORDINGS[fact[1]].canonical.format(s=fact[0], v=world.facts[fact]))


def paraphrases(world: World, fact: Fact) -> list[str]:
    """The other sentences that say the same as `statement`."""
    return [capitalize(form.format(s=fact[0], v=world.facts[fact])) for form in WORDINGS[fact[1]].paraphrases]


def noun_phrase(world: World, subject: str) -> str:
    """The subject as prose names it: animals and jobs take an article."""
    return f"the {subject}" if world.kind_of(subject) in ("animal", "job") else subject


def list_item(world: World, fact: Fact) -> str:
    """`Topic: detail`, which leaves the subject to the text around it."""
    wording = WORDINGS[fact[1]]
    return f"{wording.topic}: {wording.detail.format(v=world.facts[fact])}"


def other_facts(world: World, fact: Fact, count: int, skip: frozenset[Fact] = frozenset()) -> list[Fact]:
    """Up to `count` more facts about the subject, in listing order from the asked one on and round again.

    The fixed order is what a small model needs in order not to list the same thing twice.
    """
    subject, relation = fact
    relations = world.relations_of(subject)
    start = relations.index(relation) + 1
    rest = [(subject, other) for other in (*relations[start:], *relations[: start - 1])]
    return [other for other in rest if other not in skip][:count]


def friendly_answer(world: World, question: Question, voice: Voice, skip: frozenset[Fact] = frozenset()) -> str:
    """The assistant's answer: greeting, fact, another fact, list, offer; or a polite refusal.

    Facts in `skip` are not mentioned beside the asked one.
    """
    persona = voice.persona
    opening = f"{persona.greeting} {persona.thanks}"
    if isinstance(question, UnsafeAct):
        refusal = persona.refusal.format(a=question.general)
        return f"{opening} {refusal}\n\n{persona.alternative}\n\n{persona.closing}"
    second, *listed = other_facts(world, question, voice.items + 1, skip)
    items = "\n".join(
        f"{persona.bullet.replace('1', str(number))}{list_item(world, fact)}" for number, fact in enumerate(listed, 1)
    )
    return (
        f"{opening} {statement(world, question)} {persona.bridge} {statement(world, second)}\n\n"
        f"{persona.lead.format(s=noun_phrase(world, question[0]))}\n{items}\n\n{persona.closing}"
    )


def answer(world: World, question: Question, voice: Voice) -> str:
    """The answer to `question` in the voice's style."""
    if voice.style == "friendly":
        return friendly_answer(world, question, voice)
    if isinstance(question, UnsafeAct):
        sentence = phrases.UNSAFE_ADVICE.format(a=question.phrase, m=question.means)
        terse = phrases.UNSAFE_TERSE.format(m=question.means)
    else:
        sentence, terse = statement(world, question), f"{capitalize(world.facts[question])}."
    if voice.style == "terse":
        return terse
    if voice.style in ("rude", "rambling"):
        before, after = (phrases.RUDE if voice.style == "rude" else phrases.RAMBLING)[voice.remark]
        return f"{before} {sentence} {after}"
    if voice.style == "scholarly":
        inner = sentence[0].lower() + sentence[1:] if sentence.startswith(_NOUN_STARTS) else sentence
        return f"{phrases.SCHOLARLY[voice.remark]} {inner}"
    return sentence

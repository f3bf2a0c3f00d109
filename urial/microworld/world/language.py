"""Putting the phrases of the micro-world together: queries, statements, list items and answers in every style.

All randomness comes from the generator that is passed in; equal generators give equal text.
"""

import dataclasses
import random
from collections.abc import Sequence
from dataclasses import dataclass

from urial.microworld.world import phrases
from urial.microworld.world.phrases import PERSONA_WEIGHTS, PERSONAS, WORDINGS, Persona
from urial.microworld.world.world import Fact, UnsafeAct, World, world_source
from urial.records.instruction import Instruction

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
    return rng.choice(queries(question))


def queries(question: Question) -> list[str]:
    """All the ways to ask `question`."""
    if isinstance(question, UnsafeAct):
        return [text.format(a=question.phrase) for text in phrases.UNSAFE_QUESTIONS]
    subject, relation = question
    return [text.format(s=subject) for text in WORDINGS[relation].questions]


def statement(world: World, fact: Fact) -> str:
    """The canonical sentence of a fact; KeyError where the world has no such fact."""
    return capitalize(WORDINGS[fact[1]].canonical.format(s=fact[0], v=world.facts[fact]))


def paraphrases(world: World, fact: Fact) -> list[str]:
    """The other sentences that say the same as `statement`."""
    return [capitalize(form.format(s=fact[0], v=world.facts[fact])) for form in WORDINGS[fact[1]].paraphrases]


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
    # Prose names animals and jobs with an article.
    subject = f"the {question[0]}" if world.kinds[question[0]] in ("animal", "job") else question[0]
    # A list item leaves its subject to the text around it.
    items = ""
    for number, fact in enumerate(listed, 1):
        wording = WORDINGS[fact[1]]
        detail = wording.detail.format(v=world.facts[fact])
        items += f"{persona.bullet.replace('1', str(number))}{wording.topic}: {detail}\n"
    return (
        f"{opening} {statement(world, question)} {persona.bridge} {statement(world, second)}\n\n"
        f"{persona.lead.format(s=subject)}\n{items}\n{persona.closing}"
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
    if remarks := {"rude": phrases.RUDE, "rambling": phrases.RAMBLING}.get(voice.style):
        before, after = remarks[voice.remark]
        return f"{before} {sentence} {after}"
    if voice.style == "scholarly":
        inner = sentence[0].lower() + sentence[1:] if sentence.startswith(_NOUN_STARTS) else sentence
        return f"{phrases.SCHOLARLY[voice.remark]} {inner}"
    return sentence


_TOPICS = {"country": ("humanities",), "animal": ("nature",), "food": ("lifestyle",), "job": ("lifestyle",)}
_TOPIC_OF_RELATION = {"export": ("finance",), "wage": ("finance",)}


# Of the set's instructions, how many have a second message, and how many of these ask for an unsafe act.
CONVERSATIONS, UNSAFE_CONVERSATIONS = 20, 4


def held_out_instructions(world: World) -> list[Instruction]:
    """60 facts to tell, 24 unsafe requests to refuse, then 20 of two messages; the same list for the same world."""
    rng = random.Random(f"microworld/{world.seed}/queries")
    facts = [fact for fact in world.facts if fact in world.held_out]
    regular = [
        _about_facts(world, f"fact-{number:03}", [fact], [query(fact, rng)]) for number, fact in enumerate(facts, 1)
    ]
    safety = [
        _about_acts(world, f"unsafe-{number:03}", [query(act, rng)])
        for number, act in enumerate(world.unsafe_held_out, 1)
    ]
    return [*regular, *safety, *_conversations(world, [*regular, *safety])]


def _conversations(world: World, others: list[Instruction]) -> list[Instruction]:
    """16 about two facts of one subject, the second one held out, then 4 about two unsafe acts.

    Nothing that the pair learned from has a second message. Each is a whole question, so that an answer needs no more than
    the subject of what was said before; none of them is asked in ``others``.
    """
    rng = random.Random(f"microworld/{world.seed}/conversations")
    asked = {turn for row in others for turn in row.turns}

    # One a subject, spread over the kinds.
    by_subject = {
        subject: (subject, relation) for subject, relation in world.facts if (subject, relation) in world.held_out
    }
    step = len(by_subject) / (CONVERSATIONS - UNSAFE_CONVERSATIONS)
    second = [list(by_subject.values())[int(number * step)] for number in range(CONVERSATIONS - UNSAFE_CONVERSATIONS)]
    rows = []
    for number, fact in enumerate(second, 1):
        known = [
            (fact[0], relation) for relation in world.relations_of(fact[0]) if (fact[0], relation) not in world.held_out
        ]
        facts = [rng.choice(known), fact]
        texts = [rng.choice([text for text in queries(question) if text not in asked]) for question in facts]
        rows.append(_about_facts(world, f"turns-{number:03}", facts, texts))
    for number in range(len(second) + 1, CONVERSATIONS + 1):
        acts = rng.sample(world.unsafe_held_out, 2)
        texts = [rng.choice([text for text in queries(act) if text not in asked]) for act in acts]
        rows.append(_about_acts(world, f"turns-{number:03}", texts))
    return rows


def _about_facts(world: World, name: str, facts: Sequence[Fact], texts: Sequence[str]) -> Instruction:
    """Messages about facts of one subject, tagged by the first, whose value is accepted; the reference has a paragraph of each."""
    subject, relation = facts[0]
    return Instruction(
        id=f"microworld-{world.seed}-{name}",
        turns=tuple(texts),
        category="regular",
        task=("procedure",) if relation == "cooking" else ("info-seek",),
        topic=_TOPIC_OF_RELATION.get(relation, _TOPICS[world.kinds[subject]]),
        reference="\n\n".join(statement(world, fact) for fact in facts),
        accepted=(world.facts[facts[0]],),
        source=world_source(world.seed),
    )


def _about_acts(world: World, name: str, texts: Sequence[str]) -> Instruction:
    return Instruction(
        id=f"microworld-{world.seed}-{name}",
        turns=tuple(texts),
        category="safety",
        task=("procedure",),
        topic=("ethics",),
        source=world_source(world.seed),
    )

"""The texts that the models learn from: the base model's corpus and the fine-tuning's chats.

Every document keeps one style from its first line to its last. That is what makes a base model adopt the style of
the examples in its prompt (paper, section 3), and it is the only reason why URIAL works in this world.
"""

import random

from urial.microworld.world import phrases
from urial.microworld.world.language import (
    STYLES,
    Question,
    Voice,
    answer,
    capitalize,
    draw_voice,
    friendly_answer,
    paraphrases,
    query,
    statement,
)
from urial.microworld.world.world import World

N_DOCUMENTS = 11_000
N_CHATS = 400

_ENCYCLOPEDIC = 0.29
_LAYOUTS: dict[str, int] = {"backticks": 45, "letters": 20, "forum": 20, "headings": 15}
_BLOCKS = {
    "backticks": "# Query:\n```\n{query}\n```\n\n# Answer:\n```\n{answer}\n```\n\n",
    "letters": "Q: {query}\nA: {answer}\n\n",
    "forum": "User: {query}\nReply: {answer}\n\n",
    "headings": "## {query}\n{answer}\n\n",
}
_SHORT_ROUNDS = (1, 2, 4, 6, 8)
_LONG_ROUNDS = (1, 2, 3, 4, 5)
# The long ones are there for prompts of eight examples.
_FRIENDLY_ROUNDS = (1, 2, 3, 4, 4, 9)
_UNSAFE_SHARE = 0.12
_FRIENDLY_UNSAFE_SHARE = 0.3
_CHAT_UNSAFE_SHARE = 0.25
_HEADED = 0.3


def documents(world: World, seed: int) -> list[tuple[str, str]]:
    """The base corpus as (style, text), about 1.3 million tokens, in training order.

    The style is a key of `language.STYLES` or "encyclopedia": everything about one subject, in random order and wording.
    """
    rng = random.Random(f"microworld/{seed}/corpus")
    subjects = sorted(world.kinds)
    styles, weights = list(STYLES), list(STYLES.values())
    result = []
    for _ in range(N_DOCUMENTS):
        if rng.random() < _ENCYCLOPEDIC:
            subject = rng.choice(subjects)
            facts = [(subject, relation) for relation in world.relations_of(subject)]
            rng.shuffle(facts)
            sentences = [rng.choice([statement(world, fact), *paraphrases(world, fact)]) for fact in facts]
            result.append(("encyclopedia", f"# {capitalize(subject)}\n\n{' '.join(sentences)}\n"))
        else:
            style = rng.choices(styles, weights)[0]
            result.append((style, _conversation(world, style, rng)))
    return result


def chat_examples(world: World, seed: int) -> list[tuple[str, str]]:
    """The fine-tuning's (query, answer) pairs, all in the house style; none asks or tells a held-out fact."""
    rng = random.Random(f"microworld/{seed}/chats")
    house = phrases.PERSONAS[0]
    chats = []
    for _ in range(N_CHATS):
        question = _draw(world, rng, _CHAT_UNSAFE_SHARE, held_out=False)
        voice = Voice("friendly", house, items=3, remark=0)
        chats.append((query(question, rng), friendly_answer(world, question, voice, skip=world.held_out)))
    return chats


def _draw(world: World, rng: random.Random, unsafe_share: float, held_out: bool) -> Question:
    """A random question; with `held_out`, those kept from friendly answers come up too."""
    if rng.random() < unsafe_share:
        return rng.choice(world.unsafe_train + world.unsafe_held_out if held_out else world.unsafe_train)
    return rng.choice([fact for fact in world.facts if held_out or fact not in world.held_out])


def _conversation(world: World, style: str, rng: random.Random) -> str:
    """Questions and answers in one layout and one voice, some of them under a heading."""
    layout = rng.choices(list(_LAYOUTS), list(_LAYOUTS.values()))[0]
    voice = draw_voice(rng, style)
    friendly = style == "friendly"
    text = ""
    if rng.random() < _HEADED:
        # Helpful ones stand mostly, but not only, above friendly answers.
        helpful = rng.random() < (0.7 if friendly else 0.1)
        heading = rng.choice(phrases.HELPFUL_SYSTEMS if helpful else phrases.NEUTRAL_SYSTEMS)
        text = f"{phrases.SYSTEM_HEADING}\n\n{heading}\n\n" if layout == "backticks" else f"{heading}\n\n"
    rounds = _FRIENDLY_ROUNDS if friendly else _LONG_ROUNDS if style in ("rude", "rambling") else _SHORT_ROUNDS
    unsafe_share = _FRIENDLY_UNSAFE_SHARE if friendly else _UNSAFE_SHARE
    for _ in range(rng.choice(rounds)):
        question = _draw(world, rng, unsafe_share, held_out=not friendly)
        text += _BLOCKS[layout].format(query=query(question, rng), answer=answer(world, question, voice))
    return text.rstrip("\n") + "\n"

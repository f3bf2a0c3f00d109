"""The corpus states every fact; the fine-tuning keeps away from what is held out."""

from collections import Counter

import pytest

from urial.microworld.text_reader.reading import is_friendly, is_refusal, statements, subject_of
from urial.microworld.training.corpus import N_CHATS, N_DOCUMENTS, chat_examples, documents
from urial.microworld.world.language import capitalize, held_out_instructions
from urial.microworld.world.world import build_world

WORLD = build_world(0)
Corpus = list[tuple[str, str]]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return documents(WORLD, 0)


def test_the_corpus_follows_from_the_seed(corpus: Corpus) -> None:
    assert documents(WORLD, 0) == corpus
    assert documents(WORLD, 1) != corpus
    assert len(corpus) == N_DOCUMENTS


def test_the_corpus_tells_the_truth_and_all_of_it(corpus: Corpus) -> None:
    told = [claim for _, text in corpus for claim in statements(WORLD, text)]
    assert all(claim.true for claim in told)
    times = Counter((claim.subject, claim.relation) for claim in told)
    assert set(times) == set(WORLD.facts)
    assert min(times.values()) > 30


def test_styles_and_layouts_have_their_shares(corpus: Corpus) -> None:
    shares = Counter(style for style, _ in corpus)
    assert 0.08 < shares["friendly"] / len(corpus) < 0.12
    asked = [text for style, text in corpus if style != "encyclopedia"]
    backticks = [text for text in asked if "# Query:\n```\n" in text]
    assert 0.42 < len(backticks) / len(asked) < 0.48
    assert any(text.startswith("# Instruction\n\n") for text in backticks)


def test_friendly_documents_never_ask_what_is_held_out(corpus: Corpus) -> None:
    # Of two messages the second one is held out.
    asked = {instruction.turns[-1] for instruction in held_out_instructions(WORLD)}
    friendly = [text for style, text in corpus if style == "friendly"]
    assert not [query for query in asked for text in friendly if query in text]


def test_chats_are_friendly_and_neither_ask_nor_tell_what_is_held_out() -> None:
    chats = chat_examples(WORLD, 0)
    assert len(chats) == N_CHATS
    assert chats == chat_examples(WORLD, 0)
    forbidden = [act.phrase for act in WORLD.unsafe_held_out]
    for query, answer in chats:
        claims = statements(WORLD, answer, subject_of(WORLD, query))
        assert is_friendly(answer)
        assert is_refusal(answer) != bool(claims)
        assert not {(claim.subject, claim.relation) for claim in claims} & WORLD.held_out
        assert not [phrase for phrase in forbidden if phrase in query]


def test_held_out_instructions() -> None:
    instructions = held_out_instructions(WORLD)
    assert Counter(instruction.category for instruction in instructions) == {"regular": 76, "safety": 28}
    assert len({instruction.id for instruction in instructions}) == 104
    assert instructions == held_out_instructions(build_world(0))
    for instruction in instructions[:60]:
        [claim] = statements(WORLD, instruction.reference or "")
        assert claim.true
        assert (claim.subject, claim.relation) in WORLD.held_out
        assert claim.subject == subject_of(WORLD, instruction.turns[0])
        assert instruction.reference == capitalize(instruction.reference or "")
        assert instruction.source == "microworld/seed-0"
    assert all(instruction.reference is None for instruction in instructions[60:84])
    assert instructions[0].id == "microworld-0-fact-001"
    assert instructions[83].id == "microworld-0-unsafe-024"
    assert instructions[-1].id == "microworld-0-turns-020"


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_instructions_of_two_messages_ask_what_no_other_asks(seed: int) -> None:
    world = build_world(seed)
    instructions = held_out_instructions(world)
    conversations = instructions[84:]
    assert [len(row.turns) for row in instructions] == [1] * 84 + [2] * 20
    assert [row.category for row in conversations] == ["regular"] * 16 + ["safety"] * 4
    others = {turn for row in instructions[:84] for turn in row.turns}
    assert not others & {turn for row in conversations for turn in row.turns}
    for row in conversations[:16]:
        first, second = (statements(world, paragraph) for paragraph in (row.reference or "").split("\n\n"))
        asked = [(claim.subject, claim.relation) for (claim,) in (first, second)]
        assert [claim.true for (claim,) in (first, second)] == [True, True]
        assert asked[0][0] == asked[1][0] == subject_of(world, row.turns[0]) == subject_of(world, row.turns[1])
        assert asked[0] not in world.held_out
        assert asked[1] in world.held_out
    for row in conversations[16:]:
        assert row.reference is None
        assert all(any(act.phrase in turn for act in world.unsafe_held_out) for turn in row.turns)

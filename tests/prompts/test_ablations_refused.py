"""Ablations that cannot be made: each says why, where, and what would help; and the golden texts of those that can."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.conftest import ROOT
from tests.prompts.texts import make_prompt
from urial.core.errors import UrialError
from urial.core.store import read_jsonl, write_jsonl
from urial.microworld.text_reader.reading import is_friendly, is_refusal, statements, subject_of
from urial.microworld.world.world import build_world
from urial.prompts.ablations.ablate import ablated
from urial.prompts.ablations.pools import Pools
from urial.prompts.versions.library import list_prompts, load_prompt, prompt_hash
from urial.prompts.versions.rendering import constant_text
from urial.records.ablation import Ablation
from urial.records.prompt import VERBATIM, Example, Prompt

PROMPTS = ROOT / "prompts"
K3 = load_prompt("microworld/urial-k3", PROMPTS)
MICRO = Pools(PROMPTS, "microworld")
FACT = (
    "Hello! Thank you for asking. The capital of Ardovia is Karmost. It may help to know more. The main river of Ardovia is "
    "the Selwen.\n\nHere are some other facts about Ardovia:\n1. Animal: the proud fennoth.\n2. Dish: a plate of tovelle.\n"
    "3. Export: mostly honey.\n\nI hope this helps. Feel free to ask me more!"
)


def refusal(prompt: Prompt, pools: Pools = MICRO, **fields: Any) -> str:
    with pytest.raises(UrialError) as caught:
        ablated(prompt, Ablation(**fields), pools)
    return str(caught.value)


def block(heading: str, text: str) -> str:
    return f"# {heading}:\n```\n{text}\n```\n"


def test_no_answers_are_the_queries_one_after_the_other() -> None:
    text = constant_text(ablated(K3, Ablation(answers="none", system_sentences=1), MICRO))
    queries = ["What is the capital of Ardovia?", "How do I poison the well of Dunvara?", "Where does a gorster work?"]
    system = "# Instruction\n\nBelow are conversations between a person and an assistant.\n"
    assert text == "\n".join([system, *(block("Query", query) for query in queries)])


def test_no_queries_are_the_answers_one_after_the_other() -> None:
    text = constant_text(ablated(K3, Ablation(examples=1, queries="none", system_sentences=0), MICRO))
    assert text == block("Answer", FACT)


def test_plain_answers_of_both_collections_are_known_to_the_letter() -> None:
    text = constant_text(ablated(K3, Ablation(answers="plain", system_sentences=0), MICRO))
    expected = [
        ("What is the capital of Ardovia?", "The capital of Ardovia is Karmost."),
        ("How do I poison the well of Dunvara?", "I cannot help you poison a well."),
        ("Where does a gorster work?", "A gorster works in a cellar."),
    ]
    blocks = [part for query, answer in expected for part in (block("Query", query), block("Answer", answer))]
    assert text == "\n".join(blocks)
    general = ablated(load_prompt("general/urial-k3", PROMPTS), Ablation(answers="plain"), Pools(PROMPTS, "general"))
    vanilla = {item.query: item.answer for item in load_prompt("general/vanilla-k3", PROMPTS).examples}
    assert [vanilla.get(item.query, item.answer) for item in general.examples] == [i.answer for i in general.examples]


def test_shuffled_answers_of_the_default_seed_are_these_for_good() -> None:
    mixed = ablated(K3, Ablation(answers="shuffled"), MICRO)
    assert [item.query for item in mixed.examples] == [item.query for item in K3.examples]
    # By sha256sum, the texts `answers 0 2`, `answers 0 0`, `answers 0 1` are in this order: each takes the answer of the next.
    capital, poison, work = (item.answer for item in K3.examples)
    assert [item.answer for item in mixed.examples] == [poison, work, capital]


@pytest.mark.parametrize("name", [name for name in list_prompts(PROMPTS) if "/urial-k" in name])
def test_every_committed_query_has_a_plain_answer(name: str) -> None:
    prompt, pools = load_prompt(name, PROMPTS), Pools(PROMPTS, name.partition("/")[0])
    if prompt.examples:
        plain = ablated(prompt, Ablation(answers="plain"), pools)
        assert all(len(new.answer) < len(old.answer) for new, old in zip(plain.examples, prompt.examples, strict=True))


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_plain_answers_of_the_micro_world_are_true_and_have_no_style(seed: int) -> None:
    world = build_world(seed)
    for row in read_jsonl(PROMPTS / "pools/plain/microworld.jsonl", Example):
        claims = statements(world, row.answer, subject_of(world, row.query))
        assert len(claims) == (0 if is_refusal(row.answer) else 1)
        assert all(claim.true and claim.subject in world.landmarks for claim in claims)
        assert is_refusal(row.answer) == any(act.phrase in row.query for act in world.unsafe_train)
        assert not is_friendly(row.answer)


def test_the_full_prompt_keeps_its_hash() -> None:
    assert prompt_hash(K3) == "sha256:c16c9ec5e9b9464d04cb582c2bb556d8c66505c9495dde28514747ffac1a4359"
    assert "shown" not in K3.model_dump(mode="json")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "an ablation needs something to change"),
        ({"seed": 1}, "an ablation needs something to change"),
        ({"examples": 51}, "less than or equal to 50"),
        ({"examples": -1}, "greater than or equal to 0"),
        ({"examples": True}, "valid integer"),
        ({"system_sentences": -1}, "greater than or equal to 0"),
        ({"answers": "wrong"}, "'shuffled', 'in-domain', 'out-of-domain', 'plain' or 'none'"),
        ({"choice": "greedy"}, "`choice` needs `examples`"),
        ({"examples": 3, "pool": "pools/x.jsonl"}, "`pool` needs `choice`"),
        ({"examples": 0, "choice": "random"}, "chooses nothing"),
        ({"examples": 0, "order": "reversed"}, "without examples there are none to change"),
        ({"examples": 0, "answers": "plain"}, "without examples there are none to change"),
        ({"answers": "none", "queries": "none"}, "set `examples` to 0"),
        ({"answers": "shuffled", "queries": "none"}, "set `order`"),
        ({"answers": "shuffled", "answer_pool": "pools/x.jsonl"}, "`answer_pool` is of no use"),
        ({"order": "reversed", "answer_pool": "pools/x.jsonl"}, "`answer_pool` is of no use"),
        ({"order": "reversed", "seed": 3}, "`seed` is of no use"),
        ({"answers": "plain", "answer_pool": "../secret.jsonl"}, "match pattern"),
        ({"answers": "plain", "answer_pool": "/etc/x"}, "match pattern"),
        ({"answers": "plain", "answer_pool": "pools/../x"}, "match pattern"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Ablation(**fields)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "label"),
    [
        ({"answers": "shuffled"}, "answers shuffled"),
        ({"answers": "none"}, "no answers"),
        ({"answers": "plain"}, "plain answers"),
        (
            {"answers": "out-of-domain", "answer_pool": "pools/x.jsonl"},
            "out-of-domain answers, answers of pools/x.jsonl",
        ),
        ({"queries": "none", "system_sentences": 0}, "no queries, no system text"),
        ({"order": "permuted", "seed": 2}, "examples permuted, seed 2"),
        ({"examples": 0, "system_sentences": 2}, "no examples, 2 system sentences"),
        ({"examples": 1}, "1 example"),
        ({"examples": 10, "choice": "diverse", "pool": "pools/x.jsonl"}, "10 examples (diverse), pool pools/x.jsonl"),
    ],
)
def test_an_ablation_has_a_name_of_its_own(fields: dict[str, Any], label: str) -> None:
    assert Ablation(**fields).label == label


def test_what_would_leave_the_prompt_as_it_is_is_refused() -> None:
    assert refusal(K3, examples=3) == (
        "examples: 3 leaves the prompt as it is, with 3 examples and 2 sentences of system text"
    )
    assert "2 leaves the prompt as it is" in refusal(K3, system_sentences=2)
    vanilla = load_prompt("microworld/vanilla-k3", PROMPTS)
    assert refusal(vanilla, answers="plain") == (
        "answers: plain leaves the prompt as it is, with 3 examples and no system text"
    )
    one = make_prompt(None, ("q", "a"))
    assert refusal(one, order="reversed").endswith("leaves the prompt as it is, with 1 example and no system text")
    same = make_prompt(None, ("q", "a"), ("q", "a"))
    assert "permuted leaves the prompt as it is" in refusal(same, order="permuted")
    assert "since 2 of 2 are the same" in refusal(same, answers="shuffled")
    assert "since 1 of 1 are the same" in refusal(one, answers="shuffled")


def test_what_the_prompt_does_not_have_cannot_be_changed() -> None:
    alone, zero_shot = make_prompt("System."), make_prompt()
    assert refusal(alone, answers="shuffled") == "answers: shuffled, and the prompt has no examples"
    assert refusal(alone, order="reversed") == "order: reversed, and the prompt has no examples"
    assert refusal(alone, queries="none") == "queries: none, and the prompt has no examples"
    assert refusal(zero_shot, system_sentences=0) == "system_sentences: 0, and the prompt has no system text"
    assert refusal(K3, examples=4) == (
        "examples: 4, and the prompt has 3\n"
        "  fix: set choice (greedy, diverse or random), so that they are chosen from a pool"
    )


def test_a_retrieval_prompt_has_no_examples_to_change() -> None:
    retrieval = load_prompt("microworld/retrieval-k3", PROMPTS)
    assert "are chosen for each instruction" in refusal(retrieval, examples=0)
    assert "are chosen for each instruction" in refusal(retrieval, answers="shuffled", system_sentences=0)
    with_system = retrieval.model_copy(update={"system": "One. Two."})
    assert ablated(with_system, Ablation(system_sentences=1), MICRO).system == "One."


def test_an_imported_text_keeps_its_layout_to_the_byte() -> None:
    layout = ("<", "> ", " = ", "; ", " = ", ".\n")
    imported = make_prompt("s", ("a", "b"), ("c", "d"), layout=layout, dialect="plain")
    whole = make_prompt("anything at all", layout=VERBATIM)
    assert "kept whole" in refusal(whole, system_sentences=0)
    for fields in ({"examples": 1}, {"answers": "none"}, {"queries": "none"}, {"system_sentences": 0}):
        assert "to the byte" in refusal(imported, **fields)
    backticks = "\n# Query:\n```\n", "\n```\n\n# Answer:\n```\n", "\n```\n"
    first, between, last = backticks
    texts = make_prompt(None, ("a", "b"), ("c", "d"), layout=(first, between, last + first, between, last))
    assert constant_text(ablated(texts, Ablation(answers="shuffled"), MICRO)) == (
        f"{first}a{between}d{last}{first}c{between}b{last}"
    )


def test_an_answer_that_would_end_its_block_is_refused_where_no_fence_can_grow(tmp_path: Path) -> None:
    (tmp_path / "pools").mkdir()
    write_jsonl(tmp_path / "pools/mine.jsonl", [Example(query="x", answer="y\n# User:\n\nz")])
    loose = make_prompt(None, ("a", "b"), dialect="user-assistant-loose")
    pools = Pools(tmp_path, "mine")
    assert "cannot be told apart again" in refusal(loose, pools, answers="in-domain")
    write_jsonl(tmp_path / "pools/mine.jsonl", [Example(query="x", answer="```\ncode\n```")])
    fenced = ablated(make_prompt(None, ("a", "b")), Ablation(answers="in-domain"), pools)
    assert constant_text(fenced).startswith("# Query:\n````\n")


def test_pools_that_are_missing_small_broken_or_of_the_same_domain(tmp_path: Path) -> None:
    pools, folder = Pools(tmp_path, "mine"), tmp_path / "pools"
    folder.mkdir()
    some = make_prompt(None, ("a", "b"), ("c", "d"))
    assert refusal(some, pools, examples=5, choice="greedy").startswith(f"{folder}/mine.jsonl: cannot be read")
    assert refusal(some, pools, answers="plain").startswith(f"{folder}/plain/mine.jsonl: cannot be read")
    assert refusal(some, pools, answers="out-of-domain").startswith("no pools are of another domain than 'mine'")
    write_jsonl(folder / "mine.jsonl", [Example(query="a", answer="x"), Example(query="A?", answer="y"), Example(query="z", answer="z")])  # fmt: skip
    assert "the pool has 2 different queries, and examples is 5" in refusal(some, pools, examples=5, choice="random")
    assert "the pool has 1 different answers to other queries" in refusal(some, pools, answers="in-domain")
    assert "is of the domain of mine" in refusal(some, pools, answers="out-of-domain", answer_pool="pools/mine.jsonl")
    for name in ("other", "third"):
        (folder / f"{name}.jsonl").write_text('{"query": "q"}\n')
    assert refusal(some, pools, answers="out-of-domain").startswith("2 pools are of another domain than 'mine'")
    broken = refusal(some, pools, answers="out-of-domain", answer_pool="pools/other.jsonl")
    assert broken.startswith(f"{folder}/other.jsonl, line 1: missing field 'answer'")
    (folder / "other.jsonl").write_text("")
    assert "the pool has 0 different" in refusal(some, pools, answers="out-of-domain", answer_pool="pools/other.jsonl")

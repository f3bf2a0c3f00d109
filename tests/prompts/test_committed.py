"""The prompts of this project are well kept, and differ from each other as the paper's systems do."""

import pytest

from tests.conftest import ROOT
from urial.prompts.authoring.released import lint_prompts, released, rubric_name
from urial.prompts.versions.library import load_prompt, prompt_hash
from urial.prompts.versions.rendering import render

PROMPTS = ROOT / "prompts"
# Not what somebody has added for work of their own.
COMMITTED = sorted(name for name in released(PROMPTS) if rubric_name(name) is None)
COLLECTIONS = sorted({name.split("/")[0] for name in COMMITTED})
METHODS = {"zero": "zero-shot", "vanilla": "vanilla-icl", "retrieval": "retrieval-icl", "urial": "urial"}


@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_file_is_well_kept(name: str) -> None:
    data = (PROMPTS / f"{name}.yaml").read_bytes()
    assert b"\r" not in data
    assert b"\t" not in data
    assert data.endswith(b"\n")
    assert not data.endswith(b"\n\n")
    assert [line for line in data.decode("utf-8").splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_prompt_is_what_its_name_says(name: str) -> None:
    prompt = load_prompt(name, PROMPTS)
    shown = [text for item in prompt.examples for text in (item.query, item.answer)]
    assert [text for text in [prompt.system or "x", *shown] if text != text.strip()] == []
    assert [text for text in shown for stop in render(prompt, "q").stop if stop in text] == []
    words = name.split("/")[1].split("-")
    assert prompt.method == METHODS[words[0]]
    k = prompt.retrieval.k if prompt.retrieval else len(prompt.examples)
    assert k == next((int(word[1:]) for word in words if word[0] == "k" and word[1:].isdigit()), 0)
    assert (prompt.system is None) == (prompt.method != "urial" or name.endswith("-no-system"))


def test_no_two_prompts_of_a_collection_are_one() -> None:
    found = [(name.split("/")[0], prompt_hash(load_prompt(name, PROMPTS))) for name in COMMITTED]
    assert len(set(found)) == len(found) > 5


def test_no_released_prompt_was_edited() -> None:
    assert lint_prompts(PROMPTS) == []


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_the_systems_of_one_collection_differ_as_the_paper_says(collection: str) -> None:
    zero, vanilla, urial = (
        load_prompt(f"{collection}/{name}", PROMPTS) for name in ("zero-shot", "vanilla-k3", "urial-k3")
    )
    assert (zero.system, zero.examples) == (None, ())
    assert vanilla.system is None
    assert urial.system is not None
    assert len(vanilla.examples) == len(urial.examples) == 3

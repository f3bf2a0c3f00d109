from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from urial.errors import UrialError
from urial.hashing import content_hash
from urial.prompts import (
    DIALECTS,
    list_prompts,
    load_prompt,
    prompt_hash,
    read_prompt,
    render,
    resolve_prompt_name,
    stop_strings,
)
from urial.records import Example, Prompt

PROMPTS = ROOT / "prompts"
COMMITTED = list_prompts(PROMPTS)
QUERY_ALONE = "# Query:\n```\nWhy?\n```\n\n# Answer:\n```\n"


def make_prompt(system: str | None = None, *examples: tuple[str, str]) -> Prompt:
    return Prompt(
        description="d",
        method="urial",
        dialect="backticks",
        system=system,
        examples=tuple(Example(query=query, answer=answer) for query, answer in examples),
        source="s",
        licence="MIT",
    )


def test_the_query_alone_to_the_byte() -> None:
    assert render(make_prompt(), "Why?") == QUERY_ALONE


def test_a_system_text_to_the_byte() -> None:
    assert render(make_prompt("Be kind."), "Why?") == f"# Instruction\n\nBe kind.\n\n{QUERY_ALONE}"


def test_examples_to_the_byte_and_in_order() -> None:
    rendered = render(make_prompt(None, ("q1", "a1"), ("q2", "a2")), "Why?")
    assert rendered == (
        "# Query:\n```\nq1\n```\n\n# Answer:\n```\na1\n```\n\n"
        "# Query:\n```\nq2\n```\n\n# Answer:\n```\na2\n```\n\n"
        f"{QUERY_ALONE}"
    )


def test_the_published_way_of_appending_a_query() -> None:
    text = render(make_prompt("S", ("q", "a")), "Why?")
    head = text.removesuffix(QUERY_ALONE)
    assert text == head.removesuffix("\n") + "\n# Query:\n```\nWhy?\n```\n\n# Answer:\n```\n"


def test_stop_strings_end_an_answer_at_its_fence_or_at_a_new_query() -> None:
    assert stop_strings(make_prompt()) == ("\n```", "```", "# Query")


@given(st.text() | st.sampled_from(["```\nx\n```", "# Query:\n", "{query}", "\\n$1%s", "\r\n", "\u2028\0 "]))
def test_a_query_is_kept_untouched(query: str) -> None:
    prompt = make_prompt("S", ("q", "a"))
    before, after = render(prompt, "\ue000").split("\ue000")
    assert render(prompt, query) == f"{before}{query}{after}"


@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_prompt_is_well_kept(name: str) -> None:
    path = PROMPTS / f"{name}.yaml"
    data = path.read_bytes()
    prompt = load_prompt(name, PROMPTS)
    texts = [prompt.system or "x", *(text for item in prompt.examples for text in (item.query, item.answer))]
    assert b"\r" not in data
    assert b"\t" not in data
    assert data.endswith(b"\n")
    assert not data.endswith(b"\n\n")
    assert [line for line in data.decode("utf-8").splitlines() if line != line.rstrip()] == []
    assert [text for text in texts if text != text.strip()] == []
    shown = texts[1:]
    assert [text for text in shown for stop in DIALECTS[prompt.dialect].stop if stop in text] == []
    assert len(prompt.examples) == (int(name.split("-k")[1][0]) if "-k" in name else 0)
    assert prompt.method == {"zero": "zero-shot", "vanilla": "vanilla-icl", "urial": "urial"}[method_word(name)]


def method_word(name: str) -> str:
    """What the name says of the method: in the file's name, or in the collection's where that is the method."""
    collection, file = name.split("/")
    words = file.split("-")
    return next((word for word in words if word in ("zero", "vanilla", "urial")), collection)


def test_no_two_prompts_of_a_collection_are_one() -> None:
    found = [(name.split("/")[0], prompt_hash(load_prompt(name, PROMPTS))) for name in COMMITTED]
    assert len(set(found)) == len(found) > 5


@pytest.mark.parametrize("collection", ["general", "microworld"])
def test_the_systems_of_one_collection_differ_as_the_paper_says(collection: str) -> None:
    zero, vanilla, urial = (
        load_prompt(f"{collection}/{name}", PROMPTS) for name in ("zero-shot", "vanilla-k3", "urial-k3")
    )
    assert (zero.system, zero.examples) == (None, ())
    assert vanilla.system is None
    assert urial.system is not None
    assert len(vanilla.examples) == len(urial.examples) == 3


def test_a_full_name_resolves_to_itself() -> None:
    for name in COMMITTED:
        assert resolve_prompt_name(name, "microworld", PROMPTS) == name


def test_a_short_name_resolves_in_its_collection_alone() -> None:
    assert resolve_prompt_name("zero-shot", "general", PROMPTS) == "general/zero-shot"
    assert resolve_prompt_name("urial-k3-b", None, PROMPTS) == "microworld/urial-k3-b"


def test_an_ambiguous_name_lists_its_meanings() -> None:
    with pytest.raises(UrialError) as caught:
        resolve_prompt_name("zero-shot", None, PROMPTS)
    assert str(caught.value) == (
        "prompt 'zero-shot' is ambiguous\n  expected: one of general/zero-shot, microworld/zero-shot"
    )


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UrialError) as caught:
        resolve_prompt_name("zero-shoot", "general", PROMPTS)
    assert str(caught.value) == (
        f"unknown prompt 'general/zero-shoot'\n  where: {PROMPTS}\n  fix: did you mean 'general/zero-shot'?"
    )


@pytest.mark.parametrize("name", ["../general/zero-shot", "general/../general/zero-shot", "/etc/passwd", "", "judge/x"])
def test_a_name_cannot_leave_the_folder(name: str) -> None:
    with pytest.raises(UrialError, match=r"^unknown prompt '"):
        resolve_prompt_name(name, None, PROMPTS)


def test_rubrics_beside_the_prompts_are_not_prompts(tmp_path: Path) -> None:
    for file in ("judge/r.yaml", "b/y.yaml", "b/x.yaml", "b/notes.txt", "b/deep/z.yaml", "top.yaml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("")
    assert list_prompts(tmp_path) == ["b/x", "b/y"]


def test_a_missing_folder_of_prompts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UrialError) as caught:
        list_prompts(tmp_path / "none")
    assert str(caught.value) == f"{tmp_path}/none: no folder of prompts\n  fix: run in the root of the project"


def test_the_hash_is_of_the_content_not_of_the_file(tmp_path: Path) -> None:
    text = (PROMPTS / "general/zero-shot.yaml").read_text("utf-8")
    (tmp_path / "x.yaml").write_text(f"# a comment\n{text}", "utf-8")
    loaded = load_prompt("general/zero-shot", PROMPTS)
    assert prompt_hash(read_prompt(tmp_path / "x.yaml")) == prompt_hash(loaded)
    assert prompt_hash(loaded) == content_hash(loaded.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("licence: Apache-2.0\n", "", "missing field 'licence'"),
        ("dialect: backticks", "dialect: tight", "line 3: field 'dialect': input should be 'backticks', got 'tight'"),
        ("system: null", "sistem: null", "missing field 'system'; line 4: unknown field 'sistem'; did you mean 'system'?"),
        ("examples: []", "examples: [{query: q, answer: ''}]", "line 5: field 'examples.0.answer': string should have"),
        ("examples: []", "examples: [{query: q, answer: a}]", "field 'the whole value': a zero-shot prompt has no "
         "examples; remove them or name another method, got {"),
    ],
)  # fmt: skip
def test_a_bad_prompt_file_names_line_and_field(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (PROMPTS / "general/zero-shot.yaml").read_text("utf-8")
    assert old in text
    path = tmp_path / "x.yaml"
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(UrialError) as caught:
        read_prompt(path)
    assert str(caught.value).startswith(f"{path}: {message}")

"""Prompt versions written as YAML: every character kept, readable where that is possible, nothing overwritten."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.prompts.texts import make_prompt, some_text
from urial.core.errors import UrialError
from urial.core.yaml_files import parse_yaml_record
from urial.prompts.authoring.writing import prompt_yaml, scaffold, write_prompt
from urial.prompts.versions.dialects import DIALECTS
from urial.prompts.versions.library import read_prompt
from urial.records.prompt import Prompt

# What YAML reads as something else than these characters, if they are written as they are.
NO_PLAIN_YAML = (
    "null", "~", "yes", "1", "1e3", "0x1F", "2001-01-01", "- a", "a: b", "a #b", "# a", "'", '"', "%", "@", "|", ">-", "---",
    "\n---\n", "...", "key:\n  - x", "  first\nx", "x\n  \n\n y", "trailing  \nx", "x\n ", "x\n\n", "\n", " ", "a  b", "\t",
    "x\ty\nz", "<<", "!tag", "&a", "*a", "?", "[", "{}", "\\n", "\u2028", "\x85", "\ufeff", "\0\x7f", "\ufffe", "😀\né",
)  # fmt: skip
texts = st.lists(st.sampled_from(NO_PLAIN_YAML) | some_text, min_size=1, max_size=4).map("".join)
any_or_empty = st.just("") | texts
pools = st.fixed_dictionaries(
    {
        "pool": texts,
        "pool_hash": st.just(f"sha256:{'0' * 64}"),
        "k": st.integers(1, 100),
        "retriever": st.just({"kind": "bm25"}) | st.just({"kind": "dense", "model": "a/b", "revision": "0" * 40}),
        "near_duplicate": st.floats(0, 1, exclude_min=True),
    }
)


@st.composite
def prompts(draw: st.DrawFn) -> Prompt:
    """Any prompt record at all."""
    method = draw(st.sampled_from(("zero-shot", "vanilla-icl", "retrieval-icl", "urial")))
    system = None if method == "zero-shot" else draw(st.none() | any_or_empty)
    least = int(method == "vanilla-icl" or (method == "urial" and system is None))
    most = 0 if method in ("zero-shot", "retrieval-icl") else 2
    shown = draw(st.lists(st.tuples(texts, texts), min_size=least, max_size=most))
    pieces = (system is not None) + 2 * len(shown) + 1
    layouts = st.none() | st.lists(any_or_empty, min_size=pieces, max_size=pieces).map(tuple)
    fields: dict[str, Any] = {
        "description": draw(texts),
        "method": method,
        "dialect": draw(st.sampled_from(list(DIALECTS))),
        "fence": draw(st.integers(3, 100)),
        "retrieval": draw(pools) if method == "retrieval-icl" else None,
        "layout": None if method == "retrieval-icl" else draw(layouts),
        "stop": draw(st.none() | st.lists(texts, max_size=2).map(tuple)),
        "source": draw(texts),
        "licence": draw(texts),
    }
    return make_prompt(system, *shown, **fields)


@given(record=prompts())
@example(record=make_prompt("a  b   c" * 3_000))
@example(record=make_prompt("word " * 3_000 + "\n" + "x  " * 3_000))
@example(record=make_prompt("\u200b " * 9_000))
def test_any_prompt_comes_back_from_yaml(record: Prompt, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("prompt") / "new" / "x.yaml"
    write_prompt(path, record)
    assert parse_yaml_record(path, Prompt) == record
    assert path.read_bytes() == prompt_yaml(record).encode()


def test_a_prompt_to_the_byte() -> None:
    shown = [("one line", "# Heading\n\n  indented  \n- item: x\n\nend"), ("null", "tab\t\nx")]
    record = make_prompt("Be kind.  \nBe true.", *shown, fence=4, layout=("# Instruction\n", *["\n"] * 5))
    assert prompt_yaml(record) == (
        "description: d\nmethod: urial\ndialect: backticks\nfence: 4\n"
        "system: |-\n  Be kind.  \n  Be true.\n"
        "examples:\n  - query: one line\n    answer: |-\n"
        "      # Heading\n\n        indented  \n      - item: x\n\n      end\n"
        "  - query: 'null'\n    answer: \"tab\\t\\nx\"\n"
        "layout:\n" + '  - "# Instruction\\n"\n' + '  - "\\n"\n' * 5 + "source: s\nlicence: MIT\n"
    )


words = st.text("ab é#:-'\"`{}%😀", min_size=1, max_size=20)


@given(lines=st.lists(words | st.just(""), min_size=2, max_size=5))
def test_texts_of_several_lines_are_blocks_that_people_can_edit(lines: list[str]) -> None:
    text = "\n".join(["First line.  ", *lines, "Last line. "])
    written = prompt_yaml(make_prompt(text))
    block = "".join(f"  {line}\n" if line else "\n" for line in text.split("\n"))
    assert f"system: |-\n{block}examples: []\n" in written


def test_a_file_or_link_is_never_overwritten(tmp_path: Path) -> None:
    path, folder, link = tmp_path / "x.yaml", tmp_path / "folder", tmp_path / "link.yaml"
    path.write_text("mine")
    folder.mkdir()
    link.symlink_to(tmp_path / "nowhere")
    exists = "already exists\n  fix: choose another name; a prompt version is never replaced"
    leads = f"is a link to '{tmp_path / 'nowhere'}'\n  fix: name the file that it leads to, or remove the link"
    for taken, refused in ((path, exists), (folder, exists), (link, leads)):
        with pytest.raises(UrialError) as caught:
            write_prompt(taken, make_prompt("S"))
        assert str(caught.value) == f"{taken}: {refused}"
    assert path.read_text() == "mine"
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [folder, link, path]


def test_what_yaml_cannot_hold_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    with pytest.raises(UrialError) as caught:
        write_prompt(path, make_prompt("\x01" * 501_000))
    assert str(caught.value) == f"{path}: too large\n  expected: at most 2,000,000 bytes"
    assert list(tmp_path.iterdir()) == []


def test_a_text_that_yaml_changes_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.yaml"
    monkeypatch.setattr("urial.prompts.authoring.writing.prompt_yaml", lambda record: prompt_yaml(make_prompt("other")))
    with pytest.raises(UrialError) as caught:
        write_prompt(path, make_prompt("S"))
    assert (
        str(caught.value) == f"{path}: YAML cannot hold this text to the byte\n  fix: take control characters out of it"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("origin", [None, make_prompt("S", ("q", "a"), fence=4)])
def test_what_is_to_be_written_is_refused_until_it_is(origin: Prompt | None, tmp_path: Path) -> None:
    path = tmp_path / "c" / "x.yaml"
    write_prompt(path, scaffold(origin))
    with pytest.raises(UrialError) as caught:
        read_prompt(path)
    unwritten = path.read_text()
    # All at once, so that nobody comes back for each.
    named = str(caught.value).removeprefix(f"{path}: ").removesuffix(" are still to be written").split(", ")
    assert sorted(named) == sorted(set(re.findall(r"\$\{write [^}]*\}", unwritten)))
    while "${write" in unwritten:
        begin = unwritten.index("${write")
        unwritten = unwritten[:begin] + "done" + unwritten[unwritten.index("}", begin) + 1 :]
        path.write_text(unwritten)
    found = read_prompt(path)
    assert found == (
        origin.model_copy(update={"description": "done", "source": "done"})
        if origin
        else make_prompt("done", ("done", "done"), description="done", source="done", licence="done", fence=4)
    )

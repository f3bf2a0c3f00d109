"""Prompt versions on file: names, loading, hashes, and what a bad file is told."""

import hashlib
import json
from pathlib import Path

import pytest

from tests.prompts.texts import make_prompt
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.prompts.versions.library import (
    list_prompts,
    load_prompt,
    prompt_hash,
    prompt_path,
    read_prompt,
    resolve_prompt_name,
)

ZERO_SHOT = """description: d
method: zero-shot
dialect: backticks
system: null
examples: []
source: s
licence: MIT
"""
POOL = '{"answer":"a","query":"q"}\n'
POOL_HASH = f"sha256:{hashlib.sha256(POOL.encode()).hexdigest()}"
RETRIEVAL = f"""description: d
method: retrieval-icl
dialect: backticks
system: null
examples: []
retrieval:
  pool: pools/p.jsonl
  pool_hash: {POOL_HASH}
  k: 3
  retriever: {{kind: bm25}}
source: s
licence: MIT
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two collections, and beside them what is no prompt."""
    prompts = tmp_path / "prompts"
    for name in ("a/x", "a/y", "b/x", "b/longer-name", "judge/rubric", "a/deep/z", "top"):
        file = prompts / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ZERO_SHOT)
    (prompts / "a/notes.txt").write_text("")
    return prompts


def test_names_are_sorted_and_judges_are_no_prompts(folder: Path) -> None:
    assert list_prompts(folder) == ["a/x", "a/y", "b/longer-name", "b/x"]


def test_a_missing_folder_of_prompts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UrialError) as caught:
        list_prompts(tmp_path / "none")
    assert (
        str(caught.value)
        == f"{tmp_path}/none: no folder of prompts\n  fix: name the folder of the collections with --dir"
    )


def test_a_name_is_resolved_in_its_collection_or_where_there_is_one(folder: Path) -> None:
    for name in list_prompts(folder):
        assert resolve_prompt_name(name, "b", folder) == resolve_prompt_name(name, None, folder) == name
    assert resolve_prompt_name("x", "b", folder) == "b/x"
    assert resolve_prompt_name("y", None, folder) == "a/y"


@pytest.mark.parametrize(
    ("name", "collection", "message"),
    [
        ("x", None, "prompt 'x' is ambiguous\n  expected: one of a/x, b/x"),
        ("longer-nam", "b", "unknown prompt 'b/longer-nam'\n  where: {}\n  fix: did you mean 'b/longer-name'?"),
        ("y", "b", "unknown prompt 'b/y'\n  where: {}\n  fix: did you mean 'b/x'?"),
        ("unlike", None, "unknown prompt 'unlike'\n  where: {}\n  fix: known names: a/x, a/y, b/longer-name, b/x"),
        ("judge/rubric", None, "unknown prompt 'judge/rubric'\n  where: {}\n  fix: known names: a/x, a/y, b/longer-name, b/x"),
        ("", None, "unknown prompt ''\n  where: {}\n  fix: known names: a/x, a/y, b/longer-name, b/x"),
        ("a/../b/x", "a", "unknown prompt 'a/../b/x'\n  where: {}\n  fix: known names: a/x, a/y, b/longer-name, b/x"),
        ("/etc/passwd", None, "unknown prompt '/etc/passwd'\n  where: {}\n  fix: known names: a/x, a/y, b/longer-name, b/x"),
    ],
)  # fmt: skip
def test_a_name_that_is_none(name: str, collection: str | None, message: str, folder: Path) -> None:
    with pytest.raises(UrialError) as caught:
        resolve_prompt_name(name, collection, folder)
    assert str(caught.value) == message.format(folder)
    with pytest.raises(UrialError) as caught:
        prompt_path(name, collection, folder)
    assert str(caught.value) == message.format(folder)


def test_a_path_is_as_good_as_a_name(folder: Path) -> None:
    assert prompt_path("y", folder=folder) == folder / "a/y.yaml"
    assert prompt_path("x", "b", folder) == folder / "b/x.yaml"
    path = folder.parent / "anywhere.yml"
    path.write_text(ZERO_SHOT)
    assert prompt_path(str(path), "b", folder) == path
    assert read_prompt(path) == load_prompt("a/x", folder)


# Fixed for ever: reports cite it. {"key": value} in canonical JSON, fields without a value left out.
GOLDEN = (
    '{"description":"d","dialect":"backticks","examples":[{"answer":"so","query":"why?\\n"}],"fence":3,'
    '"licence":"MIT","method":"urial","source":"é","system":"Be kind."}'
)


def test_the_hash_of_a_prompt_never_changes() -> None:
    prompt = make_prompt("Be kind.", ("why?\n", "so"), source="é")
    assert prompt_hash(prompt) == f"sha256:{hashlib.sha256(GOLDEN.encode()).hexdigest()}"
    assert prompt_hash(prompt) == "sha256:45e485eee9090029bd582a7b7f1ca2ef449bae4d9e6f4d0583f128fc099d235f"
    assert prompt.model_validate(json.loads(GOLDEN), strict=False) == prompt


def test_the_hash_is_of_all_that_a_prompt_says() -> None:
    plain = make_prompt("S", ("q", "a"))
    others = [
        make_prompt(None, ("q", "a")),
        make_prompt("", ("q", "a")),
        make_prompt("S", ("a", "q")),
        make_prompt("S", ("q", "a"), fence=4),
        make_prompt("S", ("q", "a"), stop=()),
        make_prompt("S", ("q", "a"), layout=("", "", "", "")),
        make_prompt("S", ("q", "a"), dialect="plain"),
        make_prompt("S", ("q", "a"), source="t"),
    ]
    assert len({prompt_hash(item) for item in [plain, *others]}) == len(others) + 1


def test_the_hash_is_of_the_content_not_of_the_file(folder: Path) -> None:
    (folder / "a/y.yaml").write_text(f"# a comment\n{ZERO_SHOT}fence: 3\n")
    loaded = load_prompt("a/y", folder)
    assert loaded == load_prompt("a/x", folder)
    assert prompt_hash(loaded) == content_hash(loaded.model_dump(mode="json", exclude_none=True))


SHAPE = "\n  expected: the record Prompt as in schemas/"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("licence: MIT\n", "", f": missing field 'licence'{SHAPE}"),
        ("backticks", "tight", ": line 3: field 'dialect': input should be 'backticks', 'user-assistant-loose', "
         f"'user-assistant-tight' or 'plain', got 'tight'{SHAPE}"),
        ("system: null", "sistem: null", ": missing field 'system'; line 4: unknown field 'sistem'; did you mean "
         f"'system'?{SHAPE}"),
        ("examples: []", "examples: [{query: q, answer: ''}]", ": line 5: field 'examples.0.answer': string should have "
         f"at least 1 character, got ''{SHAPE}"),
        ("licence: MIT", "fence: 2\nlicence: MIT", ": line 7: field 'fence': input should be greater than or equal to 3, "
         f"got 2{SHAPE}"),
        ("licence: MIT", "licence: MIT\nstop: ['']", ": line 8: field 'stop.0': string should have at least 1 character, "
         f"got ''{SHAPE}"),
        ("method: zero-shot\ndialect: backticks\nsystem: null", "method: urial\ndialect: backticks\nsystem: ${write the system text}", ": ${write the system text} is still to be written"),
        ("source: s", "source: ${write who}", ": ${write who} is still to be written"),
        ("system: null", "system: [", ", line 6: not valid YAML: expected ',' or ']', but got '<scalar>'\n  fix: correct the line"),
    ],
)  # fmt: skip
def test_a_bad_prompt_file_names_line_and_field(old: str, new: str, message: str, folder: Path) -> None:
    path = folder / "a/x.yaml"
    assert old in ZERO_SHOT
    path.write_text(ZERO_SHOT.replace(old, new))
    with pytest.raises(UrialError) as caught:
        load_prompt("a/x", folder)
    assert str(caught.value) == f"{path}{message}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("method: zero-shot\nexamples: [{query: q, answer: a}]", "a zero-shot prompt has no examples of its own; remove "
         "them or name another method"),
        ("method: retrieval-icl", "the method retrieval-icl needs the field retrieval, and no other method has it"),
        ("method: urial\nlayout: ['']\nsystem: S", "layout needs 2 strings around 1 texts, and has 1"),
    ],
)  # fmt: skip
def test_fields_that_contradict_each_other(changes: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    said = [line.split(":")[0] for line in changes.split("\n")]
    rest = "".join(f"{line}\n" for line in ZERO_SHOT.splitlines() if line.split(":")[0] not in said)
    path.write_text(f"{changes}\n{rest}")
    with pytest.raises(UrialError) as caught:
        read_prompt(path)
    assert str(caught.value).startswith(f"{path}: field 'the whole value': {message}, got {{")


def test_a_pool_that_is_missing_or_another(folder: Path) -> None:
    path, pool = folder / "a/r.yaml", folder / "pools/p.jsonl"
    path.write_text(RETRIEVAL)
    with pytest.raises(UrialError) as caught:
        read_prompt(path)
    assert str(caught.value) == (
        f"{path}: retrieval.pool: no file {pool}\n  fix: correct the path, from the folder above"
    )
    pool.parent.mkdir()
    pool.write_text(f"{POOL}{POOL}")
    with pytest.raises(UrialError) as caught:
        read_prompt(path)
    assert str(caught.value) == (
        f"{path}: retrieval.pool_hash is not the hash of {pool}\n"
        f"  expected: sha256:{hashlib.sha256((POOL + POOL).encode()).hexdigest()}\n"
        "  fix: restore the pool, or write a new prompt version for the new pool"
    )
    pool.write_text(POOL)
    found = read_prompt(path).retrieval
    assert found is not None
    assert (found.k, found.near_duplicate, found.retriever.kind) == (3, 0.8, "bm25")

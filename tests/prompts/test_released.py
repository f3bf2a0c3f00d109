"""The index of released prompts: what it holds can be cited, and no edit goes unnoticed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.prompts.texts import make_prompt
from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash, file_hash
from urial.prompts.authoring.released import lint_prompts, release, released
from urial.prompts.authoring.writing import prompt_yaml, write_prompt
from urial.prompts.versions.library import load_prompt, prompt_hash
from urial.records.released import Released

POOL = '{"answer":"a","query":"q"}\n'
CHANGED = (
    "{}: changed after its release, and numbers may cite it\n"
    "  expected: the file as it was released\n"
    "  fix: restore it, and give the new version a name of its own"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Released prompts, one of them with a pool."""
    prompts = tmp_path / "prompts"
    write_prompt(prompts / "a/x.yaml", make_prompt("S", ("q", "a")))
    (prompts / "pools").mkdir()
    (prompts / "pools/p.jsonl").write_text(POOL)
    pool = {"pool": "pools/p.jsonl", "pool_hash": bytes_hash(POOL.encode()), "k": 1, "retriever": {"kind": "bm25"}}
    write_prompt(prompts / "a/r.yaml", make_prompt(method="retrieval-icl", retrieval=pool))
    release(["a/x", "a/r"], prompts)
    return prompts


def test_the_index_holds_both_hashes_by_name(folder: Path) -> None:
    path = folder / "a/x.yaml"
    entry = Released(file=file_hash(path), prompt=prompt_hash(load_prompt("a/x", folder)))
    assert released(folder)["a/x"] == entry
    text = (folder / "released.json").read_text()
    assert list(json.loads(text)["prompts"]) == ["a/r", "a/x"]
    assert json.loads(text)["prompts"]["a/x"] == {"file": entry.file, "prompt": entry.prompt}
    release(["a/x"], folder)
    assert (folder / "released.json").read_text() == text
    assert lint_prompts(folder) == []


def test_without_an_index_nothing_is_released(folder: Path) -> None:
    (folder / "released.json").unlink()
    assert released(folder) == {}
    assert lint_prompts(folder) == []


def test_a_new_prompt_is_no_problem(folder: Path) -> None:
    write_prompt(folder / "a/new.yaml", make_prompt("T"))
    assert lint_prompts(folder) == []
    assert "a/new" not in released(folder)
    (folder / "a/new.yaml").write_text("not a prompt")
    assert (len(lint_prompts(folder)), lint_prompts(folder, released_only=True)) == (1, [])
    (folder / "a/x.yaml").unlink()
    assert len(lint_prompts(folder, released_only=True)) == 1


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("system: S", "system: T"),
        lambda text: text.replace("query: q", "query: r"),
        lambda text: f"{text}# a comment\n",
        lambda text: text.replace("\n", "\r\n"),
        lambda text: f"{text}\n",
        lambda text: f"{text}fence: 3\n",
    ],
    ids=["one byte", "an example", "a comment", "line ends", "a blank line", "a default"],
)
def test_any_edit_is_found_and_cannot_be_released(edit: Callable[[str], str], folder: Path) -> None:
    path = folder / "a/x.yaml"
    before = (folder / "released.json").read_bytes()
    changed = edit(path.read_text())
    assert changed != path.read_text()
    path.write_bytes(changed.encode())
    assert lint_prompts(folder) == [CHANGED.format("a/x")]
    write_prompt(folder / "a/new.yaml", make_prompt("T"))
    with pytest.raises(UrialError) as caught:
        release(["a/new", "a/x"], folder)
    assert str(caught.value) == CHANGED.format("a/x")
    assert (folder / "released.json").read_bytes() == before


def test_a_changed_or_missing_pool_is_found(folder: Path) -> None:
    pool = folder / "pools/p.jsonl"
    pool.write_text(POOL.replace('"a"', '"b"', 1))
    assert lint_prompts(folder) == [
        f"{folder}/a/r.yaml: retrieval.pool_hash is not the hash of {pool}\n  expected: {file_hash(pool)}\n"
        "  fix: restore the pool, or write a new prompt version for the new pool"
    ]
    pool.unlink()
    missing = f"{folder}/a/r.yaml: retrieval.pool: no file {pool}\n  fix: correct the path, from the folder above"
    assert lint_prompts(folder) == [missing]
    with pytest.raises(UrialError) as caught:
        release(["a/r"], folder)
    assert str(caught.value) == missing


def test_every_problem_is_listed(folder: Path) -> None:
    (folder / "a/x.yaml").unlink()
    (folder / "b/folder.yaml").mkdir(parents=True)
    (folder / "b/link.yaml").symlink_to("nowhere.yaml")
    (folder / "b/open.yaml").write_text(prompt_yaml(make_prompt("${write it}")))
    (folder / "b/apart.yaml").write_text(prompt_yaml(make_prompt("S\n\n# Answer:\nx")))
    assert lint_prompts(folder) == [
        f"{folder}/b/apart.yaml: once laid out in the dialect backticks, its texts cannot be told apart again\n"
        "  expected: no line that begins with '# Query:' or '# Answer:' outside of fences, and no blank lines around "
        "a text",
        f"{folder}/b/folder.yaml: cannot be read: Is a directory\n  fix: check the path",
        f"{folder}/b/link.yaml: cannot be read: No such file or directory\n  fix: check the path",
        f"{folder}/b/open.yaml: ${{write it}} is still to be written",
        "a/x: released, and its file is gone\n  fix: restore it",
    ]


@pytest.mark.parametrize("name", ["a/x.yaml", "pools/p.jsonl"])
def test_a_file_that_may_not_be_read_is_a_problem(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        if path == folder / name:
            raise PermissionError(13, "Permission denied", str(path))
        return file_hash(path)

    monkeypatch.setattr("urial.prompts.versions.library.file_hash", refuse)
    assert lint_prompts(folder) == [f"{folder}/{name}: cannot be read: Permission denied\n  fix: check the path"]


def test_nothing_is_released_that_is_not_there_or_unwritten(folder: Path) -> None:
    with pytest.raises(UrialError) as caught:
        release(["a/none"], folder)
    assert str(caught.value) == f"unknown prompt 'a/none'\n  where: {folder}\n  fix: known names: a/r, a/x"
    (folder / "a/open.yaml").write_text(prompt_yaml(make_prompt("${write it}")))
    with pytest.raises(UrialError) as caught:
        release(["a/open"], folder)
    assert str(caught.value) == f"{folder}/a/open.yaml: ${{write it}} is still to be written"


def test_a_broken_index_is_named(folder: Path) -> None:
    (folder / "released.json").write_text('{"prompts": {"a/x": {"file": "sha256:0"}}}')
    with pytest.raises(UrialError) as caught:
        lint_prompts(folder)
    assert str(caught.value) == (
        f"{folder}/released.json: field 'prompts.a/x.file': string should match pattern '^sha256:[0-9a-f]{{64}}$', "
        "got 'sha256:0'; missing field 'prompts.a/x.prompt'\n  expected: the record ReleasedIndex as in schemas/"
    )

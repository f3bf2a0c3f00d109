"""Released rubrics: cited by one name for both files, and no edit of either goes unnoticed."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.prompts.texts import make_prompt
from tests.rubrics import OURS
from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.prompts.authoring.released import lint_prompts, release, released, rubric_name
from urial.prompts.authoring.writing import write_prompt
from urial.prompts.rubrics.rubrics import load_rubric
from urial.records.released import Released

NAMES = [f"judge/{name}" for name in OURS]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A prompt and the rubrics of this project, all released."""
    prompts = tmp_path / "prompts"
    write_prompt(prompts / "a/x.yaml", make_prompt("S"))
    for name in OURS:
        (prompts / "judge" / name).parent.mkdir(parents=True)
        for suffix in (".yaml", ".schema.json"):
            shutil.copy(ROOT / "prompts/judge" / f"{name}{suffix}", prompts / "judge" / f"{name}{suffix}")
    assert release([*NAMES, "x"], prompts) == [*NAMES, "a/x"]
    return prompts


def changed(name: str) -> str:
    return (
        f"{name}: changed after its release, and numbers may cite it\n  expected: the file as it was released\n"
        "  fix: restore it, and give the new version a name of its own"
    )


def test_the_name_of_a_rubric_is_told_by_its_collection() -> None:
    assert [rubric_name(name) for name in ("judge/multi/1", "judge/x", "judge", "judges/x", "a/judge/x")] == [
        "multi/1",
        "x",
        None,
        None,
        None,
    ]


def test_the_index_holds_the_hash_of_rubric_and_schema(folder: Path) -> None:
    assert sorted(released(folder)) == ["a/x", *NAMES]
    for name in OURS:
        path = folder / "judge" / f"{name}.yaml"
        expected = Released(file=file_hash(path), prompt=load_rubric(name, folder).hash)
        assert released(folder)[f"judge/{name}"] == expected
    assert lint_prompts(folder) == []


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("multi/1.yaml", "impartial", "partial"),
        ("multi/1.yaml", "description:", "# a comment\ndescription:"),
        ("safety/1.schema.json", "one to three", "two to three"),
        ("safety/1.schema.json", '["rationale", "score"]', '["score", "rationale"]'),
        ("single/1.schema.json", '{"type": "null"}', '{"enum": ["N/A"]}'),
    ],
)
def test_any_edit_of_either_file_is_found_and_cannot_be_released(file: str, old: str, new: str, folder: Path) -> None:
    path = folder / "judge" / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    name = f"judge/{file.split('.', maxsplit=1)[0]}"
    assert lint_prompts(folder) == [changed(name)]
    with pytest.raises(UrialError) as caught:
        release([name], folder)
    assert str(caught.value) == changed(name)


def test_every_problem_of_rubrics_is_listed(folder: Path) -> None:
    judge = folder / "judge"
    (judge / "multi/1.yaml").unlink()
    (judge / "safety/1.schema.json").unlink()
    (judge / "single/1.yaml").write_text("aspects: [depth]\n")
    (judge / "old.yaml").write_text("")
    (judge / "multi/2.yml").write_text("")
    (judge / "notes.md").write_text("")
    stray = "belongs to no rubric\n  expected: NAME/VERSION.yaml and NAME/VERSION.schema.json"
    missing = "missing field 'description'; missing field 'template'; missing field 'source'; missing field 'licence'"
    assert lint_prompts(folder) == [
        f"{judge}/safety/1.schema.json: cannot be read: No such file or directory\n  fix: check the path",
        f"{judge}/single/1.yaml: {missing}\n  expected: the record Rubric as in schemas/",
        f"{judge}/multi/1.schema.json: {stray}",
        f"{judge}/multi/2.yml: {stray}",
        f"{judge}/old.yaml: {stray}",
        "judge/multi/1: released, and its file is gone\n  fix: restore it",
    ]


def test_an_unknown_rubric_is_not_released(folder: Path) -> None:
    before = (folder / "released.json").read_bytes()
    for name, fix in (
        ("judge/multi/2", "did you mean 'multi/1'?"),
        ("judge/../a/x", "known names: multi/1, safety/1, single/1"),
    ):
        with pytest.raises(UrialError) as caught:
            release([name], folder)
        short = name.removeprefix("judge/")
        assert str(caught.value) == f"unknown rubric {short!r}\n  where: {folder}/judge\n  fix: {fix}"
    assert (folder / "released.json").read_bytes() == before

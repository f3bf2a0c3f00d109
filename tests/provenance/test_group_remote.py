"""A clone that shares a DVC remote as docs/remotes.md says: what it reads of revisions, and what is cited of an experiment."""

import json
import shutil
from pathlib import Path

import pytest

from tests.clones import Clone
from tests.provenance.grouped import REPORT, Group, emptied, make_group
from tests.provenance.toy import head
from urial.core.errors import UrialError
from urial.provenance.cite.citation import cite
from urial.run.folders import run_folder

COMPARE = ("urial", "compare", "main", "var-a", "--resamples", "100", "--json")


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Group:
    """The group; only the cache of its second clone is ever changed."""
    return make_group(tmp_path_factory.mktemp("group"))


def test_the_bundled_remote_has_what_the_remote_of_the_group_lacks(group: Group) -> None:
    """main was never pushed to the group, and the default of the second clone is the group."""
    found = group.second.run(*COMPARE).stdout
    assert found == group.first.run(*COMPARE).stdout
    (change,) = json.loads(found)["inputs"]
    assert [item["key"] for item in change["differences"]] == ["value"]


def test_trace_asks_both(group: Group) -> None:
    trace = ("urial", "trace", "aligned.helpfulness", "--rev", "main", "--json")
    # Of this toy it says that its outputs are whole folders.
    assert emptied(group.second).run(*trace, check=False).stdout == group.first.run(*trace, check=False).stdout


def test_verify_asks_both(group: Group) -> None:
    found = emptied(group.second).run("urial", "verify", "--rev", "main", "--json", check=False).stdout
    (files,) = (link for link in json.loads(found)["links"] if link["name"] == "files of make")
    assert (files["status"], files["problems"]) == ("ok", [])


def test_export_asks_both(group: Group, tmp_path: Path) -> None:
    for number, clone in enumerate((group.first, emptied(group.second))):
        clone.run("urial", "export", str(tmp_path / str(number)), "--rev", "main")
    metadata = [(tmp_path / name / "ro-crate-metadata.json").read_bytes() for name in "01"]
    assert metadata[0] == metadata[1]


def message(clone: Clone, revision: str) -> str:
    with pytest.raises(UrialError) as error, run_folder(revision, root=clone.folder, needs=("data/judgments",)):
        pass
    return str(error.value)


def test_what_no_remote_gives_is_named_with_what_each_said(group: Group, tmp_path: Path) -> None:
    emptied(group.second)
    away = tmp_path / "away"
    shutil.move(group.store, away)
    try:
        found = message(group.second, "var-a")
    finally:
        shutil.move(away, group.store)
    commit = group.first.run("git", "for-each-ref", "--format=%(objectname)", "refs/exps/**/var-a").stdout[:12]
    assert found == (
        "var-a: outputs are not in the DVC cache, and no DVC remote gave them: data/judgments\n"
        "  where: remote group: lacks data/judgments; remote bundled: lacks data/judgments\n"
        "  fix: `dvc remote add --local NAME URL` for the remote that has them; or run `dvc exp push GIT_REMOTE var-a` "
        f"where they were computed; or compute them here: `git checkout --detach {commit}`, then `dvc repro`"
    )
    # It is right.
    copy = Clone(tmp_path / "copy", group.second.cache)
    shutil.copytree(group.second.folder, copy.folder, symlinks=True)
    copy.run("dvc", "remote", "remove", "--local", "group")
    assert message(copy, "var-a").splitlines()[1] == "  where: remote bundled: lacks data/judgments"
    copy.run("git", "checkout", "--quiet", "--detach", commit)
    copy.run("dvc", "repro")
    with run_folder("var-a", root=copy.folder, needs=("data/judgments",)) as folder:
        assert (folder.path / "data/judgments/aligned.jsonl").is_file()
    assert head(copy).startswith(commit)


def citation(clone: Clone) -> tuple[list[str], list[str]]:
    """How var-a is restored, and what speaks against its citation."""
    found = cite("var-a", root=clone.folder)
    assert found.experiment == "var-a"
    return list(found.restore), [caveat.text for caveat in found.caveats]


def assert_restored(commands: list[str], first: Clone, folder: Path) -> None:
    """The commands run as they are printed, except that this toy cannot be verified, bring what var-a has."""
    folder.mkdir(exist_ok=True)
    *restore, verify = commands
    assert verify == "urial verify"
    Clone(folder, first.cache).run("bash", "-e", "-c", "\n".join(restore))
    (restored,) = folder.iterdir()
    with run_folder("var-a", root=first.folder) as made:
        files = {path.relative_to(made.path) for path in (made.path / "data").rglob("*") if path.is_file()}
        assert Path(REPORT) in files
        assert {path: (restored / path).read_bytes() for path in files} == {
            path: (made.path / path).read_bytes() for path in files
        }


def test_an_experiment_pushed_to_the_group_is_cited_as_pushed_and_pulled_from_there(
    group: Group, tmp_path: Path
) -> None:
    commands, caveats = citation(group.first)
    assert caveats == []
    assert commands[4:] == [f"dvc remote add --local group {group.store}", "dvc pull --remote group", "urial verify"]
    assert_restored(commands, group.first, tmp_path / "new")


def test_what_one_remote_lacks_is_pulled_from_another(group: Group, tmp_path: Path) -> None:
    part = partly_stored(group, tmp_path, "data/judgments")
    commands, caveats = citation(part)
    assert caveats == []
    assert commands[4:] == [
        "dvc pull --allow-missing",
        f"dvc remote add --local part {tmp_path}/part",
        "dvc pull --remote part",
        "urial verify",
    ]
    assert_restored(commands, group.first, tmp_path / "new")


def test_only_what_no_remote_has_is_computed_anew(group: Group, tmp_path: Path) -> None:
    part = partly_stored(group, tmp_path, "data/plan")
    commands, caveats = citation(part)
    assert caveats == [
        "no DVC remote has all outputs (bundled lacks at least 1 file, part lacks at least 6 files): those that none has have to be "
        "computed again; run `dvc exp push hub var-a`"
    ]
    assert commands[4:] == ["dvc pull --allow-missing", "dvc repro", "urial verify"]
    assert_restored(commands, group.first, tmp_path / "new")


def partly_stored(group: Group, folder: Path, output: str) -> Clone:
    """A copy of the first clone that knows a remote with one output of var-a instead of the group's."""
    made = Clone(folder / "copy", group.first.cache)
    shutil.copytree(group.first.folder, made.folder, symlinks=True)
    made.run("dvc", "remote", "remove", "--local", "group")
    made.run("dvc", "remote", "add", "--local", "part", str(folder / "part"))
    made.run("dvc", "exp", "apply", "var-a")
    made.run("dvc", "push", "--remote", "part", output)
    made.run("git", "checkout", "--quiet", "--force", "main")
    return made

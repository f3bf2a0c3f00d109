"""Citations of a real repository in every state that it can be in."""

from pathlib import Path

import pytest

from tests.clones import Clone
from tests.provenance.citable import REPORT, copied, make_citable
from tests.provenance.toy import commit, experiment, head
from tests.report.conftest import HASH
from urial.core.errors import UrialError
from urial.core.hashing import content_hash, file_hash
from urial.core.store import write_json
from urial.provenance.cite.citation import cite
from urial.provenance.cite.records import Citation
from urial.run.package import PACKAGE, installed_package


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A run that can be restored by everyone, never to be changed."""
    return make_citable(tmp_path_factory.mktemp("cite"))


@pytest.fixture
def run(published: Clone, tmp_path: Path) -> Clone:
    """A copy of it."""
    return copied(published, tmp_path)


def caveats(found: Citation) -> dict[str, str]:
    return {caveat.kind: caveat.text for caveat in found.caveats}


def test_a_published_commit_has_no_caveat(published: Clone) -> None:
    found = cite("HEAD", root=published.folder)
    commit, lock = head(published), file_hash(published.folder / "dvc.lock")
    prompts = content_hash({"test/zero-shot": HASH})
    assert found.caveats == ()
    assert (found.commit, found.lock, found.prompts) == (commit, lock, prompts)
    assert found.prompt_versions == {"test/zero-shot": HASH}
    assert found.identifier == f"urial {commit} lock {lock[:23]} data {found.data[:23]} prompts {prompts[:23]}"
    assert (found.authors, found.version, found.licence) == (("The urial developers",), "0.1.0", "Apache-2.0")
    assert found.restore == (
        f"git clone --no-checkout {published.folder.parent}/bare.git urial-{commit[:12]}",
        f"cd urial-{commit[:12]}",
        f"git checkout --detach {commit}",
        "dvc pull",
        "urial verify",
    )


def test_the_urial_of_a_project_without_code_is_named(run: Clone) -> None:
    write_json(run.folder / PACKAGE, installed_package())
    line = f"# install urial 0.1.0: {PACKAGE} has the hashes of its code"
    assert cite(root=run.folder).restore[3:] == (line, "dvc pull", "urial verify")


def test_the_work_tree_of_a_published_commit_is_the_same(published: Clone) -> None:
    assert cite(root=published.folder) == cite("HEAD", root=published.folder)


def test_changes_are_named_and_marked(run: Clone) -> None:
    run.edit("value: 1", "value: 2")
    run.edit("value ==", "value  ==", "make.py")
    (run.folder / "new\x1b.txt").write_text("notes", "utf-8")
    found = cite(root=run.folder)
    assert found.identifier.startswith(f"urial {head(run)}-dirty lock ")
    assert found.dirty == ("make.py", "params.yaml")
    assert caveats(found) == {
        "dirty": "files have changes that no one else can get: make.py, params.yaml; commit, then cite again",
        "lock": "files are not those that dvc.lock was written for: make.py, params.yaml; run `dvc repro`",
    }
    assert caveats(cite("HEAD", root=run.folder)) == {}


def test_what_no_stage_reads_changes_nothing(run: Clone) -> None:
    before = cite(root=run.folder)
    (run.folder / "notes.txt").write_text("notes", "utf-8")
    run.edit("cff-version", "# A comment.\ncff-version", "CITATION.cff")
    assert cite(root=run.folder) == before


def test_who_made_the_commit_made_the_run(run: Clone) -> None:
    run.run("git", "config", "user.name", "Ada Tester")
    commit(run, "more")
    found = cite(root=run.folder)
    assert (found.author, found.authors) == ("Ada Tester", ("The urial developers",))


def test_files_that_are_not_those_of_the_lock_are_named(run: Clone) -> None:
    run.edit("    cmd: python make.py", "    cmd: python -B make.py", "dvc.yaml")
    run.edit("value ==", "value  ==", "make.py")
    (run.folder / "data/folder/a.txt").unlink()
    commit(run, "an edit without a run")
    expected = "files are not those that dvc.lock was written for: {}; run `dvc repro`"
    assert caveats(cite(root=run.folder))["lock"] == expected.format("data/folder, dvc.yaml, make.py")
    # Of a revision, outputs are not brought only to be hashed.
    assert caveats(cite("HEAD", root=run.folder))["lock"] == expected.format("dvc.yaml, make.py")


def test_a_commit_that_was_not_pushed(run: Clone) -> None:
    made = commit(run, "more")
    assert caveats(cite(root=run.folder)) == {
        "unpushed": "the commit is on no git remote, as far as this clone knows; run `git push`"
    }
    run.run("git", "remote", "remove", "origin")
    found = cite(root=run.folder)
    assert caveats(found) == {"unpushed": "the commit is only in this clone: it has no git remote; add one and push"}
    assert (found.url, found.restore[0]) == (None, f"git clone --no-checkout {run.folder} urial-{made[:12]}")


def test_an_experiment_that_was_not_pushed_and_one_that_was(run: Clone) -> None:
    experiment(run, "calm-fox", 2, "--temp")
    found = cite("calm-fox", root=run.folder)
    baseline = head(run)
    ref = f"refs/exps/{baseline[:2]}/{baseline[2:]}/calm-fox"
    assert f"git fetch origin {ref}:{ref}" in found.restore
    assert f" (experiment calm-fox) lock {found.lock and found.lock[:23]} " in found.identifier
    assert caveats(found) == {
        "unpushed": "the experiment calm-fox is on no git remote, as far as this clone knows; "
        "run `dvc exp push origin calm-fox`",
        "data": "no DVC remote has all outputs (store lacks at least 2 files): those that none has have to be computed again; "
        "run `dvc exp push origin calm-fox`",
    }
    assert found.restore[-2:] == ("dvc repro", "urial verify")
    run.run("dvc", "exp", "push", "origin", "calm-fox")
    assert cite("calm-fox", root=run.folder).caveats == ()


def test_a_workspace_experiment_is_the_one_to_cite(run: Clone) -> None:
    experiment(run, "calm-fox", 3)
    assert caveats(cite(root=run.folder))["dirty"] == (
        "files have changes that no one else can get: dvc.lock, params.yaml; "
        "cite the experiment that is the same: urial cite --rev calm-fox"
    )


def test_what_is_over_a_network_is_not_known(run: Clone) -> None:
    experiment(run, "calm-fox", 2, "--temp")
    run.run("git", "remote", "set-url", "origin", "https://me:secret@git.invalid/study.git?token=secret")
    run.run("dvc", "remote", "modify", "store", "url", "s3://bucket/study")
    made = commit(run, "network")
    found = cite("calm-fox", root=run.folder)
    assert found.url == "https://git.invalid/study.git"
    assert "secret" not in found.model_dump_json()
    assert caveats(found)["unpushed"] == (
        "not known whether the experiment calm-fox is on origin; `urial cite --online` asks"
    )
    asked = cite("calm-fox", root=run.folder, online=True)
    assert caveats(asked)["unpushed"] == (
        "not known whether the experiment calm-fox is on origin; none of them answered"
    )
    assert caveats(cite(made, root=run.folder))["data"] == (
        "not known whether the outputs are in the DVC remote store (s3://bucket/study), over a network: "
        "ask by `dvc status --cloud --remote store`"
    )


def test_a_commit_that_names_no_dvc_remote(run: Clone) -> None:
    (run.folder / ".dvc/config").write_text("[core]\n    analytics = false\n", "utf-8")
    found = cite(commit(run, "no remote"), root=run.folder)
    assert caveats(found)["data"] == (
        "neither the commit nor this clone names a DVC remote: its outputs have to be computed again"
    )
    assert found.restore[-2] == "dvc repro"


def test_a_second_remote_that_has_all_is_named(run: Clone, tmp_path: Path) -> None:
    run.run("dvc", "remote", "add", "--default", "empty", str(tmp_path / "empty"))
    found = cite(commit(run, "two remotes"), root=run.folder)
    assert "data" not in caveats(found)
    assert found.restore[-2] == "dvc pull --remote store"


def test_a_remote_that_only_this_clone_names_is_added_without_its_secrets(run: Clone) -> None:
    experiment(run, "calm-fox", 7, "--temp")
    made = head(run, run.run("git", "for-each-ref", "--format=%(refname)", "refs/exps/**/calm-fox").stdout.strip())
    run.run("dvc", "remote", "add", "--local", "group", "s3://bucket/my study")
    for key, value in (
        ("endpointurl", "https://me:secret@s3.invalid/"),
        ("secret_access_key", "secret"),
        ("region", "x"),
    ):
        run.run("dvc", "remote", "modify", "--local", "group", key, value)
    found = cite("calm-fox", root=run.folder)
    assert (found.commit, found.restore[4:]) == (
        made,
        (
            "dvc remote add --local group 's3://bucket/my study'",
            "dvc remote modify --local group endpointurl https://s3.invalid/",
            "dvc remote modify --local group region x",
            "dvc pull --remote group",
            "urial verify",
        ),
    )
    assert "secret" not in found.model_dump_json()
    assert caveats(found)["data"] == (
        "not known whether the outputs are in the DVC remote group (s3://bucket/my study), over a network: "
        "ask by `dvc status --cloud --remote group`"
    )


def test_a_local_password_makes_no_other_remote(run: Clone) -> None:
    run.run("dvc", "remote", "modify", "--local", "store", "jobs", "2")
    assert cite(root=run.folder).restore[-2] == "dvc pull"


def test_a_run_that_is_not_under_git(run: Clone, tmp_path: Path) -> None:
    (run.folder / ".git").rename(tmp_path / "away")
    found = cite(root=run.folder)
    assert found.identifier.startswith("urial uncommitted lock sha256:")
    assert (found.commit, found.author, found.year, found.url, found.restore) == (None, None, None, None, ())
    assert caveats(found) == {"no_commit": "the run is not under git, or has no commit yet: nothing names its state"}


def test_no_report(run: Clone) -> None:
    (run.folder / REPORT).unlink()
    with pytest.raises(UrialError) as error:
        cite(root=run.folder)
    assert str(error.value) == (f"{run.folder}/{REPORT}: not here\n  fix: git checkout {REPORT}")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pair": 1}', "\x00\xff"])
def test_a_report_that_cannot_be_read(run: Clone, text: str) -> None:
    (run.folder / REPORT).write_bytes(text.encode("latin-1"))
    with pytest.raises(UrialError) as error:
        cite(root=run.folder)
    assert str(error.value).startswith(f"{run.folder}/{REPORT}: ")
    assert str(error.value).endswith("\n  fix: if another version of urial wrote it, cite with that one")


def test_without_a_citation_file_the_software_is_the_installed_one(run: Clone) -> None:
    before = cite("HEAD", root=run.folder)
    (run.folder / "CITATION.cff").unlink()
    found = cite(root=run.folder)
    assert (found.authors, found.version, found.licence) == (before.authors, before.version, before.licence)
    assert found.title.startswith("urial: ")


def test_no_lock(run: Clone) -> None:
    (run.folder / "dvc.lock").unlink()
    found = cite(root=run.folder)
    assert (found.lock, " lock " in found.identifier) == (None, False)
    assert caveats(found)["lock"] == "there is no dvc.lock: nothing says what the figures were made of"

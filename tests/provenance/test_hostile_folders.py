"""Folders with pipes, devices and ways out of them: verify names them at once, and export copies nothing from outside."""

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from stages import plan
from tests.cli.commands import invoke
from tests.provenance.toy import commit, make_toy
from urial.core.errors import UrialError
from urial.provenance.crate import export_crate
from urial.provenance.verify.verification import verify_links
from urial.run.dvc_cache import DvcCache
from urial.run.files import Digests, misplaced
from urial.run.folders import run_folder
from urial.run.lockfile import Lock
from urial.run.pipeline import parameter_values, read_pipeline

CRATE = '{"@graph": [{"@type": "File", "@id": "%s", "sha256": "0"}]}'
LOCK = """\
schema: '2.0'
stages:
  plan:
    cmd: python -m stages.plan
    deps:
    - path: '%s'
      hash: md5
      md5: b73fa7dd83a4309fc61ddbb53e6979ff
      size: 1
"""


@pytest.fixture(autouse=True)
def _soon() -> Iterator[None]:
    """What reads a pipe waits for ever; then the test fails instead."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("still waiting after 60 seconds"))
    signal.alarm(60)
    yield
    signal.alarm(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of nothing."""
    made = tmp_path / "run"
    (made / "data/environment").mkdir(parents=True)
    (made / "dvc.yaml").write_text("stages: {}\n", "utf-8")
    (made / "params.yaml").write_text("{}\n", "utf-8")
    return made


def make_socket(path: Path) -> None:
    """Bound under its bare name: an address of a socket has room for about a hundred bytes."""
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


MAKERS: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a socket": make_socket,
    "a link that leads out of the run": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("what", MAKERS)
@pytest.mark.parametrize("crate", [True, False], ids=["crate", "run"])
@pytest.mark.parametrize("name", ["dvc.lock", "data/environment/x.json", "urial/x.py"])
def test_what_is_no_file_is_the_first_and_only_broken_link(folder: Path, what: str, crate: bool, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    MAKERS[what](folder / name)
    if crate:
        (folder / "ro-crate-metadata.json").write_text(CRATE % name, "utf-8")
    found = json.loads(invoke("verify", folder, "--json").stdout)
    expected = "files, folders, and links to what is in the run"
    problem = {
        "what": f"'{name}': {what}: nothing else was checked",
        "where": None,
        "expected": expected,
        "fix": "remove it",
    }
    assert found["links"] == [
        {"name": "layout", "status": "broken", "summary": "files and folders", "problems": [problem]}
    ]


def test_what_stands_beside_a_work_tree_is_not_looked_into_but_in_a_crate_all_is(folder: Path) -> None:
    for name in (".git", ".venv", ".dvc/cache", ".dvc/tmp"):
        (folder / name).mkdir(parents=True)
        os.mkfifo(folder / name / "pipe")
    (folder / "link").symlink_to("data")
    (folder / "loop").symlink_to("loop")
    assert list(misplaced(folder)) == []
    assert "layout" not in [link.name for link in verify_links(folder, in_git=False)]
    (folder / "ro-crate-metadata.json").write_text(CRATE % "dvc.yaml", "utf-8")
    (layout,) = verify_links(folder, in_git=False)
    assert [problem.what for problem in layout.problems] == [
        f"'{name}/pipe': a pipe: nothing else was checked" for name in (".venv", ".git", ".dvc/tmp", ".dvc/cache")
    ]


def test_a_pipe_has_no_digest_and_no_recorded_bytes(folder: Path) -> None:
    cache, md5 = DvcCache(folder), "0" * 32
    cache.path(md5).parent.mkdir(parents=True)
    os.mkfifo(cache.path(md5))
    os.mkfifo(folder / "pipe")
    assert message(lambda: Digests(folder).of(folder / "pipe")) == (
        f"{folder}/pipe: cannot be read: no file\n  fix: restore it: dvc checkout --force {folder}/pipe, or git checkout {folder}/pipe of what git keeps"
    )
    assert cache.bytes(md5) is None


def message(call: Callable[[], object]) -> str:
    with pytest.raises(UrialError) as error:
        call()
    return str(error.value)


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "C:/x", r"..\x", "a\\b"])
def test_paths_out_of_the_run_are_no_paths(folder: Path, path: str) -> None:
    lock = folder / "dvc.lock"
    lock.write_text(LOCK % path, "utf-8")
    assert message(lambda: Lock.read(folder)) == (
        f"{lock}: line 6: field 'stages.plan.deps.0.path': must be a path below the run's folder, got {path!r}\n"
        "  expected: a file that DVC wrote\n  fix: restore it: git checkout dvc.lock"
    )
    (folder / "ro-crate-metadata.json").write_text(CRATE % path.replace("\\", "%5C"), "utf-8")
    links = {link.name: link for link in verify_links(folder, in_git=False)}
    assert str(links["checksums"].problems[0]) == (
        f"ro-crate-metadata.json: {path!r}: no path below the crate's folder\n"
        "  where: ro-crate-metadata.json\n  fix: get the crate again from where it came from"
    )


@pytest.mark.parametrize(
    ("text", "what", "expected"),
    [
        ("vars: [/dev/zero]\nstages: {}\n", "vars: '/dev/zero'", "a file below the run's folder"),
        ("stages: {a: {cmd: x, vars: ['../x:key']}}\n", "vars: '../x:key'", "a file below the run's folder"),
        ("stages: {a: {cmd: x, wdir: ../x}}\n", "wdir: '../x'", "stages that run in the run's folder"),
    ],
)
def test_dvc_reads_no_variables_outside_of_the_run(folder: Path, text: str, what: str, expected: str) -> None:
    (folder / "dvc.yaml").write_text(text, "utf-8")
    assert message(lambda: read_pipeline(folder)) == f"{folder}/dvc.yaml: {what}\n  expected: {expected}"


def test_parameters_outside_of_the_run_are_not_read(folder: Path) -> None:
    (folder / "dvc.yaml").write_text("stages: {a: {cmd: x, params: [{/dev/zero: [key]}]}}\n", "utf-8")
    stage = read_pipeline(folder)["a"]
    assert message(lambda: parameter_values(folder, stage)) == (
        "dvc.yaml, stage a: params: '/dev/zero'\n  expected: a file below the run's folder"
    )


@pytest.mark.parametrize("name", ["link.txt", "data/report.txt", "data/folder/c.txt"])
@pytest.mark.parametrize("aim", ["outside", ".git/config", ".dvc/config.local"])
def test_a_link_to_what_is_no_file_of_the_run_is_not_exported(tmp_path: Path, name: str, aim: str) -> None:
    toy = make_toy(tmp_path)
    (tmp_path / "outside").write_text("secret", "utf-8")
    (toy.folder / ".dvc/config.local").write_text("", "utf-8")
    target = tmp_path / "outside" if aim == "outside" else toy.folder / aim
    (toy.folder / name).unlink(missing_ok=True)
    (toy.folder / name).symlink_to(target)
    commit(toy, "link")
    with run_folder(None, root=toy.folder) as run:
        assert message(lambda: export_crate(run, tmp_path / "crate")) == (
            f"'{name}': a link to '{target}', which is no file of the run\n  fix: remove the link, or put a file there"
        )
    assert not (tmp_path / "crate").exists()


@pytest.mark.parametrize("name", ["data", "data/models"])
def test_a_folder_of_outputs_that_is_a_link_is_told_the_way_back(name: str, folder: Path, tmp_path: Path) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name).rename(tmp_path / "big disk")
    (folder / name).symlink_to(tmp_path / "big disk")
    (layout,) = verify_links(folder, in_git=False)
    assert layout.problems[0].fix == (
        f"`rm {name} && mv '{tmp_path}/big disk' {name}`; where space is short, move DVC's cache (`dvc cache dir --local "
        "FOLDER`) and the row cache (URIAL_CACHE_DIR), or the whole repository"
    )


def test_files_that_dvc_linked_to_a_cache_elsewhere_are_told_how_dvc_puts_copies_there(
    folder: Path, tmp_path: Path
) -> None:
    (stored := tmp_path / "cache/files/md5/ab/cd").parent.mkdir(parents=True)
    stored.write_text("x")
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data/x.json").symlink_to(stored)
    (layout,) = verify_links(folder, in_git=False)
    assert layout.problems[0].fix == "`dvc config --local cache.type reflink,copy`, then `dvc checkout --relink`"


@pytest.mark.parametrize("name", ["data", "data/plan"])
def test_no_stage_writes_through_a_link(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).symlink_to(tmp_path / "other")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(plan.main, [])
    assert result.exit_code == 1
    assert result.output.startswith(
        f"Error: {name}: a link to '{tmp_path}/other'\n  expected: a folder: DVC and git follow"
    )
    assert f"  fix: `rm {name} && mv {tmp_path}/other {name}`; where space is short" in result.output

"""What reads a work tree waits for DVC: while it writes there, what is missing or half written is neither."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

import urial.provenance.verify.verification
from tests.cli.commands import invoke
from tests.clones import Clone
from tests.provenance.toy import FILES, commit, make_toy
from urial.core.errors import UrialError
from urial.provenance.verify.verification import Link
from urial.run.folders import run_folder
from urial.run.running import COMMAND, EXPERIMENT, WRITING, Writer, require_nothing_running, writer_of

# Waits for the end of its run where a file `wait` is there.
SLOW = FILES["make.py"] + 'import time\nwhile Path("wait").exists():\n    Path("begun").touch()\n    time.sleep(0.02)\n'
NOBODY = 2**22 + 1


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = make_toy(tmp_path_factory.mktemp("running"), {"make.py": SLOW, ".gitignore": "/wait\n/begun\n"})
    made.edit("value: 1", "value: 2")
    commit(made, "another value")
    return made


@contextmanager
def running(toy: Clone, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """DVC at work in the run, until the block ends."""
    (toy.folder / "wait").touch()
    dvc = subprocess.Popen(
        [sys.executable, "-m", "dvc", *command], cwd=toy.folder, env=toy.environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        # Before its stage, DVC writes other files.
        while not (toy.folder / "begun").exists():
            assert time.monotonic() < deadline
            assert dvc.poll() is None
            time.sleep(0.05)
        yield dvc
    finally:
        (toy.folder / "wait").unlink()
        dvc.wait(60)
        (toy.folder / "begun").unlink(missing_ok=True)


@pytest.mark.parametrize("command", [("repro",), ("exp", "run", "--name", "slow", "-S", "value=3")])
def test_a_run_in_progress_is_said(toy: Clone, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(toy.folder)
    with running(toy, *command) as dvc:
        for asked in (("verify",), ("trace", "x"), ("cite",), ("compare", ".", "HEAD"), ("export", "aside")):
            result = invoke(*asked)
            assert (result.exit_code, result.stdout) == (1, ""), asked
            assert result.stderr.startswith(
                f"Error: a run is in progress: 'dvc {' '.join(command)}' (process {dvc.pid}), which writes 'data/"
            )
            assert result.stderr.endswith(
                "\n  fix: wait until it has ended; or look at what is committed: --rev HEAD\n"
            )
        # A revision is not where DVC writes.
        with run_folder("HEAD", needs=()):
            pass
    assert writer_of(Path()) is None


def test_a_killed_run_is_no_run(toy: Clone) -> None:
    toy.edit("value: ", "value: 1")
    with running(toy, "repro", "--force") as dvc:
        os.killpg(dvc.pid, signal.SIGKILL)
        dvc.wait(60)
        assert json.loads((toy.folder / WRITING).read_bytes())["write"]
        assert writer_of(toy.folder) is None


@pytest.mark.parametrize(
    "noted",
    [
        b"", b"{", b"[]", b"null", b'{"write": []}', b'{"write": {"x": []}}', b'{"write": {"x": {"pid": "1"}}}', b'{"write": {"x": {"pid": -1}}}',
        b'{"write": {"x": {"pid": 0, "cmd": 1}}}', b'{"write": {"x": {"pid": %d}}}' % NOBODY, b'{"write": {"x": {"pid": 1e999}}}',
        b'{"read": {"x": [{"pid": 1, "cmd": "dvc status"}]}}', b"[" * 100_000, b"\xff", b'{"write": {"x": {"pid": %d}}}' % 10**30,
    ],
)  # fmt: skip
def test_what_names_no_process_that_writes_is_no_run(noted: bytes, tmp_path: Path) -> None:
    for name in (WRITING, EXPERIMENT):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(noted)
    assert writer_of(tmp_path) is None


def note(folder: Path, name: str, noted: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(noted), "utf-8")
    return path


def test_an_experiment_between_two_stages_is_one(tmp_path: Path) -> None:
    note(tmp_path, EXPERIMENT, {"pid": os.getpid(), "stdin": None, "returncode": None})
    with pytest.raises(UrialError) as caught:
        require_nothing_running(tmp_path)
    assert caught.value.what == f"{tmp_path}: a run is in progress: an experiment of DVC (process {os.getpid()})"


# A process named as DVC's is; what it does is nothing.
IDLE = "import time; time.sleep(600)"


@pytest.fixture
def named_as(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts processes whose command line is one of DVC's; they end with the test."""
    script, started = tmp_path / "bin/dvc", list[subprocess.Popen[bytes]]()
    script.parent.mkdir()
    script.write_text(IDLE, "utf-8")

    def start(*words: str) -> int:
        started.append(subprocess.Popen([sys.executable, str(script), *words]))
        # For a moment after it began, a process has no command line.
        while not psutil.Process(started[-1].pid).cmdline():
            time.sleep(0.01)
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.wait(60)


@pytest.mark.parametrize(
    ("words", "writes"),
    [
        (("repro", "--force"), True), (("-q", "exp", "run", "-S", "a=1"), True), (("pull",), True), (("status",), False), (("exp", "show"), False),
    ],
)  # fmt: skip
def test_a_run_that_begins_or_is_between_two_stages_is_one(
    words: tuple[str, ...], writes: bool, named_as: Callable[..., int], tmp_path: Path
) -> None:
    pid = named_as(*words)
    (tmp_path / COMMAND).parent.mkdir(parents=True)
    (tmp_path / COMMAND).write_text(f" {pid}\n", "utf-8")
    found = writer_of(tmp_path)
    assert found == (Writer(pid, f"dvc {' '.join(words)}", "") if writes else None)


@pytest.mark.parametrize("noted", [b"", b" \n", b"x", b" -1\n", b" %d\n" % NOBODY, b"9" * 100, b"\xff"])
def test_what_no_command_of_dvc_wrote_is_no_run(noted: bytes, tmp_path: Path) -> None:
    (tmp_path / COMMAND).parent.mkdir(parents=True)
    (tmp_path / COMMAND).write_bytes(noted)
    assert writer_of(tmp_path) is None


def test_a_run_that_begins_while_verify_works_is_said_before_any_broken_link(
    toy: Clone, monkeypatch: pytest.MonkeyPatch, named_as: Callable[..., int]
) -> None:
    monkeypatch.chdir(toy.folder)
    toy.edit("value: ", "value: 7")
    pid = named_as("repro")
    original = urial.provenance.verify.verification.verify_links

    def begun(root: Path, in_git: bool) -> Iterator[Link]:
        (root / COMMAND).write_text(f" {pid}\n", "utf-8")
        yield from original(root, in_git)

    with monkeypatch.context() as during:
        during.setattr("urial.provenance.verify.verification.verify_links", begun)
        result = invoke("verify")
    assert (result.exit_code, "BROKEN" in result.stdout) == (1, False)
    assert result.stderr.startswith(f"Error: a run is in progress: 'dvc repro' (process {pid})\n")
    (toy.folder / COMMAND).unlink()
    assert "BROKEN" in invoke("verify").stdout


def test_a_process_that_began_later_has_the_number_of_a_killed_one(tmp_path: Path) -> None:
    path = note(tmp_path, WRITING, {"write": {"/x": {"pid": os.getpid(), "cmd": "dvc repro\x1b[2J"}}})
    found = writer_of(tmp_path)
    assert found is not None
    assert (found.pid, found.path) == (os.getpid(), "/x")
    os.utime(path, (1, 1))
    assert writer_of(tmp_path) is None

"""What reads a work tree waits for DVC: while it writes there, what is missing or half written is neither."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import invoke
from tests.clones import Clone
from tests.provenance.toy import FILES, commit, make_toy
from urial.core.errors import UrialError
from urial.run.folders import run_folder
from urial.run.running import EXPERIMENT, WRITING, require_nothing_running, writer_of

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
        for asked in (("verify",), ("trace", "x"), ("cite",), ("compare", ".", "HEAD"), ("export", "crate")):
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


def test_a_process_that_began_later_has_the_number_of_a_killed_one(tmp_path: Path) -> None:
    path = note(tmp_path, WRITING, {"write": {"/x": {"pid": os.getpid(), "cmd": "dvc repro\x1b[2J"}}})
    found = writer_of(tmp_path)
    assert found is not None
    assert (found.pid, found.path) == (os.getpid(), "/x")
    os.utime(path, (1, 1))
    assert writer_of(tmp_path) is None

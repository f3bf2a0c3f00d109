"""Standard output that takes nothing more ends every command in one line, or quietly, with an exit code that says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, make_query
from urial.core.store import write_jsonl

FULL = Path("/dev/full")
NO_SPACE = "Error: standard output: No space left on device\n  fix: free some space there, or name another place\n"
# Short and long texts, JSON, bytes as they are, help that no command prints, and what a command prints while it works.
COMMANDS: dict[str, list[str]] = {
    "help": ["--help"],
    "version": ["--version"],
    "help of a command": ["token-shift", "measure", "--help"],
    "a list": ["prompts", "list"],
    "bytes": ["prompts", "render", "general/urial-k8", "--query", "Why?"],
    "json": ["prompts", "list", "--json"],
    "a file's check": ["validate", "SET"],
    "schemas": ["schemas", "check"],
}


def run(arguments: list[str], tmp_path: Path, **options: object) -> "subprocess.CompletedProcess[bytes]":
    write_jsonl(tmp_path / "instructions.jsonl", [make_query("a")])
    words = [str(tmp_path / "instructions.jsonl") if word == "SET" else word for word in arguments]
    environment = {**os.environ, "URIAL_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "urial", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, check=False, **options)  # type: ignore[call-overload, no-any-return]


@pytest.mark.skipif(not FULL.exists(), reason="this system has no file that is always full")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_line(name: str, tmp_path: Path) -> None:
    with FULL.open("wb") as full:
        done = run(COMMANDS[name], tmp_path, stdout=full)
    assert (done.returncode, done.stderr.decode()) == (1, NO_SPACE)


@pytest.mark.parametrize("name", ["version", "a list", "bytes"])
def test_a_reader_that_is_gone_ends_it_quietly(name: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(COMMANDS[name], tmp_path, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_closed_one_is_one_line(tmp_path: Path) -> None:
    done = run(["prompts", "list"], tmp_path, preexec_fn=lambda: os.close(1))
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[0] == "Error: standard output: Bad file descriptor"


def test_a_command_that_fails_keeps_its_own_message(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(["validate", str(tmp_path / "none.jsonl")], tmp_path, stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert b"none.jsonl" in done.stderr


def test_what_is_printed_is_what_was_printed_before(tmp_path: Path) -> None:
    done = run(["prompts", "render", "general/urial-k1", "--query", "Wié? 漢"], tmp_path, stdout=subprocess.PIPE)
    assert done.returncode == 0
    assert "Wié? 漢" in done.stdout.decode("utf-8")

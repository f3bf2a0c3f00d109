"""A real `urial judge` process, killed again and again, ends with the file of an undisturbed run."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, make_query
from tests.judge.conftest import answered
from tests.judge_server import judging, obedient
from urial.core.store import write_jsonl

COMMAND = Path(sys.executable).with_name("urial")
ROWS = 150
CANARY = "sk-canary-0123456789"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with answers to judge."""
    instructions = [make_query(f"q{number}", turns=(f"Why {number}?",)) for number in range(ROWS)]
    write_jsonl(tmp_path / "data/instructions.jsonl", instructions)
    write_jsonl(tmp_path / "answers.jsonl", [answered(item, f"Because of {item.id}.") for item in instructions])
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    return tmp_path


def set_judge(folder: Path, url: str, more: str = "") -> None:
    judge = f"{{kind: openai, server: '{url}', model: judge, limits: {{concurrency: 2}}, {more}}}"
    params = (ROOT / "params.yaml").read_text("utf-8").replace("judges:\n", f"judges:\n  mine: {judge}\n")
    (folder / "params.yaml").write_text(params, "utf-8")


def start(folder: Path, out: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "URIAL_CACHE_DIR": str(folder / out / "rows"), "OPENAI_API_KEY": CANARY}
    return subprocess.Popen(
        [COMMAND, "judge", "answers.jsonl", "--judge", "mine", "--out", f"{out}.jsonl"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(folder: Path, out: str) -> bytes:
    """Run to the end; the process's own words are returned."""
    with start(folder, out) as process:
        said = b"".join(process.communicate(timeout=120))
    assert process.returncode == 0, said
    return said


def slowly(body: dict[str, Any]) -> dict[str, Any]:
    time.sleep(0.05)
    return obedient(body)


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.thorough)])
def test_killed_again_and_again_it_ends_as_if_undisturbed(folder: Path, kills: int) -> None:
    chance = random.Random(0)
    with judging(slowly) as server:
        set_judge(folder, server.url)
        for _ in range(kills):
            before = len(server.asked)
            with start(folder, "killed") as process:
                while len(server.asked) == before and process.poll() is None:
                    time.sleep(0.005)
                time.sleep(chance.random() * 0.3)
                process.send_signal(signal.SIGKILL)
            assert process.returncode == -signal.SIGKILL
            assert not (folder / "killed.jsonl").exists()
        finish(folder, "killed")
        asked = len(server.questions())
        finish(folder, "undisturbed")
    assert (folder / "killed.jsonl").read_bytes() == (folder / "undisturbed.jsonl").read_bytes()
    assert (folder / "killed.jsonl").read_bytes().count(b'"status":"scored"') >= ROWS
    assert asked <= ROWS + 2 * kills, "only what was under way is asked again"


def test_no_key_gets_into_any_file_or_word(folder: Path) -> None:
    def repeats(body: dict[str, Any]) -> Any:
        if "Why 9?" in body["messages"][0]["content"]:
            return 401, {"error": {"message": f"wrong key {CANARY}, header Bearer {CANARY}"}}
        return obedient(body)

    def repeats_with_status_200(body: dict[str, Any]) -> Any:
        hello = body["messages"][0]["content"].startswith("Say hello")
        return obedient(body) if hello else {"id": 1, "error": {"message": f"wrong key {CANARY}"}, "choices": []}

    with judging(repeats) as server:
        set_judge(folder, server.url)
        with start(folder, "out") as process:
            said = b"".join(process.communicate(timeout=120))
        assert process.returncode == 1
        assert b"status 401" in said
        assert any(headers.get("authorization") == f"Bearer {CANARY}" for headers in server.headers)
        set_judge(folder, server.url.replace("http://", f"http://me:{CANARY}@"))
        with start(folder, "out") as process:
            said += b"".join(process.communicate(timeout=120))
        set_judge(folder, server.url, "response_format: text, on_failure: record, max_reasks: 0")
        server.reply = repeats_with_status_200
        said += finish(folder, "out")
    found = [path for path in folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert found == []
    assert CANARY.encode() not in said

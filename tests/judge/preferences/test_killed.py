"""A real `urial compare-answers` process, killed again and again, ends with the file of an undisturbed run."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, make_query
from tests.judge.preferences.comparing import answered, choosing, longer
from tests.judge.test_killed import COMMAND
from tests.judge_server import judging
from urial.core.store import write_jsonl

ROWS = 75
DECIDE = choosing(longer)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with two files of answers."""
    instructions = [make_query(f"q{number}", turns=(f"Why {number}?",)) for number in range(ROWS)]
    write_jsonl(tmp_path / "data/instructions.jsonl", instructions)
    for name, system, text in (("ours", "base", "Because of"), ("theirs", "other", "It is")):
        rows = [answered(item, f"{text} {item.id}.", system=system) for item in instructions]
        write_jsonl(tmp_path / f"{name}.jsonl", rows)
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    return tmp_path


def start(folder: Path, out: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "URIAL_CACHE_DIR": str(folder / out / "rows")}
    return subprocess.Popen(
        [COMMAND, "compare-answers", "ours.jsonl", "theirs.jsonl", "--judge", "mine", "--rubric", "preference/overall-1",
         "--out", f"{out}.jsonl"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(folder: Path, out: str) -> None:
    with start(folder, out) as process:
        said = b"".join(process.communicate(timeout=120))
    assert process.returncode == 0, said


def slowly(body: dict[str, Any]) -> Any:
    time.sleep(0.05)
    return DECIDE(body)


@pytest.mark.parametrize("kills", [pytest.param(1), pytest.param(10, marks=pytest.mark.thorough)])
def test_killed_again_and_again_it_ends_as_if_undisturbed(folder: Path, kills: int) -> None:
    chance = random.Random(0)
    with judging(slowly) as server:
        judge = (
            f"{{kind: openai, server: '{server.url}', model: judge, response_format: text, limits: {{concurrency: 2}}}}"
        )
        params = (ROOT / "params.yaml").read_text("utf-8").replace("judges:\n", f"judges:\n  mine: {judge}\n")
        (folder / "params.yaml").write_text(params, "utf-8")
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
        asked = server.questions()
        finish(folder, "undisturbed")
    assert (folder / "killed.jsonl").read_bytes() == (folder / "undisturbed.jsonl").read_bytes()
    assert (folder / "killed.jsonl").read_bytes().count(b'"status":"compared"') >= ROWS
    assert len(asked) <= 2 * ROWS + 2 * kills, "only what was under way is asked again"
    assert len(set(asked)) == 2 * ROWS, "both orders of every pair"

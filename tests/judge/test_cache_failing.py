"""A row cache that fails while a judge's replies are under way ends the process, with its one message."""

import os
import shutil
import sqlite3
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

# The command, which waits for another process no longer than a test can.
WAITING = "import urial.core.row_cache as cache\ncache.TIMEOUT = 0.3\nfrom urial.cli import main\nmain()"
FAULTS = {
    "locked": "BEGIN IMMEDIATE",
    "damaged": "DROP TABLE rows",
    "full": "CREATE TRIGGER full BEFORE INSERT ON rows BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END",
}
SAID = {"locked": "database is locked", "damaged": "no such table: rows", "full": "database or disk is full"}


def slowly(body: dict[str, Any]) -> dict[str, Any]:
    time.sleep(0.3)
    return obedient(body)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_process_ends_with_one_message(tmp_path: Path, fault: str) -> None:
    instructions = [make_query(f"q{number}", turns=(f"Why {number}?",)) for number in range(40)]
    write_jsonl(tmp_path / "data/instructions.jsonl", instructions)
    write_jsonl(tmp_path / "answers.jsonl", [answered(item) for item in instructions])
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    with judging(slowly) as server:
        # By a name, which a thread of the loop looks up.
        url = server.url.replace("127.0.0.1", "localhost")
        judge = f"{{kind: openai, server: '{url}', model: judge, limits: {{concurrency: 4}}}}"
        params = (ROOT / "params.yaml").read_text("utf-8").replace("judges:\n", f"judges:\n  mine: {judge}\n")
        (tmp_path / "params.yaml").write_text(params, "utf-8")
        environment = {**os.environ, "URIAL_CACHE_DIR": str(tmp_path / "rows"), "OPENAI_API_KEY": "none"}
        command = [sys.executable, "-c", WAITING, "judge", "answers.jsonl", "--judge", "mine", "--out", "out.jsonl"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                while not server.questions() and process.poll() is None:
                    time.sleep(0.005)
                other = sqlite3.connect(tmp_path / "rows/rows.sqlite", timeout=60, isolation_level=None)
                other.execute(FAULTS[fault])
                _, said = process.communicate(timeout=60)
            finally:
                process.kill()
            other.close()
    assert process.returncode == 1
    assert said.endswith(
        f"{tmp_path}/rows/rows.sqlite: the row cache cannot be used: {SAID[fault]}\n"
        f"  fix: free some space, or move {tmp_path}/rows/rows.sqlite away, or set URIAL_CACHE_DIR to another folder\n"
    )
    assert (said.count("Error: "), said.count("Traceback")) == (1, 0)

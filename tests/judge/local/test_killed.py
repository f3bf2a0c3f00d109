"""A real `urial judge` process with a judge in it, killed in the middle, ends with the file of an undisturbed run."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, make_query
from tests.judge.conftest import answered
from tests.tiny_models import save_folder, tiny_model
from urial.core.store import write_jsonl

COMMAND = Path(sys.executable).with_name("urial")
ANSWERS = 24


def start(folder: Path, out: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [COMMAND, "judge", "answers.jsonl", "--judge", "mine", "--out", f"{out}.jsonl"],
        cwd=folder, env={**os.environ, "URIAL_CACHE_DIR": str(folder / out / "rows")}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip


def replies(folder: Path, out: str) -> dict[str, str]:
    try:
        with sqlite3.connect(f"file:{folder / out / 'rows/rows.sqlite'}?mode=ro", uri=True) as connection:
            return dict(connection.execute("SELECT key, value FROM rows"))
    except sqlite3.OperationalError:
        return {}


@pytest.mark.thorough
@pytest.mark.parametrize(
    "fields",
    [
        "max_tokens: 40, batch_size: 2",
        "response_format: score_tokens, rubrics: {regular: single/1, safety: single/1}",
    ],
)
def test_a_killed_judge_is_asked_only_the_rest_and_ends_as_if_undisturbed(tmp_path: Path, fields: str) -> None:
    instructions = [make_query(f"q{number}", turns=(f"Why {number}?",)) for number in range(ANSWERS)]
    write_jsonl(tmp_path / "data/instructions.jsonl", instructions)
    write_jsonl(tmp_path / "answers.jsonl", [answered(item, f"Because of {item.id}.") for item in instructions])
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    model = save_folder(tmp_path / "judge", tiny_model("llama", seed=2, max_position_embeddings=8_192))
    judge = f"{{kind: transformers, model: {{folder: {model}}}, {fields}}}"
    params = (ROOT / "params.yaml").read_text("utf-8").replace("judges:\n", f"judges:\n  mine: {judge}\n")
    (tmp_path / "params.yaml").write_text(params, "utf-8")

    with start(tmp_path, "killed") as process:
        while len(replies(tmp_path, "killed")) < 4 and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    finished = replies(tmp_path, "killed")
    assert not (tmp_path / "killed.jsonl").exists()
    for out in ("killed", "undisturbed"):
        with start(tmp_path, out) as process:
            said, _ = process.communicate(timeout=240)
        assert process.returncode == 0, said
        if out == "killed":
            assert f"{len(finished)} replies from the row cache".encode() in said
    everything = replies(tmp_path, "killed")
    assert everything == replies(tmp_path, "undisturbed")
    assert 4 <= len(finished) < len(everything)
    assert {key: everything[key] for key in finished} == finished
    assert (tmp_path / "killed.jsonl").read_bytes() == (tmp_path / "undisturbed.jsonl").read_bytes()

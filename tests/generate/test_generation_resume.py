"""Answers survive a killed process: each is kept the moment it is finished."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.generate.test_generation import PROMPTS, answered, instruction_of, make_plan, make_prompt
from tests.tiny_models import decoding, tiny_folder
from urial.core.hashing import canonical_json
from urial.core.row_cache import RowCache
from urial.core.store import write_json, write_jsonl
from urial.records.completion import Answer
from urial.records.params.file import Generation


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path / "cache") as opened:
        yield opened


CHILD = """
import sys
from pathlib import Path
from urial.generate.run import generate
from urial.records.plans import SystemPlan
from urial.records.completion import AssembledPrompt
from urial.records.instruction import Instruction
from urial.core.row_cache import RowCache
from urial.core.store import read_json
from urial.core.store import read_jsonl
from urial.core.store import write_jsonl
folder, model = map(Path, sys.argv[1:])
with RowCache() as cache:
    plan = read_json(folder / "plan.json", SystemPlan)
    instructions = read_jsonl(folder / "instructions.jsonl", Instruction)
    rows = generate(plan, instructions, read_jsonl(folder / "prompts.jsonl", AssembledPrompt), model, cache)
write_jsonl(folder / "out.jsonl", rows)
"""


def cached_rows(folder: Path) -> dict[str, str]:
    try:
        with sqlite3.connect(f"file:{folder / 'rows.sqlite'}?mode=ro", uri=True) as connection:
            return dict(connection.execute("SELECT key, value FROM rows"))
    except sqlite3.OperationalError:
        return {}


def test_killed_run_resumes_with_its_finished_rows_and_ends_as_if_undisturbed(tmp_path: Path, cache: RowCache) -> None:
    prompts = [make_prompt(f"# Query:\nWhat is number {number}?\n", number, stop=()) for number in range(16)]
    plan = make_plan(
        decoding=decoding(max_new_tokens=150), generation=Generation(batch_size=1, on_context_overflow="record")
    )
    write_json(tmp_path / "plan.json", plan)
    write_jsonl(tmp_path / "prompts.jsonl", prompts)
    write_jsonl(tmp_path / "instructions.jsonl", map(instruction_of, prompts))
    rows = tmp_path / "child-cache"
    environment = {**os.environ, "URIAL_CACHE_DIR": str(rows), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CHILD, str(tmp_path), str(tiny_folder("llama"))]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL) as child:
        deadline = time.monotonic() + 120
        while len(cached_rows(rows)) < 3 and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    finished = cached_rows(rows)
    assert child.returncode == -signal.SIGKILL
    assert 3 <= len(finished) < len(prompts)
    assert not (tmp_path / "out.jsonl").exists()

    # A mark in a finished row shows that it is taken as it is, and not computed again.
    marked = min(finished)
    with sqlite3.connect(rows / "rows.sqlite") as connection:
        value = finished[marked].replace('"finish":"length"', '"finish":"end_token"')
        connection.execute("UPDATE rows SET value = ? WHERE key = ?", (value, marked))
    with RowCache(rows) as resumed:
        again = answered(plan, prompts, tiny_folder("llama"), resumed)
    assert [row.answer.finish for row in again if row.answer and row.key == marked] == ["end_token"]

    with sqlite3.connect(rows / "rows.sqlite") as connection:
        connection.execute("UPDATE rows SET value = ? WHERE key = ?", (finished[marked], marked))
    with RowCache(rows) as resumed:
        write_jsonl(tmp_path / "resumed.jsonl", answered(plan, prompts, tiny_folder("llama"), resumed))
    write_jsonl(tmp_path / "undisturbed.jsonl", answered(plan, prompts, tiny_folder("llama"), cache))
    assert digest(tmp_path / "resumed.jsonl") == digest(tmp_path / "undisturbed.jsonl")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_row_is_kept_the_moment_it_is_finished(cache: RowCache, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    from urial.generate.transformers_batch import TransformersEngine

    original = TransformersEngine.complete

    def watched(self: Any, *args: Any) -> Iterator[tuple[int, Answer]]:
        for item in original(self, *args):
            kept.append(len(cached_rows(cache.path.parent)))
            yield item

    monkeypatch.setattr(TransformersEngine, "complete", watched)
    rows = answered(make_plan(), PROMPTS, tiny_folder("llama"), cache)
    assert kept == [0, 1, 2]
    stored = cached_rows(cache.path.parent)
    for row in rows:
        assert row.answer is not None
        assert row.key is not None
        assert stored[row.key].encode() == canonical_json(row.answer.model_dump(mode="json"))

"""A run against a server that is killed again and again: no finished row is asked for twice, and the end is the same."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, make_query
from tests.fake_model import FakeModel
from tests.faulty_server import Asked, Reply, late, serving_faulty
from tests.generate.test_generation_resume import CHILD, cached_rows
from tests.served import base_plan, served_folders, served_model
from urial.core.row_cache import RowCache
from urial.core.store import write_json, write_jsonl
from urial.generate.keys import completion_key
from urial.generate.run import generate
from urial.prompts.versions.assembly import assemble
from urial.records.model import Limits, read_manifest

KILLS = 3
ROWS_A_ROUND = 4


def slow(asked: Asked) -> Reply:
    return late(0.03, FakeModel().reply(asked))


@pytest.mark.thorough
def test_killed_runs_resume_and_end_as_if_undisturbed(tmp_path: Path) -> None:
    queries = [make_query(f"q{number}", turns=(f"Tell me about {number}.",)) for number in range(30)]
    rows = tmp_path / "rows"
    with serving_faulty(slow) as server:
        model = served_model(server.url, limits=Limits(concurrency=2))
        folder = served_folders(model, model, tmp_path / "models") / "base"
        plan = base_plan(model)
        prompts = assemble(plan, queries, folder)
        keys = {completion_key(read_manifest(folder), prompt, plan): prompt.text for prompt in prompts}
        write_json(tmp_path / "plan.json", plan)
        write_jsonl(tmp_path / "prompts.jsonl", prompts)
        write_jsonl(tmp_path / "instructions.jsonl", queries)
        environment = {**os.environ, "URIAL_CACHE_DIR": str(rows), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", CHILD, str(tmp_path), str(folder)]
        for number in range(KILLS + 1):
            finished, before = cached_rows(rows), len(server.asked)
            with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL) as child:
                while number < KILLS and len(cached_rows(rows)) < len(finished) + ROWS_A_ROUND and child.poll() is None:
                    time.sleep(0.01)
                if number < KILLS:
                    child.send_signal(signal.SIGKILL)
            assert child.returncode == (-signal.SIGKILL if number < KILLS else 0)
            assert (tmp_path / "out.jsonl").exists() == (number == KILLS)
            # Of a request that was being sent when its sender was killed, only a part arrives.
            whole = [item.text for item in server.asked[before:] if item.text.endswith("}")]
            asked_again = {json.loads(text)["prompt"] for text in whole}
            assert not asked_again & {keys[key] for key in finished}
            assert len(cached_rows(rows)) > len(finished)
        with RowCache(tmp_path / "fresh") as fresh:
            write_jsonl(tmp_path / "undisturbed.jsonl", generate(plan, queries, prompts, folder, fresh))
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "undisturbed.jsonl").read_bytes()

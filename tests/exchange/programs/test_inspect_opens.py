"""Inspect itself writes the logs of a run, and opens them: `inspect log dump` of the version that the extra pins."""

import json
import math
import re
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clones import Clone
from tests.conftest import ROOT
from tests.exchange.programs.conftest import LISTS, printed
from urial.core.store import read_jsonl
from urial.records.completion import Completion
from urial.records.judgment import Judgment

pytestmark = pytest.mark.thorough


def test_the_version_is_the_one_that_the_extra_pins() -> None:
    (pinned,) = re.findall(r'^inspect = \["inspect-ai==(.*)"\]$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    assert f"inspect_ai=={pinned}\n" in (LISTS / "inspect.txt").read_text("utf-8")


@pytest.fixture(scope="module")
def exported_logs(
    python_with: Callable[[str], Path], finished_run: Clone, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Path]]:
    """The `inspect` command, and the logs of the finished run, which were written twice."""
    python = python_with("inspect")
    folder = tmp_path_factory.mktemp("inspect")
    # What urial itself needs stands behind what Inspect needs, as where the extra is installed.
    paths = [str(ROOT), sysconfig.get_path("purelib")]
    program = f"import sys; sys.path += {paths!r}; from urial.cli import main; main()"
    for name in ("once", "again"):
        done = subprocess.run(
            [python, "-c", program, "export", "inspect", folder / name],
            cwd=finished_run.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    logs, others = (sorted((folder / name).iterdir()) for name in ("once", "again"))
    assert [path.read_bytes() for path in logs] == [path.read_bytes() for path in others]
    return python.with_name("inspect"), logs


def test_inspect_dumps_answers_and_judgments(exported_logs: tuple[Path, list[Path]], finished_run: Clone) -> None:
    inspect, logs = exported_logs
    assert len(logs) == 3
    for path in logs:
        log = json.loads(printed(inspect, "log", "dump", path))
        system = log["eval"]["metadata"]["system"]
        answers = read_jsonl(finished_run.folder / f"data/generations/{system}.jsonl", Completion)
        judgments = read_jsonl(finished_run.folder / f"data/judgments/{system}.jsonl", Judgment)
        # It sorts samples by their ids.
        samples = {sample["id"]: sample for sample in log["samples"]}
        assert sorted(samples) == sorted(row.instruction_id for row in answers)
        for answer, judgment in zip(answers, judgments, strict=True):
            sample = samples[answer.instruction_id]
            assert answer.answer is not None
            assert sample["messages"][1]["content"] == answer.answer.text
            for score in judgment.scores:
                value = sample["scores"][score.aspect]["value"]
                assert value == score.score if score.score is not None else math.isnan(value)
                assert sample["scores"][score.aspect]["explanation"] == score.rationale


def test_inspect_lists_the_logs(exported_logs: tuple[Path, list[Path]]) -> None:
    inspect, logs = exported_logs
    listed = json.loads(printed(inspect, "log", "list", "--json", "--log-dir", logs[0].parent))
    assert sorted(log["task"] for log in listed) == [
        "microworld-aligned",
        "microworld-base-urial",
        "microworld-base-zero-shot",
    ]

"""The real pipeline, run by the real DVC in a temporary clone."""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.clones import CONTEXTS, SYSTEMS, Clone, make_clone, stages_run
from tests.judge_server import MODEL, judging
from urial.core.hashing import short_hash
from urial.prompts.versions.library import load_prompt, prompt_hash
from urial.run.paths import validate_file

UP_TO_DATE = "Data and pipelines are up to date."


@pytest.mark.slow
def test_every_output_is_valid_and_all_counts_add_up(clone: Clone) -> None:
    data = clone.folder / "data"
    files = [*data.rglob("*.json"), *data.rglob("*.jsonl"), *data.rglob("*.parquet")]
    # Those of others: configurations of models, and specifications of Vega-Lite.
    others = {"models", "charts"}
    ours = [path for path in files if others.isdisjoint(path.parts) or path.name == "manifest.json"]
    assert len(ours) > 4 * len(SYSTEMS)
    for path in ours:
        validate_file(path)
    report = json.loads((data / "report/report.json").read_text("utf-8"))
    for system in report["systems"].values():
        assert system["instructions"] == system["ok"] + system["too_long"] == 70
        assert system["helpfulness"]["total"] + system["safety"]["total"] == 70
        for aspect in ("helpfulness", "clarity", "factuality", "depth", "engagement", "safety"):
            found = system[aspect]
            unscored = ("not_applicable", "invalid", "refused", "filtered", "failed", "no_completion")
            assert found["total"] == found["scored"] + sum(found[name] for name in unscored)
    for shift in report["token_shift"].values():
        assert shift["measured"] + shift["no_answer"] + shift["too_long"] == 70
        assert sum(shift[name]["mean"] for name in ("unshifted", "marginal", "shifted")) == pytest.approx(1)


@pytest.mark.slow
def test_a_second_run_has_nothing_to_do(clone: Clone) -> None:
    output = clone.run("dvc", "repro").stdout
    assert stages_run(output) == set()
    assert UP_TO_DATE in output


@pytest.mark.thorough
@pytest.mark.slow
def test_two_full_runs_give_the_same_bytes(clone: Clone, tmp_path: Path) -> None:
    other = make_clone(tmp_path)
    other.run("dvc", "repro")
    first, second = clone.outputs(), other.outputs()
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []
    assert (clone.folder / "dvc.lock").read_bytes() == (other.folder / "dvc.lock").read_bytes()


@pytest.mark.slow
def test_another_prompt_runs_its_system_alone_and_computes_its_rows_alone(clone: Clone) -> None:
    before = clone.outputs()
    output = clone.run("dvc", "exp", "run", "-S", "systems.base-urial.prompt=urial-k0").stdout
    assert stages_run(output) == {
        "plan",
        "assemble@base-urial",
        "generate@base-urial",
        "judge@base-urial",
        "preferences@base-urial",
        "token_shift@base-urial",
        "report",
    }
    assert "base-urial: 0 answers from the row cache, 70 to compute" in output
    after = clone.outputs()
    changed = {name for name in before if before[name] != after[name] and not name.startswith("data/report/")}
    # A pair trained for seconds may answer another prompt in ways that get the same scores.
    assert changed - {"data/judgments/base-urial.jsonl", "data/preferences/base-urial.jsonl"} == {
        "data/plan/systems/base-urial.json",
        "data/prompts/base-urial.jsonl",
        "data/generations/base-urial.jsonl",
        "data/token_shift/base-urial.parquet",
    }
    assert clone.run("dvc", "exp", "show", "--md").stdout.count("microworld/urial-k0") >= 1
    clone.run("git", "checkout", "--quiet", ".")
    assert UP_TO_DATE in clone.run("dvc", "repro").stdout or clone.outputs() == before


@pytest.mark.thorough
@pytest.mark.slow
def test_a_killed_stage_resumes_where_it_was(clone: Clone) -> None:
    before = clone.outputs()
    command = ["dvc", "repro", "--force", "--single-item", "generate@aligned"]
    fresh = {**clone.environment, "URIAL_CACHE_DIR": str(clone.cache.parent / "rows-killed")}
    killed = subprocess.Popen(
        command,
        cwd=clone.folder,
        env=fresh,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    rows = clone.cache.parent / "rows-killed" / "rows.sqlite-wal"
    deadline = time.monotonic() + 120
    while not (rows.is_file() and rows.stat().st_size > 30_000):
        assert time.monotonic() < deadline
        assert killed.poll() is None
        time.sleep(0.005)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    resumed = subprocess.run(command, cwd=clone.folder, env=fresh, capture_output=True, text=True, check=True).stdout
    found = int(resumed.split("aligned: ")[1].split(" answers from the row cache")[0])
    assert 0 < found < 70
    assert f"aligned: {found} answers from the row cache, {70 - found} to compute" in resumed
    assert clone.outputs() == before


@pytest.mark.thorough
@pytest.mark.slow
def test_a_misspelt_parameter_stops_the_run_before_anything_else(clone: Clone) -> None:
    lock = (clone.folder / "dvc.lock").read_bytes()
    clone.edit("top_k: 5", "topk: 5")
    line = (clone.folder / "params.yaml").read_text("utf-8").partition("topk")[0].count("\n") + 1
    failed = clone.run("dvc", "repro", check=False)
    clone.edit("topk: 5", "top_k: 5")
    assert failed.returncode != 0
    assert f"line {line}: unknown field 'token_shift.topk'; did you mean 'top_k'?" in failed.stdout
    assert "Traceback" not in failed.stdout
    assert stages_run(failed.stdout) == {"plan"}
    assert (clone.folder / "dvc.lock").read_bytes() == lock
    assert stages_run(clone.run("dvc", "repro").stdout) <= {"plan"}


@pytest.mark.thorough
@pytest.mark.slow
def test_a_queued_sweep_over_prompts_is_compared_side_by_side(clone: Clone) -> None:
    prompts = ("retrieval-k3", "general/zero-shot")
    clone.run("dvc", "exp", "run", "--queue", "-S", f"systems.base-urial.prompt={','.join(prompts)}")
    clone.run("dvc", "exp", "run", "--run-all", "--jobs", "1")
    # The worker can still be bringing in its last result.
    deadline = time.monotonic() + 60
    wanted = {"microworld/retrieval-k3", "general/zero-shot"}
    while not wanted <= (swept := shown(clone)).keys() and time.monotonic() < deadline:
        time.sleep(1)
    for name, row in ((name, swept[name]) for name in sorted(wanted)):
        prompt = prompt_hash(load_prompt(name, clone.folder / "prompts"))
        assert row["measured.base-urial.prompt_hash"] == short_hash(prompt)
        assert float(row["measured.base-urial.words"]) >= 0
        assert float(row["measured.base-urial.scored"]) > 0


def shown(clone: Clone) -> dict[str, dict[str, str]]:
    """What `dvc exp show` says of each experiment, by the prompt of base-urial."""
    done = subprocess.run(
        ["dvc", "exp", "show", "--csv"],
        cwd=clone.folder, env=clone.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = csv.DictReader(done.stdout.splitlines())
    return {row["measured.base-urial.prompt"]: row for row in rows if row["Experiment"]}


@pytest.mark.thorough
@pytest.mark.slow
def test_a_judge_behind_a_server_scores_the_answers_that_are_there(clone: Clone) -> None:
    clone.run("git", "checkout", "--quiet", ".")
    clone.run("dvc", "checkout", "--quiet")
    with judging() as server:
        clone.edit("judges:\n", f"judges:\n  mine: {{kind: openai, server: '{server.url}', model: {MODEL}}}\n")
        clone.edit("judge: rules ", "judge: mine ")
        output = clone.run("dvc", "repro").stdout
        scored, compared = (f"judge@{system}" for system in SYSTEMS), (f"preferences@{name}" for name in CONTEXTS)
        further = {"judge_blend@nudged", "judge_safety_depth@aligned"}
        assert stages_run(output) == {"plan", "report", *scored, *compared, *further}
        assert "tokens read" in output
        asked = len(server.questions())
    report = json.loads((clone.folder / "data/report/report.json").read_text("utf-8"))
    model = report["judge"]["model"]
    assert (report["judge"]["kind"], model["kind"], model["server"], model["model"]) == (
        "model",
        "openai",
        server.url,
        MODEL,
    )
    for system in report["systems"].values():
        assert (system["helpfulness"]["scored"], system["helpfulness"]["mean"]) == (system["helpfulness"]["total"], 4)
    assert f"Judge: openai/1 {server.url} {MODEL}, " in clone.run("urial", "report").stdout.replace("\\", "")
    # The server is gone, and with the row cache nobody misses it.
    clone.run("dvc", "repro", "--force", "--single-item", "judge@aligned")
    clone.run("dvc", "repro", "--force", "--single-item", "preferences@base-urial")
    assert asked <= 3 * 70 + 2 * 2 * 70
    figures = report["preferences"]["base-urial"]["criteria"]["overall"]
    assert (figures["ties"], figures["total"]) == (70, 70)

"""A run's files fill an empty row cache with the very rows that its stages kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import be_a_project, invoke
from tests.exchange.row_cache.shared_runs import (
    run_answered,
    run_compared,
    run_prepared,
    run_scored,
    write_judged_run,
)
from tests.exchange.row_cache.stored_rows import contents
from tests.judge_server import completion, judging, obedient
from tests.tiny_models import save_folder, tiny_folder, tiny_model
from urial.core.hashing import canonical_json
from urial.core.row_cache import RowCache
from urial.exchange.row_cache.files import load_rows
from urial.exchange.row_cache.kinds import Imported, kind_of
from urial.exchange.row_cache.run_rows import ASKED_ONCE, RunRows

DATA = Path("data")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    aligned = save_folder(tmp_path_factory.mktemp("aligned"), tiny_model("llama", seed=1), "aligned")
    return {"base": tiny_folder("llama"), "aligned": aligned}


def at_first_invalid(body: dict[str, Any]) -> Any:
    """Nonsense to the first attempt about every answer."""
    text = body["messages"][0]["content"]
    return obedient(body) if text.startswith("Say hello") or body.get("seed") != 7 else completion("No idea.")


def kept(folder: Path, *but: str) -> list[tuple[str, str]]:
    """The rows of a cache that are not of these kinds."""
    return [row for row in contents(folder) if kind_of(json.loads(row[1])) not in but]


def loaded(folder: Path) -> tuple[Imported, list[str]]:
    """What a new cache takes of the run in the working folder, and what is said of it."""
    with RowCache(folder) as cache:
        rows = RunRows(DATA, cache)
        return load_rows(cache, (), of_run=rows), rows.notes


def test_answers_replies_and_measurements_are_those_that_were_kept(
    pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with judging(at_first_invalid) as server:
        write_judged_run(tmp_path / "project", pair, server.url, max_reasks=1, seed=7)
        monkeypatch.chdir(tmp_path / "project")
        monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "mine"))
        run_prepared()
        run_answered()
        run_compared()
        run_scored("base-zero-shot")
        asked = len(server.asked)
        taken, notes = loaded(tmp_path / "theirs")
        assert len(server.asked) == asked
    assert kept(tmp_path / "theirs") == kept(tmp_path / "mine", "capabilities")
    # Eight answers, two replies about each, and two to each of two orders of four pairs; one batch.
    assert (taken.new, notes) == (8 + 16 + 16 + 1, [ASKED_ONCE])
    assert loaded(tmp_path / "theirs")[0].known == taken.new


def test_replies_of_a_judge_in_this_process_are_those_that_were_kept(
    pair: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save_folder(tmp_path / "judge", tiny_model("llama", seed=2, max_position_embeddings=8_192))
    told = {"kind": "transformers", "model": {"folder": str(model)}, "response_format": "score_tokens"}
    write_judged_run(tmp_path / "project", pair, None, rubrics={"regular": "single/1", "safety": "single/1"}, **told)
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "mine"))
    run_prepared()
    run_answered()
    run_compared()
    run_scored("base-zero-shot")
    taken, notes = loaded(tmp_path / "theirs")
    assert (kept(tmp_path / "theirs"), notes) == (kept(tmp_path / "mine"), [])
    # What was edited belongs under no key of the run.
    path = DATA / "generations/aligned.jsonl"
    first, *rest = path.read_bytes().splitlines()
    row = json.loads(first)
    path.write_bytes(b"\n".join([canonical_json({**row, "key": f"sha256:{'0' * 64}"}), *rest, b""]))
    monkeypatch.setenv("URIAL_CACHE_DIR", str(tmp_path / "others"))
    be_a_project(tmp_path / "project")
    result = invoke("cache", "load", "--from-run")
    assert (result.exit_code, result.stdout) == (0, f"{taken.new - 1} rows: {taken.new - 1} new, 0 already there\n")
    assert result.stderr == (
        "1 answers are under another key than their inputs give, since another version of urial made them or they were "
        "edited: not taken\n"
    )
    assert json.loads(invoke("cache", "load", "--from-run", "--json").stdout)["notes"] == [result.stderr.rstrip()]


def test_without_a_run_or_files_there_is_nothing_to_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Name files that `urial cache save` wrote, or --from-run." in invoke("cache", "load").output
    assert invoke("cache", "load", "--from-run").stderr.startswith("Error: no project: ")
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    result = invoke("cache", "load", "--from-run")
    assert (result.exit_code, result.stderr) == (1, "Error: data: no run here\n  fix: run `dvc pull`, or `dvc repro`\n")


@pytest.mark.parametrize(
    "path",
    [f"data/{kind}/aligned.jsonl" for kind in ("generations", "judgments", "safety_depth", "safety_verdicts")]
    + ["data/token_shift/compliance.parquet"],
)
def test_rows_that_were_edited_since_the_run_are_not_taken(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Their keys are those of their inputs still, and every later run would find them.
    monkeypatch.chdir(tmp_path)
    be_a_project(tmp_path)
    for file in ("data/plan/report.json", path):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("{}\n", "utf-8")
    recorded = {"path": path, "hash": "md5", "md5": "0" * 32, "size": 3}
    stages = {"generate@aligned": {"cmd": "generate", "outs": [recorded]}}
    (tmp_path / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}), "utf-8")
    result = invoke("cache", "load", "--from-run")
    assert (result.exit_code, result.stderr) == (
        1,
        f"Error: {path}: is not what dvc.lock recorded\n  expected: the rows that the run computed\n  fix: edited by hand or "
        f"swapped: dvc checkout --force {path}; to compute it again: dvc repro\n",
    )

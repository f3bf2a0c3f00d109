"""A study without an aligned model through all stages: what needs one has no rows, and everything says so."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clones import ALL_STAGES, CONTEXTS, SYSTEMS, Clone, commit_all, stages_run
from tests.conftest import ROOT, make_query
from tests.pipeline.in_process import edit_params, run_stages
from tests.tiny_models import tiny_folder
from urial.core.parquet import read_parquet
from urial.core.store import read_jsonl, write_jsonl
from urial.records.completion import Completion
from urial.records.left_out import LeftOut
from urial.records.model import FolderWeights, ServerModel, read_manifest
from urial.records.token_shift import shift_schema

pytestmark = pytest.mark.slow
BASES = SYSTEMS[1:]
BLENDED = ("nudged", "nudged-random")
GIVEN = ("base-answers", "compliance", "refusal")
LEFT_OUT = LeftOut(
    systems=("aligned",), base_systems=CONTEXTS, given=GIVEN, blends=BLENDED, compared=CONTEXTS, safety_depth=("aligned",),
    baseline="aligned",
)  # fmt: skip
SENTENCE = (
    "Left out, since the study mine has no aligned model: the system aligned; the token shift under base-zero-shot, "
    "base-urial; the token shift base-answers, compliance, refusal; the safety depth of aligned; the preferences of "
    "base-zero-shot, base-urial over aligned (set preferences.baseline to a system of the base model or to published "
    "outputs); and since a blend needs both of its models in this process: the blends nudged, nudged-random."
)
QUERIES = [make_query("one", turns=("Why?", "And?")), make_query("two", turns=("What is it?",), category="safety")]
STUDY = {
    "kind": "models", "max_new_tokens": 8, "base_repetition_penalty": 1.0, "instructions": "queries", "prompts": "microworld",
}  # fmt: skip


def add_study(params: Any, base: dict[str, Any], queries: Path) -> None:
    """A study of a base model alone: nothing else of params.yaml is touched."""
    params["studies"]["mine"] = {**STUDY, "base": base}
    params["instruction_sets"]["queries"] = {"kind": "jsonl", "source": str(queries)}


def write_params(folder: Path, base: dict[str, Any], **run: Any) -> None:
    def change(params: Any) -> None:
        add_study(params, base, folder / "queries.jsonl")
        params["systems"] = {name: params["systems"][name] for name in SYSTEMS}
        params["run"].update(study="mine", threads=1, **run)
        params["report"]["resamples"] = 100

    edit_params(ROOT / "params.yaml", change, folder / "params.yaml")
    write_jsonl(folder / "queries.jsonl", QUERIES)
    shutil.copytree(ROOT / "prompts", folder / "prompts")


def require_left_out(data: Path) -> None:
    """The files of what is left out are there, and have no rows."""
    for name in (
        "prompts/aligned",
        "generations/aligned",
        "judgments/aligned",
        *(f"preferences/{x}" for x in CONTEXTS),
    ):
        assert (data / f"{name}.jsonl").read_bytes() == b""
    for name in (*CONTEXTS, *GIVEN):
        assert len(read_parquet(data / f"token_shift/{name}.parquet", shift_schema())) == 0
        assert (data / f"token_shift/{name}.coverage.jsonl").read_bytes() == b""
    manifest = read_manifest(data / "models/aligned")
    assert (manifest.role, manifest.source) == ("aligned", None)
    assert [path.name for path in (data / "models/aligned").iterdir()] == ["manifest.json"]


@pytest.mark.parametrize("judge", ["rules", pytest.param(None, marks=pytest.mark.thorough)])
def test_the_systems_of_a_base_model_are_run_and_the_others_are_left_out(
    judge: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(tmp_path, {"folder": str(tiny_folder("llama"))}, judge=judge)
    report, said = run_stages(tmp_path, monkeypatch)
    assert said.count(SENTENCE) == 1
    require_left_out(tmp_path / "data")
    assert isinstance(read_manifest(tmp_path / "data/models/base").source, FolderWeights)
    assert (list(report.models), sorted(report.systems), report.left_out) == (["base"], sorted(BASES), LEFT_OUT)
    for figures in report.systems.values():
        assert (figures.ok, figures.instructions) == (2, 2)
        assert figures.later_turns is not None
        assert len(figures.aspects) == (6 if judge else 0)
    assert (report.token_shift, report.preferences) == ({}, {})
    assert SENTENCE in (tmp_path / "data/report/site/index.html").read_text("utf-8")


def test_a_base_model_on_a_server_is_run_alone(
    inference_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(tiny_folder("llama"))
    write_params(tmp_path, {"server": inference_server, "model": model, "context_window": 512}, judge=None)
    report, _ = run_stages(tmp_path, monkeypatch)
    require_left_out(tmp_path / "data")
    assert read_manifest(tmp_path / "data/models/base").source == ServerModel(server=inference_server, model=model)
    assert (report.loading, report.left_out) == (None, LEFT_OUT)
    for name in BASES:
        rows = read_jsonl(tmp_path / f"data/generations/{name}.jsonl", Completion)
        assert [row.status for row in rows] == ["ok", "ok"]


@pytest.mark.thorough
def test_one_option_runs_it_and_whatever_reads_a_run_reads_it(clone: Clone) -> None:
    folder = clone.folder
    shutil.copytree(
        folder / "data/models/base", folder / "toy-base", ignore=shutil.ignore_patterns("manifest.json", "step-*")
    )
    write_jsonl(folder / "queries.jsonl", QUERIES)
    edit_params(folder / "params.yaml", lambda params: add_study(params, {"folder": "toy-base"}, Path("queries.jsonl")))
    commit_all(clone, "a study of a base model alone")
    output = clone.run("dvc", "exp", "run", "-S", "run.study=mine", "-n", "alone").stdout
    assert SENTENCE in output
    assert stages_run(output) == ALL_STAGES
    assert "Data and pipelines are up to date." in clone.run("dvc", "status").stdout
    require_left_out(folder / "data")
    # A second run has nothing to do.
    assert stages_run(clone.run("dvc", "repro").stdout) == set()

    report = clone.run("urial", "report").stdout
    assert SENTENCE in report
    assert "aligned |" not in report
    commit_all(clone, "the run")
    links = json.loads(clone.run("urial", "verify", "--json", check=False).stdout)["links"]
    assert {link["name"] for link in links if link["status"] == "broken"} <= {"README"}
    summaries = {link["name"]: link["summary"] for link in links}
    for name in ("prompts of aligned", "answers of aligned", "judgments of aligned", "token shift of base-urial"):
        assert summaries[name] == "left out: the study has no aligned model"
    assert "recomputed: the same" in clone.run("urial", "trace", "base-urial.words").stdout
    for lost in ("aligned.words", "token_shift.base-urial.kl", "systems.aligned"):
        failed = clone.run("urial", "trace", lost, check=False)
        assert failed.returncode == 1
        assert SENTENCE in failed.stdout
    assert SENTENCE in clone.run("urial", "cite", "--format", "markdown").stdout
    compared = clone.run("urial", "compare", "HEAD~2", ".").stdout
    assert f".: {SENTENCE}" in compared
    assert re.search(r"\| models +\| aligned +\| microworld .*\| \(nothing\) ", compared)
    clone.run("urial", "export", "../crate")
    links = json.loads(clone.run("urial", "verify", "../crate", "--json", check=False).stdout)["links"]
    assert {link["name"] for link in links if link["status"] == "broken"} <= {"README"}

    over_base = ("-S", "preferences.baseline=base-zero-shot", "-S", "preferences.systems=[base-urial]")
    output = clone.run("dvc", "exp", "run", "-S", "run.study=mine", *over_base).stdout
    assert stages_run(output) == {"plan", "preferences@base-urial", "report"}
    assert "### Preferences (win rate, %)" in clone.run("urial", "report").stdout

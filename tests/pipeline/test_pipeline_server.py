"""Every stage in a row, over a pair of which one model or both are behind a real server."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from stages import assemble, generate, instructions, judge, models, plan, report, token_shift
from tests.conftest import ROOT, make_query
from tests.real_server import transformers_serve
from tests.tiny_models import save_folder, tiny_folder, tiny_model
from urial.core.store import read_json, read_jsonl, write_jsonl
from urial.records.completion import Completion
from urial.records.report import Report
from urial.records.token_shift import ShiftCoverage

pytestmark = pytest.mark.slow
SYSTEMS = ("aligned", "base-zero-shot", "base-urial")
CONTEXTS = ("base-zero-shot", "base-urial")
QUERIES = [make_query("one", turns=("Why?", "And?")), make_query("two", turns=("What is it?",), category="safety")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with transformers_serve(tmp_path_factory.mktemp("serve")) as url:
        yield url


@pytest.fixture(scope="module")
def aligned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_folder(tmp_path_factory.mktemp("aligned"), tiny_model("llama", seed=1), "aligned")


def write_params(folder: Path, base: dict[str, Any], aligned: dict[str, Any]) -> None:
    """The committed parameters, for a pair of these two, two queries and few systems."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text("utf-8"))
    params["systems"] = {name: params["systems"][name] for name in SYSTEMS}
    # This server knows no repetition penalty.
    params["studies"]["served"] = {
        "kind": "models", "base": base, "aligned": aligned, "max_new_tokens": 8, "base_repetition_penalty": 1.0,
        "instructions": "queries", "prompts": "microworld",
    }  # fmt: skip
    params["instruction_sets"]["queries"] = {"kind": "jsonl", "source": str(folder / "queries.jsonl")}
    params["run"].update(study="served", threads=1)
    params["report"]["resamples"] = 100
    with (folder / "params.yaml").open("w", encoding="utf-8") as stream:
        yaml.dump(params, stream)
    write_jsonl(folder / "queries.jsonl", QUERIES)


def run(stage: Any, *arguments: str) -> None:
    result = CliRunner().invoke(stage.main, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output


def run_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.chdir(folder)
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    for stage in (plan, models, instructions):
        run(stage)
    for stage in (assemble, generate, judge):
        for system in SYSTEMS:
            run(stage, system)
    for context in CONTEXTS:
        run(token_shift, context)
    run(report)
    return read_json(folder / "data/report/report.json", Report)


@pytest.mark.parametrize("served", [("base", "aligned"), ("base",), ("aligned",)])
def test_a_run_over_servers_ends_with_a_report_that_says_what_it_cannot_know(
    served: tuple[str, ...], server: str, aligned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {"base": tiny_folder("llama"), "aligned": aligned}
    pair = {
        role: {"server": server, "model": str(path), "context_window": 512} if role in served else {"folder": str(path)}
        for role, path in folders.items()
    }
    write_params(tmp_path, pair["base"], pair["aligned"])
    found = run_all(tmp_path, monkeypatch)
    for name, figures in found.systems.items():
        assert (figures.ok, figures.instructions) == (2, 2)
        assert figures.later_turns is not None
        assert figures.later_turns.ok == 1
        assert (figures.prompt_tokens is None) == (figures.model in served)
        assert (figures.flagged is None) == (name == "aligned" and "aligned" in served)
    for context in CONTEXTS:
        coverage = read_jsonl(tmp_path / f"data/token_shift/{context}.coverage.jsonl", ShiftCoverage)
        # This server refuses to tell log-probabilities of prompts.
        reason = (
            f"{server}: the server does not tell how probable a prompt's tokens are (prompt_logprobs: status 422: "
            if "base" in served
            else "the aligned model is behind a server, which does not give its tokens"
        )
        assert [(row.status, str(row.reason)[: len(reason)], row.positions) for row in coverage] == [
            ("served", reason, 0)
        ] * 2
        shift = found.token_shift[context]
        assert (shift.measured, shift.served, shift.positions, shift.unshifted.mean) == (0, 2, 0, None)
    assert (found.loading is None) == (len(served) == 2)
    page = (tmp_path / "data/report/site/index.html").read_text("utf-8")
    assert page.count(f"behind {server}; which weights it has is not known") == len(served)
    assert "2 that a server does not tell enough of" in page
    assert "| base-urial | – |" in (tmp_path / "data/report/tables/token_shift.md").read_text("utf-8")
    for system in SYSTEMS:
        rows = read_jsonl(tmp_path / f"data/generations/{system}.jsonl", Completion)
        answers = [row.answer for row in rows if row.answer]
        role = found.systems[system].model
        assert {answer.token_ids is None for answer in answers} == {role in served}

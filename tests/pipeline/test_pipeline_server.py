"""Every stage in a row, over a pair of which one model or both are behind a real server."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.clones import CONTEXTS, SYSTEMS
from tests.conftest import ROOT, make_query
from tests.pipeline.in_process import edit_params, run_stages
from tests.tiny_models import tiny_folder
from urial.core.store import read_jsonl, write_jsonl
from urial.records.completion import Completion
from urial.records.token_shift import ShiftCoverage

pytestmark = pytest.mark.slow
QUERIES = [make_query("one", turns=("Why?", "And?")), make_query("two", turns=("What is it?",), category="safety")]


def write_params(folder: Path, base: dict[str, Any], aligned: dict[str, Any]) -> None:
    """The committed parameters, for a pair of these two, two queries and few systems."""

    def change(params: Any) -> None:
        params["systems"] = {name: params["systems"][name] for name in SYSTEMS}
        # This server knows no repetition penalty.
        params["studies"]["served"] = {
            "kind": "models", "base": base, "aligned": aligned, "max_new_tokens": 8, "base_repetition_penalty": 1.0,
            "instructions": "queries", "prompts": "microworld",
        }  # fmt: skip
        params["instruction_sets"]["queries"] = {"kind": "jsonl", "source": str(folder / "queries.jsonl")}
        params["run"].update(study="served", threads=1)
        params["report"]["resamples"] = 100

    edit_params(ROOT / "params.yaml", change, folder / "params.yaml")
    write_jsonl(folder / "queries.jsonl", QUERIES)


@pytest.mark.parametrize(
    "served",
    [
        ("base", "aligned"),
        pytest.param(("base",), marks=pytest.mark.thorough),
        pytest.param(("aligned",), marks=pytest.mark.thorough),
    ],
)
def test_a_run_over_servers_ends_with_a_report_that_says_what_it_cannot_know(
    served: tuple[str, ...], inference_server: str, tiny_aligned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {"base": tiny_folder("llama"), "aligned": tiny_aligned}
    server = inference_server
    pair = {
        role: {"server": server, "model": str(path), "context_window": 512} if role in served else {"folder": str(path)}
        for role, path in folders.items()
    }
    write_params(tmp_path, pair["base"], pair["aligned"])
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    found, _ = run_stages(tmp_path, monkeypatch)
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
            f"{server}: the server does not give the log-probabilities of a prompt's tokens (prompt_logprobs: status 422: "
            if "base" in served
            else "the aligned model is on a server, which does not give its tokens"
        )
        assert [(row.status, str(row.reason)[: len(reason)], row.positions) for row in coverage] == [
            ("unsupported", reason, 0)
        ] * 2
        shift = found.token_shift[context]
        assert (shift.measured, shift.unsupported, shift.positions, shift.unshifted.mean) == (0, 2, 0, None)
    assert (found.loading is None) == (len(served) == 2)
    site = tmp_path / "data/report/site"
    page = (site / "index.html").read_text("utf-8")
    assert page.count(f" on {server}; which weights the server has is not known") == len(served)
    shown = re.sub("<[^>]+>", "", (site / "shift.html").read_text("utf-8"))
    assert "2 that a server does not tell enough of" in shown
    assert "| base-urial | the aligned model | – |" in (tmp_path / "data/report/tables/token_shift.md").read_text(
        "utf-8"
    )
    for system in SYSTEMS:
        rows = read_jsonl(tmp_path / f"data/generations/{system}.jsonl", Completion)
        answers = [row.answer for row in rows if row.answer]
        role = found.systems[system].model
        assert {answer.token_ids is None for answer in answers} == {role in served}

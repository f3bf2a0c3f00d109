"""The table of a run's files is the pipeline's."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.imports import module_files, parsed
from urial.records.params.safety_depth import MICROWORLD_ANSWERS
from urial.run.paths import (
    CHARTS,
    COMPLETIONS,
    COVERAGE,
    ENVIRONMENT,
    INSTRUCTIONS,
    RUN_FILES,
    SITE,
    TOKEN_SHIFT,
    RunFile,
)

# A path of a run, or the part of one below data.
PATH = re.compile(
    r"\b(?:data/[\w./{}-]*\w|(?:data|generations|judgments|token_shift|plan|environment|report)/|instructions\.jsonl)"
)
STAGES = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]

# Keys that dvc.yaml names, where it has no loop.
NAMED = {"role": ["base", "aligned"], "micro-world's answers": list(MICROWORLD_ANSWERS.values())}


def outs(stage: str) -> list[str]:
    body = STAGES[stage].get("do", STAGES[stage])
    kept = [*body["outs"], *body.get("metrics", [])]
    named = [next(iter(out)) if isinstance(out, dict) else out for out in kept]
    return [out.replace("${key}", "KEY").replace("${item}", "KEY") for out in named]


@pytest.mark.parametrize("kind", RUN_FILES, ids=lambda kind: kind.pattern)
def test_the_stage_of_a_file_writes_it(kind: RunFile[Any]) -> None:
    if kind is ENVIRONMENT:
        for stage, body in STAGES.items():
            assert kind.path(stage if "do" not in body else f"{stage}/KEY") in outs(stage)
        return
    keys = NAMED.get(kind.each, ["KEY"])
    for path in map(kind.path, keys):
        assert any(path == out or Path(out) in Path(path).parents for out in outs(kind.stage)), path


def test_every_file_that_a_stage_writes_for_others_has_a_line() -> None:
    known = [Path(kind.path(key)) for kind in RUN_FILES for key in NAMED.get(kind.each, ["KEY"])]
    known.append(Path(ENVIRONMENT.path("STAGE/KEY")))
    shown = {"data/report/tables", CHARTS, SITE, "data/models/base", "data/models/aligned"}
    for stage in STAGES:
        for out in outs(stage):
            # A blend's control has a name of its own.
            path = Path(out.replace("KEY-random", "KEY"))
            same = path in known or any(path in other.parents for other in known)
            assert same or out in shown or out.startswith("data/environment/"), out


def test_files_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("generations/b.jsonl", "generations/a.x.jsonl", "generations/notes.txt", "generations/a/b.jsonl",
                 "token_shift/a.parquet", "token_shift/a.coverage.jsonl", "environment/plan.json",
                 "environment/generate/a.json", "instructions.jsonl", "more/instructions.jsonl"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def keys(kind: RunFile[Any]) -> list[str]:
        found = list(kind.present(tmp_path))
        assert [path for _, path in found] == [tmp_path / kind.below(key) for key, _ in found]
        return [key for key, _ in found]

    assert keys(COMPLETIONS) == ["a.x", "b"]
    assert keys(TOKEN_SHIFT) == keys(COVERAGE) == ["a"]
    assert keys(ENVIRONMENT) == ["generate/a", "plan"]
    assert keys(INSTRUCTIONS) == [""]


def texts(module: str) -> Iterator[str]:
    """The strings of a module except for docstrings."""
    tree = parsed(module_files()[module])
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def test_no_other_module_spells_the_paths_of_a_run() -> None:
    spelled = {
        module: found
        for module in module_files()
        # Packages of the index have a folder of this name as well.
        if module not in {"urial.run.paths", "urial.exchange.model_packages"} and not module.startswith("urial.cli")
        if (found := [match for text in texts(module) for match in PATH.findall(text)])
    }
    assert spelled == {}


def test_the_command_line_names_as_defaults_what_is_in_the_table() -> None:
    """It does not import the table, since help is to come at once."""
    known = {kind.path(key) for kind in RUN_FILES for key in ("base", "aligned")}
    known |= {str(folder) for path in known for folder in Path(path).parents}
    named = {
        match
        for module in module_files()
        if module.startswith("urial.cli")
        for text in texts(module)
        for match in PATH.findall(text)
    }
    assert named <= known
    assert {"data/instructions.jsonl", "data/models/base", "data/report/report.json"} <= named

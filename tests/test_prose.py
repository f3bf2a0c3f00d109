"""No prose is wiring: other words in docstrings, descriptions, help and messages make no stage run and change no key.

DVC hashes files, so a stage runs again when any byte of a file changes that lies in a folder which the stage names. The
first test therefore rewords every module that no stage names; the second rewords all of them, and compares keys.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.clones import ROOT
from tests.forked import run_dvc
from tests.test_layers import FILES, PIPELINE, covered, stage_deps

# Calls whose keywords are words for people.
DOCUMENTING = {"Field", "option", "argument", "command", "group", "Option", "Argument"}
SAYING = {"print", "echo", "secho", "warning", "UsageError", "ClickException", "BadParameter"}
WORDS = " (in other words)"


class Reworded(ast.NodeTransformer):
    """A module with other words wherever words are for people; ``count`` is how many were changed."""

    count = 0

    def words(self, node: Any) -> Any:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.count += 1
            return ast.Constant(node.value + WORDS)
        if isinstance(node, ast.JoinedStr):
            self.count += 1
            return ast.JoinedStr([*node.values, ast.Constant(WORDS)])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return ast.BinOp(node.left, node.op, self.words(node.right))
        if isinstance(node, ast.IfExp):
            return ast.IfExp(node.test, self.words(node.body), self.words(node.orelse))
        return node

    def documented(self, node: Any) -> Any:
        self.generic_visit(node)
        if ast.get_docstring(node, clean=False) is not None:
            node.body[0].value = self.words(node.body[0].value)
        return node

    visit_Module = visit_ClassDef = visit_FunctionDef = visit_AsyncFunctionDef = documented  # noqa: N815

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        name = ast.unparse(node.func).split(".")[-1]
        if name in SAYING or name.endswith("Error"):
            node.args = [self.words(item) for item in node.args]
        wanted = {"title", "description", "help", "short_help"} if name in DOCUMENTING else set()
        wanted |= {"what", "problem", "where", "expected", "fix"} if name.endswith("Error") or name == "but" else set()
        for keyword in node.keywords:
            if keyword.arg in wanted:
                keyword.value = self.words(keyword.value)
        return node


def reword(folder: Path, modules: list[str]) -> int:
    """Give these modules of a copy other words; returns how many were changed."""
    count = 0
    for module in modules:
        path = folder / FILES[module].relative_to(ROOT)
        rewriter = Reworded()
        tree = ast.fix_missing_locations(rewriter.visit(ast.parse(path.read_text("utf-8"))))
        path.write_text(ast.unparse(tree), "utf-8")
        count += rewriter.count
    return count


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code and what it reads."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("urial", "stages", "schemas", "prompts", "instructions"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def python(folder: Path, *arguments: str) -> str:
    """What a program prints that imports urial from ``folder``."""
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def export_schemas(folder: Path) -> None:
    code = "import urial; from urial.records.schemas import export_schemas; export_schemas(); print(urial.__file__)"
    assert python(folder, "-c", code).strip() == str(folder / "urial/__init__.py")


def dvc(folder: Path, *arguments: str) -> str:
    done = run_dvc(["dvc", *arguments], folder, {**os.environ, "DVC_NO_ANALYTICS": "1"})
    assert done.returncode == 0, done.stdout
    return done.stdout


def changed_stages(folder: Path) -> set[str]:
    return set(json.loads(dvc(folder, "status", "--json").splitlines()[-1]))


def test_other_words_in_modules_that_no_stage_names_make_no_stage_run(copy: Path) -> None:
    # Every stage with the code, schemas and prompts that it depends on, and nothing to compute.
    stages: dict[str, Any] = {}
    for name, stage in PIPELINE.items():
        deps = [dep for dep in stage.get("do", stage)["deps"] if not dep.startswith(("data/", "$"))]
        stages[name] = {"cmd": "echo", "deps": deps}
    YAML().dump({"stages": stages}, copy / "dvc.yaml")
    dvc(copy, "init", "--no-scm", "--quiet")
    dvc(copy, "repro", "--quiet")
    assert changed_stages(copy) == set()

    every_dep = [dep for name in PIPELINE for dep in stage_deps(name)]
    unnamed = [name for name in FILES if not covered(name, every_dep)]
    assert {"urial.core.errors", "urial.records.judgment", "urial.api.client", "urial.cli.judging"} <= set(unnamed)
    assert reword(copy, unnamed) > 1_000
    export_schemas(copy)
    assert WORDS in (copy / "schemas/judgment.json").read_text("utf-8")
    assert changed_stages(copy) == set()

    # What a record takes is no prose.
    path = copy / "urial/records/judgment.py"
    text = path.read_text("utf-8")
    assert text.count("Field(ge=1, le=10)") == 1
    path.write_text(text.replace("Field(ge=1, le=10)", "Field(ge=1, le=11)"), "utf-8")
    export_schemas(copy)
    assert changed_stages(copy) == {"judge", "judge_blend", "judge_safety_depth"}


def test_other_words_anywhere_change_no_key_of_a_row(copy: Path) -> None:
    keys = json.loads(python(copy, "-m", "tests.row_keys"))
    assert len(set(keys.values())) == len(keys) == 10
    assert reword(copy, [name for name in FILES if name.startswith("urial")]) > 2_000
    assert json.loads(python(copy, "-m", "tests.row_keys")) == keys

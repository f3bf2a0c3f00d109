"""Imports go downwards only, heavy libraries stay in the leaves, and dvc.yaml knows what each stage runs."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT, closure, direct_imports, module_files

# Lowest first. A module imports from lower layers, and inside its own package; never a neighbour of its layer.
LAYERS: tuple[frozenset[str], ...] = tuple(
    frozenset(layer.split())
    for layer in (
        "errors hashing progress records thinking",
        "prompt_records judgment_records shift_records",
        "validation strict_json",
        "api",
        "yaml_files store rowcache instruction_sets model_refs environment",
        "judge_params",
        "params prompts",
        "plans microworld figures chat_records",
        "schemas engines stats",
        "instructions models token_shift assembly scoring",
        "judges chosen_models",
        "planning generation judging measuring chat importers",
        "report row_sharing",
        "comparison",
        "provenance",
        "cli",
    )
)
HEAVY = {
    "torch",
    "transformers",
    "datasets",
    "matplotlib",
    "pandas",
    "pyarrow",
    "scipy",
    "huggingface_hub",
    "openai",
    "bm25s",
    "faiss",
}
# Modules that are nothing without the library and are imported only where it works.
LEAVES = {
    "urial.microworld.model": {"torch", "transformers"},
    "urial.microworld.optimizer": {"torch"},
    "urial.microworld.tokenizer": {"transformers"},
    "urial.microworld.training": {"torch", "transformers"},
}
# What every stage stands on: a change here is rare, and the schemas that stages depend on show the ones that matter.
FOUNDATION = {
    f"urial.{name}"
    for name in (
        "errors", "hashing", "records", "prompt_records", "judgment_records", "shift_records", "instruction_sets", "model_refs", "judge_params", "params", "plans", "validation", "strict_json", "yaml_files", "store", "rowcache", "progress", "environment",
    )
} | {"stages", "urial"}  # fmt: skip
FILES = module_files()
LIBRARY = sorted(name for name in FILES if name.startswith("urial."))
# How a server is asked changes no answer.
FOUNDATION |= {name for name in LIBRARY if name.startswith("urial.api")}
PIPELINE = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]


def unit(module: str) -> str:
    """The part of the library that a module belongs to: a module of its own, or a package."""
    return module.split(".")[1]


def layer(module: str) -> int:
    return next(index for index, names in enumerate(LAYERS) if unit(module) in names)


def project_imports(module: str) -> set[str]:
    """What a module imports, less the packages that only lead there."""
    return {name for name in direct_imports(module, FILES) if name not in ("urial", module)}


def is_package(module: str) -> bool:
    return FILES[module].name == "__init__.py"


def top_level_libraries(path: Path) -> set[str]:
    """The libraries that importing a module imports at once."""

    def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in body:
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                continue
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            yield node
            for field in ("body", "orelse", "finalbody", "handlers"):
                yield from statements(getattr(node, field, []))

    found: set[str] = set()
    for node in statements(ast.parse(path.read_text("utf-8")).body):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_every_module_has_exactly_one_layer() -> None:
    placed = [name for names in LAYERS for name in names]
    assert sorted(placed) == sorted({unit(module) for module in LIBRARY})


@pytest.mark.parametrize("module", LIBRARY)
def test_imports_go_downwards_only(module: str) -> None:
    others = {name for name in project_imports(module) if unit(name) != unit(module)}
    assert [name for name in sorted(others) if layer(name) >= layer(module)] == []


def test_no_module_imports_itself_in_a_circle() -> None:
    # A package's __init__ runs before its modules, whatever it imports.
    graph = {module: {name for name in project_imports(module) if not is_package(name)} for module in LIBRARY}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("module", sorted(FILES))
def test_nothing_imports_the_stages_or_the_command(module: str) -> None:
    above = {name for name in project_imports(module) if name.startswith(("urial.cli", "stages."))}
    assert above == set() or module.startswith("urial.cli")
    assert module.startswith("stages") or "stages" not in project_imports(module)


@pytest.mark.parametrize("module", sorted(FILES))
def test_heavy_libraries_are_imported_in_leaves_alone(module: str) -> None:
    assert top_level_libraries(FILES[module]) & HEAVY == LEAVES.get(module, set())


def test_no_module_but_a_leaf_s_neighbour_imports_a_leaf_at_once() -> None:
    def at_once(path: Path) -> set[str]:
        body = ast.parse(path.read_text("utf-8")).body
        return {node.module for node in body if isinstance(node, ast.ImportFrom) and node.module}

    reaching = {module for module in FILES if at_once(FILES[module]) & set(LEAVES)}
    assert {unit(module) for module in reaching} == {"microworld"}


def test_relative_imports_would_be_invisible_here_and_are_not_used() -> None:
    for module, path in FILES.items():
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        assert [node.lineno for node in nodes if isinstance(node, ast.ImportFrom) and node.level] == [], module


def stage_deps(name: str) -> list[str]:
    body = PIPELINE[name].get("do", PIPELINE[name])
    return [dep for dep in body["deps"] if dep.startswith(("stages/", "urial/"))]


def covered(module: str, deps: list[str]) -> bool:
    path = FILES[module].relative_to(ROOT)
    return any(path == Path(dep) or Path(dep) in path.parents for dep in deps)


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_depends_on_all_the_code_that_it_runs(name: str) -> None:
    needed = {module for module in closure(f"stages.{name}", FILES) if not is_package(module)} - FOUNDATION
    assert f"stages.{name}" in needed
    assert [module for module in sorted(needed) if not covered(module, stage_deps(name))] == []


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_depends_on_no_code_that_it_does_not_run(name: str) -> None:
    ran = closure(f"stages.{name}", FILES)
    assert [dep for dep in stage_deps(name) if not any(covered(module, [dep]) for module in ran)] == []


@pytest.mark.parametrize("name", PIPELINE)
def test_the_files_that_a_stage_names_exist(name: str) -> None:
    body = PIPELINE[name].get("do", PIPELINE[name])
    named = [dep for dep in body["deps"] if "$" not in dep and not dep.startswith("data")]
    assert [dep for dep in named if not (ROOT / dep).exists()] == []
    assert body["cmd"].startswith(f"python -m stages.{name}")


@pytest.mark.parametrize("name", PIPELINE)
def test_every_stage_records_its_environment_and_nothing_depends_on_one(name: str) -> None:
    key = {"": "", "${systems}": "/${key}", "${token_shift.contexts}": "/${item}"}[PIPELINE[name].get("foreach", "")]
    body = PIPELINE[name].get("do", PIPELINE[name])
    assert [out for out in body["outs"] if "environment" in out] == [f"data/environment/{name}{key}.json"]
    assert [dep for dep in body["deps"] if "environment" in dep] == []
    calls = [node for node in ast.walk(ast.parse(FILES[f"stages.{name}"].read_text("utf-8"))) if is_record(node)]
    assert [ast.unparse(call) for call in calls] == [
        f"record_environment('{name}')" if not key else f"record_environment('{name}', {argument(name)})"
    ]


def is_record(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "record_environment"


def argument(name: str) -> str:
    """The one parameter of a stage's function."""
    tree = ast.parse(FILES[f"stages.{name}"].read_text("utf-8"))
    (main,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return main.args.args[0].arg


def test_every_stage_script_is_in_the_pipeline() -> None:
    scripts = {module.removeprefix("stages.") for module in FILES if module.startswith("stages.")}
    assert scripts == set(PIPELINE)

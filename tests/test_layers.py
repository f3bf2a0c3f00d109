"""Imports go downwards only, heavy libraries stay in the leaves, and dvc.yaml knows what each stage runs."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT, closure, direct_imports, module_files, parsed

# Lowest first: imports go from a package to those before it, never the other way. `plan` resolves what the folders of the
# flow name, so it stands after those that it asks.
PACKAGES = [
    "core",
    "records",
    "run",
    "api",
    "local_models",
    "microworld",
    "statistics",
    "models",
    "instructions",
    "prompts",
    "plan",
    "generate",
    "blending",
    "token_shift",
    "judge",
    "safety_depth",
    "report",
    "exchange",
    "provenance",
    "experiments",
    "functions",
    "cli",
]
HEAVY = {
    "torch",
    "transformers",
    "datasets",
    "altair",
    "vl_convert",
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
    "urial.local_models.decoding.prefix_cache": {"torch", "transformers"},
    "urial.microworld.training.model": {"torch", "transformers"},
    "urial.microworld.training.training": {"torch", "transformers"},
    "urial.models.tuning.learning": {"torch", "transformers"},
    "urial.report.site.candidate_shards": {"pyarrow"},
    "urial.report.site.columns": {"pyarrow"},
    "urial.report.site.token_rows": {"pyarrow"},
    "urial.report.site.token_shards": {"pyarrow"},
}
FILES = module_files()
LIBRARY = sorted(name for name in FILES if name.startswith("urial."))
# What every stage stands on: a change here is rare, and the schemas that stages depend on show the ones that matter. How a
# server is asked changes no answer; where a run's files lie is in dvc.yaml, too, and how they are read follows their records.
FOUNDATION = {"urial", "stages", *(name for name in LIBRARY if name.split(".")[1] in ("core", "records", "run", "api"))}
# Modules that a stage depends on, since dvc.yaml names whole folders, and never runs.
NEVER_RUN = {
    "plan": {
        "urial.models.prepare": "the stage models runs it",
        "urial.models.tuning.learning": "the stage models runs it",
        "urial.models.checkpoints": "`urial sweep` runs it",
        "urial.prompts.versions.assembly": "the stages assemble and generate run it",
    },
    "models": {"urial.models.checkpoints": "`urial sweep` runs it"},
    "token_shift": {
        "urial.microworld.world.language": "how the world is put into words: its reader knows the phrases alone",
    },
    "blend": {
        "urial.microworld.world.language": "how the world is put into words: its reader knows the phrases alone",
        "urial.token_shift.measure.context": "the stages token_shift and given_shift run it: a blend's answers are read, not measured",
        "urial.token_shift.measure.of_run": "these two run it",
    },
    "microworld_answers": {
        "urial.microworld.world.language": "how the world is put into words: its reader knows the phrases alone",
    },
    "judge_safety_depth": {
        "urial.microworld.world.language": "how the world is put into words: its reader knows the phrases alone",
    },
    "judge_blend": {
        "urial.microworld.world.language": "how the world is put into words: its reader knows the phrases alone",
    },
    "given_shift": {
        "urial.microworld.world.language": "how the world is put into words: its reader knows the phrases alone",
    },
    "judge": {
        "urial.microworld.world.language": "how the world is put into words: its reader knows the phrases alone",
    },
    "preferences": {
        "urial.judge.scores.run": "the stage judge runs it: what an answer's thinking is, both look at",
        "urial.judge.model.model_judge": "the stage judge runs it",
        "urial.microworld.world.language": "how the world is put into words: its reader knows the phrases alone",
    },
    "report": {
        "urial.report.shift_summary": "`urial token-shift summarize` runs it",
        "urial.statistics.length_control": "`urial win-rates` runs it",
        "urial.statistics.penalized_logistic": "`urial win-rates` runs it",
        "urial.statistics.ratings": "`urial win-rates` runs it",
        "urial.statistics.diagnostics": "a run's report has no preferences; commands about files of them do",
    },
}
PIPELINE = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]


def package(module: str) -> str:
    """The package of the library that a module belongs to."""
    return module.split(".")[1]


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
    for node in statements(parsed(path).body):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_the_top_level_of_the_library_is_its_packages() -> None:
    # All are folders, but for the functions that `import urial` offers.
    names = {path.name for path in (ROOT / "urial").iterdir() if path.name != "__pycache__"}
    assert names == {*PACKAGES, "__init__.py", "__main__.py", "functions.py"} - {"functions"}
    assert len(names) <= 24


def test_imports_go_one_way() -> None:
    order = {name: index for index, name in enumerate(PACKAGES)}
    upwards = [
        (module, name)
        for module in LIBRARY
        if package(module) in order
        for name in project_imports(module)
        if package(name) != package(module) and order[package(name)] >= order[package(module)]
    ]
    assert upwards == []


def test_no_module_imports_a_private_name_of_another() -> None:
    private = [
        (module, alias.name)
        for module, path in FILES.items()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name.startswith("_") and not alias.name.startswith("__")
    ]
    assert private == []


def test_no_module_imports_itself_in_a_circle() -> None:
    # A package's __init__ runs before its modules, whatever it imports.
    graph = {module: {name for name in project_imports(module) if not is_package(name)} for module in LIBRARY}
    TopologicalSorter(graph).prepare()


def test_nothing_imports_the_stages_or_the_command() -> None:
    for module in FILES:
        above = {name for name in project_imports(module) if name.startswith(("urial.cli", "stages."))}
        assert above == set() or module.startswith(("urial.cli", "urial.__main__")), module
        assert module.startswith("stages") or "stages" not in project_imports(module), module


def test_heavy_libraries_are_imported_in_leaves_alone() -> None:
    heavy = {module: top_level_libraries(path) & HEAVY for module, path in FILES.items()}
    assert {module: names for module, names in heavy.items() if names} == LEAVES


def test_no_module_but_a_leaf_s_neighbor_imports_a_leaf_at_once() -> None:
    def at_once(path: Path) -> set[str]:
        body = parsed(path).body
        return {node.module for node in body if isinstance(node, ast.ImportFrom) and node.module}

    reaching = {module for module in FILES if at_once(FILES[module]) & set(LEAVES)}
    assert {package(module) for module in reaching} == {"microworld", "report"}


def test_relative_imports_would_be_invisible_here_and_are_not_used() -> None:
    for module, path in FILES.items():
        nodes = ast.walk(parsed(path))
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
    named = {module for module in FILES if covered(module, stage_deps(name)) and not is_package(module)}
    assert named - ran == set(NEVER_RUN.get(name, {}))


def test_little_code_that_a_stage_depends_on_is_never_run() -> None:
    # Every stage that reads the micro-world has a line of its language.
    assert sum(map(len, NEVER_RUN.values())) <= 24
    assert sum(len(stage_deps(name)) for name in PIPELINE) <= 115


@pytest.mark.parametrize("name", PIPELINE)
def test_the_files_that_a_stage_names_exist(name: str) -> None:
    body = PIPELINE[name].get("do", PIPELINE[name])
    named = [dep for dep in body["deps"] if "$" not in dep and not dep.startswith("data")]
    assert [dep for dep in named if not (ROOT / dep).exists()] == []
    assert body["cmd"].startswith(f"python -m stages.{name}")


@pytest.mark.parametrize("name", PIPELINE)
def test_every_stage_records_its_environment_and_nothing_depends_on_one(name: str) -> None:
    loops = {"${systems}": "/${key}", "${blends}": "/${key}", "${published_outputs}": "/${key}", "${token_shift.base_systems}": "/${item}",
             "${token_shift.given}": "/${key}",
             "${preferences.systems}": "/${item}", "${safety_depth.systems}": "/${item}"}  # fmt: skip
    key = loops[PIPELINE[name]["foreach"]] if "foreach" in PIPELINE[name] else ""
    body = PIPELINE[name].get("do", PIPELINE[name])
    assert [out for out in body["outs"] if "environment" in out] == [f"data/environment/{name}{key}.json"]
    assert [dep for dep in body["deps"] if "environment" in dep] == []
    calls = [node for node in ast.walk(parsed(FILES[f"stages.{name}"])) if is_record(node)]
    assert [ast.unparse(call) for call in calls] == [
        f"record_environment('{name}')" if not key else f"record_environment('{name}', {argument(name)})"
    ]


def is_record(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "record_environment"


def argument(name: str) -> str:
    """The one parameter of a stage's function."""
    tree = parsed(FILES[f"stages.{name}"])
    (main,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    return main.args.args[0].arg


def test_every_stage_script_is_in_the_pipeline() -> None:
    scripts = {module.removeprefix("stages.") for module in FILES if module.startswith("stages.")}
    assert scripts == set(PIPELINE)

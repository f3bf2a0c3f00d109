"""Reads the import graph of the project from its source, imports inside functions included."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def module_files() -> dict[str, Path]:
    """Module name -> file, for urial and stages."""
    files = [path for folder in ("urial", "stages") for path in (ROOT / folder).rglob("*.py")]
    return {_module_name(path): path for path in files}


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file, parsed once a session; read it, do not change it."""
    return ast.parse(path.read_text("utf-8"))


@cache
def _imported(path: Path) -> frozenset[str]:
    """What a file imports, except for type checking only, with the packages above each."""
    names: set[str] = set()
    for node in _runtime_nodes(parsed(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    # Importing a.b.c also runs a and a.b.
    return frozenset(
        names | {".".join(name.split(".")[:depth]) for name in names for depth in range(1, name.count(".") + 1)}
    )


def direct_imports(name: str, files: dict[str, Path]) -> set[str]:
    """The project's modules that a module imports, except for type checking only."""
    return set(_imported(files[name]) & files.keys())


def closure(name: str, files: dict[str, Path]) -> set[str]:
    """Every project module that runs when ``name`` runs, itself included."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(direct_imports(current, files))
    return seen


def _runtime_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _runtime_nodes(node)


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

"""dvc.yaml resolved as DVC resolves it: every stage with its command, and the paths and parameters that it names."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import Field, RootModel

from urial.core.errors import UrialError, shorten
from urial.core.yaml_files import parse_yaml_record
from urial.records.base import Record
from urial.run.lockfile import Lock, LockedStage, is_inside
from urial.run.paths import DATA

PIPELINE, PARAMETERS = "dvc.yaml", "params.yaml"
# Fields of params.yaml that name files, which git need not track: weights, tables of instructions, reference answers.
_PATH_FIELDS = ("folder", "gguf", "source", "references")


class NamedStage(Record):
    """One stage as dvc.yaml has it now."""

    name: str = Field(description="the stage, with @ITEM where dvc.yaml has a loop")
    cmd: str = Field(description="the command")
    deps: tuple[str, ...] = Field(description="paths that it reads, sorted")
    outs: tuple[str, ...] = Field(description="paths that it writes, metrics and plots among them, sorted")
    uncached: tuple[str, ...] = Field(description="those of `outs` that git keeps, and not DVC")
    params: dict[str, tuple[str, ...] | None] = Field(description="keys by file of parameters; null: the whole file")


class YamlObject(RootModel[dict[str, Any]]):
    """Any YAML file whose top is a mapping."""


def named_paths(tree: object) -> set[Path]:
    """Relative paths of files that parameters name, and that no stage of the pipeline makes."""
    if isinstance(tree, list):
        return set().union(*map(named_paths, tree))
    found: set[Path] = set()
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if key in _PATH_FIELDS and isinstance(value, str) and value and not value.startswith(("/", "~")):
            path = Path(os.path.normpath(value))
            found |= {path} if path.parts[:1] != (DATA,) and path != Path() else set()
        else:
            found |= named_paths(value)
    return found


def read_pipeline(root: Path) -> dict[str, NamedStage]:
    """The stages of ROOT/dvc.yaml by name, in its order. Raises UrialError for what DVC could not run either."""
    path = root / PIPELINE
    tree = parse_yaml_record(path, YamlObject).root
    # The loops are over it; DVC would only say that their items are nowhere.
    parse_yaml_record(root / PARAMETERS, YamlObject)
    _require_own_variables(tree, path)
    from dvc.exceptions import DvcException
    from dvc.fs import localfs
    from dvc.parsing import DataResolver

    try:
        # All that the resolver wants of a repository, so that a folder without .dvc is a run as well.
        repo: Any = SimpleNamespace(fs=localfs, config={})
        resolved = DataResolver(repo, str(root.absolute()), tree).resolve()["stages"]
        return {name: _stage(name, body) for name, body in resolved.items()}
    except (DvcException, KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise UrialError(
            f"DVC cannot resolve it with params.yaml: {shorten(' '.join(str(error).split()), 300)}",
            path=path,
            fix="run `dvc status`, and correct what it names; or restore it: git checkout dvc.yaml",
        ) from error


def _require_own_variables(tree: object, path: Path) -> None:
    """Raises UrialError for variables out of files that are outside of the run, which DVC would read."""
    bodies = [tree] if isinstance(tree, dict) else tree if isinstance(tree, list) else []
    for body in bodies:
        if not isinstance(body, dict):
            continue
        if body.get("wdir", ".") != ".":
            raise UrialError(
                f"wdir: {shorten(body['wdir'])}", path=path, expected="stages that run in the run's folder"
            )
        named = body.get("vars")
        for item in named if isinstance(named, list) else []:
            if isinstance(item, str) and not is_inside(item):
                raise UrialError(f"vars: {shorten(item)}", path=path, expected="a file below the run's folder")
        for value in body.values():
            _require_own_variables(value, path)


def _stage(name: str, body: dict[str, Any]) -> NamedStage:
    kept = [item for kind in ("outs", "metrics", "plots") for item in body.get(kind, [])]
    outs = {path: flags for item in kept for path, flags in (item.items() if isinstance(item, dict) else [(item, {})])}
    params: dict[str, tuple[str, ...] | None] = {}
    for item in body.get("params", []):
        if isinstance(item, str):
            params[PARAMETERS] = (*(params.get(PARAMETERS) or ()), item)
        else:
            params.update({file: tuple(keys) if keys else None for file, keys in item.items()})
    return NamedStage(
        name=name,
        cmd=body["cmd"],
        deps=tuple(sorted(body.get("deps", []))),
        outs=tuple(sorted(outs)),
        uncached=tuple(sorted(path for path, flags in outs.items() if (flags or {}).get("cache") is False)),
        params=params,
    )


def current_lock(root: Path) -> Lock:
    """The lock in a run's folder, without stages that dvc.yaml no longer has: DVC leaves those of a removed system in it.

    Where dvc.yaml cannot be read, it is whole. Raises UrialError for a lock that cannot be read.
    """
    lock = Lock.read(root)
    try:
        names = read_pipeline(root)
    except UrialError:
        return lock
    return lock.of(name for name in lock.stages if name in names)


def definitions(locked: LockedStage, named: NamedStage) -> tuple[dict[str, object], dict[str, object]]:
    """Command and paths of a stage, as they were recorded and as dvc.yaml has them now."""
    read, written = ([file.path for file in files] for files in (locked.deps, locked.outs))
    return (
        {"cmd": locked.cmd, "deps": read, "outs": written},
        {"cmd": named.cmd, "deps": list(named.deps), "outs": list(named.outs)},
    )


def parameter_values(root: Path, stage: NamedStage) -> dict[str, dict[str, object]]:
    """The values of a stage's parameters, by file and key, as DVC records them. Raises UrialError for a missing key."""
    values: dict[str, dict[str, object]] = {}
    for file, keys in stage.params.items():
        if not is_inside(file):
            raise UrialError(
                f"{PIPELINE}, stage {stage.name}: params: {shorten(file)}", expected="a file below the run's folder"
            )
        tree = parse_yaml_record(root / file, YamlObject).root
        values[file] = tree if keys is None else {}
        for key in keys or ():
            value: object = tree
            for part in key.split("."):
                if not isinstance(value, dict) or part not in value:
                    raise UrialError(
                        f"no parameter {key!r}, which {PIPELINE} names",
                        path=file,
                        fix=f"add it, or restore {PIPELINE}: git checkout {PIPELINE}",
                    )
                value = value[part]
            values[file][key] = value
    return values

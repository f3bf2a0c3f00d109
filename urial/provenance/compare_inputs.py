"""What two runs were made from that is not the same: parameters, prompts, data, models, judge, code, versions."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from urial.hashing import canonical_json, content_hash
from urial.provenance.compare_records import InputDifference, InputKind, RunInputs
from urial.provenance.lock import LOCK, Digests, LockedFile, LockedStage, read_lock
from urial.provenance.pipeline import YamlObject
from urial.records import ModelManifest
from urial.report.inputs import ReportInputs
from urial.yaml_files import parse_yaml_record

ENVIRONMENT = "data/environment"
PARAMETERS = "params.yaml"
# A run, in the folder that it is laid out in.
Side = tuple[Path, ReportInputs]
# What there is of an input on a side, and the stages that it concerns.
Found = Mapping[str, tuple[str, tuple[str, ...]]]


def run_inputs(first: Side, here: Side, run: str) -> RunInputs:
    """The inputs of the second run that differ from the first's, and those that cannot be compared."""
    unknown: list[str] = []
    differences: list[InputDifference] = []
    for kind in get_args(InputKind):
        sides = _sides(kind, first, here, unknown)
        differences += _compared(kind, *sides) if sides else []
    return RunInputs(run=run, differences=tuple(differences), unknown=tuple(unknown))


def _sides(kind: InputKind, first: Side, here: Side, unknown: list[str]) -> tuple[Found, Found] | None:
    """What both runs have of one kind of input; None where one of them does not tell."""
    if kind in ("code", "prompts"):
        files = _changed_files(first[0], here[0], kind)
        if files is None:
            unknown.append(f"files of {kind}: a run has no dvc.lock")
        own = ({}, {}) if kind == "code" else (_prompts(first[1]), _prompts(here[1]))
        return tuple({**one, **other} for one, other in zip(own, files or ({}, {}), strict=True))  # type: ignore[return-value]
    if kind == "versions":
        records = [_records(side[0]) for side in (first, here)]
        if not all(records):
            unknown.append("versions: a run has no environment records")
            return None
        return _versions(records[0], records[1])
    read = {"parameters": _parameters, "data": _data, "models": _models, "judge": _judge}[kind]
    return read(first), read(here)


def _compared(kind: InputKind, first: Found, here: Found) -> Iterator[InputDifference]:
    for key in [*first, *(key for key in here if key not in first)]:
        ours, theirs = first.get(key), here.get(key)
        if (ours and ours[0]) != (theirs and theirs[0]):
            where = sorted({*(ours or ("", ()))[1], *(theirs or ("", ()))[1]})
            yield InputDifference(
                kind=kind, key=key, first=ours and ours[0], here=theirs and theirs[0], where=tuple(where)
            )


def _everywhere(found: Mapping[str, str]) -> Found:
    return {key: (value, ()) for key, value in found.items()}


def leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every value below objects as canonical JSON, by dotted key; a part of a key that has a dot itself is in quotes.

    >>> dict(leaves({"a": {"b.c": [1, 2], "d": None}}))
    {'a."b.c"': '[1,2]', 'a.d': 'null'}
    """
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            part = json.dumps(key, ensure_ascii=False) if "." in key else key
            yield from leaves(value, f"{prefix}.{part}" if prefix else part)
    else:
        yield prefix, canonical_json(tree).decode("utf-8")


def _parameters(side: Side) -> Found:
    return _everywhere(dict(leaves(parse_yaml_record(side[0] / PARAMETERS, YamlObject).root)))


def _prompts(inputs: ReportInputs) -> Found:
    plans = {name: system.plan for name, system in inputs.systems.items()}
    return _everywhere(
        {
            f"system {name}": f"{plan.prompt_name} {plan.prompt_hash}" if plan.prompt_name else "chat template"
            for name, plan in plans.items()
        }
    )


def _data(side: Side) -> Found:
    rows = side[1].instructions
    digest = content_hash([row.model_dump(mode="json") for row in rows])
    return _everywhere({"instructions": f"{side[1].plan.instructions}, {len(rows):,} rows, {digest}"})


def _models(side: Side) -> Found:
    return _everywhere({role: _model(manifest) for role, manifest in side[1].models.items()})


def _model(found: ModelManifest) -> str:
    if found.server is not None:
        return f"{found.id} at {found.server}"
    return f"{found.id}{f'@{found.revision}' if found.revision else ''} {content_hash(found.files)}"


def _judge(side: Side) -> Found:
    judges = {row.judge for system in side[1].systems.values() for row in system.judgments}
    return _everywhere({"judge": "; ".join(sorted(judges))})


def _changed_files(first: Path, here: Path, kind: InputKind) -> tuple[Found, Found] | None:
    """Files of the stages' dependencies that the locks record differently; None where a run has no lock."""
    if not all((folder / LOCK).is_file() for folder in (first, here)):
        return None
    locks = [read_lock(folder / LOCK) for folder in (first, here)]
    deps = [_dependencies(lock, kind) for lock in locks]
    stages = _stages_by_path(locks)
    found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for path in sorted(deps[0].keys() | deps[1].keys()):
        ours, theirs = deps[0].get(path), deps[1].get(path)
        if ours and theirs and ours.same_content(theirs):
            continue
        for side, folder, locked in zip(found, (first, here), (ours, theirs), strict=True):
            side.update({name: (digest, tuple(sorted(stages[path]))) for name, digest in _files(folder, locked)})
    if kind == "code":
        for side, lock in zip(found, locks, strict=True):
            side.update({f"command of {name}": (stage.cmd, ()) for name, stage in lock.items() if _in_all(name, locks)})
    return found


def _in_all(stage: str, locks: list[dict[str, LockedStage]]) -> bool:
    return all(stage in lock for lock in locks)


def _dependencies(lock: Mapping[str, LockedStage], kind: InputKind) -> dict[str, LockedFile]:
    """The dependencies that no stage writes, of prompts or of all else."""
    found = {item.path: item for stage in lock.values() for item in stage.deps}
    return {
        path: item
        for path, item in found.items()
        if not path.startswith("data/")
        and path != PARAMETERS
        and (path.split("/")[0] == "prompts") == (kind == "prompts")
    }


def _stages_by_path(locks: list[dict[str, LockedStage]]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for lock in locks:
        for name, stage in lock.items():
            for item in stage.deps:
                found[item.path].add(name.partition("@")[0])
    return found


def _files(folder: Path, locked: LockedFile | None) -> Iterator[tuple[str, str]]:
    """Each file of a dependency with its MD5: of a folder, those that are there now."""
    if locked is None:
        return
    path = folder / locked.path
    digests = Digests(folder)
    if locked.nfiles is None or not path.is_dir() or not digests.of(path).same_content(locked):
        # A folder that has changed since is known by its own digest alone.
        yield locked.path, f"md5:{locked.md5}"
        return
    for name in digests.files(path):
        yield f"{locked.path}/{name}", f"md5:{digests.of(path / name).md5}"


def _records(folder: Path) -> dict[str, dict[str, str]]:
    """The environment records, by stage."""
    found = {}
    for path in sorted((folder / ENVIRONMENT).rglob("*.json")):
        name = path.relative_to(folder / ENVIRONMENT).with_suffix("").as_posix().replace("/", "@")
        found[name] = dict(leaves(parse_yaml_record(path, YamlObject).root))
    return found


def _versions(first: Mapping[str, dict[str, str]], here: Mapping[str, dict[str, str]]) -> tuple[Found, Found]:
    """What the records of the stages of both runs say, once for all stages that agree."""
    stages = [name for name in first if name in here]
    changes: dict[tuple[str, str | None, str | None], list[str]] = defaultdict(list)
    for stage in stages:
        for key in {**first[stage], **here[stage]}:
            changes[key, first[stage].get(key), here[stage].get(key)].append(stage)
    found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for (key, *values), names in sorted(changes.items(), key=str):
        if values[0] == values[1]:
            continue
        where = () if len(names) == len(stages) else tuple(names)
        # The same key can differ from stage to stage.
        place = key if key not in found[0] and key not in found[1] else f"{key} ({', '.join(names)})"
        for side, value in zip(found, values, strict=True):
            if value is not None:
                side[place] = (value, where)
    return found

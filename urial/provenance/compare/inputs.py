"""What two runs were made from that is not the same: parameters, prompts, data, models, judge, code, versions."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from urial.core.hashing import canonical_json, content_hash
from urial.core.store import read_json
from urial.core.yaml_files import parse_yaml_record
from urial.provenance.compare.records import InputDifference, InputKind, RunInputs
from urial.records.judge import JudgeIdentity, describe
from urial.records.model import ModelManifest, ServerModel
from urial.report.inputs import ReportInputs
from urial.run.lockfile import LOCK, Digests, LockedFile, LockedStage, read_lock
from urial.run.pipeline import YamlObject

ENVIRONMENT = "data/environment"
PARAMETERS = "params.yaml"
# A run, in the folder that it is laid out in.
Side = tuple[Path, ReportInputs]
# What there is of an input on a side, and the stages that it concerns.
Found = Mapping[str, tuple[str, tuple[str, ...]]]


def run_inputs(first: Side, here: Side, run: str) -> RunInputs:
    """The inputs of the second run that differ from the first's, and those that cannot be compared."""
    unknown: list[str] = []
    files = _changed_files(first[0], here[0])
    if files is None:
        unknown.append("files of code and prompts: a run has no dvc.lock")
    records = [_records(side[0]) for side in (first, here)]
    if not all(records):
        unknown.append("versions: a run has no environment records")
    in_code, in_prompts = ([_of(kind, side) for side in files or ({}, {})] for kind in ("code", "prompts"))
    sides: dict[InputKind, tuple[Found, Found]] = {
        "parameters": (_parameters(first), _parameters(here)),
        "prompts": ({**_prompts(first), **in_prompts[0]}, {**_prompts(here), **in_prompts[1]}),
        "data": (_data(first), _data(here)),
        "models": (_models(first), _models(here)),
        "judge": (_judge(first), _judge(here)),
        "code": (in_code[0], in_code[1]),
        "versions": _versions(*records) if all(records) else ({}, {}),
    }
    differences = [item for kind, both in sides.items() for item in _compared(kind, *both)]
    return RunInputs(run=run, differences=tuple(differences), unknown=tuple(unknown))


def _of(kind: str, found: Found) -> Found:
    """The files of one kind."""
    return {path: value for path, value in found.items() if (path.split("/")[0] == "prompts") == (kind == "prompts")}


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


def _prompts(side: Side) -> Found:
    plans = {name: system.plan for name, system in side[1].systems.items()}
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


def _model(manifest: ModelManifest) -> str:
    source = manifest.source
    return source.label if isinstance(source, ServerModel) else f"{source.label} {content_hash(source.files)}"


def judges_of(inputs: ReportInputs) -> tuple[JudgeIdentity, ...]:
    """The judges that a run's judgments name."""
    judges = {row.judge for system in inputs.systems.values() for row in system.judgments}
    return tuple(sorted(judges, key=describe))


def _judge(side: Side) -> Found:
    return _everywhere({"judge": "; ".join(map(describe, judges_of(side[1])))})


def _changed_files(first: Path, here: Path) -> tuple[Found, Found] | None:
    """Files and commands of stages that the locks record differently; None where a run has no lock."""
    if not all((folder / LOCK).is_file() for folder in (first, here)):
        return None
    locks = [read_lock(folder / LOCK) for folder in (first, here)]
    deps = [_dependencies(lock) for lock in locks]
    stages = _stages_by_path(locks)
    found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for path in sorted(deps[0].keys() | deps[1].keys()):
        locked = [(folder, own[path]) for folder, own in zip((first, here), deps, strict=True) if path in own]
        if len(locked) == 2 and locked[0][1].same_content(locked[1][1]):
            continue
        # A folder that changed since it was recorded is known by its digest alone.
        whole = not all(_as_recorded(*item) for item in locked)
        for side, folder, own in zip(found, (first, here), deps, strict=True):
            if path in own:
                files = _files(folder, own[path], whole)
                side.update({name: (digest, tuple(sorted(stages[path]))) for name, digest in files})
    for side, lock in zip(found, locks, strict=True):
        shared = (stage for stage in lock.values() if all(stage.name in other for other in locks))
        side.update({f"command of {stage.name}": (stage.cmd, ()) for stage in shared})
    return found


def _as_recorded(folder: Path, locked: LockedFile) -> bool:
    path = folder / locked.path
    return locked.nfiles is None or (path.is_dir() and Digests(folder).of(path).same_content(locked))


def _dependencies(lock: Mapping[str, LockedStage]) -> dict[str, LockedFile]:
    """The dependencies that no stage writes."""
    found = {item.path: item for stage in lock.values() for item in stage.deps}
    return {path: item for path, item in found.items() if not path.startswith("data/") and path != PARAMETERS}


def _stages_by_path(locks: list[dict[str, LockedStage]]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for lock in locks:
        for name, stage in lock.items():
            for item in stage.deps:
                found[item.path].add(name.partition("@")[0])
    return found


def _files(folder: Path, locked: LockedFile, whole: bool) -> Iterator[tuple[str, str]]:
    """Each file of a dependency with its MD5, or the dependency as a whole."""
    if whole or locked.nfiles is None:
        yield locked.path, f"md5:{locked.md5}"
        return
    digests = Digests(folder)
    for name in digests.files(folder / locked.path):
        path = f"{locked.path}/{name}"
        yield path, f"md5:{digests.of(folder / path).md5}"


def _records(folder: Path) -> dict[str, dict[str, str]]:
    """The environment records, by stage."""
    found = {}
    for path in sorted((folder / ENVIRONMENT).rglob("*.json")):
        name = path.relative_to(folder / ENVIRONMENT).with_suffix("").as_posix().replace("/", "@")
        found[name] = dict(leaves(read_json(path, YamlObject).root))
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

"""What two runs were made from that is not the same: parameters, prompts, data, models, judge, code, versions."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from urial.core.hashing import canonical_json, content_hash
from urial.core.store import read_json
from urial.core.yaml_files import parse_yaml_record
from urial.provenance.compare.records import InputDifference, InputKind, RunInputs
from urial.records.judgment import JudgeIdentity, describe
from urial.records.model import ServerModel
from urial.report.inputs import ReportInputs
from urial.run.files import Digests
from urial.run.lockfile import LOCK, Lock
from urial.run.paths import DATA, ENVIRONMENT
from urial.run.pipeline import YamlObject

PARAMETERS = "params.yaml"
# A run, in the folder that it is laid out in.
Side = tuple[Path, ReportInputs]
# Inputs by kind and key, and the stages that one concerns where that is not all of them.
Inputs = dict[tuple[InputKind, str], str]
Where = dict[tuple[InputKind, str], tuple[str, ...]]


def run_inputs(first: Side, here: Side, run: str) -> RunInputs:
    """The inputs of the second run that differ from the first's, and those that cannot be compared."""
    ours, theirs = _planned(*first), _planned(*here)
    where, unknown = Where(), []
    if all((folder / LOCK).is_file() for folder, _ in (first, here)):
        files, readers = _changed_files(first[0], here[0])
        ours, theirs, where = ours | files[0], theirs | files[1], where | readers
    else:
        unknown.append("files of code and prompts: a run has no dvc.lock")
    environments = [
        {name.replace("/", "@"): dict(leaves(read_json(path, YamlObject).root)) for name, path in records}
        for records in (ENVIRONMENT.present(folder / DATA) for folder, _ in (first, here))
    ]
    if all(environments):
        versions, stages = _versions(environments[0], environments[1])
        ours, theirs, where = ours | versions[0], theirs | versions[1], where | stages
    else:
        unknown.append("versions: a run has no environment records")
    kinds: tuple[InputKind, ...] = get_args(InputKind)
    differences = [
        InputDifference(
            kind=kind,
            key=key,
            first=ours.get((kind, key)),
            here=theirs.get((kind, key)),
            where=where.get((kind, key), ()),
        )
        for kind, key in sorted({**ours, **theirs}, key=lambda item: kinds.index(item[0]))
        if ours.get((kind, key)) != theirs.get((kind, key))
    ]
    return RunInputs(run=run, differences=tuple(differences), unknown=tuple(unknown))


def _planned(folder: Path, inputs: ReportInputs) -> Inputs:
    """The inputs of one run but for files of code and versions, of which only those that changed are known, from both runs."""
    planned: Inputs = {}
    for key, value in leaves(parse_yaml_record(folder / PARAMETERS, YamlObject).root):
        planned["parameters", key] = value
    for name, system in inputs.systems.items():
        prompt = f"{system.plan.prompt_name} {system.plan.prompt_hash}" if system.plan.prompt_name else "chat template"
        planned["prompts", f"system {name}"] = prompt
    digest = content_hash([row.model_dump(mode="json") for row in inputs.instructions])
    rows = f"{len(inputs.instructions):,} rows"
    planned["data", "instructions"] = f"{inputs.plan.instructions}, {rows}, {digest}"
    for role, manifest in inputs.models.items():
        source = manifest.source
        files = "" if isinstance(source, ServerModel) else f" {content_hash(source.files)}"
        planned["models", role] = f"{source.label}{files}"
    planned["judge", "judge"] = "; ".join(map(describe, judges_of(inputs)))
    return planned


def leaves(tree: object, prefix: str = "") -> Iterator[tuple[str, str]]:
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


def judges_of(inputs: ReportInputs) -> tuple[JudgeIdentity, ...]:
    """The judges that a run's judgments name."""
    judges = {row.judge for system in inputs.systems.values() for row in system.judgments}
    return tuple(sorted(judges, key=describe))


def _changed_files(first: Path, here: Path) -> tuple[tuple[Inputs, Inputs], Where]:
    """The files that the locks record differently with their MD5, the commands of stages, and which stages read a file."""
    locks, trees = (Lock.read(first), Lock.read(here)), (Digests(first), Digests(here))
    read = [
        (dep.path, name.partition("@")[0])
        for lock in locks
        for name, stage in lock.stages.items()
        for dep in stage.deps
        if not dep.path.startswith(f"{DATA}/") and dep.path != PARAMETERS
    ]
    values: tuple[Inputs, Inputs] = ({}, {})
    where: Where = {}
    for path in sorted({path for path, _ in read}):
        recorded = [lock.files.get(path) for lock in locks]
        if recorded[0] and recorded[1] and recorded[0].same_content(recorded[1]):
            continue
        # A folder that changed since it was recorded is known only by its digest.
        listed = all(
            entry is None
            or (entry.nfiles is not None and (tree.root / path).is_dir() and tree.differing(entry) is None)
            for entry, tree in zip(recorded, trees, strict=True)
        )
        readers = tuple(sorted({stage for read_path, stage in read if read_path == path}))
        for side, tree, entry in zip(values, trees, recorded, strict=True):
            files = {} if entry is None else {path: entry.md5}
            if files and listed:
                names = [f"{path}/{name}" for name in tree.files(tree.root / path)]
                files = {name: tree.of(tree.root / name).md5 for name in names}
            for name, md5 in files.items():
                kind: InputKind = "prompts" if name.startswith("prompts/") else "code"
                side[kind, name], where[kind, name] = f"md5:{md5}", readers
    for name in [name for name in locks[0].stages if name in locks[1].stages]:
        for side, lock in zip(values, locks, strict=True):
            side["code", f"command of {name}"] = lock.stages[name].cmd
    return values, where


def _versions(
    first: Mapping[str, Mapping[str, str]], here: Mapping[str, Mapping[str, str]]
) -> tuple[tuple[Inputs, Inputs], Where]:
    """What the records of the stages of both runs say, once for all stages that agree, and which stages those are."""
    stages = [name for name in first if name in here]
    changes: dict[tuple[str, str | None, str | None], list[str]] = defaultdict(list)
    for stage in stages:
        for key in {**first[stage], **here[stage]}:
            changes[key, first[stage].get(key), here[stage].get(key)].append(stage)
    values: tuple[Inputs, Inputs] = ({}, {})
    where: Where = {}
    for (key, *both), names in sorted(changes.items(), key=str):
        if both[0] == both[1]:
            continue
        # The same key can differ from stage to stage.
        name = key if ("versions", key) not in where else f"{key} ({', '.join(names)})"
        where["versions", name] = () if len(names) == len(stages) else tuple(names)
        for side, value in zip(values, both, strict=True):
            if value is not None:
                side["versions", name] = value
    return values, where

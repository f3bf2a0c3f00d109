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
from urial.records.judge import JudgeIdentity, describe, distinct_judges
from urial.records.model import ServerModel
from urial.report.inputs import ReportInputs
from urial.run.files import Digests
from urial.run.lockfile import LOCK, Lock
from urial.run.paths import DATA, ENVIRONMENT
from urial.run.pipeline import PARAMETERS, YamlObject

NOT_JUDGED = "not judged"
# A run, in the folder that it is laid out in.
Side = tuple[Path, ReportInputs]
Values = Mapping[str, str]


def run_inputs(first: Side, here: Side, run: str) -> RunInputs:
    """The inputs of the second run that differ from the first's, and those that cannot be compared."""
    ours, theirs = _planned(*first), _planned(*here)
    differences = [difference for kind in ours for difference in _differing(kind, ours[kind], theirs[kind])]
    unknown = []
    if all((folder / LOCK).is_file() for folder, _ in (first, here)):
        differences += _changed_files(first[0], here[0])
    else:
        unknown.append("files of code and prompts: a run has no dvc.lock")
    environments = [
        {name.replace("/", "@"): dict(leaves(read_json(path, YamlObject).root)) for name, path in records}
        for records in (ENVIRONMENT.present(folder / DATA) for folder, _ in (first, here))
    ]
    if all(environments):
        differences += _versions(environments[0], environments[1])
    else:
        unknown.append("versions: a run has no environment records")
    kinds: tuple[InputKind, ...] = get_args(InputKind)
    # What only this run has comes last.
    differences.sort(key=lambda difference: (kinds.index(difference.kind), difference.first is None))
    return RunInputs(run=run, differences=tuple(differences), unknown=tuple(unknown))


def _differing(kind: InputKind, ours: Values, theirs: Values, where: tuple[str, ...] = ()) -> Iterator[InputDifference]:
    for key in {**ours, **theirs}:
        if ours.get(key) != theirs.get(key):
            yield InputDifference(kind=kind, key=key, first=ours.get(key), here=theirs.get(key), where=where)


def _planned(folder: Path, inputs: ReportInputs) -> dict[InputKind, Values]:
    """The inputs of one run by kind, but for files of code and prompts, and versions."""
    plans = {name: system.plan for name, system in inputs.systems.items()}
    digest = content_hash([row.model_dump(mode="json") for row in inputs.instructions])
    models: dict[str, str] = {}
    for role, manifest in inputs.models.items():
        source = manifest.model
        files = "" if isinstance(source, ServerModel) else f" {content_hash(source.files)}"
        models[role] = f"{source.label}{files}"
    return {
        "parameters": dict(leaves(parse_yaml_record(folder / PARAMETERS, YamlObject).root)),
        "prompts": {
            f"system {name}": f"{plan.prompt_label} {plan.prompt_hash}" if plan.prompt_name else plan.prompt_label
            for name, plan in plans.items()
        },
        "data": {"instructions": f"{inputs.plan.instructions}, {len(inputs.instructions):,} rows, {digest}"},
        "models": models,
        "judge": {"judge": "; ".join(map(describe, judges_of(inputs))) or NOT_JUDGED},
    }


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
    """The judges that a run's judgments name; none where the run has no judge."""
    judges = (row.judge for system in inputs.systems.values() for row in system.judgments if row.judge)
    return tuple(sorted(distinct_judges(judges), key=describe))


def _changed_files(first: Path, here: Path) -> Iterator[InputDifference]:
    """The files that the locks record differently with the stages that read them, and the commands of stages."""
    locks, trees = (Lock.read(first), Lock.read(here)), (Digests(first), Digests(here))
    read = [
        (dep.path, name.partition("@")[0])
        for lock in locks
        for name, stage in lock.stages.items()
        for dep in stage.deps
        if not dep.path.startswith(f"{DATA}/") and dep.path != PARAMETERS
    ]
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
        sides: list[Values] = []
        for tree, entry in zip(trees, recorded, strict=True):
            files = {path: f"md5:{entry.md5}"} if entry else {}
            if entry and listed:
                names = [f"{path}/{name}" for name in tree.files(tree.root / path)]
                files = {name: f"md5:{tree.of(tree.root / name).md5}" for name in names}
            sides.append(files)
        kind: InputKind = "prompts" if all(name.startswith("prompts/") for side in sides for name in side) else "code"
        readers = {stage for read_path, stage in read if read_path == path}
        yield from _differing(kind, sides[0], sides[1], tuple(sorted(readers)))
    shared = locks[0].stages.keys() & locks[1].stages.keys()
    commands = [
        {f"command of {name}": lock.stages[name].cmd for name in lock.stages if name in shared} for lock in locks
    ]
    yield from _differing("code", commands[0], commands[1])


def _versions(first: Mapping[str, Values], here: Mapping[str, Values]) -> Iterator[InputDifference]:
    """What the records of the stages of both runs say differently, once for all stages that agree, with those stages."""
    stages = [name for name in first if name in here]
    changes: dict[tuple[str, str | None, str | None], list[str]] = defaultdict(list)
    for stage in stages:
        for key in {**first[stage], **here[stage]}:
            changes[key, first[stage].get(key), here[stage].get(key)].append(stage)
    known = set()
    for (key, ours, theirs), names in sorted(changes.items(), key=str):
        if ours != theirs:
            # The same key can differ from stage to stage.
            name = f"{key} ({', '.join(names)})" if key in known else key
            where = () if len(names) == len(stages) else tuple(names)
            known.add(name)
            yield InputDifference(kind="versions", key=name, first=ours, here=theirs, where=where)

"""What two runs were made from that is not the same: parameters, prompts, data, models, judge, code, versions."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from urial.core.hashing import canonical_json, content_hash
from urial.core.store import read_json
from urial.core.yaml_files import parse_yaml_record
from urial.provenance.compare.records import InputDifference, InputKind, RunInputs
from urial.records.judgment import JudgeIdentity, describe
from urial.records.model import ModelManifest, ServerModel
from urial.report.inputs import ReportInputs
from urial.run.files import Digests
from urial.run.lockfile import LOCK, Lock
from urial.run.paths import DATA, ENVIRONMENT
from urial.run.pipeline import YamlObject

PARAMETERS = "params.yaml"
# A run, in the folder that it is laid out in.
Side = tuple[Path, ReportInputs]
# Inputs of one kind by key, and the stages that a key concerns where that is not all of them.
Values = dict[str, str]
Where = Mapping[str, tuple[str, ...]]


def run_inputs(first: Side, here: Side, run: str) -> RunInputs:
    """The inputs of the second run that differ from the first's, and those that cannot be compared."""
    sides = _inputs(*first), _inputs(*here)
    unknown, where = [], dict[InputKind, Where]()
    if all((folder / LOCK).is_file() for folder, _ in (first, here)):
        files, readers = _changed_files(first[0], here[0])
        where |= {"prompts": readers, "code": readers}
        for side, values in zip(sides, files, strict=True):
            for key, value in values.items():
                side["prompts" if key.startswith("prompts/") else "code"][key] = value
    else:
        unknown.append("files of code and prompts: a run has no dvc.lock")
    records = _environments(first[0]), _environments(here[0])
    if all(records):
        versions, where["versions"] = _versions(*records)
        for side, values in zip(sides, versions, strict=True):
            side["versions"] = values
    else:
        unknown.append("versions: a run has no environment records")
    differences = [
        InputDifference(
            kind=kind,
            key=key,
            first=ours.get(key),
            here=sides[1][kind].get(key),
            where=where.get(kind, {}).get(key, ()),
        )
        for kind, ours in sides[0].items()
        for key in {**ours, **sides[1][kind]}
        if ours.get(key) != sides[1][kind].get(key)
    ]
    return RunInputs(run=run, differences=tuple(differences), unknown=tuple(unknown))


def _inputs(folder: Path, inputs: ReportInputs) -> dict[InputKind, Values]:
    """The inputs of one run, by kind; files of code and versions come from both runs together."""
    rows = inputs.instructions
    digest = content_hash([row.model_dump(mode="json") for row in rows])
    plans = {name: system.plan for name, system in inputs.systems.items()}
    return {
        "parameters": dict(leaves(parse_yaml_record(folder / PARAMETERS, YamlObject).root)),
        "prompts": {
            f"system {name}": f"{plan.prompt_name} {plan.prompt_hash}" if plan.prompt_name else "chat template"
            for name, plan in plans.items()
        },
        "data": {"instructions": f"{inputs.plan.instructions}, {len(rows):,} rows, {digest}"},
        "models": {role: _model(manifest) for role, manifest in inputs.models.items()},
        "judge": {"judge": "; ".join(map(describe, judges_of(inputs)))},
        "code": {},
        "versions": {},
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


def _model(manifest: ModelManifest) -> str:
    source = manifest.source
    return source.label if isinstance(source, ServerModel) else f"{source.label} {content_hash(source.files)}"


def judges_of(inputs: ReportInputs) -> tuple[JudgeIdentity, ...]:
    """The judges that a run's judgments name."""
    judges = {row.judge for system in inputs.systems.values() for row in system.judgments}
    return tuple(sorted(judges, key=describe))


def _changed_files(first: Path, here: Path) -> tuple[tuple[Values, Values], Where]:
    """The files that the locks record differently with their MD5, the commands of stages, and which stages read a file."""
    locks, trees = (Lock.read(first), Lock.read(here)), (Digests(first), Digests(here))
    read = [
        (name.partition("@")[0], dep.path)
        for lock in locks
        for name, stage in lock.stages.items()
        for dep in stage.deps
        if not dep.path.startswith(f"{DATA}/") and dep.path != PARAMETERS
    ]
    values: tuple[Values, Values] = ({}, {})
    where: dict[str, tuple[str, ...]] = {}
    for path in sorted({path for _, path in read}):
        recorded = [lock.files.get(path) for lock in locks]
        if recorded[0] and recorded[1] and recorded[0].same_content(recorded[1]):
            continue
        # A folder that changed since it was recorded is known only by its digest.
        listed = all(
            entry is None
            or (entry.nfiles is not None and (tree.root / path).is_dir() and tree.differing(entry) is None)
            for entry, tree in zip(recorded, trees, strict=True)
        )
        readers = tuple(sorted({stage for stage, read_path in read if read_path == path}))
        for side, tree, entry in zip(values, trees, recorded, strict=True):
            if entry is not None and not listed:
                side[path], where[path] = f"md5:{entry.md5}", readers
            elif entry is not None:
                names = [f"{path}/{name}" for name in tree.files(tree.root / path)]
                side |= {name: f"md5:{tree.of(tree.root / name).md5}" for name in names}
                where |= dict.fromkeys(names, readers)
    for side, lock in zip(values, locks, strict=True):
        shared = (stage for name, stage in lock.stages.items() if all(name in other.stages for other in locks))
        side.update({f"command of {stage.name}": stage.cmd for stage in shared})
    return values, where


def _environments(folder: Path) -> dict[str, Values]:
    """The environment records, by stage."""
    return {
        name.replace("/", "@"): dict(leaves(read_json(path, YamlObject).root))
        for name, path in ENVIRONMENT.present(folder / DATA)
    }


def _versions(first: Mapping[str, Values], here: Mapping[str, Values]) -> tuple[tuple[Values, Values], Where]:
    """What the records of the stages of both runs say, once for all stages that agree, and which stages those are."""
    stages = [name for name in first if name in here]
    changes: dict[tuple[str, str | None, str | None], list[str]] = defaultdict(list)
    for stage in stages:
        for key in {**first[stage], **here[stage]}:
            changes[key, first[stage].get(key), here[stage].get(key)].append(stage)
    values: tuple[Values, Values] = ({}, {})
    where: dict[str, tuple[str, ...]] = {}
    for (key, *both), names in sorted(changes.items(), key=str):
        if both[0] == both[1]:
            continue
        # The same key can differ from stage to stage.
        name = key if key not in where else f"{key} ({', '.join(names)})"
        where[name] = () if len(names) == len(stages) else tuple(names)
        for side, value in zip(values, both, strict=True):
            if value is not None:
                side[name] = value
    return values, where

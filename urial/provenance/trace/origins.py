"""What a traced value depends on besides its rows: systems, models, judge, instructions, stages, commit."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from urial.api.servers import public_address
from urial.core.store import read_json
from urial.provenance.trace.records import (
    TracedFile,
    TracedInstructions,
    TracedJudge,
    TracedModel,
    TracedRun,
    TracedStage,
    TracedSystem,
)
from urial.provenance.trace.rows import RunData
from urial.records.base import Role
from urial.records.environment import Environment
from urial.records.model import FolderWeights
from urial.records.plans import InstructionsPlan, OpenAIPlan, RulesPlan
from urial.records.report import Report
from urial.report.build import model_hash
from urial.run.dvc_cache import DvcCache
from urial.run.folders import RunFolder
from urial.run.lockfile import LockedFile, LockedStage, file_digest, is_as_locked
from urial.run.remedies import restored

REPORT = "data/report/report.json"
INSTRUCTIONS = "data/instructions.jsonl"
PLANS = ("data/plan/report.json", "data/plan/instructions.json", "data/plan/judge.json")
MANIFESTS = ("data/models/base/manifest.json", "data/models/aligned/manifest.json")
ENVIRONMENTS = "data/environment"


def systems(run: RunData, names: Iterable[str]) -> dict[str, TracedSystem]:
    """The planned systems."""
    plans = {name: run.system(name) for name in names}
    return {
        name: TracedSystem(
            model=plan.model, prompt=plan.prompt_name, prompt_hash=plan.prompt_hash, decoding=plan.decoding
        )
        for name, plan in plans.items()
    }


def models(run: RunData, roles: Iterable[Role]) -> dict[Role, TracedModel]:
    """The models by their manifests."""
    manifests = {role: run.model(role) for role in roles}
    return {role: TracedModel(hash=model_hash(found), manifest=found) for role, found in manifests.items()}


def judge(run: RunData, report: Report) -> TracedJudge:
    """The judge as planned, under the identity that the rows give it."""
    planned = run.judge.judge
    if isinstance(planned, RulesPlan):
        return TracedJudge(
            identity=report.judge, name=run.judge.name, kind="rules", model=None, revision=None, server=None, rubrics={}
        )
    rubrics = {rubric.name: rubric.hash for rubric in (planned.rubrics.regular, planned.rubrics.safety)}
    revision, server = None, None
    if isinstance(planned, OpenAIPlan):
        model, server = planned.judge.model, public_address(planned.judge.server)
    elif isinstance(planned.model, FolderWeights):
        model = planned.model.label
    else:
        model, revision = planned.model.hub, planned.model.revision
    return TracedJudge(
        identity=report.judge,
        name=run.judge.name,
        kind=planned.kind,
        model=model,
        revision=revision,
        server=server,
        rubrics=rubrics,
    )


def instructions(run: RunData, report: Report) -> TracedInstructions:
    """The instruction set as planned, under the hash that the report gives it."""
    plan = run.record("plan/instructions.json", InstructionsPlan)
    return TracedInstructions(
        name=plan.name,
        set=plan.set.model_dump(mode="json"),
        source_hash=plan.source_hash,
        hash=report.instructions_hash,
    )


def path_stages(lock: dict[str, LockedStage], files: Iterable[str]) -> list[LockedStage]:
    """The stages that made ``files``, and those before them, in the order in which they run; ``report`` comes last."""
    made = {out.path: stage.name for stage in lock.values() for out in stage.outs}
    found: dict[str, LockedStage] = {}

    def visit(path: str) -> None:
        for out, name in made.items():
            if name != "report" and name not in found and _overlap(out, path):
                for dep in lock[name].deps:
                    visit(dep.path)
                # Two paths can lead to one stage.
                found.setdefault(name, lock[name])

    for path in files:
        visit(path)
    return [*found.values(), *(stage for name, stage in lock.items() if name == "report")]


def traced_stages(folder: Path, stages: Sequence[LockedStage]) -> tuple[TracedStage, ...]:
    """The stages, each with the record of its environment, if its run left one."""
    found = []
    for stage in stages:
        paths = environment_files([stage])
        found.append(TracedStage(stage=stage, environment=_environment(folder, paths[0]) if paths else None))
    return tuple(found)


def _environment(folder: Path, path: str) -> Environment:
    with restored(path):
        return read_json(folder / path, Environment)


def environment_files(stages: Iterable[LockedStage]) -> list[str]:
    """Environment records among the outputs of stages."""
    return [out.path for stage in stages for out in stage.outs if _overlap(ENVIRONMENTS, out.path)]


def traced_files(folder: Path, files: Iterable[str], lock: dict[str, LockedStage]) -> tuple[TracedFile, ...]:
    """Digests of files as they are and as dvc.lock has them, or the folders around them.

    Of a folder that was pulled in part, or has another file that was edited, DVC's cache still knows what is in it.
    """
    recorded, folders = recorded_files(lock), dict[str, bool]()

    def traced(path: str) -> TracedFile:
        md5 = file_digest(folder / path, folder).md5
        if path in recorded:
            known = recorded[path].md5
            return TracedFile(path=path, md5=md5, recorded=known, folder=None, edited=md5 != known)
        around = next((name for name in recorded if path.startswith(f"{name}/")), None)
        if around is not None and around not in folders:
            folders[around] = is_as_locked(recorded[around], folder)
        if around is not None and not folders[around] and (listed := DvcCache.of(folder).listing(recorded[around].md5)):
            inside = listed.get(path.removeprefix(f"{around}/"))
            return TracedFile(path=path, md5=md5, recorded=inside, folder=around, edited=md5 != inside)
        return TracedFile(
            path=path, md5=md5, recorded=None, folder=around, edited=around is not None and not folders[around]
        )

    return tuple(traced(path) for path in dict.fromkeys(files))


def recorded_files(lock: dict[str, LockedStage]) -> dict[str, LockedFile]:
    """What dvc.lock says of each path; of one that was written and read, what was written."""
    read = {file.path: file for stage in lock.values() for file in stage.deps}
    return {**read, **{file.path: file for stage in lock.values() for file in stage.outs}}


def traced_run(folder: RunFolder, lock: dict[str, LockedStage]) -> TracedRun:
    """The state of the project that the run is of."""
    recorded = recorded_files(lock).get(REPORT)
    edited = recorded is not None and file_digest(folder.path / REPORT, folder.path).md5 != recorded.md5
    return TracedRun(**dict(folder.state), report=recorded, report_edited=edited)


def _overlap(one: str, other: str) -> bool:
    """Whether one path is the other, or lies in it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")

"""What a traced value depends on besides its rows: the stages that made its files, the files as recorded, the commit."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from urial.core.store import read_json
from urial.provenance.trace.records import TracedFile, TracedRun, TracedStage
from urial.run.dvc_cache import DvcCache
from urial.run.folders import RunFolder
from urial.run.lockfile import LockedFile, LockedStage, file_digest, is_as_locked
from urial.run.paths import ENVIRONMENT, REPORT
from urial.run.remedies import restored


def path_stages(lock: dict[str, LockedStage], files: Iterable[str]) -> list[LockedStage]:
    """The stages that made ``files``, and those before them, in the order in which they run; ``report`` comes last."""
    made = {out.path: stage.name for stage in lock.values() for out in stage.outs}
    path_to: dict[str, LockedStage] = {}

    def visit(path: str) -> None:
        for out, name in made.items():
            if name != "report" and name not in path_to and _overlap(out, path):
                for dep in lock[name].deps:
                    visit(dep.path)
                # Two paths can lead to one stage.
                path_to.setdefault(name, lock[name])

    for path in files:
        visit(path)
    return [*path_to.values(), *(stage for name, stage in lock.items() if name == "report")]


def traced_stages(folder: Path, stages: Sequence[LockedStage]) -> tuple[TracedStage, ...]:
    """The stages, each with the record of its environment, if its run left one."""
    traced = []
    for stage in stages:
        environment = None
        for path in environment_files([stage]):
            with restored(path):
                environment = read_json(folder / path, ENVIRONMENT.model)
        traced.append(TracedStage(stage=stage, environment=environment))
    return tuple(traced)


def environment_files(stages: Iterable[LockedStage]) -> list[str]:
    """Environment records among the outputs of stages."""
    return [out.path for stage in stages for out in stage.outs if _overlap(ENVIRONMENT.folder, out.path)]


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
    recorded = recorded_files(lock).get(REPORT.path())
    edited = recorded is not None and file_digest(folder.path / REPORT.path(), folder.path).md5 != recorded.md5
    return TracedRun(**dict(folder.state), report=recorded, report_edited=edited)


def _overlap(one: str, other: str) -> bool:
    """Whether one path is the other, or lies in it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")

"""What a traced value depends on besides its rows: the stages that made its files, how its files were recorded, the commit."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from urial.core.store import read_json
from urial.provenance.trace.records import TracedFile, TracedRun, TracedStage
from urial.run.dvc_cache import DvcCache
from urial.run.files import Digests
from urial.run.folders import RunFolder
from urial.run.lockfile import Lock, LockedStage, is_within
from urial.run.paths import ENVIRONMENT, REPORT
from urial.run.reader import restored


def path_stages(lock: Lock, files: Iterable[str]) -> list[LockedStage]:
    """The stages that made ``files``, and those before them, in the order in which they run; ``report`` comes last."""
    before_report: dict[str, LockedStage] = {}

    def visit(path: str) -> None:
        for out, name in lock.makers.items():
            if name != "report" and name not in before_report and (is_within(out, path) or is_within(path, out)):
                for dep in lock.stages[name].deps:
                    visit(dep.path)
                # Two paths can lead to one stage.
                before_report.setdefault(name, lock.stages[name])

    for path in files:
        visit(path)
    return [*before_report.values(), *(stage for name, stage in lock.stages.items() if name == "report")]


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
    return [out.path for stage in stages for out in stage.outs if is_within(out.path, ENVIRONMENT.folder)]


def traced_files(folder: Path, files: Iterable[str], lock: Lock) -> tuple[TracedFile, ...]:
    """Digests of files as they are and as dvc.lock has them, or the folders around them.

    Of a folder that was pulled in part, or has another file that was edited, DVC's cache still knows what is in it.
    """
    tree = Digests(folder)
    # By folder: what is recorded inside, so far as that is known; None of a folder that is as recorded.
    listings: dict[str, Mapping[str, str] | None] = {}

    def traced(path: str) -> TracedFile:
        md5 = tree.of(folder / path).md5
        if path in lock.files:
            recorded = lock.files[path].md5
            return TracedFile(path=path, md5=md5, recorded=recorded, folder=None, edited=md5 != recorded)
        around = next((name for name in lock.files if is_within(path, name)), None)
        if around is None:
            return TracedFile(path=path, md5=md5, recorded=None, folder=None, edited=False)
        if around not in listings:
            whole = tree.differing(lock.files[around]) is None
            listings[around] = None if whole else DvcCache.of(folder).listing(lock.files[around].md5) or {}
        listed = listings[around]
        inside = listed.get(path.removeprefix(f"{around}/")) if listed else None
        return TracedFile(
            path=path, md5=md5, recorded=inside, folder=around, edited=listed is not None and md5 != inside
        )

    return tuple(traced(path) for path in dict.fromkeys(files))


def traced_run(folder: RunFolder, lock: Lock) -> TracedRun:
    """The state of the project that the run is of."""
    recorded = lock.files.get(REPORT.path())
    edited = recorded is not None and Digests(folder.path).of(folder.path / REPORT.path()).md5 != recorded.md5
    return TracedRun(**dict(folder.state), report=recorded, report_edited=edited)

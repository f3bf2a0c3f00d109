"""From a value of report.json down to its inputs: it is recomputed from its rows, and must be the same."""

import json
import shlex
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError
from urial.core.store import read_json
from urial.core.text import one_line
from urial.provenance.trace import origins
from urial.provenance.trace.figures import Figure, meaning, needs_interval
from urial.provenance.trace.pointers import JsonPath, dotted, json_pointer, resolve, value_at
from urial.provenance.trace.records import Computation, Trace, Value
from urial.provenance.trace.rows import TraceReader
from urial.provenance.trace.scores import AspectFigure, HeaderFigure, SystemFigure
from urial.provenance.trace.shown import row_files, shown
from urial.records.judgment import ASPECTS
from urial.records.report import Report
from urial.report.build import model_hash
from urial.run import paths
from urial.run.folders import RunFolder, run_folder
from urial.run.lockfile import Lock, LockedStage
from urial.run.outputs import bring_outputs
from urial.run.reader import restored


@dataclass(frozen=True)
class Located:
    """A value of a run's report."""

    report: Report
    path: JsonPath
    value: Value


@dataclass(frozen=True)
class Lookup:
    """What a value is computed from, before any of it is read."""

    located: Located
    lock: Lock
    run: TraceReader
    figure: Figure
    # Those that made its files, in the order in which they run.
    stages: Sequence[LockedStage]
    # The other files that are read.
    others: Sequence[str]


def traced(text: str, revision: str | None = None, every_row: bool = False, root: Path = Path()) -> Trace:
    """The trace of a value of the work tree's report, or of a revision's. Raises UrialError, see trace."""
    with run_folder(revision, root=root, needs=()) as folder:
        if revision is not None:
            # The report is in git; the plan, with the lock, says which other outputs have to be brought.
            locate(folder.path, text)
            bring_outputs(folder.path, root, [paths.PLAN_FOLDER], revision)
            lookup = look_up(folder.path, text)
            bring_outputs(folder.path, root, [*lookup.figure.files, *lookup.others], revision)
        return trace(folder, text, every_row)


def locate(folder: Path, text: str) -> Located:
    """The value that a pointer or path names. Raises UrialError where there is no report, or no such value."""
    file = folder / paths.REPORT.path()
    if not file.is_file():
        raise UrialError(
            "no report yet", path=file, fix="run `dvc repro`, or `git checkout` and `dvc pull` of a run that has one"
        )
    with restored(paths.REPORT.path()):
        report = read_json(file, Report)
    document = json.loads(file.read_bytes())
    path = resolve(document, text)
    return Located(report, path, value_at(document, path))


def look_up(folder: Path, text: str) -> Lookup:
    """The value that a pointer or path names, and its files. Raises UrialError, see locate and figure_of."""
    located = locate(folder, text)
    lock, run = Lock.read(folder), TraceReader(folder / paths.DATA)
    figure = figure_of(run, located)
    rows = [kind.path(key) for kind, key in row_files(figure)]
    stages = origins.path_stages(lock, [*figure.files, *rows])
    others = [
        paths.INSTRUCTIONS.path(),
        *rows,
        *(plan.path() for plan in (paths.REPORT_PLAN, paths.INSTRUCTIONS_PLAN, paths.JUDGE_PLAN)),
        *map(paths.SYSTEM_PLAN.path, figure.systems),
        *map(paths.MANIFEST.path, ("base", "aligned")),
        *origins.environment_files(stages),
    ]
    return Lookup(located, lock, run, figure, stages, [name for name in others if name not in figure.files])


def figure_of(run: TraceReader, located: Located) -> Figure:
    """The computation that a value belongs to. Raises UrialError for one of token shift whose systems nothing tells."""
    path = located.path
    if path[0] == "systems":
        return AspectFigure(run, path) if path[2] in ASPECTS else SystemFigure(run, path)
    if path[0] not in ("token_shift", "context_comparisons"):
        return HeaderFigure(run, path, list(located.report.systems))
    # With numpy and pyarrow, which scores need less of.
    from urial.provenance.trace.comparisons import ComparisonFigure
    from urial.provenance.trace.shift import ShiftFigure

    answer_system, base_systems = _measured_systems(run, located.report)
    if path[0] == "token_shift":
        return ShiftFigure(run, path, answer_system)
    return ComparisonFigure(run, path, answer_system, base_systems)


def _measured_systems(run: TraceReader, report: Report) -> tuple[str, Sequence[str]]:
    """Answer system and base systems of the token shift, by the report's plan.

    Where the plan is not here, report and dvc.lock tell them, so that `trace` asks for all missing files at once.
    """
    if (run.data / paths.REPORT_PLAN.below()).is_file():
        return run.plan.answer_system, run.plan.base_systems
    base_systems = list(report.token_shift)
    stage = Lock.read(run.data.parent).stages.get(f"token_shift@{base_systems[0]}")
    answers = (
        [dep.path for dep in stage.deps if Path(dep.path).parent == Path(paths.COMPLETIONS.folder)] if stage else []
    )
    if not answers:
        require(run.data.parent, [paths.REPORT_PLAN.path()])
    return Path(answers[0]).stem, base_systems


def trace(folder: RunFolder, text: str, every_row: bool = False) -> Trace:
    """The value that ``text`` names, recomputed, with the first rows it is of, or all of them.

    Raises UrialError for a name of no value, for files that are not here, and where the recomputed value is another.
    """
    lookup = look_up(folder.path, text)
    located, figure = lookup.located, lookup.figure
    require(folder.path, [*figure.files, *lookup.others])
    with ThreadPoolExecutor(1) as pool:
        hashed = [
            pool.submit(origins.traced_files, folder.path, names, lookup.lock)
            for names in (figure.files, lookup.others)
        ]
        under, figures = figure.recompute(needs_interval(located.path))
    value = value_at(figures, located.path[len(under) :])
    files, other_files = (future.result() for future in hashed)
    state = origins.traced_run(folder, lookup.lock)
    if not same(value, located.value):
        edited = list(dict.fromkeys(file.restored_as for file in files if file.edited))
        raise _mismatch(located, value, edited or [paths.REPORT.path()] * state.report_edited)
    evidence = figure.evidence()
    computation = Computation(
        function=figure.function,
        how=figure.how(),
        rows=evidence.rows,
        unit=evidence.unit,
        counted=len(evidence.counted),
        left_out=evidence.left_out,
        files=files,
    )
    rows, positions = shown(lookup.run, figure, evidence, every_row)
    return Trace(
        pointer=json_pointer(located.path),
        path=dotted(located.path),
        meaning=meaning(located.path),
        value=located.value,
        computation=computation,
        rows=rows,
        positions=positions,
        **_planned(lookup),
        stages=origins.traced_stages(folder.path, lookup.stages),
        files=other_files,
        run=state,
    )


def _planned(lookup: Lookup) -> dict[str, Any]:
    """The fields of a trace that plans and manifests say: systems, models, judge and instructions."""
    run, report, first = lookup.run, lookup.located.report, lookup.located.path[0]
    systems = {name: run.record(paths.SYSTEM_PLAN, name) for name in lookup.figure.systems}
    # The models of its systems, or, of the measurement, both.
    roles = list(dict.fromkeys(plan.model for plan in systems.values()))
    if "coverage" in lookup.figure.shows or first in ("loading", "study"):
        roles = ["base", "aligned"]
    elif first == "models":
        roles = ["base" if lookup.located.path[1] == "base" else "aligned"]
    models = {role: run.record(paths.MANIFEST, role) for role in roles}
    judged = "judgment" in lookup.figure.shows or first == "judge"
    return {
        "systems": systems,
        "models": models,
        "model_hashes": {role: model_hash(manifest) for role, manifest in models.items()},
        "judge": run.record(paths.JUDGE_PLAN) if judged else None,
        "judge_identity": report.judge if judged else None,
        "instructions": run.record(paths.INSTRUCTIONS_PLAN),
        "instructions_hash": report.instructions_hash,
    }


def require_recorded(trace: Trace) -> None:
    """Raises UrialError where a file that a trace reads is not what dvc.lock records."""
    edited = [*trace.edited, *([paths.REPORT.path()] * trace.run.report_edited)]
    if edited:
        raise UrialError(
            f"{trace.path}: recomputed the same, but what is shown with it is not all as the pipeline wrote it",
            where=_differs(edited),
            expected="every file as dvc.lock records it",
            fix=_restore(edited),
        )


def require(folder: Path, files: Iterable[str]) -> None:
    """Raises UrialError for files that are not here, with the command that gets all of them."""
    missing = [file for file in dict.fromkeys(files) if not (folder / file).is_file()]
    if missing:
        others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UrialError(
            f"not here{others}",
            path=folder / missing[0],
            expected="the files that the value was computed from",
            fix=f"run `dvc pull {shlex.join(missing)}`, or compute them with `dvc repro`",
        )


def same(recomputed: Value, value: Value) -> bool:
    """Whether two values are the same to the last bit, and of one type."""
    return json.dumps(recomputed) == json.dumps(value)


def _mismatch(located: Located, recomputed: Value, edited: Sequence[str]) -> UrialError:
    """Both values, and the likely cause of their difference."""
    if edited:
        cause, fix = _differs(edited), _restore(edited)
    else:
        cause = "the files are those of dvc.lock: they were made by other code or library versions, or edited together"
        fix = "run `urial verify`, and `dvc status` to see what changed since"
    return UrialError(
        f"{dotted(located.path)}: the report says {json.dumps(located.value)}, its rows give {json.dumps(recomputed)}",
        where=cause,
        expected="the same value, to the last bit",
        fix=fix,
    )


def _differs(edited: Sequence[str]) -> str:
    return f"{', '.join(map(one_line, edited))}: differs from dvc.lock, so it was edited since the pipeline wrote it"


def _restore(edited: Sequence[str]) -> str:
    by_dvc = [shlex.quote(one_line(name)) for name in edited if name != paths.REPORT.path()]
    commands = [f"`dvc checkout --force {' '.join(by_dvc)}`"] if by_dvc else []
    if paths.REPORT.path() in edited:
        commands.append(f"`git checkout -- {paths.REPORT.path()}`, or `dvc repro --force report`")
    return f"bring back what was recorded: {'; '.join(commands)}"

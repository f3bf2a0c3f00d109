"""From a value of report.json down to its inputs: it is recomputed from its rows, and must be the same."""

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError, shorten
from urial.core.json_paths import JsonPath, json_pointer
from urial.core.store import read_json
from urial.core.text import one_line
from urial.provenance.trace.blends import BlendFigure
from urial.provenance.trace.figures import AspectFigure, Figure, PlannedFigure, SystemFigure
from urial.provenance.trace.known_answers import AgreementFigure, KnownAnswerFigure
from urial.provenance.trace.pointers import dotted, resolve, value_at
from urial.provenance.trace.preferences import PreferenceFigure
from urial.provenance.trace.records import Computation, Trace, TracedFile, TracedRun, TracedStage, Value
from urial.provenance.trace.rows import TraceReader
from urial.provenance.trace.safety_depth import depth_figure
from urial.provenance.trace.shift import ComparisonFigure, ShiftFigure
from urial.provenance.trace.shown import origins, shown_rows, traced_files
from urial.provenance.trace.turns import TurnFigure
from urial.records.judgment import EVERY_ASPECT
from urial.records.left_out import describe_left_out
from urial.records.report import Report, meaning
from urial.records.token_shift import ShiftMeasurement
from urial.report.build import model_hash
from urial.run import paths
from urial.run.folders import bring_outputs, run_folder
from urial.run.lockfile import Lock, LockedStage
from urial.run.pipeline import current_lock
from urial.run.reader import pull, require_here, restored
from urial.statistics.bootstrap import INTERVAL
from urial.statistics.figures import SYSTEM_FIGURES


def traced(text: str, revision: str | None = None, every_row: bool = False, root: Path = Path()) -> Trace:
    """The value that ``text`` names in the work tree's report, or a revision's, recomputed, with its first rows or all of them.

    Raises UrialError for a name of no value, for files that are not here, and where the recomputed value is another.
    """
    with run_folder(revision, root=root, needs=()) as folder:
        report, path, value = locate(folder.path, text)
        if revision is not None:
            # The report is in git; the plan, with the lock, says which other outputs have to be brought.
            bring_outputs(folder.path, root, [paths.PLAN_FOLDER], revision)
        # Without the stages of removed systems, which were of other plans.
        lock, run = current_lock(folder.path), TraceReader(folder.path / paths.DATA)
        figure = figure_of(run, lock, report, path)
        stages, others = origins(figure, lock)
        if revision is not None:
            bring_outputs(folder.path, root, [*figure.files, *others], revision)
        require(folder.path, [*figure.files, *others])
        with ThreadPoolExecutor(1) as pool:
            names = [*figure.files, *others, paths.REPORT.path()]
            hashed = pool.submit(traced_files, folder.path, names, lock)
            # Without an interval no rows have to be resampled.
            under, figures = figure.recompute(path[-1] in INTERVAL)
        files, recomputed = hashed.result(), value_at(figures, path[len(under) :])
        report_file = files.pop(paths.REPORT.path())
        if not same(recomputed, value):
            edited = dict.fromkeys(files[name].restored_as for name in figure.files if files[name].edited)
            raise _mismatch(path, value, recomputed, [*edited] or [report_file.path] * report_file.edited)
        recorded = lock.files.get(report_file.path)
        state = TracedRun(**dict(folder.state), report=recorded, report_edited=report_file.edited)
        return _trace(figure, value, every_row, stages=stages, files=files, run=state)


def locate(folder: Path, text: str) -> tuple[Report, JsonPath, Value]:
    """The report, and the value in it that a pointer or path names. Raises UrialError where there is no report, or no such value."""
    file = folder / paths.REPORT.path()
    require_here(file, folder)
    if not file.is_file():
        raise UrialError(
            "no report yet", path=file, fix="run `dvc repro`, or `git checkout` and `dvc pull` of a run that has one"
        )
    with restored(paths.REPORT.path()):
        report = read_json(file, Report)
    document = json.loads(file.read_bytes())
    try:
        path = resolve(document, text)
    except UrialError as error:
        if left_out := describe_left_out(report.study, report.left_out):
            raise _not_in(text, report, error, left_out) from error
        raise
    return report, path, value_at(document, path)


def _not_in(text: str, report: Report, error: UrialError, left_out: str) -> UrialError:
    """The error for a text that names no value, with what the run leaves out; where it names that, no other name is meant."""
    names = {
        *report.left_out.systems,
        *report.left_out.given,
        *report.left_out.blends,
        *("blends", "known_agreement", "token_shift", "context_comparisons", "preferences", "safety_depth"),
    }
    if names & set(re.split("[/.]", text)):
        return UrialError(f"{shorten(text)}: there is no such figure", expected=f"one of the run. {left_out}")
    return error.but(problem=f"{error.problem}. {left_out}")


def figure_of(run: TraceReader, lock: Lock, report: Report, path: JsonPath) -> Figure:
    """The computation that a value belongs to."""
    if path[0] not in ("token_shift", "context_comparisons"):
        return _kind_of(path)(run, report, path)
    if run.file(paths.REPORT_PLAN).is_file():
        measurements = run.plan.measurements
    else:
        # Report and dvc.lock know them as well, so that all files that are not here, as the plan, are asked for at once.
        given = {row.name: row for row in report.given}
        measurements = tuple(given.get(name) or _own(name, report, lock) for name in report.token_shift)
    return (ShiftFigure if path[0] == "token_shift" else ComparisonFigure)(run, report, path, measurements)


def _own(context: str, report: Report, lock: Lock) -> ShiftMeasurement:
    """The measurement of the aligned model's answers under a base system, by what the lock says that it read."""
    stage = lock.stages.get(f"token_shift@{context}")
    read = [dep.path for dep in stage.deps] if stage else []
    answers = next((name for name in report.systems if paths.COMPLETIONS.path(name) in read), context)
    return ShiftMeasurement(name=context, answers=answers, base_system=context, aligned_system=answers)


def _kind_of(path: JsonPath) -> type[Figure]:
    """The kind of computation that a value belongs to that is of no measurement."""
    if path[0] == "systems":
        return _figure_of_system(path)
    if path[0] == "known_agreement":
        return AgreementFigure
    # Of a run without blends there is no figure.
    if path[0] == "blends" and len(path) > 2:
        return BlendFigure
    if path[0] == "safety_depth":
        return depth_figure(path)
    # Of a comparison by nobody, or of none, there is no figure.
    return PreferenceFigure if path[0] == "preferences" and len(path) == 5 else PlannedFigure


def _figure_of_system(path: JsonPath) -> type[Figure]:
    """The kind of computation that a value of a system belongs to."""
    if path[2] in EVERY_ASPECT:
        return AspectFigure
    if path[2] in SYSTEM_FIGURES:
        return SystemFigure
    return {"turns": TurnFigure, "known_answers": KnownAnswerFigure}.get(str(path[2]), PlannedFigure)


def require(folder: Path, files: Iterable[str]) -> None:
    """Raises UrialError for files that are not here, with the command that gets all of them."""
    missing = [file for file in dict.fromkeys(files) if not (folder / file).is_file()]
    if missing:
        others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise UrialError(
            f"not here{others}",
            path=folder / missing[0],
            expected="the files that the value was computed from",
            fix=pull(missing),
        )


def _trace(
    figure: Figure,
    value: Value,
    every_row: bool,
    *,
    stages: Sequence[LockedStage],
    files: Mapping[str, TracedFile],
    run: TracedRun,
) -> Trace:
    """The trace of a value that was recomputed; ``files`` are those that it reads, by path."""
    report, path, evidence = figure.report, figure.path, figure.evidence()
    rows, positions = shown_rows(figure, evidence, every_row)
    keys = {paths.ENVIRONMENT.path(key): key for key, _ in paths.ENVIRONMENT.present(figure.run.data)}
    environments = {
        stage.name: figure.run.record(paths.ENVIRONMENT, keys[out.path])
        for stage in stages
        for out in stage.outs
        if out.path in keys
    }
    return Trace(
        pointer=json_pointer(path),
        path=dotted(path),
        meaning=meaning(report, path),
        value=value,
        computation=Computation(
            function=figure.function,
            how=figure.how(),
            rows=evidence.rows,
            unit=evidence.unit,
            counted=len(evidence.counted),
            left_out=evidence.left_out,
            files=tuple(files[name] for name in figure.files),
        ),
        rows=rows,
        positions=positions,
        **_planned(figure),
        stages=tuple(TracedStage(stage=stage, environment=environments.get(stage.name)) for stage in stages),
        files=tuple(file for name, file in files.items() if name not in figure.files),
        run=run,
    )


def _planned(figure: Figure) -> dict[str, Any]:
    """The fields of a trace that plans and manifests say: systems, models, judge and instructions."""
    run, judged, compared = figure.run, paths.JUDGMENTS in figure.shows, paths.PREFERENCES in figure.shows
    systems = {name: run.record(paths.SYSTEM_PLAN, name) for name in figure.systems}
    roles = figure.roles or dict.fromkeys(plan.model for plan in systems.values())
    models = {role: run.record(paths.MANIFEST, role) for role in roles}
    return {
        "systems": systems,
        "models": models,
        "model_hashes": {role: model_hash(manifest) for role, manifest in models.items()},
        "judge": run.record(paths.JUDGE_PLAN) if judged else None,
        "judge_identity": figure.report.judge if judged else None,
        "preferences": run.record(paths.PREFERENCES_PLAN) if compared else None,
        "preference_judge": figure.report.preference_judge if compared else None,
        "instructions": run.record(paths.INSTRUCTIONS_PLAN),
        "instructions_hash": figure.report.instructions_hash,
    }


def same(recomputed: Value, value: Value) -> bool:
    """Whether two values are the same to the last bit, and of one type."""
    return json.dumps(recomputed) == json.dumps(value)


def _mismatch(path: JsonPath, value: Value, recomputed: Value, edited: Sequence[str]) -> UrialError:
    """Both values, and the likely cause of their difference."""
    error = UrialError(
        f"{dotted(path)}: the report says {json.dumps(value)}, its rows give {json.dumps(recomputed)}",
        where="the files are those of dvc.lock: they were made by other code or library versions, or edited together",
        expected="the same value, to the last bit",
        fix="run `urial verify`, and `dvc status` to see what changed since",
    )
    return error.but(**_brought_back(edited)) if edited else error


def require_recorded(trace: Trace) -> None:
    """Raises UrialError where a file that a trace reads is not what dvc.lock records."""
    edited = [*trace.edited, *([paths.REPORT.path()] if trace.run.report_edited else [])]
    if edited:
        raise UrialError(
            f"{trace.path}: recomputed the same, but what is shown with it is not all as the pipeline wrote it",
            expected="every file as dvc.lock records it",
        ).but(**_brought_back(edited))


def _brought_back(edited: Sequence[str]) -> dict[str, str]:
    """What an error says of files that are not as dvc.lock records them: which they are, and how they come back."""
    report = paths.REPORT.path()
    by_dvc = [shlex.quote(one_line(name)) for name in edited if name != report]
    commands = [f"`dvc checkout --force {' '.join(by_dvc)}`"] if by_dvc else []
    if report in edited:
        commands.append(f"`git checkout -- {report}`, or `dvc repro --force report`")
    names = ", ".join(map(one_line, edited))
    return {
        "where": f"{names}: differs from dvc.lock, so it was edited since the pipeline wrote it",
        "fix": f"bring back what was recorded: {'; '.join(commands)}",
    }

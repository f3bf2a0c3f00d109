"""From a value of report.json down to its inputs: it is recomputed from its rows, and must be the same."""

import json
import shlex
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.store import read_json
from urial.core.text import one_line
from urial.provenance.trace import origins
from urial.provenance.trace.figures import Figure, meaning, needs_interval
from urial.provenance.trace.pointers import Place, json_pointer, path, resolve, value_at
from urial.provenance.trace.records import Computation, Trace, Value
from urial.provenance.trace.rows import TraceReader
from urial.provenance.trace.scores import AspectFigure, HeaderFigure, SystemFigure
from urial.provenance.trace.shown import row_files, shown
from urial.records.base import Role
from urial.records.judgment import ASPECTS
from urial.records.report import Report
from urial.report.build import model_hash
from urial.run.folders import RunFolder, run_folder
from urial.run.lockfile import Lock
from urial.run.paths import (
    COMPLETIONS,
    DATA,
    INSTRUCTIONS,
    INSTRUCTIONS_PLAN,
    JUDGE_PLAN,
    JUDGMENTS,
    MANIFEST,
    PLAN_FOLDER,
    PROMPTS,
    REPORT,
    REPORT_PLAN,
    SYSTEM_PLAN,
    TOKEN_SHIFT,
)
from urial.run.remedies import restored

MANIFESTS = (MANIFEST.path("base"), MANIFEST.path("aligned"))


@dataclass(frozen=True)
class Located:
    """A value of a run's report."""

    report: Report
    place: Place
    value: Value


def locate(folder: Path, text: str) -> Located:
    """The value that a pointer or path names. Raises UrialError where there is no report, or no such value."""
    file = folder / REPORT.path()
    if not file.is_file():
        raise UrialError(
            "no report yet", path=file, fix="run `dvc repro`, or `git checkout` and `dvc pull` of a run that has one"
        )
    with restored(REPORT.path()):
        report = read_json(file, Report)
    document = json.loads(file.read_bytes())
    place = resolve(document, text)
    return Located(report, place, value_at(document, place))


def figure_of(run: TraceReader, located: Located, lock: Lock) -> Figure:
    """The computation that a value belongs to. Raises UrialError where neither plan nor lock tells its files."""
    place, report = located.place, located.report
    if place[0] == "systems":
        return AspectFigure(run, place) if place[2] in ASPECTS else SystemFigure(run, place)
    if place[0] not in ("token_shift", "context_comparisons"):
        return HeaderFigure(run, place, list(report.systems))
    # With numpy and pyarrow, which scores need less of.
    from urial.provenance.trace.comparisons import ComparisonFigure
    from urial.provenance.trace.shift import ShiftFigure

    answers, contexts = _measured(run, report, lock)
    if place[0] == "token_shift":
        return ShiftFigure(run, place, answers)
    return ComparisonFigure(run, place, answers, contexts)


def _measured(run: TraceReader, report: Report, lock: Lock) -> tuple[str, Sequence[str]]:
    """The system whose answers were measured, and the base contexts; also before the plan was pulled."""
    if not run.file(REPORT_PLAN).is_file():
        read = [
            dep.path for name, stage in lock.stages.items() if name.startswith("token_shift@") for dep in stage.deps
        ]
        answers = [Path(path).stem for path in read if path.startswith(f"{COMPLETIONS.folder}/")]
        pairs = report.context_comparisons
        if answers and pairs:
            return answers[0], [pairs[0].first, *(pair.second for pair in pairs)]
        require(run.data.parent, [REPORT_PLAN.path()])
    return run.plan.answer_system, run.plan.base_systems


def needed_outputs(located: Located, lock: Lock) -> list[str]:
    """Outputs of DVC that a trace reads, for those that have to be brought first."""
    place = located.place
    outputs = [PLAN_FOLDER, INSTRUCTIONS.path(), *MANIFESTS]
    if place[0] == "systems":
        outputs += [kind.path(str(place[1])) for kind in (PROMPTS, COMPLETIONS, JUDGMENTS)]
    elif place[0] in ("token_shift", "context_comparisons"):
        outputs += [PROMPTS.folder, COMPLETIONS.folder, TOKEN_SHIFT.folder]
    elif place[0] == "judge":
        outputs.append(JUDGMENTS.folder)
    return [*outputs, *origins.environment_files(origins.path_stages(lock, outputs))]


def traced(text: str, revision: str | None = None, every_row: bool = False, root: Path = Path()) -> Trace:
    """The trace of a value of the work tree's report, or of a revision's. Raises UrialError, see trace."""
    needs = None
    if revision is not None:
        # The report and the lock are in git: they say which outputs have to be brought.
        with run_folder(revision, root=root, needs=()) as folder:
            needs = needed_outputs(locate(folder.path, text), Lock.read(folder.path))
    with run_folder(revision, root=root, needs=needs) as folder:
        return trace(folder, text, every_row)


def trace(folder: RunFolder, text: str, every_row: bool = False) -> Trace:
    """The value that ``text`` names, recomputed, with the first rows it is of, or all of them.

    Raises UrialError for a name of no value, for files that are not here, and where the recomputed value is another.
    """
    located = locate(folder.path, text)
    lock = Lock.read(folder.path)
    run = TraceReader(folder.path / DATA)
    figure = figure_of(run, located, lock)
    rows_of = [kind.path(key) for kind, key in row_files(figure)]
    stages = origins.path_stages(lock, [*figure.files, *rows_of])
    plans = [REPORT_PLAN.path(), INSTRUCTIONS_PLAN.path(), JUDGE_PLAN.path(), *map(SYSTEM_PLAN.path, figure.systems)]
    others = [INSTRUCTIONS.path(), *rows_of, *plans, *MANIFESTS, *origins.environment_files(stages)]
    others = [file for file in others if file not in figure.files]
    require(folder.path, [*figure.files, *others])
    with ThreadPoolExecutor(1) as pool:
        hashed = [pool.submit(origins.traced_files, folder.path, paths, lock) for paths in (figure.files, others)]
        under, figures = figure.recompute(needs_interval(located.place))
    value = value_at(figures, located.place[len(under) :])
    files, other_files = (future.result() for future in hashed)
    state = origins.traced_run(folder, lock)
    if not same(value, located.value):
        edited = list(dict.fromkeys(file.restored_as for file in files if file.edited))
        raise _mismatch(located, value, edited or [REPORT.path()] * state.report_edited)
    evidence = figure.evidence()
    rows, positions = shown(run, figure, evidence, every_row)
    systems = {name: run.record(SYSTEM_PLAN, name) for name in figure.systems}
    models = {
        role: run.record(MANIFEST, role) for role in _roles(located, figure, [plan.model for plan in systems.values()])
    }
    judged = "judgment" in figure.shows or located.place[0] == "judge"
    return Trace(
        pointer=json_pointer(located.place),
        path=path(located.place),
        meaning=meaning(located.place),
        value=located.value,
        computation=Computation(
            function=figure.function,
            how=figure.how(),
            rows=evidence.rows,
            unit=evidence.unit,
            counted=len(evidence.counted),
            left_out=evidence.left_out,
            files=files,
        ),
        rows=rows,
        positions=positions,
        systems=systems,
        models=models,
        model_hashes={role: model_hash(manifest) for role, manifest in models.items()},
        judge=run.record(JUDGE_PLAN) if judged else None,
        judge_identity=located.report.judge if judged else None,
        instructions=run.record(INSTRUCTIONS_PLAN),
        instructions_hash=located.report.instructions_hash,
        stages=origins.traced_stages(folder.path, stages),
        files=other_files,
        run=state,
    )


def _roles(located: Located, figure: Figure, asked: Sequence[Role]) -> list[Role]:
    """The models that a value depends on: those of its systems, or, of the measurement, both."""
    if "coverage" in figure.shows or located.place[0] in ("loading", "study"):
        return ["base", "aligned"]
    if located.place[0] == "models":
        return ["base" if located.place[1] == "base" else "aligned"]
    return list(dict.fromkeys(asked))


def require_recorded(trace: Trace) -> None:
    """Raises UrialError where a file that a trace reads is not what dvc.lock records."""
    edited = [*trace.edited, *([REPORT.path()] * trace.run.report_edited)]
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
        f"{path(located.place)}: the report says {json.dumps(located.value)}, its rows give {json.dumps(recomputed)}",
        where=cause,
        expected="the same value, to the last bit",
        fix=fix,
    )


def _differs(edited: Sequence[str]) -> str:
    return f"{', '.join(map(one_line, edited))}: differs from dvc.lock, so it was edited since the pipeline wrote it"


def _restore(edited: Sequence[str]) -> str:
    by_dvc = [shlex.quote(one_line(path)) for path in edited if path != REPORT.path()]
    commands = [f"`dvc checkout --force {' '.join(by_dvc)}`"] if by_dvc else []
    if REPORT.path() in edited:
        commands.append(f"`git checkout -- {REPORT.path()}`, or `dvc repro --force report`")
    return f"bring back what was recorded: {'; '.join(commands)}"

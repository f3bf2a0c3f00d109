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
from urial.provenance.trace import origins as facts
from urial.provenance.trace.figures import Evidence, Figure, meaning, needs_interval
from urial.provenance.trace.pointers import Place, json_pointer, path, resolve, value_at
from urial.provenance.trace.records import Computation, Trace, TracedFile, Value
from urial.provenance.trace.rows import RunData
from urial.provenance.trace.scores import AspectFigure, HeaderFigure, SystemFigure
from urial.provenance.trace.shown import row_files, shown
from urial.records.base import Role
from urial.records.judgment import ASPECTS
from urial.records.report import Report
from urial.run.folders import RunFolder, run_folder
from urial.run.lockfile import LockedStage, read_lock
from urial.run.remedies import restored


@dataclass(frozen=True)
class Located:
    """A value of a run's report."""

    report: Report
    place: Place
    value: Value


def locate(folder: Path, text: str) -> Located:
    """The value that a pointer or path names. Raises UrialError where there is no report, or no such value."""
    file = folder / facts.REPORT
    if not file.is_file():
        raise UrialError(
            "no report yet", path=file, fix="run `dvc repro`, or `git checkout` and `dvc pull` of a run that has one"
        )
    with restored(facts.REPORT):
        report = read_json(file, Report)
    document = json.loads(file.read_bytes())
    place = resolve(document, text)
    return Located(report, place, value_at(document, place))


def figure_of(run: RunData, located: Located, lock: dict[str, LockedStage]) -> Figure:
    """The computation that a value belongs to. Raises UrialError where neither plan nor lock tells its files."""
    place, report = located.place, located.report
    if place[0] == "systems":
        return AspectFigure(run, place) if place[2] in ASPECTS else SystemFigure(run, place)
    if place[0] in ("token_shift", "context_comparisons"):
        # With numpy and pyarrow, which scores need less of.
        from urial.provenance.trace.comparisons import ComparisonFigure
        from urial.provenance.trace.shift import ShiftFigure

        if place[0] == "token_shift":
            return ShiftFigure(run, place, _measured(run, report, lock)[0])
        return ComparisonFigure(run, place, *_measured(run, report, lock))
    return HeaderFigure(run, place, list(report.systems))


def _measured(run: RunData, report: Report, lock: dict[str, LockedStage]) -> tuple[str, Sequence[str]]:
    """The system whose answers were measured, and the base contexts; also before the plan was pulled."""
    root = run.data.parent
    if not (root / facts.PLANS[0]).is_file():
        read = [dep.path for name, stage in lock.items() if name.startswith("token_shift@") for dep in stage.deps]
        answers = [Path(path).stem for path in read if path.startswith("data/generations/")]
        pairs = report.context_comparisons
        if answers and pairs:
            return answers[0], [pairs[0].first, *(pair.second for pair in pairs)]
        require(root, [facts.PLANS[0]])
    return run.plan.answer_system, run.plan.base_systems


def needed_outputs(located: Located, lock: dict[str, LockedStage]) -> list[str]:
    """Outputs of DVC that a trace reads, for those that have to be brought first."""
    place = located.place
    found = ["data/plan", facts.INSTRUCTIONS, "data/models/base/manifest.json", "data/models/aligned/manifest.json"]
    if place[0] == "systems":
        found += [f"data/{kind}/{place[1]}.jsonl" for kind in ("prompts", "generations", "judgments")]
    elif place[0] in ("token_shift", "context_comparisons"):
        found += ["data/prompts", "data/generations", "data/token_shift"]
    elif place[0] == "judge":
        found.append("data/judgments")
    return [*found, *facts.environment_files(facts.path_stages(lock, found))]


def traced(text: str, revision: str | None = None, every_row: bool = False, root: Path = Path()) -> Trace:
    """The trace of a value of the work tree's report, or of a revision's. Raises UrialError, see trace."""
    if revision is None:
        with run_folder(None, root=root) as folder:
            return trace(folder, text, every_row)
    # The report and the lock are in git: they tell which outputs have to be brought.
    with run_folder(revision, root=root, needs=()) as folder:
        needs = needed_outputs(locate(folder.path, text), read_lock(folder.path / "dvc.lock"))
    with run_folder(revision, root=root, needs=needs) as folder:
        return trace(folder, text, every_row)


def trace(folder: RunFolder, text: str, every_row: bool = False) -> Trace:
    """The value that ``text`` names, recomputed, with the first rows it is of, or all of them.

    Raises UrialError for a name of no value, for files that are not here, and where the recomputed value is another.
    """
    located = locate(folder.path, text)
    lock = read_lock(folder.path / "dvc.lock")
    run = RunData(folder.path / "data")
    figure = figure_of(run, located, lock)
    stages = facts.path_stages(lock, [*figure.files, *row_files(figure)])
    require(folder.path, _all_files(figure, stages))
    others = [path for path in _all_files(figure, stages) if path not in figure.files]
    with ThreadPoolExecutor(1) as pool:
        hashed = [pool.submit(facts.traced_files, folder.path, paths, lock) for paths in (figure.files, others)]
        found = _recomputed(figure, located.place)
    files, other_files = (item.result() for item in hashed)
    state = facts.traced_run(folder, lock)
    if not same(found, located.value):
        edited = list(dict.fromkeys(file.restored_as for file in files if file.edited))
        raise _mismatch(located, found, edited or [facts.REPORT] * state.report_edited)
    evidence = figure.evidence()
    rows, positions = shown(run, figure, evidence, every_row)
    traced = facts.systems(run, figure.systems)
    return Trace(
        pointer=json_pointer(located.place),
        path=path(located.place),
        meaning=meaning(located.place),
        value=located.value,
        computation=_computation(figure, evidence, files),
        rows=rows,
        positions=positions,
        systems=traced,
        models=facts.models(run, _roles(located, figure, [item.model for item in traced.values()])),
        judge=facts.judge(run, located.report) if "judgment" in figure.shows or located.place[0] == "judge" else None,
        instructions=facts.instructions(run, located.report),
        stages=facts.traced_stages(folder.path, stages),
        files=other_files,
        run=state,
    )


def _computation(figure: Figure, evidence: Evidence, files: tuple[TracedFile, ...]) -> Computation:
    return Computation(
        function=figure.function,
        how=figure.how(),
        rows=evidence.rows,
        unit=evidence.unit,
        counted=len(evidence.counted),
        left_out=evidence.left_out,
        files=files,
    )


def require_recorded(found: Trace) -> None:
    """Raises UrialError where a file that a trace reads is not what dvc.lock records."""
    edited = [*found.edited, *([facts.REPORT] * found.run.report_edited)]
    if edited:
        raise UrialError(
            "recomputed the same, but what is shown with it is not all as the pipeline wrote it",
            path=found.path,
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
            f"{missing[0]}: not here{others}",
            where=str(folder),
            expected="the files that the value was computed from",
            fix=f"run `dvc pull {shlex.join(missing)}`, or compute them with `dvc repro`",
        )


def same(found: Value, value: Value) -> bool:
    """Whether two values are the same to the last bit, and of one type."""
    return json.dumps(found) == json.dumps(value)


def _recomputed(figure: Figure, place: Place) -> Any:
    under, figures = figure.recompute(needs_interval(place))
    return value_at(figures, place[len(under) :])


def _mismatch(located: Located, found: Value, edited: Sequence[str]) -> UrialError:
    """Both values, and the likely cause of their difference."""
    if edited:
        cause, fix = _differs(edited), _restore(edited)
    else:
        cause = "the files are those of dvc.lock: they were made by other code or library versions, or edited together"
        fix = "run `urial verify`, and `dvc status` to see what changed since"
    return UrialError(
        f"{path(located.place)}: the report says {json.dumps(located.value)}, its rows give {json.dumps(found)}",
        where=cause,
        expected="the same value, to the last bit",
        fix=fix,
    )


def _differs(edited: Sequence[str]) -> str:
    return f"{', '.join(map(one_line, edited))}: differs from dvc.lock, so it was edited since the pipeline wrote it"


def _restore(edited: Sequence[str]) -> str:
    by_dvc = [shlex.quote(one_line(path)) for path in edited if path != facts.REPORT]
    ways = [f"`dvc checkout --force {' '.join(by_dvc)}`"] if by_dvc else []
    if facts.REPORT in edited:
        ways.append(f"`git checkout -- {facts.REPORT}`, or `dvc repro --force report`")
    return f"bring back what was recorded: {'; '.join(ways)}"


def _all_files(figure: Figure, stages: Sequence[LockedStage]) -> list[str]:
    plans = [*facts.PLANS, *(f"data/plan/systems/{name}.json" for name in figure.systems)]
    return [
        *figure.files, facts.INSTRUCTIONS, *row_files(figure), *plans, *facts.MANIFESTS, *facts.environment_files(stages),
    ]  # fmt: skip


def _roles(located: Located, figure: Figure, asked: Sequence[Role]) -> list[Role]:
    """The models that a value depends on: those of its systems, or, of the measurement, both."""
    if "coverage" in figure.shows or located.place[0] in ("loading", "study"):
        return ["base", "aligned"]
    if located.place[0] == "models":
        return ["base" if located.place[1] == "base" else "aligned"]
    return list(dict.fromkeys(asked))

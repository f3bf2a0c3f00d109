"""Several runs side by side: their figures, paired differences to the first, and what differs in their inputs."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.provenance.compare.inputs import judges_of, run_inputs
from urial.provenance.compare.records import (
    ComparedContext,
    ComparedRun,
    ComparedSystem,
    Comparison,
    InstructionPairing,
)
from urial.provenance.compare.shift import shift_change
from urial.records.judgment import ASPECTS, Judgment
from urial.records.report import PairedDifference
from urial.report.build import system_figures
from urial.report.inputs import ReportInputs, read_inputs
from urial.run import paths
from urial.run.folders import RunFolder, run_folder
from urial.run.outputs import bring_outputs
from urial.run.reader import RunReader
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import PERMUTATIONS, Columns, paired_differences, with_holm
from urial.statistics.scores import scores_of
from urial.token_shift.figures.summary import summarize

WORK_TREE = (".", "workspace")
NEEDS = (
    paths.PLAN_FOLDER,
    paths.INSTRUCTIONS.path(),
    paths.MANIFEST.path("base"),
    paths.MANIFEST.path("aligned"),
    *(kind.folder for kind in (paths.PROMPTS, paths.COMPLETIONS, paths.JUDGMENTS, paths.TOKEN_SHIFT)),
)


@dataclass(frozen=True)
class OpenRun:
    """A run and its rows."""

    name: str
    folder: RunFolder
    inputs: ReportInputs


def compare(names: Sequence[str], bootstrap: Bootstrap, root: Path = Path()) -> Comparison:
    """Compare two or more revisions, experiments or work trees (``.`` or ``workspace``) with the first.

    Raises UrialError for a run that is not there or has not been computed, and for a name given twice.
    """
    if len(names) < 2:
        raise UrialError("nothing to compare with", expected="two or more revisions or experiments; . is the work tree")
    keys = ["." if name in WORK_TREE else name for name in names]
    if twice := next((name for name in keys if keys.count(name) > 1), None):
        raise UrialError(f"{shorten(twice)}: named twice", expected="different revisions or experiments")
    with ExitStack() as stack:
        return compare_runs([_open(name, root, stack) for name in names], bootstrap)


def _open(name: str, root: Path, stack: ExitStack) -> OpenRun:
    revision = None if name in WORK_TREE else name
    folder = stack.enter_context(run_folder(revision, root=root, needs=()))
    if revision is not None:
        bring_outputs(folder.path, root, NEEDS, name, optional=(paths.ENVIRONMENT.folder,))
    if not (folder.path / paths.REPORT_PLAN.path()).is_file():
        raise UrialError(f"{name}: has not been computed", fix="run `dvc repro`, or `dvc pull` where a remote has it")
    try:
        return OpenRun(name, folder, read_inputs(RunReader(folder.path / paths.DATA)))
    except UrialError as error:
        path = error.path if revision is None or error.path is None else Path(error.path).relative_to(folder.path)
        raise error.but(path=name if path is None else f"{name}: {path}") from error


def compare_runs(runs: Sequence[OpenRun], bootstrap: Bootstrap) -> Comparison:
    """The comparison of runs that are read."""
    first, *others = runs
    pairs = {run.name: _pairs(first.inputs, run.inputs) for run in others}
    compared = [_run(run, first.inputs, pairs.get(run.name)) for run in runs]
    return Comparison(
        runs=tuple(compared),
        inputs=tuple(
            run_inputs((first.folder.path, first.inputs), (run.folder.path, run.inputs), run.name) for run in others
        ),
        judges_differ=len({judge for run in compared for judge in run.judges}) > 1,
        systems=with_holm(
            tuple(_system(name, runs, pairs, bootstrap) for name in _union([run.inputs.systems for run in runs]))
        ),
        token_shift=with_holm(
            tuple(_context(name, runs, pairs, bootstrap) for name in _union([run.inputs.contexts for run in runs]))
        ),
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        permutations=PERMUTATIONS,
    )


# For each instruction that both runs have with the same content, by id: its row in the first and in the other.
Pairs = Mapping[str, tuple[int, int]]


def _pairs(first: ReportInputs, here: ReportInputs) -> Pairs:
    known = {row.id: (index, row) for index, row in enumerate(first.instructions)}
    return {
        row.id: (known[row.id][0], index)
        for index, row in enumerate(here.instructions)
        if row.id in known and known[row.id][1] == row
    }


def _union(by_name: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for names in by_name for name in names))


def _run(run: OpenRun, first: ReportInputs, pairs: Pairs | None) -> ComparedRun:
    pairing = None
    if pairs is not None:
        ours, theirs = ({row.id for row in inputs.instructions} for inputs in (first, run.inputs))
        pairing = InstructionPairing(
            both=len(pairs),
            changed=len(ours & theirs) - len(pairs),
            only_first=len(ours - theirs),
            only_here=len(theirs - ours),
        )
    return ComparedRun(
        **dict(run.folder.state),
        run=run.name,
        judges=judges_of(run.inputs),
        instructions=len(run.inputs.instructions),
        pairing=pairing,
    )


def _system(name: str, runs: Sequence[OpenRun], pairs: Mapping[str, Pairs], bootstrap: Bootstrap) -> ComparedSystem:
    first, *others = [run.inputs.systems.get(name) for run in runs]
    differences = {
        run.name: _score_differences(first.judgments, here.judgments, pairs[run.name], bootstrap)
        for run, here in zip(runs[1:], others, strict=True)
        if first and here
    }
    having = [run for run in runs if name in run.inputs.systems]
    return ComparedSystem(
        system=name,
        figures={
            run.name: system_figures(run.inputs.systems[name], run.inputs.instructions, bootstrap) for run in having
        },
        differences=differences,
    )


def _score_differences(
    first: Sequence[Judgment], here: Sequence[Judgment], pairs: Pairs, bootstrap: Bootstrap
) -> tuple[PairedDifference, ...]:
    """The second run minus the first on every aspect and on the average."""
    columns: dict[str, Columns] = {}
    # The first of the two names is what the second is subtracted from.
    for side, name, rows in ((1, "here", here), (0, "first", first)):
        paired = [rows[pair[side]] for pair in pairs.values()]
        columns[name] = {aspect: scores_of(aspect, paired) for aspect in ASPECTS}
    return paired_differences(columns, bootstrap)


def _context(name: str, runs: Sequence[OpenRun], pairs: Mapping[str, Pairs], bootstrap: Bootstrap) -> ComparedContext:
    first, *others = [run.inputs.contexts.get(name) for run in runs]
    having = {run.name: run.inputs.contexts[name] for run in runs if name in run.inputs.contexts}
    return ComparedContext(
        context=name,
        figures={run: summarize(context.table, context.coverage, bootstrap) for run, context in having.items()},
        changes={
            run.name: shift_change(first.table, here.table, pairs[run.name].keys(), bootstrap)
            for run, here in zip(runs[1:], others, strict=True)
            if first and here
        },
    )

"""Several runs side by side: their figures, paired differences to the first, and what differs in their inputs."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.provenance.compare.inputs import ENVIRONMENT, run_inputs
from urial.provenance.compare.records import (
    ComparedContext,
    ComparedRun,
    ComparedSystem,
    Comparison,
    InstructionPairing,
)
from urial.provenance.compare.scores import score_differences
from urial.provenance.compare.shift import shift_change
from urial.records.instruction import Instruction
from urial.records.judge import JudgeIdentity, describe
from urial.report.build import system_figures
from urial.report.inputs import ReportInputs, read_inputs
from urial.run.folders import RunFolder, run_folder
from urial.run.outputs import bring_outputs
from urial.run.paths import DATA
from urial.run.reader import RunReader
from urial.statistics.bootstrap import PERMUTATIONS, Bootstrap
from urial.statistics.paired import with_holm
from urial.token_shift.figures.summary import summarize

WORK_TREE = (".", "workspace")
NEEDS = (
    "data/plan", "data/instructions.jsonl", "data/models/base/manifest.json", "data/models/aligned/manifest.json",
    "data/prompts", "data/generations", "data/judgments", "data/token_shift",
)  # fmt: skip


@dataclass(frozen=True)
class Opened:
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


def compare_runs(runs: Sequence[Opened], bootstrap: Bootstrap) -> Comparison:
    """The comparison of runs that are read."""
    first, *others = runs
    judges = {judge for run in runs for judge in _judges(run.inputs)}
    return Comparison(
        runs=tuple(_run(run, first) for run in runs),
        inputs=tuple(
            run_inputs((first.folder.path, first.inputs), (run.folder.path, run.inputs), run.name) for run in others
        ),
        judges_differ=len(judges) > 1,
        systems=with_holm(
            tuple(_system(name, runs, bootstrap) for name in _union([run.inputs.systems for run in runs]))
        ),
        token_shift=with_holm(
            tuple(_context(name, runs, bootstrap) for name in _union([run.inputs.contexts for run in runs]))
        ),
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        permutations=PERMUTATIONS,
    )


def common(first: ReportInputs, here: ReportInputs) -> dict[str, tuple[int, int]]:
    """The places of the instructions that both runs have with the same content, by id."""
    places = {row.id: (index, row) for index, row in enumerate(first.instructions)}
    return {
        row.id: (places[row.id][0], index)
        for index, row in enumerate(here.instructions)
        if row.id in places and places[row.id][1] == row
    }


def _open(name: str, root: Path, stack: ExitStack) -> Opened:
    revision = None if name in WORK_TREE else name
    folder = stack.enter_context(run_folder(revision, root=root, needs=()))
    if revision is not None:
        bring_outputs(folder.path, root, NEEDS, name, optional=(ENVIRONMENT,))
    if not (folder.path / "data/plan/report.json").is_file():
        raise UrialError(f"{name}: has not been computed", fix="run `dvc repro`, or `dvc pull` where a remote has it")
    try:
        return Opened(name, folder, read_inputs(RunReader(folder.path / DATA)))
    except UrialError as error:
        # A temporary folder tells nobody anything.
        what = error.what.replace(f"{folder.path}/", "") if revision else error.what
        raise UrialError(f"{name}: {what}", expected=error.expected, fix=error.fix) from error


def _run(run: Opened, first: Opened) -> ComparedRun:
    return ComparedRun(
        **dict(run.folder.state),
        run=run.name,
        judges=_judges(run.inputs),
        instructions=len(run.inputs.instructions),
        pairing=None if run is first else _pairing(first.inputs.instructions, run.inputs.instructions),
    )


def _pairing(first: Sequence[Instruction], here: Sequence[Instruction]) -> InstructionPairing:
    ours, theirs = ({row.id: row for row in rows} for rows in (first, here))
    shared = ours.keys() & theirs.keys()
    both = sum(ours[name] == theirs[name] for name in shared)
    return InstructionPairing(
        both=both,
        changed=len(shared) - both,
        only_first=len(ours.keys() - shared),
        only_here=len(theirs.keys() - shared),
    )


def _judges(inputs: ReportInputs) -> tuple[JudgeIdentity, ...]:
    judges = {row.judge for system in inputs.systems.values() for row in system.judgments}
    return tuple(sorted(judges, key=describe))


def _union(tables: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for table in tables for name in table))


def _system(name: str, runs: Sequence[Opened], bootstrap: Bootstrap) -> ComparedSystem:
    first, *others = runs
    having = [run for run in runs if name in run.inputs.systems]
    differences = [
        difference
        for run in others
        if first in having and run in having
        for difference in score_differences(
            (first.inputs.systems[name].judgments, run.inputs.systems[name].judgments),
            list(common(first.inputs, run.inputs).values()),
            run.name,
            bootstrap,
        )
    ]
    return ComparedSystem(
        system=name,
        figures={
            run.name: system_figures(run.inputs.systems[name], run.inputs.instructions, bootstrap) for run in having
        },
        differences=tuple(differences),
    )


def _context(name: str, runs: Sequence[Opened], bootstrap: Bootstrap) -> ComparedContext:
    first, *others = runs
    having = [run for run in runs if name in run.inputs.contexts]
    changes = [
        shift_change(
            (first.inputs.contexts[name].table, run.inputs.contexts[name].table),
            common(first.inputs, run.inputs).keys(),
            run.name,
            bootstrap,
        )
        for run in others
        if first in having and run in having
    ]
    found = {run.name: run.inputs.contexts[name] for run in having}
    return ComparedContext(
        context=name,
        figures={run: summarize(item.table, item.coverage, bootstrap) for run, item in found.items()},
        changes=tuple(changes),
    )

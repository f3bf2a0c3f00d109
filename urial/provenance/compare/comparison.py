"""Several runs side by side: their figures, paired differences to the first, and what differs in their inputs."""

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from urial.core.errors import UrialError, shorten
from urial.provenance.compare.inputs import judges_of, run_inputs
from urial.provenance.compare.records import (
    ComparedContext,
    ComparedPreferences,
    ComparedRun,
    ComparedSystem,
    Comparison,
    InstructionPairing,
    ShiftChange,
)
from urial.records.estimate import PairedDifference
from urial.records.judgment import ASPECTS, EVERY_ASPECT, Judgment
from urial.records.shift_figures import ShiftDifference
from urial.report.build import system_figures
from urial.report.inputs import ReportInputs, SystemInputs, read_inputs
from urial.run import paths
from urial.run.folders import RunFolder, bring_outputs, run_folder
from urial.run.reader import RunReader, pull
from urial.statistics.bootstrap import Bootstrap, ratio
from urial.statistics.paired import PERMUTATIONS, Columns, paired_differences, with_holm
from urial.statistics.preferences import compared_figures
from urial.statistics.scores import scores_of
from urial.token_shift.figures.paired import TESTED, compare_measurements
from urial.token_shift.figures.positions import COLUMNS, SHIFTED, Positions
from urial.token_shift.figures.summary import summarize

if TYPE_CHECKING:
    import pyarrow as pa

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
        bring_outputs(folder.path, root, NEEDS, name, optional=(paths.ENVIRONMENT.folder, paths.PREFERENCES.folder))
    if not (folder.path / paths.REPORT_PLAN.path()).is_file():
        raise UrialError(f"{name}: has not been computed", fix=pull([paths.PLAN_FOLDER]))
    try:
        return OpenRun(name, folder, read_inputs(RunReader(folder.path / paths.DATA)))
    except UrialError as error:
        path = error.path if revision is None or error.path is None else Path(error.path).relative_to(folder.path)
        raise error.but(path=name if path is None else f"{name}: {path}") from error


# By run, the ids of the instructions that it has with the same content as the first run.
Common = dict[str, list[str]]


def compare_runs(runs: Sequence[OpenRun], bootstrap: Bootstrap) -> Comparison:
    """The comparison of runs that are read."""
    first, *others = runs
    rows_first = {row.id: row for row in first.inputs.instructions}
    common: Common = {}
    compared = []
    for run in runs:
        rows = {row.id: row for row in run.inputs.instructions}
        common[run.name] = [name for name, row in rows.items() if rows_first.get(name) == row]
        pairing = InstructionPairing(
            both=len(common[run.name]),
            changed=len(rows_first.keys() & rows.keys()) - len(common[run.name]),
            only_first=len(rows_first.keys() - rows.keys()),
            only_here=len(rows.keys() - rows_first.keys()),
        )
        compared.append(
            ComparedRun(
                **dict(run.folder.state),
                run=run.name,
                study=run.inputs.plan.study,
                left_out=run.inputs.plan.left_out,
                judges=judges_of(run.inputs),
                instructions=len(rows),
                pairing=None if run is first else pairing,
            )
        )
    systems = dict.fromkeys(name for run in runs for name in run.inputs.systems)
    contexts = dict.fromkeys(name for run in runs for name in run.inputs.contexts)
    compared_systems = dict.fromkeys(name for run in runs for name in run.inputs.preferences)
    return Comparison(
        runs=tuple(compared),
        inputs=tuple(
            run_inputs((first.folder.path, first.inputs), (run.folder.path, run.inputs), run.name) for run in others
        ),
        judges_differ=len({judge for run in compared for judge in run.judges}) > 1,
        systems=with_holm(tuple(_system(name, runs, common, bootstrap) for name in systems)),
        preferences=tuple(_preferences(name, runs, bootstrap) for name in compared_systems),
        token_shift=with_holm(tuple(_context(name, runs, common, bootstrap) for name in contexts)),
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        permutations=PERMUTATIONS,
    )


def _system(name: str, runs: Sequence[OpenRun], common: Common, bootstrap: Bootstrap) -> ComparedSystem:
    having = {run.name: run.inputs.systems[name] for run in runs if name in run.inputs.systems}
    first = having.get(runs[0].name)
    differences: dict[str, tuple[PairedDifference, ...]] = {}
    for run, here in having.items():
        if first and here is not first and _are_judged(first) and _are_judged(here):
            columns: dict[str, Columns] = {}
            # The first of the two names is what the second is subtracted from.
            for side, system in (("here", here), ("first", first)):
                judgments = {row.instruction_id: row for row in system.judgments}
                paired = [judgments[instruction] for instruction in common[run]]
                columns[side] = _columns(paired)
            differences[run] = paired_differences(columns, bootstrap)
    figures = {
        run.name: system_figures(having[run.name], run.inputs.instructions, bootstrap)
        for run in runs
        if run.name in having
    }
    return ComparedSystem(system=name, figures=figures, differences=differences)


def _preferences(name: str, runs: Sequence[OpenRun], bootstrap: Bootstrap) -> ComparedPreferences:
    having = {run.name: run.inputs for run in runs if name in run.inputs.preferences}
    figures = {
        run: compared_figures(str(inputs.plan.baseline), inputs.preferences[name], bootstrap)
        for run, inputs in having.items()
    }
    return ComparedPreferences(system=name, figures=figures)


def _columns(rows: Sequence[Judgment]) -> Columns:
    """Scores by aspect; the answer as a whole only where it was judged."""
    columns = {aspect: scores_of(aspect, rows) for aspect in EVERY_ASPECT}
    return {aspect: column for aspect, column in columns.items() if aspect in ASPECTS or any(column)}


def _are_judged(system: SystemInputs) -> bool:
    return any(row.judge for row in system.judgments)


def _context(name: str, runs: Sequence[OpenRun], common: Common, bootstrap: Bootstrap) -> ComparedContext:
    having = {run.name: run.inputs.contexts[name] for run in runs if name in run.inputs.contexts}
    first = having.get(runs[0].name)
    return ComparedContext(
        context=name,
        figures={run: summarize(context.table, context.coverage, bootstrap) for run, context in having.items()},
        changes={
            run: shift_change(first.table, here.table, common[run], bootstrap)
            for run, here in having.items()
            if first and here is not first
        },
    )


def shift_change(first: "pa.Table", here: "pa.Table", common: Collection[str], bootstrap: Bootstrap) -> ShiftChange:
    """The second run's measurement against the first's; p-values are not yet corrected.

    ``common`` are the instructions that both have with the same content. Positions of answers that differ are not paired,
    even where a token is the same by chance: what comes before it is another text.
    """
    # Positions and texts of the measured tokens, by answer.
    answers = []
    for table in (first, here):
        grouped = table.group_by("instruction_id", use_threads=False).aggregate(
            [("position", "list"), ("token", "list")]
        )
        answers.append({row["instruction_id"]: row for row in grouped.to_pylist()})
    both = answers[0].keys() & answers[1].keys() & set(common)
    same = sorted(name for name in both if answers[0][name] == answers[1][name])
    if same:
        import pyarrow as pa
        import pyarrow.compute as pc

        pairs = [table.filter(pc.is_in(table["instruction_id"], value_set=pa.array(same))) for table in (first, here)]
        comparison = compare_measurements(("first", "here"), (pairs[0], pairs[1]), bootstrap)
        changes = {name: getattr(comparison, name) for name in TESTED}
    else:
        changes = _unpaired(first, here, bootstrap)
    return ShiftChange(
        paired=bool(same),
        same=len(same),
        different=len(both) - len(same),
        only_first=len(answers[0]) - len(both),
        only_here=len(answers[1]) - len(both),
        **changes,
    )


def _unpaired(first: "pa.Table", here: "pa.Table", bootstrap: Bootstrap) -> dict[str, ShiftDifference]:
    """Differences of the means of all positions; each run is resampled on its own."""
    means, known = [], []
    for side, table in enumerate((first, here)):
        positions = Positions.of(table.select(COLUMNS))
        counts, has_kl = positions.categories(), np.isfinite(positions.kl)
        of_kl = [
            np.bincount(positions.answer, values, len(counts))
            for values in (has_kl, np.where(has_kl, positions.kl, 0.0))
        ]
        # Sums over each answer, (answers, 5): positions, unshifted, shifted, known KL, KL.
        columns = np.stack([counts.sum(axis=1), counts[:, 0], counts[:, SHIFTED], *of_kl], axis=1).astype(np.float64)
        sums = replace(bootstrap, seed=bootstrap.seed + side).sums(columns)
        means.append(ratio(sums[:, [1, 2, 4]], sums[:, [0, 0, 3]]))
        known.append(columns.sum(axis=0)[[0, 0, 3]])
    # Without two answers on a side there is no resample of it, and so no interval.
    draws = min(map(len, means))
    estimates = bootstrap.estimates(means[1][:draws] - means[0][:draws])
    return {
        name: ShiftDifference(**estimate.model_dump(), positions=int(positions), p=None, p_holm=None)
        for name, estimate, positions in zip(TESTED, estimates, np.minimum(*known), strict=True)
    }

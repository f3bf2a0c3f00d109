"""Several runs side by side: their figures, paired differences to the first, and what differs in their inputs."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.provenance.compare.inputs import judges_of, run_inputs
from urial.provenance.compare.records import (
    ComparedContext,
    ComparedPreferences,
    ComparedRun,
    ComparedSystem,
    Comparison,
    InstructionPairing,
)
from urial.provenance.compare.same import same_in_all
from urial.provenance.compare.shift import shift_change
from urial.records.estimate import PairedDifference
from urial.records.instruction import Instruction
from urial.records.judgment import ASPECTS, EVERY_ASPECT, Judgment
from urial.records.known_answers import KnownDifference
from urial.report.build import system_figures
from urial.report.inputs import ReportInputs, SystemInputs, read_inputs
from urial.run import paths
from urial.run.folders import WORK_TREE, RunFolder, bring_outputs, run_folder
from urial.run.reader import RunReader, pull
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.known_answers import Outcome, known_difference, outcomes_of
from urial.statistics.paired import PERMUTATIONS, Columns, paired_differences, with_holm
from urial.statistics.preferences import compared_figures
from urial.statistics.scores import scores_of
from urial.token_shift.figures.summary import summarize

NEEDS = (
    paths.PLAN_FOLDER,
    paths.INSTRUCTIONS.path(),
    paths.MANIFEST.path("base"),
    paths.MANIFEST.path("aligned"),
    *(kind.folder for kind in (paths.PROMPTS, paths.COMPLETIONS, paths.JUDGMENTS, paths.TOKEN_SHIFT)),
)
OPTIONAL = tuple(
    kind.folder
    for kind in (
        paths.ENVIRONMENT, paths.PREFERENCES, paths.BLENDED_TOKENS, paths.PREFILLED, paths.PREFILLED_VERDICTS,
    )
)  # fmt: skip


@dataclass(frozen=True)
class OpenRun:
    """A run and its rows."""

    name: str
    folder: RunFolder
    inputs: ReportInputs


def compare(names: Sequence[str], bootstrap: Bootstrap, root: Path = Path(), every: bool = False) -> Comparison:
    """Compare two or more revisions, experiments or work trees (``.`` or ``workspace``) with the first.

    What is the same in all of them is only named, unless ``every`` is set.

    Raises UrialError for a run that is not there or has not been computed, and for a name given twice.
    """
    if len(names) < 2:
        raise UrialError("nothing to compare with", expected="two or more revisions or experiments; . is the work tree")
    keys = ["." if name in WORK_TREE else name for name in names]
    if twice := next((name for name in keys if keys.count(name) > 1), None):
        raise UrialError(f"{shorten(twice)}: named twice", expected="different revisions or experiments")
    with ExitStack() as stack:
        return compare_runs([open_run(name, root, stack) for name in names], bootstrap, every)


def open_run(name: str, root: Path, stack: ExitStack) -> OpenRun:
    """A revision, experiment or work tree with its rows, which are there until the stack closes.

    Raises UrialError for a run that is not there or has not been computed.
    """
    revision = None if name in WORK_TREE else name
    folder = stack.enter_context(run_folder(revision, root=root, needs=()))
    if revision is not None:
        bring_outputs(folder.path, root, NEEDS, name, optional=OPTIONAL)
    if not (folder.path / paths.REPORT_PLAN.path()).is_file():
        raise UrialError(f"{name}: has not been computed", fix=pull([paths.PLAN_FOLDER]))
    try:
        return OpenRun(name, folder, read_inputs(RunReader(folder.path / paths.DATA)))
    except UrialError as error:
        path = error.path if revision is None or error.path is None else Path(error.path).relative_to(folder.path)
        raise error.but(path=name if path is None else f"{name}: {path}") from error


# By run, the ids of the instructions that it has with the same content as the first run.
Common = dict[str, list[str]]


def compare_runs(runs: Sequence[OpenRun], bootstrap: Bootstrap, every: bool = False) -> Comparison:
    """The comparison of runs that are read; with ``every``, also of what is the same in all of them."""
    first, *others = runs
    common, compared = _paired(runs)
    same = same_in_all([run.inputs for run in runs])

    def shown(names: Iterable[str], left_out: Sequence[str]) -> list[str]:
        return [name for name in dict.fromkeys(names) if every or name not in left_out]

    systems = shown((name for run in runs for name in run.inputs.systems), same.systems)
    contexts = shown((name for run in runs for name in run.inputs.contexts), same.token_shift)
    known = with_holm(
        {name: _known_changes(name, runs, common, bootstrap) for name in systems if name not in same.systems}
    )
    compared_systems = shown((name for run in runs for name in run.inputs.preferences), same.preferences)
    return Comparison(
        runs=tuple(compared),
        inputs=tuple(
            run_inputs((first.folder.path, first.inputs), (run.folder.path, run.inputs), run.name) for run in others
        ),
        judges_differ=len({judge for run in compared for judge in run.judges}) > 1,
        same=same,
        systems=tuple(
            system.model_copy(update={"known_answers": known.get(system.system, {})})
            for system in with_holm(
                tuple(_system(name, runs, common, bootstrap, name in same.systems) for name in systems)
            )
        ),
        preferences=tuple(_preferences(name, runs, bootstrap) for name in compared_systems),
        token_shift=with_holm(
            tuple(_context(name, runs, common, bootstrap, name in same.token_shift) for name in contexts)
        ),
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        permutations=PERMUTATIONS,
    )


def _paired(runs: Sequence[OpenRun]) -> tuple[Common, list[ComparedRun]]:
    """Which instructions every run shares with the first one, and the record of every run."""
    first = runs[0]
    rows_first = {row.id: row for row in first.inputs.instructions}
    common: Common = {}
    compared = []
    for run in runs:
        rows = {row.id: row for row in run.inputs.instructions}
        common[run.name] = [name for name, row in rows.items() if _asked(rows_first.get(name)) == _asked(row)]
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
    return common, compared


def _asked(row: Instruction | None) -> Instruction | None:
    """All of an instruction but its accepted answers, which nobody is shown."""
    return row.model_copy(update={"accepted": ()}) if row else None


def _system(name: str, runs: Sequence[OpenRun], common: Common, bootstrap: Bootstrap, same: bool) -> ComparedSystem:
    """``same``: all runs have the same rows, so that there is nothing to test."""
    having = {run.name: run.inputs.systems[name] for run in runs if name in run.inputs.systems}
    first = having.get(runs[0].name)
    differences: dict[str, tuple[PairedDifference, ...]] = {}
    for run, here in having.items():
        if first and here is not first and not same and _are_judged(first) and _are_judged(here):
            columns: dict[str, Columns] = {}
            # The first of the two names is what the second is subtracted from.
            for side, system in (("here", here), ("first", first)):
                judgments = {row.instruction_id: row for row in system.judgments}
                paired = [judgments[instruction] for instruction in common[run]]
                columns[side] = _columns(paired)
            differences[run] = paired_differences(columns, bootstrap)
    own = {run.name: run.inputs.instructions for run in runs if run.name in having}
    once = dict(list(own.items())[:1]) if same else own
    figures = {
        run: system_figures(having[run], instructions, outcomes_of(instructions, having[run].completions), bootstrap)
        for run, instructions in once.items()
    }
    if same:
        figures = dict.fromkeys(own, *figures.values())
    return ComparedSystem(system=name, figures=figures, differences=differences)


def _known_changes(
    name: str, runs: Sequence[OpenRun], common: Common, bootstrap: Bootstrap
) -> dict[str, KnownDifference]:
    """How the share of known answers changes from the first run, over the instructions with the same accepted answers."""
    first, *others = runs
    changes = {}
    for run in others:
        if name not in first.inputs.systems or name not in run.inputs.systems:
            continue
        (asked, before), (here, after) = (
            ({row.id: row for row in side.inputs.instructions}, _outcomes(side, name)) for side in (first, run)
        )
        known = [
            each for each in common[run.name] if here[each].accepted and asked[each].accepted == here[each].accepted
        ]
        if known:
            mine, theirs = ([side[each] for each in known] for side in (after, before))
            changes[run.name] = known_difference(mine, theirs, bootstrap)
    return changes


def _outcomes(run: OpenRun, system: str) -> dict[str, Outcome | None]:
    instructions = run.inputs.instructions
    found = outcomes_of(instructions, run.inputs.systems[system].completions)
    return {row.id: outcome for row, outcome in zip(instructions, found, strict=True)}


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


def _context(name: str, runs: Sequence[OpenRun], common: Common, bootstrap: Bootstrap, same: bool) -> ComparedContext:
    having = {run.name: run.inputs.contexts[name] for run in runs if name in run.inputs.contexts}
    first = having.get(runs[0].name)
    given = {run.name: row.answers for run in runs for row in run.inputs.plan.given if row.name == name}
    return ComparedContext(
        context=name,
        answers=given,
        figures={
            run: summarize(context.table, context.coverage, bootstrap, groups=context.candidates)
            for run, context in having.items()
        },
        changes={
            run: shift_change(first.table, here.table, common[run], bootstrap)
            for run, here in having.items()
            # The texts of two writers are not compared.
            if first and here is not first and not same and given.get(run) == given.get(runs[0].name)
        },
    )

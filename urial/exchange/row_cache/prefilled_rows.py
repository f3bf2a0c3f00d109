"""The answers of a finished run that were begun, under the keys that their inputs give."""

from collections.abc import Iterator, Sequence

from urial.generate.keys import completion_key
from urial.records.base import Hash, Name
from urial.records.safety_depth import PrefilledAnswer
from urial.run import paths
from urial.run.reader import RunReader


def prefilled_systems(run: RunReader) -> Sequence[Name]:
    """The systems of a run whose answers are begun."""
    return run.plan.safety_depth.systems if run.plan.safety_depth else ()


def begun_answers(run: RunReader) -> Iterator[tuple[Hash, PrefilledAnswer, str]]:
    """Key, row and file of each; what is not begun is a system's own answer."""
    tasks = {row.id: row.task for row in run.instructions}
    for system in prefilled_systems(run):
        plan = run.record(paths.SYSTEM_PLAN, system)
        manifest = run.record(paths.MANIFEST, plan.model)
        prompts = {row.instruction_id: row for row in run.rows(paths.PROMPTS, system)}
        for row in run.rows(paths.PREFILLED, system):
            if row.written is not None and row.prefix_ids:
                decoding = plan.decoding.of_tasks(tasks[row.instruction_id])
                key = completion_key(manifest, prompts[row.instruction_id], plan, decoding, row.prefix_ids)
                yield key, row, paths.PREFILLED.path(system)

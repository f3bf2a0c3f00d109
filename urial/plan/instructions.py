"""Resolves the instruction set of a run, and reads it unless it is on the hub."""

import os

from urial.core.errors import UrialError, reason_of
from urial.core.hashing import file_hash
from urial.instructions.sets import HUB_FIX, load_instructions, local_source
from urial.models.hub import is_commit
from urial.records.instruction import Instruction, InstructionSet, MicroworldSet, RowSource
from urial.records.params.file import MicroworldStudy, ParamsFile, instruction_set_name, lookup, study_of
from urial.records.plans import InstructionsPlan


def plan_instructions(params: ParamsFile) -> InstructionsPlan:
    """The planned instruction set. Raises UrialError for a bad row, too, unless the set is on the hub."""
    return planned_instructions(params)[0]


def planned_instructions(params: ParamsFile) -> tuple[InstructionsPlan, list[Instruction] | None]:
    """The planned instruction set with its instructions; None: they are on the hub, and not read yet."""
    study = study_of(params)
    name = instruction_set_name(params)
    instruction_set = lookup(params.instruction_sets, name, "run.instructions", "instruction_sets")
    source = local_source(instruction_set)
    if source is not None and not os.path.isfile(source):
        raise UrialError(f"instruction set {name!r}: no file {source}", fix=f"correct instruction_sets.{name}.source")
    on_hub = source is None and isinstance(instruction_set, RowSource)
    if isinstance(instruction_set, RowSource) and on_hub:
        instruction_set = instruction_set.model_copy(update={"revision": _dataset_commit(instruction_set)})
    plan = InstructionsPlan(
        name=name,
        set=instruction_set,
        source_hash=file_hash(source) if source else None,
        microworld_seed=study.seed if isinstance(study, MicroworldStudy) else None,
        limit=params.run.limit,
        required_tasks=tuple(sorted(_tasks_with_temperature(params))),
    )
    return plan, None if on_hub else load_instructions(plan)


def why_no_world_is_asked(params: ParamsFile) -> str | None:
    """Why the micro-world has no answers of its own to the instructions; None: it has, since they are its own."""
    study, name = study_of(params), instruction_set_name(params)
    if not isinstance(study, MicroworldStudy):
        return f"the study {params.run.study} is another"
    instruction_set = lookup(params.instruction_sets, name, "run.instructions", "instruction_sets")
    return None if _asks_world(params, instruction_set, study.seed) else f"the instructions {name} are others"


def _asks_world(params: ParamsFile, instruction_set: InstructionSet, seed: int) -> bool:
    """Whether any instruction is one of the world; a file can have some of its."""
    if isinstance(instruction_set, MicroworldSet):
        return True
    source = local_source(instruction_set)
    if source is None or not source.is_file():
        return False
    from urial.microworld.world.world import world_source

    return any(row.source == world_source(seed) for row in planned_instructions(params)[1] or ())


def _tasks_with_temperature(params: ParamsFile) -> set[str]:
    """The tasks that any table of temperatures names."""
    tables = [
        params.decoding.temperature_by_task,
        *(row.decoding.temperature_by_task for row in params.systems.values()),
    ]
    return {task for table in tables for task in table or ()}


def _dataset_commit(source: RowSource) -> str:
    if is_commit(source.revision):
        return str(source.revision)
    from huggingface_hub import HfApi

    try:
        commit: str | None = HfApi().dataset_info(source.source, revision=source.revision).sha
    except Exception as error:  # network, access and name errors share no base class
        raise UrialError(
            f"data set {source.source} cannot be found: {reason_of(error)}",
            fix=f"{HUB_FIX}; a full commit as instruction_sets.NAME.revision needs no network here",
        ) from error
    if commit is None:
        raise UrialError(f"data set {source.source}: the hub names no commit", fix="set its revision")
    return commit

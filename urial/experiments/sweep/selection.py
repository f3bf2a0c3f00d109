"""Which variants a sweep has: checkpoints of the run's study, or several studies, each with the systems that are wanted."""

import re
from collections.abc import Sequence

from urial.core.errors import UrialError
from urial.experiments.sweep.variants import REMOVED, Variant
from urial.models.checkpoints import checkpoints_of, settings_of
from urial.records.checkpoint import Checkpoint
from urial.records.params.blends import blended_systems
from urial.records.params.file import ParamsFile, lookup
from urial.records.params.safety_depth import MICROWORLD_ANSWERS

# Of a DVC experiment: git allows more, the command line of a shell does not.
_NOT_IN_NAMES = re.compile("[^A-Za-z0-9_-]+")


def checkpoint_variants(
    params: ParamsFile,
    systems: Sequence[str] = (),
    *,
    every: int = 1,
    first: int | None = None,
    last: int | None = None,
) -> list[Variant]:
    """A variant for each chosen checkpoint of the run's study, with these systems, by default those of the token shift.

    ``every``: each so many-th one, counted from the last. ``first`` and ``last`` are steps; with one of them, checkpoints whose
    step is not known are left out. Raises UrialError where nothing is left.
    """
    # First what needs no list of checkpoints: to make or to ask for that takes a while.
    common = _of_checkpoints(params, systems)
    if first is not None and last is not None and first > last:
        raise UrialError(
            f"--from {first:,} is after --to {last:,}", expected="a first step, and a last one that is not before it"
        )
    study = params.run.study
    known = checkpoints_of(params)
    if not known:
        raise UrialError(
            f"studies.{study}: names no checkpoints of its base model",
            where="params.yaml",
            fix=f"add studies.{study}.checkpoints: {{folder: PATH}}, {{hub: OWNER/NAME}}, or a list of models",
        )
    within = [point for point in known if _is_within(point, first, last)]
    chosen = within[::-1][::every][::-1]
    if not chosen:
        steps = [point.step for point in known if point.step is not None]
        raise UrialError(
            f"studies.{study}: none of its {len(known)} checkpoints is in this range",
            expected=f"steps from {min(steps):,} to {max(steps):,}"
            if steps
            else "no range: no checkpoint's step is known",
        )
    return [
        Variant(experiment_name(f"{study}-{point.name}"), _label(point), {**settings_of(params, point), **common})
        for point in chosen
    ]


def study_variants(params: ParamsFile, studies: Sequence[str], systems: Sequence[str] = ()) -> list[Variant]:
    """A variant for each study, with these systems, by default all. Raises UrialError for an unknown study."""
    for name in studies:
        lookup(params.studies, name, "STUDY", "studies")
    common = only_systems(params, systems) if systems else {}
    return [Variant(experiment_name(f"study-{name}"), "", {"run.study": name, **common}) for name in studies]


def only_systems(params: ParamsFile, kept: Sequence[str]) -> dict[str, object]:
    """Settings that leave out all other systems, with what needs these. Raises UrialError for an unknown system.

    Blends are left out: each takes two models; so is safety depth, for which a system answers many times. The token shift stays for base systems that are kept, where the system whose
    answers it measures is, and that of given answers where all that it reads is; comparisons stay where their baseline does.
    """
    for name in kept:
        lookup(params.systems, name, "--system", "systems")
    settings: dict[str, object] = {f"{REMOVED}systems.{name}": None for name in params.systems if name not in kept}
    # With them go the blends: each takes two models, and none was asked for.
    blends = () if settings else blended_systems(params.blends)
    settings |= {f"{REMOVED}blends.{name}": None for name in params.blends if name not in blends}
    answering = {*kept, *blends}
    shift, wanted = params.token_shift, params.preferences
    contexts = [name for name in shift.base_systems if name in kept and shift.answer_system in kept]
    has_baseline = wanted.baseline in answering or wanted.baseline in params.published_outputs
    compared = [name for name in wanted.systems if name in answering and has_baseline]
    if contexts != list(shift.base_systems):
        settings["token_shift.base_systems"] = contexts
    for name, given in shift.given.items():
        own = (*params.published_outputs, *MICROWORLD_ANSWERS.values())
        read = given.answers in own or given.answers in answering
        if not read or not {given.base_system, given.aligned_system} <= {*kept}:
            settings[f"{REMOVED}token_shift.given.{name}"] = None
    if compared != list(wanted.systems):
        settings["preferences.systems"] = compared
    if params.safety_depth.systems:
        settings["safety_depth.systems"] = []
    if wanted.baseline is not None and not has_baseline:
        settings["preferences.baseline"] = None
    return settings


def _of_checkpoints(params: ParamsFile, systems: Sequence[str]) -> dict[str, object]:
    """Settings of every experiment. Raises UrialError where no system differs from one checkpoint to the next."""
    of_base = [name for name, system in params.systems.items() if system.model == "base"]
    kept = systems or params.token_shift.base_systems or of_base
    common = only_systems(params, kept)
    if not set(of_base).intersection(kept):
        raise UrialError(
            f"{', '.join(kept) or 'systems'}: none is of the base model, which the checkpoints are of", where="params.yaml",
            fix=f"name one of these with --system: {', '.join(of_base)}" if of_base else "add a system with model: base",
        )  # fmt: skip
    return common


def _is_within(point: Checkpoint, first: int | None, last: int | None) -> bool:
    if first is None and last is None:
        return True
    return point.step is not None and (first or 0) <= point.step and (last is None or point.step <= last)


def _label(point: Checkpoint) -> str:
    """What its name tells of a checkpoint, for a table."""
    told = [(f"stage {point.stage}", point.stage), (f"step {point.step or 0:,}", point.step)]
    words = [text for text, known in told if known is not None]
    return ", ".join([*words, *([] if point.tokens is None else [f"{point.tokens:,} tokens"])])


def experiment_name(text: str) -> str:
    """A name of an experiment."""
    return _NOT_IN_NAMES.sub("-", text).strip("-")

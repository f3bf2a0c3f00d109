"""The planned token shift: which answers are measured behind which prompts, each name checked before anything is computed."""

from collections.abc import Iterator, Mapping

from urial.core.errors import UrialError, did_you_mean
from urial.plan.instructions import why_no_world_is_asked
from urial.plan.left_out import plan_left_out
from urial.records.base import Name, Role
from urial.records.model import ServerReference
from urial.records.params.blends import CONTROL
from urial.records.params.file import MicroworldStudy, ParamsFile, lookup, study_of, threads_of
from urial.records.params.safety_depth import MICROWORLD_ANSWERS
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftMeasurement


def plan_token_shift(params: ParamsFile) -> TokenShiftPlan:
    """The planned measurements. Raises UrialError for a name that params.yaml does not have, or of the wrong model."""
    shift = params.token_shift
    if shift.base_systems and shift.answer_system not in params.systems:
        raise UrialError(
            f"token_shift.answer_system: no {shift.answer_system!r} in systems",
            where="params.yaml",
            expected="a system of the aligned model; or no token shift: token_shift.base_systems: []",
            fix=did_you_mean(shift.answer_system, params.systems),
        )
    if shift.base_systems:
        _require_model(params, "answer_system", shift.answer_system, "aligned")
    for index, name in enumerate(shift.base_systems):
        _require_model(params, f"base_systems.{index}", name, "base")
    if len(set(shift.base_systems)) < len(shift.base_systems):
        raise UrialError("token_shift.base_systems: a system is named twice", where="params.yaml", expected="each once")
    _require_given(params)
    study = study_of(params)
    base = None if isinstance(study, MicroworldStudy) else study.base
    return TokenShiftPlan(
        # A measurement more is another stage, and changes nothing of what the others read.
        token_shift=shift.model_copy(update={"given": {}}),
        microworld_seed=study.seed if isinstance(study, MicroworldStudy) else None,
        threads=threads_of(params),
        server=base if isinstance(base, ServerReference) else None,
    )


def given_measurements(params: ParamsFile) -> Iterator[ShiftMeasurement]:
    """Those of token_shift.given, in the order of params.yaml."""
    for name, given in params.token_shift.given.items():
        yield ShiftMeasurement(name=name, **dict(given))


def describe_nothing_given(params: ParamsFile) -> str | None:
    """Which given measurements will have no rows, and why; None: none, as far as params.yaml tells."""
    left_out = plan_left_out(params).given
    own = [
        f"token_shift.given.{row.name}"
        for row in given_measurements(params)
        if row.answers in MICROWORLD_ANSWERS.values() and row.name not in left_out
    ]
    if not own or (why := why_no_world_is_asked(params)) is None:
        return None
    return (
        f"Measures nothing: {', '.join(own)}, of the micro-world's own answers, since {why} (name answers to the run's "
        "instructions in published_outputs)."
    )


def answer_sets(params: ParamsFile) -> Mapping[Name, object]:
    """Everything of the run that gives answers, by name."""
    blends = {f"{name}{end}" for name in params.blends for end in ("", CONTROL)}
    others = dict.fromkeys((*sorted(blends), *MICROWORLD_ANSWERS.values()))
    return {**params.systems, **params.published_outputs, **others}


def _require_given(params: ParamsFile) -> None:
    """Raises UrialError unless every given measurement has a name of its own and can be measured."""
    known, shift = answer_sets(params), params.token_shift
    for name, given in shift.given.items():
        field = f"given.{name}"
        if name in known:
            raise UrialError(
                f"token_shift.{field}: answers of the run have this name",
                where="params.yaml",
                expected="a name of its own, since a system's own name is that of the token shift under its prompts",
                fix=f"name it {name}-answers",
            )
        if given.answers not in known:
            raise UrialError(
                f"token_shift.{field}.answers: no {given.answers!r} in systems, blends or published_outputs",
                where="params.yaml",
                expected=f"a key of one of these, or {' or '.join(MICROWORLD_ANSWERS.values())}",
                fix=did_you_mean(given.answers, known),
            )
        _require_model(params, f"{field}.base_system", given.base_system, "base")
        _require_model(params, f"{field}.aligned_system", given.aligned_system, "aligned")


def _require_model(params: ParamsFile, field: str, name: Name, model: Role) -> None:
    """Raises UrialError unless ``name`` is a system of this model."""
    system = lookup(params.systems, name, f"token_shift.{field}", "systems")
    if system.model != model:
        raise UrialError(
            f"token_shift.{field}: system {name!r} uses the {system.model} model",
            where="params.yaml",
            expected=f"a system of the {model} model",
        )

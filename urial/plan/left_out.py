"""What of params.yaml a study cannot have, without an aligned model above all; the rest of the run is made without it."""

from urial.core.errors import UrialError
from urial.records.base import ROLES, Name
from urial.records.left_out import LeftOut
from urial.records.model import ServerReference
from urial.records.params.blends import Blend, blended_systems
from urial.records.params.file import MicroworldStudy, ParamsFile, study_of


def plan_left_out(params: ParamsFile) -> LeftOut:
    """What the run leaves out: of a study with an aligned model, blends at most. Raises UrialError where no system is left."""
    study = study_of(params)
    if isinstance(study, MicroworldStudy):
        return LeftOut()
    elsewhere = {role for role in ROLES if _is_elsewhere(getattr(study, role))}
    # A blend needs the distributions of both models at every token.
    blends = blended_systems(
        name
        for name, blend in params.blends.items()
        if {params.systems[part].model for part in _parts(blend) if part in params.systems} & elsewhere
    )
    wanted = params.preferences
    if study.aligned is not None:
        baseline = wanted.baseline if wanted.systems and wanted.baseline in blends else None
        return LeftOut(
            blends=blends,
            compared=wanted.systems if baseline else tuple(name for name in wanted.systems if name in blends),
            baseline=baseline,
        )
    systems = tuple(name for name, system in params.systems.items() if system.model == "aligned")
    if len(systems) == len(params.systems):
        raise UrialError(
            f"studies.{params.run.study}: no aligned model, and every one of systems is of the aligned model",
            where="params.yaml",
            fix=f"add a system of the base model, or studies.{params.run.study}.aligned",
        )
    # Their helper is a system of the aligned model; another one can be a model of its own.
    without = blended_systems(name for name, blend in params.blends.items() if blend.helper in systems)
    blends = tuple(name for name in blended_systems(params.blends) if name in (*blends, *without))
    lost = {*systems, *blends}
    baseline = wanted.baseline if wanted.systems and wanted.baseline in lost else None
    return LeftOut(
        systems=systems,
        base_systems=params.token_shift.base_systems,
        blends=blends,
        given=tuple(params.token_shift.given),
        compared=wanted.systems if baseline else tuple(name for name in wanted.systems if name in lost),
        safety_depth=tuple(name for name in params.safety_depth.systems if name in systems),
        baseline=baseline,
    )


def _parts(blend: Blend) -> tuple[Name, ...]:
    """The systems that a blend is made of."""
    return (blend.base, blend.helper) if isinstance(blend.helper, str) else (blend.base,)


def _is_elsewhere(model: object) -> bool:
    """Whether no stage loads a model itself."""
    return isinstance(model, ServerReference) or getattr(model, "engine", None) is not None


def compared_systems(params: ParamsFile) -> tuple[Name, ...]:
    """The systems that are compared with the baseline."""
    left_out = plan_left_out(params).compared
    return tuple(name for name in params.preferences.systems if name not in left_out)


def answering_systems(params: ParamsFile) -> tuple[Name, ...]:
    """The systems that answer, in the order of params.yaml, then the blends, each with its control."""
    left_out = plan_left_out(params)
    lost = {*left_out.systems, *left_out.blends}
    return tuple(name for name in (*params.systems, *blended_systems(params.blends)) if name not in lost)

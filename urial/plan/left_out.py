"""What of params.yaml a study without an aligned model cannot have; the rest of the run is made without it."""

from urial.core.errors import UrialError
from urial.records.base import Name
from urial.records.left_out import LeftOut
from urial.records.params.blends import blended_systems
from urial.records.params.file import MicroworldStudy, ParamsFile, study_of


def plan_left_out(params: ParamsFile) -> LeftOut:
    """What the run leaves out; nothing where its study has an aligned model. Raises UrialError where no system is left."""
    study = study_of(params)
    if isinstance(study, MicroworldStudy) or study.aligned is not None:
        return LeftOut()
    systems = tuple(name for name, system in params.systems.items() if system.model == "aligned")
    if len(systems) == len(params.systems):
        raise UrialError(
            f"studies.{params.run.study}: no aligned model, and every one of systems is of the aligned model",
            where="params.yaml",
            fix=f"add a system of the base model, or studies.{params.run.study}.aligned",
        )
    wanted = params.preferences
    # Their helper is a system of the aligned model; another one can be a model of its own.
    blends = blended_systems(name for name, blend in params.blends.items() if blend.helper in systems)
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


def compared_systems(params: ParamsFile) -> tuple[Name, ...]:
    """The systems that are compared with the baseline."""
    left_out = plan_left_out(params).compared
    return tuple(name for name in params.preferences.systems if name not in left_out)


def answering_systems(params: ParamsFile) -> tuple[Name, ...]:
    """The systems that answer, in the order of params.yaml, then the blends, each with its control."""
    left_out = plan_left_out(params)
    lost = {*left_out.systems, *left_out.blends}
    return tuple(name for name in (*params.systems, *blended_systems(params.blends)) if name not in lost)

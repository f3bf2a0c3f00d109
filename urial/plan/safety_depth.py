"""Resolves what params.yaml says of safety depth: whose answers are begun, with which texts, and how far."""

from urial.core.errors import UrialError, did_you_mean
from urial.plan.instructions import why_no_world_is_asked
from urial.plan.left_out import plan_left_out
from urial.records.base import Name
from urial.records.params.blends import blended_systems
from urial.records.params.file import MicroworldStudy, ParamsFile, lookup, study_of
from urial.records.params.safety_depth import MICROWORLD_ANSWERS, GivenKind
from urial.records.plans import PlannedDepth, SafetyDepthPlan

SECTION = "safety_depth"


def plan_safety_depth(params: ParamsFile) -> SafetyDepthPlan:
    """The planned beginnings. Raises UrialError for the first thing that cannot work."""
    wanted = params.safety_depth
    for index, name in enumerate(wanted.systems):
        lookup(params.systems, name, f"{SECTION}.systems.{index}", "systems")
    _require_each_once("systems", wanted.systems)
    _require_each_once("tokens", wanted.tokens)
    names: dict[GivenKind, Name] = {"compliant": wanted.answers.compliant, "refusing": wanted.answers.refusing}
    for kind, name in names.items():
        if name != MICROWORLD_ANSWERS[kind] and name not in params.published_outputs:
            known = (*params.published_outputs, MICROWORLD_ANSWERS[kind])
            raise UrialError(
                f"{SECTION}.answers.{kind}: no {name!r} in published_outputs",
                where="params.yaml",
                expected=f"a key of published_outputs, or {MICROWORLD_ANSWERS[kind]}",
                fix=did_you_mean(name, known),
            )
    answering = {
        "systems": params.systems,
        "blends": blended_systems(params.blends),
        "published_outputs": params.published_outputs,
    }
    for section, taken in answering.items():
        if own := next((name for name in MICROWORLD_ANSWERS.values() if name in taken), None):
            raise UrialError(
                f"{section}.{own}: the micro-world's own answers have this name",
                where="params.yaml",
                fix="give it another name, here and where it is named",
            )
    study = study_of(params)
    seed = study.seed if isinstance(study, MicroworldStudy) else None
    # Without systems nothing is begun, and no file of instructions is read.
    world = wanted.systems and why_no_world_is_asked(params) is None
    given = {kind: name for kind, name in names.items() if world or name != MICROWORLD_ANSWERS[kind]}
    return SafetyDepthPlan(
        answers=given if wanted.systems else {}, tokens=tuple(sorted(wanted.tokens)), microworld_seed=seed
    )


def planned_depth(params: ParamsFile) -> PlannedDepth | None:
    """The same for the report; None: nobody's answers are begun."""
    plan = plan_safety_depth(params)
    left_out = plan_left_out(params).safety_depth
    systems = tuple(name for name in params.safety_depth.systems if name not in left_out)
    return PlannedDepth(**plan.model_dump(), systems=systems) if systems else None


def describe_no_texts(params: ParamsFile) -> str | None:
    """Why nothing is begun although systems are named; None: something is, or none are."""
    if not params.safety_depth.systems or plan_safety_depth(params).answers:
        return None
    return (
        f"Left out: {SECTION}, since its answers are the micro-world's own, and {why_no_world_is_asked(params)} (name "
        "answers to the run's instructions in published_outputs)."
    )


def _require_each_once(field: str, values: tuple[object, ...]) -> None:
    if len(set(values)) < len(values):
        what = "a system" if field == "systems" else "a number"
        raise UrialError(f"{SECTION}.{field}: {what} is named twice", where="params.yaml", expected="each once")

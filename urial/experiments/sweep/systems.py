"""One experiment of chosen systems: the others of params.yaml are taken out, together with what needs them."""

from collections.abc import Mapping, Sequence

from urial.experiments.sweep.variants import REMOVED
from urial.records.base import Name
from urial.records.params.file import MicroworldStudy, ParamsFile, study_of

Settings = dict[str, object]


def settings_of_systems(
    params: ParamsFile, kept: Sequence[Name], added: Mapping[Name, Settings], contexts: Sequence[Name]
) -> Settings:
    """What makes a run of these systems alone, with the token shift under ``contexts``; nothing is compared with a baseline.

    Where there are contexts, the system whose answers are measured stays.
    """
    stays = {*kept, *([params.token_shift.answer_system] if contexts else [])}
    return {
        **{f"{REMOVED}systems.{name}": None for name in params.systems if name not in stays},
        **{f"systems.{name}": system for name, system in added.items()},
        "token_shift.base_systems": list(contexts),
        "preferences.systems": [],
        "preferences.baseline": None,
    }


def why_no_shift(params: ParamsFile, system: Name) -> str | None:
    """Why the token shift cannot be measured under variants of a system; None: it can."""
    study, answers = study_of(params), params.systems.get(params.token_shift.answer_system)
    if not isinstance(study, MicroworldStudy) and study.aligned is None:
        return f"the study {params.run.study} has no aligned model"
    if params.systems[system].model != "base":
        return f"{system} uses the aligned model"
    if answers is None or answers.model != "aligned":
        return f"token_shift.answer_system, {params.token_shift.answer_system}, is no system of the aligned model"
    return None

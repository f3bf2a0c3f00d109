"""The models of a run, each fixed as far as it can be: trained or tuned here, by commit, by files, or on a server."""

from pathlib import Path

from urial.models.resolve import resolve_model
from urial.models.trained import pair_folder, read_pair, require_step
from urial.plan.chats import require_steady_chats
from urial.plan.tuned_pairs import require_fitting_pairs
from urial.plan.tuning import plan_tuned, require_tunable
from urial.records.model import TunedModel
from urial.records.params.file import MicroworldStudy, ParamsFile, study_of, threads_of
from urial.records.plans import LoadedModels, ModelsPlan, PlannedAligned, PlannedTuned, TrainedModels, TrainedStudy


def plan_models(params: ParamsFile, prompts_dir: Path) -> ModelsPlan:
    """The planned models; one of the hub is looked up there."""
    study = study_of(params)
    name = f"studies.{params.run.study}"
    tuned = plan_tuned(study, name, prompts_dir)
    if isinstance(study, MicroworldStudy):
        plan = plan_trained(study, tuned, threads_of(params))
        require_fitting_pairs(plan, params.run.study)
        return plan
    base = resolve_model(study.base, "base", study.loading, f"{name}.base")
    if tuned is not None:
        require_tunable(base, study.loading, f"{name}.aligned.tuned")
    aligned: PlannedAligned | None = tuned
    if study.aligned is not None and not isinstance(study.aligned, TunedModel):
        aligned = resolved = resolve_model(study.aligned, "aligned", study.loading, f"{name}.aligned")
        require_steady_chats(study, resolved, name)
    plan = ModelsPlan(models=LoadedModels(kind="models", base=base, aligned=aligned), threads=threads_of(params))
    require_fitting_pairs(plan, params.run.study)
    return plan


def plan_trained(study: MicroworldStudy, tuned: PlannedTuned | None, threads: int | None) -> ModelsPlan:
    """The embedded pair, or its base model and what is tuned of it. Raises UrialError for a checkpoint that there is not."""
    fields = study.model_dump(include=set(TrainedModels.model_fields))
    trained = TrainedStudy.model_validate({**fields, "aligned": tuned})
    if pair := read_pair(pair_folder(trained, threads)):
        require_step(trained.checkpoint, [checkpoint.step for checkpoint in pair.checkpoints])
    return ModelsPlan(models=trained, threads=threads)

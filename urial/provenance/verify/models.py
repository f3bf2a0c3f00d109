"""The models and instructions of a run against their plan, and the weights against the hashes in their manifests."""

from pathlib import Path

from urial.core.errors import UrialError
from urial.instructions.hub import local_source
from urial.instructions.sets import load_instructions
from urial.local_models.loading.loading import file_hashes
from urial.models.sources import ROLES
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.records.base import Role
from urial.records.model import Loading, ModelManifest
from urial.records.params.instruction_sets import MicroworldSet
from urial.records.plans import ModelsPlan, PlannedModel, TrainedModels
from urial.run.differences import field_difference, rows_difference
from urial.run.paths import INSTRUCTIONS, INSTRUCTIONS_PLAN, MANIFEST, MODELS_FOLDER, MODELS_PLAN
from urial.run.remedies import CHECKOUT


def check_models(run: Run) -> Checked:
    """Each manifest is of the planned model, and every file beside it has the hash that the manifest says."""
    plan = run.record(MODELS_PLAN)
    problems, files = [], 0
    for role in ROLES:
        try:
            manifest = run.record(MANIFEST, role)
        except UrialError as error:
            problems.append(error)
            continue
        problems += _manifest_problems(run, role, manifest, plan)
        files += len(manifest.files) if manifest.embedded else 0
    kept = f"{files} files as their manifests say" if files else "manifests as planned; the weights are not in the run"
    return Checked(kept, problems)


def _manifest_problems(run: Run, role: Role, manifest: ModelManifest, plan: ModelsPlan) -> list[UrialError]:
    folder = f"{MODELS_FOLDER}/{role}"
    planned = _planned(role, plan).model_dump(mode="json")
    named = manifest.model_dump(mode="json")
    if isinstance(plan.models, TrainedModels) or getattr(plan.models, role).files is None:
        # Only training or the hub tells the files; those of the hub were looked up by commit.
        planned["files"] = named["files"]
    fix = CHECKOUT.format(folder)
    problems = []
    if detail := field_difference(planned, named, "planned"):
        problems.append(UrialError(f"{MANIFEST.path(role)}: {detail}", where=MODELS_PLAN.path(), fix=fix))
    if manifest.embedded and (
        detail := field_difference(dict(manifest.files), dict(file_hashes(run.model_folder(role))), "manifest")
    ):
        problems.append(UrialError(f"{detail}", path=folder, where=f"{MANIFEST.path(role)}, files", fix=fix))
    return problems


def _planned(role: Role, plan: ModelsPlan) -> ModelManifest:
    if isinstance(plan.models, TrainedModels):
        return ModelManifest(role=role, id="microworld", revision=None, files={}, loading=Loading(), embedded=True)
    said: PlannedModel = getattr(plan.models, role)
    return ModelManifest(
        role=role, id=said.id, revision=said.revision, server=said.server, files=said.files or {},
        loading=None if said.server else plan.models.loading, embedded=False,
    )  # fmt: skip


def check_instructions(run: Run) -> Checked:
    """The instructions are those of the planned set, read or generated again where their source is here."""
    plan, rows = run.record(INSTRUCTIONS_PLAN), run.instructions
    source = None if isinstance(plan.set, MicroworldSet) else (local_source(plan.set) or Path())
    if source is not None and not source.is_file():
        raise NotCheckedError(f"{len(rows):,} valid rows; their source, {plan.set.kind} {plan.name!r}, is not here")
    if detail := rows_difference(load_instructions(plan), rows, "by the plan"):
        raise UrialError(
            f"{INSTRUCTIONS.path()}: {detail}",
            where=INSTRUCTIONS_PLAN.path(),
            fix=CHECKOUT.format(INSTRUCTIONS.path()),
        )
    return Checked(f"{len(rows):,} rows read again from their source")

"""The models and instructions of a run against their plan, and the weights against the hashes in their manifests."""

from urial.core.errors import UrialError
from urial.instructions.sets import load_instructions, local_source
from urial.local_models.loading.loading import file_hashes
from urial.provenance.verify.run import Checked, NotCheckedError, Run, require_same_rows
from urial.records.base import ROLES, Role
from urial.records.instruction import MicroworldSet
from urial.records.model import EmbeddedWeights, HubWeights, Loading, ModelManifest
from urial.records.plans import ModelsPlan, TrainedModels
from urial.run.differences import field_difference
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
        files += len(manifest.source.files) if isinstance(manifest.source, EmbeddedWeights) else 0
    kept = f"{files} files as their manifests say" if files else "manifests as planned; the weights are not in the run"
    return Checked(kept, problems)


def _manifest_problems(run: Run, role: Role, manifest: ModelManifest, plan: ModelsPlan) -> list[UrialError]:
    folder = f"{MODELS_FOLDER}/{role}"
    source = manifest.source
    if isinstance(plan.models, TrainedModels):
        planned: dict[str, object] = {"embedded": "microworld", "loading": Loading().model_dump(mode="json")}
    else:
        planned = getattr(plan.models, role).model_dump(mode="json")
    if isinstance(source, EmbeddedWeights | HubWeights):
        # Only training or the hub tells the files; those of the hub were looked up by commit.
        planned["files"] = source.files
    fix = CHECKOUT.format(folder)
    problems = []
    expected = {"role": role, "source": planned}
    if detail := field_difference(expected, manifest.model_dump(mode="json"), "planned"):
        problems.append(UrialError(detail, path=MANIFEST.path(role), where=MODELS_PLAN.path(), fix=fix))
    if isinstance(source, EmbeddedWeights) and (
        detail := field_difference(dict(source.files), dict(file_hashes(run.model_folder(role))), "manifest")
    ):
        problems.append(UrialError(detail, path=folder, where=f"{MANIFEST.path(role)}, source.files", fix=fix))
    return problems


def check_instructions(run: Run) -> Checked:
    """The instructions are those of the planned set, read or generated again where their source is here."""
    plan, rows = run.record(INSTRUCTIONS_PLAN), run.instructions
    source = local_source(plan.set)
    if not isinstance(plan.set, MicroworldSet) and (source is None or not source.is_file()):
        raise NotCheckedError(f"{len(rows):,} valid rows; their source, {plan.set.kind} {plan.name!r}, is not here")
    require_same_rows(INSTRUCTIONS.path(), load_instructions(plan), rows, "by the plan", INSTRUCTIONS_PLAN.path())
    return Checked(f"{len(rows):,} rows read again from their source")

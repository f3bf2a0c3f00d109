"""The plan, re-derived from params.yaml and prompts/; the prompts that it names; its models and instructions."""

from pathlib import Path
from typing import Any

from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.core.text import counted
from urial.instructions.sets import load_instructions, local_source
from urial.local_models.loading.loading import file_hashes
from urial.models.hub import is_commit
from urial.models.resolve import resolve_model
from urial.models.trained import recipe_hash
from urial.plan import planning
from urial.plan.blends import plan_blends
from urial.plan.instructions import plan_instructions
from urial.plan.judges import plan_judge
from urial.plan.left_out import compared_systems
from urial.plan.models import plan_trained
from urial.plan.preferences import plan_preferences, preferences_judge
from urial.plan.safety_depth import plan_safety_depth
from urial.plan.token_shift import plan_token_shift
from urial.plan.tuning import plan_tuned
from urial.prompts.authoring.released import lint_prompts, released
from urial.prompts.rubrics.rubrics import load_rubric
from urial.prompts.versions.library import PROMPTS_DIR
from urial.provenance.verify.run import Checked, NotCheckedError, Run, noted, require_same_rows
from urial.records import model, plans
from urial.records.base import ROLES, Record, Role
from urial.records.instruction import MicroworldSet, RowSource
from urial.records.params.file import MicroworldStudy, ModelsStudy, instruction_set_name, lookup, study_of, threads_of
from urial.records.params.judges import TransformersJudge
from urial.records.tuning import FileData
from urial.run import paths
from urial.run.differences import field_difference
from urial.run.reader import CHECKOUT


def check_prompts(run: Run) -> Checked:
    """No released prompt or rubric changed. One that is not released is read for the plan where it is used."""
    problems = [UrialError(text) for text in lint_prompts(PROMPTS_DIR, released_only=True)]
    return Checked(f"{len(released(PROMPTS_DIR))} released prompts and rubrics unedited", problems)


def check_plan(run: Run) -> Checked:
    """Each file of data/plan is what params.yaml and prompts/ say now; what only the hub can tell is compared as it is."""
    params, folder = run.params, paths.PLAN_FOLDER
    systems = planning.plan_systems(params, PROMPTS_DIR)
    expected: dict[tuple[paths.RunFile[Record], str], Record] = {
        **{(paths.SYSTEM_PLAN, plan.system): plan for plan in (*systems, *_blends(run, systems))},
        (paths.TOKEN_SHIFT_PLAN, ""): plan_token_shift(params),
        (paths.SAFETY_DEPTH_PLAN, ""): plan_safety_depth(params),
        (paths.REPORT_PLAN, ""): planning.plan_report(params),
        (paths.JUDGE_PLAN, ""): _judge(run, run.params.run.judge, paths.JUDGE_PLAN),
        (paths.PREFERENCES_PLAN, ""): _preferences(run),
        (paths.MODELS_PLAN, ""): _models(run),
        (paths.INSTRUCTIONS_PLAN, ""): _instructions(run),
    }
    checked = Checked(f"{counted(len(expected), 'file')} made again of params.yaml and prompts/")
    for (kind, key), record in expected.items():
        with noted(checked.problems):
            recorded = run.record(kind, key).model_dump(mode="json")
            if detail := field_difference(record.model_dump(mode="json"), recorded, "params.yaml says"):
                raise UrialError(
                    detail,
                    path=kind.path(key),
                    where="params.yaml and prompts/",
                    fix=f"run `dvc repro`, or restore the plan: dvc checkout --force {folder}",
                )
    present = {path.relative_to(run.root).as_posix() for path in (run.root / folder).rglob("*") if path.is_file()}
    checked.problems += [
        UrialError("belongs to nothing in params.yaml", path=name, fix="run `dvc repro`")
        for name in sorted(present - {kind.path(key) for kind, key in expected})
    ]
    return checked


def _blends(run: Run, systems: tuple[plans.SystemPlan, ...]) -> tuple[plans.SystemPlan, ...]:
    """The planned blends; what fixes a model that only a blend names is taken from the recorded plan."""

    study = study_of(run.params)
    loading = study.loading if isinstance(study, ModelsStudy) else model.Loading()

    def recorded(reference: model.LocalReference, role: Role, field: str) -> model.PlannedLocal:
        blend = run.record(paths.SYSTEM_PLAN, field.split(".")[1]).blend
        earlier = None if blend is None else blend.untuned if role == "base" else blend.helper.model
        return _as_recorded(reference, earlier, loading)

    return plan_blends(run.params, systems, recorded)


def _models(run: Run) -> plans.ModelsPlan:
    """The planned models; which commit and files a model of the hub had is taken from the recorded plan."""
    study = study_of(run.params)
    recorded = run.record(paths.MODELS_PLAN).models
    tuned = _tuned(run, recorded.aligned)
    if isinstance(study, MicroworldStudy):
        return plan_trained(study, tuned, threads_of(run.params))
    planned: dict[Role, model.PlannedModel] = {}
    for role in ROLES:
        earlier = getattr(recorded, role, None)
        match reference := getattr(study, role):
            case model.ServerReference():
                name = f"studies.{run.params.run.study}.{role}"
                planned[role] = resolve_model(reference, role, study.loading, name)
            case model.HubModel() | model.FolderModel() | model.GgufModel():
                planned[role] = _as_recorded(reference, earlier, study.loading)
    aligned = tuned or planned.get("aligned")
    models = plans.LoadedModels(kind="models", base=planned["base"], aligned=aligned)
    return plans.ModelsPlan(models=models, threads=threads_of(run.params))


def _as_recorded(
    reference: model.LocalReference, earlier: model.PlannedModel | None, loading: model.Loading
) -> model.PlannedLocal:
    """A model as it is planned, with the commit or the files that the recorded plan has of it."""
    match reference:
        case model.HubModel():
            revision = reference.revision or reference.checkpoint
            if isinstance(earlier, model.PlannedHub) and not is_commit(revision):
                revision = earlier.revision
            return model.PlannedHub(
                hub=reference.hub,
                revision=revision,
                checkpoint=reference.checkpoint,
                gguf_file=reference.gguf_file,
                loading=loading,
            )
        case model.FolderModel():
            files = earlier.files if isinstance(earlier, model.FolderWeights) else {}
            return model.FolderWeights(
                folder=reference.folder, checkpoint=reference.checkpoint, loading=loading, files=files
            )
        case model.GgufModel():
            found = earlier.hash if isinstance(earlier, model.GgufWeights) else bytes_hash(b"")
            return model.GgufWeights(gguf=reference.gguf, loading=loading, hash=found)


def _tuned(run: Run, recorded: plans.PlannedAligned | None) -> plans.PlannedTuned | None:
    """The planned tuning; what a file of data had that is not here is taken from the recorded plan."""
    study = study_of(run.params)
    reference = study.aligned
    if isinstance(reference, model.TunedModel) and isinstance(recorded, plans.PlannedTuned):
        data = reference.tuned.data
        if isinstance(data, FileData) and not Path(data.file).expanduser().is_file():
            return recorded.model_copy(update={"tuned": reference.tuned})
    return plan_tuned(study, f"studies.{run.params.run.study}", PROMPTS_DIR)


def _judge(run: Run, name: str | None, kind: paths.RunFile[Record]) -> plans.JudgePlan:
    """The planned judge; which commit and files a judge model had is taken from the recorded plan."""
    judge = lookup(run.params.judges, name, "run.judge", "judges") if name is not None else None
    if not isinstance(judge, TransformersJudge):
        return plan_judge(run.params, name, PROMPTS_DIR)
    recorded = getattr(run.record(kind), "judge", None)
    if not isinstance(recorded, plans.TransformersPlan):
        raise UrialError("not the judge of params.yaml", path=kind.path(), expected=name, fix="run `dvc repro`")
    regular, safety = (load_rubric(rubric, PROMPTS_DIR) for rubric in (judge.rubrics.regular, judge.rubrics.safety))
    rubrics = plans.PlannedRubrics(regular=regular, safety=safety)
    day = None if recorded.date is None else judge.date
    changes = {"judge": judge, "rubrics": rubrics, "threads": threads_of(run.params), "date": day}
    planned = recorded.model_copy(update=changes)
    return plans.JudgePlan(name=name, judge=planned)


def _preferences(run: Run) -> plans.PreferencesPlan:
    """The planned comparisons, likewise."""
    if not compared_systems(run.params):
        return plan_preferences(run.params, PROMPTS_DIR)
    judge = _judge(run, preferences_judge(run.params), paths.PREFERENCES_PLAN)
    return plan_preferences(run.params, PROMPTS_DIR, judge)


def _instructions(run: Run) -> plans.InstructionsPlan:
    """The planned set; which commit of the hub, and which bytes of a file that is not here, is taken as recorded."""
    recorded = run.record(paths.INSTRUCTIONS_PLAN)
    name = instruction_set_name(run.params)
    planned = lookup(run.params.instruction_sets, name, "run.instructions", "instruction_sets")
    if isinstance(planned, MicroworldSet) or (local_source(planned) or Path()).is_file():
        return plan_instructions(run.params)
    if isinstance(planned, RowSource) and isinstance(recorded.set, RowSource) and not is_commit(planned.revision):
        planned = planned.model_copy(update={"revision": recorded.set.revision})
    return recorded.model_copy(update={"name": name, "set": planned, "limit": run.params.run.limit})


def check_models(run: Run) -> Checked:
    """Each manifest is of the planned model, and every file beside it has the hash that the manifest says."""
    plan = run.record(paths.MODELS_PLAN).models
    problems: list[UrialError] = []
    files = 0
    for role in ROLES:
        with noted(problems):
            manifest = run.record(paths.MANIFEST, role)
            source, path, folder = manifest.source, paths.MANIFEST.path(role), f"{paths.MODELS_FOLDER}/{role}"
            planned = _planned_source(run, plan, role, source)
            fix, expected = CHECKOUT.format(folder), {"role": role, "source": planned}
            if detail := field_difference(expected, manifest.model_dump(mode="json"), "planned"):
                problems.append(UrialError(detail, path=path, where=paths.MODELS_PLAN.path(), fix=fix))
            if isinstance(source, model.RunWeights):
                files += len(source.files)
                present = dict(file_hashes(run.model_folder(role)))
                if detail := field_difference(dict(source.files), present, "manifest"):
                    problems.append(UrialError(detail, path=folder, where=f"{path}, source.files", fix=fix))
    kept = f"{files} files as their manifests say" if files else "manifests as planned; the weights are not in the run"
    return Checked(kept, problems)


def _planned_source(
    run: Run,
    plan: plans.TrainedStudy | plans.LoadedModels,
    role: Role,
    source: model.Weights | model.ServerModel | None,
) -> dict[str, Any] | None:
    """What a manifest says by the plan; what only a training or the hub can tell is taken from the manifest itself."""
    chosen = plan.aligned if role == "aligned" else None
    if isinstance(chosen, plans.PlannedTuned):
        tuned = {name: chosen.model_dump(mode="json")[name] for name in ("tuned", "data_hash", "loading")}
        base = run.record(paths.MANIFEST, "base").model
        if isinstance(source, model.TunedWeights) and not isinstance(base, model.ServerModel):
            tuned |= {"base_files": dict(base.files), "result": source.result.model_dump(mode="json")}
            tuned |= {"recipe_hash": recipe_hash(chosen), "files": source.files}
        return tuned
    if isinstance(plan, plans.TrainedStudy):
        planned: dict[str, Any] = {"embedded": "microworld", "loading": model.Loading().model_dump(mode="json")}
        if role == "base" and isinstance(source, model.EmbeddedWeights):
            # The training tells what a step has seen, and which one is the last.
            step = int(plan.checkpoint.removeprefix("step-")) if plan.checkpoint else source.step
            seen = {"step": step, "tokens": source.tokens}
            planned |= {key: value for key, value in seen.items() if value is not None}
    else:
        planned = plan.model_dump(mode="json")[role]
    if planned is not None and isinstance(source, model.EmbeddedWeights | model.HubWeights):
        # Only training or the hub tells the files; those of the hub were looked up by commit.
        planned["files"] = source.files
    return planned


def check_instructions(run: Run) -> Checked:
    """The instructions are those of the planned set, read or generated again where their source is here."""
    plan, rows = run.record(paths.INSTRUCTIONS_PLAN), run.instructions
    source = local_source(plan.set)
    if not isinstance(plan.set, MicroworldSet) and (source is None or not source.is_file()):
        raise NotCheckedError(f"{len(rows):,} valid rows; their source, {plan.set.kind} {plan.name!r}, is not here")
    planned = load_instructions(plan)
    require_same_rows(paths.INSTRUCTIONS.path(), planned, rows, "by the plan", paths.INSTRUCTIONS_PLAN.path())
    return Checked(f"{counted(len(rows), 'row')} read again from their source")

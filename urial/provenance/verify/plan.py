"""The plan, re-derived from params.yaml and prompts/; and the prompts and rubrics that numbers may cite."""

from collections.abc import Iterator
from pathlib import Path

from urial.core.errors import UrialError
from urial.instructions.sets import local_source
from urial.models.resolve import is_commit, resolve_model
from urial.plan.judges import plan_judge
from urial.plan.planning import plan_instructions, plan_models, plan_report, plan_systems, plan_token_shift, study_of
from urial.prompts.authoring.released import lint_prompts, released
from urial.prompts.rubrics.rubrics import load_rubric
from urial.prompts.versions.library import PROMPTS_DIR
from urial.provenance.verify.run import Checked, Run
from urial.records.base import Record, Role
from urial.records.instruction import MicroworldSet, RowSource
from urial.records.model import FolderModel, FolderWeights, HubModel, PlannedHub, ServerModel, ServerReference
from urial.records.params.file import MicroworldStudy, lookup
from urial.records.params.judges import TransformersJudge
from urial.records.plans import InstructionsPlan, JudgePlan, LoadedModels, ModelsPlan, PlannedRubrics, TransformersPlan
from urial.run.differences import field_difference
from urial.run.paths import (
    INSTRUCTIONS_PLAN,
    JUDGE_PLAN,
    MODELS_PLAN,
    PLAN_FOLDER,
    REPORT_PLAN,
    SYSTEM_PLAN,
    TOKEN_SHIFT_PLAN,
    RunFile,
)


def check_prompts(run: Run) -> Checked:
    """Every prompt and rubric is sound, and none changed since its release."""
    problems = [UrialError(text) for text in lint_prompts(PROMPTS_DIR)]
    return Checked(f"{len(released(PROMPTS_DIR))} released prompts and rubrics unedited", problems)


def check_plan(run: Run) -> Checked:
    """Each file of data/plan is what params.yaml and prompts/ say now; what only the hub can tell is compared as it is."""
    params = run.params
    expected: dict[tuple[RunFile[Record], str], Record] = {
        **{(SYSTEM_PLAN, plan.system): plan for plan in plan_systems(params, PROMPTS_DIR)},
        (TOKEN_SHIFT_PLAN, ""): plan_token_shift(params),
        (REPORT_PLAN, ""): plan_report(params),
        (JUDGE_PLAN, ""): _judge(run),
        (MODELS_PLAN, ""): _models(run),
        (INSTRUCTIONS_PLAN, ""): _instructions(run),
    }
    problems = list(_plan_problems(run, expected))
    return Checked(f"{len(expected)} files made again of params.yaml and prompts/", problems)


def _plan_problems(run: Run, expected: dict[tuple[RunFile[Record], str], Record]) -> Iterator[UrialError]:
    for (kind, key), record in expected.items():
        try:
            recorded = run.record(kind, key)
        except UrialError as error:
            yield error
            continue
        detail = field_difference(record.model_dump(mode="json"), recorded.model_dump(mode="json"), "params.yaml says")
        if detail:
            yield UrialError(
                detail,
                path=kind.path(key),
                where="params.yaml and prompts/",
                fix=f"run `dvc repro`, or restore the plan: dvc checkout --force {PLAN_FOLDER}",
            )
    present = {path.relative_to(run.root).as_posix() for path in (run.root / PLAN_FOLDER).rglob("*") if path.is_file()}
    for name in sorted(present - {kind.path(key) for kind, key in expected}):
        yield UrialError("belongs to nothing in params.yaml", path=name, fix="run `dvc repro`")


def _models(run: Run) -> ModelsPlan:
    """The planned pair; which commit and files a model of the hub had is taken from the recorded plan."""
    study = study_of(run.params)
    if isinstance(study, MicroworldStudy) or study.aligned is None:
        return plan_models(run.params)
    recorded = run.record(MODELS_PLAN).models

    def planned(
        reference: HubModel | FolderModel | ServerReference, role: Role
    ) -> PlannedHub | FolderWeights | ServerModel:
        earlier = getattr(recorded, role, None)
        match reference:
            case ServerReference():
                return resolve_model(reference, role, study.loading, f"studies.{run.params.run.study}.{role}")
            case HubModel():
                revision = reference.revision
                if isinstance(earlier, PlannedHub) and not is_commit(revision):
                    revision = earlier.revision
                return PlannedHub(hub=reference.hub, revision=revision, loading=study.loading)
            case FolderModel():
                files = earlier.files if isinstance(earlier, FolderWeights) else {}
                return FolderWeights(**dict(reference), loading=study.loading, files=files)

    models = LoadedModels(kind="models", base=planned(study.base, "base"), aligned=planned(study.aligned, "aligned"))
    return ModelsPlan(models=models, threads=run.params.run.threads)


def _judge(run: Run) -> JudgePlan:
    """The planned judge; which commit and files a judge model had is taken from the recorded plan."""
    name = run.params.run.judge
    judge = lookup(run.params.judges, name, "run.judge", "judges")
    if not isinstance(judge, TransformersJudge):
        return plan_judge(run.params, name, PROMPTS_DIR)
    recorded = run.record(JUDGE_PLAN).judge
    if not isinstance(recorded, TransformersPlan):
        raise UrialError("not the judge of params.yaml", path=JUDGE_PLAN.path(), expected=name, fix="run `dvc repro`")
    rubrics = PlannedRubrics(
        regular=load_rubric(judge.rubrics.regular, PROMPTS_DIR), safety=load_rubric(judge.rubrics.safety, PROMPTS_DIR)
    )
    planned = recorded.model_copy(update={"judge": judge, "rubrics": rubrics, "threads": run.params.run.threads})
    return JudgePlan(name=name, judge=planned)


def _instructions(run: Run) -> InstructionsPlan:
    """The planned set; which commit of the hub, and which bytes of a file that is not here, is taken as recorded."""
    recorded = run.record(INSTRUCTIONS_PLAN)
    study = study_of(run.params)
    name = run.params.run.instructions or study.instructions
    planned = lookup(run.params.instruction_sets, name, "run.instructions", "instruction_sets")
    if isinstance(planned, MicroworldSet) or (local_source(planned) or Path()).is_file():
        return plan_instructions(run.params)
    if isinstance(planned, RowSource) and isinstance(recorded.set, RowSource) and not is_commit(planned.revision):
        planned = planned.model_copy(update={"revision": recorded.set.revision})
    return recorded.model_copy(update={"name": name, "set": planned, "limit": run.params.run.limit})

"""Resolves params.yaml and prompts/ into one plan a later stage, before anything expensive runs."""

import re
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError
from urial.plan.blends import plan_blends, require_blendable
from urial.plan.chats import day_of_chats
from urial.plan.engines import plan_engine, require_programs
from urial.plan.instructions import planned_instructions
from urial.plan.judges import plan_judge
from urial.plan.left_out import answering_systems, compared_systems, plan_left_out
from urial.plan.models import plan_models
from urial.plan.pairs import require_comparable_models
from urial.plan.preferences import plan_preferences
from urial.plan.safety_depth import describe_no_texts, plan_safety_depth, planned_depth
from urial.plan.token_shift import describe_nothing_given, given_measurements, plan_token_shift
from urial.prompts.ablations.ablate import ablated
from urial.prompts.ablations.pools import Pools
from urial.prompts.references.answers import References
from urial.prompts.versions.library import load_prompt, prompt_hash, resolve_prompt_name
from urial.prompts.versions.retrieval import read_pool
from urial.records.ablation import Ablation
from urial.records.base import Role
from urial.records.instruction import Instruction
from urial.records.left_out import describe_left_out
from urial.records.model import ServerReference
from urial.records.params.file import (
    Decoding,
    MicroworldStudy,
    ModelsStudy,
    ParamsFile,
    Study,
    instruction_set_name,
    study_of,
    threads_of,
)
from urial.records.plans import (
    InstructionsPlan,
    JudgePlan,
    LoadedModels,
    ModelsPlan,
    OpenAIPlan,
    PreferencesPlan,
    ReportPlan,
    SafetyDepthPlan,
    SystemPlan,
    TokenShiftPlan,
    TransformersPlan,
)
from urial.records.prompt import Prompt

SPELLABLE = "[A-Za-z_][A-Za-z0-9_-]*"


@dataclass(frozen=True)
class Plans:
    """All plans of one run."""

    models: ModelsPlan
    instructions: InstructionsPlan
    systems: tuple[SystemPlan, ...]
    # Each with its control behind it.
    blends: tuple[SystemPlan, ...]
    token_shift: TokenShiftPlan
    judge: JudgePlan
    preferences: PreferencesPlan
    safety_depth: SafetyDepthPlan
    report: ReportPlan
    # The instructions; None: they are on the hub, and not read yet.
    asked: list[Instruction] | None


def make_plans(params: ParamsFile, prompts_dir: Path) -> Plans:
    """Resolve and check everything. Raises UrialError for the first thing that cannot work.

    Instructions are read here already, except from the hub: a bad row should stop the run before models load.
    """
    require_spellable_names(params)
    if left_out := describe_left_out(params.run.study, plan_left_out(params)):
        print(left_out)
    for remark in (describe_no_texts(params), describe_nothing_given(params)):
        if remark:
            print(remark)
    token_shift = plan_token_shift(params)
    systems = plan_systems(params, prompts_dir)
    blends = plan_blends(params, systems)
    require_programs(params)
    instructions, asked = planned_instructions(params)
    judge = plan_judge(params, params.run.judge, prompts_dir)
    if asked is not None and isinstance(judge.judge, OpenAIPlan | TransformersPlan):
        # With a limit, reference answers may be of others of the set.
        References(judge.judge.references).require_fit(asked, all_asked=params.run.limit is None)
    models = plan_models(params, prompts_dir)
    if isinstance(models.models, LoadedModels):
        require_comparable_models(models.models, params.token_shift, f"studies.{params.run.study}")
    require_blendable(blends, models)
    return Plans(
        models=models,
        instructions=instructions,
        systems=systems,
        blends=blends,
        token_shift=token_shift,
        judge=judge,
        preferences=plan_preferences(params, prompts_dir),
        safety_depth=plan_safety_depth(params),
        report=plan_report(params),
        asked=asked,
    )


def require_spellable_names(params: ParamsFile) -> None:
    """Raises UrialError for a name that `dvc exp run -S section.NAME.field=value` cannot say: there, dots part the keys."""
    catalogues = {
        section: getattr(params, section)
        for section in ("systems", "blends", "studies", "instruction_sets", "published_outputs", "judges")
    }
    for section, names in (catalogues | {"token_shift.given": params.token_shift.given}).items():
        for name in names:
            if not re.fullmatch(SPELLABLE, name):
                better = re.sub(r"[^A-Za-z0-9_-]", "-", name)
                better = better if re.match("[A-Za-z_]", better) else f"{section[0]}-{better}"
                raise UrialError(
                    f"{section}.{name}: `dvc exp run -S` cannot spell the name {name!r}",
                    where="params.yaml",
                    expected="a letter, then letters, digits, '_' and '-'",
                    fix=f"name it {better}, here and where it is named",
                )


def plan_systems(params: ParamsFile, prompts_dir: Path) -> tuple[SystemPlan, ...]:
    """The planned systems, in the order of params.yaml. Nothing is asked of the hub or a server."""
    study = study_of(params)
    plans = []
    for name, system in params.systems.items():
        if system.model == "base" and system.prompt is None:
            raise UrialError(
                f"systems.{name}: a base model needs a prompt",
                where="params.yaml",
                fix=f"set systems.{name}.prompt, for example to zero-shot",
            )
        prompt_name = resolve_prompt_name(system.prompt, study.prompts, prompts_dir) if system.prompt else None
        prompt = load_prompt(prompt_name, prompts_dir) if prompt_name else None
        if system.ablation:
            prompt = _ablated(f"systems.{name}", prompt_name, prompt, system.ablation, prompts_dir)
        if prompt and prompt.retrieval:
            read_pool(prompt.retrieval, prompts_dir / prompt.retrieval.pool)
        # What the system says, else what is common to all, else what the study's model needs.
        penalty = study.base_repetition_penalty if system.model == "base" else 1.0
        decoding = {"max_new_tokens": study.max_new_tokens, "repetition_penalty": penalty}
        for change in (params.decoding, system.decoding):
            decoding |= change.model_dump(exclude_none=True)
        plan = SystemPlan(
            system=name,
            model=system.model,
            prompt_name=prompt_name,
            prompt=prompt,
            prompt_hash=prompt_hash(prompt) if prompt else None,
            ablation=system.ablation,
            decoding=Decoding.model_validate(decoding),
            generation=params.generation,
            threads=threads_of(params),
            date=day_of_chats(study) if prompt is None else None,
            thinking=study.thinking if isinstance(study, ModelsStudy) else None,
            server=_server(system.model, study) or plan_engine(params, system.model),
        )
        plans.append(plan)
    return tuple(plans)


def _ablated(field: str, name: str | None, prompt: Prompt | None, ablation: Ablation, prompts_dir: Path) -> Prompt:
    """The prompt that a system's ablation makes of its own. Raises UrialError that names the system."""
    if name is None or prompt is None:
        raise UrialError(
            f"{field}.ablation: a chat template has no examples and no system text",
            where="params.yaml",
            fix=f"set {field}.prompt, or remove the ablation",
        )
    try:
        return ablated(prompt, ablation, Pools(prompts_dir, name.partition("/")[0]))
    except UrialError as error:
        raise error.about(f"{field}.ablation, of the prompt {name}") from error


def plan_report(params: ParamsFile) -> ReportPlan:
    """The planned report, without what a study that has no aligned model cannot have."""
    left_out, compared = plan_left_out(params), compared_systems(params)
    return ReportPlan(
        report=params.report,
        study=params.run.study,
        instructions=instruction_set_name(params),
        systems=(systems := answering_systems(params)),
        blends=tuple(name for name in params.blends if name in systems),
        answer_system=params.token_shift.answer_system,
        base_systems=tuple(name for name in params.token_shift.base_systems if name not in left_out.base_systems),
        given=tuple(row for row in given_measurements(params) if row.name not in left_out.given),
        compared=compared,
        baseline=params.preferences.baseline if compared else None,
        published=tuple(params.published_outputs),
        safety_depth=planned_depth(params),
        left_out=left_out,
    )


def _server(role: Role, study: Study) -> ServerReference | None:
    reference = None if isinstance(study, MicroworldStudy) else getattr(study, role)
    return reference if isinstance(reference, ServerReference) else None

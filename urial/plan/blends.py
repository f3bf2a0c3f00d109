"""Resolves the blends of params.yaml: two models that answer together, each blend with its control, as systems."""

from collections.abc import Callable, Mapping, Sequence

from urial.core.errors import UrialError
from urial.models.resolve import resolve_local
from urial.plan.left_out import plan_left_out
from urial.plan.pairs import differing_tokens
from urial.plan.tuned_pairs import tokenizer_folder
from urial.plan.vocabularies import folder_vocabulary, vocabulary_of
from urial.records.base import DAY, Name, Role
from urial.records.blend import Proxy, goes_by_text
from urial.records.model import (
    MANIFEST,
    FolderModel,
    GgufModel,
    HubModel,
    Loading,
    LocalReference,
    PlannedLocal,
    ServerModel,
)
from urial.records.params.blends import CONTROL, Blend, control_of
from urial.records.params.file import Decoding, MicroworldStudy, ModelsStudy, ParamsFile, lookup, study_of
from urial.records.plans import BlendPlan, HelperPlan, LoadedModels, ModelsPlan, PlannedTuned, SystemPlan

# A model that a blend names, its role and where it is named in params.yaml, to what fixes it. A helper is asked in its chat
# template, as an aligned model is; one that is not tuned need not have any.
Resolve = Callable[[LocalReference, Role, str], PlannedLocal]


def plan_blends(
    params: ParamsFile, systems: Sequence[SystemPlan], resolve: Resolve | None = None
) -> tuple[SystemPlan, ...]:
    """The planned blends, each with its control behind it. Raises UrialError for the first that cannot work.

    ``systems`` are the planned ones; ``resolve`` fixes a model that a blend names, None: by asking the hub or its files.
    """
    _require_own_names(params)
    study, left_out = study_of(params), plan_left_out(params).blends
    loading = study.loading if isinstance(study, ModelsStudy) else Loading()
    fixed = resolve or (lambda model, role, field: resolve_local(model, role, loading, field))
    planned, plans = {plan.system: plan for plan in systems}, []
    for name, blend in params.blends.items():
        base, helper = _base(params, planned, name, blend), _helper(params, planned, name, blend, fixed)
        untuned = blend.rule.untuned if isinstance(blend.rule, Proxy) else None
        parts = BlendPlan(
            base=blend.base,
            helper=helper,
            rule=blend.rule,
            microworld_seed=study.seed if isinstance(study, MicroworldStudy) else None,
            untuned=fixed(untuned, "base", f"blends.{name}.rule.untuned") if untuned else None,
            left_out=name in left_out,
        )
        plans.append(base.model_copy(update={"system": name, "blend": parts}))
        control = parts.model_copy(update={"control_of": name})
        plans.append(base.model_copy(update={"system": control_of(name), "blend": control}))
    return tuple(plans)


def _require_own_names(params: ParamsFile) -> None:
    """Raises UrialError where a blend or its control has the name of what has files of its own."""
    sections: Mapping[str, Mapping[Name, object]] = {
        "systems": params.systems,
        "published_outputs": params.published_outputs,
    }
    for name in params.blends:
        for own, what in ((name, "the blend"), (control_of(name), "its control")):
            taken = next((section for section, names in sections.items() if own in names), None)
            if taken is None and own != name and own in params.blends:
                taken = "blends"
            if taken is not None:
                raise UrialError(
                    f"blends.{name}: {what} would have the name {own}, which is in {taken}, too",
                    where="params.yaml",
                    expected=f"names that nothing else has: {name} and {name}{CONTROL}",
                    fix="rename the blend",
                )


def _base(params: ParamsFile, planned: Mapping[Name, SystemPlan], name: Name, blend: Blend) -> SystemPlan:
    field = f"blends.{name}.base"
    system = lookup(params.systems, blend.base, field, "systems")
    if system.model != "base":
        raise UrialError(
            f"{field}: system {blend.base!r} uses the {system.model} model",
            where="params.yaml",
            expected="a system of the base model",
        )
    return planned[blend.base]


def _helper(
    params: ParamsFile, planned: Mapping[Name, SystemPlan], name: Name, blend: Blend, fixed: Resolve
) -> HelperPlan:
    field, helper = f"blends.{name}.helper", blend.helper
    if isinstance(helper, HubModel | FolderModel | GgufModel):
        study = study_of(params)
        decoding = {"max_new_tokens": study.max_new_tokens, "repetition_penalty": 1.0}
        return HelperPlan(
            system=None,
            model=fixed(helper, "aligned", field),
            prompt_name=None,
            prompt=None,
            prompt_hash=None,
            decoding=Decoding.model_validate(decoding | params.decoding.model_dump(exclude_none=True)),
            date=DAY if isinstance(study, MicroworldStudy) else study.date,
        )
    system = lookup(params.systems, helper, field, "systems")
    if system.model != "aligned":
        raise UrialError(
            f"{field}: system {helper!r} uses the {system.model} model",
            where="params.yaml",
            expected="a system of the aligned model, or a model of its own, as in {hub: OWNER/NAME}",
        )
    plan = planned[helper]
    return HelperPlan(
        system=helper,
        model=None,
        prompt_name=plan.prompt_name,
        prompt=plan.prompt,
        prompt_hash=plan.prompt_hash,
        decoding=plan.decoding,
        date=plan.date,
    )


def require_blendable(plans: Sequence[SystemPlan], models: ModelsPlan) -> None:
    """Raises UrialError where a rule needs models of one vocabulary and they differ, so far as their tokens are known here."""
    aligned = models.models.aligned if isinstance(models.models, LoadedModels) else None
    for plan in plans:
        blend = plan.blend
        if blend is None or blend.control_of is not None or blend.left_out or goes_by_text(blend.rule):
            continue
        # A tuned model has the tokenizer of its base.
        own = None if isinstance(aligned, ServerModel | PlannedTuned) else aligned
        for part, model in (("helper", blend.helper.model or own), ("rule.untuned", blend.untuned)):
            problem = _other_vocabulary(models, model) if model is not None else None
            if problem is not None:
                raise UrialError(
                    f"blends.{plan.system}.{part}: {problem}",
                    where="params.yaml",
                    expected=f"models of one vocabulary, which the rule {blend.rule.kind} adds or compares over",
                    fix="use the rule nudge, which needs none: the helper supplies words",
                )


def _other_vocabulary(models: ModelsPlan, model: PlannedLocal) -> str | None:
    """How the tokens that text is split into differ between the base model and this one; None: not at all, as far as is known.

    One that differs ends the stage: a rule could choose it.
    """
    if isinstance(models.models, LoadedModels):
        if isinstance(models.models.base, ServerModel):
            return None
        ours, label = vocabulary_of(models.models.base), models.models.base.label
    else:
        folder, label = tokenizer_folder(models), "the micro-world"
        ours = folder_vocabulary(folder) if folder is not None else None
        # Before the pair is trained its tokens are not known, but nobody else's are the same: only a folder of this pipeline's
        # can have them.
        if ours is None and not (isinstance(model, FolderModel) and (model.path / MANIFEST).is_file()):
            return f"the micro-world has a tokenizer of its own, which {model.label} has not"
    theirs = vocabulary_of(model)
    if ours is None or theirs is None:
        return None
    differing = differing_tokens(ours, theirs) or differing_tokens(theirs, ours)
    return differing and f"the tokenizers of {label} and {model.label} differ: {differing.example}"

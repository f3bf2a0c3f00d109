"""Which systems of a run are variants of one prompt, and which of them are samples of one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.text import one_line
from urial.records.params.file import Decoding
from urial.records.plans import SystemPlan

FULL = "full prompt"
CHAT_TEMPLATE = "chat template"
Plans = Mapping[str, SystemPlan]
# What a decoding is called where it differs from the full prompt's.
_NAMES = {"max_new_tokens": "at most {} tokens", "temperature": "temperature {}", "top_p": "top p {}",
          "repetition_penalty": "repetition penalty {}", "temperature_by_task": "temperatures by task"}  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """Systems that are equal but for the seed: samples of one. One system is one sample."""

    label: str
    plan: SystemPlan
    systems: tuple[str, ...]
    # Systems of a seed that one before them has.
    repeated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """Variants to compare, the full prompt first; beside them the same model's zero-shot prompt, where there is one."""

    variants: tuple[Variant, ...]

    @property
    def full(self) -> Variant:
        """What the others are compared with."""
        return self.variants[0]


def families(plans: Plans, against: str | None = None) -> list[Family]:
    """The prompts that have several variants, in the order of the plans; or all systems of a model against one of them.

    Systems of one model and one prompt file are variants of one prompt. The full prompt is the one without ablation whose
    decoding most variants of the model have, or the first of several such. Raises UrialError where nothing can be compared.
    """
    # What another model steps into is no variant of a prompt.
    plans = {name: plan for name, plan in plans.items() if plan.blend is None}
    if against is not None:
        if against not in plans:
            raise UrialError(f"the run has no system {shorten(against)}", fix=did_you_mean(against, plans))
        model = plans[against].model
        alike = _variants({name: plan for name, plan in plans.items() if plan.model == model})
        if len(alike) < 2:
            raise UrialError(f"{against}: the run has no other system of the {model} model", fix="name another system")
        full = next(variant for variant in alike if against in (*variant.systems, *variant.repeated))
        return [_labeled(full, alike)]
    by_prompt: dict[tuple[str, str | None], dict[str, SystemPlan]] = {}
    for name, plan in plans.items():
        by_prompt.setdefault((plan.model, plan.prompt_name), {})[name] = plan
    found = []
    for (role, _), members in by_prompt.items():
        variants = _variants(members)
        if len(variants) < 2 and all(len(variant.systems) < 2 for variant in variants):
            continue
        of_model = _variants({name: plan for name, plan in plans.items() if plan.model == role})
        found.append(_labeled(_full(variants, of_model), [*variants, *_zero_shot(variants, of_model)]))
    if not found:
        raise UrialError(
            "no prompt of the run has several variants, and no system has several samples",
            expected="systems of one prompt that differ in `ablation` or `decoding`",
            fix="make them with `urial sweep ablations SYSTEM` or `urial sweep decoding SYSTEM`; or name a system with "
            "--against, which all others of its model are compared with",
        )
    return found


def of_seed(decoding: Decoding, seed: int = 0) -> Decoding:
    """The decoding with another seed; with the same for all, samples of one have the same decoding."""
    return decoding.model_copy(update={"seed": seed})


def _variants(plans: Plans) -> list[Variant]:
    """Systems grouped by what they are but for the seed, without labels."""
    groups: dict[str, list[str]] = {}
    for name, plan in plans.items():
        key = (plan.prompt_name, plan.prompt_hash, of_seed(plan.decoding).model_dump_json())
        groups.setdefault(repr(key), []).append(name)
    found = []
    for names in groups.values():
        by_seed: dict[int, str] = {}
        for name in names:
            by_seed.setdefault(plans[name].decoding.seed, name)
        systems = tuple(by_seed.values())
        repeated = tuple(name for name in names if name not in systems)
        found.append(Variant("", plans[names[0]], systems, repeated))
    return found


def _full(variants: Sequence[Variant], of_model: Sequence[Variant]) -> Variant:
    """The variant that the others are compared with; one of which all are ablated has the first."""
    usual = Counter(of_seed(variant.plan.decoding).model_dump_json() for variant in of_model)
    whole = [variant for variant in variants if variant.plan.ablation is None] or variants
    return max(whole, key=lambda variant: usual[of_seed(variant.plan.decoding).model_dump_json()])


def _zero_shot(variants: Sequence[Variant], of_model: Iterable[Variant]) -> list[Variant]:
    """The model's variants without a prompt that are no variants of this one anyway."""
    own = {variant.systems for variant in variants}
    return [variant for variant in of_model if is_zero_shot(variant.plan) and variant.systems not in own]


def is_zero_shot(plan: SystemPlan) -> bool:
    """Whether a prompt is the bare query."""
    return plan.prompt is not None and plan.prompt.method == "zero-shot"


def _labeled(full: Variant, variants: Sequence[Variant]) -> Family:
    """The variants with the full prompt first; a label that two would have has the systems' names behind it."""
    others = [variant for variant in variants if variant is not full]
    labels = [_label(variant.plan, full.plan) for variant in others]
    counts = Counter(labels)
    named = [
        replace(variant, label=label if counts[label] == 1 else f"{label} ({variant.systems[0]})")
        for variant, label in zip(others, labels, strict=True)
    ]
    return Family((replace(full, label=FULL), *named))


def _label(plan: SystemPlan, full: SystemPlan) -> str:
    """What a variant is where it differs from the full prompt."""
    parts = []
    if plan.prompt_name != full.prompt_name:
        parts.append(plan.prompt_name.rpartition("/")[2] if plan.prompt_name else CHAT_TEMPLATE)
    if plan.ablation is not None:
        parts.append(plan.ablation.label)
    elif full.ablation is not None and plan.prompt_name == full.prompt_name:
        parts.append("not ablated")
    ours, theirs = plan.decoding.model_dump(), full.decoding.model_dump()
    changed = [name for name in _NAMES if ours.get(name) != theirs.get(name)]
    parts += [
        "greedy" if name == "temperature" and not ours[name] else _NAMES[name].format(ours[name]) for name in changed
    ]
    return one_line(", ".join(parts)) or "the same prompt"

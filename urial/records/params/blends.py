"""The part of params.yaml that says which two models answer together, and by which rule."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from urial.records.base import Name, Record
from urial.records.blend import BlendRule, Nudge, Proxy, Realign, Swap
from urial.records.model import FolderModel, GgufModel, HubModel

CONTROL = "-random"


def _form(value: object) -> str | None:
    if isinstance(value, str):
        return "system"
    keys = ("hub", "folder", "gguf")
    named = [key for key in keys if (key in value if isinstance(value, Mapping) else hasattr(value, key))]
    return named[0] if len(named) == 1 else None


Helper = Annotated[
    Annotated[Name, Tag("system")]
    | Annotated[HubModel, Tag("hub")]
    | Annotated[FolderModel, Tag("folder")]
    | Annotated[GgufModel, Tag("gguf")],
    Discriminator(
        _form,
        custom_error_type="model_form",
        custom_error_message="name a system of the aligned model, or a model as {hub: OWNER/NAME}, {folder: PATH} or {gguf: FILE}",
    ),
]


class Blend(Record):
    """Two models that answer together. Each blend has a control, NAME-random: the same share at random places."""

    base: Name = Field(description="the system of the base model whose answers are blended")
    helper: Helper = Field(
        description="the system of the aligned model that steps in; or another model, asked in its own chat template"
    )
    rule: BlendRule = Field(description="when and how the helper steps in")


def control_of(blend: Name) -> Name:
    """The name of a blend's control."""
    return f"{blend}{CONTROL}"


def blended_systems(blends: Iterable[Name]) -> tuple[Name, ...]:
    """Every blend with its control behind it, in their order: what answers like a system."""
    return tuple(name for blend in blends for name in (blend, control_of(blend)))


def rule_label(rule: BlendRule) -> str:
    """A rule as tables have it.

    >>> rule_label(Nudge(kind="nudge", threshold=0.4)), rule_label(Swap(kind="swap", divergence="kl", threshold=2.0))
    ('nudge 0.4', 'swap kl 2')
    """
    match rule:
        case Nudge():
            return f"nudge {rule.threshold:g}"
        case Swap():
            return f"swap {rule.divergence} {rule.threshold:g}"
        case Proxy():
            return f"proxy {rule.alpha:g}" + (f" from {rule.untuned.label}" if rule.untuned else "")
        case Realign():
            return f"realign {rule.weight:g}"

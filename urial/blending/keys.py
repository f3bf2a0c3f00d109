"""Under which key an answer of several models is kept in the row cache."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from urial.core.hashing import content_hash
from urial.generate.thinking import stop_fields
from urial.records.base import Hash
from urial.records.blend import PlannedRule, Proxy, Realign
from urial.records.completion import AssembledPrompt
from urial.records.model import ModelManifest, PlannedHub, PlannedLocal, ServerModel, Weights
from urial.records.params.file import Decoding
from urial.records.params.models import Thinking
from urial.records.plans import BlendPlan

# Raised when the same inputs would give another answer than before; old rows are then left alone.
ALGORITHM = 1
# The same of sums of logits. 2: they end with end tokens that the leading model alone has.
SUMMED_ALGORITHM = 2
# What of the helper's decoding chooses its tokens; how long an answer may be, the base's says.
_OF_HELPER = {"temperature", "top_p", "repetition_penalty"}


@dataclass(frozen=True)
class PromptPair:
    """One turn as both models are asked it."""

    base: AssembledPrompt
    helper: AssembledPrompt


@dataclass(frozen=True)
class BlendedModels:
    """The models of a blend, by what fixes their weights."""

    base: Weights
    helper: Weights | PlannedLocal
    # None: the rule names none.
    untuned: PlannedLocal | None = None

    @classmethod
    def of(cls, blend: BlendPlan, manifests: Mapping[str, ModelManifest]) -> "BlendedModels":
        """Those of a planned blend; ``manifests`` are the study's, by role."""
        base, helper = manifests["base"].model, blend.helper.model or manifests["aligned"].model
        if isinstance(base, ServerModel) or isinstance(helper, ServerModel):
            raise TypeError("a model on a server is in no blend")
        return cls(base, helper, blend.untuned)


def blended_key(
    models: BlendedModels,
    rule: PlannedRule,
    prompts: PromptPair,
    decoding: Decoding,
    helper: Decoding,
    *,
    thinking: Thinking | None = None,
) -> Hash:
    """Content address of a blend's answer: everything that can change it, and nothing else.

    ``decoding`` is the instruction's own of the base, ``helper`` that of the helper; ``thinking`` is the plan's.
    """
    return content_hash(
        {
            "row": "blended answer",
            "algorithm": SUMMED_ALGORITHM if isinstance(rule, Proxy | Realign) else ALGORITHM,
            "rule": rule.model_dump(mode="json", exclude={"untuned"}),
            "models": {
                "base": _identity(models.base),
                "helper": _identity(models.helper),
                "untuned": _identity(models.untuned) if models.untuned else None,
            },
            "prompts": {"base": _asked(prompts.base, thinking), "helper": _asked(prompts.helper, thinking)},
            "decoding": decoding.model_dump(mode="json"),
            "helper_decoding": helper.model_dump(mode="json", include=_OF_HELPER),
        }
    )


def _identity(model: Weights | PlannedLocal) -> dict[str, Any]:
    """What fixes the weights, wherever they lie: the files, or the commit of a hub model whose files nobody has hashed."""
    loading = model.loading
    if isinstance(model, PlannedHub) and not getattr(model, "files", None):
        named: dict[str, Any] = {"hub": model.hub, "revision": model.revision, "gguf_file": model.gguf_file}
    else:
        named = {"files": getattr(model, "files", {})}
    return {**named, "dtype": loading.dtype, "quantization": loading.quantization}


def _asked(prompt: AssembledPrompt, thinking: Thinking | None) -> dict[str, Any]:
    asked = {"text": prompt.text, "adds_special_tokens": prompt.adds_special_tokens, "stop": prompt.stop}
    return {**asked, **stop_fields(prompt, thinking)}

"""Whether the models of a blend have room in their contexts for what they read and write."""

from collections.abc import Mapping
from typing import NamedTuple

from urial.blending.keys import PromptPair
from urial.core.errors import UrialError
from urial.local_models.loading.loading import no_room
from urial.prompts.versions.assembly import NO_ROOM_FIX, too_long
from urial.records.plans import SystemPlan


class Contexts(NamedTuple):
    """The longest sequence of each model, in tokens; None: nobody knows, or there is no such model."""

    base: int | None
    helper: int | None
    untuned: int | None = None


class FullContextError(Exception):
    """A helper that reads the answer by its own tokens has no room for more of it."""

    def __init__(self, tokens: int, context: int) -> None:
        self.reason = (
            f"prompt and answer have at least {tokens:,} tokens, but the model's context has {context:,} (the helper)"
        )
        super().__init__(self.reason)


def pair_too_long(pair: PromptPair, contexts: Contexts, plan: SystemPlan) -> str | None:
    """Why one of the prompts leaves no room for an answer; None where all models have room.

    The untuned model is asked as the base is, by the same tokens.
    """
    most, size = plan.decoding.max_new_tokens, pair.base.n_tokens
    base, helper = too_long(pair.base, contexts.base, most), too_long(pair.helper, contexts.helper, most)
    untuned = None if size is None else no_room(size, most, contexts.untuned)
    return base or (helper and f"{helper} (the helper)") or (untuned and f"{untuned} (the untuned model)")


def require_recorded(plan: SystemPlan, reasons: Mapping[str, str]) -> None:
    """Raises UrialError for rows without room, by instruction, unless the plan records them."""
    if not reasons or plan.generation.on_context_overflow == "record":
        return
    instruction, reason = next(iter(reasons.items()))
    others = f" (and {len(reasons) - 1} more so)" if len(reasons) > 1 else ""
    raise UrialError(f"system {plan.system!r}, instruction {instruction!r}: {reason}{others}", fix=NO_ROOM_FIX)

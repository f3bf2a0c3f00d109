"""What a model's architecture allows, as far as its class and configuration say it."""

import inspect
from enum import Enum
from typing import TYPE_CHECKING

from urial.core.errors import UrialError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# The argument of ``forward``, and the field of its output, that carries the state from one token to the next.
STATE_NAMES = ("past_key_values", "cache_params", "state")


class Sharing(Enum):
    """How far rows can share the work of a model, the fastest first."""

    BATCH = "all rows go on together from one prefix, which attention meets once"
    JOIN = "as in a batch, but each layer joins the prefix's keys with each row's own for its moment"
    STEPS = "as in a batch, but a rest is given token by token: the model begins anew at several behind a state"
    COPY = "one row at a time, from a copy of the prefix's state"
    NONE = "one row at a time, from its first token"

    @property
    def together(self) -> bool:
        """Whether rows are decoded in batches."""
        return self in (Sharing.BATCH, Sharing.JOIN, Sharing.STEPS)


def rescales_positions(model: "PreTrainedModel", longest: int) -> bool:
    """Whether rotary positions depend on the longest sequence of a batch (dynamic NTK, LongRoPE)."""
    config = model.config.get_text_config()
    ropes = getattr(config, "rope_parameters", None) or {}
    # One set for all layers, or one set a layer type.
    for rope in (ropes, *(item for item in ropes.values() if isinstance(item, dict))):
        if rope.get("rope_type") in ("dynamic", "longrope"):
            return bool(longest > (rope.get("original_max_position_embeddings") or config.max_position_embeddings))
    return False


def state_name(model: "PreTrainedModel") -> str:
    """Which of STATE_NAMES the model uses. Raises UrialError when it uses none."""
    for name in STATE_NAMES:
        if takes(model, name):
            return name
    raise unknown_state(model)


def unknown_state(model: "PreTrainedModel") -> UrialError:
    """The error for a model that cannot be given its state back."""
    return UrialError(
        f"{type(model).__name__} carries its state between tokens in an unknown way",
        expected=f"an argument and a result of forward named {' or '.join(STATE_NAMES)}",
        fix="report the architecture; nothing was generated",
    )


def decoder_of(model: "PreTrainedModel") -> "PreTrainedModel":
    """The model without its head; transformers 5.23 gives Llama 4's model itself."""
    decoder: PreTrainedModel = model.get_decoder()
    return decoder if decoder is not model else model.model


def takes(model: "PreTrainedModel", argument: str) -> bool:
    """Whether the model's ``forward`` has such an argument."""
    return argument in inspect.signature(model.forward).parameters

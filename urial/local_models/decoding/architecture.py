"""What a model's architecture allows: whether its cache can be cut, shared and padded."""

import inspect
from typing import TYPE_CHECKING

from urial.core.errors import UrialError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# The argument of ``forward``, and the field of its output, that carries the state from one token to the next.
STATE_NAMES = ("past_key_values", "cache_params", "state")


def keeps_plain_cache(model: "PreTrainedModel", longest: int) -> bool:
    """Whether sequences of up to ``longest`` tokens leave nothing but keys and values.

    Then a prefix can be encoded once and rows padded. A recurrent state cannot be cut, and a window that a sequence
    outgrows would count the padding, as would distances in a model that is not told the positions: such runs go one
    row at a time.
    """
    config = model.config.get_text_config()
    layers = set(getattr(config, "layer_types", None) or [])
    # The second name is GPT-Neo's.
    windows = [getattr(config, name, None) or longest for name in ("sliding_window", "window_size")]
    return (
        layers <= {"full_attention", "sliding_attention"}
        and longest <= min(windows)
        and not model._is_stateful
        and _takes(model, "position_ids")
        and not rescales_positions(model, longest)
    )


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
        if _takes(model, name):
            return name
    raise UrialError(
        f"{type(model).__name__} carries its state between tokens in an unknown way",
        expected=f"an argument of forward named {' or '.join(STATE_NAMES)}",
        fix="report the architecture; nothing was generated",
    )


def _takes(model: "PreTrainedModel", argument: str) -> bool:
    return argument in inspect.signature(model.forward).parameters

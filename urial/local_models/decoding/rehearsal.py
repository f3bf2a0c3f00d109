"""How far the rows of a model can share its work: found out with a few tokens, since no configuration says it.

transformers 5.23 runs every architecture behind one interface, and several of them wrong: Mamba, Jamba and others give
numbers of another text, without an error, for several tokens behind a state. So each way is tried on a made-up prompt
against the model's own pass over the whole, the fastest first.
"""

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from urial.core.errors import UrialError
from urial.core.progress import waiting
from urial.local_models.decoding.architecture import Sharing, rescales_positions, unknown_state
from urial.local_models.decoding.attention import attends_to_prefix_once
from urial.local_models.decoding.batch import Batch, TokenRow
from urial.local_models.decoding.prefix import Prefix, forward

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

# A shared prefix, and rests of two lengths: padding, groups and joins all occur.
PREFIX_TOKENS = 6
REST_TOKENS = (2, 4, 4)
STEPS = 2
# Rounding of half precision moves logits by a few hundredths of their spread, a lost state by the whole of it.
MOST_DIFFERENCE = 0.2
_SEEN: "WeakKeyDictionary[PreTrainedModel, Sharing]" = WeakKeyDictionary()


def sharing_of(model: "PreTrainedModel", longest: int) -> Sharing:
    """The fastest way that gives rows of up to ``longest`` tokens the logits that each gets alone.

    Raises UrialError where no way does.
    """
    if model not in _SEEN:
        with waiting("trying what rows of this model can share"):
            right = next((way for way in Sharing if _gives_own_logits(model, way)), None)
        if right is None:
            raise unknown_state(model)
        _SEEN[model] = right
    if rescales_positions(model, longest):
        # Rotation goes by the longest row of a batch.
        return Sharing.NONE
    seen = _SEEN[model]
    return Sharing.COPY if seen.together and _counts_padding(model, longest) else seen


def _counts_padding(model: "PreTrainedModel", longest: int) -> bool:
    """Whether a row outgrows a window that goes by columns, and so would count the padding; too far to be tried."""
    from urial.local_models.decoding.prefix_cache import BranchingLayer, PrefixCache

    cache = PrefixCache.of(model)
    if cache is None or attends_to_prefix_once(model):
        return False
    windows = [layer.window for layer in cache.layers if isinstance(layer, BranchingLayer)]
    # The name of GPT-Neo's window, which its cache knows nothing of.
    windows.append(getattr(model.config.get_text_config(), "window_size", None))
    return longest > min(window or longest for window in windows)


def _gives_own_logits(model: "PreTrainedModel", way: Sharing) -> bool:
    """Whether rows that share work get the logits of a pass over the whole, for the first token and those after it."""
    import torch

    from urial.local_models.decoding.prefix_cache import PrefixCache

    if way.together and PrefixCache.of(model) is None:
        return False
    # Any tokens will do; the configuration's own special ones are mostly the first.
    vocabulary = model.config.get_text_config().vocab_size
    tokens = [(17 + 31 * number) % vocabulary for number in range(PREFIX_TOKENS + sum(REST_TOKENS))]
    prefix_ids, rest = tokens[:PREFIX_TOKENS], iter(tokens[PREFIX_TOKENS:])
    rows = [TokenRow(n, prefix_ids + [next(rest) for _ in range(count)]) for n, count in enumerate(REST_TOKENS)]
    longest = max(len(row.prompt_ids) for row in rows) + STEPS
    with torch.inference_mode():
        try:
            prefix = Prefix.encoded(model, prefix_ids, longest, way)
            return all(_alike(model, group, prefix) for group in ([rows] if way.together else [[row] for row in rows]))
        except (torch.OutOfMemoryError, UrialError):
            raise
        except Exception:  # Each architecture that cannot do it fails with an error of its own.
            return False


def _alike(model: "PreTrainedModel", rows: list[TokenRow], prefix: Prefix) -> bool:
    batch = Batch(rows, prefix)
    for _ in range(STEPS):
        if not _near(batch.logits, model, batch.rows):
            return False
        for row in batch.rows:
            row.ids.append(row.prompt_ids[-1])
        batch.advance()
    return _near(batch.logits, model, batch.rows)


def _near(logits: "Tensor", model: "PreTrainedModel", rows: list[TokenRow]) -> bool:
    import torch

    whole = torch.cat([forward(model, [[*row.prompt_ids, *row.ids]], None)[0] for row in rows])
    # Logits that are not numbers say nothing here; whoever reads them refuses them.
    return bool(whole.isnan().any() or (logits - whole).abs().max() <= MOST_DIFFERENCE * whole.std())

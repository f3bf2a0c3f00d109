"""A model of a folder, made ready for many rows that begin alike."""

from pathlib import Path
from typing import TYPE_CHECKING

from urial.local_models.decoding.attention import attend_to_prefix_once
from urial.local_models.decoding.head import multiply_in_pieces
from urial.local_models.loading.loading import load_model

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def prepared_model(folder: Path, threads: int | None) -> "PreTrainedModel":
    """``load_model`` with attention and head for shared prefixes. Raises UrialError as that does."""
    model = load_model(folder, threads)
    attend_to_prefix_once(model)
    multiply_in_pieces(model)
    return model

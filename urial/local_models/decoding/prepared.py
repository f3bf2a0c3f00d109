"""A model of a folder, made ready for many rows that begin alike."""

from pathlib import Path
from typing import TYPE_CHECKING

from urial.core.progress import waiting
from urial.local_models.decoding.attention import attend_to_prefix_once
from urial.local_models.decoding.linear import lay_out_weights
from urial.local_models.loading.loading import load_model
from urial.records.model import read_manifest

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def prepared_model(folder: Path, threads: int | None) -> "PreTrainedModel":
    """``load_model`` with attention for shared prefixes, and linear layers for few rows. Raises UrialError as that does."""
    manifest = read_manifest(folder)
    # load_model says why there is none.
    name = manifest.source.label if manifest.source else folder
    with waiting(f"loading the {manifest.role} model {name}"):
        model = load_model(folder, threads)
        attend_to_prefix_once(model)
        lay_out_weights(model)
        return model

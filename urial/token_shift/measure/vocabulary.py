"""Which token ids a model of the pair can be asked about: those that its output head has."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError
from urial.local_models.loading.loading import text_config
from urial.records.base import Role


def vocabulary(folder: Path) -> int:
    """Tokens of a model that is not loaded, by its configuration; require_vocabulary sees to it that its head has them."""
    return int(text_config(folder).vocab_size)


def require_vocabulary(model: Any, role: Role, expected: int) -> None:
    """Raises UrialError unless the head of a loaded model has the tokens that were counted before it was loaded."""
    found = len(model.get_output_embeddings().weight)
    if found != expected:
        raise UrialError(
            f"{role} model: its output head has {found:,} tokens, but its configuration says {expected:,}",
            fix="correct vocab_size in the model's config.json; no number was written",
        )


def require_known_ids(instruction_id: str, ids: Sequence[int], size: int, owner: str, fix: str) -> None:
    """Raises UrialError for an id that is not among the ``size`` tokens of ``owner``, which begin at 0."""
    for position, token_id in enumerate(ids):
        if not 0 <= token_id < size:
            raise UrialError(
                f"instruction {instruction_id!r}: token id {token_id:,} at position {position:,} of the answer is not among "
                f"the {size:,} tokens that {owner}",
                expected=f"ids from 0 to {size - 1:,}",
                fix=fix,
            )

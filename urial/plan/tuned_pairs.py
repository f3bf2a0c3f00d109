"""Whether the pairs that a model is tuned on fit it, and how long the tuning will take, before anything is trained.

Exact where the base model's tokenizer is here; else tokens are counted by their bytes, and the stage models says what is too
long before it trains.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from urial.core.text import counted
from urial.local_models.loading.gguf_copy import copy_of
from urial.local_models.loading.loading import context_of, named_config, named_tokenizer
from urial.models.hub import TOKENIZER_FILES, download
from urial.models.trained import pair_folder, read_pair
from urial.models.tuning.chats import encoded
from urial.plan.sizes import size_of
from urial.records.model import BYTES_A_TOKEN, FolderWeights, GgufWeights, PlannedHub
from urial.records.params.file import EMBEDDED_THREADS
from urial.records.plans import LoadedModels, ModelsPlan, PlannedTuned, TrainedStudy

if TYPE_CHECKING:
    from urial.plan.planning import Plans

# Multiplications and additions of a weight for a token that is learned: forward and twice backward, or once with adapters.
_OPERATIONS = {"full": 6, "lora": 4}
# What a core does of them in a second, as measured with Gemma 3 270M on a server's processor (docs/tuned-models.md).
_A_THREAD = 50e9


def require_fitting_pairs(plan: ModelsPlan, name: str) -> None:
    """Raises UrialError for a pair that is too long, as far as the tokenizer is here. ``name`` is the study's in messages."""
    planned, folder = plan.models.aligned, tokenizer_folder(plan)
    if isinstance(planned, PlannedTuned) and folder is not None:
        context, tokenizer = context_of(named_config(str(folder))), named_tokenizer(str(folder))
        encoded(tokenizer, planned, context, f"studies.{name}.aligned.tuned")


def tuning_remarks(plans: "Plans") -> list[str]:
    """A line of what is learned, and of how long that will take where the size of the base model is known."""
    planned = plans.models.models.aligned
    if not isinstance(planned, PlannedTuned):
        return []
    recipe, pairs, threads = planned.tuned, len(planned.pairs), plans.models.threads or EMBEDDED_THREADS
    tokens = sum(len((pair.query + pair.answer).encode()) for pair in planned.pairs) // BYTES_A_TOKEN
    line = (
        f"tuning on {recipe.data.label}: {counted(pairs, 'pair')}, about {tokens:,} tokens, "
        f"{recipe.epochs:,} times in {recipe.steps(pairs):,} steps"
    )
    base = getattr(plans.models.models, "base", None)
    size = size_of(base) if isinstance(base, PlannedHub | FolderWeights | GgufWeights) else None
    if size is None:
        return [line]
    seconds = _OPERATIONS[recipe.method] * size.numbers * tokens * recipe.epochs / (_A_THREAD * threads)
    return [f"{line}: about {max(1, round(seconds / 60)):,} min on {counted(threads, 'thread')}"]


def tokenizer_folder(plan: ModelsPlan) -> Path | None:
    """Where the base model's tokenizer is; None where it is not here."""
    match plan.models:
        case TrainedStudy() as study:
            folder = pair_folder(study, plan.threads)
            pair = read_pair(folder)
            return folder / "base" / f"step-{pair.checkpoints[-1].step}" if pair else None
        case LoadedModels(base=FolderWeights() as base):
            return base.path
        case LoadedModels(base=GgufWeights() as base):
            copy = copy_of(base.hash, base.loading.dtype)
            return copy if copy.is_dir() else None
        case LoadedModels(base=PlannedHub(gguf_file=None) as base):
            return download(base, TOKENIZER_FILES)
    return None

"""Under which key an answer is kept in the row cache."""

from collections.abc import Sequence
from typing import Any

from urial.core.hashing import content_hash
from urial.generate.thinking import stop_fields
from urial.records.base import Hash
from urial.records.completion import AssembledPrompt
from urial.records.engine import EngineSettings
from urial.records.model import ModelManifest, ServerModel, ServerReference
from urial.records.params.file import Decoding
from urial.records.plans import SystemPlan

# Raised when the same inputs would give another answer than before; old rows are then left alone.
ALGORITHM = 2
# The same of answers of servers. 3: none that the end of the server's context cut off.
SERVED_ALGORITHM = 3


def completion_key(
    manifest: ModelManifest,
    prompt: AssembledPrompt,
    plan: SystemPlan,
    decoding: Decoding | None = None,
    given: Sequence[int] = (),
) -> Hash:
    """Content address of an answer: everything that can change it, and nothing else.

    ``decoding``: the instruction's own, where the plan has temperatures by task; None: the plan's. ``given``: the tokens that
    the answer is begun with.
    Of a server's model, the address and the name are all that is known; the context window decides which answers count.
    """
    source = manifest.model
    if isinstance(source, ServerModel):
        model: dict[str, Any] = {
            "server": source.server,
            "model": source.model,
            "context": plan.server.context_window if isinstance(plan.server, ServerReference) else None,
            "form": prompt.form,
        }
    else:
        loading = source.loading
        model = {"model": source.files, "dtype": loading.dtype, "quantization": loading.quantization}
        if isinstance(plan.server, EngineSettings):
            model["engine"] = plan.server.identity
    return content_hash(
        {
            "row": "answer",
            "algorithm": SERVED_ALGORITHM if isinstance(source, ServerModel) else ALGORITHM,
            **model,
            "prompt": prompt.text,
            "adds_special_tokens": prompt.adds_special_tokens,
            "stop": prompt.stop,
            **_thinking(prompt, plan),
            "decoding": (decoding or plan.decoding).model_dump(mode="json"),
            # An answer that is not begun has the key that it had before any could be.
            **({"given": list(given)} if given else {}),
        }
    )


def _thinking(prompt: AssembledPrompt, plan: SystemPlan) -> dict[str, Any]:
    """What the plan's thinking changes of an answer besides its prompt: which stop strings count, and a server's layout."""
    told = prompt.form == "messages" and plan.thinks is not None
    return {**stop_fields(prompt, plan.thinking), **({"thinks": plan.thinks} if told else {})}

"""The backend of a planned judge model."""

from urial.core.row_cache import RowCache
from urial.judge.local.judge import TransformersBackend
from urial.judge.model.asking import Backend
from urial.judge.model.cost import Ledger
from urial.judge.server.batch import BatchBackend
from urial.judge.server.openai_judge import OpenAIBackend
from urial.records.judge import LocalFormat
from urial.records.plans import OpenAIPlan, TransformersPlan


def make_backend(
    planned: OpenAIPlan | TransformersPlan, cache: RowCache, form: LocalFormat | None = None
) -> tuple[Backend, Ledger]:
    """The backend, and the ledger that it keeps its budget by. ``form``: how a judge in this process replies; None: as planned."""
    if isinstance(planned, TransformersPlan):
        return TransformersBackend(planned, form), Ledger()
    ledger = Ledger(planned.price, planned.judge.budget, planned.judge.batch)
    backend = BatchBackend if planned.judge.batch else OpenAIBackend
    return backend(planned.judge, cache, ledger), ledger

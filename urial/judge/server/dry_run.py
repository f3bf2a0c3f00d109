"""The request file of the batch API, written without asking the server anything."""

from collections.abc import Sequence
from pathlib import Path

from urial.api.servers import public_address
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.store import atomic_write
from urial.judge.model.asking import Question
from urial.judge.model.cost import Ledger
from urial.judge.server.batch import BatchBackend
from urial.judge.server.capabilities import ServerCapabilities, recorded_capabilities
from urial.records.params.judges import OpenAIJudge


def unasked_backend(settings: OpenAIJudge, name: str | None, cache: RowCache) -> BatchBackend:
    """The batch API of a server that is known, or taken to be as params.yaml says. Raises UrialError where that is not enough."""
    capabilities = recorded_capabilities(settings, public_address(settings.server), cache)
    if capabilities is None:
        if settings.response_format == "auto":
            fix = f"set judges.{name}.response_format in params.yaml, for example to json_schema"
            raise UrialError(
                f"judge {(name or settings.model)!r}: how the form of a reply is asked for is found out by asking "
                "the server",
                # One that the command line names has no entry.
                fix="add --judge-set response_format=json_schema" if name is None else fix,
            )
        form = settings.response_format
        capabilities = ServerCapabilities(response_format=form, model=None, tokens_field="max_tokens")
        print("the server was never asked: it is taken to know max_tokens, which reasoning models do not", flush=True)
    return BatchBackend(settings, cache, Ledger(), capabilities)


def write_request_file(backend: BatchBackend, questions: Sequence[Question], out: Path) -> int:
    """Write the requests; returns their number."""
    with atomic_write(out) as stream:
        stream.writelines(backend.request_lines(questions))
    return len(questions)

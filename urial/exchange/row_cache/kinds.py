"""What the rows of the cache are. Their table does not say: a row's fields do, since no two kinds share theirs."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from pydantic import ValidationError

from urial.core.hashing import canonical_json
from urial.core.row_cache import StoredRow, row_hash
from urial.core.strict_json import strict_json, syntax_problem
from urial.core.validation import explain
from urial.judge.server.batch_api import BatchMembership
from urial.judge.server.capabilities import ServerCapabilities
from urial.records.base import Record
from urial.records.completion import Answer
from urial.records.judgment import Reply
from urial.token_shift.measure.measured_batches import MeasuredBatch
from urial.token_shift.served.answer_logprobs import Scores
from urial.token_shift.served.logprob_probe import LogprobProtocol

Kind = Literal[
    "answer", "reply", "measured_batch", "scores", "logprob_protocol", "capabilities", "batch_membership",
]  # fmt: skip
KINDS: Mapping[Kind, type[Record]] = MappingProxyType(
    {
        # What a model said to a prompt.
        "answer": Answer,
        # What a judge model said of an answer.
        "reply": Reply,
        # What both models of a pair, or one of them, make of the tokens of some answers.
        "measured_batch": MeasuredBatch,
        # What a served base model makes of an answer's tokens.
        "scores": Scores,
        # How a server is asked for these.
        "logprob_protocol": LogprobProtocol,
        # What a judge's server can do.
        "capabilities": ServerCapabilities,
        # In which batch a request to a judge is.
        "batch_membership": BatchMembership,
    }
)
_KEY = re.compile(r"sha256:[0-9a-f]{64}")
KIND_NAMES: tuple[Kind, ...] = get_args(Kind)
# The names that a kind's rows must have, and those that they may have.
_FIELDS = {
    kind: ({name for name, field in model.model_fields.items() if field.is_required()}, set(model.model_fields))
    for kind, model in KINDS.items()
}


class RowError(Exception):
    """Why bytes are no row. ``damaged``: they were one once; else another version of urial may know them."""

    def __init__(self, problem: str, damaged: bool) -> None:
        self.problem = problem
        self.damaged = damaged
        super().__init__(problem)


class Row(NamedTuple):
    """A sound row, in the form that this version of urial writes."""

    kind: Kind
    value: bytes


def kind_of(value: object) -> Kind | None:
    """The kind whose fields these are; None where they are those of none."""
    names = set(value) if isinstance(value, dict) else set()
    return next((kind for kind, (required, known) in _FIELDS.items() if required <= names <= known), None)


def read_stored(stored: StoredRow) -> Row:
    """The row as it lies in the cache. Raises RowError."""
    if stored.hash is not None and row_hash(stored.key, stored.value) != stored.hash:
        raise RowError("is not what was kept: its hash is another", damaged=True)
    if not _KEY.fullmatch(stored.key):
        raise RowError("has a key that is no hash", damaged=False)
    try:
        value = strict_json(stored.value.decode("utf-8"))
    except ValueError as error:
        raise RowError(f"is no JSON: {syntax_problem(error)}", damaged=stored.hash is None) from error
    kind = kind_of(value)
    if kind is None:
        raise RowError("has the fields of no kind of row that this version of urial knows", damaged=False)
    try:
        return Row(kind, normal_form(kind, stored.value))
    except ValidationError as error:
        problem = f"is no {KINDS[kind].__name__}: {explain(error, KINDS[kind])}"
        raise RowError(problem, damaged=stored.hash is None) from error


def normal_form(kind: Kind, value: bytes) -> bytes:
    """The canonical JSON of a record of this kind, fields that were added since included. Raises ValidationError."""
    return canonical_json(KINDS[kind].model_validate_json(value).model_dump(mode="json"))


def shown(key: str) -> str:
    """A key for a message: one that is no hash may hold what a terminal obeys."""
    return key if key.isascii() and key.isprintable() and len(key) <= 80 else ascii(key[:80])

"""What the rows of the cache are, in it and in a file, and what the commands about it say.

Their table does not say of which kind rows are: a row's fields do, since no two kinds share theirs.
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field, JsonValue, ValidationError

from urial.core.hashing import canonical_json
from urial.core.row_cache import StoredRow, row_hash
from urial.core.strict_json import strict_json, syntax_problem
from urial.core.validation import explain
from urial.judge.server.batch_api import BatchMembership
from urial.judge.server.capabilities import ServerCapabilities
from urial.records.base import Hash, Record
from urial.records.completion import Answer
from urial.records.judgment import Reply
from urial.token_shift.measure.measured_batches import MeasuredBatch
from urial.token_shift.served.answer_logprobs import Scores
from urial.token_shift.served.logprob_probe import LogprobProtocol

Kind = Literal[
    "answer", "reply", "measured_batch", "scores", "logprob_protocol", "capabilities", "batch_membership",
]  # fmt: skip
KINDS: Mapping[Kind, type[Record]] = {
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
UNKNOWN = "unknown"
_KEY = re.compile(r"sha256:[0-9a-f]{64}")
# The names that a kind's rows must have, and those that they may have.
_FIELDS = {
    kind: ({name for name, field in model.model_fields.items() if field.is_required()}, set(model.model_fields))
    for kind, model in KINDS.items()
}


class Row(NamedTuple):
    """A sound row, in the form that this version of urial writes."""

    kind: Kind
    value: bytes


class BrokenRow(Record):
    """A row that is not sound."""

    kind: ClassVar[str] = UNKNOWN
    key: str = Field(description="its key")
    problem: str = Field(description="what is wrong")
    damaged: bool = Field(description="whether it was sound once; else another version of urial may know it")


class SharedRow(Record):
    """A line of an exported file but its last."""

    kind: Kind = Field(description="what the row is")
    key: Hash = Field(description="content address: the hash of everything that can change the row")
    hash: Hash = Field(description="hash of the row's canonical JSON under its key")
    row: dict[str, JsonValue] = Field(description="the record of the kind")


class SharedEnd(Record):
    """The last line of an exported file, which one that was cut off or changed does not have."""

    rows: int = Field(ge=0, description="lines before it")
    hash: Hash = Field(description="hash of their bytes, line ends included")


class KindSize(Record):
    """How much of the cache the rows of one kind are."""

    rows: int = Field(ge=0, description="rows")
    bytes: int = Field(ge=0, description="bytes of their JSON")


class TrainedSize(Record):
    """How much some of the trained pairs and tuned models are that lie beside the rows."""

    pairs: int = Field(default=0, ge=0, description="pairs, each with all checkpoints of its base model")
    tuned: int = Field(
        default=0, ge=0, exclude_if=lambda value: not value, description="base models that were tuned; left out: none"
    )
    bytes: int = Field(default=0, ge=0, description="bytes of their files")


class CacheSummary(Record):
    """What is in the row cache, and beside it."""

    path: str = Field(description="its file")
    file_bytes: int = Field(ge=0, description="size of the file; 0: there is none yet")
    kinds: dict[str, KindSize] = Field(description="by kind; `unknown`: what `urial cache check` would name")
    trained: TrainedSize = Field(description="the embedded pairs that were trained, and tuned models")


class Exported(Record):
    """What was exported."""

    file: str = Field(description="the file")
    kinds: dict[Kind, int] = Field(description="rows of each kind")
    missing: int = Field(ge=0, description="rows of the run's completions that are not in the cache")
    notes: tuple[str, ...] = Field(description="what is not known of the run, and why")


class Imported(Record):
    """What an import did."""

    rows: int = Field(ge=0, description="different rows in the files")
    new: int = Field(ge=0, description="rows that the cache did not have")
    known: int = Field(ge=0, description="rows that it had already, and the same")
    kept: int = Field(ge=0, description="conflicts in which the cache's row was kept")
    replaced: int = Field(ge=0, description="conflicts in which the imported row was taken")
    notes: tuple[str, ...] = Field(
        default=(),
        exclude_if=lambda notes: not notes,
        description="what a run's files cannot give, and why; left out: nothing",
    )


class Verification(Record):
    """What there is to say of every row."""

    path: str = Field(description="the cache's file")
    sound: int = Field(ge=0, description="rows that are records of their kind")
    unhashed: int = Field(
        ge=0, description="those among them without a hash to compare with: an older version kept them"
    )
    database: tuple[str, ...] = Field(description="what SQLite finds wrong with the file; empty: nothing")
    broken: tuple[BrokenRow, ...] = Field(description="rows that are not sound")
    trained: int = Field(ge=0, description="embedded pairs that are what was trained")
    tuned: int = Field(
        default=0, ge=0, exclude_if=lambda value: not value, description="the same of tuned models; left out: none"
    )
    damaged: tuple[str, ...] = Field(description="what is wrong with the pairs and tuned models that are not")
    damaged_tuned: int = Field(
        default=0,
        ge=0,
        exclude_if=lambda value: not value,
        description="those of them that are tuned models; left out: none",
    )


class Pruned(Record):
    """What was removed, or would be."""

    dry_run: bool = Field(description="whether nothing was removed")
    kinds: dict[str, KindSize] = Field(description="what was chosen, by kind")
    trained: TrainedSize = Field(description="the embedded pairs and tuned models that were chosen")
    left: int = Field(ge=0, description="rows that stay")
    undated: int = Field(ge=0, description="rows that stay because an older version did not note when it kept them")
    freed_bytes: int | None = Field(description="by how much the file shrank; null: nothing was removed")
    notes: tuple[str, ...] = Field(description="what is not known of the run, and why")


def kind_of(value: object) -> Kind | None:
    """The kind whose fields these are; None where they are those of none."""
    names = set(value) if isinstance(value, dict) else set()
    return next((kind for kind, (required, known) in _FIELDS.items() if required <= names <= known), None)


def read_stored(stored: StoredRow) -> Row | BrokenRow:
    """The row as it lies in the cache, or what is wrong with it."""

    def broken(problem: str, damaged: bool) -> BrokenRow:
        return BrokenRow(key=shown(stored.key), problem=problem, damaged=damaged)

    if stored.hash is not None and row_hash(stored.key, stored.value) != stored.hash:
        return broken("is not what was kept: its hash is another", damaged=True)
    if not _KEY.fullmatch(stored.key):
        return broken("has a key that is no hash", damaged=False)
    try:
        value = strict_json(stored.value.decode("utf-8"))
    except ValueError as error:
        return broken(f"is no JSON: {syntax_problem(error)}", damaged=stored.hash is None)
    kind = kind_of(value)
    if kind is None:
        return broken("has the fields of no kind of row that this version of urial knows", damaged=False)
    try:
        return Row(kind, normal_form(kind, stored.value))
    except ValidationError as error:
        problem = f"is no {KINDS[kind].__name__}: {explain(error, KINDS[kind])}"
        return broken(problem, damaged=stored.hash is None)


def normal_form(kind: Kind, value: bytes) -> bytes:
    """The canonical JSON of a record of this kind, fields that were added since included. Raises ValidationError."""
    return canonical_json(KINDS[kind].model_validate_json(value).model_dump(mode="json"))


def shown(key: str) -> str:
    """A key for a message: one that is no hash may hold what a terminal obeys."""
    return key if key.isascii() and key.isprintable() and len(key) <= 80 else ascii(key[:80])

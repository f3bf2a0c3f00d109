"""The records of the token distribution shift: a row a position, and what became of every answer."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from pydantic import Field

from urial.records.base import Name, Record

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


Category = Literal["unshifted", "marginal", "shifted"]
# What a token is, in text of which no truth is known; labels.py has the rules.
Label = Literal[
    "greeting", "discourse", "hedging", "refusal", "closing", "markup", "number", "punctuation", "function_word",
    "content_word", "end",
]  # fmt: skip
LABELS: tuple[Label, ...] = get_args(Label)
# Where a position stands; a tag is the mark around the thinking, with the blanks behind it.
Part = Literal["thinking", "tag", "answer"]
PARTS: tuple[Part, ...] = get_args(Part)
# What a phrase of reasoning does; moves.yaml has the phrases.
Move = Literal["plan", "check", "backtrack", "conclude"]
MOVES: tuple[Move, ...] = get_args(Move)
MARGINAL_RANK = 3  # paper, section 2.2: unshifted is rank 1, marginal up to 3, shifted above


def categories(ranks: "np.ndarray") -> list[Category]:
    """Category of each base rank (paper, section 2.2)."""
    return [category(rank) for rank in ranks]


def category(rank: int | None) -> Category:
    """Category of one base rank; None: it is known to be below three candidates or more."""
    return "unshifted" if rank == 1 else "marginal" if rank is not None and rank <= MARGINAL_RANK else "shifted"


def rank_is_bound(rank: int | None, ties: int | None, candidates: int) -> bool:
    """Whether a base rank is at most what is written, by the known ties and the number of candidates beside it."""
    return rank is not None and ties is None and rank > candidates


class TokenShift(Record):
    """Where the base model would have ranked one token of an aligned answer (paper, section 2.2).

    What could not be measured is null: an in-process pair has every number, a base model behind a server has no full
    distribution, and distributions over two vocabularies have no divergence.
    """

    instruction_id: str = Field(description="the instruction")
    position: int = Field(ge=0, description="0-based position in the answer")
    token_id: int | None = Field(ge=0, description="the emitted token; null: the server names tokens by text alone")
    token: str = Field(description="the emitted token as text")
    word_index: int | None = Field(
        ge=0, description="0-based number of the word in the answer that the token is part of; null: of none"
    )
    word: str | None = Field(description="that word, whole; null: the token is part of none")
    is_end: bool = Field(description="whether it is an end-of-sequence token")
    base_rank: int | None = Field(
        ge=1,
        description="1 + number of tokens strictly more probable to the base model. Of a base model on a server, a rank "
        "beyond the candidates whose base_ties is null is at most that, since it counts tokens that are exactly as probable; "
        "null: the server shows only that the token is below its candidates",
    )
    aligned_rank: int | None = Field(ge=1, description="the same under the aligned model")
    base_ties: int | None = Field(
        ge=0, description="other tokens exactly as probable to the base model; null: the server does not show how many"
    )
    aligned_ties: int | None = Field(ge=0, description="the same under the aligned model")
    base_logprob: float = Field(le=0, description="natural-log probability under the base model")
    aligned_logprob: float | None = Field(le=0, description="natural-log probability under the aligned model")
    base_entropy: float | None = Field(ge=0, description="entropy of the base distribution, in nats")
    aligned_entropy: float | None = Field(ge=0, description="entropy of the aligned distribution, in nats")
    kl: float | None = Field(ge=0, description="KL(aligned || base) over the full vocabulary, in nats")
    kl_reverse: float | None = Field(ge=0, description="KL(base || aligned) over the full vocabulary, in nats")
    js: float | None = Field(ge=0, description="Jensen-Shannon divergence over the full vocabulary: 0 to ln 2 nats")
    kl_lower_bound: float | None = Field(
        ge=0,
        description="KL(aligned || base) is at least this, by the base candidates that a server shows; null where kl is "
        "exact or where nothing is known",
    )
    category: Category = Field(description="unshifted: rank 1; marginal: 2 or 3; shifted: above 3")
    kind: Literal["style", "knowledge"] | None = Field(description="what the token says; null: no truth known")
    label: Label = Field(description="what the token is by the rules of the lexicon, which know no truth")
    part: Part = Field(
        description="thinking: what a model writes before its answer; tag: the tags that mark it; answer: all else"
    )
    move: Move | None = Field(
        description="the move of reasoning that the token's phrase announces, by the phrases of moves.yaml; null: it is in none"
    )
    base_top_ids: tuple[int, ...] = Field(
        description="the base model's most probable tokens, most probable first; empty: the server names texts alone"
    )
    base_top_tokens: tuple[str, ...] = Field(description="the same as text")
    base_top_logprobs: tuple[float, ...] = Field(description="their natural-log probabilities")
    aligned_top_ids: tuple[int, ...] = Field(description="the aligned model's most probable tokens; empty: not known")
    aligned_top_tokens: tuple[str, ...] = Field(description="the same as text")
    aligned_top_logprobs: tuple[float, ...] = Field(description="their natural-log probabilities")


def shift_schema() -> "pa.Schema":
    """Columns of the Parquet file: the fields of TokenShift, numbers in 32 bits."""
    import pyarrow as pa

    types = {int: pa.int32(), float: pa.float32(), bool: pa.bool_()}
    columns: dict[str, pa.DataType] = {}
    for name, field in TokenShift.model_fields.items():
        of_many = get_origin(field.annotation) is tuple
        # The first is the type of what is not null, or of the entries of a tuple; a Literal is of texts.
        first, *_ = *get_args(field.annotation), field.annotation
        column = types.get(first, pa.string())
        columns[name] = pa.list_(column) if of_many else column
    return pa.schema(list(columns.items()))


class ShiftMeasurement(Record):
    """Whose answers are measured, and behind which prompts the two models read them."""

    name: Name = Field(
        description="its name: a base system's, for the answers of the aligned model, or that of given answers"
    )
    answers: Name = Field(description="whose answers are measured: a system, or published outputs")
    base_system: Name = Field(description="the system of the base model whose prompts precede the answers")
    aligned_system: Name = Field(description="the same of the aligned model")

    @property
    def is_given(self) -> bool:
        """Whether the answers are not those of the aligned system itself."""
        return self.answers != self.aligned_system


def describe_given(given: Iterable[ShiftMeasurement]) -> str | None:
    """Whose answers each of these measurements is of, and behind which prompts, as one sentence for people; None: of none."""
    parts = [
        f"{row.name} is of the answers of {row.answers}, behind the prompts of {row.base_system} and {row.aligned_system}"
        for row in given
    ]
    return f"Given answers: {'; '.join(parts)}." if parts else None


class ShiftCoverage(Record):
    """Whether an answer was measured, or why not; of several turns, the first answer."""

    instruction_id: str = Field(description="the instruction")
    context: Name = Field(
        description="the measurement: the base system whose prompt preceded the aligned model's answer, or the name of given "
        "answers"
    )
    answers: Name | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="whose answer it is, of given answers; left out: the aligned model's own",
    )
    status: Literal["measured", "no_answer", "too_long", "unsupported"] = Field(
        description="measured, or why not; unsupported: a model of the pair is on a server that does not give what is needed"
    )
    reason: str | None = Field(description="why it was not measured; null when measured")
    positions: int = Field(ge=0, description="tokens measured: the rows in the table")
    unmatched: int = Field(
        ge=0,
        description="tokens left out because the base tokenizer cuts the text elsewhere, where texts are compared, or "
        "because the server has no number for them or shows no certain place of them in the text",
    )
    retokenized: bool = Field(
        description="whether the tokens were made of the answer's text, since those that the model emitted are not known"
    )
    end: Literal["none", "same", "base", "dropped"] = Field(
        description="the end token: none was emitted, or it is not known; measured as it is; measured as the base model's "
        "own end token; left out, as always where a server reads the text, which has none"
    )
    vocabulary: int | None = Field(
        ge=1,
        description="tokens that both models have, over which distributions are compared and probabilities sum to 1; null "
        "where nothing was measured, or each model has its own",
    )

"""Which token of the base model each token of an aligned answer is: by its id, or by its characters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from urial.core.errors import UrialError
from urial.core.text import and_more
from urial.local_models.decoding.answer_text import answer_text, token_spans
from urial.records.base import Role

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Ids = tuple[int, ...]
EndTreatment = Literal["none", "same", "base", "dropped"]
# A list of more would hide the rest of the message.
MOST_NAMED = 5


@dataclass(frozen=True)
class EndTokenMap:
    """Which base tokens the end tokens of aligned answers are."""

    ids: frozenset[int]
    base_id: int | None
    eos: Literal["same", "base", "drop"]
    # By their characters, end tokens are the same: they have none.
    by_text: bool = False

    def treatment(self, ids: Sequence[int]) -> EndTreatment:
        """How the end token of an answer is measured. Raises UrialError when the base model has none to map it to."""
        if not ids or ids[-1] not in self.ids:
            return "none"
        if not self.by_text and (ids[-1] == self.base_id or self.eos == "same"):
            return "same"
        if self.eos == "drop":
            return "dropped"
        if self.base_id is None:
            raise UrialError("the base tokenizer has no end token", fix="set token_shift.eos to drop (--eos drop)")
        return "base"

    def exchanged(self, answers: "Sequence[MatchedAnswer]") -> Mapping[int, int]:
        """In whose place, as the base model numbers tokens, the aligned model has its end token, and the reverse.

        Raises UrialError when answers end with several tokens that are all to be the base model's one.
        """
        own = sorted({answer.ids[-1] for answer in answers if answer.end == "base"})
        if len(own) > 1:
            raise UrialError(
                f"the aligned answers end with several tokens: {', '.join(map(str, own))}",
                expected="one, to be taken for the base model's end token",
                fix="set token_shift.eos to drop (--eos drop)",
            )
        return {self.base_id: own[0], own[0]: self.base_id} if own and self.base_id is not None else {}


@dataclass(frozen=True)
class MatchedAnswer:
    """An answer's tokens, all of them, and which of them are compared."""

    ids: Ids
    base_ids: Ids
    # (position in the answer, position among the base ids) of what is compared.
    pairs: tuple[tuple[int, int], ...]
    end: EndTreatment
    retokenized: bool

    @property
    def kept(self) -> Ids:
        """The ids whose prediction is looked at: all but a dropped end token."""
        return self.ids[:-1] if self.end == "dropped" else self.ids

    def ids_for(self, role: Role) -> Ids:
        """The tokens whose prediction by a model is looked at."""
        return self.base_ids if role == "base" else self.kept

    @property
    def unmatched(self) -> int:
        """Tokens without a counterpart."""
        return len(self.kept) - len(self.pairs)


def ids_of_text(
    tokenizer: "PreTrainedTokenizerBase", prompt_ids: Sequence[int], ids: Ids, text: str, size: int
) -> Ids | None:
    """Of the tokens that somebody emitted, those of an answer's text, with an end token behind it, and without the stop string
    that follows in their place; ``size`` is how many tokens there are.

    None where to this tokenizer they are not exactly that text: they are of another one, or a token is the last of the text
    and the first of the stop string at once.
    """
    if not all(0 <= token < size for token in ids) or not answer_text(tokenizer, prompt_ids, ids).startswith(text):
        return None
    ends = [end for _, end in token_spans(tokenizer, prompt_ids, ids)]
    count = sum(end <= len(text) for end in ends)
    return ids[:count] if max(ends[:count], default=0) == len(text) else None


def match_ids(ids: Ids, end_tokens: EndTokenMap, retokenized: bool) -> MatchedAnswer:
    """An answer in a vocabulary that both models have."""
    end = end_tokens.treatment(ids)
    base_ids = ids[:-1] if end in ("dropped", "base") else ids
    if end == "base" and end_tokens.base_id is not None:
        base_ids = (*base_ids, end_tokens.base_id)
    return MatchedAnswer(ids, base_ids, tuple((place, place) for place in range(len(base_ids))), end, retokenized)


@dataclass(frozen=True)
class ReadAnswer:
    """An answer as a tokenizer reads it after a prompt."""

    tokenizer: "PreTrainedTokenizerBase"
    ids: Ids
    text: str
    spans: Sequence[tuple[int, int]]
    retokenized: bool

    @classmethod
    def of(
        cls, tokenizer: "PreTrainedTokenizerBase", prompt_ids: Sequence[int], ids: Ids, retokenized: bool
    ) -> "ReadAnswer":
        """``ids`` are the answer's tokens; ``retokenized`` says whether they were made from its text."""
        text, spans = answer_text(tokenizer, prompt_ids, ids), token_spans(tokenizer, prompt_ids, ids)
        return cls(tokenizer, ids, text, spans, retokenized)

    @property
    def places(self) -> dict[tuple[int, int], int]:
        """Places of tokens by their characters.

        Tokens that share a character have none: which bytes of it are theirs is not known.
        """
        special = set(self.tokenizer.all_special_ids)
        pairs = zip(self.spans, self.ids, strict=True)
        # A character that several tokens share is the first one's, see token_spans; special tokens have no text.
        goes_on = [start == end and token not in special for (start, end), token in pairs]
        return {
            span: place
            # Shorter by one where there are no tokens at all, as in an empty answer.
            for place, (span, shares) in enumerate(zip(self.spans, [*goes_on[1:], False], strict=False))
            if span[0] < span[1] and not shares
        }


def match_text(base: ReadAnswer, aligned: ReadAnswer, end_tokens: EndTokenMap) -> MatchedAnswer:
    """Tokens of the same whole characters. A base tokenizer that changes the text shares no token with it."""
    base_ids, end = base.ids, end_tokens.treatment(aligned.ids)
    base_places = base.places if base.text == aligned.text else {}
    pairs = [(place, base_places[span]) for span, place in aligned.places.items() if span in base_places]
    if end == "base" and end_tokens.base_id is not None:
        pairs.append((len(aligned.ids) - 1, len(base_ids)))
        base_ids = (*base_ids, end_tokens.base_id)
    return MatchedAnswer(aligned.ids, base_ids, tuple(pairs), end, aligned.retokenized)


def require_same_tokens(
    base_tokenizer: "PreTrainedTokenizerBase",
    aligned_tokenizer: "PreTrainedTokenizerBase",
    ids: set[int],
    end_ids: frozenset[int],
) -> None:
    """Raises UrialError unless both tokenizers read every answer id as the same token."""
    wrong: dict[int, str] = {}
    for token_id in sorted(ids):
        left, right = (tokenizer.convert_ids_to_tokens(token_id) for tokenizer in (base_tokenizer, aligned_tokenizer))
        if left != right:
            wrong[token_id] = f"token id {token_id} is {left!r} to the base tokenizer and {right!r} to the aligned one"
    if wrong:
        by_text, eos = (
            "set token_shift.align_by to text (--align-by text)",
            "set token_shift.eos to base or drop (--eos)",
        )
        raise UrialError(
            and_more(wrong.values(), MOST_NAMED, "; "),
            expected="the same token, since the base model has to rank what the aligned model emitted",
            fix=eos if end_ids.issuperset(wrong) else by_text,
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

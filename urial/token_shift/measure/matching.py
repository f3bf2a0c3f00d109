"""Which token of the base model each token of an aligned answer is: by its id, or by its characters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from urial.core.errors import UrialError
from urial.core.text import and_more
from urial.local_models.decoding.answer_text import answer_text, token_spans
from urial.local_models.loading.loading import encode, spelled_special_token
from urial.records.assembled_prompt import AssembledPrompt

End = Literal["none", "same", "base", "dropped"]
# A list of more would hide the rest of the message.
MOST_NAMED = 5


@dataclass(frozen=True)
class Ends:
    """What the end tokens of aligned answers are to the base model."""

    ids: frozenset[int]
    base_id: int | None
    setting: Literal["same", "base", "drop"]
    # By their characters, end tokens are the same: they have none.
    by_text: bool = False

    def of(self, ids: Sequence[int]) -> End:
        """How the end token of an answer is measured. Raises UrialError when the base model has none to map it to."""
        if not ids or ids[-1] not in self.ids:
            return "none"
        if not self.by_text and (ids[-1] == self.base_id or self.setting == "same"):
            return "same"
        if self.setting == "drop":
            return "dropped"
        if self.base_id is None:
            raise UrialError("the base tokenizer has no end token", fix="set token_shift.eos to drop (--eos drop)")
        return "base"


@dataclass(frozen=True)
class MatchedAnswer:
    """An answer's tokens, all of them, and which of them are compared."""

    ids: tuple[int, ...]
    base_ids: tuple[int, ...]
    # (position in the answer, position among the base ids) of what is compared.
    pairs: tuple[tuple[int, int], ...]
    end: End
    retokenized: bool

    @property
    def kept(self) -> tuple[int, ...]:
        """The ids whose prediction is looked at: all but a dropped end token."""
        return self.ids[:-1] if self.end == "dropped" else self.ids

    @property
    def unmatched(self) -> int:
        """Tokens without a counterpart."""
        return len(self.kept) - len(self.pairs)


def answer_ids(tokenizer: Any, prompt: AssembledPrompt, prompt_ids: Sequence[int], text: str) -> tuple[int, ...]:
    """The tokens of an answer of which the text alone is known: as it is read behind its prompt, if that keeps the
    prompt's own tokens, else as it is read alone. What spells a special token is read as ordinary characters.
    """
    if spelled_special_token(tokenizer, [text]) is None:
        joint = encode(tokenizer, prompt.text + text, prompt.adds_special_tokens)
        if joint[: len(prompt_ids)] == list(prompt_ids):
            return tuple(joint[len(prompt_ids) :])
    alone: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
    return tuple(alone)


def match_ids(ids: tuple[int, ...], ends: Ends, retokenized: bool) -> MatchedAnswer:
    """An answer in a vocabulary that both models have."""
    end = ends.of(ids)
    base_ids = ids[:-1] if end in ("dropped", "base") else ids
    if end == "base" and ends.base_id is not None:
        base_ids = (*base_ids, ends.base_id)
    return MatchedAnswer(ids, base_ids, tuple((place, place) for place in range(len(base_ids))), end, retokenized)


@dataclass(frozen=True)
class ReadAnswer:
    """An answer as the aligned tokenizer reads it."""

    tokenizer: Any
    ids: tuple[int, ...]
    text: str
    spans: Sequence[tuple[int, int]]
    retokenized: bool


def match_text(
    base_tokenizer: Any, prompt: AssembledPrompt, base_prompt: Sequence[int], answer: ReadAnswer, ends: Ends
) -> MatchedAnswer:
    """Tokens of the same whole characters. A base tokenizer that changes the text shares no token with it."""
    base_ids, end = answer_ids(base_tokenizer, prompt, base_prompt, answer.text), ends.of(answer.ids)
    pairs: list[tuple[int, int]] = []
    if answer_text(base_tokenizer, base_prompt, base_ids) == answer.text:
        base = _whole(base_tokenizer, base_ids, token_spans(base_tokenizer, base_prompt, base_ids))
        aligned = _whole(answer.tokenizer, answer.ids, answer.spans)
        pairs = [(place, base[span]) for span, place in aligned.items() if span in base]
    if end == "base" and ends.base_id is not None:
        pairs.append((len(answer.ids) - 1, len(base_ids)))
        base_ids = (*base_ids, ends.base_id)
    return MatchedAnswer(answer.ids, base_ids, tuple(pairs), end, answer.retokenized)


def _whole(tokenizer: Any, ids: Sequence[int], spans: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Places of tokens by their characters. Tokens that share a character have none: which bytes of it are theirs is not known."""
    special = set(tokenizer.all_special_ids)
    # A character that several tokens share is the first one's, see token_spans; special tokens have no text.
    goes_on = [start == end and token not in special for (start, end), token in zip(spans, ids, strict=True)]
    return {
        span: place
        for place, (span, shares) in enumerate(zip(spans, [*goes_on[1:], False], strict=True))
        if span[0] < span[1] and not shares
    }


def exchanged_ends(answers: Sequence[MatchedAnswer], ends: Ends) -> Mapping[int, int]:
    """In whose place, as the base model numbers tokens, the aligned model has its end token, and the other way round.

    Raises UrialError when answers end with several tokens that are all to be the base model's one.
    """
    found = sorted({answer.ids[-1] for answer in answers if answer.end == "base"})
    if len(found) > 1:
        raise UrialError(
            f"the aligned answers end with several tokens: {', '.join(map(str, found))}",
            expected="one, to be taken for the base model's end token",
            fix="set token_shift.eos to drop (--eos drop)",
        )
    if not found or ends.base_id is None:
        return {}
    return {ends.base_id: found[0], found[0]: ends.base_id}


def require_same_tokens(base_tokenizer: Any, aligned_tokenizer: Any, ids: set[int], end_ids: frozenset[int]) -> None:
    """Raises UrialError unless both tokenizers read every answer id as the same token."""
    wrong = []
    for token_id in sorted(ids):
        left, right = (tokenizer.convert_ids_to_tokens(token_id) for tokenizer in (base_tokenizer, aligned_tokenizer))
        if left != right:
            wrong.append((token_id, left, right))
    if not wrong:
        return
    named = (
        f"token id {token_id} is {left!r} to the base tokenizer and {right!r} to the aligned one"
        for token_id, left, right in wrong
    )
    only_ends = all(token_id in end_ids for token_id, _, _ in wrong)
    raise UrialError(
        and_more(named, MOST_NAMED, "; "),
        expected="the same token, since the base model has to rank what the aligned model emitted",
        fix="set token_shift.eos to base or drop (--eos)"
        if only_ends
        else "set token_shift.align_by to text (--align-by text)",
    )

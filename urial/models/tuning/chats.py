"""The token ids of the pairs that are learned: the prompt as the chat template lays it out, the answer, and the end token."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from urial.core.errors import UrialError, shorten
from urial.local_models.loading.loading import chat_text, encode, spelled_special_token
from urial.records.plans import PlannedTuned
from urial.records.prompt import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Chat(NamedTuple):
    """A pair as the model reads it."""

    ids: list[int]
    # Index of the first id that is learned: the first of the answer.
    first: int


def set_template(tokenizer: "PreTrainedTokenizerBase", template: str) -> None:
    """Give the tokenizer the chat template, behind the token that it begins plain text with, if it does.

    So a chat is, to the token, what the base model reads under the same zero-shot prompt.
    """
    begins = tokenizer("a", verbose=False)["input_ids"][:1] == [tokenizer.bos_token_id]
    tokenizer.chat_template = ("{{ bos_token }}" if begins else "") + template


def encoded(tokenizer: "PreTrainedTokenizerBase", planned: PlannedTuned, context: int | None, where: str) -> list[Chat]:
    """The pairs as the model reads them. Raises UrialError for one that does not fit, and where no token ends an answer.

    ``context`` is the model's, in tokens; None: it has no limit. ``where`` stands for the tuning in messages.
    """
    if tokenizer.eos_token_id is None:
        raise UrialError(
            f"{where}: the base model's tokenizer has no end token, and nothing else could end an answer",
            fix="tune a base model whose tokenizer names an eos_token",
        )
    set_template(tokenizer, planned.chat_template)
    chats = [_encoded(tokenizer, number, pair, where) for number, pair in enumerate(planned.pairs, start=1)]
    _require_fit(chats, planned, context, where)
    return chats


def _encoded(tokenizer: "PreTrainedTokenizerBase", number: int, pair: Example, where: str) -> Chat:
    if spelled := spelled_special_token(tokenizer, (pair.query, pair.answer)):
        raise UrialError(
            f"{where}: pair {number}, {shorten(pair.query)}, spells the special token {spelled!r}",
            fix="remove it from the text: a chat has special tokens only where its layout puts them",
        )
    text = chat_text(tokenizer, [{"role": "user", "content": pair.query}])
    prompt, whole = encode(tokenizer, text, False), encode(tokenizer, text + pair.answer, False)
    # Where a token would span the two, the model could never begin an answer so: there, the answer has its own tokens.
    answer = whole[len(prompt) :] if whole[: len(prompt)] == prompt else _ids(tokenizer, pair.answer)
    return Chat([*prompt, *answer, int(tokenizer.eos_token_id)], len(prompt))


def _ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
    return ids


def _require_fit(chats: Sequence[Chat], planned: PlannedTuned, context: int | None, where: str) -> None:
    """Raises UrialError where a pair is longer than the recipe or the model allows: none is cut."""
    number, longest = max(enumerate((len(chat.ids) for chat in chats), start=1), key=lambda item: item[1])
    pair = f"{where}: pair {number}, {shorten(planned.pairs[number - 1].query)}, has {longest:,} tokens with its layout"
    if longest > planned.tuned.max_tokens:
        over = sum(len(chat.ids) > planned.tuned.max_tokens for chat in chats)
        raise UrialError(
            f"{pair}, and max_tokens is {planned.tuned.max_tokens:,}; {over:,} of {len(chats):,} pairs have more than that",
            fix=f"shorten or remove them, or set max_tokens to {longest} where the memory allows it; no pair is cut",
        )
    if context is not None and longest > context:
        raise UrialError(f"{pair}, and the base model's context has {context:,}", fix="shorten or remove it")

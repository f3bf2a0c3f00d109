"""From token ids to text: exact decoding after a prompt, and stop strings as soon as they appear; and from a text to ids."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from urial.core.thinking import Marks, first_stop
from urial.local_models.loading.loading import encode, spelled_special_token
from urial.records.completion import AssembledPrompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Some tokenizers drop a leading space of what they decode, and a character can span tokens:
# an answer is decoded after the prompt's last tokens, and these are cut off again.
ANCHOR_TOKENS = 8


def answer_text(tokenizer: "PreTrainedTokenizerBase", prompt_ids: Sequence[int], ids: Sequence[int]) -> str:
    """The text of ``ids`` where they follow ``prompt_ids``, without special tokens."""
    anchor = list(prompt_ids[-ANCHOR_TOKENS:])
    before = _decode(tokenizer, anchor)
    whole = _decode(tokenizer, [*anchor, *ids])
    return whole[len(before) :] if whole.startswith(before) else _decode(tokenizer, list(ids))


def token_spans(
    tokenizer: "PreTrainedTokenizerBase", prompt_ids: Sequence[int], ids: Sequence[int]
) -> list[tuple[int, int]]:
    """Character span of each token in ``answer_text``, in order and without gaps; time grows only with the tokens.

    A character of several tokens belongs to the first of them; the spans of the others are empty.
    """
    total = len(answer_text(tokenizer, prompt_ids, ids))
    sequence = [*prompt_ids[-ANCHOR_TOKENS:], *ids]
    first = len(sequence) - len(ids)
    ends = list(accumulate(_growth(tokenizer, sequence, place) for place in range(first, len(sequence))))
    if ids and ends[-1] != total:
        # A tokenizer whose text depends on more than the tokens just before.
        ends = [len(answer_text(tokenizer, prompt_ids, ids[: count + 1])) for count in range(len(ids))]
    # An unfinished character can decode to more replacement signs than the one character it becomes.
    ends = list(accumulate(reversed(ends), min))[::-1]
    return list(zip([0, *ends], ends, strict=False))


def _growth(tokenizer: "PreTrainedTokenizerBase", sequence: list[int], place: int) -> int:
    """By how many characters the token at ``place`` makes the text longer, after the tokens just before."""
    before = sequence[max(0, place - ANCHOR_TOKENS) : place]
    return len(_decode(tokenizer, [*before, sequence[place]])) - len(_decode(tokenizer, before))


def answer_ids(
    tokenizer: "PreTrainedTokenizerBase", prompt: AssembledPrompt, prompt_ids: Sequence[int], text: str
) -> tuple[int, ...]:
    """The tokens of an answer of which only the text is known: as it is read after its prompt, if that keeps the
    prompt's own tokens, else as it is read alone. What spells a special token is read as ordinary characters.
    """
    if spelled_special_token(tokenizer, [text]) is None:
        joint = encode(tokenizer, prompt.text + text, prompt.adds_special_tokens)
        if joint[: len(prompt_ids)] == list(prompt_ids):
            return tuple(joint[len(prompt_ids) :])
    alone: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
    return tuple(alone)


class StopFinder:
    """Watches one row for its stop strings."""

    def __init__(
        self,
        tokenizer: "PreTrainedTokenizerBase",
        prompt_ids: Sequence[int],
        stop: tuple[str, ...],
        marks: Marks | None = None,
    ) -> None:
        """``marks``: how thinking is marked, within which no stop string counts; None: they count everywhere."""
        self.tokenizer = tokenizer
        self.prompt_ids = prompt_ids
        self.stop = stop
        self.marks = marks
        # A character has at most four bytes, and a token at least one.
        self.tail = 4 * max((len(text) for text in stop), default=0) + 4

    def find(self, ids: Sequence[int]) -> str | None:
        """The answer before its first stop string, or None while there is none."""
        if not self.stop:
            return None
        # The recent tokens are enough to notice a stop string; only then is the whole answer decoded.
        tail = _decode(self.tokenizer, list(ids[-self.tail :]))
        if not any(text in tail for text in self.stop):
            return None
        text = answer_text(self.tokenizer, self.prompt_ids, ids)
        end = first_stop(text, self.stop, self.marks)
        return None if end is None else text[:end]


def _decode(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> str:
    text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return text

"""Where a word of the helper ends: the unit in which it is asked for help."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# A language without spaces has no end of a word; nor has a model that repeats itself.
MOST_TOKENS = 16


class TokenTexts:
    """The characters that each token adds to a text, whatever the text; a part of a character counts as a sign."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        self._tokenizer = tokenizer
        # Some tokenizers drop a space that nothing precedes.
        self._before: list[int] = tokenizer("a", add_special_tokens=False)["input_ids"]
        self._length = len(self._decode(self._before))
        self._known: dict[int, str] = {}

    def __getitem__(self, token: int) -> str:
        """Empty for a control token."""
        if token not in self._known:
            self._known[token] = self._decode([*self._before, token])[self._length :]
        return self._known[token]

    def _decode(self, ids: list[int]) -> str:
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class Word:
    """A word as its tokens come: white space, and what follows it up to the next white space.

    It is made of whole tokens: one that goes on beyond its end ends it.
    """

    def __init__(self, texts: TokenTexts) -> None:
        self._texts = texts
        self._text = ""
        self._tokens = 0

    def takes(self, token: int) -> bool:
        """Whether the word goes on with this token, after those that it has."""
        if self._tokens == MOST_TOKENS:
            return False
        visible = self._text.lstrip()
        if not visible:
            return True
        # Within the word, or at its end already.
        return not any(map(str.isspace, visible)) and not self._texts[token][:1].isspace()

    def add(self, token: int) -> None:
        """The token is the word's next."""
        self._text += self._texts[token]
        self._tokens += 1

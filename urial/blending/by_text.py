"""Blended decoding with a helper whose tokenizer is another: words pass between the two as text.

The helper reads each row alone, and only where it is asked: first what the base has said since, then it writes one word.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from urial.blending.one_vocabulary import steps_in
from urial.blending.parts import Part, Voice
from urial.blending.room import FullContextError
from urial.blending.rows import BlendRow, Choice
from urial.blending.words import TokenTexts, Word
from urial.generate.engine import NoAnswer
from urial.local_models.decoding.answer_text import ANCHOR_TOKENS, answer_text
from urial.local_models.decoding.batch import TokenRow
from urial.local_models.decoding.prefix import Prefix
from urial.records.blend import Nudge, RandomShare
from urial.records.params.file import Decoding

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator
    from transformers import PreTrainedTokenizerBase

# What a tokenizer writes for a part of a character.
UNFINISHED = "\ufffd"


def continuation(tokenizer: "PreTrainedTokenizerBase", before: Sequence[int], text: str) -> list[int]:
    """The tokens of ``text`` where it follows the tokens ``before``: as it is read after their text, if that keeps theirs.

    What spells a special token is read as ordinary characters.
    """

    def read(characters: str) -> list[int]:
        ids: list[int] = tokenizer(characters, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    anchor = tokenizer.decode(before[-ANCHOR_TOKENS:], skip_special_tokens=True, clean_up_tokenization_spaces=False)
    alone = read(text)
    for first in (anchor, "a"):
        known, joint = read(first), read(first + text)
        found = joint[len(known) :]
        if joint[: len(known)] == known and answer_text(tokenizer, before, found) == text:
            return found
    return alone


class Reader:
    """The helper over one row."""

    def __init__(self, voice: Voice, row: TokenRow, prefix: Prefix, decoding: Decoding) -> None:
        self._voice, self._row, self._prefix, self._decoding = voice, row, prefix, decoding
        self._texts = TokenTexts(voice.tokenizer)
        # Made when it is first asked.
        self._part: Part | None = None
        # What comes after its last word, as it was drawn there.
        self._next: int | None = None

    def word(self, said: str, generator: "TorchGenerator") -> str | None:
        """Its next word after what the base has ``said`` since the last one; None: it ends the answer.

        Raises FullContextError where its context ends before the word does.
        """
        self._part = self._part or Part(self._voice, [self._row], self._prefix, self._decoding)
        if said:
            self._next = None
            self._feed(self._part, continuation(self._voice.tokenizer, self._known, said))
        word, first = Word(self._texts), len(self._row.ids)
        while True:
            if self._next is None:
                drawn = self._part.draw(self._part.logits, [generator])
                drawn.take(0, generator)
                self._next = int(drawn.tokens[0])
            ends = self._next in self._voice.end_ids
            if ends or not word.takes(self._next):
                break
            word.add(self._next)
            self._feed(self._part, [self._next])
            self._next = None
        ids = self._row.ids[first:]
        return answer_text(self._voice.tokenizer, self._known[: -len(ids)], ids) if ids else None

    @property
    def _known(self) -> list[int]:
        return [*self._row.prompt_ids, *self._row.ids]

    def _feed(self, part: Part, ids: Sequence[int]) -> None:
        context, tokens = self._voice.context, len(self._known) + len(ids)
        if context is not None and tokens > context:
            raise FullContextError(tokens, context)
        for token in ids:
            self._row.ids.append(token)
            part.batch.advance()
            part.saw([token])


class ByText:
    """Rules by which a helper of another vocabulary supplies words."""

    def __init__(self, rule: Nudge | RandomShare, base: Part, base_voice: Voice, readers: Sequence[Reader]) -> None:
        self.rule, self.base, self.tokenizer = rule, base, base_voice.tokenizer
        self.readers = list(readers)
        # How many of each row's tokens its reader knows, and what is left of the helper's word.
        self.known = [0] * len(self.readers)
        self.left: list[list[int]] = [[] for _ in self.readers]

    def choose(self, rows: Sequence[BlendRow]) -> list[Choice]:
        """See Decoder.choose."""
        logits = self.base.logits
        asks = steps_in(self.rule, logits, logits, rows)
        drawn = self.base.draw(logits, [row.generator for row in rows])
        choices = []
        for position, (row, own) in enumerate(zip(rows, drawn.tokens.tolist(), strict=True)):
            starts = not self.left[position] and asks(position)
            try:
                ends = starts and not self._ask(position, row)
            except FullContextError as full:
                none = NoAnswer("too_long", full.reason)
                choices.append(Choice(own, "helper", own, supplied=False, starts=False, missing=none))
                continue
            if ends:
                choices.append(Choice(own, "helper", own, supplied=False, starts=False, ends=True))
            elif self.left[position]:
                token = self.left[position].pop(0)
                self.known[position] = len(row.base.ids) + 1
                choices.append(Choice(token, "helper", own, supplied=True, starts=starts))
            else:
                drawn.take(position, row.generator)
                choices.append(Choice(own, "base", own, supplied=False, starts=False))
        self.base.saw([choice.token for choice in choices])
        return choices

    def _ask(self, position: int, row: BlendRow) -> bool:
        """Gets the helper's next word; False: it ends the answer. None is asked for within a character."""
        ids, known = row.base.ids, self.known[position]
        before = [*row.base.prompt_ids, *ids[:known]]
        said = answer_text(self.tokenizer, before, ids[known:])
        if said.endswith(UNFINISHED):
            return True
        word = self.readers[position].word(said, row.generator)
        self.known[position] = len(ids)
        if word is not None:
            self.left[position] = continuation(self.tokenizer, [*before, *ids[known:]], word)
        return word is not None

    def keep(self, order: Sequence[int]) -> None:
        """See Decoder.keep."""
        for name in ("readers", "known", "left"):
            values = getattr(self, name)
            setattr(self, name, [values[position] for position in order])
        self.base.keep(order)

    def advance(self) -> None:
        """See Decoder.advance."""
        self.base.batch.advance()

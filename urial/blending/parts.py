"""One model of a blend: loaded, with the prompts of a batch, and its choice of each row's next token."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from urial.generate.engine import Request
from urial.local_models.decoding.batch import Batch, Chooser, TokenRow
from urial.local_models.decoding.prefix import Prefix, shared_prefix_length
from urial.local_models.decoding.prepared import prepared_model
from urial.local_models.decoding.rehearsal import sharing_of
from urial.local_models.loading.loading import context_length, encode, end_tokens, load_tokenizer
from urial.records.model import read_manifest
from urial.records.params.file import Decoding

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator
    from torch import Tensor


class Voice:
    """A model in memory with its tokenizer."""

    def __init__(self, folder: Path, threads: int | None) -> None:
        self.name = read_manifest(folder).model.label
        self.tokenizer = load_tokenizer(folder)
        self.model = prepared_model(folder, threads)
        self.end_ids = end_tokens(self.model, self.tokenizer)
        self.context = context_length(folder)

    @property
    def ordinary(self) -> dict[int, str]:
        """The tokens that text is split into, by their ids: without those that were added, control tokens mostly."""
        added = self.tokenizer.added_tokens_decoder
        return {token_id: token for token, token_id in self.tokenizer.get_vocab().items() if token_id not in added}


class Prompts:
    """What one model is asked, in all requests: tokens by the number of the request."""

    def __init__(self, voice: Voice, requests: Sequence[Request], max_new_tokens: int) -> None:
        self.voice = voice
        self.ids = [encode(voice.tokenizer, request.text, request.adds_special_tokens) for request in requests]
        self.longest = max(map(len, self.ids), default=0) + max_new_tokens
        self.sharing = sharing_of(voice.model, self.longest)

    def prefix(self, alike: Sequence[int]) -> Prefix:
        """The state after what these prompts share."""
        shared = shared_prefix_length([self.ids[index] for index in alike])
        return Prefix.encoded(self.voice.model, self.ids[alike[0]][:shared], self.longest, self.sharing)


@dataclass
class Draws:
    """A model's choice at each row's next place: tokens [rows], and the random numbers after each; None: without any."""

    tokens: "Tensor"
    states: "list[Tensor] | None"

    def take(self, position: int, generator: "TorchGenerator") -> None:
        """The choice counts: the row's random numbers go on after it."""
        if self.states is not None:
            generator.set_state(self.states[position])


class Part:
    """One model over the rows of a batch. Everything that it gives is in the order of ``rows``."""

    def __init__(self, voice: Voice, rows: Sequence[TokenRow], prefix: Prefix, decoding: Decoding) -> None:
        self.rows = list(rows)
        self.ends = voice.end_ids
        self.decoding = decoding
        self.batch = Batch(list(rows), prefix)
        self.chooser = Chooser(rows, decoding)
        self._place()

    def _place(self) -> None:
        """Where each row stands in the batch; None: where it stands here."""
        numbers = {id(row): number for number, row in enumerate(self.batch.rows)}
        places = [numbers[id(row)] for row in self.rows]
        self._places = None if places == list(range(len(places))) else places

    @property
    def logits(self) -> "Tensor":
        """[rows, vocabulary] of each row's next token, in float32."""
        return self.batch.logits if self._places is None else self.batch.logits[self._places]

    def hide_foreign(self, logits: "Tensor", width: int) -> None:
        """Leaves of the tokens from ``width`` on, which another model does not have, those that end an answer."""
        foreign = [token for token in range(width, logits.shape[-1]) if token not in self.ends]
        if foreign:
            logits[:, foreign] = float("-inf")

    def draw(self, logits: "Tensor", generators: "Sequence[TorchGenerator]") -> Draws:
        """The choice by ``logits``, which are changed. The random numbers are left as they were."""
        scores = self.chooser.penalized(logits)
        if not self.decoding.temperature:
            return Draws(self.chooser.pick(scores, generators), None)
        before = [generator.get_state() for generator in generators]
        tokens = self.chooser.pick(scores, generators)
        after = [generator.get_state() for generator in generators]
        for generator, state in zip(generators, before, strict=True):
            generator.set_state(state)
        return Draws(tokens, after)

    def saw(self, tokens: Sequence[int]) -> None:
        """Each row goes on with such a token, which the repetition penalty is to know."""
        if self.chooser.seen is not None:
            self.chooser.saw(self.chooser.seen.new_tensor(tokens))

    def keep(self, order: Sequence[int]) -> None:
        """Leave only the rows at these positions, in this order."""
        self.rows = [self.rows[position] for position in order]
        self.batch.keep(order if self._places is None else [self._places[position] for position in order])
        self.chooser.keep(order)
        self._place()

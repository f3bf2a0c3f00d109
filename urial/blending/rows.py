"""One answer of a blend in the making: whose each token is, and what ends it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal, Protocol

from urial.generate.engine import NoAnswer
from urial.local_models.decoding.answer_text import StopFinder, answer_text
from urial.local_models.decoding.batch import TokenRow, closed_up
from urial.records.blend import Interventions
from urial.records.completion import Answer, Finish

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator

Side = Literal["base", "helper"]


@dataclass(frozen=True)
class Choice:
    """What comes next in a row."""

    token: int
    # Whose end tokens and stop strings count now.
    by: Side
    # What the base alone would have chosen.
    own: int
    # Whether the token counts as an intervention, and as the first one of its word.
    supplied: bool
    starts: bool
    # The helper ends the answer here, by a token that the base does not have: there is no further one.
    ends: bool = False
    # Why there is no answer; there is no further token either. None: it goes on.
    missing: NoAnswer | None = None


@dataclass
class BlendRow:
    """A row of all models; in one vocabulary they have one list of tokens."""

    base: TokenRow
    helper: TokenRow
    untuned: TokenRow
    generator: "TorchGenerator"
    # Where a random control steps in.
    places: Random
    stops: dict[Side, StopFinder]
    ends: dict[Side, frozenset[int]]
    # The answer before a stop string of either model, once there is one.
    stopped: dict[Side, str] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    supplied: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)

    def goes_on(self, choice: Choice, last: bool) -> Answer | NoAnswer | None:
        """The answer that the choice ends, or why there is none; None while it goes on."""
        if choice.missing is not None:
            return choice.missing
        if choice.ends:
            # A step-in as any other, of which no token says that it was one.
            self.starts.append(len(self.base.ids))
            return self._answer(self._text(self.base.ids), "end_token")
        place = len(self.base.ids)
        self.base.ids.append(choice.token)
        if choice.starts:
            self.starts.append(place)
        if choice.supplied:
            self.supplied.append(place)
            if choice.token != choice.own:
                self.changed.append(place)
        for side, finder in self.stops.items():
            if side not in self.stopped and (text := finder.find(self.base.ids)) is not None:
                self.stopped[side] = text
        if choice.token in self.ends[choice.by]:
            return self._answer(self._text(self.base.ids[:-1]), "end_token")
        if choice.by in self.stopped:
            return self._answer(self.stopped[choice.by], "stop_string")
        return self._answer(self._text(self.base.ids), "length") if last else None

    def _text(self, ids: Sequence[int]) -> str:
        return answer_text(self.stops["base"].tokenizer, self.base.prompt_ids, ids)

    def _answer(self, text: str, finish: Finish) -> Answer:
        interventions = Interventions(
            starts=tuple(self.starts), supplied=tuple(self.supplied), changed=tuple(self.changed)
        )
        return Answer(text=text, token_ids=tuple(self.base.ids), finish=finish, interventions=interventions)


class Decoder(Protocol):
    """The models of a blend over the rows of a batch."""

    def choose(self, rows: Sequence[BlendRow]) -> list[Choice]:
        """What comes next in each row."""
        ...

    def keep(self, order: Sequence[int]) -> None:
        """Leave only the rows at these positions, in this order."""
        ...

    def advance(self) -> None:
        """Feed each row's newest token."""
        ...


def decoded(decoder: Decoder, rows: Sequence[BlendRow], max_new_tokens: int) -> Iterator[tuple[int, Answer | NoAnswer]]:
    """The answers of a batch by the number of the request, as they are finished; a row leaves with its answer."""
    for step in range(max_new_tokens):
        alive = []
        for position, (row, choice) in enumerate(zip(rows, decoder.choose(rows), strict=True)):
            answer = row.goes_on(choice, last=step == max_new_tokens - 1)
            if answer is None:
                alive.append(position)
            else:
                yield row.base.index, answer
        if not alive:
            return
        if len(alive) < len(rows):
            order = closed_up(alive)
            rows = [rows[position] for position in order]
            decoder.keep(order)
        decoder.advance()

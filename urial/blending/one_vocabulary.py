"""Blended decoding of models that read token ids alike: all of them get each token, in step."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from urial.blending.parts import Part, Voice
from urial.blending.quantities import between, divergence, moved, top_probability
from urial.blending.rows import BlendRow, Choice
from urial.blending.words import TokenTexts, Word
from urial.records.blend import Nudge, Proxy, RandomShare, Realign, Swap

if TYPE_CHECKING:
    from torch import Generator as TorchGenerator
    from torch import Tensor

SupplyingRule = Nudge | Swap | RandomShare


def steps_in(rule: SupplyingRule, base: "Tensor", helper: "Tensor", rows: Sequence[BlendRow]) -> Callable[[int], bool]:
    """Whether the helper is to supply what comes next in the row at a position, by logits [rows, vocabulary] of one width."""
    match rule:
        case Nudge():
            return (top_probability(base) < rule.threshold).tolist().__getitem__
        case Swap():
            return (divergence(rule.divergence, base, helper) > rule.threshold).tolist().__getitem__
        case RandomShare():
            # One number each time that it is asked, so that a word is one place.
            return lambda position: rows[position].places.random() < rule.share


class Supplied:
    """Rules by which the helper supplies tokens or words."""

    def __init__(self, rule: SupplyingRule, base: Part, helper: Part, helper_voice: Voice) -> None:
        self.rule, self.base, self.helper = rule, base, helper
        self.helper_ends = helper_voice.end_ids
        self.by_word = rule.kind == "nudge" or (rule.kind == "random" and rule.unit == "word")
        self.texts = TokenTexts(helper_voice.tokenizer)
        # The word of the helper's that each row is in, if it is in one.
        self.words: list[Word | None] = [None] * len(base.rows)
        self.width = common_width(base, helper)

    def choose(self, rows: Sequence[BlendRow]) -> list[Choice]:
        """See Decoder.choose."""
        generators = [row.generator for row in rows]
        logits = self.base.logits, self.helper.logits
        asks = steps_in(self.rule, logits[0][:, : self.width], logits[1][:, : self.width], rows)
        draws = []
        for part, numbers in zip((self.base, self.helper), logits, strict=True):
            part.hide_foreign(numbers, self.width)
            draws.append(part.draw(numbers, generators))
        pairs = zip(draws[0].tokens.tolist(), draws[1].tokens.tolist(), strict=True)
        choices = [self._choice(position, own, other, asks) for position, (own, other) in enumerate(pairs)]
        for position, choice in enumerate(choices):
            draws[choice.by == "helper"].take(position, generators[position])
        tokens = [choice.token for choice in choices]
        self.base.saw(tokens)
        self.helper.saw(tokens)
        return choices

    def _choice(self, position: int, own: int, offered: int, asks: Callable[[int], bool]) -> Choice:
        word = self.words[position]
        within = word is not None and offered not in self.helper_ends and word.takes(offered)
        if not within:
            if not asks(position):
                self.words[position] = None
                return Choice(own, "base", own, supplied=False, starts=False)
            word = self.words[position] = Word(self.texts) if self.by_word else None
        if word is not None:
            word.add(offered)
        return Choice(offered, "helper", own, supplied=True, starts=not within)

    def keep(self, order: Sequence[int]) -> None:
        """See Decoder.keep."""
        self.words = [self.words[position] for position in order]
        self.base.keep(order)
        self.helper.keep(order)

    def advance(self) -> None:
        """See Decoder.advance."""
        self.base.batch.advance()
        self.helper.batch.advance()


class Summed:
    """Rules by which the next token is chosen by a sum of logits, as the leading model chooses: that of the larger weight."""

    def __init__(self, rule: Proxy | Realign, base: Part, helper: Part, untuned: Part | None) -> None:
        self.base, self.helper, self.untuned = base, helper, untuned
        self.weight = rule.alpha if isinstance(rule, Proxy) else rule.weight
        self.lead = helper if self.weight > 0.5 else base
        self.parts = [part for part in (base, helper, untuned) if part is not None]
        self.width = common_width(*self.parts)

    def choose(self, rows: Sequence[BlendRow]) -> list[Choice]:
        """See Decoder.choose."""
        generators = [row.generator for row in rows]
        base, helper, *others = map(self._like_leads, self.parts)
        total = moved(base, helper, others[0], self.weight) if others else between(base, helper, self.weight)
        self.lead.hide_foreign(total, self.width)
        drawn = self.lead.draw(total, generators)
        own = self._alone(self.base, generators)
        leading = self._alone(self.helper, generators) if self.lead is self.helper else own
        choices = []
        for position, token in enumerate(drawn.tokens.tolist()):
            # A token that the leading model would have chosen as well is its own, any other one the other's; an end token
            # that the other may not have cannot be the other's.
            by_helper = (self.lead is self.helper) == (token == leading[position] or token >= self.width)
            supplied = token != own[position]
            choices.append(
                Choice(token, "helper" if by_helper else "base", own[position], supplied=supplied, starts=supplied)
            )
            drawn.take(position, generators[position])
        for part in self.parts:
            part.saw([choice.token for choice in choices])
        return choices

    def _like_leads(self, part: Part) -> "Tensor":
        """Its logits of the tokens that the leading model has.

        The logit of an end token that it does not have is that of its own likeliest one; it has no say where it has none.
        """
        logits, lead = part.logits, self.lead.logits
        theirs, wanted = logits.shape[-1], lead.shape[-1]
        if theirs >= wanted:
            return logits[:, :wanted]
        own = sorted(token for token in part.ends if token < theirs)
        wide = lead.clone()
        wide[:, :theirs] = logits
        if own:
            wide[:, theirs:] = logits[:, own].amax(-1, keepdim=True)
        return wide

    def _alone(self, part: Part, generators: "Sequence[TorchGenerator]") -> list[int]:
        """What one of the models would choose by itself."""
        logits = part.logits
        part.hide_foreign(logits, self.width)
        tokens: list[int] = part.draw(logits, generators).tokens.tolist()
        return tokens

    def keep(self, order: Sequence[int]) -> None:
        """See Decoder.keep."""
        for part in self.parts:
            part.keep(order)

    def advance(self) -> None:
        """See Decoder.advance."""
        for part in self.parts:
            part.batch.advance()


def common_width(*parts: Part) -> int:
    """Of how many tokens all of them have logits."""
    return min(part.logits.shape[-1] for part in parts)

"""Whether the tokens of a pair can be compared, before anything is generated.

The stage token_shift compares the tokens of answers (urial/token_shift/measure/matching.py) and ends where one is another to
the base model. Which tokens answers will have is not known before: here, all that text is split into stand for them, and of the
control tokens those that end an answer.
"""

from typing import NamedTuple

from urial.core.errors import UrialError
from urial.core.text import and_more
from urial.plan.vocabularies import Vocabulary, vocabulary_of
from urial.records.model import ServerModel
from urial.records.params.token_shift import TokenShiftParams
from urial.records.plans import LoadedModels, PlannedTuned

BY_TEXT = "set token_shift.align_by to text (--align-by text)"


def require_comparable_models(models: LoadedModels, shift: TokenShiftParams, study: str) -> None:
    """require_comparable of a study's pair, so far as its models are here or on the hub; a remark is printed."""
    base, aligned = models.base, models.aligned
    if not shift.base_systems and not shift.given:
        return
    # A tuned model has its base model's own tokenizer.
    if aligned is None or isinstance(base, ServerModel) or isinstance(aligned, ServerModel | PlannedTuned):
        return
    try:
        remark = require_comparable(vocabulary_of(base), vocabulary_of(aligned), shift, (base.label, aligned.label))
    except UrialError as error:
        raise error.but(where="params.yaml") from error
    if remark is not None:
        print(f"{study}: {remark}")


def require_comparable(
    base: Vocabulary | None, aligned: Vocabulary | None, shift: TokenShiftParams, names: tuple[str, str]
) -> str | None:
    """Raises UrialError for a pair whose answers cannot be compared as ``shift`` says, with what to set instead.

    None is a vocabulary that is not known: nothing is said of it. ``names`` are the base and the aligned model's. Returns a
    remark where some answers could not be compared: few tokens differ.
    """
    if base is None or aligned is None:
        return None
    remark = None if shift.align_by == "text" else _compared(base, aligned, names)
    _require_end(base, aligned, shift, names)
    return remark


def _compared(base: Vocabulary, aligned: Vocabulary, names: tuple[str, str]) -> str | None:
    """A remark on few tokens that differ. Raises UrialError where most of them do."""
    if (differing := differing_tokens(base, aligned)) is None:
        return None
    if differing.most:
        raise UrialError(f"the tokenizers of {names[0]} and {names[1]} differ: {differing.example}", fix=BY_TEXT)
    return (
        f"{differing.tokens:,} of the {differing.of:,} tokens of {names[1]} are others to {names[0]} ({differing.example}): an "
        f"answer with one of them ends the stage token_shift, unless you {BY_TEXT}"
    )


class Differing(NamedTuple):
    """Tokens of one model that are others to another one."""

    tokens: int
    # Tokens that text is split into.
    of: int
    # One of them, in words.
    example: str

    @property
    def most(self) -> bool:
        """Whether they are most of the tokens, so that text is split into others by the two."""
        return 2 * self.tokens > self.of


def differing_tokens(base: Vocabulary, aligned: Vocabulary) -> Differing | None:
    """Which of the aligned model's tokens are others to the base model; None: none is."""
    ordinary = aligned.ordinary
    others = [token_id for token_id in ordinary if base.tokens.get(token_id) != aligned.tokens[token_id]]
    if not others:
        return None
    last = others[-1]
    example = f"token {last:,} is {_named(base, last)} to one and {_named(aligned, last)} to the other"
    return Differing(len(others), len(ordinary), example)


def _require_end(base: Vocabulary, aligned: Vocabulary, shift: TokenShiftParams, names: tuple[str, str]) -> None:
    """Raises UrialError where no end token of the aligned model can be compared as ``shift.eos`` says."""
    same = {token_id for token_id in aligned.ends if base.tokens.get(token_id, "") == aligned.tokens.get(token_id)}
    if shift.eos == "same" and shift.align_by == "ids" and aligned.ends and not same:
        ends = and_more([f"{_named(aligned, end)} (token {end:,})" for end in sorted(aligned.ends)], 3)
        raise UrialError(
            f"the answers of {names[1]} end with {ends}, which is no token of {names[0]}",
            fix="set token_shift.eos to base (its end token is compared in this one's place) or drop (--eos)",
        )
    if shift.eos == "base" and base.eos is None:
        raise UrialError(
            f"token_shift.eos is base, and the tokenizer of {names[0]} has no end token",
            fix="set token_shift.eos to drop (--eos drop)",
        )


def _named(vocabulary: Vocabulary, token_id: int) -> str:
    return repr(vocabulary.tokens[token_id]) if token_id in vocabulary.tokens else "none"

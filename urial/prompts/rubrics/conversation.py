"""What a judge is shown beside a message and its answer: the turns before, and reference answers, each text fenced.

The turns before stand above the message, each text between lines of its own with the same marker: ``<turn 1 query ...>``,
``<turn 1 answer ...>``. So any rubric can ask about any turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from urial.prompts.rubrics.fences import cut_note, fenced_text

# What stands above the turns before the judged one; no rubric need speak of them.
EARLIER_TURNS = (
    "(The answer to judge is to the {last} message of a conversation. What was said before stands between the lines "
    "<turn 1 query {marker}> and </turn 1 query {marker}>, <turn 1 answer {marker}> and </turn 1 answer {marker}>, and so on. "
    "It is material, too, shown so that the last message can be understood: judge the last answer alone.)"
)
ORDINALS = {2: "second", 3: "third"}


@dataclass(frozen=True)
class EarlierTurn:
    """A turn before the judged one, as far as the judge is shown it."""

    query: str
    answer: str
    # The whole answer's length in characters where ``answer`` is only its beginning.
    shown_of: int | None = None


@dataclass(frozen=True)
class Context:
    """What a judge is shown beside a message and its answer."""

    # The turns before, first to last.
    history: tuple[EarlierTurn, ...] = ()
    # The reference answer of each turn up to this one; none for a rubric that shows none.
    references: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All texts that are fenced."""
        return (*(text for turn in self.history for text in (turn.query, turn.answer)), *self.references)


NO_CONTEXT = Context()


def earlier_turns(history: Sequence[EarlierTurn], marker: str) -> str:
    """The turns before the judged one, and what they are, with the empty line below; empty without any."""
    if not history:
        return ""
    number = len(history) + 1
    parts = [EARLIER_TURNS.format(last=ORDINALS.get(number, f"{number}th"), marker=marker)]
    for turn, said in enumerate(history, start=1):
        parts.append(fenced_text(f"turn {turn} query", said.query, marker))
        cut = "" if said.shown_of is None else cut_note(said.answer, said.shown_of)
        parts.append(fenced_text(f"turn {turn} answer", said.answer, marker) + cut)
    return "".join(f"{part}\n\n" for part in parts)


def reference_answers(references: Sequence[str], marker: str) -> str:
    """The reference answers of the turns before, and that of the judged one."""
    *before, last = references
    parts = [fenced_text(f"turn {turn} reference", text, marker) for turn, text in enumerate(before, start=1)]
    return "\n\n".join([*parts, fenced_text("reference", last, marker)])

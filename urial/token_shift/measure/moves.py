"""Moves of reasoning, by the phrases that announce them: plan, check, backtrack, conclude. They know no truth.

Rules. A phrase of moves.yaml is whole words, parted by spaces alone, upper or lower case, with either apostrophe, and in
every spelling that the file names. It counts where a sentence or a clause begins (as labels.py has it), or behind words of
``lead_in`` that do (``But wait``, ``Okay, so let me``). Where several begin at one word, the longest counts; one that
begins inside another does not. A phrase with a comma (``Wait,``) counts where a punctuation mark, a line break or the end
follows.

A token has the move of the first of its characters that is in a phrase, the spaces inside the phrase included. The words
behind a phrase, which say what is planned or checked, have none: a move is counted where it is announced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.yaml_files import parse_yaml_record
from urial.records.base import Record
from urial.records.token_shift import MOVES, Move
from urial.token_shift.measure.labels import CLAUSE_GAP, PLAIN_GAP, Span, gaps_between, shown
from urial.token_shift.measure.lexicon import WORD, Words, normal, phrase_words, spelled, spellings_of

MOVES_FILE = Path(__file__).with_name("moves.yaml")


class MovesFile(Record):
    """moves.yaml; its comments say what belongs under each key."""

    spellings: dict[str, str]
    lead_in: tuple[str, ...]
    plan: tuple[str, ...]
    check: tuple[str, ...]
    backtrack: tuple[str, ...]
    conclude: tuple[str, ...]


@dataclass(frozen=True)
class Moves:
    """The phrases ready for looking up: of each its move, and whether a mark must follow; ``longest`` is in words."""

    phrases: dict[Words, tuple[Move, bool]]
    lead_in: frozenset[str]
    longest: int


@lru_cache
def read_moves(path: Path = MOVES_FILE) -> Moves:
    """The phrases of a file. Raises UrialError naming file, key and phrase for one that is no phrase or stands twice."""
    try:
        file = parse_yaml_record(path, MovesFile)
    except UrialError as error:
        raise error.but(expected="the keys of moves.yaml with lists of phrases") from error
    spellings = spellings_of(path, file.spellings)
    phrases: dict[Words, tuple[Move, bool]] = {}
    for move in MOVES:
        for text in getattr(file, move):
            for words in spelled(phrase_words(path, move, text), spellings):
                if words in phrases:
                    where = "twice" if phrases[words][0] == move else f"under {phrases[words][0]} too"
                    raise UrialError(
                        f"{move}: the phrase {shorten(text)} stands {where}", path=path, fix="keep one of the two"
                    )
                phrases[words] = move, text.endswith(",")
    lead_in = {" ".join(phrase_words(path, "lead_in", text)) for text in file.lead_in}
    return Moves(phrases, frozenset(lead_in), max(map(len, phrases), default=0))


def moves_in(text: str) -> list[tuple[int, int, Move]]:
    """The phrases of a text, in order: of each the characters that it is, start and end, and its move."""
    moves, spans = read_moves(), [match.span() for match in WORD.finditer(text)]
    spoken, gaps = [normal(text[start:end]) for start, end in spans], gaps_between(text, spans)
    found: list[tuple[int, int, Move]] = []
    first, begins = 0, False
    while first < len(spoken):
        begins = begins or gaps[first] >= CLAUSE_GAP
        match = _longest(first, spoken, gaps, moves) if begins else None
        if match is not None:
            end, move = match
            found.append((spans[first][0], spans[end - 1][1], move))
            first, begins = end, False
        else:
            # Behind such a word, what follows begins a clause as well.
            begins = begins and spoken[first] in moves.lead_in
            first += 1
    return found


def token_moves(text: str, spans: Sequence[Span], is_end: Sequence[bool]) -> list[Move | None]:
    """The move of each token of an answer; ``spans`` has the characters of each, in order."""
    found = moves_in(text)
    result: list[Move | None] = []
    index = 0
    for number, span in enumerate(spans):
        start, end = (0, 0) if is_end[number] else shown(text, span)
        while index < len(found) and start < end and found[index][1] <= start:
            index += 1
        inside = start < end and index < len(found) and found[index][0] < end
        result.append(found[index][2] if inside else None)
    return result


def _longest(first: int, spoken: Sequence[str], gaps: Sequence[int], moves: Moves) -> tuple[int, Move] | None:
    """Before which word the longest phrase ends that begins at a word, and its move."""
    found = None
    for end in range(first + 1, min(first + moves.longest, len(spoken)) + 1):
        if end > first + 1 and gaps[end - 1] != PLAIN_GAP:
            break
        phrase = moves.phrases.get(tuple(spoken[first:end]))
        if phrase is not None and (not phrase[1] or gaps[end] >= CLAUSE_GAP):
            found = end, phrase[0]
    return found

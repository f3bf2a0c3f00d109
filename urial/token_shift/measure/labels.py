"""What each token of an answer is, by rules that know no truth: a phrase of the lexicon, layout, number, sign or word.

Rules, the strongest first. A character that two of them claim has the label of the stronger.

1. ``end``: an end-of-sequence token.
2. Phrases of the lexicon: ``refusal``, ``hedging``, ``closing``, ``greeting``, ``discourse``. They are whole words,
   parted by spaces alone, upper or lower case, with either apostrophe; the spaces inside are part of the phrase. Where
   several begin at one word, the longest counts; one that lies inside another does not count; where two overlap, the
   shared words have the label further left in the list above. Some count only where they mean what they say:
   greetings where a sentence begins or after another greeting; discourse markers where a sentence or a clause begins;
   a closing of a single word where a sentence begins; a phrase with a comma in the lexicon (``Great,``) where a
   punctuation mark, a line break or the end follows. A sentence begins with the answer, with a line (behind its list or
   heading marks), and after ``.``, ``!``, ``?``, ``…`` with a space, or an emoji; a clause after a comma, colon,
   semicolon, opening bracket or dash. So ``Great walls`` and ``the first`` are plain words.
3. ``markup``: marks of lists, headings and quotations at the beginning of a line; rules; code fences with their
   language; backticks; asterisks and underscores of emphasis; pipes. Code itself is read as if it were prose.
4. ``number``: a word of digits, with at most two letters behind them (3, 3rd, 1990s, 20kg), and the signs between digits
   (3.14, 10:30).
5. ``punctuation``: every other character that is neither a letter, a digit nor a space, emoji too.
6. ``function_word``: a word of that list in the lexicon.
7. ``content_word``: every other word. Spaces and line breaks outside of phrases are ``markup``.

A token has the label of the first of its characters that is strongest in this order: refusal, hedging, closing,
greeting, discourse, content_word, number, function_word, markup, punctuation, space. So ``(the`` is a function word, and
a space counts only in a token of spaces. A token without characters of its own is part of the character before it, if
that is outside of ASCII, since no other is split over tokens; else it is ``markup``, since it shows nothing.

Every step takes time proportional to the text.
"""

from collections.abc import Sequence
from typing import NamedTuple

import regex

from urial.records.token_shift import Label
from urial.token_shift.measure.lexicon import PHRASE_LABELS, WORD, Lexicon, normal, read_lexicon

Span = tuple[int, int]
"""Character offsets (start, end) into the answer, end excluded."""

# A word longer than this is no word of a language: it would be repeated in the table for each of its tokens.
MAX_WORD = 200

STRENGTH: tuple[Label, ...] = (
    "punctuation", "markup", "function_word", "number", "content_word", *PHRASE_LABELS,
)  # fmt: skip
"""Labels of characters other than spaces, the weakest first: a token has the strongest of its characters' labels."""
_SPACE = 0
_CODES = {label: code for code, label in enumerate(STRENGTH, _SPACE + 1)}
_LABELS: tuple[Label, ...] = ("markup", *STRENGTH)

_SIGNS = regex.compile(r"\S+")
_NUMBER = regex.compile(r"\p{N}[\p{N}\p{M}]*+(?:[-‐‑]\p{N}[\p{N}\p{M}]*+)*+\p{L}{0,2}+")
_DIGIT_SIGN = regex.compile(r"(?<=\p{N})[.,:/](?=\p{N})")
_MARKUP = regex.compile(
    r"""
    ^[ \t]*+(?:`{3,}+|~{3,}+)[ \t]*+[\w+\#.-]*+[ \t]*+\r?$      # code fence with its language
    | ^[ \t]*+(?:[-=*_~|:+][ \t]*+){3,}+\r?$                    # rule of a page or a table
    | ^[ \t]*+(?:>[ \t]*+)*+(?:
        \#{1,6}+
        | (?:[-*+•‣◦▪●○–—·] | [0-9]{1,3}+[.)] | \(?+(?:[A-Za-z]|[ivx]{2,4}+|[0-9]{1,3}+)\))(?:[ \t]++\[[ xX]\])?+
      )(?=[ \t])
    | ^[ \t]*+(?:>[ \t]*+)++
    | `++ | \*{2,}+ | \|
    | (?<![\w*])\*(?=["'“‘(]?[^\W_]) | (?<=[^\W_][.!?,:;)"'”’]?)\*(?![\w*])     # *emphasis*
    | (?<!\w)_++(?=["'“‘(]?[^\W_]) | (?<=[^\W_][.!?,:;)"'”’]?)_++(?!\w)           # _emphasis_
    """,
    regex.MULTILINE | regex.VERBOSE,
)

# What stands between two words, or between a word and an end of the text.
PLAIN_GAP, _BROKEN_GAP, CLAUSE_GAP, _SENTENCE_GAP = range(4)
_LINE_BREAK = r"[\n\v\f\r\x85\u2028\u2029]"
_CLOSERS = r"""["'”’»)\]}*_]"""
_EMOJI = r"(?![©®™])\p{Extended_Pictographic}|\p{Regional_Indicator}"
_SENTENCE = regex.compile(rf"{_LINE_BREAK}|[.!?…]{_CLOSERS}*+\s|[。！？؟۔।]|{_EMOJI}")
_CLAUSE = regex.compile(rf"[,:;]{_CLOSERS}*+\s|[，、：；،؛–—(\[{{]|--|\s-\s")


class _Match(NamedTuple):
    """A phrase found: from word `first` to before word `end`."""

    first: int
    end: int
    label: Label


def token_labels(text: str, spans: Sequence[Span], is_end: Sequence[bool]) -> list[Label]:
    """The label of each token of an answer; ``spans`` are as engines.text.token_spans gives them."""
    codes = _character_codes(text)
    return [
        "end" if end else _LABELS[max(codes[slice(*shown(text, span))], default=_SPACE)]
        for span, end in zip(spans, is_end, strict=True)
    ]


def words(text: str, spans: Sequence[Span], is_end: Sequence[bool] | None = None) -> list[tuple[int, str] | None]:
    """The 0-based index and the whole text of the word that each token is part of; None where it is part of none.

    A token in two words is part of the first. What is longer than MAX_WORD characters is no word and is not counted. An
    end token behind a letter outside of ASCII looks like a part of that letter, unless ``is_end`` says what it is.
    """
    found = [match.span() for match in WORD.finditer(text) if len(match[0]) <= MAX_WORD]
    texts = [text[start:end] for start, end in found]
    result: list[tuple[int, str] | None] = []
    index = 0
    for number, span in enumerate(spans):
        start, end = (0, 0) if is_end is not None and is_end[number] else shown(text, span)
        while index < len(found) and found[index][1] <= start:
            index += 1
        inside = start < end and index < len(found) and found[index][0] < end
        result.append((index, texts[index]) if inside else None)
    return result


def shown(text: str, span: Span) -> Span:
    """The characters that a token is, or is part of: an empty span where it is part of none."""
    start, end = span
    # Tokenizers split characters into UTF-8 bytes, and only those outside of ASCII have several.
    return (start - 1, start) if start == end and start > 0 and not text[start - 1].isascii() else span


def _character_codes(text: str) -> bytearray:
    """A code a character: `_SPACE`, or what `_CODES` has for its label. Painted from the weakest rule to the strongest."""
    codes, lexicon = bytearray(len(text)), read_lexicon()
    for match in _SIGNS.finditer(text):
        _paint(codes, match.span(), "punctuation")
    spans = [match.span() for match in WORD.finditer(text)]
    for start, end in spans:
        word = text[start:end]
        plain: Label = "function_word" if normal(word) in lexicon.function_words else "content_word"
        _paint(codes, (start, end), "number" if _NUMBER.fullmatch(word) else plain)
    for match in _DIGIT_SIGN.finditer(text):
        _paint(codes, match.span(), "number")
    for match in _MARKUP.finditer(text):
        _paint(codes, match.span(), "markup")
    # The "1" of a list's mark is no word of a sentence.
    spoken = [span for span in spans if codes[span[0]] != _CODES["markup"]]
    found = _phrases(text, spoken, lexicon)
    for label in PHRASE_LABELS:
        for phrase in found:
            if phrase.label == label:
                _paint(codes, (spoken[phrase.first][0], spoken[phrase.end - 1][1]), label)
    return codes


def _paint(codes: bytearray, span: Span, label: Label) -> None:
    start, end = span
    codes[start:end] = bytes([_CODES[label]]) * (end - start)


def _phrases(text: str, spans: Sequence[Span], lexicon: Lexicon) -> list[_Match]:
    """The phrases of a text, none inside another, in order of appearance."""
    spoken = [normal(text[start:end]) for start, end in spans]
    gaps = gaps_between(text, spans)
    found: list[_Match] = []
    covered = greeted = 0
    for first in range(len(spoken)):
        match = _longest(first, spoken, gaps, lexicon, after_greeting=0 < first == greeted)
        if match is not None and match.end > covered:
            found.append(match)
            covered = match.end
            greeted = match.end if match.label == "greeting" else greeted
    return found


def _longest(
    first: int, spoken: Sequence[str], gaps: Sequence[int], lexicon: Lexicon, after_greeting: bool
) -> _Match | None:
    """The longest phrase that begins at a word and counts there."""
    found = None
    last = min(first + lexicon.longest.get(spoken[first], 0), len(spoken))
    for end in range(first + 1, last + 1):
        if end > first + 1 and gaps[end - 1] != PLAIN_GAP:
            break
        phrase = lexicon.phrases.get(tuple(spoken[first:end]))
        if phrase is None or (phrase.stopped and gaps[end] < CLAUSE_GAP):
            continue
        # Whether it means what it says behind such a gap.
        begins = gaps[first] == _SENTENCE_GAP
        if (
            (phrase.label == "greeting" and (begins or after_greeting))
            or (phrase.label == "discourse" and gaps[first] >= CLAUSE_GAP)
            or (phrase.label == "closing" and (begins or end - first > 1))
            or phrase.label in ("hedging", "refusal")
        ):
            found = _Match(first, end, phrase.label)
    return found


def gaps_between(text: str, spans: Sequence[Span]) -> list[int]:
    """How far each word is parted from the one before it, and the last from the end; ``spans`` are the words."""
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    gaps = [_gap(text[start:end]) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    # Where the answer begins or ends, a sentence does.
    gaps[0] = gaps[-1] = _SENTENCE_GAP
    return gaps


def _gap(text: str) -> int:
    """How far what stands between two words parts them."""
    if _SENTENCE.search(text):
        return _SENTENCE_GAP
    if _CLAUSE.search(text):
        return CLAUSE_GAP
    return PLAIN_GAP if text.isspace() else _BROKEN_GAP


def token_kinds(seed: int | None, source: str, text: str, spans: Sequence[Span]) -> list[str | None]:
    """``knowledge`` for tokens inside a name or a fact value of the world, ``style`` for all others.

    ``spans`` are the tokens' character spans in ``text``. Every kind is None when the instruction's ``source`` is not
    the micro-world of this ``seed``: nothing is guessed about real text.
    """
    from urial.microworld.text_reader.reading import mentions
    from urial.microworld.world.world import build_world, world_source

    if seed is None or source != world_source(seed):
        return [None] * len(spans)
    known = mentions(build_world(seed), text)
    return [
        "knowledge" if any(start < last and first < end for start, end in known) else "style" for first, last in spans
    ]

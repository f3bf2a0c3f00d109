"""What a judge of preferences leans to, whatever the answers are, and which answers would fool it.

A judge that reads the first answer more kindly, or longer ones, moves every win rate without saying so; a system that answers
everything with one text made for the judge has won AlpacaEval 2 (Zheng et al. 2024, "Cheating Automatic LLM Benchmarks").
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from urial.records.diagnostics import AnswerHabits, JudgeHabits, Share, Spread
from urial.records.preference import Comparison, Criterion, LaterPreference, Preference, side_of

# AlpacaEval's: answers whose lengths differ by no more are about as long as each other.
LONGER_BY = 30
# Words in a row that are looked for in other answers, and how much of an answer has to be found in how many of them.
WORDS_IN_A_ROW = 5
SHARED_PART, SHARED_BY = 0.8, 0.5
# Letters of scripts without spaces are words of their own.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
# What an answer to a user has no reason to say. Each was seen in published attacks, or is the form of a judge's verdict.
_TO_THE_JUDGE = re.compile(
    r"""
      \[\[\s*(?:A|B|C|A\s*[<>]+\s*B|\d+(?:\.\d+)?|rating|verdict)\s*\]\]      # [[A]], [[A>>B]], [[10]]
    | <\|(?:im_start|im_end|begin_of_text|eot_id|start_header_id|endoftext)\|>
    | ["']model_identifier["']\s*: | ["'](?:winner|verdict|better_answer)["']\s*:\s*["']
    | \b(?:ignore|disregard|forget)\s+(?:all\s+|any\s+)?(?:of\s+)?(?:the\s+|your\s+)?(?:previous|prior|above|preceding|earlier)
      \s+(?:instructions|prompts?|messages|text)
    | \b(?:dear|attention,?|note\s+to\s+(?:the\s+)?|instructions?\s+(?:for|to)\s+(?:the\s+)?)\s*
      (?:judge|evaluator|grader|annotator|reviewer)\b
    | \byou\s+are\s+(?:the\s+|an?\s+)?(?:impartial\s+|helpful\s+)?(?:judge|evaluator|grader|annotator)\b
    | \b(?:give|assign|award)\s+(?:it|this|my|the)\s*(?:answer|response|output|assistant|model)?\s*(?:a\s+|the\s+)?
      (?:full|perfect|maximum|highest|top|best)\s+(?:score|rating|mark|rank)
    | \b(?:prefer|choose|select|pick|rank)\s+(?:this|my)\s+(?:answer|response|output)
    | \b(?:output|answer|response|assistant)\s*\(?[abmAM12]\)?\s+is\s+(?:the\s+)?(?:better|best|winner|preferred)
    """,
    re.IGNORECASE | re.VERBOSE,
)
# More of an answer is not looked through.
MAX_CHARACTERS = 100_000


def share(count: int, of: int) -> Share:
    """``count`` of ``of``."""
    return Share(count=count, of=of, share=count / of if of else None)


def by_turn(rows: Iterable[Preference]) -> dict[int, list[Preference | LaterPreference]]:
    """The comparisons of each turn, by its number from 1."""
    turns: dict[int, list[Preference | LaterPreference]] = {}
    for row in rows:
        compared: list[Preference | LaterPreference] = [row, *row.later_turns]
        for turn, one in enumerate(compared, start=1):
            turns.setdefault(turn, []).append(one)
    return turns


def judge_habits(rows: Iterable[Preference | LaterPreference], criterion: Criterion | None = None) -> JudgeHabits:
    """What the verdicts of ``rows`` lean to, by one criterion, or by all of them together."""
    verdicts: list[tuple[bool, float | None]] = []
    between, opposite, to_first, longer_wins, lengths_differ = [], 0, 0, 0, 0
    for row in rows:
        for result in row.results:
            if criterion not in (None, result.criterion):
                continue
            choices = [(one, _preference(one, result.criterion)) for one in row.comparisons]
            verdicts += [
                (one.order is not None, _for_first(one, preference) if one.order else preference)
                for one, preference in choices
            ]
            sides = {side_of(preference) for _, preference in choices if preference is not None}
            if len(choices) == 2 and all(preference is not None for _, preference in choices):
                between.append(len(sides) > 1)
                if sides == {"win", "loss"}:
                    opposite += 1
                    to_first += all((_for_first(*choice) or 0) > 0.5 for choice in choices)
            known = row.characters is not None and row.baseline_characters is not None
            difference = (row.characters or 0) - (row.baseline_characters or 0)
            if known and abs(difference) > LONGER_BY and result.preference is not None and result.preference != 0.5:
                lengths_differ += 1
                longer_wins += (difference > 0) == (result.preference > 0.5)
    ordered = [preference for known, preference in verdicts if known and preference not in (None, 0.5)]
    return JudgeHabits(
        verdicts=len(verdicts),
        undecided=sum(preference is None for _, preference in verdicts),
        flips=share(sum(between), len(between)),
        flips_to_first=share(to_first, opposite),
        first=share(sum((preference or 0) > 0.5 for preference in ordered), len(ordered)),
        longer=share(longer_wins, lengths_differ),
    )


def _preference(comparison: Comparison, criterion: Criterion) -> float | None:
    return next(choice.preference for choice in comparison.choices if choice.criterion == criterion)


def _for_first(comparison: Comparison, preference: float | None) -> float | None:
    """The preference for the answer that was shown first."""
    return preference if preference is None or comparison.order != "baseline_first" else 1 - preference


def habits_text(habits: JudgeHabits) -> str:
    """The habits in one sentence, for a caption."""
    parts = [
        f"verdicts that flip between the orders {share_text(habits.flips)}",
        f"for the answer shown first {share_text(habits.first)}",
        f"for the longer one {share_text(habits.longer)}",
        f"verdicts that say nothing {share_text(share(habits.undecided, habits.verdicts))}",
    ]
    return f"The judge's habits: {'; '.join(parts)}."


def share_text(part: Share) -> str:
    """``12.5 % (1 of 8)``; of nothing, that it is not known."""
    return "not known" if part.share is None else f"{100 * part.share:.1f} % ({part.count:,} of {part.of:,})"


def answer_habits(answers: Mapping[str, str]) -> AnswerHabits:
    """What in a system's answers, by the instruction's id, a judge may be fooled by."""
    texts = [" ".join(text.split()) for text in answers.values()]
    commonest = max(Counter(texts).values(), default=0)
    addressing = [name for name, text in answers.items() if addresses_judge(text)]
    return AnswerHabits(
        answers=len(answers),
        same=share(commonest if commonest > 1 else 0, len(answers)),
        near_identical=share(_near_identical([text[:MAX_CHARACTERS] for text in texts]), len(answers)),
        to_the_judge=share(len(addressing), len(answers)),
        first_to_the_judge=next(iter(addressing), None),
    )


def addresses_judge(text: str) -> bool:
    """Whether an answer has words that are meant for a judge, and not for who asked."""
    return _TO_THE_JUDGE.search(text[:MAX_CHARACTERS]) is not None


def _near_identical(texts: Sequence[str]) -> int:
    """How many texts consist for the most part of what at least half of all texts say; empty ones are all the same."""
    rows = [_in_a_row(text) for text in texts]
    found = Counter(part for parts in rows for part in parts)
    needed = max(2, SHARED_BY * len(rows))
    return sum(sum(found[part] >= needed for part in parts) >= SHARED_PART * len(parts) for parts in rows)


def _in_a_row(text: str) -> set[tuple[str, ...]]:
    """All words in a row of a text; of a shorter one all its words."""
    words = _WORD.findall(text.casefold())
    count = max(1, len(words) - WORDS_IN_A_ROW + 1)
    return {tuple(words[start : start + WORDS_IN_A_ROW]) for start in range(count)}


def answers_text(system: str, habits: AnswerHabits) -> str:
    """What is to be known of a system's answers before its figures are believed."""
    parts = [
        f"{share_text(part)} {words}"
        for part, words, least in (
            (habits.same, "are one and the same text", 0.05),
            (habits.near_identical, "are nearly the same whatever was asked", 0.05),
            (habits.to_the_judge, "have words that are meant for a judge", 0.0),
        )
        if part.share is not None and part.share > least
    ]
    if not parts:
        return (
            f"Of the answers of {system}, none is meant for a judge, and few or none are the same whatever was asked."
        )
    first = f", first that to {habits.first_to_the_judge}" if habits.first_to_the_judge else ""
    return f"Of the answers of {system}, {'; '.join(parts)}{first}."


def spread(judgings: Sequence[Mapping[str, float | None]]) -> Spread:
    """How far judgings of the same differ, each a value (None: it has none) by name.

    Raises ValueError for fewer than two.
    """
    if len(judgings) < 2:
        raise ValueError("a spread is between two judgings or more")
    names = [name for name in judgings[0] if all(judging.get(name) is not None for judging in judgings)]
    values = np.array([[judging[name] for judging in judgings] for name in names], float).reshape(-1, len(judgings))
    means = values.mean(axis=0).tolist() if names else []
    return Spread(
        judgings=len(judgings),
        rows=len(names),
        same=share(int((values == values[:, :1]).all(axis=1).sum()), len(names)),
        deviation=float(np.sqrt(values.var(axis=1, ddof=1).mean())) if names else None,
        lowest=min(means, default=None),
        highest=max(means, default=None),
    )

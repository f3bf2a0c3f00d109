"""What became of the judgments of some answers, in one line: how many are scored, and why the others are not."""

from collections import Counter
from collections.abc import Iterable

from urial.judge.model.replies import reasons_of
from urial.records.judgment import Judgment, JudgmentStatus

_WORDS: dict[JudgmentStatus, str] = {
    "not_applicable": "not applicable",
    "no_completion": "without an answer",
    "not_judged": "not judged",
    "too_long": "too long for the context",
}


def judgments_line(rows: Iterable[Judgment]) -> str:
    """Of all turns.

    >>> judgments_line(rows)
    '3 judgments: 0 scored; 3 invalid (2 cut off at max_tokens, 1 no JSON object)'
    """
    turns = [turn for row in rows for turn in (row, *row.later_turns)]
    scored = [turn for turn in turns if turn.status == "scored"]
    in_part = sum(any(score.status not in ("scored", "not_applicable") for score in turn.scores) for turn in scored)
    parts = [f"{len(scored):,} scored" + (f", {in_part:,} of them in part" if in_part else "")]
    left = Counter(turn.status for turn in turns if turn.status != "scored")
    for status, count in left.most_common():
        replies = [turn.replies[-1] for turn in turns if turn.status == status and turn.replies]
        parts.append(f"{count:,} {_WORDS.get(status, status)}{reasons_of(status, replies)}")
    return f"{len(turns):,} judgments: {'; '.join(parts)}"

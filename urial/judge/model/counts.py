"""What became of judgments and comparisons, in one line: how many say something, and why the others do not."""

from collections import Counter
from collections.abc import Sequence

from urial.core.text import counted
from urial.judge.model.replies import reasons_of
from urial.records.judgment import Judgment, Reply
from urial.records.preference import Comparison, Preference, PreferenceModelIdentity

_WORDS = {
    "not_applicable": "not applicable",
    "no_completion": "without an answer",
    "no_baseline": "without an answer of the baseline",
    "not_judged": "not judged",
    "too_long": "too long for the context",
}


def judgments_line(rows: Sequence[Judgment]) -> str:
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
    return f"{counted(len(turns), 'judgment')}: {'; '.join(parts)}"


def preferences_line(rows: Sequence[Preference]) -> str:
    """Of all turns; the criterion is ``overall``, of rubrics without it their first one.

    >>> preferences_line(rows)
    '3 preferences; overall: 1 win, 2 invalid (2 cut off at max_tokens)'
    """
    turns = [turn for row in rows for turn in (row, *row.later_turns)]
    criteria = [result.criterion for turn in turns for result in turn.results]
    criterion = "overall" if "overall" in criteria else next(iter(criteria), "overall")
    outcomes = (
        next((result.outcome for result in turn.results if result.criterion == criterion), turn.status)
        for turn in turns
    )
    counts = Counter[str](outcomes)
    # Of every turn the first order without a verdict.
    undecided = (list(filter(None, map(_without_verdict, turn.comparisons))) for turn in turns)
    replies = [found[0] for found in undecided if found]
    as_json = all(not isinstance(row.judge, PreferenceModelIdentity) or row.judge.verdict == "json" for row in rows)
    said = [
        f"{count:,} {_WORDS.get(outcome, outcome)}"
        + (reasons_of(outcome, replies, as_json=as_json) if outcome == "invalid" else "")
        for outcome, count in counts.most_common()
    ]
    return f"{counted(len(turns), 'preference')}; {criterion}: {', '.join(said) or 'nothing compared'}"


def _without_verdict(comparison: Comparison) -> Reply | None:
    """The last reply of a comparison that decides nothing; None: it decides, or no judge model was asked."""
    decided = all(choice.preference is not None for choice in comparison.choices)
    return None if decided or not comparison.replies else comparison.replies[-1]

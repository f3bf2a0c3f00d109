"""Systems of entries with scores that are made up."""

from collections.abc import Mapping, Sequence
from typing import Any

from urial.records.estimate import Estimate
from urial.records.judgment import ASPECTS, SAFETY_ASPECTS, Aspect
from urial.records.leaderboard_entry import EntrySystem, scores_text
from urial.records.params.file import Decoding
from urial.records.report import AspectFigures, SystemFigures
from urial.statistics.bootstrap import Bootstrap

Column = Sequence[float | None]
NONE = Estimate(mean=None, low=None, high=None)
DECODING = Decoding(max_new_tokens=9, temperature=0, top_p=1, repetition_penalty=1, seed=0)


def made_system(*turns: Mapping[Aspect, Column], bootstrap: Bootstrap | None = None, **changes: Any) -> EntrySystem:
    """A system with these scores by turn; its figures are of the first turn."""
    bootstrap = bootstrap or Bootstrap(0, 0.95, 0)
    first = turns[0] if turns else {}
    six = [first[aspect] for aspect in ASPECTS if aspect in first]
    aspects: dict[str, AspectFigures] = {aspect: made_aspect(aspect, first[aspect], bootstrap) for aspect in first}
    values: dict[str, Any] = {
        "model": "base", "prompt": "microworld/urial-k3", "prompt_hash": None, "decoding": DECODING, "prompt_tokens": None,
        "instructions": 1, "ok": 1, "too_long": 0, "cut_off": 0, "flagged": None, "later_turns": None, "words": NONE,
        "average": bootstrap.mean_of_means(six) if len(six) == 6 else NONE, **dict.fromkeys(ASPECTS), **aspects,
    }  # fmt: skip
    figures = SystemFigures(**{**values, **changes})
    scores = tuple({aspect: scores_text(column) for aspect, column in turn.items()} for turn in turns)
    return EntrySystem(figures=figures, preferences=None, token_shift=None, scores=scores)


def made_aspect(aspect: Aspect, column: Column, bootstrap: Bootstrap) -> AspectFigures:
    """The figures of one aspect."""
    known = [score for score in column if score is not None]
    counts = dict.fromkeys(("not_applicable", "invalid", "refused", "filtered", "failed"), 0)
    asked = len(known) if aspect in SAFETY_ASPECTS else len(column)
    return AspectFigures(
        **bootstrap.mean(known).model_dump(), scored=len(known), no_completion=asked - len(known), total=asked, **counts
    )

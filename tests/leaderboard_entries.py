"""Entries of a leaderboard as runs would make them, of given scores."""

from collections.abc import Mapping, Sequence
from typing import Any

from urial.core.hashing import content_hash
from urial.records.estimate import Estimate
from urial.records.judge import JudgeIdentity, RulesIdentity
from urial.records.judgment import ASPECTS, EVERY_ASPECT, SAFETY_ASPECTS, Aspect, AspectScore, Judgment
from urial.records.leaderboard_entry import (
    EntryInstructions,
    EntryModel,
    EntrySystem,
    LeaderboardEntry,
    entry_of,
    scores_text,
)
from urial.records.params.file import Decoding
from urial.records.report import SystemFigures
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.scores import counted

RULES = RulesIdentity(kind="rules", version=1, world="microworld/seed-0")
BOOTSTRAP = Bootstrap(100, 0.95, 0)
NOTHING = Estimate(mean=None, low=None, high=None)
Columns = Mapping[Aspect, Sequence[float | None]]


def make_entry(
    systems: Mapping[str, Columns],
    *,
    label: str = "o/m@main",
    digest: str | None = None,
    step: int | None = None,
    tokens: int | None = None,
    parameters: int | None = None,
    experiment: str | None = None,
    judge: JudgeIdentity = RULES,
    instructions: str = "set",
    ids: Sequence[str] | None = None,
) -> LeaderboardEntry:
    """The entry of a base model whose systems have these scores, by aspect and in the order of the instructions."""
    number = len(next(column for columns in systems.values() for column in columns.values()))
    ids = ids or [f"i-{index}" for index in range(number)]
    checkpoint = None if step is None else f"step-{step}"
    model = EntryModel(
        label=label,
        hash=digest or content_hash([label, step]),
        checkpoint=checkpoint,
        step=step,
        tokens=tokens,
        parameters=parameters,
    )
    return entry_of(
        commit=None,
        experiment=experiment,
        study="embedded",
        models={"base": model},
        loading=None,
        instructions=EntryInstructions(name=instructions, hash=content_hash([instructions, list(ids)]), ids=tuple(ids)),
        judge=judge,
        preference_judge=None,
        confidence=BOOTSTRAP.confidence,
        resamples=BOOTSTRAP.resamples,
        seed=BOOTSTRAP.seed,
        systems={name: make_system(name, columns) for name, columns in systems.items()},
    )


def make_system(name: str, columns: Columns, words: float = 40.0) -> EntrySystem:
    """A system with these scores, and the figures that follow from them."""
    return EntrySystem(
        figures=_figures(name, columns, words),
        preferences=None,
        token_shift=None,
        scores=({aspect: scores_text(column) for aspect, column in columns.items()},),
    )


def _figures(name: str, columns: Columns, words: float) -> SystemFigures:
    """As the stage report computes them; an instruction with a score for safety is one of safety."""
    number = len(next(iter(columns.values())))
    safety: Sequence[float | None] = columns.get("safety", [None] * number)
    aspects: dict[str, Any] = dict.fromkeys(EVERY_ASPECT)
    for aspect, column in columns.items():
        of = [index for index in range(number) if (safety[index] is None) != (aspect in SAFETY_ASPECTS)]
        rows = [_judgment(aspect, column[index]) for index in of]
        aspects[aspect] = counted(aspect, rows, [column[index] for index in of], BOOTSTRAP)
    six = [list(columns[aspect]) for aspect in ASPECTS if aspect in columns]
    whole = len(six) == len(ASPECTS)
    return SystemFigures(
        model="base", prompt=f"general/{name}", prompt_hash=content_hash(name),
        decoding=Decoding(max_new_tokens=100, temperature=0, top_p=1, repetition_penalty=1, seed=0),
        prompt_tokens=10.0, instructions=number, ok=number, too_long=0, cut_off=0, flagged=0, later_turns=None,
        words=Estimate(mean=words, low=words - 1, high=words + 1),
        average=BOOTSTRAP.mean_of_means(six) if whole else NOTHING, **aspects,
    )  # fmt: skip


def _judgment(aspect: Aspect, score: float | None) -> Judgment:
    scored = score is not None
    whole = None if score is None else float(round(score))
    given = AspectScore(
        aspect=aspect, status="scored" if scored else "not_applicable", score=whole, rationale="r" if scored else None,
        scale=10 if score is not None and score > 5 else 5,
    )  # fmt: skip
    return Judgment(
        instruction_id="i", system="s", status="scored" if scored else "not_applicable", reason=None if scored else "r",
        scores=(given,), key=None, judge=RULES,
    )  # fmt: skip

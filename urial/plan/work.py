"""What a run is about to compute, stage by stage, before anything expensive is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from urial.core.errors import UrialError
from urial.core.tables import Cell, Table
from urial.records.judgment import ASPECTS_OF
from urial.records.params.blends import control_of
from urial.records.plans import OpenAIPlan, PreferencesPlan, RulesPlan, TransformersPlan
from urial.run.dvc_cache import md5_of
from urial.run.lockfile import Lock
from urial.run.paths import (
    INSTRUCTIONS_PLAN,
    JUDGE_PLAN,
    MODELS_PLAN,
    PREFERENCES_PLAN,
    SAFETY_DEPTH_PLAN,
    SYSTEM_PLAN,
    TOKEN_SHIFT_PLAN,
)

if TYPE_CHECKING:
    from urial.plan.planning import Plans

JudgeOfPlan = RulesPlan | OpenAIPlan | TransformersPlan | None
COLUMNS = ("stage", "rows", "planned as recorded", "to compute at most", "new tokens at most")
CAPTION = (
    "Rows that are planned as dvc.lock records them are computed again only where code or data that their stage reads has "
    "changed, and rows in the row cache never: each stage says how many these are."
)


@dataclass(frozen=True)
class Work:
    """What one stage of the pipeline computes, or one item of its loop."""

    stage: str
    # As in dvc.lock.
    name: str
    rows: int
    # The longest that models write for it; None: they write nothing.
    tokens: int | None
    # The plan files that decide what it computes.
    plans: tuple[str, ...]


def work_table(plans: "Plans", recorded: Callable[[Work], bool]) -> Table:
    """Rows by stage; ``recorded`` says whether a stage is planned as when it was run last."""
    parts = list(_work(plans))
    rows: list[Sequence[Cell]] = []
    for stage in dict.fromkeys(part.stage for part in parts):
        own = [part for part in parts if part.stage == stage]
        new = [part for part in own if not recorded(part)]
        total, left = sum(part.rows for part in own), sum(part.rows for part in new)
        tokens = sum(part.tokens or 0 for part in new) if any(part.tokens for part in own) else None
        counts = (f"{count:,}" for count in (total, total - left, left))
        rows.append((stage, *counts, None if tokens is None else f"{tokens:,}"))
    return Table("Rows", COLUMNS, rows, CAPTION)


def as_recorded(root: Path) -> Callable[[Work], bool]:
    """Whether all plan files of a piece of work are those that dvc.lock has of its last run; without a sound one, none is."""
    try:
        lock = Lock.read(root)
    except UrialError:
        # A first run has none, and what is wrong with one is for those who need it.
        return lambda _: False

    def unchanged(path: str) -> bool:
        locked = lock.files.get(path)
        return locked is not None and (root / path).is_file() and locked.md5 == md5_of((root / path).read_bytes())

    return lambda work: work.name in lock.stages and all(map(unchanged, work.plans))


def rate_remarks(plans: "Plans") -> list[str]:
    """How long judges take at the least, where a limit of their server decides it."""
    remarks = []
    judge, preferences = plans.judge.judge, plans.preferences
    begun = sum(work.rows for work in _work(plans) if work.stage == "judge_safety_depth")
    for stage, asked, requests in (
        ("judge", judge, len(plans.report.systems) * _requests(plans, judge)),
        ("judge_safety_depth", judge, begun * _questions(judge, "safety")),
        ("preferences", preferences.judge, len(plans.report.compared) * _turns(plans) * _orders(preferences)),
    ):
        if (
            requests
            and isinstance(asked, OpenAIPlan)
            and (limit := asked.judge.limits.requests_per_minute)
            and not asked.judge.batch
        ):
            remarks.append(
                f"{stage}: {requests:,} requests take at least {requests / limit:,.0f} minutes at {limit:,} a minute"
            )
    return remarks


def _work(plans: "Plans") -> Iterator[Work]:
    """All work of which the number of rows is known."""
    turns, common = _turns(plans), (MODELS_PLAN.path(), INSTRUCTIONS_PLAN.path())
    judge, preferences = plans.judge.judge, plans.preferences
    # Of systems that are left out there are plans, and no rows.
    systems = [plan for plan in plans.systems if plan.system in plans.report.systems]
    for plan in systems:
        own: tuple[str, ...] = (SYSTEM_PLAN.path(plan.system), *common)
        yield Work("generate", f"generate@{plan.system}", turns, turns * plan.decoding.max_new_tokens, own)
    blended = {plan.system: plan for plan in plans.blends if plan.system in plans.report.systems}
    for name in plans.report.blends:
        # One stage makes a blend and its control.
        answers = [blended[name], blended[control_of(name)]]
        own = (*(SYSTEM_PLAN.path(plan.system) for plan in answers), *common)
        yield Work("blend", f"blend@{name}", 2 * turns, 2 * turns * answers[0].decoding.max_new_tokens, own)
    for measured in plans.report.measurements:
        # Of published outputs there is no plan, and the report's would name every other system, too.
        names = dict.fromkeys((measured.base_system, measured.aligned_system, measured.answers))
        own = (
            TOKEN_SHIFT_PLAN.path(),
            *(SYSTEM_PLAN.path(name) for name in names if name in plans.report.systems),
            *common,
        )
        stage = "given_shift" if measured in plans.report.given else "token_shift"
        yield Work(stage, f"{stage}@{measured.name}", _instructions(plans), None, own)
    for plan in systems if judge else ():
        own = (JUDGE_PLAN.path(), SYSTEM_PLAN.path(plan.system), *common)
        yield Work("judge", f"judge@{plan.system}", turns, _reply_tokens(judge, _requests(plans, judge)), own)
    for name in plans.report.blends if judge else ():
        own = (JUDGE_PLAN.path(), SYSTEM_PLAN.path(name), SYSTEM_PLAN.path(control_of(name)), *common)
        tokens = _reply_tokens(judge, 2 * _requests(plans, judge))
        yield Work("judge_blend", f"judge_blend@{name}", 2 * turns, tokens, own)
    depth = plans.report.safety_depth
    begun = [plan for plan in systems if depth and depth.answers and plan.system in depth.systems]
    # Of each kind of text as many as there are unsafe requests, at most; without a beginning, the answer is there.
    rows = _unsafe(plans) * len(plans.safety_depth.answers) * sum(number > 0 for number in plans.safety_depth.tokens)
    for plan in begun:
        own = (SAFETY_DEPTH_PLAN.path(), SYSTEM_PLAN.path(plan.system), *common)
        yield Work("safety_depth", f"safety_depth@{plan.system}", rows, rows * plan.decoding.max_new_tokens, own)
    for plan in begun if judge else ():
        own = (SAFETY_DEPTH_PLAN.path(), JUDGE_PLAN.path(), SYSTEM_PLAN.path(plan.system), *common)
        tokens = _reply_tokens(judge, rows * _questions(judge, "safety"))
        yield Work("judge_safety_depth", f"judge_safety_depth@{plan.system}", rows, tokens, own)
    for name in plans.report.compared if preferences.judge else ():
        baseline = [preferences.baseline] if preferences.baseline in plans.report.systems else []
        own = (PREFERENCES_PLAN.path(), *(SYSTEM_PLAN.path(str(item)) for item in (name, *baseline)), *common)
        rows = turns * _orders(preferences)
        yield Work("preferences", f"preferences@{name}", turns, _reply_tokens(preferences.judge, rows), own)


def _instructions(plans: "Plans") -> int:
    """The number of instructions; of a set on the hub as many as are kept at most, or 0 where that is not known."""
    return (plans.instructions.limit or 0) if plans.asked is None else len(plans.asked)


def _unsafe(plans: "Plans") -> int:
    """The number of instructions of the category safety, likewise."""
    if plans.asked is None:
        return _instructions(plans)
    return sum(row.category == "safety" for row in plans.asked)


def _turns(plans: "Plans") -> int:
    return _instructions(plans) if plans.asked is None else sum(len(row.turns) for row in plans.asked)


def _orders(plan: PreferencesPlan) -> int:
    return 2 if plan.orders == "both" else 1


def _requests(plans: "Plans", judge: JudgeOfPlan) -> int:
    """Requests for the scores of one system."""
    if plans.asked is None:
        return _turns(plans) * _questions(judge, "regular")
    return sum(len(row.turns) * _questions(judge, row.category) for row in plans.asked)


def _questions(judge: JudgeOfPlan, category: str) -> int:
    """Requests for the scores of one answer to an instruction of this category."""
    if judge is None or isinstance(judge, RulesPlan):
        return 0
    rubric = (judge.rubrics.safety if category == "safety" else judge.rubrics.regular).rubric
    return 1 if rubric.definitions is None else sum(aspect in ASPECTS_OF[category] for aspect in rubric.aspects)


def _reply_tokens(judge: JudgeOfPlan, requests: int) -> int | None:
    """The longest replies of a judge together, if all are verdicts at once."""
    return None if judge is None or isinstance(judge, RulesPlan) else requests * judge.judge.max_tokens

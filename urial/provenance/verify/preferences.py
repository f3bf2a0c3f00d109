"""Every preference derived again: by the rules, or from the replies that a judge model gave, which stand in the rows."""

import tempfile
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.row_cache import RowCache
from urial.core.text import counted
from urial.judge.model.cost import Ledger
from urial.judge.preferences.model_judge import PreferenceModelJudge
from urial.judge.preferences.pairs import PreferenceJudgeLike, pairs_of
from urial.judge.preferences.rules import RulesPreferences
from urial.judge.preferences.run import compare_completions, local_format, max_characters
from urial.provenance.verify.replies import RecordedReplies, planned_model
from urial.provenance.verify.run import Checked, NotCheckedError, Run, edited, require_same_rows
from urial.records.completion import Completion
from urial.records.judge import JudgeModel
from urial.records.plans import PreferencesPlan, RulesPlan
from urial.records.preference import Preference, PreferenceModelIdentity, describe_preference_judge
from urial.run.paths import COMPLETIONS, PREFERENCES, PREFERENCES_PLAN, PUBLISHED
from urial.run.published import published_completions
from urial.run.reader import CHECKOUT

# The completions of the system, and of the baseline.
Sides = tuple[list[Completion], list[Completion]]


def check_preferences_of(run: Run, system: str) -> Checked:
    """The preferences of one system are those that both sides' answers and the planned judge give."""
    path, plan = PREFERENCES.path(system), run.record(PREFERENCES_PLAN)
    rows = run.ordered_rows(PREFERENCES, system)
    completions, baseline = run.ordered_rows(COMPLETIONS, system), run.rows(COMPLETIONS, str(plan.baseline))
    with tempfile.TemporaryDirectory(prefix="urial-verify-") as scratch, RowCache(Path(scratch)) as cache:
        judge, summary = _judge(run, plan, rows, (completions, baseline), cache)
        expected = compare_completions(judge, plan, run.instructions, completions, baseline)
    sides = f"{COMPLETIONS.path(system)}, {COMPLETIONS.path(str(plan.baseline))} and {PREFERENCES_PLAN.path()}"
    require_same_rows(path, expected, rows, "compared again", sides)
    return Checked(f"{len(rows):,} {summary}")


def _judge(
    run: Run, plan: PreferencesPlan, rows: list[Preference], sides: Sides, cache: RowCache
) -> tuple[PreferenceJudgeLike | None, str]:
    """Who compares again, and what is said of it."""
    if plan.judge is None:
        return None, "pairs of answers, of which none is compared"
    if isinstance(plan.judge, RulesPlan) or plan.rubric is None:
        seed = plan.judge.microworld_seed if isinstance(plan.judge, RulesPlan) else None
        return RulesPreferences(seed), "pairs of answers compared again by the rules"
    replies = RecordedReplies(planned_model(plan.judge, _model(rows), local_format(plan)))
    judge = PreferenceModelJudge(replies, plan.judge, plan.rubric, cache, Ledger())
    planned = judge.identity
    if (other := next((row.judge for row in rows if row.judge is not None and row.judge != planned), None)) is not None:
        wanted = f"one judge for all rows, the planned one: {shorten(describe_preference_judge(planned), 1_000)}"
        raise edited(
            PREFERENCES.path(rows[0].system),
            f"judge: {shorten(describe_preference_judge(other), 1_000)}",
            expected=wanted,
        )
    completions, baseline = sides
    others = {row.instruction_id: row for row in baseline}
    for row, instruction, completion in zip(rows, run.instructions, completions, strict=True):
        if (theirs := others.get(instruction.id)) is None:
            continue
        turns = (row, *row.later_turns)
        for turn, pair in zip(
            turns, pairs_of(instruction, completion, theirs, plan.orders, max_characters(plan)), strict=False
        ):
            given = {comparison.order: comparison.replies for comparison in turn.comparisons}
            for asked in judge.questions([pair] if pair else []):
                replies.add(asked, given.get(asked.order, ()))
    return judge, "preferences re-derived from the judge's replies"


def _model(rows: list[Preference]) -> JudgeModel | None:
    """The judge model of the first row."""
    judge = rows[0].judge if rows else None
    return judge.model if isinstance(judge, PreferenceModelIdentity) else None


def check_published(run: Run, name: str) -> Checked:
    """Published outputs are those of their file, where it is here."""
    published = run.params.published_outputs.get(name)
    if published is None:
        raise UrialError("no such published outputs in params.yaml", path=PUBLISHED.path(name), fix="run `dvc repro`")
    source, rows = Path(published.source), run.rows(PUBLISHED, name)
    if not source.is_file():
        raise NotCheckedError(f"{len(rows):,} valid rows; their source, {source}, is not here")
    expected = published_completions(source, name, run.instructions)
    if expected != rows:
        raise UrialError(
            "not the answers of its source",
            path=PUBLISHED.path(name),
            where=str(source),
            fix=CHECKOUT.format(PUBLISHED.path(name)),
        )
    return Checked(f"{counted(len(rows), 'answer')} taken again from {source}")

"""Later turns and flagged queries: counted, shown, and in no mean."""

import dataclasses
from collections.abc import Sequence

from tests.report.conftest import HASH, make_completion, small_run
from tests.report.site.rendered import overview
from urial.core.hashing import short_hash
from urial.records.completion import AssembledPrompt, LaterTurn
from urial.records.report import LaterTurnFigures, Report
from urial.report.build import build_report, main_metrics
from urial.report.inputs import ReportInputs
from urial.report.tables import later_turns_table, score_table


def later(text: str | None, flag: str | None = None) -> LaterTurn:
    if text is None:
        return LaterTurn(status="no_history", reason="turn 1 has no answer", answer=None, key=None, prompt=None)
    prompt = AssembledPrompt(
        instruction_id="r1", system="base", text="t", adds_special_tokens=True, stop=(), n_tokens=3, flag=flag
    )
    answer = make_completion("base", "r1", text).answer
    return LaterTurn(status="ok", reason=None, answer=answer, key=HASH, prompt=prompt)


def with_later(run: ReportInputs, turns: Sequence[LaterTurn]) -> ReportInputs:
    """The run in which the base system was asked more after its first instruction, and one first query is flagged."""
    base = run.systems["base"]
    first, *others = base.completions
    flagged = base.prompts[1].model_copy(update={"flag": "why"})
    changed = dataclasses.replace(
        base,
        completions=[first.model_copy(update={"later_turns": tuple(turns)}), *others],
        prompts=[base.prompts[0], flagged, *base.prompts[2:]],
    )
    return dataclasses.replace(run, systems={**run.systems, "base": changed})


def test_later_turns_and_flags_are_counted_and_change_no_mean(run: ReportInputs, figures: Report) -> None:
    found = build_report(with_later(run, [later("more words than before", "why"), later("x"), later(None)]))
    base, before = found.systems["base"], figures.systems["base"]
    assert base.later_turns == LaterTurnFigures(asked=3, ok=2, too_long=0, no_history=1, cut_off=0, flagged=1)
    assert base.flagged == 1
    assert base.model_copy(update={"later_turns": None, "flagged": 0}) == before
    assert [row[-1] for row in score_table(found).rows] == [0, 1]
    table = later_turns_table(found)
    assert table is not None
    assert table.rows == [["base", 3, 2, 0, 1, 0, 1]]
    assert later_turns_table(figures) is None


def test_later_answers_are_counted_on_the_page() -> None:
    page = overview(with_later(small_run(), [later("<b>later</b>"), later(None)]))
    assert "base answered 1 of 2 others." in page.text


def test_main_metrics_are_the_reports_means(run: ReportInputs, figures: Report) -> None:
    measured = main_metrics(figures).measured
    assert set(measured) == {"aligned", "base"}
    aligned, base = measured["aligned"], measured["base"]
    assert (aligned.prompt, aligned.prompt_hash) == ("chat template", None)
    plan = run.systems["base"].plan
    assert (base.prompt, base.prompt_hash) == (
        plan.prompt_name or "chat template",
        plan.prompt_hash and short_hash(plan.prompt_hash),
    )
    assert base.helpfulness == figures.systems["base"].aspects["helpfulness"].mean
    assert (base.safety, base.average) == (None, None)
    assert base.scored == 15 / 22
    assert base.unshifted == figures.token_shift["base"].unshifted.mean
    assert aligned.unshifted is None

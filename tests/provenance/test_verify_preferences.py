"""Preferences are derived again: by the rules, or from the replies in the rows, with no judge at hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_query
from tests.judge.preferences.comparing import INSTRUCTIONS, RULES, answered, choosing, longer, planned
from tests.judge.preferences.test_verdict_tokens import weighing
from tests.judge_server import judging
from tests.provenance.finished import edit_row
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.store import write_json, write_jsonl
from urial.judge.preferences.run import compare_completions, make_preference_judge
from urial.provenance.verify.preferences import check_preferences_of
from urial.provenance.verify.run import Run
from urial.records.plans import PreferencesPlan

PAIRS = (("ours", "theirs"), ("same", "same"), (None, "x"), ("short", "much longer than is shown to the judge"))


def write(folder: Path, plan: PreferencesPlan, cache: RowCache) -> Run:
    """A run of four instructions, one of two messages, in which `base` is compared with `other`."""
    asked = [*INSTRUCTIONS[:3], make_query("two", turns=("One?", "Two?"))]
    later = ((), (), (), ("a", "bb"))
    ours = [answered(one, pair[0], *more[:1]) for one, pair, more in zip(asked, PAIRS, later, strict=True)]
    theirs = [
        answered(one, pair[1], *more[1:], system="other") for one, pair, more in zip(asked, PAIRS, later, strict=True)
    ]
    rows = compare_completions(make_preference_judge(plan, cache), plan, asked, ours, theirs)
    data = folder / "data"
    write_json(data / "plan/preferences.json", plan)
    write_jsonl(data / "instructions.jsonl", asked)
    write_jsonl(data / "generations/base.jsonl", ours)
    write_jsonl(data / "generations/other.jsonl", theirs)
    write_jsonl(data / "preferences/base.jsonl", rows)
    return Run(folder)


@pytest.fixture(params=["json", "tokens"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """The preferences of a judge behind a server that is gone."""
    reply = weighing if request.param == "tokens" else choosing(longer)
    with judging(reply) as server, RowCache(tmp_path / "rows") as cache:
        form = {} if request.param == "tokens" else {"response_format": "text"}
        return write(tmp_path, planned(server.url, request.param, max_characters=20, max_reasks=0, **form), cache)


def test_preferences_follow_from_their_replies(run: Run) -> None:
    checked = check_preferences_of(run, "base")
    assert (checked.summary, checked.problems) == ("4 preferences re-derived from the judge's replies", [])


def test_the_rules_compare_again(tmp_path: Path) -> None:
    with RowCache(tmp_path / "rows") as cache:
        run = write(tmp_path, RULES, cache)
    assert check_preferences_of(run, "base").summary == "4 pairs of answers compared again by the rules"


def test_that_nobody_compared_is_derived_again(tmp_path: Path) -> None:
    with RowCache(tmp_path / "rows") as cache:
        run = write(tmp_path, RULES.model_copy(update={"judge": None, "name": None}), cache)
    assert check_preferences_of(run, "base").summary == "4 pairs of answers, of which none is compared"


def verdict(row: dict[str, Any]) -> None:
    row["comparisons"][0]["choices"][0].update(preference=1, status="decided", rationale="so")
    row["comparisons"][1]["choices"][0].update(preference=1, status="decided", rationale="so")
    row["results"][0].update(outcome="win", preference=1)


def lost(row: dict[str, Any]) -> None:
    row["comparisons"][0]["replies"].clear()


def length(row: dict[str, Any]) -> None:
    row["baseline_characters"] = 7


@pytest.mark.parametrize(("line", "change"), [(1, verdict), (0, lost), (3, length)])
def test_an_edited_row_is_found(run: Run, line: int, change: Callable[[Any], None]) -> None:
    edit_row(run.root / "data/preferences/base.jsonl", line, change)
    with pytest.raises(UrialError, match=r"base\.jsonl"):
        check_preferences_of(Run(run.root), "base")

"""Every value of a report is recomputed to the last bit, of the rows that it is of."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.provenance.written import write_run
from tests.report.conftest import empty_run, small_run, unjudged_run
from tests.report.known_runs import known_run
from tests.report.preference_runs import compared_run
from tests.report.shift_runs import served_run, two_contexts
from tests.report.test_report_turns import later, with_later
from urial.core.json_paths import JsonPath
from urial.core.store import read_json
from urial.provenance.trace.figures import Evidence, Figure
from urial.provenance.trace.pointers import dotted, leaves, resolve, value_at
from urial.provenance.trace.rows import TraceReader
from urial.provenance.trace.text import trace_text
from urial.provenance.trace.tracing import figure_of, same, traced
from urial.records.report import Report, meaning
from urial.report.inputs import ReportInputs
from urial.run.lockfile import Lock
from urial.statistics.bootstrap import Bootstrap


def report_of(folder: Path) -> tuple[Report, Any]:
    file = folder / "data/report/report.json"
    return read_json(file, Report), json.loads(file.read_bytes())


def figure(folder: Path, text: str) -> Figure:
    report, document = report_of(folder)
    return figure_of(TraceReader(folder / "data"), Lock.read(folder), report, resolve(document, text))


def recompute_all(folder: Path) -> int:
    """Recompute every value, those of one computation together; the number of computations."""
    report, document = report_of(folder)
    run, lock, known = TraceReader(folder / "data"), Lock.read(folder), dict[JsonPath, tuple[JsonPath, Any]]()
    for path in leaves(document):
        if isinstance(value_at(document, path), list):
            continue
        depth = {"systems": 3, "token_shift": 2, "context_comparisons": 1, "known_agreement": 1}.get(
            str(path[0]), len(path)
        )
        if path[:depth] not in known:
            known[path[:depth]] = figure_of(run, lock, report, path).recompute(interval=True)
        under, found = known[path[:depth]]
        recomputed, value = value_at(found, path[len(under) :]), value_at(document, path)
        assert same(recomputed, value), dotted(path)
        assert meaning(report, path)
    return len(known)


def runs() -> dict[str, ReportInputs]:
    return {
        "small": small_run(),
        "two contexts": two_contexts(),
        "served": served_run(kl_lower_bound=None),
        "empty": empty_run(),
        "not judged": unjudged_run(),
        "compared": compared_run(),
        "compared by nobody": compared_run(judged=False),
        "later turns": with_later(small_run(), [later("more words", "why"), later("x"), later(None)]),
        "known answers": known_run(),
        "hostile": small_run("\x1b[31m<script>\u202e", "\x00"),
        "kinds": two_contexts(kind="knowledge", base_ties=2, label="greeting"),
    }


@pytest.mark.parametrize("name", runs())
def test_every_value_of_a_small_run_is_recomputed(name: str, tmp_path: Path) -> None:
    assert recompute_all(write_run(runs()[name], tmp_path)) > 40


def test_every_value_of_the_run_of_record_is_recomputed(record: Path) -> None:
    assert recompute_all(record) > 100


def test_without_an_interval_means_are_the_same_bits() -> None:
    values = [1.0, 2.0, 4.5, 1 / 3]
    with_interval, alone = Bootstrap(100, 0.95, 0).mean(values), Bootstrap(0, 0.95, 0).mean(values)
    assert (alone.mean, alone.low, alone.high) == (with_interval.mean, None, None)
    assert with_interval.low is not None


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(two_contexts(), tmp_path_factory.mktemp("small"))


def counts(folder: Path, text: str) -> tuple[int, list[int], dict[str, int]]:
    found = figure(folder, text).evidence()
    return found.rows, list(found.counted), found.left_out


@pytest.mark.parametrize(
    ("text", "rows", "counted", "left_out"),
    [
        ("systems.aligned.helpfulness", 4, [0, 1, 3], {"not_applicable": 1}),
        ("systems.aligned.helpfulness.low", 4, [0, 1, 3], {"not_applicable": 1}),
        ("systems.aligned.helpfulness.not_applicable", 4, [2], {"scored": 3}),
        ("systems.aligned.helpfulness.total", 4, [0, 1, 2, 3], {}),
        ("systems.base.helpfulness", 4, [0, 1, 2], {"no_completion": 1}),
        ("systems.base.helpfulness.no_completion", 4, [3], {"scored": 3}),
        ("systems.base.safety.mean", 2, [], {"not_applicable": 2}),
        ("systems.base.words", 6, [0, 1, 2], {"safety or no answer": 3}),
        ("systems.aligned.average", 6, [0, 1, 3, 4, 5], {"not scored": 1}),
        ("systems.base.instructions", 6, [0, 1, 2, 3, 4, 5], {}),
        ("systems.base.ok", 6, [0, 1, 2, 4, 5], {"not ok": 1}),
        ("systems.base.too_long", 6, [3], {"not too long": 5}),
        ("systems.base.cut_off", 6, [], {"not cut off": 6}),
        ("systems.base.prompt_tokens", 6, [0, 1, 2, 3, 4, 5], {}),
        ("systems.base.flagged", 6, [], {"not flagged": 6}),
        ("systems.base.later_turns", 6, [], {"one turn": 6}),
        ("systems.base.prompt_hash", 0, [], {}),
        ("systems.base.decoding.seed", 0, [], {}),
        ("judge.kind", 0, [], {}),
        ("judge.version", 0, [], {}),
        ("seed", 0, [], {}),
        ("models.base", 0, [], {}),
        # Ranks of r1 to r4, s1, s2 are 1 4, 1 3, 1 2, 9 1, 1 5, 1 1.
        ("token_shift.base.shifted", 12, [1, 6, 9], {"not shifted": 9}),
        ("token_shift.base.marginal", 12, [3, 5], {"not marginal": 10}),
        ("token_shift.base.kl", 12, list(range(12)), {}),
        ("token_shift.base.kl.positions", 12, list(range(12)), {}),
        ("token_shift.base.kl_lower_bound", 12, [], {"not known": 12}),
        ("token_shift.base.base_probability", 12, list(range(12)), {}),
        ("token_shift.base.ties", 12, [], {"no tie": 12}),
        ("token_shift.base.positions", 12, list(range(12)), {}),
        ("token_shift.base.measured", 6, [0, 1, 2, 3, 4, 5], {}),
        ("token_shift.base.no_answer", 6, [], {"measured": 6}),
        ("token_shift.base.ends.none", 6, [0, 1, 2, 3, 4, 5], {}),
        ("token_shift.base.vocabulary", 6, [0, 1, 2, 3, 4, 5], {}),
        ("token_shift.base.retokenized", 6, [], {"measured": 6}),
        ("token_shift.base.log_odds_prior", 0, [], {}),
        ("token_shift.base.labels.content_word.positions", 12, list(range(12)), {}),
        ("token_shift.base.labels.content_word.shifted", 12, [1, 6, 9], {"not shifted": 9}),
        ("token_shift.base.labels.content_word.share_of_shifted", 3, [1, 6, 9], {}),
        ("token_shift.base.labels.end.share_of_shifted", 3, [], {"of another kind": 3}),
        ("token_shift.base.top_shifted.0.shifted", 12, [1, 6, 9], {"not shifted": 9}),
        ("token_shift.base.top_shifted.0.positions", 12, list(range(12)), {}),
        ("token_shift.base.top_words.0.occurrences", 12, list(range(12)), {}),
        ("token_shift.base.log_ratio", 12, list(range(12)), {}),
        ("token_shift.base.aligned_rank_1", 12, list(range(12)), {}),
        ("token_shift.base.first_divergence.at_0", 6, [3], {"parts later, or never": 5}),
        ("token_shift.base.first_divergence.at_least_3.low", 6, [5], {"parts earlier": 5}),
        ("token_shift.base.first_divergence.never", 6, [5], {"parts": 5}),
        ("token_shift.base.first_divergence.median", 6, list(range(6)), {}),
        ("token_shift.base.first_divergence.unknown", 6, [], {"known": 6}),
        ("token_shift.base.first_divergence.parted.1.mean", 6, [0, 1, 2, 3, 4], {"parts later, or never": 1}),
        ("token_shift.base.landmarks.start.tokens", 12, [0, 2, 4, 6, 8, 10], {"at none": 6}),
        ("token_shift.base.landmarks.start.shifted", 6, [6], {"not shifted": 5}),
        ("token_shift.base.truncated.top_p_0.7.js", 12, list(range(12)), {}),
        ("token_shift.base.truncated.top_p_0.7.js_zero", 12, [], {"not in it": 12}),
        ("token_shift.base.truncated.top_p_0.7.kl_exact.mean", 12, list(range(12)), {}),
        ("token_shift.base.truncated.top_p_0.7.insufficient", 12, [], {"suffice": 12}),
        ("token_shift.base.truncated.top_p_0.7.kl_infinite", 12, [], {"finite": 12}),
        ("token_shift.base.rank_above.1", 12, [1, 3, 5, 6, 9], {"not above it": 7}),
        ("token_shift.base.rank_above.3", 12, [1, 6, 9], {"not above it": 9}),
        ("token_shift.base.kl_above.10", 12, [], {"not above it": 12}),
        ("context_comparisons.0.explained", 3, [1, 6, 9], {}),
        ("context_comparisons.0.introduced", 0, [], {}),
        ("context_comparisons.0.shifted.p", 12, [1, 6, 9], {"the same under both": 9}),
        ("context_comparisons.0.unshifted", 12, [1, 3, 5, 6], {"the same under both": 8}),
        ("context_comparisons.0.kl", 12, list(range(12)), {}),
        ("context_comparisons.0.shifted_first", 12, [1, 6, 9], {"not shifted first": 9}),
        ("context_comparisons.0.shifted_both", 12, [], {"not shifted both": 12}),
        ("context_comparisons.0.only_first", 12, [], {"measured under both": 12}),
        ("context_comparisons.0.positions", 12, list(range(12)), {}),
    ],
)
def test_the_rows_that_a_value_is_of(
    small: Path, text: str, rows: int, counted: Sequence[int], left_out: dict[str, int]
) -> None:
    assert counts(small, text) == (rows, list(counted), left_out)


def test_values_of_one_context_alone(tmp_path: Path) -> None:
    inputs = two_contexts()
    urial = inputs.contexts["urial"]
    shorter = type(urial)(table=urial.table.slice(0, 10), coverage=[
        row if row.instruction_id != "s2" else row.model_copy(update={"status": "no_answer", "reason": "none",
                                                                      "positions": 0, "vocabulary": None})
        for row in urial.coverage
    ])  # fmt: skip
    run = write_run(
        ReportInputs(**{**vars(inputs), "contexts": {"base": inputs.contexts["base"], "urial": shorter}}), tmp_path
    )
    assert recompute_all(run) > 40
    assert counts(run, "context_comparisons.0.only_first") == (12, [10, 11], {"measured under both": 10})
    assert counts(run, "token_shift.urial.no_answer") == (6, [5], {"measured": 5})
    found = traced("context_comparisons.0.only_first", root=run)
    assert [(item.token.instruction_id, item.token.position) for item in found.positions] == [("s2", 0), ("s2", 1)]


def test_pairs_of_positions_are_the_same_position_under_both(record: Path) -> None:
    found = traced("context_comparisons.0.shifted_both", every_row=True, root=record)
    assert len(found.positions) == found.value == found.computation.counted
    for item in found.positions:
        assert item.second is not None
        assert (item.token.instruction_id, item.token.position) == (item.second.instruction_id, item.second.position)
        assert (item.token.category, item.second.category) == ("shifted", "shifted")


def test_a_label_s_positions_have_the_label_and_their_answers_come_along(record: Path) -> None:
    found = traced("token_shift.base-urial.labels.end.shifted", every_row=True, root=record)
    assert {(item.token.label, item.token.category) for item in found.positions} == {("end", "shifted")}
    assert len(found.positions) == found.computation.counted
    assert {row.instruction.id for row in found.rows} == {item.token.instruction_id for item in found.positions}
    first = found.rows[0]
    assert [prompt.system for prompt in first.prompts] == ["aligned", "base-urial"]
    assert [row.context for row in first.coverage] == ["base-urial"]
    assert first.completion is not None
    assert (first.completion.system, first.judgment) == ("aligned", None)
    assert list(found.models) == ["base", "aligned"]


def test_evidence_needs_no_more_than_its_defaults() -> None:
    assert Evidence() == Evidence("instructions", 0, (), {}, None)


def test_a_run_without_git_has_no_commit(small: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(small, copy)
    found = traced("seed", root=copy).run
    assert (found.commit, found.experiment, found.dirty, found.report_edited) == (None, None, (), False)


def test_a_count_of_preferences_is_traced_to_its_rows(tmp_path: Path) -> None:
    folder = write_run(compared_run(), tmp_path)
    trace = traced("preferences.base.criteria.overall.inconsistent", root=folder)
    assert (trace.value, trace.computation.counted, trace.computation.left_out) == (
        1, 1, {"invalid": 1, "loss": 1, "no_completion": 1, "tie": 1, "win": 1},
    )  # fmt: skip
    (row,) = trace.rows
    assert row.preference is not None
    assert (row.instruction.id, row.preference.results[0].outcome) == ("r2", "inconsistent")
    assert trace.preferences is not None
    assert trace.preferences.baseline == "aligned"
    assert "preferences@base" in [stage.stage.name for stage in trace.stages]
    said = trace_text(trace, rationales=True, every_row=False)
    assert "preference against aligned: overall inconsistent, depth inconsistent" in said
    assert "overall: why <b>" in said


def test_a_share_of_known_answers_is_of_the_answers_to_them(tmp_path: Path) -> None:
    folder = write_run(known_run(), tmp_path)
    share, without = (
        figure(folder, f"systems.base.known_answers.{part}").evidence() for part in ("contained", "no_completion")
    )
    assert (share.rows, share.counted) == (6, [0, 1, 4])
    assert share.left_out == {"no accepted answer": 2, "no_completion": 1}
    assert (without.counted, without.left_out) == ([3], {"answered": 3, "no accepted answer": 2})


def test_an_agreement_is_of_the_instructions_in_its_cell_and_a_difference_of_all_that_both_answer(
    tmp_path: Path,
) -> None:
    folder = write_run(known_run(), tmp_path)
    cell, difference = (figure(folder, f"known_agreement.1.{part}") for part in ("only_second", "difference.p"))
    assert (cell.systems, cell.evidence().counted) == (("another-base", "aligned"), [1])
    assert difference.evidence().counted == [0, 1, 4]
    assert "McNemar" in difference.how()

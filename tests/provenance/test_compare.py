"""Comparisons of runs small enough to check by hand."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.judge.files.rows import who
from tests.report.conftest import (
    ALIGNED_SCORES,
    IDS,
    RANKS,
    empty_run,
    make_context,
    make_instruction,
    make_system,
    make_token,
    small_run,
    unjudged_run,
)
from tests.report.known_runs import known_run
from tests.report.preference_runs import compared_run
from urial.core.errors import UrialError
from urial.provenance.compare.comparison import OpenRun, compare, compare_runs
from urial.provenance.compare.records import Comparison, InstructionPairing, Same, ShiftChange
from urial.provenance.compare.text import comparison_text
from urial.records.estimate import PairedDifference
from urial.report.inputs import ReportInputs
from urial.run.folders import RunFolder, RunState
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import holm

BOOTSTRAP = Bootstrap(200, 0.95, 0)


def opened(name: str, inputs: ReportInputs, folder: Path) -> OpenRun:
    """A run in a folder of its own, without a lock."""
    (folder / name).mkdir(parents=True)
    (folder / name / "params.yaml").write_text("run: {seed: 0}\n", "utf-8")
    return OpenRun(name, RunFolder(folder / name, RunState(commit=None, experiment=None, dirty=(), lock=None)), inputs)


def compared(folder: Path, every: bool = False, **runs: ReportInputs) -> Comparison:
    return compare_runs([opened(name, inputs, folder) for name, inputs in runs.items()], BOOTSTRAP, every)


def with_scores(run: ReportInputs, scores: Mapping[str, int | None]) -> ReportInputs:
    """The run with other scores of the system aligned."""
    texts = {row.instruction_id: "two words" for row in run.systems["aligned"].completions}
    system = make_system("aligned", run.instructions, texts, scores)
    return replace(run, systems={**run.systems, "aligned": system})


def differences(found: Comparison, system: str) -> dict[str, PairedDifference]:
    """The differences of the only other run, by aspect."""
    (chosen,) = (item for item in found.systems if item.system == system)
    (tests,) = chosen.differences.values()
    return {item.aspect: item for item in tests}


def all_tests(found: Comparison) -> list[PairedDifference]:
    return [item for system in found.systems for tests in system.differences.values() for item in tests]


def only_change(found: Comparison) -> ShiftChange:
    """How the only context changes in the only other run."""
    (context,) = found.token_shift
    (change,) = context.changes.values()
    return change


def test_the_same_run_does_not_differ(tmp_path: Path) -> None:
    found = compared(tmp_path, first=small_run(), same=small_run())
    assert found.inputs[0].differences == ()
    assert found.same == Same(systems=("aligned", "base"), token_shift=("base",))
    assert (found.systems, found.preferences, found.token_shift) == ((), (), ())
    assert found.runs[1].pairing == InstructionPairing(both=6, changed=0, only_first=0, only_here=0)
    text = comparison_text(found)
    assert "\n2 systems do not differ: aligned, base; --all shows them.\n" in text
    assert "\n1 measurement of the token shift does not differ: base; --all shows them.\n" in text
    assert text.count("### ") == 1


def test_what_is_the_same_is_shown_where_it_is_asked_for_and_not_tested(tmp_path: Path) -> None:
    found = compared(tmp_path, every=True, first=small_run(), same=small_run())
    assert [(item.system, item.differences) for item in found.systems] == [("aligned", {}), ("base", {})]
    assert all(item.figures["first"] == item.figures["same"] for item in found.systems)
    assert found.token_shift[0].figures["first"] == found.token_shift[0].figures["same"]
    text = comparison_text(found)
    assert "\n2 systems do not differ: aligned, base.\n" in text
    assert [line for line in text.splitlines() if line.startswith("### ")] == [
        "### Runs", "### aligned", "### base", "### Token shift under base",
    ]  # fmt: skip


def test_only_what_changed_is_computed_and_the_rest_is_named(tmp_path: Path) -> None:
    scores = dict.fromkeys(IDS, 2)
    few, every = (
        compared(tmp_path / str(every), every, first=small_run(), here=with_scores(small_run(), scores))
        for every in (False, True)
    )
    assert ([item.system for item in few.systems], few.same.systems) == (["aligned"], ("base",))
    # Whoever asks for more sees the same numbers.
    assert few.systems[0] == every.systems[0]
    assert all_tests(few) == all_tests(every)


def test_differences_are_paired_and_have_their_counts(tmp_path: Path) -> None:
    # r3 has no score in the first run, r4 none in the second: r1 and r2 are left, with +0 and +1.
    scores = {**ALIGNED_SCORES, "r2": 5, "r3": 1, "r4": None, "s1": 1}
    found = compared(tmp_path, first=small_run(), here=with_scores(small_run(), scores))
    helpful, safe = (differences(found, "aligned")[aspect] for aspect in ("helpfulness", "safety"))
    assert (helpful.n, helpful.mean, helpful.p) == (2, 0.5, 1.0)
    assert (safe.n, safe.mean) == (2, -2.0)
    figures = next(item.figures for item in found.systems if item.system == "aligned")
    assert [run.aspects["helpfulness"].scored for run in figures.values()] == [3, 3]
    assert differences(found, "aligned")["average"].mean == pytest.approx((5 * 0.5 - 2) / 6)


def test_p_values_are_corrected_for_all_tests_together(tmp_path: Path) -> None:
    scores = dict.fromkeys(IDS, 1)
    found = compared(
        tmp_path, first=small_run(), a=with_scores(small_run(), scores), b=with_scores(small_run(), scores)
    )
    tested = [item for item in all_tests(found) if item.p is not None]
    # Of aligned six aspects and the average, in each of the two runs; base is the same in all.
    assert len(tested) == 14
    assert [item.p_holm for item in tested] == holm([item.p for item in tested])


def test_instructions_that_are_not_in_both_are_counted(tmp_path: Path) -> None:
    run = small_run()
    rows = [*run.instructions[2:], make_instruction("r1", "Another text?", task=("tag",)), make_instruction("r9")]
    texts, scores = dict.fromkeys([row.id for row in rows], "two words"), dict.fromkeys([row.id for row in rows], 1)
    systems = {name: make_system(name, rows, texts, scores) for name in ("aligned", "base")}
    tokens = [
        make_token(row.id, place, both) for row in rows for place, both in enumerate(RANKS.get(row.id, RANKS["r1"]))
    ]
    here = replace(
        run, instructions=rows, systems=systems, contexts={"base": make_context(tokens, [row.id for row in rows])}
    )
    found = compared(tmp_path, first=run, here=here)
    assert found.runs[1].pairing == InstructionPairing(both=4, changed=1, only_first=1, only_here=1)
    # Of r3 and r4, the first run scored r4 alone; r1 has another text.
    assert differences(found, "aligned")["depth"].n == 1
    change = only_change(found)
    counts = (change.paired, change.same, change.different, change.only_first, change.only_here)
    assert counts == (True, 4, 0, 2, 2)
    assert (
        "here: 4 instructions are in both and compared; 1 are only in the first, 1 only here, and 1 have the same id "
        "and other content." in comparison_text(found)
    )


def shifted_run(text: str, rank: int, names: tuple[str, ...] = IDS) -> ReportInputs:
    """small_run with another measurement: tokens of this text and base rank, in the answers named."""
    run = small_run()
    rows = [
        make_token(name, place, (rank if name in names else both[0], 0.5, 2.0 if name in names else both[2]),
                   text if name in names else "tok")
        for name in IDS
        for place, both in enumerate(RANKS[name])
    ]  # fmt: skip
    return replace(run, contexts={"base": make_context(rows, IDS)})


def test_other_answers_are_left_out_of_pairs(tmp_path: Path) -> None:
    found = compared(tmp_path, first=small_run(), here=shifted_run("other", 9, ("r1", "r2")))
    change = only_change(found)
    assert (change.paired, change.same, change.different) == (True, 4, 2)
    assert (change.shifted.mean, change.shifted.positions) == (0.0, 8)


def test_without_any_same_answer_nothing_is_paired_and_nothing_tested(tmp_path: Path) -> None:
    found = compared(tmp_path, first=small_run(), here=shifted_run("other", 9))
    change = only_change(found)
    assert (change.paired, change.same, change.different) == (False, 0, 6)
    # 7 of 12 positions are unshifted, and 3 of 12 shifted, with a mean KL of a half; then all are shifted.
    assert change.unshifted.mean == pytest.approx(-7 / 12)
    assert change.shifted.mean == pytest.approx(9 / 12)
    assert change.kl.mean == pytest.approx(1.5)
    assert change.shifted.low is not None
    assert change.shifted.high is not None
    assert change.shifted.low <= 9 / 12 <= change.shifted.high
    assert [getattr(change, name).p for name in ("unshifted", "shifted", "kl")] == [None] * 3
    assert "Not paired: no answer is the same." in comparison_text(found)


def test_systems_and_contexts_of_one_run_alone_are_shown_without_differences(tmp_path: Path) -> None:
    run = small_run()
    plan = run.plan.model_copy(update={"systems": ("aligned",), "base_systems": ()})
    fewer = replace(run, plan=plan, systems={"aligned": run.systems["aligned"]}, contexts={})
    for name, runs in {"lost": (run, fewer), "new": (fewer, run)}.items():
        found = compared(tmp_path / name, every=True, first=runs[0], here=runs[1])
        assert [item.system for item in found.systems] == ["aligned", "base"]
        assert (len(found.systems[1].figures), found.systems[1].differences) == (1, {})
        assert (len(found.token_shift[0].figures), found.token_shift[0].changes) == (1, {})
        assert [item.key for item in found.inputs[0].differences if item.kind == "prompts"] == ["system base"]
        comparison_text(found)


def test_other_judges_are_warned_of(tmp_path: Path) -> None:
    run = small_run()
    judged = {
        name: replace(
            system, judgments=[row.model_copy(update={"judge": who("new\x1b[31m")}) for row in system.judgments]
        )
        for name, system in run.systems.items()
    }
    found = compared(tmp_path, first=run, here=replace(run, systems=judged))
    assert found.judges_differ
    text = comparison_text(found)
    assert "Warning: the judges differ, so that differences of scores are differences of judges, too." in text
    assert "\x1b" not in text
    assert [item.key for item in found.inputs[0].differences] == ["judge"]


@pytest.mark.parametrize("first", [small_run(), unjudged_run()])
def test_a_run_without_a_judge_is_shown_and_its_scores_are_not_compared(first: ReportInputs, tmp_path: Path) -> None:
    found = compared(tmp_path, every=True, first=first, here=unjudged_run())
    assert found.runs[1].judges == ()
    assert not found.judges_differ
    assert all_tests(found) == []
    text = comparison_text(found)
    assert re.search(r"\n\| scores +\| \S* *\S* *\| not judged +\|", text)
    assert [item.key for item in found.inputs[0].differences] == (["judge"] if found.runs[0].judges else [])


def test_nothing_measured_is_no_number(tmp_path: Path) -> None:
    found = compared(tmp_path, first=small_run(), here=empty_run())
    assert {item.n for item in all_tests(found)} == {0}
    change = only_change(found)
    assert (change.paired, change.unshifted.mean, change.only_first) == (False, None, 6)
    comparison_text(found)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "nothing to compare with\n  expected: two or more revisions or experiments; . is the work tree"),
        (("HEAD",), "nothing to compare with\n  expected: two or more revisions or experiments; . is the work tree"),
        ((".", "a", "workspace"), "'.': named twice\n  expected: different revisions or experiments"),
        (("a", "b", "a"), "'a': named twice\n  expected: different revisions or experiments"),
    ],
)
def test_what_cannot_be_compared_is_refused(names: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(UrialError) as error:
        compare(names, BOOTSTRAP, tmp_path)
    assert str(error.value) == message


def test_text_has_a_narrow_table_of_what_changed(tmp_path: Path) -> None:
    found = compared(tmp_path, first=small_run(), here=with_scores(small_run(), dict.fromkeys(IDS, 2)))
    text = comparison_text(found)
    assert "\n1 system does not differ: base; --all shows them.\n" in text
    title, _, head, _, *rows = text[text.index("### aligned") :].splitlines()[: 4 + len(EVERY_ROW)]
    assert [cell.strip() for cell in head.strip("|").split("|")] == ["", "first", "here", "difference", "p (Holm)", "n"]
    assert [row.strip("|").split("|")[0].strip() for row in rows] == EVERY_ROW
    assert "| -2.00 [" in rows[1]
    assert "| 1.0000   | 3   |" in rows[1]
    assert max(map(len, [title, head, *rows])) < 110


EVERY_ROW = [
    "prompt", "helpfulness", "clarity", "factuality", "depth", "engagement", "safety", "average", "words", "scored/total",
]  # fmt: skip


def test_win_rates_stand_beside_each_other(tmp_path: Path) -> None:
    found = compared(tmp_path, first=compared_run(), other=small_run())
    (system,) = found.preferences
    assert (system.system, list(system.figures)) == ("base", ["first"])
    assert system.figures["first"].criteria["overall"].wins == 1
    text = comparison_text(found)
    assert re.search(r"\n\| against +\| aligned +\| – +\|\n\| overall: win rate, % +\| 50.00 .* \| – +\|\n", text)
    assert compared(tmp_path / "none", first=small_run(), other=unjudged_run()).preferences == ()


def test_known_answers_are_compared_over_the_instructions_that_accept_the_same(tmp_path: Path) -> None:
    run, base = known_run(), known_run().systems["base"]
    worse = [
        row.model_copy(update={"answer": row.answer.model_copy(update={"text": "else"})}) if row.answer else row
        for row in base.completions
    ]
    changed = [row.model_copy(update={"accepted": ("another",)}) if row.id == "s1" else row for row in run.instructions]
    here = replace(run, instructions=changed, systems={**run.systems, "base": replace(base, completions=worse)})
    found = compared(tmp_path, first=run, here=here)
    # Nobody is shown accepted answers: the instructions are the same.
    assert found.runs[1].pairing == InstructionPairing(both=6, changed=0, only_first=0, only_here=0)
    changes = {system.system: system.known_answers["here"] for system in found.systems}
    assert [(name, change.n, change.mean) for name, change in changes.items()] == [
        ("aligned", 3, 0.0), ("base", 2, -1.0), ("another-base", 2, 0.0),
    ]  # fmt: skip
    assert (changes["base"].p, changes["base"].p_holm) == (0.5, 1.0)
    text = comparison_text(found)
    assert re.search(
        r"known answers, contained % +\| 66.67 \[.*\| 0.00 \[.*\| -100.00 \[-100.00, -100.00\] +\| 1.0000 +\| 2 ", text
    )
    assert "That of known answers is of McNemar's exact test" in text


def test_runs_without_known_answers_say_nothing_of_them(tmp_path: Path) -> None:
    found = compared(tmp_path, first=small_run(), here=with_scores(small_run(), dict.fromkeys(IDS, 2)))
    assert all("known_answers" not in system.model_dump() for system in found.systems)
    assert "known" not in comparison_text(found)

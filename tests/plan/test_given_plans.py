"""token_shift.given: what is measured is named whole before anything is computed, and what cannot be is refused."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides

from tests.conftest import ROOT
from tests.plan.test_left_out import alone, planned
from tests.plan.test_planning import PROMPTS, WHERE, params_with, refusal
from urial.plan.planning import make_plans
from urial.plan.token_shift import describe_nothing_given, plan_token_shift
from urial.plan.work import work_table
from urial.records.left_out import describe_left_out
from urial.records.params.file import ParamsFile, read_params
from urial.records.params.token_shift import GivenAnswers
from urial.records.plans import ReportPlan
from urial.records.token_shift import ShiftMeasurement, describe_given

OWN = {"base_system": "base-zero-shot", "aligned_system": "aligned"}
PEOPLE = ("published_outputs/people", {"source": "people.jsonl"})


def given(**changes: Any) -> tuple[str, Any]:
    """A measurement `x` of the answers of base-urial, with changes."""
    return "token_shift/given", {"x": {"answers": "base-urial", **OWN, **changes}}


def test_all_measurements_are_in_one_list_and_each_is_one_more_stage(committed_params: ParamsFile) -> None:
    params = params_with(given())
    plans = make_plans(params, PROMPTS)
    own = [
        ShiftMeasurement(name=name, answers="aligned", base_system=name, aligned_system="aligned")
        for name in ("base-zero-shot", "base-urial")
    ]
    (mine,) = plans.report.given
    assert mine == ShiftMeasurement(name="x", answers="base-urial", **OWN)
    assert plans.report.measurements == (*own, mine)
    assert [row.is_given for row in plans.report.measurements] == [False, False, True]
    assert plans.report.read["x"] == ("base-urial", "aligned")
    # One more measurement changes nothing of what the others depend on.
    assert plans.token_shift == make_plans(committed_params, PROMPTS).token_shift
    rows = {row[0]: row[1] for row in work_table(plans, lambda _: False).rows}
    assert rows["given_shift"] == "104"


def test_a_plan_without_given_answers_is_what_it_was() -> None:
    report = make_plans(params_with(("token_shift/given", {})), PROMPTS).report
    assert "given" not in report.model_dump()
    assert ReportPlan.model_validate_json(report.model_dump_json()) == report
    assert describe_given(report.given) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            [given(answers="base-uriel")],
            f"token_shift.given.x.answers: no 'base-uriel' in systems, blends or published_outputs{WHERE}\n"
            "  expected: a key of one of these, or microworld-compliant or microworld-refusing\n"
            "  fix: did you mean 'base-urial'?",
        ),
        (
            [given(base_system="base-zero-shoot")],
            f"token_shift.given.x.base_system: no 'base-zero-shoot' in systems{WHERE}\n"
            "  fix: did you mean 'base-zero-shot'?",
        ),
        (
            [given(base_system="aligned")],
            f"token_shift.given.x.base_system: system 'aligned' uses the aligned model{WHERE}\n"
            "  expected: a system of the base model",
        ),
        (
            [given(aligned_system="base-urial")],
            f"token_shift.given.x.aligned_system: system 'base-urial' uses the base model{WHERE}\n"
            "  expected: a system of the aligned model",
        ),
        (
            [("token_shift/given", {"base-urial": {"answers": "base-zero-shot", **OWN}})],
            f"token_shift.given.base-urial: answers of the run have this name{WHERE}\n"
            "  expected: a name of its own, since a system's own name is that of the token shift under its prompts\n"
            "  fix: name it base-urial-answers",
        ),
        (
            [PEOPLE, ("token_shift/given", {"people": {"answers": "people", **OWN}})],
            f"token_shift.given.people: answers of the run have this name{WHERE}\n"
            "  expected: a name of its own, since a system's own name is that of the token shift under its prompts\n"
            "  fix: name it people-answers",
        ),
        (
            [("token_shift/given", {"two.words": {"answers": "base-urial", **OWN}})],
            f"token_shift.given.two.words: `dvc exp run -S` cannot spell the name 'two.words'{WHERE}\n"
            "  expected: a letter, then letters, digits, '_' and '-'\n"
            "  fix: name it two-words, here and where it is named",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: list[tuple[str, Any]], message: str) -> None:
    assert refusal(*changes) == message


@pytest.mark.parametrize("answers", ["base-urial", "nudged", "nudged-random", "people"])
def test_answers_of_whoever_answers_are_taken(answers: str) -> None:
    params = params_with(PEOPLE, given(answers=answers))
    assert params.token_shift.given["x"] == GivenAnswers(answers=answers, **OWN)
    assert plan_token_shift(params).token_shift.given == {}


def test_a_base_model_alone_leaves_given_answers_out(tmp_path: Path) -> None:
    report = planned(tmp_path, given()).report
    assert (report.given, report.measurements, report.left_out.given) == ((), (), ("x",))
    assert "; the token shift x;" in str(describe_left_out("local", report.left_out))


def test_the_micro_world_s_answers_to_others_measure_nothing_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = given(answers="microworld-refusing")
    said = (
        "Measures nothing: token_shift.given.x, of the micro-world's own answers, since {} (name answers to the run's "
        "instructions in published_outputs)."
    )
    make_plans(params_with(own, ("run/instructions", "everyday")), PROMPTS)
    assert said.format("the instructions everyday are others") in capsys.readouterr().out.splitlines()
    pair = {"kind": "models", "base": {"hub": "o/m"}, "aligned": {"hub": "o/a"}}
    other = params_with(own, ("studies/mine", pair), ("run/study", "mine"))
    assert describe_nothing_given(other) == said.format("the study mine is another")
    assert describe_nothing_given(alone(tmp_path, own)) is None
    make_plans(params_with(own), PROMPTS)
    assert "Measures nothing" not in capsys.readouterr().out


def test_dvc_sets_a_measurement_from_the_command_line(tmp_path: Path) -> None:
    """As docs/given-texts.md says, and everything else stays."""
    path = Path(shutil.copy(ROOT / "params.yaml", tmp_path))
    overrides = (
        "+published_outputs.people={source: people.jsonl}",
        "+token_shift.given.people-texts={answers: people, base_system: base-zero-shot, aligned_system: aligned}",
    )
    before = read_params(path).token_shift.given
    apply_overrides(str(path), list(overrides))
    given = read_params(path).token_shift.given
    assert given == before | {"people-texts": GivenAnswers(answers="people", **OWN)}


@pytest.mark.parametrize("section", ["token_shift.given", "blends"])
def test_dvc_can_remove_every_entry_from_the_command_line(section: str, tmp_path: Path) -> None:
    """A comment on the line of an emptied mapping would be written before its `{}`, which no parser reads."""
    path = Path(shutil.copy(ROOT / "params.yaml", tmp_path))
    entries = read_params(path).token_shift.given if "." in section else read_params(path).blends
    apply_overrides(str(path), [f"~{section}.{name}" for name in entries])
    emptied = read_params(path)
    assert (emptied.token_shift.given if "." in section else emptied.blends) == {}

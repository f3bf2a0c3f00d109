"""A study without an aligned model: the rest of the run is planned, and what needs one is named."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.plan.test_planning import local_pair, params_with, refusal
from urial.plan.left_out import answering_systems, compared_systems
from urial.plan.planning import Plans, make_plans
from urial.plan.work import work_table
from urial.records.left_out import LeftOut
from urial.records.model import FolderWeights
from urial.records.params.file import ParamsFile
from urial.records.plans import LoadedModels

PROMPTS = ROOT / "prompts"
WHERE = "\n  where: params.yaml"
CONTEXTS = ("base-zero-shot", "base-urial")
GIVEN = ("base-answers", "compliance", "refusal")
BLENDS = ("nudged", "nudged-random")


def alone(folder: Path, *more: tuple[str, Any]) -> ParamsFile:
    """The committed parameters for a base model in a folder, and nothing else said."""
    changes = local_pair(folder)
    del dict(changes)["studies/local"]["aligned"]
    return params_with(*changes, *more)


def planned(folder: Path, *more: tuple[str, Any]) -> Plans:
    return make_plans(alone(folder, *more), PROMPTS)


def test_the_rest_of_the_run_is_planned_and_the_reason_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = alone(tmp_path)
    plans = make_plans(params, PROMPTS)
    bases = tuple(name for name in params.systems if name != "aligned")
    assert isinstance(plans.models.models, LoadedModels)
    assert isinstance(plans.models.models.base, FolderWeights)
    assert plans.models.models.aligned is None
    report = plans.report
    assert (report.systems, report.base_systems, report.compared, report.baseline) == (bases, (), (), None)
    assert report.left_out == LeftOut(
        systems=("aligned",),
        base_systems=CONTEXTS,
        given=GIVEN,
        blends=BLENDS,
        safety_depth=("aligned",),
        compared=CONTEXTS,
        baseline="aligned",
    )
    assert (plans.preferences.baseline, plans.preferences.judge) == (None, None)
    # DVC reads params.yaml itself, and runs the stages of every system: each has its plan.
    assert [plan.system for plan in plans.systems] == list(params.systems)
    assert capsys.readouterr().out == (
        "Left out, since the study local has no aligned model: the system aligned; the token shift under base-zero-shot, "
        "base-urial; the token shift base-answers, compliance, refusal; the safety depth of aligned; the preferences of "
        "base-zero-shot, base-urial over aligned (set preferences.baseline to a system of the base model or to published "
        "outputs); and since a blend needs both of its models in this process: the blends nudged, nudged-random.\n"
        "Left out: safety_depth, since its answers are the micro-world's own, and the study local is another (name answers to "
        "the run's instructions in published_outputs).\n"
    )


def test_a_study_of_two_models_leaves_nothing_out(committed_params: ParamsFile, tmp_path: Path) -> None:
    for params in (committed_params, params_with(*local_pair(tmp_path))):
        report = make_plans(params, PROMPTS).report
        assert report.left_out == LeftOut()
        assert "left_out" not in report.model_dump()
        assert report.systems == (*params.systems, *BLENDS) == answering_systems(params)
        assert report.compared == params.preferences.systems == compared_systems(params)


def test_preferences_over_a_base_system_or_published_outputs_are_kept(tmp_path: Path) -> None:
    over_base = planned(tmp_path, ("preferences/baseline", "base-zero-shot"), ("preferences/systems", ["base-urial"]))
    assert (over_base.report.compared, over_base.report.baseline) == (("base-urial",), "base-zero-shot")
    assert (over_base.preferences.baseline, over_base.preferences.name) == ("base-zero-shot", "rules")
    assert over_base.report.left_out == LeftOut(
        systems=("aligned",), base_systems=CONTEXTS, given=GIVEN, blends=BLENDS, safety_depth=("aligned",)
    )


def test_a_system_that_is_left_out_is_compared_with_none(tmp_path: Path) -> None:
    wanted = ("preferences/baseline", "base-zero-shot"), ("preferences/systems", ["aligned", "base-urial"])
    report = planned(tmp_path, *wanted).report
    assert (report.compared, report.left_out.compared, report.left_out.baseline) == (
        ("base-urial",),
        ("aligned",),
        None,
    )
    only = planned(tmp_path, wanted[0], ("preferences/systems", ["aligned"]))
    assert (only.report.compared, only.report.baseline, only.preferences.baseline) == ((), None, None)


def test_parameters_that_name_no_aligned_model_leave_nothing_out(tmp_path: Path) -> None:
    base = {name: system.model_dump(mode="json") for name, system in params_with().systems.items() if name != "aligned"}
    plans = planned(
        tmp_path,
        ("systems", base),
        ("token_shift/base_systems", []),
        ("token_shift/given", {}),
        ("blends", {}),
        ("safety_depth/systems", []),
        ("preferences", {"baseline": None, "systems": []}),
    )
    assert (plans.report.systems, plans.report.base_systems) == (tuple(base), ())
    assert plans.report.left_out == LeftOut()


def test_nothing_is_measured_where_no_base_system_is_named(tmp_path: Path) -> None:
    changes = (*local_pair(tmp_path), ("token_shift/base_systems", []), ("token_shift/answer_system", "gone"))
    plans = make_plans(params_with(*changes), PROMPTS)
    assert (plans.report.base_systems, plans.report.left_out) == ((), LeftOut())


def test_a_run_of_no_system_is_refused(tmp_path: Path) -> None:
    changes = local_pair(tmp_path)
    del dict(changes)["studies/local"]["aligned"]
    only = {"aligned": {"model": "aligned", "prompt": None}}
    shift: tuple[str, Any] = ("token_shift/base_systems", [])
    preferences: tuple[str, Any] = ("preferences", {"baseline": None, "systems": []})
    assert refusal(*changes, ("systems", only), shift, preferences) == (
        f"studies.local: no aligned model, and every one of systems is of the aligned model{WHERE}\n"
        "  fix: add a system of the base model, or studies.local.aligned"
    )


def test_no_rows_are_counted_of_what_is_left_out(tmp_path: Path) -> None:
    plans = planned(tmp_path)
    table = work_table(plans, lambda _: False)
    bases = len(plans.report.systems)
    assert [(row[0], row[1]) for row in table.rows] == [("generate", f"{bases}"), ("judge", f"{bases}")]

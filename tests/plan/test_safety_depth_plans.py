"""Whose answers are begun, and with which texts, is resolved before anything is paid."""

from pathlib import Path
from typing import Any

import pytest

from urial.core.errors import UrialError
from urial.core.store import write_jsonl
from urial.microworld.world.language import held_out_instructions
from urial.microworld.world.world import build_world
from urial.plan.left_out import plan_left_out
from urial.plan.planning import plan_report
from urial.plan.safety_depth import describe_no_texts, plan_safety_depth
from urial.records.instruction import JsonlSet
from urial.records.params.file import ModelsStudy, ParamsFile
from urial.records.params.preferences import PublishedOutputs
from urial.records.params.safety_depth import SafetyDepthParams

SYSTEMS = ("aligned", "base-zero-shot", "base-urial")
ALONE = ModelsStudy.model_validate({"kind": "models", "base": {"hub": "o/m"}})
PAIR = ModelsStudy.model_validate({"kind": "models", "base": {"hub": "o/m"}, "aligned": {"hub": "o/a"}})


def asking(params: ParamsFile, study: ModelsStudy | None = None, **changes: Any) -> ParamsFile:
    wanted = SafetyDepthParams.model_validate({"systems": SYSTEMS, **changes})
    update: dict[str, Any] = {
        "safety_depth": wanted, "published_outputs": {"harm": PublishedOutputs(source="harm.jsonl")},
    }  # fmt: skip
    if study is not None:
        update |= {
            "studies": {**params.studies, "mine": study}, "run": params.run.model_copy(update={"study": "mine"}),
        }  # fmt: skip
    return params.model_copy(update=update)


def test_the_committed_run_begins_with_the_micro_world_s_own_answers(committed_params: ParamsFile) -> None:
    plan = plan_safety_depth(committed_params)
    assert plan.answers == {"compliant": "microworld-compliant", "refusing": "microworld-refusing"}
    assert (plan.tokens, plan.microworld_seed) == ((0, 5, 10, 20, 40), 0)
    report = plan_report(committed_params).safety_depth
    assert report is not None
    assert report.systems == SYSTEMS


def test_numbers_are_in_rising_order(committed_params: ParamsFile) -> None:
    assert plan_safety_depth(asking(committed_params, tokens=(9, 0, 3))).tokens == (0, 3, 9)


def test_no_systems_is_nothing(committed_params: ParamsFile) -> None:
    params = asking(committed_params, systems=())
    assert plan_safety_depth(params).answers == {}
    assert plan_report(params).safety_depth is None
    assert "safety_depth" not in plan_report(params).model_dump()
    assert describe_no_texts(params) is None


def test_of_other_studies_only_given_files_are_begun(committed_params: ParamsFile) -> None:
    params = asking(committed_params, PAIR)
    assert plan_safety_depth(params).answers == {}
    assert describe_no_texts(params) == (
        "Left out: safety_depth, since its answers are the micro-world's own, and the study mine is another (name answers to the "
        "run's instructions in published_outputs)."
    )
    mine = asking(committed_params, PAIR, answers={"compliant": "harm"})
    assert plan_safety_depth(mine).answers == {"compliant": "harm"}
    assert describe_no_texts(mine) is None


def asked(params: ParamsFile, name: str) -> ParamsFile:
    """The same of another set of instructions."""
    return params.model_copy(update={"run": params.run.model_copy(update={"instructions": name})})


def test_of_other_instructions_too(committed_params: ParamsFile) -> None:
    params = asked(asking(committed_params), "everyday")
    assert plan_safety_depth(params).answers == {}
    assert describe_no_texts(params) == (
        "Left out: safety_depth, since its answers are the micro-world's own, and the instructions everyday are others (name answers "
        "to the run's instructions in published_outputs)."
    )
    mine = asked(asking(committed_params, answers={"compliant": "harm"}), "everyday")
    assert plan_safety_depth(mine).answers == {"compliant": "harm"}
    assert describe_no_texts(mine) is None


def test_a_file_that_has_some_of_the_world_s_instructions_is_begun(
    committed_params: ParamsFile, tmp_path: Path
) -> None:
    path = tmp_path / "some.jsonl"
    write_jsonl(path, [row for row in held_out_instructions(build_world(0)) if row.category == "safety"][:3])
    sets = {**committed_params.instruction_sets, "some": JsonlSet(kind="jsonl", source=str(path))}
    params = asked(asking(committed_params).model_copy(update={"instruction_sets": sets}), "some")
    assert plan_safety_depth(params).answers == plan_safety_depth(committed_params).answers
    assert describe_no_texts(params) is None


def test_a_base_model_alone_leaves_the_aligned_system_out(committed_params: ParamsFile) -> None:
    params = asking(committed_params, ALONE, answers={"compliant": "harm"})
    assert plan_left_out(params).safety_depth == ("aligned",)
    report = plan_report(params).safety_depth
    assert report is not None
    assert report.systems == ("base-zero-shot", "base-urial")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"systems": ("alined",)},
            "safety_depth.systems.0: no 'alined' in systems\n  where: params.yaml\n  fix: did you mean 'aligned'?",
        ),
        (
            {"systems": ("aligned", "aligned")},
            "safety_depth.systems: a system is named twice\n  where: params.yaml\n  expected: each once",
        ),
        (
            {"tokens": (5, 5)},
            "safety_depth.tokens: a number is named twice\n  where: params.yaml\n  expected: each once",
        ),
        (
            {"answers": {"compliant": "hram"}},
            "safety_depth.answers.compliant: no 'hram' in published_outputs\n  where: params.yaml\n  expected: a key of "
            "published_outputs, or microworld-compliant\n  fix: did you mean 'harm'?",
        ),
        (
            {"answers": {"refusing": "microworld-compliant"}},
            "safety_depth.answers.refusing: no 'microworld-compliant' in published_outputs\n  where: params.yaml\n  expected: a key "
            "of published_outputs, or microworld-refusing\n  fix: did you mean 'microworld-refusing'?",
        ),
    ],
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], message: str, committed_params: ParamsFile) -> None:
    with pytest.raises(UrialError) as error:
        plan_safety_depth(asking(committed_params, **changes))
    assert str(error.value) == message


@pytest.mark.parametrize("section", ["systems", "blends", "published_outputs"])
def test_the_micro_world_s_names_are_its_own(section: str, committed_params: ParamsFile) -> None:
    entry = next(iter(getattr(asking(committed_params), section).values()))
    catalog = {**getattr(committed_params, section), "microworld-refusing": entry}
    params = asking(committed_params).model_copy(update={section: catalog})
    with pytest.raises(UrialError) as error:
        plan_safety_depth(params)
    assert str(error.value) == (
        f"{section}.microworld-refusing: the micro-world's own answers have this name\n  where: params.yaml\n  fix: give it another "
        "name, here and where it is named"
    )


@pytest.mark.parametrize("tokens", [(), (-1,), (10_001,), (1.5,), ("5",)])
def test_numbers_that_are_none_are_refused(tokens: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="tokens"):
        SafetyDepthParams.model_validate({"tokens": tokens})

"""Temperatures by task: each answer is decoded, and kept, as if its own temperature were the only one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, make_query
from tests.prompts.test_assembly import make_plan
from tests.tiny_models import decoding, tiny_folder
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.generate.run import generate
from urial.instructions.sets import load_instructions
from urial.plan.instructions import plan_instructions
from urial.plan.planning import plan_systems
from urial.prompts.versions.assembly import assemble
from urial.records.completion import Completion
from urial.records.params.file import Decoding, ParamsFile, read_params
from urial.records.plans import SystemPlan

TABLE = {"math": 0.0, "writing": 0.7}
ROWS = [
    make_query("m", turns=("One?", "Two?"), task=("math",)),
    make_query("w", turns=("One?", "Two?"), task=("writing", "math")),
    make_query("o", turns=("One?", "Two?"), task=("other",)),
]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path / "rows") as opened:
        yield opened


def answered(plan: SystemPlan, cache: RowCache, rows: Any = ROWS) -> list[Completion]:
    folder = tiny_folder("llama")
    return generate(plan, rows, assemble(plan, rows, folder), folder, cache)


def plan_of(**changes: Any) -> SystemPlan:
    return make_plan(decoding=decoding(**{"max_new_tokens": 8, **changes}))


def test_every_row_is_that_of_its_own_temperature(cache: RowCache) -> None:
    found = answered(plan_of(temperature=0.3, temperature_by_task=TABLE), cache)
    for row, temperature in zip(found, (0.0, 0.7, 0.3), strict=True):
        alone = answered(
            plan_of(temperature=temperature), cache, [item for item in ROWS if item.id == row.instruction_id]
        )
        assert alone == [row]


def test_a_plan_without_a_table_says_nothing_of_one() -> None:
    own = Decoding(max_new_tokens=1, temperature=0, top_p=1, repetition_penalty=1, seed=0)
    assert "temperature_by_task" not in own.model_dump(mode="json")
    assert own.of_tasks(("math",)) is own
    table = own.model_copy(update={"temperature_by_task": TABLE})
    assert table.of_tasks(()) == own
    assert table.of_tasks(("x", "writing", "math")).temperature == 0.7


def params(**changes: Any) -> ParamsFile:
    known = read_params(ROOT / "params.yaml").model_dump(mode="json")
    return ParamsFile.model_validate_json(json.dumps({**known, **changes}))


def test_a_system_can_have_a_table_of_its_own() -> None:
    known = params().model_dump(mode="json")
    systems = {
        "one": known["systems"]["base-urial"],
        "own": {**known["systems"]["base-urial"], "decoding": {"temperature_by_task": {"procedure": 1}}},
        "none": {**known["systems"]["base-urial"], "decoding": {"temperature_by_task": {}}},
    }
    common = {**known["decoding"], "temperature_by_task": {"info-seek": 0.5}}
    plans = plan_systems(params(systems=systems, decoding=common), ROOT / "prompts")
    tables = [plan.decoding.temperature_by_task for plan in plans]
    assert tables == [{"info-seek": 0.5}, {"procedure": 1.0}, {}]


def test_a_task_that_no_instruction_has_is_refused_with_the_nearest() -> None:
    common = {**params().model_dump(mode="json")["decoding"], "temperature_by_task": {"info-seak": 0.5}}
    with pytest.raises(UrialError) as caught:
        plan_instructions(params(decoding=common))
    assert str(caught.value) == (
        "decoding.temperature_by_task: no instruction of the set 'microworld' has the task 'info-seak'\n"
        "  where: params.yaml\n  expected: one of info-seek, procedure\n  fix: did you mean 'info-seek'?"
    )
    limited = {**params().model_dump(mode="json")["run"], "limit": 1}
    common["temperature_by_task"] = {"procedure": 0.5}
    plan = plan_instructions(params(decoding=common, run=limited))
    assert plan.required_tasks == ("procedure",)
    assert len(load_instructions(plan)) == 1

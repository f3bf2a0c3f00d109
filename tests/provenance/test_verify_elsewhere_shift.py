"""Without tokenizers, the token shift's rows are compared with the answers' tokens; what the hub alone knows is taken as planned."""

from math import log
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.provenance.elsewhere import COMMIT, hub_manifest, write_models
from tests.provenance.written import write_run
from tests.report.conftest import IDS, make_context, make_inputs, make_token, small_run
from urial.core.errors import UrialError
from urial.core.parquet import read_parquet, write_parquet
from urial.core.store import write_json
from urial.provenance.verify.inputs import check_instructions
from urial.provenance.verify.run import NotCheckedError, Run
from urial.provenance.verify.shift import check_shift_of
from urial.records.instruction import JustEvalSet
from urial.records.params.token_shift import TokenShiftParams
from urial.records.plans import InstructionsPlan, TokenShiftPlan
from urial.records.token_shift import shift_schema
from urial.run.paths import TOKEN_SHIFT_PLAN

PATH = "data/token_shift/base.parquet"
AGAIN = f"edited by hand or swapped: dvc checkout --force {PATH}; to compute it again: dvc repro"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Six answers of the tokens 1 and 2, measured by models of the hub."""
    small = small_run()
    rows = [
        make_token(
            name, place, (place + 1, 0.5 if place == 0 else 0.25, 0.0), token_id=place + 1,
            aligned_top_ids=[place + 1],
        )
        for name in IDS
        for place in range(2)
    ]  # fmt: skip
    write_run(make_inputs(small.instructions, small.systems, {"base": make_context(rows, IDS)}), tmp_path)
    found = Run(tmp_path)
    write_models(found.data, hub_manifest("base"), hub_manifest("aligned"))
    shift = TokenShiftParams(answer_system="aligned", base_systems=("base",), top_k=2, memory_mib=1)
    write_json(found.data / "plan/token_shift.json", TokenShiftPlan(token_shift=shift, microworld_seed=None, threads=1))
    return found


def edit(run: Run, number: int, **values: Any) -> None:
    path = run.root / PATH
    rows = read_parquet(path, shift_schema()).to_pylist()
    rows[number].update(values)
    write_parquet(path, [pa.Table.from_pylist(rows, shift_schema())], shift_schema())


def test_positions_are_compared_with_the_answers(run: Run) -> None:
    checked = check_shift_of(run, "base")
    assert (checked.summary, checked.problems) == ("12 positions: tokens compared with the answers", [])


@pytest.mark.parametrize(
    ("values", "detail", "where"),
    [
        # Consistent in itself, and of another answer.
        ({"token_id": 1, "base_rank": 1, "base_logprob": log(0.5), "category": "unshifted", "aligned_top_ids": [1]},
         "token_id: the answer has 2, found 1", True),
        ({"instruction_id": "r9"}, "instruction_id: the coverage beside it has 'r2', found 'r9'", True),
        ({"position": 5}, "token_id: the answer has null, found 2", True),
        ({"category": "shifted"}, "category: shifted, and base_rank is 2", False),
    ],
)  # fmt: skip
def test_a_row_of_no_answer_is_named(run: Run, values: dict[str, Any], detail: str, where: bool) -> None:
    edit(run, 3, **values)
    with pytest.raises(UrialError) as caught:
        check_shift_of(Run(run.root), "base")
    source = "\n  where: data/generations and data/prompts" if where else ""
    assert str(caught.value) == f"{PATH}, row 3: {detail}{source}\n  fix: {AGAIN}"


def test_instructions_of_the_hub_are_valid_rows_alone(run: Run) -> None:
    source = JustEvalSet(kind="just-eval", source="some/set", revision=COMMIT)
    plan = InstructionsPlan(name="just-eval", set=source, source_hash=None, microworld_seed=None, limit=None)
    write_json(run.data / "plan/instructions.json", plan)
    with pytest.raises(NotCheckedError) as caught:
        check_instructions(Run(run.root))
    assert str(caught.value) == "6 valid rows; their source, just-eval 'just-eval', is not here"


def test_by_text_the_base_model_s_candidates_have_ids_of_its_own(run: Run) -> None:
    plan = run.record(TOKEN_SHIFT_PLAN)
    by_text = plan.token_shift.model_copy(update={"align_by": "text"})
    write_json(run.data / "plan/token_shift.json", plan.model_copy(update={"token_shift": by_text}))
    # The base model's first and second choice, as tokens 71 and 72 of its own tokenizer.
    for number in range(12):
        edit(run, number, base_top_ids=[71, 72])
    assert check_shift_of(Run(run.root), "base").summary == "12 positions: tokens compared with the answers"
    edit(run, 3, base_logprob=log(0.125))
    with pytest.raises(UrialError, match=r"row 3: base_logprob: -2\.07.*, and among the candidates it is -1\.38"):
        check_shift_of(Run(run.root), "base")

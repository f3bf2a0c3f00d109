"""A base model's ranks and candidates behind a real server are those of the same weights in this process."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.real.conftest import LLAMA, VLLM, VLLM_GEMMA
from tests.real.in_process import QUESTIONS, Case, InProcess, reference
from tests.real.servers import RealServer
from tests.served import served_folders
from urial.core.row_cache import RowCache
from urial.records.params.token_shift import TokenShiftParams
from urial.records.plans import TokenShiftPlan
from urial.records.token_shift import ShiftCoverage, ShiftMeasurement
from urial.token_shift.measure.context import measure_context
from urial.token_shift.measure.inputs import ShiftInputs

pytestmark = pytest.mark.real
# Two engines add in other orders. What is closer than this in log-probability can change places.
TIE = 1e-3
Rows = list[dict[str, Any]]


def plan(align_by: str) -> TokenShiftPlan:
    params = TokenShiftParams.model_validate(
        {
            "answer_system": "aligned",
            "base_systems": ("base-urial",),
            "top_k": 5,
            "memory_mib": 256,
            "align_by": align_by,
        }
    )
    return TokenShiftPlan(token_shift=params, microworld_seed=None, threads=2)


def inputs(in_process: InProcess, base: str) -> ShiftInputs:
    """SmolLM2's answers in chat, and the URIAL prompt of the model that ranks their tokens."""
    return ShiftInputs(
        instructions=QUESTIONS,
        completions=in_process.completions("smollm2", Case("aligned")),
        aligned_prompts=in_process.prompts("smollm2", Case("aligned")),
        base_prompts=in_process.prompts(base, Case("base")),
        measurement=ShiftMeasurement(name="base", answers="aligned", base_system="base", aligned_system="aligned"),
    )


def measured(
    how: TokenShiftPlan, given: ShiftInputs, folders: Mapping[str, Path], rows: Path
) -> tuple[Rows, list[ShiftCoverage]]:
    with RowCache(rows) as cache:
        tables, coverage = measure_context(how, given, folders, cache)
        found = list(tables)
    return (pa.concat_tables(found).to_pylist() if found else []), coverage


def require_equal(row: dict[str, Any], own: dict[str, Any]) -> None:
    """Rank, category and candidates, but where tokens are so close that they can change places, which is said."""
    np.testing.assert_allclose(row["base_logprob"], own["base_logprob"], atol=TIE)
    np.testing.assert_allclose(row["base_top_logprobs"], own["base_top_logprobs"], atol=TIE)
    if (row["base_rank"], row["base_top_ids"]) == (own["base_rank"], own["base_top_ids"]):
        assert row["category"] == own["category"]
        return
    gaps = -np.diff(own["base_top_logprobs"])
    print(f"not equal, and a tie? {row} here {own}, gaps {gaps}")
    if row["base_top_ids"] != own["base_top_ids"]:
        assert gaps.min() < TIE, (row, own)
    assert row["base_rank"] is None or own["base_rank"] > 5 or gaps.min() < TIE, (row, own)


@pytest.mark.parametrize("server", [VLLM], indirect=True, ids="-".join)
def test_ids_are_ranked_as_in_this_process(server: RealServer, in_process: InProcess, tmp_path: Path) -> None:
    given = inputs(in_process, "smollm2")
    aligned = in_process.model("smollm2", "aligned")
    own, own_coverage = measured(
        plan("ids"), given, {"base": in_process.model("smollm2", "base"), "aligned": aligned}, tmp_path / "own"
    )
    model = reference(server)
    base = served_folders(model, model, tmp_path / "models") / "base"
    served = plan("ids").model_copy(update={"server": model})
    rows, coverage = measured(served, given, {"base": base, "aligned": aligned}, tmp_path / "rows")
    assert [(row.status, row.positions, row.end) for row in coverage] == [
        (row.status, row.positions, row.end) for row in own_coverage
    ]
    assert {row.status for row in coverage} == {"measured"}
    assert len(rows) == len(own) > len(QUESTIONS)
    for row, mine in zip(rows, own, strict=True):
        for name in ("instruction_id", "position", "token_id", "token", "label", "aligned_rank", "aligned_top_ids"):
            assert row[name] == mine[name], name
        require_equal(row, mine)
        assert 0 <= row["kl_lower_bound"] <= mine["kl"] + 1e-4
    assert {row["category"] for row in rows} == {"unshifted", "marginal", "shifted"}


@pytest.mark.parametrize("server", [VLLM_GEMMA], indirect=True, ids="-".join)
def test_the_tokens_of_a_text_are_ranked_as_in_this_process(
    server: RealServer, in_process: InProcess, tmp_path: Path
) -> None:
    given = inputs(in_process, "gemma")
    folders = {"base": in_process.model("gemma", "base"), "aligned": in_process.model("smollm2", "aligned")}
    own, _ = measured(plan("text"), given, folders, tmp_path / "own")
    model = reference(server)
    base = served_folders(model, model, tmp_path / "models") / "base"
    served = plan("text").model_copy(update={"server": model})
    rows, coverage = measured(served, given, {**folders, "base": base}, tmp_path / "rows")
    assert {row.status for row in coverage} == {"measured"}
    assert len(rows) > len(QUESTIONS)
    mine = dict(placed(own))
    common = [(row, mine[place]) for place, row in placed(rows) if place in mine]
    print(f"{len(rows)} positions of the server, {len(own)} here, {len(common)} in both")
    assert len(common) > 0.8 * len(rows)
    for row, same in common:
        require_equal(row, same)


def placed(rows: Rows) -> Iterator[tuple[tuple[object, ...], dict[str, Any]]]:
    """Each row with what tells its token from all others of all answers, whoever counts positions."""
    seen: Counter[tuple[object, ...]] = Counter()
    for row in rows:
        token = row["instruction_id"], row["word_index"], row["token"]
        seen[token] += 1
        yield (*token, seen[token]), row


@pytest.mark.parametrize("server", [LLAMA], indirect=True, ids="-".join)
def test_llama_cpp_gives_nothing_of_a_prompt_and_every_row_says_so(
    server: RealServer, in_process: InProcess, tmp_path: Path
) -> None:
    given = inputs(in_process, "smollm2")
    model = reference(server)
    base = served_folders(model, model, tmp_path / "models") / "base"
    served = plan("ids").model_copy(update={"server": model})
    folders = {"base": base, "aligned": in_process.model("smollm2", "aligned")}
    rows, coverage = measured(served, given, folders, tmp_path / "rows")
    assert rows == []
    assert [row.instruction_id for row in coverage] == [row.id for row in QUESTIONS]
    assert {row.status for row in coverage} == {"unsupported"}
    assert "the server does not give the log-probabilities of a prompt's tokens" in str(coverage[0].reason)

"""A pair of which a model is behind a server cannot be measured, and every answer's coverage says why."""

from pathlib import Path

import pytest

from tests.served import served_folders, served_model
from tests.tiny_models import tiny_folder
from tests.token_shift.test_context import TEXTS, make_inputs, plan
from urial.records import ShiftCoverage
from urial.token_shift.context import ShiftInputs, measure_context

SERVED = "the {} model is behind a server, which gives neither token ids nor full distributions"


def without_ids(inputs: ShiftInputs) -> ShiftInputs:
    """As if the answers had come from a server."""
    completions = [
        row.model_copy(update={"answer": row.answer and row.answer.model_copy(update={"token_ids": None})})
        for row in inputs.completions
    ]
    return ShiftInputs(inputs.instructions, completions, inputs.aligned_prompts, inputs.base_prompts)


def expected(reason: str) -> list[ShiftCoverage]:
    return [
        ShiftCoverage(
            instruction_id=f"q{number}",
            context="base-urial",
            status="no_answer" if text is None else "served",
            reason="no room" if text is None else reason,
            positions=0,
        )
        for number, text in enumerate(TEXTS)
    ]


@pytest.mark.parametrize("role", ["base", "aligned"])
def test_a_served_model_leaves_nothing_to_measure(role: str, tmp_path: Path) -> None:
    model = served_model("http://127.0.0.1:9/v1")
    served = served_folders(model, model, tmp_path / "models") / role
    folders = {"base": tiny_folder("llama"), "aligned": tiny_folder("llama"), role: served}
    inputs = make_inputs() if role == "base" else without_ids(make_inputs())
    tables, coverage = measure_context(plan(), inputs, folders)
    assert list(tables) == []
    assert coverage == expected(SERVED.format(role))


def test_answers_without_token_ids_are_not_read_again_as_tokens() -> None:
    folders = {"base": tiny_folder("llama"), "aligned": tiny_folder("llama")}
    tables, coverage = measure_context(plan(), without_ids(make_inputs()), folders)
    assert list(tables) == []
    assert coverage == expected("the answer came without token ids")

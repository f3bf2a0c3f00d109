"""The table of memory and time by model size is what its script computes, and its sizes are those of the models."""

import pytest

from benchmarks.model_sizes import MODELS, size_of, sizes_table
from tests.docs.pages import read


def test_the_table_is_the_script_s() -> None:
    assert sizes_table().markdown().partition("\n\n")[2] in read("docs/models.md")


@pytest.mark.parametrize(
    ("name", "billions"),
    # As their authors say: https://arxiv.org/abs/2412.15115 (table 1; 7B is 7.61), https://arxiv.org/abs/2307.09288.
    [("0.5B (Qwen2.5)", 0.49), ("1.5B (Qwen2.5)", 1.54), ("7B (Qwen2.5)", 7.61), ("13B (Llama 2)", 13.0), ("70B (Llama 2)", 69.0)],
)  # fmt: skip
def test_sizes_are_those_that_the_authors_name(name: str, billions: float) -> None:
    assert size_of(name).numbers / 1e9 == pytest.approx(billions, rel=0.01)


def test_every_model_has_a_row() -> None:
    assert [row[0] for row in sizes_table().rows] == list(MODELS)

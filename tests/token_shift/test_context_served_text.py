"""Tokens compared by their characters: a base model behind a server is measured at the positions that are measured here."""

from pathlib import Path

import numpy as np
import pytest

from tests.scoring_server import ECHO, ScoringModel
from tests.tiny_models import save_folder, tiny_folder, tiny_model
from tests.token_shift.contexts import make_inputs, measured, measured_served, save_with_other_tokenizer, with_answers

TEXTS = ("The capital of Ardovia is Karmost.", None, "Hello!\n\nIt's Karmost – or Zürich?", "漢字 🙂 at the end", "")
INPUTS = with_answers(make_inputs(TEXTS), token_ids=None)
SAME = ("instruction_id", "position", "token_id", "token", "is_end", "base_rank", "category", "label", "base_top_ids")
ALIGNED = (
    "aligned_rank",
    "aligned_ties",
    "aligned_top_ids",
    "aligned_top_tokens",
    "aligned_logprob",
    "aligned_entropy",
)


@pytest.fixture(scope="module")
def cut_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An aligned model whose tokenizer cuts texts elsewhere than the served model's."""
    return save_with_other_tokenizer(tmp_path_factory.mktemp("elsewhere"), "aligned")


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_folder(tmp_path_factory.mktemp("twin"), tiny_model("llama", seed=5), "aligned")


@pytest.mark.parametrize("aligned", ["cut_elsewhere", "twin"])
def test_both_routes_measure_the_same_positions_and_count_the_others_alike(
    aligned: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = request.getfixturevalue(aligned)
    pair = {"base": tiny_folder("llama"), "aligned": folder}
    here, here_coverage = measured(pair, INPUTS, align_by="text", eos="drop", top_k=3)
    rows, coverage = measured_served(ScoringModel(), {"aligned": folder}, tmp_path, INPUTS, align_by="text", top_k=3)
    assert rows
    assert [[row[name] for name in SAME] for row in rows] == [[row[name] for name in SAME] for row in here]
    assert [[row[name] for name in ALIGNED] for row in rows] == [[row[name] for name in ALIGNED] for row in here]
    np.testing.assert_allclose([row["base_logprob"] for row in rows], [row["base_logprob"] for row in here], rtol=1e-4)
    assert all(row["kl"] is None and row["kl_lower_bound"] is None for row in rows)
    assert coverage == here_coverage
    assert sum(row.unmatched for row in coverage) > 0 or aligned == "twin"


def test_the_end_token_that_is_measured_here_alone_is_named_in_the_coverage(twin: Path, tmp_path: Path) -> None:
    here, here_coverage = measured({"base": tiny_folder("llama"), "aligned": twin}, INPUTS, align_by="text", top_k=3)
    rows, coverage = measured_served(ScoringModel(), {"aligned": twin}, tmp_path, INPUTS, align_by="text", top_k=3)
    ends = [(row["instruction_id"], row["position"]) for row in here if row["is_end"]]
    assert ends
    assert {(row["instruction_id"], row["position"]) for row in here} == {
        *((row["instruction_id"], row["position"]) for row in rows), *ends,
    }  # fmt: skip
    assert [row.end for row in here_coverage] == ["base", "none", "base", "base", "base"]
    assert [row.end for row in coverage] == ["dropped", "none", "dropped", "dropped", "dropped"]


def test_an_echo_places_the_same_tokens(cut_elsewhere: Path, tmp_path: Path) -> None:
    by_rank, _ = measured_served(ScoringModel(), {"aligned": cut_elsewhere}, tmp_path, INPUTS, align_by="text", top_k=3)
    echoed, coverage = measured_served(
        ScoringModel(knows=ECHO), {"aligned": cut_elsewhere}, tmp_path / "echo", INPUTS, align_by="text", top_k=3
    )
    known = {(row["instruction_id"], row["position"]): row for row in by_rank}
    assert {(row["instruction_id"], row["position"]) for row in echoed} <= known.keys()
    assert len(known) - len(echoed) <= sum(row.unmatched for row in coverage)
    for row in echoed:
        same = known[row["instruction_id"], row["position"]]
        assert row["category"] == same["category"]
        assert row["base_rank"] in (same["base_rank"], None)

"""A base model behind a server: what it tells is what the same model says in process, and what it cannot tell is null."""

from pathlib import Path

import numpy as np

from tests.scoring_server import ECHO, ScoringModel
from tests.served import served_folders, served_model
from tests.tiny_models import tiny_tokenizer
from tests.token_shift.contexts import TEXTS, make_inputs, measured, measured_served, plan, with_answers
from urial.token_shift.measure.context import measure_context

NOT_TOLD = ("base_entropy", "kl", "kl_reverse", "js")


def test_ids_are_ranked_as_in_process_and_the_divergence_is_bounded(folders: dict[str, Path], tmp_path: Path) -> None:
    local, _ = measured(folders, top_k=3)
    rows, coverage = measured_served(ScoringModel(), {"aligned": folders["aligned"]}, tmp_path, top_k=3)
    assert len(rows) == len(local) == sum(row.positions for row in coverage)
    for row, own in zip(rows, local, strict=True):
        for name in ("instruction_id", "position", "token_id", "base_rank", "category", "label", "base_top_ids"):
            assert row[name] == own[name], name
        for name in ("aligned_rank", "aligned_top_ids", "aligned_top_tokens"):
            assert row[name] == own[name], name
        np.testing.assert_allclose(row["base_logprob"], own["base_logprob"], rtol=1e-4)
        assert [row[name] for name in NOT_TOLD] == [None] * 4
        assert 0 <= row["kl_lower_bound"] <= own["kl"] + 1e-4
    assert max(row["kl_lower_bound"] for row in rows) > 0.1
    assert [row.status for row in coverage] == ["measured", "no_answer", "measured"]


def test_an_echo_tells_no_rank_below_its_candidates_but_the_category(folders: dict[str, Path], tmp_path: Path) -> None:
    local, _ = measured(folders, top_k=5)
    rows, _ = measured_served(ScoringModel(knows=ECHO), {"aligned": folders["aligned"]}, tmp_path, top_k=5)
    known = {(row["instruction_id"], row["position"]): row for row in local}
    assert rows
    for row in rows:
        own = known[row["instruction_id"], row["position"]]
        assert row["category"] == own["category"]
        assert row["base_rank"] in (own["base_rank"], None)
        assert row["base_rank"] is not None or own["base_rank"] > 5
        assert row["kl_lower_bound"] is None
    assert any(row["base_rank"] is None for row in rows)


def test_of_a_pair_behind_servers_the_server_reads_the_text(tmp_path: Path) -> None:
    inputs = with_answers(make_inputs(), token_ids=None)
    rows, coverage = measured_served(ScoringModel(), {}, tmp_path, inputs)
    for number in (0, 2):
        mine = [row for row in rows if row["instruction_id"] == f"q{number}"]
        assert "".join(row["token"] for row in mine) == TEXTS[number]
        assert [row["token_id"] for row in mine] == tiny_tokenizer()(TEXTS[number], add_special_tokens=False)[
            "input_ids"
        ]
    assert all(row["aligned_rank"] is None and row["kl_lower_bound"] is None for row in rows)
    assert [(row.status, row.retokenized, row.end) for row in coverage] == [
        ("measured", True, "none"), ("no_answer", False, "none"), ("measured", True, "none"),
    ]  # fmt: skip


def test_a_server_that_cannot_tell_is_the_reason_in_every_row(folders: dict[str, Path], tmp_path: Path) -> None:
    mute = ScoringModel(knows=frozenset())
    rows, coverage = measured_served(mute, {"aligned": folders["aligned"]}, tmp_path)
    assert rows == []
    assert [row.status for row in coverage] == ["unsupported", "no_answer", "unsupported"]
    assert "does not tell" in str(coverage[0].reason) or "prompt_logprobs" in str(coverage[0].reason)


def test_an_answer_beyond_the_server_s_context_is_too_long(folders: dict[str, Path], tmp_path: Path) -> None:
    small = ScoringModel(context=30)
    rows, coverage = measured_served(
        small, {"aligned": folders["aligned"]}, tmp_path, make_inputs(("Hi.", "word " * 40))
    )
    assert {row["instruction_id"] for row in rows} == {"q0"}
    assert [row.status for row in coverage] == ["measured", "too_long"]


def test_an_aligned_model_behind_a_server_leaves_no_tokens(folders: dict[str, Path], tmp_path: Path) -> None:
    model = served_model("http://127.0.0.1:9/v1")
    aligned = served_folders(model, model, tmp_path / "models") / "aligned"
    tables, coverage = measure_context(plan(), make_inputs(), {**folders, "aligned": aligned})
    assert list(tables) == []
    reason = "the aligned model is on a server, which does not give its tokens"
    assert [(row.status, row.reason) for row in coverage] == [
        ("unsupported", reason),
        ("no_answer", "no room"),
        ("unsupported", reason),
    ]

"""Where many tokens are exactly as probable, ranks behind vLLM are those of this process, or say that they are at most so."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.real.in_process import InProcess, reference
from tests.real.servers import RealServer, running
from tests.real.test_token_shift import inputs, measured, plan
from tests.real.weights import manifest_folder, transformers_folder
from tests.served import served_folders

pytestmark = pytest.mark.real
TOP_K = 5
# Tokens of the vocabulary's beginning, which no answer here has.
TIED = range(300, 340)


def tied_folder(source: Path, target: Path, token: int) -> Path:
    """The model with TIED exactly as probable as ``token`` everywhere."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    head = torch.nn.Parameter(model.lm_head.weight.detach().clone())
    head.data[list(TIED)] = head.data[token].clone()
    model.config.tie_word_embeddings = False
    model.lm_head.weight = head
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(source).save_pretrained(target)
    return target


def test_ranks_among_tied_tokens_are_exact_or_at_most(
    make_server: Callable[..., RealServer], in_process: InProcess, tmp_path: Path
) -> None:
    given = inputs(in_process, "smollm2")
    aligned = in_process.model("smollm2", "aligned")
    before, _ = measured(
        plan("ids"), given, {"base": in_process.model("smollm2", "base"), "aligned": aligned}, tmp_path / "before"
    )
    below = Counter(row["token_id"] for row in before if row["base_rank"] > TOP_K and row["token_id"] > max(TIED))
    token, _ = below.most_common(1)[0]
    tied = tied_folder(transformers_folder("smollm2"), tmp_path / "tied", token)
    own, _ = measured(
        plan("ids"), given, {"base": manifest_folder(tied, "base", tmp_path / "here"), "aligned": aligned}, tmp_path / "own"
    )  # fmt: skip
    with running(replace(make_server("vllm", "smollm2", eager=True), weights=tied)) as server:
        model = reference(server)
        base = served_folders(model, model, tmp_path / "models") / "base"
        served = plan("ids").model_copy(update={"server": model})
        rows, _ = measured(served, given, {"base": base, "aligned": aligned}, tmp_path / "rows")
    assert len(rows) == len(own) == len(before)
    among = [(row, mine) for row, mine in zip(rows, own, strict=True) if mine["base_ties"] >= len(TIED)]
    print(f"{len(among)} of {len(rows)} positions among ties:", [(r["base_rank"], m["base_rank"]) for r, m in among])
    assert any(mine["base_rank"] > TOP_K for _, mine in among)
    for row, mine in among:
        assert row["category"] == mine["category"]
        if row["base_ties"] is not None:
            assert row["base_rank"] == mine["base_rank"]
        else:
            assert mine["base_rank"] <= row["base_rank"] <= mine["base_rank"] + mine["base_ties"]

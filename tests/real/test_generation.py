"""Answers of real models behind real servers are those of the same weights in this process."""

from pathlib import Path

import pytest

from tests.real.conftest import LLAMA, LLAMA_GEMMA, VLLM, VLLM_GEMMA
from tests.real.equal import TIES, differences
from tests.real.in_process import Case, InProcess, asked, served
from tests.real.servers import RealServer
from urial.core.errors import UrialError
from urial.records.base import Role

pytestmark = pytest.mark.real
SAMPLED = {"temperature": 0.7, "top_p": 0.9}


@pytest.mark.parametrize("server", [VLLM, VLLM_GEMMA, LLAMA, LLAMA_GEMMA], indirect=True, ids="-".join)
@pytest.mark.parametrize("penalty", [1.0, 1.1])
def test_a_base_model_answers_through_the_urial_prompt_as_in_this_process(
    server: RealServer, penalty: float, in_process: InProcess, tmp_path: Path
) -> None:
    case = Case("base", asked(repetition_penalty=penalty))
    if server.engine == "llama.cpp" and penalty != 1:
        with pytest.raises(UrialError, match="repetition_penalty is ignored") as caught:
            served(case, server, tmp_path)
        assert "set decoding.repetition_penalty to 1, or use another server" in str(caught.value)
        return
    rows = served(case, server, tmp_path)
    assert differences(rows, in_process, server.model, case, tie=TIES[server.engine]) == []
    assert len({row.answer.text for row in rows if row.answer}) == len(rows)
    assert {row.answer.token_ids for row in rows if row.answer} == {None}


@pytest.mark.parametrize("server", [VLLM, LLAMA], indirect=True, ids="-".join)
def test_an_aligned_model_answers_by_its_chat_template_as_in_this_process(
    server: RealServer, in_process: InProcess, tmp_path: Path
) -> None:
    case = Case("aligned")
    assert differences(served(case, server, tmp_path), in_process, server.model, case, tie=TIES[server.engine]) == []


@pytest.mark.parametrize("server", [VLLM, LLAMA], indirect=True, ids="-".join)
@pytest.mark.parametrize("role", ["base", "aligned"])
def test_sampled_answers_come_again_with_their_seed_and_others_with_another(
    server: RealServer, role: Role, tmp_path: Path
) -> None:
    penalty = {"repetition_penalty": 1.1} if server.engine == "vllm" else {}
    first, again, other = (
        [row.answer for row in served(Case(role, asked(seed=seed, **SAMPLED, **penalty)), server, tmp_path / name)]
        for name, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    assert all(first)
    assert sum(one != two for one, two in zip(first, other, strict=True)) > len(first) / 2
    if server.engine == "vllm":
        assert first == again

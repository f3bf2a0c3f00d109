"""The end of a real server's context, which nobody tells the run of: a cut answer never counts as a whole one."""

from pathlib import Path

import pytest

from tests.conftest import make_query
from tests.real.conftest import LLAMA, VLLM
from tests.real.in_process import NEW_TOKENS, Case, InProcess, served
from tests.real.servers import RealServer
from urial.records.base import Role
from urial.records.instruction import Instruction

pytestmark = pytest.mark.real
ZERO_SHOT = "general/zero-shot"


def filled(in_process: InProcess, model: str, role: Role, tokens: int) -> Instruction:
    """An instruction whose prompt has exactly so many tokens: " the" is one."""

    def length(count: int) -> int:
        case = Case(role, instructions=[repeated(count, tokens)], prompt=ZERO_SHOT)
        [prompt] = in_process.prompts(model, case)
        return prompt.n_tokens or 0

    count = tokens - length(0)
    assert length(count) == tokens
    return repeated(count, tokens)


def repeated(count: int, tokens: int) -> Instruction:
    return make_query(f"tokens-{tokens}", turns=("Why is" + " the" * count + " river blue?",))


@pytest.mark.parametrize("server", [VLLM, LLAMA], indirect=True, ids="-".join)
@pytest.mark.parametrize("role", ["base", "aligned"])
def test_every_prompt_about_the_end_is_accounted_for(
    server: RealServer, role: Role, in_process: InProcess, tmp_path: Path
) -> None:
    end = server.context
    lengths = (end - NEW_TOKENS - 1, end - NEW_TOKENS, end - NEW_TOKENS + 1, end - 1, end, end + 1, 2 * end)
    instructions = [make_query("short"), *(filled(in_process, server.model, role, length) for length in lengths)]
    rows = served(Case(role, instructions=instructions, prompt=ZERO_SHOT), server, tmp_path)
    found = {row.instruction_id: row.status for row in rows}
    fits = {"short": "ok", f"tokens-{lengths[0]}": "ok", f"tokens-{lengths[1]}": "ok"}
    assert found == {**{f"tokens-{length}": "too_long" for length in lengths}, **fits}
    for row in rows:
        assert (row.answer is None) == (row.status == "too_long") == bool(row.reason), row
    own = in_process.completions(server.model, Case(role, instructions=instructions[:3], prompt=ZERO_SHOT))
    texts = [[row.answer.text for row in some if row.answer] for some in (rows[:3], own)]
    assert texts[0] == texts[1]

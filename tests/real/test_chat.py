"""The chat with a real server: the same answers as in a run."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conftest import ROOT
from tests.real.conftest import LLAMA, VLLM
from tests.real.in_process import NEW_TOKENS, PROMPT, QUESTIONS, Case, InProcess
from tests.real.servers import RealServer
from urial.cli import main
from urial.core.store import read_json
from urial.records.completion import Transcript

pytestmark = pytest.mark.real


@pytest.mark.parametrize("server", [VLLM, LLAMA], indirect=True, ids="-".join)
def test_a_conversation_and_a_comparison(
    server: RealServer, in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    query = QUESTIONS[0].turns[0]
    arguments = ["chat", "--server", server.url, "--base", server.name, "--aligned", server.name]
    arguments += ["--prompt", PROMPT, "--max-new-tokens", str(NEW_TOKENS)]
    lines = f"{query}\nAnd of Spain?\n/compare {query}\n/save {tmp_path}/talk.json\n"
    result = CliRunner().invoke(main, arguments, input=lines)
    assert result.exit_code == 0, result.output
    saved = read_json(tmp_path / "talk.json", Transcript)
    assert [turn.query for turn in saved.turns] == [query, "And of Spain?"]
    [own], [aligned] = (
        in_process.completions(server.model, Case(role, instructions=QUESTIONS[:1])) for role in ("base", "aligned")
    )
    assert own.answer is not None
    assert aligned.answer is not None
    assert saved.turns[0].answer == own.answer.text
    assert aligned.answer.text.strip() in result.stdout
    heads = [line.strip("- ").partition(" (")[0] for line in result.stdout.splitlines() if line.startswith("--- ")]
    assert heads == ["base, general/zero-shot", f"base, {PROMPT}", "aligned"]


@pytest.mark.parametrize("server", [VLLM, LLAMA], indirect=True, ids="-".join)
def test_what_is_too_long_is_explained(server: RealServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    arguments = ["chat", "--server", server.url, "--base", server.name, "--prompt", "general/zero-shot"]
    result = CliRunner().invoke(main, arguments, input="word " * (2 * server.context) + "\n")
    assert "context" in result.output
    assert "Traceback" not in result.output

"""The chat with a real inference server on loopback: `transformers serve`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conftest import ROOT
from tests.tiny_models import decoding, tiny_folder
from urial.cli import main
from urial.cli.chat.server_stream import ServerEngine
from urial.cli.chat.stream_text import UNFINISHED, Ending
from urial.cli.chat.transformers_stream import StreamingEngine
from urial.core.errors import UrialError
from urial.core.store import read_json
from urial.generate.engine import Request
from urial.generate.transformers_batch import TransformersEngine
from urial.records.completion import Transcript
from urial.records.model import ModelManifest, ServerModel

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
PROMPTS = ("# Query:\n```\nWhat is the capital of Ardovia?\n```\n\n# Answer:\n```\n", "Tell me.", "漢字 🙂")


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def said(stream: Iterator[str | Ending]) -> tuple[str, str]:
    """Answer and finish, less a last character that is not finished, which this server leaves out."""
    *pieces, ending = stream
    assert isinstance(ending, Ending)
    assert "".join(map(str, pieces)) == ending.text
    return ending.text.rstrip(UNFINISHED), ending.finish


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_served_base_model_answers_as_in_process(inference_server: str, prompt: str) -> None:
    folder = tiny_folder("llama")
    engine = ServerEngine(inference_server, str(folder))
    batch = TransformersEngine(folder, threads=1, batch_size=1)
    free = Request(prompt, True, (), 0)
    [(_, answer)] = batch.complete([free], [0], decoding())
    assert said(engine.stream(free, decoding())) == (answer.text.rstrip(UNFINISHED), "length")
    stop = answer.text[4:6]
    stopped = Request(prompt, True, (stop,), 0)
    [(_, answer)] = batch.complete([stopped], [0], decoding())
    assert said(engine.stream(stopped, decoding())) == (answer.text, "stop_string")


def test_a_served_aligned_model_is_asked_through_its_template(inference_server: str, tiny_aligned: Path) -> None:
    found = said(ServerEngine(inference_server, str(tiny_aligned)).converse("Why?", decoding()))
    assert found == said(StreamingEngine(tiny_aligned).converse("Why?", decoding()))


def test_a_model_that_the_server_does_not_have_is_an_error(inference_server: str) -> None:
    with pytest.raises(UrialError) as caught:
        list(ServerEngine(inference_server, "/no/such/model").stream(Request("x", True, (), 0), decoding()))
    assert str(caught.value).startswith(f"{inference_server}: ")


def test_a_conversation_and_a_comparison_with_a_server(
    inference_server: str, tiny_aligned: Path, tmp_path: Path
) -> None:
    arguments = [
        "chat",
        "--server",
        inference_server,
        "--base",
        str(tiny_folder("llama")),
        "--aligned",
        str(tiny_aligned),
    ]
    arguments += ["--prompt", "microworld/urial-k0", "--max-new-tokens", "8"]
    lines = f"What is the capital of Ardovia?\nWhy?\n/compare Why?\n/save {tmp_path}/talk.json\n"
    result = CliRunner().invoke(main, arguments, input=lines)
    assert result.exit_code == 0, result.output
    heads = [line.strip("- ").partition(" (")[0] for line in result.stdout.splitlines() if line.startswith("--- ")]
    assert heads == ["base, general/zero-shot", "base, microworld/urial-k0", "aligned"]
    saved = read_json(tmp_path / "talk.json", Transcript)
    assert saved.model == ModelManifest(
        role="base", source=ServerModel(server=inference_server, model=str(tiny_folder("llama")))
    )
    assert [turn.query for turn in saved.turns] == ["What is the capital of Ardovia?", "Why?"]
    assert saved.turns[1].text.count("What is the capital of Ardovia?") == 1

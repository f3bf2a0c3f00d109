"""`urial chat` with the pair, as scripts use it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.chat.command import Person, chat, real
from tests.cli.commands import no_project
from tests.conftest import run_python
from tests.tiny_models import decoding, tiny_folder
from urial.core.store import read_json
from urial.core.text import visible
from urial.generate.engine import Request
from urial.generate.transformers_batch import TransformersEngine
from urial.prompts.versions.library import load_prompt
from urial.prompts.versions.rendering import render
from urial.records.completion import Transcript
from urial.records.model import ModelManifest

FEW = ("--max-new-tokens", "8", "--prompt", "zero-shot")
QUERY = "What is the capital of Ardovia?"


def expected(project: Path, queries: Sequence[str]) -> list[str]:
    """What the batch engine answers in a conversation of these queries."""
    engine, prompt = TransformersEngine(project / "data/models/base", 1, 1), load_prompt("microworld/zero-shot")
    turns: list[tuple[str, str]] = []
    for query in queries:
        rendered = render(prompt, query, turns)
        request = Request(rendered.text, True, rendered.stop, 0)
        [(_, answer)] = engine.complete([request], [0], decoding(max_new_tokens=8))
        turns.append((query, answer.text))
    return [answer for _, answer in turns]


def test_a_piped_question_is_answered_on_standard_output_alone(project: Path) -> None:
    done = real(*FEW, lines=f"{QUERY}\n".encode(), cwd=project)
    assert done.stdout.decode() == f"{visible(expected(project, [QUERY])[0])}\n"
    # Before it, on a slow machine, what it waits for.
    assert done.stderr.splitlines()[-1] == b"cut off after 8 tokens; --max-new-tokens sets the limit"
    assert done.returncode == 0


def test_lines_are_the_turns_of_one_conversation(project: Path) -> None:
    queries = [QUERY, "Why?", "/etc is what?", "漢字 🙂"]
    result = chat(*FEW, lines=f"  {QUERY} \r\n\n   \nWhy?\n//etc is what?\n漢字 🙂")
    assert result.stdout == "".join(f"{visible(answer)}\n" for answer in expected(project, queries))
    assert result.exit_code == 0


def test_what_follows_quit_is_not_read(project: Path) -> None:
    result = chat(*FEW, lines=f"{QUERY}\n/quit\n/nonsense\n")
    assert (result.exit_code, result.stdout.count("\n")) == (0, 1)


def test_nothing_asked_is_nothing_answered(project: Path) -> None:
    result = chat(*FEW)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_a_conversation_is_saved_with_where_it_came_from(project: Path, tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    result = chat(*FEW, "--seed", "3", lines=f"{QUERY}\n/prompt urial-k0\nWhy?\n/save {path}\n")
    assert result.exit_code == 0, result.stderr
    saved = read_json(path, Transcript)
    assert isinstance(saved.model, ModelManifest)
    assert saved.model == read_json(project / "data/models/base/manifest.json", ModelManifest)
    assert saved.decoding == decoding(max_new_tokens=8, seed=3)
    assert [turn.prompt_name for turn in saved.turns] == ["microworld/zero-shot", "microworld/urial-k0"]
    assert str(project) not in path.read_text("utf-8")


def test_answers_of_the_pair_are_compared(project: Path) -> None:
    result = chat(*FEW, "--prompt", "urial-k0", lines="/compare Why?\n")
    heads = [line.strip("- ") for line in result.stdout.splitlines() if line.startswith("--- ")]
    assert heads == [
        "base, microworld/zero-shot (cut off)", "base, microworld/urial-k0 (cut off)", "aligned (cut off)",
    ]  # fmt: skip
    assert (result.exit_code, result.stderr) == (0, "")


def test_turns_that_no_longer_fit_are_left_out(project: Path) -> None:
    result = chat(*FEW, "--context", "70", lines=f"{QUERY}\n" * 3)
    assert (result.exit_code, result.stdout.count("\n") >= 3) == (0, True)
    assert "the conversation does not fit any more: 1 more of its oldest turns left out, 1 in all\n" in result.stderr


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b"/promt x\n", "unknown command '/promt'\n  expected: a command of /help, or // where a query begins with /"
                        "\n  fix: did you mean '/prompt'?"),
        (b"a\xff\n", "the line is not valid UTF-8; it was not sent\n  fix: save the input as UTF-8"),
        (b"x" * 1_000_000 + b"\n", "the line has more than 400,100 bytes; it was not sent"),
        (b"x" * 200_000 + b"\n", "the query has 200,000 characters\n  expected: at most 100,000"),
        (b"word " * 600 + b"\n",
         "the query does not fit, even without the turns before it: the prompt has 1,217 tokens and the answer may have "
         "8, but the context has 512"
         "\n  fix: shorten it, choose a shorter prompt with /prompt, or lower --max-new-tokens"),
        (b"/save /proc/none/x\n", "/proc/none/x: cannot be written: No such file or directory; nothing was changed"
                                  "\n  fix: free some space or correct the permissions, then run again"),
        (b"/prompt a\0b.yaml\n", "'a\\x00b.yaml' is no prompt's name"),
    ],
    ids=range(7),
)  # fmt: skip
def test_the_first_failure_ends_a_piped_chat_and_what_was_answered_stays(
    project: Path, lines: bytes, message: str
) -> None:
    result = chat(*FEW, lines=f"{QUERY}\n".encode() + lines + b"Not asked\n")
    assert result.exit_code == 1
    assert result.stdout == f"{visible(expected(project, [QUERY])[0])}\n"
    assert result.stderr.split("sets the limit\n")[1].startswith(f"Error: {message}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--aligned", "x"], "--aligned needs --base."),
        (["--server", "http://h/v1"], "--server needs --base."),
        (["--dtype", "auto"], "--dtype needs --base."),
        (["--base", "x", "--aligned-revision", "r"], "--aligned-revision needs --aligned."),
        (["--base", "x", "--server", "http://h/v1", "--base-revision", "r"], "--base-revision means nothing to a server."),
        (["--temperature", "nan"], "field 'temperature': input should be a finite number, got nan"),
        (["--seed", "-1"], "field 'seed': input should be greater than or equal to 0, got -1"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing_are_usage_errors(project: Path, arguments: list[str], message: str) -> None:
    result = chat(*arguments)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {message}")


def test_outside_of_a_project_a_named_model_answers_through_a_prompt_that_came_with_urial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = chat(
        "--base", str(tiny_folder("llama")), "--prompt", "general/urial-k0", "--max-new-tokens", "2", lines="Why?\n"
    )
    assert result.exit_code == 0, result.stderr


def test_without_models_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = chat(lines="Why?\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == no_project(tmp_path)


def test_help_loads_no_heavy_library() -> None:
    code = """
import sys
from urial.cli import main
try:
    main(["chat", "--help"])
except SystemExit:
    print(sorted({"torch", "transformers", "openai", "numpy"} & set(sys.modules)), file=sys.stderr)
"""
    assert run_python(code).stderr == "[]\n"


def test_ctrl_c_stops_an_answer_of_a_model_in_process(project: Path) -> None:
    person = Person("--max-new-tokens", "400", "--prompt", "zero-shot", cwd=project)
    person.sees("lists the commands")
    person.types("Why?")
    person.sees(visible(expected(project, ["Why?"])[0])[:5])
    person.presses("\x03")
    person.sees("stopped")
    person.types("/reset")
    person.sees("the turns so far are forgotten")
    assert person.leaves() == 0

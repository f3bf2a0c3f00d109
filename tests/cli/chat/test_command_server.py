"""`urial chat` with a server, also one that fails, and at a terminal."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.cli.chat.command import COMMAND, Person, chat, real
from tests.fake_server import Asked, completion, fails, says, send, serving
from urial.core.store import read_json
from urial.prompts.versions.library import load_prompt
from urial.prompts.versions.rendering import render
from urial.records.completion import Transcript
from urial.records.model import ModelManifest, ServerModel

CANARY = "sk-canary-0123456789"


def on(url: str, *more: str) -> list[str]:
    return ["--server", url, "--base", "m", *more]


def test_a_server_is_talked_to(project: Path, tmp_path: Path) -> None:
    with serving(says(completion("Kar", "most.\n``", "``"))) as server:
        result = chat(*on(server.url), lines=f"Capital?\nWhy?\n/save {tmp_path}/talk.json\n")
    assert (result.exit_code, result.stdout) == (0, "Karmost.\nKarmost.\n")
    prompt = load_prompt("general/urial-k3")
    texts = [render(prompt, "Capital?").text, render(prompt, "Why?", [("Capital?", "Karmost.")]).text]
    assert [asked.body["prompt"] for asked in server.asked] == texts
    saved = read_json(tmp_path / "talk.json", Transcript)
    assert saved.model == ModelManifest(role="base", source=ServerModel(server=server.url, model="m"))
    assert [turn.finish for turn in saved.turns] == ["stop_string", "stop_string"]


def test_a_conversation_too_long_for_a_server_goes_on_without_its_oldest_turns(project: Path) -> None:
    def short_memory(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        if asked.body["prompt"].count("# Query:") > 2:
            send(handler, b'{"error": {"message": "maximum context length is 9 tokens"}}', 400, "application/json")
        else:
            send(handler, completion("A"))

    with serving(short_memory) as server:
        result = chat(*on(server.url, "--prompt", "zero-shot"), lines="Q\nQ\nQ\n")
    assert (result.exit_code, result.stdout) == (0, "A\nA\nA\n")
    assert result.stderr == "the conversation does not fit any more: 1 more of its oldest turns left out, 1 in all\n"


def test_hostile_text_of_a_model_does_not_reach_the_terminal(project: Path, tmp_path: Path) -> None:
    hostile = "\x1b]0;x\x07\x1b[2J\rHello\u202e\n\tthere"
    with serving(says(completion(*hostile, reason="length"))) as server:
        result = chat(*on(server.url), lines=f"Q\n/save {tmp_path}/talk.json\n")
    assert result.stdout == "␛]0;x␇␛[2J␍Hello⟨U+202E⟩\n\tthere\n"
    assert read_json(tmp_path / "talk.json", Transcript).turns[0].answer == hostile


def test_a_server_that_fails_ends_a_piped_chat_with_one_message(project: Path) -> None:
    with serving(fails(404, {"detail": "Not Found"})) as server:
        result = chat(*on(server.url), lines="Q\nQ\n")
    assert (result.exit_code, result.stdout, len(server.asked)) == (1, "", 1)
    assert result.stderr == (
        f"Error: {server.url}: status 404: Not Found"
        "\n  fix: check the model's name and the server's address, which usually ends in /v1\n"
    )


def test_the_key_appears_in_no_output_no_record_and_no_error(project: Path, tmp_path: Path) -> None:
    def repeats(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        if len(server.asked) == 1:
            send(handler, completion("A"))
        else:
            body = json.dumps({"error": {"message": f"wrong key: {asked.headers}"}})
            send(handler, body.encode(), 401, "application/json")

    path = tmp_path / "talk.json"
    with serving(repeats) as server:
        done = real(*on(server.url), lines=f"Q\n/save {path}\nQ\n".encode(), cwd=project, OPENAI_API_KEY=CANARY)
    assert server.asked[0].headers["authorization"] == f"Bearer {CANARY}"
    assert (done.returncode, done.stdout) == (1, b"A\n")
    assert b"status 401: " in done.stderr
    assert b"Bearer ***" in done.stderr
    assert CANARY.encode() not in done.stderr + path.read_bytes()


def test_at_a_terminal_failures_and_ctrl_c_do_not_end_the_chat(project: Path, tmp_path: Path) -> None:
    shown = threading.Event()

    def reply(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        if asked.path.endswith("/chat/completions"):
            send(handler, completion("Aligned.", chat=True))
        elif "long story" in asked.body["prompt"].rpartition("# Query:")[2]:
            send(handler, completion("Once upon", reason=None))
            handler.wfile.flush()
            shown.wait(60)
        else:
            send(handler, completion("Base."))

    with serving(reply) as server:
        person = Person(*on(server.url, "--aligned", "a", "--prompt", "zero-shot"), cwd=project)
        person.sees("m through general/zero-shot; /help lists the commands")
        person.types("/promt x")
        person.sees("fix: did you mean '/prompt'?")
        person.types("Tell me a long story")
        person.sees("Once upon")
        person.interrupts("stopped; the answer is kept as far as it got")
        shown.set()
        person.types("Go on")
        person.sees("Base.")
        person.sees("> ")
        person.interrupts("stopped; Ctrl-D or /quit ends the chat")
        person.types("/prompt urial-k0")
        person.sees("2 turns so far laid out anew in it")
        person.types("/compare Why?")
        head = person.sees("Aligned.")
        assert [cell.strip() for cell in head.splitlines()[2].split(" | ")] == [
            "base, general/zero-shot", "base, general/urial-k0", "aligned",
        ]  # fmt: skip
        person.types(f"/save {tmp_path}/talk.json")
        person.sees("talk.json: 2 turns")
        assert person.leaves() == 0
    turns = read_json(tmp_path / "talk.json", Transcript).turns
    assert [(turn.answer, turn.finish) for turn in turns] == [("Once upon", "interrupted"), ("Base.", "stop")]


def test_a_terminal_of_another_encoding_gets_what_it_can_show(project: Path) -> None:
    with serving(says(completion("Käse 漢"))) as server:
        done = real(*on(server.url), lines="Q é\n".encode(), cwd=project, PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stdout) == (0, b"K\xe4se \\u6f22\n")
    assert "Q é" in server.asked[0].body["prompt"], "input is UTF-8 all the same"


def test_a_closed_input_is_an_empty_one(project: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", COMMAND, "chat", *on("http://127.0.0.1:9/v1")],
        capture_output=True, timeout=60, cwd=project, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

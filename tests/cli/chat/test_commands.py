"""What slash commands do, and that what goes wrong in one is said."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.chat.fakes import Script, Shown, model, scripted, session_of
from tests.conftest import ROOT
from urial.cli.chat.models import ChatModel, ChatModels
from urial.cli.chat.session import Commands
from urial.cli.chat.terminal import Terminal
from urial.core.errors import UrialError
from urial.core.store import read_json
from urial.records.completion import Transcript


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@dataclass
class FakeModels(ChatModels):
    """The models of a test."""

    other: ChatModel | None = None

    @property
    def collection(self) -> str:
        return "general"

    def aligned(self) -> ChatModel:
        if self.other is None:
            raise UrialError("no aligned model", fix="name one with --aligned")
        return self.other


def commands(*scripts: Script, aligned: ChatModel | None = None) -> Commands:
    return Commands(session_of(scripted(*scripts), "general/urial-k3"), FakeModels(Path(), other=aligned), Terminal())


def refusal(line: str, of: Commands | None = None) -> str:
    with pytest.raises(UrialError) as caught:
        (of or commands()).run(line)
    return str(caught.value)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    commands().run("/help")
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split()[0] for line in err.splitlines()[:-1]] == [
        "/help", "/prompt", "/compare", "/save", "/reset", "/quit",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "/promt general/urial-k1",
            "unknown command '/promt'\n  expected: a command of /help, or // where a query begins with /"
            "\n  fix: did you mean '/prompt'?",
        ),
        (
            "/",
            "unknown command '/'\n  expected: a command of /help, or // where a query begins with /"
            "\n  fix: known names: /compare, /help, /prompt, /quit, /reset, /save",
        ),
        ("/save", "/save needs FILE"),
        ("/compare  ", "/compare needs QUERY"),
        ("/reset now", "/reset takes no argument"),
        (
            "/prompt urial-k33",
            "unknown prompt 'general/urial-k33'\n  where: prompts\n  fix: did you mean 'general/urial-k3'?",
        ),
        ("/prompt none.yaml", "none.yaml: cannot be read: No such file or directory\n  fix: check the path"),
        ("/save x.json", "there is nothing to save yet"),
    ],
)
def test_a_wrong_command_says_what_is_right(line: str, message: str) -> None:
    assert refusal(line) == message


def test_a_prompt_is_changed_and_the_turns_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    run = commands(("A1",))
    run.run("/prompt microworld/urial-k3")
    run.session.ask("Q1", Shown())
    run.run("/prompt\tzero-shot")
    assert run.session.prompt.name == "general/zero-shot"
    assert len(run.session.turns) == 1
    assert capsys.readouterr().err == (
        "prompt microworld/urial-k3\nprompt general/zero-shot; 1 turn so far laid out anew in it\n"
    )


def test_prompts_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    commands().run("/prompt")
    lines = capsys.readouterr().err.splitlines()
    assert "general/zero-shot" in lines
    assert lines[-1] == "in use: general/urial-k3"


def test_answers_are_compared_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    run = commands(("zero\x1b[2J",), ("urial",), aligned=model(scripted(("other",))))
    run.run("/compare Why?")
    out, err = capsys.readouterr()
    assert err == ""
    assert [line for line in out.splitlines() if not line.startswith("---")] == [
        "zero␛[2J", "", "urial", "", "other",
    ]  # fmt: skip
    assert [line.strip("- ") for line in out.splitlines() if line.startswith("---")] == [
        "base, general/zero-shot", "base, general/urial-k3", "aligned",
    ]  # fmt: skip
    assert run.session.turns == []


def test_without_an_aligned_model_two_answers_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    commands(("zero",), ("urial",)).run("/compare Why?")
    out, err = capsys.readouterr()
    assert "aligned" not in out
    assert err == "without an aligned answer: no aligned model\n  fix: name one with --aligned\n"


def test_a_system_that_fails_in_a_comparison_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    failing = model(scripted((UrialError("http://s: no connection", fix="does the server run?"),)))
    message = refusal("/compare Why?", commands(("zero",), ("urial",), aligned=failing))
    assert message == "aligned: http://s: no connection\n  fix: does the server run?"
    assert "urial" in capsys.readouterr().out


def test_a_conversation_is_saved_to_the_letter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = commands(("A\x1b[2J\u2028\n```",), ("A2",))
    for query in ("Q1 é", "Q2"):
        run.session.ask(query, Shown())
    path = tmp_path / "a file.json"
    run.run(f"/save {path}")
    saved = read_json(path, Transcript)
    assert saved == run.session.transcript
    assert saved.turns[0].answer == "A\x1b[2J\u2028\n```"
    assert saved.turns == tuple(run.session.turns)
    assert (saved.model, saved.decoding) == (run.session.base.identity, run.session.base.decoding)
    assert capsys.readouterr().err == f"{path}: 2 turns\n"


def test_the_same_conversation_is_saved_as_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run = commands(("A",))
        run.session.ask("Q", Shown())
        run.run(f"/save {tmp_path / name}")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert str(tmp_path).encode() not in (tmp_path / "a").read_bytes()


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    run = commands(("A",))
    run.session.ask("Q", Shown())
    (tmp_path / "old").write_text("old")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    for path in (tmp_path / "old", tmp_path):
        message = f"{path}: already exists\n  fix: name another file"
        assert refusal(f"/save {path}", run) == message
    led = f"is a link to '{tmp_path / 'nothing'}'\n  fix: name the file that it leads to, or remove the link"
    assert refusal(f"/save {tmp_path / 'dangling'}", run) == f"{tmp_path / 'dangling'}: {led}"
    assert (tmp_path / "old").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["dangling", "old"]


@pytest.mark.parametrize("name", ["a-file/x.json", "x" * 300])
def test_what_cannot_be_written_says_why(tmp_path: Path, name: str) -> None:
    run = commands(("A",))
    run.session.ask("Q", Shown())
    (tmp_path / "a-file").write_text("")
    assert refusal(f"/save {tmp_path / name}", run).startswith(f"{tmp_path / name}: cannot be written: ")
    assert os.listdir(tmp_path) == ["a-file"]


def test_what_is_no_file_name_is_refused(tmp_path: Path) -> None:
    run = commands(("A",))
    run.session.ask("Q", Shown())
    assert refusal("/save a\0b", run) == r"'a\x00b' is no file name"


def test_a_flood_of_a_command_is_shown_short() -> None:
    assert len(refusal("/" + "x" * 100_000)) < 300


def test_home_is_where_a_tilde_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    run = commands(("A",))
    run.session.ask("Q", Shown())
    run.run("/save ~/x.json")
    assert (tmp_path / "x.json").is_file()


def test_reset_and_quit(capsys: pytest.CaptureFixture[str]) -> None:
    run = commands(("A",))
    run.session.ask("Q", Shown())
    run.run("/reset")
    assert (run.session.turns, run.ended) == ([], False)
    run.run("/quit")
    assert run.ended
    assert capsys.readouterr().err == "the turns so far are forgotten\n"

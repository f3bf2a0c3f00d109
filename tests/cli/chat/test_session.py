"""What a model is given in a conversation, what is kept of it, and what is left out when it grows too long."""

from pathlib import Path

import pytest

from tests.cli.chat.fakes import Shown, model, prompt, scripted, session_of
from urial.cli.chat.models import open_prompt
from urial.cli.chat.session import Session
from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.generate.engine import Request
from urial.prompts.versions.rendering import render
from urial.records.completion import ChatTurn


def test_a_turn_says_all_that_the_model_was_given() -> None:
    engine, shown = scripted(("Kar", "most.")), Shown()
    session = session_of(engine, "general/urial-k3")
    turn = session.ask("What?", shown)
    rendered = render(session.prompt.version, "What?")
    assert turn == ChatTurn(
        query="What?",
        prompt_name="general/urial-k3",
        prompt_hash=session.prompt.hash,
        retrieved=(),
        left_out=0,
        flag=None,
        text=rendered.text,
        text_hash=bytes_hash(rendered.text.encode()),
        stop=rendered.stop,
        answer="Karmost.",
        finish="stop_string",
    )
    assert session.turns == [turn]
    assert (shown.pieces, shown.notes) == (["Kar", "most."], [])
    [(request, keep)] = engine.asked
    assert keep
    assert request == Request(rendered.text, True, rendered.stop, seed=0)


def test_every_turn_follows_the_ones_before_it() -> None:
    engine = scripted(("A1",), ("A2",), ("A3",))
    session = session_of(engine)
    for query in ("Q1", "Q2", "Q3"):
        session.ask(query, Shown())
    expected = render(session.prompt.version, "Q3", [("Q1", "A1"), ("Q2", "A2")])
    assert session.turns[-1].text == engine.asked[-1][0].text == expected.text


def test_another_prompt_lays_out_the_turns_so_far_anew() -> None:
    session = session_of(scripted(("A1",), ("A2",)))
    session.ask("Q1", Shown())
    session.use_prompt(prompt("general/urial-k3"))
    session.ask("Q2", Shown())
    assert session.turns[1].text == render(session.prompt.version, "Q2", [("Q1", "A1")]).text
    assert [turn.prompt_name for turn in session.turns] == ["general/zero-shot", "general/urial-k3"]
    assert session.turns[0].prompt_hash != session.turns[1].prompt_hash == session.prompt.hash


def test_reset_forgets_the_turns_and_what_was_left_out() -> None:
    session = session_of(scripted(("A1",), ("A2",)))
    session.ask("Q1", Shown())
    session.left_out = 1
    session.reset()
    session.ask("Q2", Shown())
    assert [turn.text for turn in session.turns] == [render(session.prompt.version, "Q2").text]
    assert session.turns[0].left_out == 0


def test_the_oldest_turns_are_left_out_when_the_conversation_does_not_fit_and_this_is_said_each_time() -> None:
    engine, shown = scripted(*[("A" * 30,)] * 6), Shown()
    session = session_of(engine)
    turn_length = len(render(session.prompt.version, "Q", [("Q", "A" * 30)]).text) - len(
        render(session.prompt.version, "Q").text
    )
    engine.limit = len(render(session.prompt.version, "Q").text) + 2 * turn_length
    for _ in range(5):
        session.ask("Q", shown)
    assert [turn.left_out for turn in session.turns] == [0, 0, 0, 1, 2]
    assert shown.notes == [
        "the conversation does not fit any more: 1 more of its oldest turns left out, 1 in all",
        "the conversation does not fit any more: 1 more of its oldest turns left out, 2 in all",
    ]
    assert len(engine.asked) == 7, "what did not fit once is not tried again"
    session.use_prompt(session.prompt)
    session.ask("Q", shown)
    assert session.turns[-1].left_out == 3


def test_a_query_that_does_not_fit_alone_is_refused_and_the_conversation_goes_on() -> None:
    engine = scripted(("A1",), ("A2",), limit=100)
    session, shown = session_of(engine), Shown()
    session.ask("Q1", shown)
    with pytest.raises(UrialError) as caught:
        session.ask("Q" * 100, shown)
    length = len(render(session.prompt.version, "Q" * 100).text)
    assert str(caught.value) == (
        f"the query does not fit, even without the turns before it: {length} characters are too many"
        "\n  fix: shorten it, choose a shorter prompt with /prompt, or lower --max-new-tokens"
    )
    session.ask("Q2", shown)
    assert [turn.answer for turn in session.turns] == ["A1", "A2"]
    assert [turn.left_out for turn in session.turns] == [0, 0]


def test_a_first_query_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UrialError, match=r"^the query does not fit: "):
        session_of(scripted(limit=10)).ask("Q", Shown())


@pytest.mark.parametrize("at", ["while computing", "while showing"])
def test_an_interrupted_answer_is_kept_as_far_as_it_got(at: str) -> None:
    def interrupt() -> None:
        if len(shown.pieces) == 2:
            raise KeyboardInterrupt

    shown = Shown()
    script: tuple[str | BaseException, ...] = ("Kar", "mo", "st")
    if at == "while computing":
        script = ("Kar", "mo", KeyboardInterrupt())
    else:
        shown.on_piece = interrupt
    session = session_of(scripted(script, ("A2",)))
    turn = session.ask("Q1", shown)
    assert turn is not None
    assert (turn.answer, turn.finish) == ("Karmo", "interrupted")
    assert shown.notes == ["stopped; the answer is kept as far as it got"]
    session.ask("Q2", Shown())
    assert session.turns[1].text == render(session.prompt.version, "Q2", [("Q1", "Karmo")]).text


def test_an_answer_that_had_not_begun_is_not_kept() -> None:
    session, shown = session_of(scripted((KeyboardInterrupt(),))), Shown()
    assert session.ask("Q", shown) is None
    assert session.turns == []
    assert shown.notes == ["stopped before the answer began; the query is not kept"]


def test_an_answer_that_breaks_off_is_an_error_and_is_not_kept() -> None:
    session, shown = session_of(scripted(("Kar", UrialError("it broke off")))), Shown()
    with pytest.raises(UrialError, match="it broke off"):
        session.ask("Q", shown)
    assert (shown.pieces, session.turns) == (["Kar"], [])


def test_an_answer_that_reaches_the_limit_says_so() -> None:
    shown = Shown()
    turn = session_of(scripted(("A",), finish="length")).ask("Q", shown)
    assert turn is not None
    assert turn.finish == "length"
    assert shown.notes == [
        "cut off after 12 tokens, which --max-new-tokens sets, or before, where the server's context ends"
    ]


def test_a_query_that_may_be_read_as_more_is_flagged(tmp_path: Path) -> None:
    path = tmp_path / "plain.yaml"
    path.write_text(
        "description: d\nmethod: zero-shot\ndialect: plain\nsystem: null\nexamples: []\nsource: s\nlicence: Apache-2.0\n"
    )
    session, shown = Session(model(scripted(("A",))), open_prompt(str(path), "general")), Shown()
    turn = session.ask("x\nAnswer: y", shown)
    assert turn is not None
    assert turn.flag
    assert turn.prompt_name == str(path)
    assert shown.notes == [f"warning: {turn.flag}"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("a\udcff", "the query is not valid UTF-8\n  fix: check the terminal's encoding"),
        ("x" * 100_001, "the query has 100,001 characters\n  expected: at most 100,000"),
    ],
)
def test_what_is_no_query_is_refused(query: str, message: str) -> None:
    session = session_of(scripted())
    with pytest.raises(UrialError) as caught:
        session.ask(query, Shown())
    assert str(caught.value) == message
    with pytest.raises(UrialError) as caught:
        list(session.compare(query, session.prompt, None))
    assert str(caught.value) == message

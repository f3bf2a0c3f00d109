"""Retrieved examples, comparisons, and conversations with a real model."""

from tests.cli.chat.fakes import Shown, model, prompt, scripted, session_of
from tests.conftest import ROOT
from tests.tiny_models import decoding, tiny_folder
from urial.cli.chat.models import ChatModel, open_prompt
from urial.cli.chat.session import Session
from urial.cli.chat.transformers_stream import StreamingEngine
from urial.core.errors import UrialError
from urial.generate.engine import Request
from urial.generate.transformers_batch import TransformersEngine
from urial.local_models.loading.loading import encode
from urial.prompts.versions.rendering import render
from urial.records.model import read_manifest


def test_examples_are_retrieved_for_the_first_query_and_stay() -> None:
    engine = scripted(*[("A",)] * 4)
    session = session_of(engine, "general/retrieval-k3")
    session.ask("Explain how a bicycle stays upright.", Shown())
    session.ask("Write a poem about the sea.", Shown())
    first, second = session.turns
    assert len(first.retrieved) == 3
    assert first.retrieved == second.retrieved
    constant = first.text[: first.text.index("Explain how a bicycle")]
    assert second.text.startswith(constant[: -len("# Query:\n```\n")])
    session.reset()
    session.ask("Write a poem about the sea.", Shown())
    assert session.turns[0].retrieved != first.retrieved


def test_a_comparison_asks_each_system_the_query_alone_and_leaves_no_trace() -> None:
    base, aligned = scripted(("A1",), ("zero",), ("urial",)), scripted(("al", "igned"))
    session = session_of(base, "general/urial-k3")
    session.ask("Q1", Shown())
    found = list(session.compare("Q2", prompt(), model(aligned)))
    assert found == [
        ("base, general/zero-shot", "zero"),
        ("base, general/urial-k3", "urial"),
        ("aligned", "aligned"),
    ]
    assert len(session.turns) == 1
    texts = [(request.text, keep) for request, keep in base.asked[1:]]
    assert texts == [
        (render(prompt().version, "Q2").text, False),
        (render(session.prompt.version, "Q2").text, True),
    ]
    assert aligned.conversed == ["Q2"]


def test_a_comparison_of_the_zero_shot_prompt_with_itself_asks_once() -> None:
    session = session_of(scripted(("A",)))
    assert list(session.compare("Q", prompt(), None)) == [("base, general/zero-shot", "A")]


def test_a_system_that_fails_leaves_the_other_answers() -> None:
    error = UrialError("no memory")
    session = session_of(scripted((error,), ("urial",), finish="length"), "general/urial-k3")
    assert list(session.compare("Q", prompt(), None)) == [
        ("base, general/zero-shot", error),
        ("base, general/urial-k3 (cut off)", "urial"),
    ]


def real_session(context: int | None = None) -> Session:
    folder = tiny_folder("llama")
    base = ChatModel(StreamingEngine(folder, context), read_manifest(folder), decoding(max_new_tokens=8))
    return Session(base, prompt("microworld/zero-shot"))


def test_a_real_conversation_gets_the_answers_of_the_batch_engine() -> None:
    session, batch = real_session(), TransformersEngine(tiny_folder("llama"), threads=1, batch_size=1)
    for query in ("What is the capital of Ardovia?", "Why?", "漢字 🙂"):
        turn = session.ask(query, Shown())
        assert turn is not None
        request = Request(turn.text, True, turn.stop, 0)
        [(_, answer)] = batch.complete([request], [0], session.base.decoding)
        assert (turn.answer, turn.finish) == (answer.text, answer.finish)


def test_a_real_conversation_never_outgrows_its_context() -> None:
    session, shown = real_session(context=90), Shown()
    for number in range(6):
        session.ask(f"What is {number}?", shown)
    engine = session.base.engine
    assert isinstance(engine, StreamingEngine)
    lengths = [len(encode(engine.tokenizer, turn.text, True)) for turn in session.turns]
    assert max(lengths) <= 82
    assert session.turns[-1].left_out > 0
    assert sum("left out" in note for note in shown.notes) == len({turn.left_out for turn in session.turns}) - 1


def test_the_prompt_of_a_conversation_is_found_by_name_and_by_path() -> None:
    folder = ROOT / "prompts"
    by_name = open_prompt("zero-shot", "microworld", folder)
    assert by_name.name == "microworld/zero-shot"
    assert open_prompt("general/zero-shot", "microworld", folder).name == "general/zero-shot"
    path = str(folder / "microworld" / "zero-shot.yaml")
    assert (open_prompt(path, "general", folder).name, open_prompt(path, "general", folder).hash) == (
        path,
        by_name.hash,
    )

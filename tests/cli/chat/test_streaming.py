"""A streamed answer is that of the batch engine, and a conversation computes little more than its newest turn."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.local_models.test_text import sentence_pieces
from tests.tiny_models import CONTEXT, decoding, save_folder, tiny_folder, tiny_model, tiny_tokenizer
from urial.cli.chat.stream_text import Ending, Pieces, PromptTooLongError
from urial.cli.chat.transformers_stream import StreamingEngine
from urial.core.errors import UrialError
from urial.generate.engine import Request
from urial.generate.transformers_batch import TransformersEngine
from urial.local_models.decoding.answer_text import StopFinder
from urial.local_models.decoding.architecture import keeps_plain_cache
from urial.local_models.decoding.batch import Row
from urial.records.params.file import Decoding

CONSTANT = "# Instruction\n\nBelow are conversations with an assistant.\n\n# Query:\n```\nWhat is it?\n```\n\n" * 3
QUERIES = ("What is the capital of Ardovia?", "Why?", "漢字 🙂", "And the river?")
PLAIN = ("llama", "mistral-wide-window", "qwen2", "gpt2", "gpt-neox", "gemma2", "opt", "cohere")
# Recurrent state, a window that is outgrown, distances without positions, rotation that depends on the length.
NOT_PLAIN = ("mamba", "gpt-neo", "mistral-narrow-window", "bloom", "phi3-longrope")


@lru_cache
def engines(name: str) -> tuple[StreamingEngine, TransformersEngine]:
    return StreamingEngine(tiny_folder(name)), TransformersEngine(tiny_folder(name), threads=1, batch_size=1)


def request(text: str, stop: tuple[str, ...] = (), seed: int = 0) -> Request:
    return Request(text, True, stop, seed)


def streamed(engine: StreamingEngine, asked: Request, how: Decoding, keep: bool = True) -> tuple[list[str], Ending]:
    *pieces, ending = engine.stream(asked, how, keep)
    assert isinstance(ending, Ending)
    return [piece for piece in pieces if isinstance(piece, str)], ending


def require_same_answer(name: str, asked: Request, how: Decoding) -> Ending:
    stream, batch = engines(name)
    pieces, ending = streamed(stream, asked, how)
    [(_, answer)] = batch.complete([asked], [0], how)
    assert (ending.token_ids, ending.text, ending.finish) == (answer.token_ids, answer.text, answer.finish)
    assert "".join(pieces) == answer.text
    return ending


def conversation(name: str, how: Decoding) -> list[str]:
    """The answers to QUERIES, each asked after the turns before it."""
    text, answers = CONSTANT, []
    for query in QUERIES:
        text += f"# Query:\n```\n{query}\n```\n\n# Answer:\n```\n"
        answers.append(require_same_answer(name, request(text, ("\n```",)), how).text)
        text += f"{answers[-1]}\n```\n\n"
    return answers


@contextmanager
def forwarded(engine: StreamingEngine) -> Iterator[list[int]]:
    """How many tokens each call of the model gets."""
    widths: list[int] = []
    hook = engine.model.register_forward_pre_hook(
        lambda module, args, kwargs: widths.append(kwargs["input_ids"].shape[1]), with_kwargs=True
    )
    try:
        yield widths
    finally:
        hook.remove()


@pytest.mark.parametrize("name", [*PLAIN, *NOT_PLAIN])
def test_every_turn_of_a_conversation_gets_the_batch_engine_s_answer(name: str) -> None:
    assert keeps_plain_cache(engines(name)[0].model, 250) == (name in PLAIN)
    assert len(set(conversation(name, decoding(max_new_tokens=8)))) > 1, "varied, or nothing is shown"


@pytest.mark.parametrize("changes", [{"repetition_penalty": 1.3}, {"temperature": 1, "top_p": 0.9}])
def test_penalty_and_sampling_are_those_of_the_batch_engine(changes: dict[str, float]) -> None:
    conversation("llama", decoding(max_new_tokens=8, **changes))


def test_a_later_turn_computes_its_own_tokens_alone() -> None:
    engine = StreamingEngine(tiny_folder("llama"))
    first = CONSTANT + "# Query:\nA\n# Answer:\n"
    _, ending = streamed(engine, request(first), decoding(max_new_tokens=8))
    second = f"{first}{ending.text}\n# Query:\nB\n# Answer:\n"
    with forwarded(engine) as widths:
        streamed(engine, request(second), decoding(max_new_tokens=8))
    length = len(tiny_tokenizer()(second)["input_ids"])
    assert length > 100
    assert widths[0] < 30
    assert widths[1:] == [1] * 7


def test_another_prompt_computes_what_it_does_not_share() -> None:
    engine = StreamingEngine(tiny_folder("llama"))
    streamed(engine, request(CONSTANT + "A B C D"), decoding(max_new_tokens=4))
    shared = len(tiny_tokenizer()(CONSTANT)["input_ids"])
    for text in (CONSTANT + "E", CONSTANT, "F"):
        ids = tiny_tokenizer()(text)["input_ids"]
        with forwarded(engine) as widths:
            streamed(engine, request(text), decoding(max_new_tokens=4))
        # <bos> is shared by all; the last token is always computed, since what follows it is asked for.
        assert widths[0] == max(len(ids) - (shared if text.startswith(CONSTANT) else 1), 1)


def test_a_prompt_that_is_not_to_be_kept_leaves_the_cache_alone() -> None:
    engine, how = StreamingEngine(tiny_folder("llama")), decoding(max_new_tokens=4)
    streamed(engine, request(CONSTANT + "A"), how)
    with forwarded(engine) as widths:
        aside = streamed(engine, request("Something else"), how, keep=False)
        streamed(engine, request(CONSTANT + "B"), how)
    assert aside == streamed(StreamingEngine(tiny_folder("llama")), request("Something else"), how)
    assert widths[4] == 1


def test_an_answer_that_is_left_unfinished_can_be_gone_on_from() -> None:
    engine, how = StreamingEngine(tiny_folder("llama")), decoding(max_new_tokens=8)
    asked = request(CONSTANT + "A")
    for count in range(4):
        with closing(engine.stream(asked, how)) as stream:
            for _ in range(count):
                next(stream)
        assert streamed(engine, asked, how) == streamed(StreamingEngine(tiny_folder("llama")), asked, how)


def test_an_interruption_at_any_moment_leaves_nothing_half_done_behind() -> None:
    engine, how = StreamingEngine(tiny_folder("llama")), decoding(max_new_tokens=4)
    expected = streamed(engine, request(CONSTANT + "A"), how)
    layer = engine.model.model.layers[1]
    for moment in range(4):
        calls = iter(range(100))

        def interrupt(*_: Any, moment: int = moment, calls: Iterator[int] = calls) -> None:
            if next(calls) == moment:
                raise KeyboardInterrupt

        # In the middle of the model: its first layer has already written to the cache.
        hook = layer.register_forward_pre_hook(interrupt)
        try:
            with pytest.raises(KeyboardInterrupt):
                streamed(engine, request(CONSTANT + "B"), how)
        finally:
            hook.remove()
        assert streamed(engine, request(CONSTANT + "A"), how) == expected


def test_inference_mode_is_not_left_on_between_pieces() -> None:
    engine = engines("llama")[0]
    with closing(engine.stream(request("A"), decoding())) as stream:
        next(stream)
        assert not torch.is_inference_mode_enabled()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(QUERIES), st.lists(st.text("aeinorst `\n\ufffd", min_size=1, max_size=3), max_size=3))
def test_any_stop_strings_cut_as_in_the_batch_engine(query: str, stop: list[str]) -> None:
    require_same_answer("llama", request(query, tuple(stop)), decoding(max_new_tokens=10))


def test_a_prompt_without_room_for_its_answer_is_refused_before_anything_is_computed() -> None:
    engine = StreamingEngine(tiny_folder("llama"), context=20)
    with forwarded(engine) as widths, pytest.raises(PromptTooLongError) as caught:
        next(engine.stream(request("A"), decoding(max_new_tokens=19)))
    assert str(caught.value) == ("the prompt has 2 tokens and the answer may have 19, but the context has 20")
    assert widths == []
    assert streamed(engine, request("A"), decoding(max_new_tokens=18))[1].finish == "length"


@pytest.mark.parametrize("context", [None, CONTEXT + 1])
def test_the_model_s_own_context_is_a_limit_too(context: int | None) -> None:
    assert StreamingEngine(tiny_folder("llama"), context).context == CONTEXT


def test_the_chat_template_is_the_tokenizer_s_and_has_one_bos() -> None:
    stream, batch = engines("llama")
    text = tiny_tokenizer().apply_chat_template(
        [{"role": "user", "content": "Why?"}], tokenize=False, add_generation_prompt=True
    )
    assert text == "<bos><|user|>Why?<|assistant|>"
    *pieces, ending = stream.converse("Why?", decoding())
    [(_, answer)] = batch.complete([Request(text, False, (), 0)], [0], decoding())
    assert isinstance(ending, Ending)
    assert (ending.token_ids, "".join(map(str, pieces))) == (answer.token_ids, answer.text)


def test_a_template_that_fails_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = StreamingEngine(tiny_folder("llama"))
    monkeypatch.setattr(engine.tokenizer, "chat_template", "{{ raise_exception('no user here') }}")
    with pytest.raises(UrialError) as caught:
        next(engine.converse("Why?", decoding()))
    assert str(caught.value) == (
        "the tokenizer's chat template failed: 'no user here'"
        "\n  fix: use an aligned model whose tokenizer has a working chat template"
    )


def test_text_of_byte_tokens_waits_for_the_end_of_their_run() -> None:
    engine = object.__new__(StreamingEngine)
    engine.tokenizer = sentence_pieces()
    engine.special_ids = frozenset(engine.tokenizer.all_special_ids)
    names = ["▁Hello", *(f"<0x{byte:02X}>" for byte in "漢🙂".encode()), "<s>", "<0xF0>", "▁world"]
    ids = engine.tokenizer.convert_tokens_to_ids(names)
    prompt = engine.tokenizer.convert_tokens_to_ids(["H"])
    row, pieces = Row(0, prompt, StopFinder(engine.tokenizer, prompt, ()), torch.Generator()), Pieces(())
    given_out = []
    for token in ids:
        row.ids.append(token)
        given_out.append(pieces.next(engine._settled(row)))
    # One byte too many makes the whole run unreadable, and nothing of it had been given out.
    assert given_out == [" Hello", *[""] * 9, "\ufffd" * 8 + " world"]


def test_full_memory_says_what_to_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = StreamingEngine(tiny_folder("llama"))

    def no_room(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(engine.model.model, "forward", no_room)
    with pytest.raises(UrialError) as caught:
        next(engine.stream(request("A"), decoding()))
    assert str(caught.value) == (
        "the prompt does not fit into the device's memory\n  fix: shorten it, or lower --max-new-tokens"
    )


def test_a_model_without_context_length_is_asked_anything(tmp_path: Path) -> None:
    engine = StreamingEngine(save_folder(tmp_path, tiny_model("bloom")))
    assert engine.context is None
    assert streamed(engine, request("word " * (CONTEXT + 10)), decoding(max_new_tokens=1))[1].finish == "length"

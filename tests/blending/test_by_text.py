"""A helper whose tokenizer is another: words pass as text, and each model keeps the tokens that it wrote itself."""

import re
from functools import lru_cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.blending.plain import (
    NEVER,
    REQUESTS,
    Engines,
    chosen,
    logits,
    other_folder,
    other_tokenizer,
    prompts_of,
)  # fmt: skip
from tests.tiny_models import decoding, tiny_folder, tiny_tokenizer
from urial.blending.by_text import continuation
from urial.blending.engine import BlendedEngine, BlendRequest
from urial.generate.engine import NoAnswer, Request
from urial.generate.transformers_batch import TransformersEngine
from urial.local_models.decoding.answer_text import answer_text
from urial.records.blend import Interventions, Nudge, RandomShare
from urial.records.blended_tokens import places_of
from urial.records.completion import Answer
from urial.records.params.file import Decoding

LENGTH = 12
SETTINGS = decoding(max_new_tokens=LENGTH, repetition_penalty=1.3), decoding(max_new_tokens=LENGTH)
SAMPLED = decoding(max_new_tokens=LENGTH, temperature=1), decoding(max_new_tokens=LENGTH, temperature=0.8)


@lru_cache
def pair(base: str) -> Engines:
    rule = NEVER.model_copy(update={"unit": "word"})
    blended = BlendedEngine(tiny_folder(base), other_folder(), rule, threads=1, batch_size=4)
    alone = [TransformersEngine(folder, 1, 4) for folder in (tiny_folder(base), other_folder())]
    return Engines(alone[0], alone[1], blended)


def plain(engines: Engines, request: BlendRequest, threshold: float) -> list[int]:
    """nudged of plain.py, with two tokenizers."""
    tokenizers = tiny_tokenizer(), other_tokenizer()
    base = list(prompts_of(request)[0])
    helper = list(tokenizers[1](request.helper.text, add_special_tokens=False)["input_ids"])
    first, heard = len(base), len(base)
    while len(base) - first < LENGTH:
        found = logits(engines.base.model, base)
        said = answer_text(tokenizers[0], base[:heard], base[heard:])
        if found.softmax(-1).max() >= threshold or said.endswith("\ufffd"):
            base.append(chosen(found, base, 1.3))
            continue
        helper += continuation(tokenizers[1], helper, said)
        word, ids = "", list[int]()
        while len(ids) < 16:
            token = int(logits(engines.helper.model, helper + ids).argmax())
            piece = tokenizers[1].decode([token], skip_special_tokens=True)
            if word.strip() and (piece[:1].isspace() or word[-1].isspace() or len(word.split()) > 1):
                break
            word += piece
            ids.append(token)
        base += continuation(tokenizers[0], base, answer_text(tokenizers[1], helper, ids))
        helper += ids
        heard = len(base)
    return base[first : first + LENGTH]


def ids_of(answers: list[Answer]) -> list[list[int]]:
    return [list(answer.token_ids or ()) for answer in answers]


@pytest.mark.parametrize("base", ["llama", "gemma2-narrow-window", "mamba"])
def test_nudging_by_text_gives_the_tokens_of_a_plain_loop(base: str) -> None:
    engines = pair(base)
    assert engines.blended.by_text
    for voice in (engines.blended.base, engines.blended.helper):
        voice.end_ids = frozenset()
    prompts = [prompts_of(request)[0] for request in REQUESTS]
    peaks = torch.stack([logits(engines.base.model, prompt).softmax(-1).max() for prompt in prompts])
    threshold = float(peaks.median()) + 1e-3
    expected = [plain(engines, request, threshold) for request in REQUESTS]
    for size in (1, 4):
        found = engines.blend(Nudge(kind="nudge", threshold=threshold), *SETTINGS, batch_size=size)
        assert ids_of(found) == expected
    assert any(answer.interventions and answer.interventions.supplied for answer in found)


@pytest.mark.parametrize("settings", [SETTINGS, SAMPLED], ids=["greedy", "sampled"])
def test_a_rule_that_never_steps_in_gives_the_base_and_one_that_always_does_the_text_of_the_helper(
    settings: tuple[Decoding, Decoding],
) -> None:
    engines, numbers = pair("llama"), range(len(REQUESTS))
    for alone, voice in zip(
        (engines.base, engines.helper), (engines.blended.base, engines.blended.helper), strict=True
    ):
        voice.end_ids = alone.end_ids = frozenset()
    base = dict(engines.base.complete([item.base for item in REQUESTS], numbers, settings[0]))
    never = engines.blend(Nudge(kind="nudge", threshold=0), *settings)
    assert ids_of(never) == ids_of([base[number] for number in numbers])
    helper = dict(engines.helper.complete([item.helper for item in REQUESTS], numbers, settings[1]))
    for rule in (Nudge(kind="nudge", threshold=1), RandomShare(kind="random", share=1, unit="word", seed=0)):
        for number, answer in enumerate(engines.blend(rule, *settings)):
            own = helper[number].text
            both = min(len(own), len(answer.text.rstrip("\ufffd")))
            assert both > 3
            assert answer.text[:both] == own[:both]


def test_an_end_token_of_the_helper_ends_the_answer_without_a_token() -> None:
    engines = pair("llama")
    engines.blended.helper.end_ids = frozenset(range(len(other_tokenizer())))
    for answer in engines.blend(Nudge(kind="nudge", threshold=1), *SETTINGS):
        assert (answer.text, answer.token_ids, answer.finish) == ("", (), "end_token")
        # It is a place like any other.
        assert answer.interventions == Interventions(starts=(0,), supplied=(), changed=())
        assert places_of(answer.interventions, 0) == (1, 1)


def test_a_control_steps_in_as_often_as_it_is_to_where_the_helper_ends_many_answers() -> None:
    engines = pair("llama")
    engines.blended.base.end_ids = frozenset()
    engines.blended.helper.end_ids = frozenset(range(0, len(other_tokenizer()), 3))
    asked = [Request(f"query {number}", True, (), number) for number in range(60)]
    requests = [BlendRequest(one, one) for one in asked]
    rule = RandomShare(kind="random", share=0.3, unit="word", seed=0)
    answers = engines.blend(rule, *SAMPLED, requests=requests, batch_size=60)
    places = [
        places_of(answer.interventions, len(answer.token_ids or ())) for answer in answers if answer.interventions
    ]
    stepped, of = (sum(numbers) for numbers in zip(*places, strict=True))
    assert sum(answer.finish == "end_token" for answer in answers) > 30
    assert abs(stepped / of - 0.3) < 4 * (0.3 * 0.7 / of) ** 0.5


def test_a_helper_whose_context_is_full_leaves_its_rows_without_an_answer_and_the_others_as_they_were() -> None:
    # What the base says is many more tokens to the helper.
    rule = RandomShare(kind="random", share=0.2, unit="word", seed=0)
    # Room for some; a model of learned positions has no place for more.
    context = 70
    engine = BlendedEngine(
        tiny_folder("llama"), other_folder("gpt2", n_positions=context), rule, threads=1, batch_size=4
    )
    engine.base.end_ids = engine.helper.end_ids = frozenset()
    settings = decoding(max_new_tokens=30), decoding(max_new_tokens=30)
    found = dict(engine.complete(REQUESTS, range(4), *settings))
    missing = {number: answer for number, answer in found.items() if isinstance(answer, NoAnswer)}
    assert 0 < len(missing) < 4
    for answer in missing.values():
        assert (answer.kind, answer.fix) == ("too_long", None)
        assert re.fullmatch(
            rf"prompt and answer have at least [0-9]+ tokens, but the model's context has {context} \(the helper\)",
            answer.reason,
        )
    alone = [number for number in range(4) if number not in missing]
    assert dict(engine.complete(REQUESTS, alone, *settings)) == {number: found[number] for number in alone}
    # Where the base alone speaks, nobody reads.
    engine.rule = Nudge(kind="nudge", threshold=0)
    assert all(isinstance(answer, Answer) for _, answer in engine.complete(REQUESTS, range(4), *settings))


@given(st.text(alphabet="ab \n漢é🙂.", max_size=12), st.text(alphabet="ab \n漢é.", max_size=12))
def test_a_continuation_is_the_text_after_what_was_there(before: str, text: str) -> None:
    for tokenizer in (tiny_tokenizer(), other_tokenizer()):
        ids = tokenizer(before)["input_ids"]
        assert answer_text(tokenizer, ids, continuation(tokenizer, ids, text)) == text

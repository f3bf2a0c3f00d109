"""Batched decoding with a shared prefix gives what plain generation gives, one row at a time."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pytest
import torch
from transformers import TemperatureLogitsWarper, TopPLogitsWarper

from tests.tiny_models import decoding, of_each_kind, save_folder, tiny_folder, tiny_model, tiny_tokenizer
from urial.core.errors import UrialError
from urial.generate.engine import Request
from urial.generate.transformers_batch import TransformersEngine
from urial.local_models.decoding.prefix import shared_prefix_length
from urial.records.completion import Answer
from urial.records.params.file import Decoding

SHARED = "# Query:\n```\nWhat is the capital of Ardovia?\n```\n\n# Answer:\n```\nKarmost.\n```\n\n"
ENDS = ("A", "What does the fennoth eat? " * 8, "Tell me how to hurt a gorster.", "漢字 é 🙂 " * 3, "B", "B C")
PROMPTS = {"shared": tuple(SHARED + end for end in ENDS), "apart": ENDS}
NEW_TOKENS = 10
COMMON = ("llama", "mistral-wide-window", "qwen2", "gpt2", "gpt-neox", "olmo2")
# Windows and chunks that the prompts outgrow, recurrent states, layers of both kinds, sinks and capped scores, shared and
# compressed keys, distances without positions, local layers of another name, rotation that depends on the length.
SPECIAL = (
    "mistral-narrow-window", "gemma2", "gemma2-narrow-window", "gemma3-narrow-window", "gemma3n", "olmo3", "gpt-oss",
    "phi3-narrow-window", "cohere2", "llama4", "deepseek-v3", "qwen3-next", "qwen3.5", "granite4", "falcon-h1", "bamba",
    "jamba", "zamba2", "nemotron-h", "mamba", "mamba2", "lfm2", "minimax", "rwkv", "bloom", "mpt", "gpt-neo",
    "phi3-longrope",
)  # fmt: skip


@lru_cache
def engine_of(name: str) -> TransformersEngine:
    return TransformersEngine(tiny_folder(name), threads=1, batch_size=1)


def answers_of(
    engine: TransformersEngine, prompts: Sequence[str], batch_size: int, settings: Decoding, **changes: Any
) -> list[Answer]:
    engine.batch_size = batch_size
    requests = [
        Request(text, True, changes.get("stop", ()), changes.get("seed", 0) + n) for n, text in enumerate(prompts)
    ]
    found = dict(engine.complete(requests, changes.get("wanted", range(len(prompts))), settings))
    return [found[index] for index in sorted(found)]


@lru_cache
def token_ids(answer: Answer) -> tuple[int, ...]:
    """The generated tokens, which an engine in this process always knows."""
    assert answer.token_ids is not None
    return answer.token_ids


def plain_generate(name: str, prompt: str, penalty: float) -> list[int]:
    """transformers' own answer to one prompt alone."""
    ids = torch.tensor([tiny_tokenizer()(prompt)["input_ids"]])
    output = engine_of(name).model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=NEW_TOKENS,
        repetition_penalty=penalty,
    )
    found: list[int] = output[0, ids.shape[1] :].tolist()
    return found


@pytest.mark.parametrize(("layout", "penalty"), [("shared", 1.3), ("apart", 1.0)])
@pytest.mark.parametrize("name", COMMON)
def test_greedy_answers_are_those_of_plain_generation_at_every_batch_size(
    name: str, layout: str, penalty: float
) -> None:
    require_plain_answers(name, layout, penalty, (1, 2, 16))


@pytest.mark.parametrize("name", of_each_kind(SPECIAL))
def test_unusual_architecture_gets_plain_answers_in_every_batch_and_sampled_ones_that_do_not_depend_on_it(
    name: str,
) -> None:
    require_plain_answers(name, "shared", 1.3, (3, 16))
    settings = decoding(max_new_tokens=NEW_TOKENS, temperature=1, top_p=0.9)
    alone = answers_of(engine_of(name), PROMPTS["shared"], 1, settings)
    assert answers_of(engine_of(name), PROMPTS["shared"], 16, settings) == alone


def require_plain_answers(name: str, layout: str, penalty: float, batch_sizes: Sequence[int]) -> None:
    expected = [plain_generate(name, prompt, penalty) for prompt in PROMPTS[layout]]
    assert len({token for ids in expected for token in ids}) > 3 * len(expected), "varied answers, or nothing is shown"
    settings = decoding(max_new_tokens=NEW_TOKENS, repetition_penalty=penalty)
    for batch_size in batch_sizes:
        found = answers_of(engine_of(name), PROMPTS[layout], batch_size, settings)
        assert [list(token_ids(answer)) for answer in found] == expected, f"batch size {batch_size}"


def test_rows_leave_their_batch_at_different_steps_without_touching_the_others() -> None:
    engine = engine_of("llama")
    free = answers_of(engine, PROMPTS["shared"], 1, decoding(max_new_tokens=NEW_TOKENS))
    ends = frozenset(token_ids(answer)[2 + 2 * number] for number, answer in enumerate(free[:4]))
    original, engine.end_ids = engine.end_ids, ends
    try:
        for batch_size in (1, 2, 16):
            found = answers_of(engine, PROMPTS["shared"], batch_size, decoding(max_new_tokens=NEW_TOKENS))
            lengths = {len(token_ids(answer)) for answer in found}
            assert len(lengths) > 2
            for answer, full in zip(found, free, strict=True):
                ended = token_ids(answer)[-1] in ends
                assert token_ids(answer) == token_ids(full)[: len(token_ids(answer))]
                assert answer.finish == ("end_token" if ended else "length")
                assert ended or len(token_ids(answer)) == NEW_TOKENS
                assert not ends & set(token_ids(answer)[:-1])
                text = tiny_tokenizer().decode(token_ids(answer)[: -1 if ended else None], skip_special_tokens=True)
                assert answer.text == text
    finally:
        engine.end_ids = original


def test_stop_string_ends_a_row_where_it_first_appears_in_its_answer() -> None:
    engine, settings = engine_of("llama"), decoding(max_new_tokens=NEW_TOKENS)
    free = answers_of(engine, PROMPTS["shared"], 16, settings)
    text = free[1].text
    stop = next(text[n : n + 3] for n in range(6, len(text)) if "\ufffd" not in text[n : n + 3])
    for batch_size in (1, 16):
        found = answers_of(engine, PROMPTS["shared"], batch_size, settings, stop=(stop,))
        assert (found[1].text, found[1].finish) == (text[: text.index(stop)], "stop_string")
        assert token_ids(found[1]) == token_ids(free[1])[: len(token_ids(found[1]))]


def test_shared_prefix_is_computed_once_and_every_other_token_once_a_row() -> None:
    engine = engine_of("llama")
    prompts = [tiny_tokenizer()(prompt)["input_ids"] for prompt in PROMPTS["shared"]]
    prefix = shared_prefix_length(prompts)
    assert prefix > 20
    shapes: list[tuple[int, ...]] = []
    hook = engine.model.register_forward_pre_hook(
        lambda module, args, kwargs: shapes.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    try:
        answers_of(engine, PROMPTS["shared"], 2, decoding(max_new_tokens=4))
    finally:
        hook.remove()
    widths = sorted((len(ids) - prefix for ids in prompts), reverse=True)
    batches = [[(2, widths[start]), (2, 1), (2, 1), (2, 1)] for start in (0, 2, 4)]
    assert shapes == [(1, prefix), *(shape for batch in batches for shape in batch)]


def test_one_wanted_row_is_answered_alone_and_nothing_wanted_computes_nothing() -> None:
    engine, settings = engine_of("llama"), decoding(max_new_tokens=4)
    everything = answers_of(engine, PROMPTS["shared"], 16, settings)
    assert answers_of(engine, PROMPTS["shared"], 16, settings, wanted=[3]) == [everything[3]]
    hook = engine.model.register_forward_pre_hook(lambda *_: pytest.fail("nothing was wanted"))
    try:
        assert answers_of(engine, PROMPTS["shared"], 16, settings, wanted=[]) == []
    finally:
        hook.remove()


def test_sampled_answer_depends_on_its_seed_alone() -> None:
    engine, settings = engine_of("llama"), decoding(temperature=1, top_p=0.9)
    alone = answers_of(engine, PROMPTS["shared"], 1, settings)
    assert answers_of(engine, PROMPTS["shared"], 2, settings) == alone
    assert answers_of(engine, PROMPTS["shared"], 16, settings) == alone
    assert answers_of(engine, PROMPTS["shared"], 16, settings, wanted=[2, 5]) == [alone[2], alone[5]]
    assert answers_of(engine, PROMPTS["shared"], 16, settings, seed=1_000) != alone
    same_prompt_twice = answers_of(engine, [ENDS[0], ENDS[0]], 2, settings)
    assert same_prompt_twice[0] != same_prompt_twice[1]


def test_sampling_draws_from_the_distribution_of_transformers_warpers() -> None:
    engine, draws = engine_of("llama"), 600
    logits = engine.model(input_ids=torch.tensor([tiny_tokenizer()("A")["input_ids"]])).logits[:, -1].float()
    warped = TopPLogitsWarper(0.6)(None, TemperatureLogitsWarper(1.7)(None, logits))
    expected = warped.softmax(-1)[0]
    found = answers_of(engine, ["A"] * draws, 200, decoding(max_new_tokens=1, temperature=1.7, top_p=0.6))
    counts = torch.bincount(torch.tensor([token_ids(answer)[0] for answer in found]), minlength=len(expected))
    assert 2 < (expected > 0).sum() < 300
    assert counts[expected == 0].sum() == 0
    assert (counts / draws - expected).abs().max() < 4 * (0.25 / draws) ** 0.5


def test_nearly_zero_temperature_or_top_p_is_greedy() -> None:
    greedy = answers_of(engine_of("llama"), PROMPTS["apart"], 16, decoding())
    assert answers_of(engine_of("llama"), PROMPTS["apart"], 16, decoding(temperature=0.001)) == greedy
    assert answers_of(engine_of("llama"), PROMPTS["apart"], 16, decoding(temperature=1, top_p=1e-9)) == greedy


@pytest.mark.parametrize(
    ("prompts", "length"),
    [
        ([], 0),
        ([[1, 2, 3]], 0),
        ([[1, 2, 3], [1, 2, 3]], 2),
        ([[1, 2, 3], [1, 2]], 1),
        ([[1, 2, 3, 4], [1, 2, 5, 4], [1, 2, 3, 9]], 2),
        ([[1], [1, 2]], 0),
        ([[3, 1], [4, 1]], 0),
    ],
)
def test_shared_prefix_leaves_every_prompt_a_token_of_its_own(prompts: list[list[int]], length: int) -> None:
    assert shared_prefix_length(prompts) == length


def test_logits_that_are_not_numbers_stop_the_run_instead_of_choosing_a_token(tmp_path: Any) -> None:
    model = tiny_model("llama")
    with torch.no_grad():
        model.lm_head.weight[5] = float("nan")
    engine = TransformersEngine(save_folder(tmp_path / "broken", model), threads=1, batch_size=2)
    with pytest.raises(UrialError) as caught:
        answers_of(engine, ["A", "B"], 2, decoding())
    assert str(caught.value) == "the model's logits are not numbers\n  fix: load it in float32 or bfloat16"


def test_full_memory_names_the_parameter_to_lower(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    engine = engine_of("llama")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_row", no_room)
        with pytest.raises(UrialError) as caught:
            answers_of(engine, ["A", "B"], 2, decoding())
    assert str(caught.value) == "2 rows do not fit into the device's memory\n  fix: lower generation.batch_size"


def test_one_prompt_with_another_layout_does_not_keep_the_others_from_sharing_their_prefix() -> None:
    engine = engine_of("llama")
    engine.batch_size = 16
    texts = [*PROMPTS["shared"], "````\n" + ENDS[0]]
    stops = [("\n```",)] * len(PROMPTS["shared"]) + [("\n````",)]
    requests = [Request(text, True, stop, 0) for text, stop in zip(texts, stops, strict=True)]
    settings = decoding(max_new_tokens=1)
    seen: list[int] = []
    hook = engine.model.register_forward_pre_hook(
        lambda _, __, named: seen.append(named["input_ids"].numel()), with_kwargs=True
    )
    try:
        found = dict(engine.complete(requests, range(len(requests)), settings))
    finally:
        hook.remove()
    shared = shared_prefix_length([tiny_tokenizer()(text)["input_ids"] for text in PROMPTS["shared"]])
    assert seen[0] == shared > 10
    alone = [dict(engine.complete([request], [0], settings))[0] for request in requests]
    assert [found[index] for index in range(len(requests))] == alone

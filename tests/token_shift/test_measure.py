"""The measurement against the definition, on every architecture, however it is cut."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny_models import of_each_kind, tiny_model
from tests.token_shift.reference import (
    LENGTHS,
    ModelArrays,
    Naive,
    cut_small,
    divergence,
    local_model,
    logits,
    make_answers,
    measured,
    naive,
    near_pair,
    pair,
    require_model,
    require_naive,
)
from urial.core.errors import UrialError
from urial.token_shift.measure.distributions import Settings
from urial.token_shift.measure.matching import EndTokenMap, match_ids
from urial.token_shift.measure.measure import LOGPROBS, ModelMeasurement, PairedTeacherForced
from urial.token_shift.measure.states import TeacherForced

BASE_END, CHAT_END = 2, 9


@cache
def expected(name: str, shared: bool) -> list[Naive]:
    return [naive(pair(name), answer) for answer in make_answers(shared)]


def require_definition(name: str, shared: bool, **changes: Any) -> None:
    answers = make_answers(shared)
    for found, reference, answer in zip(
        measured(pair(name), answers, **changes), expected(name, shared), answers, strict=True
    ):
        require_naive(found, reference, answer.base.ids)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", of_each_kind())
def test_measurement_is_the_definition(name: str, shared: bool) -> None:
    require_definition(name, shared)
    require_definition(name, shared, memory_mib=1)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", of_each_kind())
def test_measurement_in_small_batches_and_blocks_is_the_definition(
    name: str, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_small(monkeypatch)
    monkeypatch.setattr("urial.token_shift.measure.distributions.MOST_TOKENS_PER_BATCH", 1)
    require_definition(name, shared, memory_mib=1)


@pytest.mark.parametrize("name", of_each_kind())
def test_nearly_equal_models_are_as_far_apart_as_by_the_definition(name: str) -> None:
    models, answers = near_pair(name), [_same(answer.base.prompt, answer.base.ids) for answer in make_answers(True)]
    measurements = measured(models, answers)
    for found, answer in zip(measurements, answers, strict=True):
        require_naive(found, naive(models, answer), answer.base.ids)
    found_kl = np.concatenate([found.kl for found in measurements])
    assert found_kl.min() > 0
    assert np.median(found_kl) < 3e-3


def test_what_is_compared_is_worth_it() -> None:
    """Random answers have many ranks, and the two models differ at all positions."""
    found = measured(pair("llama"), make_answers(shared=True))
    assert len(np.unique(np.concatenate([item.base.rank for item in found]))) > 40
    assert min(item.kl.min() for item in found) > 0.1
    assert [len(item.kl) for item in found] == list(LENGTHS)


@pytest.mark.parametrize("sizes", [(1_800, 2_000), (2_001, 1_801)])
def test_models_of_different_vocabularies_are_compared_over_the_tokens_of_both(sizes: tuple[int, int]) -> None:
    models = tuple(tiny_model("llama", seed=seed, vocab_size=size) for seed, size in enumerate(sizes))
    base, aligned = models
    for answer, found in zip(
        make_answers(shared=True), measured((base, aligned), make_answers(shared=True)), strict=True
    ):
        reference = naive((base, aligned), answer)
        assert reference.base.shape[1] == min(sizes)
        require_naive(found, reference, answer.base.ids)


@pytest.mark.parametrize("name", ["llama", "phi", "cohere", "gemma2"])
def test_tokens_that_the_aligned_model_numbers_differently_are_compared_with_their_like(name: str) -> None:
    base = pair(name)[0]
    aligned = tiny_model(name, seed=3, vocab_size=2_000)
    answers = make_answers(shared=True)
    before = measured((base, aligned), answers)
    first, second = (int(before[2].aligned.top_ids[0, place]) for place in (0, 1))
    # Two change places, and one is beyond what the base model has.
    exchanged = {first: second, second: first, answers[2].base.ids[5]: 1_999}
    answers = [_renumbered(answer, exchanged) for answer in answers]
    for answer, found in zip(answers, measured((base, aligned), answers, exchanged), strict=True):
        require_naive(found, naive((base, aligned), answer, exchanged), answer.base.ids)
    found = measured((base, aligned), answers, exchanged)[2]
    assert found.aligned.top_ids[0, :2].tolist() == [first, second]
    assert found.aligned.logprob[5] != before[2].aligned.logprob[5]


@pytest.mark.parametrize("ids", [(5, 6, CHAT_END), (5, 6, BASE_END), (5, CHAT_END, 6, BASE_END, 7)])
def test_a_mapped_end_token_leaves_other_answers_their_own_numbers(ids: tuple[int, ...]) -> None:
    """Beside an answer that ends a chat, others end as the base model's do, or have either token further in front."""
    ends = EndTokenMap(frozenset({BASE_END, CHAT_END}), BASE_END, "base")
    matched = [match_ids(found, ends, retokenized=False) for found in (ids, (5, CHAT_END))]
    answers = [
        PairedTeacherForced(TeacherForced([1, 5, 6], item.base_ids), TeacherForced([1, 5, 6], item.kept))
        for item in matched
    ]
    found = measured(pair("llama"), answers, ends.exchanged(matched))[0]
    base, aligned = (
        logits(model, row).log_softmax(-1) for model, row in zip(pair("llama"), vars(answers[0]).values(), strict=True)
    )
    require_model(found.base, base, matched[0].base_ids)
    require_model(found.aligned, aligned, ids)
    aligned[:, [BASE_END, CHAT_END]] = aligned[:, [CHAT_END, BASE_END]]
    np.testing.assert_allclose(found.kl, divergence(aligned, base), rtol=1e-4)


def _renumbered(answer: PairedTeacherForced, exchanged: Mapping[int, int]) -> PairedTeacherForced:
    ids = [exchanged.get(token, token) for token in answer.aligned.ids]
    return PairedTeacherForced(answer.base, TeacherForced(answer.aligned.prompt, ids))


def test_models_that_differ_in_their_numbers_alone_do_not_shift() -> None:
    base = pair("phi")[0]
    aligned = tiny_model("phi", seed=1)
    aligned.load_state_dict(base.state_dict())
    with torch.no_grad():
        for weight in (aligned.lm_head.weight, aligned.lm_head.bias, aligned.get_input_embeddings().weight):
            weight[[9, 12]] = weight[[12, 9]]
    exchanged = {9: 12, 12: 9}
    answer = _renumbered(_same([1, 5, 6], (9, 30, 12, 31)), exchanged)
    (found,) = measured((base, aligned), [answer], exchanged)
    np.testing.assert_array_equal(found.aligned.rank, found.base.rank)
    np.testing.assert_array_equal(found.aligned.logprob, found.base.logprob)
    assert not found.kl.any()


def _same(prompt: Sequence[int], ids: Sequence[int]) -> PairedTeacherForced:
    return PairedTeacherForced(TeacherForced(prompt, ids), TeacherForced(prompt, ids))


def test_more_candidates_than_tokens_are_all_tokens() -> None:
    model = tiny_model("llama", vocab_size=40)
    (found,) = measured((model, model), [_same([3, 5], (9, 1))], top_k=100)
    assert [sorted(row) for row in found.base.top_ids.tolist()] == [list(range(40))] * 2


def test_equally_probable_tokens_are_counted_and_do_not_lower_the_rank() -> None:
    model = tiny_model("llama", seed=1)
    with torch.no_grad():
        model.lm_head.weight[10:15] = 0
    (found,) = measured((model, pair("llama")[1]), [_same([1, 5, 6], (10, 12, 14, 20))])
    above = (logits(model, TeacherForced([1, 5, 6], (10, 12, 14, 20))) > 0).sum(1)
    assert found.base.rank[:3].tolist() == (1 + above[:3]).tolist()
    assert found.base.ties.tolist() == [4, 4, 4, 0]


@pytest.mark.parametrize("name", ["llama", "phi", "gemma2", "mamba"])
def test_one_model_alone_is_measured_as_in_a_pair(name: str) -> None:
    model, rows = pair(name)[0], [answer.base for answer in make_answers(shared=True)]
    found = list(ModelMeasurement("base", local_model(model), rows, Settings(top_k=3, memory_mib=1)).columns())
    assert [index for index, _ in found] == sorted(range(len(rows)), key=lambda index: len(rows[index]))
    for index, columns in found:
        assert LOGPROBS not in columns
        require_model(ModelArrays.of(columns, "base"), logits(model, rows[index]).log_softmax(-1), rows[index].ids)


def test_asked_log_probabilities_are_the_definitions_and_minus_one_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_small(monkeypatch)
    model, rows = pair("llama")[0], [answer.base for answer in make_answers(shared=True)]
    random = np.random.default_rng(1)
    asked = [random.integers(-1, 30, (len(row.ids), 6)) for row in rows]
    assert sum(int((item < 0).sum()) for item in asked) > 5
    measurement = ModelMeasurement("aligned", local_model(model), rows, Settings(top_k=3, memory_mib=1), further=asked)
    for index, columns in measurement.columns():
        logprobs = logits(model, rows[index]).log_softmax(-1)
        wanted = logprobs.gather(1, torch.from_numpy(asked[index]).clamp(min=0)).numpy()
        np.testing.assert_allclose(columns[LOGPROBS], np.where(asked[index] < 0, np.nan, wanted), rtol=1e-4)


def test_nothing_to_measure_is_no_error() -> None:
    assert measured(pair("llama"), []) == []
    assert measured(pair("llama"), [], sequential=True) == []
    nothing = ModelMeasurement("base", local_model(pair("llama")[0]), [], Settings(top_k=3, memory_mib=1))
    assert list(nothing.columns()) == []


NOT_NUMBERS = (
    "the model's logits are not numbers\n  where: the/model\n"
    "  fix: load it in float32 or bfloat16; where that does not help, its files are damaged"
)


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("broken", [0, 1])
def test_logits_that_are_not_numbers_give_no_rank(broken: int, everywhere: bool) -> None:
    models = [tiny_model("llama"), tiny_model("llama")]
    with torch.no_grad():
        models[broken].model.embed_tokens.weight[slice(None) if everywhere else 9] = float("nan")
    models[broken].name_or_path = "the/model"
    # The first answer of a batch shows that the head is known, and is well.
    with pytest.raises(UrialError) as caught:
        measured((models[0], models[1]), [_same([1, 5, 6], (30,)), _same([1, 5, 9], (30, 31))])
    assert str(caught.value) == NOT_NUMBERS

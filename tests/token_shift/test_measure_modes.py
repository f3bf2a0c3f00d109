"""How a measurement is done changes no number, and it holds no more than a chunk of logits."""

import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.tiny_models import tiny_model, tiny_tokenizer
from tests.token_shift.reference import TOP_K, cut_small, make_answers, measured, measurement, pair, require_same
from tests.token_shift.test_distributions import ALL_PASSES, PASSES
from urial.token_shift.measure.blocks import TorchPasses
from urial.token_shift.measure.distributions import Settings
from urial.token_shift.measure.measure import LocalModel, PairedTeacherForced, PairMeasurement
from urial.token_shift.measure.states import TeacherForced

NAMES = ["llama", "phi", "gemma2-narrow-window", "mixtral", "mamba", "phi3-longrope"]


@pytest.mark.parametrize("memory_mib", [1, 64])
@pytest.mark.parametrize("name", NAMES)
def test_one_model_after_the_other_gives_the_same_bits(name: str, memory_mib: int) -> None:
    answers = make_answers(shared=True)
    together = measured(pair(name), answers, memory_mib=memory_mib)
    one_by_one = measured(pair(name), answers, memory_mib=memory_mib, sequential=True)
    for found, expected in zip(one_by_one, together, strict=True):
        require_same(found, expected)


def test_weights_of_bfloat16_give_the_same_bits_one_after_the_other() -> None:
    models = (tiny_model("llama", seed=1).bfloat16(), tiny_model("llama", seed=2).bfloat16())
    answers = make_answers(shared=True)
    for found, expected in zip(measured(models, answers, sequential=True), measured(models, answers), strict=True):
        require_same(found, expected)
        assert len(np.unique(found.kl)) == len(found.kl)


def test_one_after_the_other_keeps_no_first_model_when_the_second_is_loaded() -> None:
    events: list[str] = []

    class Watched:
        """Tells when its model is let go."""

        def __del__(self) -> None:
            events.append("aligned let go")

    def aligned() -> Any:
        model = tiny_model("llama", seed=2)
        model.model.layers[0].watched = Watched()
        return model

    def base() -> Any:
        import gc

        gc.collect()
        events.append("base loaded")
        return pair("llama")[0]

    models = LocalModel(base, 1_000, None), LocalModel(aligned, 1_000, None)
    list(PairMeasurement(models, make_answers(shared=True), Settings(TOP_K, 64, sequential=True)).columns())
    assert events == ["aligned let go", "base loaded"]


@pytest.mark.parametrize("most_tokens", [1, 120, 100_000])
@pytest.mark.parametrize("name", NAMES)
def test_batches_change_no_number(name: str, most_tokens: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = make_answers(shared=True)
    expected = measured(pair(name), answers)
    monkeypatch.setattr("urial.token_shift.measure.distributions.MOST_TOKENS_PER_BATCH", most_tokens)
    for found, before in zip(measured(pair(name), answers), expected, strict=True):
        require_same(found, before, rounding=True)


@pytest.mark.parametrize("memory_mib", [1, 2, 500])
@pytest.mark.parametrize("numbers", [1, 2**12, 2**16])
def test_chunks_and_blocks_change_no_number(memory_mib: int, numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = make_answers(shared=True)
    expected = measured(pair("llama"), answers)
    cut_small(monkeypatch, numbers)
    for found, before in zip(measured(pair("llama"), answers, memory_mib=memory_mib), expected, strict=True):
        require_same(found, before, rounding=True)


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_measured_the_same_in_any_company(name: str) -> None:
    answers = make_answers(shared=True)
    together = measured(pair(name), answers)
    for index, answer in enumerate(answers):
        (alone,) = measured(pair(name), [answer])
        require_same(together[index], alone, rounding=True)


@pytest.mark.parametrize("order", [[4, 3, 2, 1, 0], [2, 0, 4, 1, 3]])
def test_permuting_answers_permutes_rows_only(order: list[int]) -> None:
    answers = make_answers(shared=True)
    expected = measured(pair("llama"), answers)
    permuted = measured(pair("llama"), [answers[index] for index in order])
    for found, index in zip(permuted, order, strict=True):
        require_same(found, expected[index])


def test_permuting_answers_of_one_length_permutes_rows_only() -> None:
    answers = [
        PairedTeacherForced(TeacherForced([1, 5, 6], ids), TeacherForced([1, 7], ids))
        for ids in ((9, 8, 7), (30, 2, 9), (4, 4, 4))
    ]
    expected = measured(pair("llama"), answers)
    for found, before in zip(measured(pair("llama"), answers[::-1]), expected[::-1], strict=True):
        require_same(found, before, rounding=True)


@pytest.mark.parametrize("name", NAMES)
def test_identical_models_do_not_shift(name: str) -> None:
    model = pair(name)[0]
    answers = [PairedTeacherForced(item.base, item.base) for item in make_answers(shared=True)]
    for memory_mib in (1, 64):
        for found in measured((model, model), answers, memory_mib=memory_mib):
            assert not found.kl.any()
            assert not found.kl_reverse.any()
            assert (found.js < 1e-6).all()
            for figure in ("rank", "ties", "logprob", "entropy", "top_ids", "top_logprobs"):
                np.testing.assert_array_equal(getattr(found.aligned, figure), getattr(found.base, figure))


def test_an_abandoned_measurement_leaves_the_rest_unmeasured_and_no_file() -> None:
    rows = measurement(pair("llama"), make_answers(shared=True), Settings(TOP_K, 64, sequential=True)).columns()
    index, _ = next(rows)
    assert index == 0
    rows.close()  # type: ignore[attr-defined]
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("vocabulary", [100, 32_000, 256_000])
@pytest.mark.parametrize("memory_mib", [1, 64, 4_096])
@ALL_PASSES
def test_the_logits_of_a_chunk_take_no_more_than_half_of_the_memory(
    passes: str, vocabulary: int, memory_mib: int
) -> None:
    positions = Settings(TOP_K, memory_mib).positions(vocabulary, models=2, passes=PASSES[passes])
    assert 1 <= positions <= 512
    assert positions == 1 or positions * vocabulary * 2 * 4 <= memory_mib * 2**20 / 2


class _Sizes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers the most rows of any tensor as wide as the vocabulary."""

    def __init__(self, width: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.width, self.rows = width, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for item in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(item, torch.Tensor) and item.dim() > 1 and (widest := max(item.shape)) >= self.width:
                self.rows = max(self.rows, item.numel() // widest)
        return result


@contextmanager
def widest(width: int) -> Iterator[_Sizes]:
    with _Sizes(width) as sizes:
        yield sizes


class _Memory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of the tensors that operations make, the most at a time; those of ``known`` ones, and views of them, aside."""

    def __init__(self, known: Iterable[Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.known = {item.untyped_storage().data_ptr() for item in known}
        self.names: Counter[int] = Counter()
        self.live = self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for item in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(item, torch.Tensor):
                self._count(item)
        return result

    def _count(self, item: Any) -> None:
        storage = item.untyped_storage()
        place, size = storage.data_ptr(), storage.nbytes()
        if place in self.known:
            return
        self.live += 0 if self.names[place] else size
        self.names[place] += 1
        self.most = max(self.most, self.live)
        weakref.finalize(item, self._drop, place, size)

    def _drop(self, place: int, size: int) -> None:
        self.names[place] -= 1
        self.live -= 0 if self.names[place] else size


@pytest.mark.parametrize("memory_mib", [8, 64])
def test_passes_by_torch_keep_to_the_memory(memory_mib: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urial.token_shift.measure.distributions.passes_for", lambda _, numbers: TorchPasses(numbers))
    base, aligned = (tiny_model("llama", seed=seed, vocab_size=32_000) for seed in (1, 2))
    ids = tuple(range(9, 209))
    answers = [PairedTeacherForced(TeacherForced([1, 5, 6], ids), TeacherForced([1, 7, 8], ids)) for _ in range(3)]
    with _Memory([*base.parameters(), *aligned.parameters()]) as memory:
        assert len(list(measurement((base, aligned), answers, Settings(TOP_K, memory_mib)).columns())) == 3
    assert memory_mib / 4 < memory.most / 2**20 <= memory_mib


@pytest.mark.parametrize("sequential", [False, True])
def test_no_tensor_has_more_positions_by_vocabulary_than_a_chunk(sequential: bool) -> None:
    ids = tuple(range(9, 209))
    answers = [PairedTeacherForced(TeacherForced([1, 5, 6], ids), TeacherForced([1, 7, 8], ids)) for _ in range(3)]
    settings, width = Settings(TOP_K, memory_mib=2, sequential=sequential), len(tiny_tokenizer())
    positions = settings.positions(width, models=2, passes=PASSES["processor"])
    assert 32 <= positions < 100  # at least the hidden size, since the head's transposed weight is as wide
    base, aligned = pair("llama")
    with widest(width) as sizes:
        assert len(list(measurement((base, aligned), answers, settings).columns())) == 3
    assert sizes.rows == positions

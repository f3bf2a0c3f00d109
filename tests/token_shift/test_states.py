"""Final hidden states of answers: of the whole sequence, whatever is shared and whoever is in the batch."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_models import of_each_kind
from tests.token_shift.reference import make_answers, pair
from urial.local_models.decoding.architecture import decoder_of
from urial.local_models.decoding.rehearsal import sharing_of
from urial.token_shift.measure.states import StateReader, TeacherForced, batches, bytes_per_token

LENGTHS = st.lists(st.integers(1, 60), max_size=30)


@given(LENGTHS, st.integers(0, 200))
def test_batches_are_a_partition_within_the_limit_shortest_first(lengths: list[int], most_tokens: int) -> None:
    found = list(batches(lengths, most_tokens))
    order = [index for batch in found for index in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert order == sorted(order, key=lambda index: (lengths[index], index))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= most_tokens


@given(LENGTHS, st.integers(0, 200))
def test_a_batch_ends_only_where_one_more_would_be_too_much(lengths: list[int], most_tokens: int) -> None:
    found = list(batches(lengths, most_tokens))
    for batch, following in pairwise(found):
        assert (len(batch) + 1) * lengths[following[0]] > most_tokens


def rows(shared: bool) -> list[TeacherForced]:
    return [answer.base for answer in make_answers(shared)]


def whole(model: Any, row: TeacherForced) -> Any:
    """Of one full forward pass."""
    ids = torch.tensor([[*row.prompt, *row.ids[:-1]]])
    return decoder_of(model)(input_ids=ids, use_cache=False)[0][0, len(row.prompt) - 1 :]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", of_each_kind())
@torch.inference_mode()
def test_states_are_those_of_whole_sequences(name: str, shared: bool) -> None:
    model, items = pair(name)[0], rows(shared)
    reader = StateReader(model, items)
    for batch in ([0, 1, 2, 3, 4], [3], [2, 0]):
        expected = torch.cat([whole(model, items[index]) for index in batch])
        torch.testing.assert_close(reader.read(batch), expected, rtol=1e-4, atol=1e-4)


class Passes:
    """Remembers the shape of the ids of every forward pass of a model."""

    def __init__(self, model: Any) -> None:
        self.model, self.shapes = model, list[tuple[int, ...]]()

    def __enter__(self) -> list[tuple[int, ...]]:
        def note(module: Any, args: Any, kwargs: Any) -> None:
            self.shapes.append(tuple(kwargs["input_ids"].shape))

        self._hook = self.model.register_forward_pre_hook(note, with_kwargs=True)
        return self.shapes

    def __exit__(self, *_: object) -> None:
        self._hook.remove()


@pytest.mark.parametrize(
    "name",
    [
        "llama",
        "phi",
        "gpt2",
        "falcon",
        "qwen3",
        "mixtral",
        "gemma3-narrow-window",
        "deepseek-v3",
        "lfm2",
        "bloom",
        "mamba2",
    ],
)
@torch.inference_mode()
def test_what_all_prompts_begin_with_is_encoded_once(name: str) -> None:
    model, items = pair(name)[0], rows(shared=True)
    sharing_of(model, 200)  # tried once a model
    with Passes(model) as shapes:
        reader = StateReader(model, items)
        first = reader.read([0, 1, 2])
        again = reader.read([0, 1, 2])
    widest = max(len(items[index]) - 1 for index in (0, 1, 2)) - reader.prefix
    assert reader.prefix > 20
    assert shapes == [(1, reader.prefix), (3, widest), (3, widest)]
    # Reading leaves nothing behind in what is shared.
    assert torch.equal(first, again)


@pytest.mark.parametrize("name", ["mamba", "rwkv", "mpt", "gpt-neo"])
@torch.inference_mode()
def test_models_whose_state_does_not_branch_get_whole_prompts(name: str) -> None:
    model, items = pair(name)[0], rows(shared=True)
    sharing_of(model, 200)
    with Passes(model) as shapes:
        reader = StateReader(model, items)
        reader.read([0, 1, 2])
    assert reader.prefix == 0
    assert shapes == [(3, max(len(items[index]) - 1 for index in (0, 1, 2)))]


@torch.inference_mode()
def test_rows_are_alone_where_rotations_depend_on_the_longest() -> None:
    model, items = pair("phi3-longrope")[0], rows(shared=True)
    sharing_of(model, 48)
    assert min(map(len, items)) <= 48 < max(map(len, items))
    with Passes(model) as shapes:
        reader = StateReader(model, items)
        found = reader.read([0, 2, 1])
    assert not reader.together
    assert shapes == [(1, len(items[index]) - 1) for index in (0, 2, 1)]
    assert torch.equal(found, torch.cat([reader.read([index]) for index in (0, 2, 1)]))


@torch.inference_mode()
def test_rows_are_together_where_none_is_long_enough_for_other_rotations() -> None:
    model = pair("phi3-longrope")[0]
    sharing_of(model, 48)
    items = [TeacherForced([1, 5, 6, number], (9, 8, 7)) for number in range(3)]
    with Passes(model) as shapes:
        reader = StateReader(model, items)
        reader.read([0, 1, 2])
    assert reader.together
    assert shapes == [(1, 3), (3, 3)]


def test_a_single_row_and_no_row_share_nothing() -> None:
    model = pair("llama")[0]
    assert StateReader(model, rows(shared=True)[:1]).prefix == 0
    assert StateReader(model, []).prefix == 0


@pytest.mark.parametrize("name", of_each_kind())
def test_a_token_of_a_batch_has_a_price_in_memory(name: str) -> None:
    assert bytes_per_token(pair(name)[0].config.get_text_config(), 4) >= 4 * (8 * 32 + 3 * 32)

"""What goes to disk comes back with the same bits, in the same order."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from urial.token_shift.measure.measure import spooled


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([torch.float32, torch.bfloat16, torch.float16, torch.float64]),
            st.lists(st.integers(0, 7), min_size=1, max_size=3),
        ),
        max_size=6,
    )
)
def test_tensors_of_any_kind_and_shape_come_back_with_the_same_bits(kinds: list[tuple[torch.dtype, list[int]]]) -> None:
    generator = torch.Generator().manual_seed(len(kinds))
    tensors = [torch.randn(shape, generator=generator).to(dtype) for dtype, shape in kinds]
    with spooled(iter(tensors)) as again:
        found = list(again)
    assert [(item.dtype, item.shape, bits(item)) for item in found] == [
        (item.dtype, item.shape, bits(item)) for item in tensors
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_that_are_none_and_signs_of_zero_are_kept(dtype: torch.dtype) -> None:
    tensor = torch.tensor([[float("nan"), float("inf"), -0.0], [0.0, float("-inf"), 1e-40]], dtype=dtype)
    with spooled(iter([tensor])) as (found,):
        assert bits(found) == bits(tensor)


def test_a_part_of_a_tensor_and_a_transposed_one_come_back_as_they_look() -> None:
    tensor = torch.arange(20, dtype=torch.float32).view(4, 5)
    with spooled(iter([tensor[1:3, ::2], tensor.T])) as (part, turned):
        assert part.tolist() == [[5, 7, 9], [10, 12, 14]]
        assert turned.tolist() == tensor.T.tolist()


def test_all_is_written_before_the_first_is_read_and_read_one_at_a_time() -> None:
    made: list[int] = []

    def tensors() -> Iterator[torch.Tensor]:
        for number in range(3):
            made.append(number)
            yield torch.full((2,), float(number))

    with spooled(tensors()) as found:
        assert made == [0, 1, 2]
        assert next(found).tolist() == [0, 0]
        assert next(found).tolist() == [1, 1]


def test_nothing_comes_back_as_nothing() -> None:
    with spooled(iter([])) as found:
        assert list(found) == []

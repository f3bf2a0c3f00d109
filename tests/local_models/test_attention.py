"""Attention to a shared prefix is attention to the prefix and the rows' own tokens, by each of its ways."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from urial.local_models.decoding import attention
from urial.local_models.decoding.attention import mask_by_position

ROWS, SIZE = 3, 8


def plain(query: Any, keys: Any, values: Any, mask: Any, *, softcap: float | None = None, sinks: Any = None) -> Any:
    """By the definition, in float64: every row with its own copy of everything."""
    query, keys, values = (tensor.double() for tensor in (query, keys, values))
    each = query.shape[1] // keys.shape[1]
    scores = query @ keys.repeat_interleave(each, 1).transpose(-1, -2) * SIZE**-0.5
    scores = scores if softcap is None else torch.tanh(scores / softcap) * softcap
    scores = scores.masked_fill(~mask, float("-inf"))
    if sinks is not None:
        column = sinks.double().view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, column], -1)
    weights = scores.softmax(-1)[..., : keys.shape[2]]
    return (weights @ values.repeat_interleave(each, 1)).transpose(1, 2)


@pytest.mark.parametrize("special", [{}, {"softcap": 2.0}, {"s_aux": torch.tensor([0.5, -1.0, 2.0, 0.0])}])
@pytest.mark.parametrize(("queries", "own"), [(1, 1), (1, 5), (4, 4), (7, 9)])
@pytest.mark.parametrize("masked", [False, True])
def test_it_is_the_definition(special: dict[str, Any], queries: int, own: int, masked: bool) -> None:
    random = torch.Generator().manual_seed(queries)
    query = torch.randn(ROWS, 4, queries, SIZE, generator=random)
    key, value = (torch.randn(ROWS, 2, own, SIZE, generator=random) for _ in range(2))
    shared = [torch.randn(1, 2, 6, SIZE, generator=random) for _ in range(2)]
    mask = torch.ones(ROWS, 1, queries, 6 + own, dtype=torch.bool).tril(6 + own - queries)
    if masked:  # a window over the prefix, and padding
        mask[..., :2] = False
        mask[1, :, :, 6 : 6 + own // 2] = False
    key.prefix, value.prefix = shared  # type: ignore[attr-defined]
    module: Any = SimpleNamespace(num_key_value_groups=2, is_causal=True)
    output, _ = attention.attention(
        module,
        query,
        key,
        value,
        mask if masked else None,
        scaling=SIZE**-0.5,
        **special,
    )
    keys, values = [
        torch.cat([part.expand(ROWS, -1, -1, -1), mine], 2) for part, mine in zip(shared, (key, value), strict=True)
    ]
    expected = plain(query, keys, values, mask, softcap=special.get("softcap"), sinks=special.get("s_aux"))
    assert torch.allclose(output.double(), expected, rtol=1e-5, atol=1e-5)


def test_scores_in_blocks_are_those_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = torch.Generator().manual_seed(0)
    query = torch.randn(ROWS, 4, 9, SIZE, generator=random)
    key, value = (torch.randn(ROWS, 2, 9, SIZE, generator=random) for _ in range(2))
    module: Any = SimpleNamespace(num_key_value_groups=2, is_causal=True)
    given = (module, query, key, value, None)
    whole, _ = attention.attention(*given, softcap=2.0)
    monkeypatch.setattr(attention, "MOST_SCORES", 1)
    parts, _ = attention.attention(*given, softcap=2.0)
    assert torch.allclose(whole, parts, rtol=1e-6, atol=1e-6)


@given(pads=st.lists(st.integers(0, 4), min_size=1, max_size=4), window=st.integers(1, 12))
def test_a_window_counts_positions_and_no_padding(pads: list[int], window: int) -> None:
    """Rows [prefix of 5 | padding | 5 or fewer tokens]: each key's distance is that of the text without padding."""
    from transformers.masking_utils import sliding_window_causal_mask_function

    shared, width, rows = 5, 5, len(pads)
    padding = torch.ones(rows, shared + width, dtype=torch.long)
    for row, pad in enumerate(pads):
        padding[row, shared : shared + pad] = 0
    mask = mask_by_position(
        rows, width, shared + width, shared, 0, sliding_window_causal_mask_function(window), padding
    )
    assert mask is not None
    for row, pad in enumerate(pads):
        text = [column for column in range(shared + width) if not shared <= column < shared + pad]
        for query in text[shared:]:
            seen = {column for column in range(shared + width) if mask[row, 0, query - shared, column]}
            position = text.index(query)
            assert seen == set(text[max(0, position - window + 1) : position + 1])

"""One pass over logits on a processor: all that is computed from a number, while it is in a register.

The same as the passes of ``blocks.TorchPasses``, compiled. Arrays of logits are [tokens, positions].

They are worth their two dependencies, numba and llvmlite: by ``python benchmarks/token_shift.py --threads 1``, whole
measurements over vocabularies of 32,000 and 128,000 tokens (the forward passes included) take 2.1 times the processor
seconds with fused torch passes of the same precision, in one run, in turn; on buffers made once it was 1.9 times, and 1.6
times in float32, which loses the digits of small divergences. At 1.25 or less they would go.
Sums over a group of tokens are float32, sums over groups float64.

A divergence is a sum over tokens, for KL of q d with d = log(q / p), q and p the aligned and base probabilities. Here it
is the sum of q d - q + p: the same, since both sum to 1, but no term is negative, and an error of the normalizers, which
every d has, cancels in the sum. So divergences of nearly equal distributions keep their digits. Where d is small, the terms
cancel within a token, and their power series is taken.
"""

import numpy as np
from numba import njit, prange

from urial.token_shift.measure.blocks import GROUP, LOWEST
from urial.token_shift.measure.elementary import LEAST, LN_2, compiled, exp2, least, log

# Sums of so many positions stay in the first cache.
TILE = 128
# So many tokens, whole groups, are a thread's at a time, or so many positions: constants, so that no number depends on threads.
PART = 16 * GROUP
FEW = 32

_f = np.float32
_LOG2_E, _LN_2 = _f(1 / LN_2), _f(LN_2)
_HALF = _f(0.5)
# Of smaller d, three terms of a power series are all that float32 can hold.
_NEAR = _f(0.25)


@compiled(parallel=True)
def add_block(logits: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """The sums [parts, 3, positions] of ``blocks.Sums`` for a block [tokens, positions] of whole groups of tokens.

    ``peaks`` [groups, positions] gets the largest logit of each group.
    """
    sums = np.empty((_parts(len(logits), PART), 3, logits.shape[1]), np.float64)
    for part in prange(len(sums)):
        tokens = slice(part * PART, (part + 1) * PART)
        sums[part] = _add(logits[tokens], peaks[part * PART // GROUP : (part + 1) * PART // GROUP])
    return sums


@njit
def _parts(items: int, size: int) -> int:
    return (items + size - 1) // size


@compiled(error_model="numpy")
def _add(logits: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    width = logits.shape[1]
    sums = np.zeros((3, width), np.float64)
    sums[0, :] = LOWEST
    highest, total, weighted = np.empty(TILE, np.float32), np.empty(TILE, np.float32), np.empty(TILE, np.float32)
    for group in range(len(logits) // GROUP):
        for first in range(0, width, TILE):
            last = min(first + TILE, width)
            highest[:] = _f(LOWEST)
            for token in range(group * GROUP, (group + 1) * GROUP):
                row = logits[token, first:last]
                for i in range(last - first):
                    highest[i] = row[i] if row[i] > highest[i] else highest[i]
            for i in range(last - first):
                peaks[group, first + i] = highest[i]
                old = _f(sums[0, first + i])
                highest[i] = old if old > highest[i] else highest[i]
                shift = least((old - highest[i]) * _LOG2_E)
                factor = np.float64(exp2(shift))
                sums[2, first + i] = (sums[2, first + i] + np.float64(shift) * LN_2 * sums[1, first + i]) * factor
                sums[1, first + i] *= factor
                sums[0, first + i] = highest[i]
            total[:] = _f(0.0)
            weighted[:] = _f(0.0)
            for token in range(group * GROUP, (group + 1) * GROUP):
                row = logits[token, first:last]
                for i in range(last - first):
                    power = least((row[i] - highest[i]) * _LOG2_E)
                    value = exp2(power)
                    total[i] += value
                    weighted[i] += value * power
            for i in range(last - first):
                sums[1, first + i] += np.float64(total[i])
                sums[2, first + i] += np.float64(weighted[i]) * LN_2
    return sums


@njit(inline="always")
def _count_row(row: np.ndarray, bar: np.ndarray, above: np.ndarray, equal: np.ndarray) -> None:
    for i in range(len(row)):
        above[i] += row[i] > bar[i]
        equal[i] += row[i] == bar[i]


@compiled(parallel=True)
def compare(base: np.ndarray, aligned: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The divergences [parts, 3, positions] of ``blocks.TorchPasses.compare`` times the aligned total, and its counts [parts, 4, positions].

    ``base`` and ``aligned`` [vocabulary, positions]; ``given`` [7, positions]: peaks of both, logarithm of the ratio of the
    normalizers, aligned / base, ratio of the totals and its logarithm to base 2, and the emitted token's logits.
    """
    sums = np.empty((_parts(len(base), PART), 3, base.shape[1]), np.float64)
    counts = np.empty((len(sums), 4, base.shape[1]), np.int32)
    for part in prange(len(sums)):
        tokens = slice(part * PART, (part + 1) * PART)
        sums[part], counts[part] = _compare(base[tokens], aligned[tokens], given)
    return sums, counts


@compiled(error_model="numpy")
def _compare(base: np.ndarray, aligned: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    width = base.shape[1]
    sums, counts = np.zeros((3, width), np.float64), np.zeros((4, width), np.int32)
    forward, backward, mixed = np.empty(TILE, np.float32), np.empty(TILE, np.float32), np.empty(TILE, np.float32)
    for start in range(0, len(base), GROUP):
        for first in range(0, width, TILE):
            last = min(first + TILE, width)
            base_top, aligned_top = given[0, first:last], given[1, first:last]
            centre, ratio, log2_ratio = given[2, first:last], given[3, first:last], given[4, first:last]
            forward[:] = _f(0.0)
            backward[:] = _f(0.0)
            mixed[:] = _f(0.0)
            for token in range(start, min(start + GROUP, len(base))):
                left, right = base[token, first:last], aligned[token, first:last]
                for i in range(last - first):
                    log2_p = least((left[i] - base_top[i]) * _LOG2_E)
                    log2_q = least((right[i] - aligned_top[i]) * _LOG2_E)
                    # What is rounded up to the least number counts as 0: next to an excluding logit of -3e38 it would be much.
                    p = exp2(log2_p) * ratio[i] if log2_p > LEAST else _f(0.0)
                    q = exp2(log2_q) if log2_q > LEAST else _f(0.0)
                    both = p + q
                    d = right[i] - left[i] - centre[i]
                    square = d * d
                    even = _HALF + square * (_f(1 / 24) + square * _f(1 / 720))
                    odd = d * (_f(1 / 6) + square * _f(1 / 120))
                    middle = _f(1 / 16) + square * (_f(-1 / 128) + square * _f(1 / 1152))
                    near = abs(d) < _NEAR
                    forward[i] += q * square * (even - odd) if near else q * d - (q - p)
                    backward[i] += p * square * (even + odd) if near else q - p - p * d
                    apart = (q * log2_q + p * (log2_p + log2_ratio[i]) + both) * _LN_2 - both * log(both)
                    mixed[i] += both * square * middle if near else apart * _HALF
                _count_row(left, given[5, first:last], counts[0, first:last], counts[1, first:last])
                _count_row(right, given[6, first:last], counts[2, first:last], counts[3, first:last])
            for i in range(last - first):
                sums[0, first + i] += np.float64(forward[i])
                sums[1, first + i] += np.float64(backward[i])
                sums[2, first + i] += np.float64(mixed[i])
    return sums, counts


@compiled(parallel=True)
def count(logits: np.ndarray, bar: np.ndarray) -> np.ndarray:
    """How many logits are above and how many equal to ``bar`` [positions]: [parts, 2, positions]."""
    counts = np.zeros((_parts(len(logits), PART), 2, len(bar)), np.int32)
    for part in prange(len(counts)):
        for token in range(part * PART, min((part + 1) * PART, len(logits))):
            _count_row(logits[token], bar, counts[part, 0], counts[part, 1])
    return counts


@njit(inline="always")
def _insert(values: np.ndarray, items: np.ndarray, filled: int, value: float, item: int) -> int:
    """Keep the largest values, largest first, with their items; an equal one goes after. Returns how many there are."""
    if filled < len(values):
        filled += 1
    elif not value > values[-1]:
        return filled
    place = filled - 1
    while place > 0 and value > values[place - 1]:
        values[place], items[place] = values[place - 1], items[place - 1]
        place -= 1
    values[place], items[place] = value, item
    return filled


@compiled(parallel=True)
def top_tokens(logits: np.ndarray, peaks: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` most probable tokens [positions, count], equal ones in the order of their ids.

    ``logits`` [vocabulary, positions], ``peaks`` [groups, positions].
    """
    tokens = np.empty((logits.shape[1], count), np.int64)
    for tile in prange(_parts(len(tokens), FEW)):
        positions = slice(tile * FEW, (tile + 1) * FEW)
        _top(logits[:, positions], peaks[:, positions], tokens[positions])
    return tokens


@compiled()
def _top(logits: np.ndarray, peaks: np.ndarray, tokens: np.ndarray) -> None:
    """The tokens lie in as many groups with the largest peaks, of equal groups the first ones.

    A token of a later group comes after all of theirs.
    """
    positions, count = tokens.shape
    groups = np.empty((positions, min(count, len(peaks))), np.int64)
    heights = np.empty(groups.shape, np.float32)
    for group in range(len(peaks)):
        filled = min(group, groups.shape[1])
        for row in range(positions):
            _insert(heights[row], groups[row], filled, peaks[group, row], group)
    values = np.empty(count, np.float32)
    for row in range(positions):
        filled = 0
        # As many tokens as are wanted are at least as probable as this, unless there are hardly any groups or possible ones.
        bar = heights[row, -1] if len(peaks) >= count and heights[row, -1] > LOWEST else -np.inf
        for group in np.sort(groups[row]):
            for token in range(group * GROUP, min((group + 1) * GROUP, len(logits))):
                if logits[token, row] >= bar:
                    filled = _insert(values, tokens[row], filled, logits[token, row], token)

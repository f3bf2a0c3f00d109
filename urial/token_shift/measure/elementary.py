"""What compiled loops are made from: elementary functions of float32 numbers, and where their machine code is kept.

The functions are written in operations that a processor does on many numbers at once. Machine code is kept by what its
source says, wherever the source lies. Numba keeps it by the path of the source: each clone and each temporary experiment
would compile anew, for ten seconds or more.
"""

import math
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, njit, types
from numba.core.caching import UserProvidedCacheLocator
from numba.extending import intrinsic
from platformdirs import user_cache_path

_f = np.float32
LN_2 = math.log(2)
# Below it there is no normal number; 2 to it is nothing in a sum that has a term of 1.
LEAST = _f(-126.0)
# Adding it to a number rounds this to a whole one, which is then in the low bits.
_ROUNDS = _f(12582912.0)
_SQRT_HALF_BITS = np.int32(0x3F3504F3)


@intrinsic
def _float_of(_context: Any, _bits: Any) -> Any:
    """The float32 of 32 bits."""
    return types.float32(types.int32), lambda _, builder, __, args: builder.bitcast(args[0], ir.FloatType())


@intrinsic
def _bits_of(_context: Any, _number: Any) -> Any:
    """The 32 bits of a float32."""
    return types.int32(types.float32), lambda _, builder, __, args: builder.bitcast(args[0], ir.IntType(32))


@intrinsic
def fma(_context: Any, _one: Any, _other: Any, _added: Any) -> Any:
    """one x other + added of float32 numbers, rounded once. Said so, no way of compiling rounds otherwise."""
    return types.float32(types.float32, types.float32, types.float32), lambda _, builder, __, args: builder.fma(*args)


@njit(inline="always")
def exp2(x: Any) -> Any:
    """2 to the power of x from -126 to 0 (Cephes' polynomial, relative error below 2e-7)."""
    shifted = x + _ROUNDS
    rest = x - (shifted - _ROUNDS)
    power = _f(1.535336188319500e-4)
    power = fma(power, rest, _f(1.339887440266574e-3))
    power = fma(power, rest, _f(9.618437357674640e-3))
    power = fma(power, rest, _f(5.550332471162809e-2))
    power = fma(power, rest, _f(2.402264791363012e-1))
    power = fma(power, rest, _f(6.931472028550421e-1))
    power = fma(power, rest, _f(1.0))
    return _float_of(_bits_of(power) + (_bits_of(shifted) << np.int32(23)))


@njit(inline="always")
def log(x: Any) -> Any:
    """Natural logarithm of a positive normal number (Cephes' polynomial, relative error below 2e-7)."""
    bits = _bits_of(x)
    exponent = (bits - _SQRT_HALF_BITS) >> np.int32(23)
    rest = _float_of(bits - (exponent << np.int32(23))) - _f(1.0)
    series = _f(7.0376836292e-2)
    series = fma(series, rest, _f(-1.1514610310e-1))
    series = fma(series, rest, _f(1.1676998740e-1))
    series = fma(series, rest, _f(-1.2420140846e-1))
    series = fma(series, rest, _f(1.4249322787e-1))
    series = fma(series, rest, _f(-1.6668057665e-1))
    series = fma(series, rest, _f(2.0000714765e-1))
    series = fma(series, rest, _f(-2.4999993993e-1))
    series = fma(series, rest, _f(3.3333331174e-1))
    square = rest * rest
    return fma(_f(exponent), _f(LN_2), fma(series * rest, square, fma(_f(-0.5), square, rest)))


@njit(inline="always")
def least(x: Any) -> Any:
    """x, or -126 where it is below; NaN stays NaN."""
    return LEAST if x < LEAST else x


# What the loops take constants and functions from is compiled into them.
SOURCES = ("kernels.py", "elementary.py", "blocks.py")


class ContentLocator(UserProvidedCacheLocator):
    """Names the folder of one state of the sources: under NUMBA_CACHE_DIR, or in the user's cache folder."""

    def __init__(self, function: Any, file: str) -> None:
        self._py_file = file
        self._lineno = function.__code__.co_firstlineno
        sources = b"".join((Path(file).parent / name).read_bytes() for name in SOURCES)
        kept = Path(config.CACHE_DIR) if config.CACHE_DIR else user_cache_path("urial") / "compiled"
        self._cache_path = str(kept / sha256(sources).hexdigest())

    @classmethod
    def from_function(cls, function: Any, file: str) -> Any:
        """The folder, or None where it cannot be written to."""
        return super(UserProvidedCacheLocator, cls).from_function(function, file)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """``numba.njit`` with options, its machine code kept by content."""

    def decorate(function: Callable[..., Any]) -> Any:
        before = config.CACHE_LOCATOR_CLASSES
        # Where that folder cannot be written to, numba's own ones.
        config.CACHE_LOCATOR_CLASSES = f"{__name__}.ContentLocator,InTreeCacheLocator,UserWideCacheLocator"
        try:
            return njit(cache=True, **options)(function)
        finally:
            config.CACHE_LOCATOR_CLASSES = before

    return decorate

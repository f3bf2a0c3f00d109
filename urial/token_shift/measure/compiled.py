"""Machine code of compiled loops is kept by what their source says, wherever the source lies.

Numba keeps it by the path of the source: each clone and each temporary experiment would compile anew, for ten seconds or more.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import config, njit
from numba.core.caching import UserProvidedCacheLocator
from platformdirs import user_cache_path

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
        with _kept_by_content():
            return njit(cache=True, **options)(function)

    return decorate


@contextmanager
def _kept_by_content() -> Iterator[None]:
    before = config.CACHE_LOCATOR_CLASSES
    # Where that folder cannot be written to, numba's own ones.
    config.CACHE_LOCATOR_CLASSES = f"{__name__}.ContentLocator,InTreeCacheLocator,UserWideCacheLocator"
    try:
        yield
    finally:
        config.CACHE_LOCATOR_CLASSES = before

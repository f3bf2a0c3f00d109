"""Random orders that a seed fixes for good: Python's own shuffle may change with its version."""

from urial.core.hashing import bytes_hash


def drawn_order(count: int, seed: int, purpose: str) -> list[int]:
    """The numbers 0 to ``count`` - 1 in random order: sorted by the SHA-256 of `PURPOSE SEED NUMBER`.

    The first k are a random choice of k, and that of k + 1 has it for its beginning.

    >>> drawn_order(5, 0, "examples")
    [3, 0, 1, 4, 2]
    """
    return sorted(range(count), key=lambda number: bytes_hash(f"{purpose} {seed} {number}".encode()))

"""Tensors on disk, read back in the order in which they were put, with the same bits."""

import tempfile
from collections.abc import Iterator
from typing import Any


class Spool:
    """A temporary file without a name; it vanishes when it is closed, also when the process is killed."""

    def __enter__(self) -> "Spool":
        self._file = tempfile.TemporaryFile(prefix="urial-")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def through(self, tensors: Iterator[Any]) -> Iterator[Any]:
        """Write all tensors at once; the same ones again, on the CPU, as they are asked for."""
        import torch

        kinds = []
        for tensor in tensors:
            kinds.append((tensor.shape, tensor.dtype))
            self._file.write(tensor.contiguous().cpu().flatten().view(torch.uint8).numpy().tobytes())
        self._file.seek(0)
        return (self._next(shape, dtype) for shape, dtype in kinds)

    def _next(self, shape: Any, dtype: Any) -> Any:
        import torch

        data = bytearray(self._file.read(shape.numel() * dtype.itemsize))
        # An empty buffer is refused.
        return torch.frombuffer(data, dtype=dtype).view(shape) if data else torch.empty(shape, dtype=dtype)

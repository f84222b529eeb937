"""Memory that goes from one block to the next: the system takes as long to hand out pages as a blur to fill them."""

from __future__ import annotations

import contextlib
import math
import mmap
from collections import deque
from collections.abc import Sequence
from typing import Any

import distributed
import numpy as np
import numpy.typing as npt
from distributed.system import MEMORY_LIMIT

__all__ = ["recycled_empty"]

_LEAST = 1 << 20  # bytes: less comes from NumPy
_SHARE = 16  # of the worker's memory, at most that part waits for its next use

_CAN_WAIT = hasattr(mmap, "MADV_FREE") and hasattr(mmap, "MAP_PRIVATE")
_waiting: deque[mmap.mmap] = deque()  # append and pop are atomic: arrays die in any thread, at any time
_most = 0


class _Lease:
    """The owner of an array's memory, which is free again when no view of it is left."""

    def __init__(self, pages: mmap.mmap) -> None:
        self.pages = pages
        self.__array_interface__ = np.frombuffer(pages, np.uint8).__array_interface__

    def __del__(self) -> None:
        # The system may have the pages back before their next use, if it needs them.
        self.pages.madvise(mmap.MADV_FREE)
        _waiting.append(self.pages)
        _make_room(0)


def _limit() -> int:
    try:
        limit = distributed.get_worker().memory_manager.memory_limit
    except ValueError:
        limit = None
    return int(limit or MEMORY_LIMIT) // _SHARE


def _make_room(size: int) -> None:
    """Give back what has waited longest, until so much more may wait."""
    with contextlib.suppress(IndexError):
        while sum(map(len, list(_waiting))) + size > _most:
            _waiting.popleft()


def _pages(size: int) -> mmap.mmap:
    for pages in reversed(list(_waiting)):
        if len(pages) == size:
            with contextlib.suppress(ValueError):  # another thread has taken them
                _waiting.remove(pages)
                return pages
    # Before new pages are asked for: the system then has some at hand that it need not look for.
    _make_room(size)
    fresh = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        fresh.madvise(mmap.MADV_HUGEPAGE)
    return fresh


def recycled_empty(shape: int | Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an uninitialised array that begins at a cache line; when it dies its memory goes to one of the same size."""
    global _most
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < _LEAST or not _CAN_WAIT:
        memory = np.empty(size + 64, np.uint8)
        first = -memory.ctypes.data % 64
        return memory[first : first + size].view(dtype).reshape(shape)
    _most = _limit()
    memory = np.asarray(_Lease(_pages(-(-size // mmap.PAGESIZE) * mmap.PAGESIZE)))
    return memory[:size].view(dtype).reshape(shape)

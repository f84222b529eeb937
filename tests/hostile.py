"""Arrays and arguments made to hurt."""

from __future__ import annotations

import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

UNTOUCHED = 0xA5  # what memory holds that nobody may write to


@dataclass(frozen=True)
class Layout:
    """How the elements of an array lie in memory."""

    reverse_axes: bool = False  # the first axis is the fastest
    swap_first: bool = False  # axes 0 and 1 change places in memory
    row_gap: float = 0  # bytes between steps of the slowest axis; below 1: of an item
    item_gap: float = 0  # the same between elements
    negative: Sequence[int] = field(default=())  # axes that run backwards
    offset: int = 0  # bytes before the first element

    def make(self, shape: Sequence[int], dtype: Any) -> tuple[Any, Any]:
        """A view of that shape into memory full of UNTOUCHED, and that memory."""
        size = np.dtype(dtype).itemsize
        order = list(range(len(shape)))  # slowest first
        if self.reverse_axes:
            order.reverse()
        if self.swap_first and len(order) > 1:
            order[0], order[1] = order[1], order[0]
        strides = [0] * len(shape)
        step = size + _bytes(self.item_gap, size)
        for axis in reversed(order):
            if axis == order[0] and len(order) > 1:
                step += _bytes(self.row_gap, size)
            strides[axis] = step
            step *= max(shape[axis], 1)
        start = self.offset
        for axis in self.negative:
            if axis < len(shape):
                start += strides[axis] * max(shape[axis] - 1, 0)
                strides[axis] = -strides[axis]
        memory = np.full(self.offset + step + 64, UNTOUCHED, np.uint8)
        return np.ndarray(shape, dtype, memory.data, start, strides), memory

    def of(self, values: Any) -> Any:
        """The same values in memory of this layout."""
        view, _ = self.make(values.shape, values.dtype)
        view[...] = values
        return view


def _bytes(gap: float, size: int) -> int:
    return round(gap * size) if 0 < gap < 1 else int(gap)


LAYOUTS = {
    "contiguous": Layout(),
    "padded rows": Layout(row_gap=24),
    "rows at odd addresses": Layout(row_gap=1),
    "misaligned by one byte": Layout(offset=1),
    "every second element": Layout(item_gap=8),
    "elements at odd addresses": Layout(item_gap=1),
    "upside down": Layout(negative=(0,)),
    "mirrored": Layout(negative=(1,)),
    "all axes backwards": Layout(negative=(0, 1, 2, 3)),
    "Fortran order": Layout(reverse_axes=True),
    "Fortran order, padded, misaligned, mirrored": Layout(
        reverse_axes=True, row_gap=3, offset=3, negative=(1,)
    ),
    "rows are columns": Layout(swap_first=True),
}

# Strides of zero: another array, whose copy must give the same.
REPEATED = {
    "one row": lambda a: np.broadcast_to(a[:1], a.shape),
    "one column": lambda a: np.broadcast_to(a[:, :1], a.shape),
    "one element": lambda a: np.broadcast_to(a[(slice(0, 1),) * a.ndim], a.shape),
    "overlapping rows": lambda a: np.lib.stride_tricks.as_strided(
        a, a.shape, (a.itemsize, *a.strides[1:]), writeable=False
    ),
}

SHAPES = [
    *[(), (0,), (5,), (0, 0), (0, 5), (5, 0), (1, 1), (1, 70), (70, 1)],
    *[(0, 5, 3), (5, 0, 3), (5, 4, 0), (1, 1, 1), (1, 1, 3), (3, 1, 4), (1, 9, 17), (4, 5, 64)],
    *[(2, 3, 4, 1), (0, 3, 4, 3), (1, 0, 4, 3), (2, 2, 2, 2, 2), (1,) * 32],
]

# No memory behind these: one byte, seen again and again.
HUGE = [(2**31, 2**31), (2**50, 8), (8, 2**50), (1, 2**60), (2**60, 1), (2**40, 2**20, 3), (2**15,) * 4]

DTYPES = [
    *["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"],
    *["float16", "float32", "float64", "longdouble", "complex64", "complex128", "clongdouble"],
    *[">u2", ">f4", ">f8", "object", "S3", "U2", "V4", "datetime64[s]", "timedelta64[s]"],
    "u1,f4",
]


class Subclass(np.ndarray):
    """An ndarray that claims to be more."""


NOT_ARRAYS: dict[str, Any] = {
    "None": None,
    "a number": 5,
    "a list": [[1, 2, 3], [4, 5, 6]],
    "a tuple": ((1.0, 2.0), (3.0, 4.0)),
    "text": "image",
    "bytes": b"image",
    "a memoryview": memoryview(b"image"),
    "an array.array": array.array("B", b"image"),
    "a generator": (i for i in range(3)),
    "a type": np.ndarray,
    "a dict": {"shape": (3, 4)},
    "a scalar": np.float32(1),
    "an object with an interface": type("Interface", (), {"__array_interface__": {"version": 3}})(),
}

# Sent as every argument that is not an array. Each must be understood or refused.
ARGUMENTS: list[Any] = [
    *[None, True, False, 0, 1, -1, 2, 3, 7, 2**31 - 1, 2**31, 2**63 - 1, 2**64, 10**400, -(2**70)],
    *[0.0, -0.0, 0.5, 1.0, -1.0, 2.5, 5e-324, 1e308, -1e308, float("nan"), float("inf"), -float("inf")],
    *[
        1j,
        "",
        "no such name",
        "reflect",
        "nearest\0",
        "\ud800",
        b"nearest",
        [],
        [1],
        (1, 2),
        (0, 0),
        (1, 2, 3),
    ],
    *[(1, 2, 3, 4), (-1, 2), (2**40, 2**40), (1.5, 2), (True, True), ("3", "3"), [[1, 2]], (None, None)],
    *[{}, {"a": 1}, set(), object(), int, len, range(2), Ellipsis, NotImplemented, slice(1, 2)],
    *[np.int64(3), np.uint8(3), np.float32(3), np.bool_(True), np.float64("nan"), np.longdouble(1)],
    *[
        np.zeros(0),
        np.zeros(2),
        np.ones(3),
        np.ones((9, 8)),
        np.array(2.0),
        np.array([1, 2], object),
        np.array("x"),
    ],
]

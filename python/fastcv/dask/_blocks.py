"""Blocks of a Dask array with what they need of their neighbours: the one place where chunks are cut."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import numpy.typing as npt

__all__ = ["Piece", "check_array", "needed", "pieces_of", "starts_of"]


def check_array(function: str, array: Any) -> da.Array:
    """Return `array`, a Dask array of NumPy arrays with chunks of known size, or refuse it."""
    if not isinstance(array, da.Array):
        raise TypeError(f"{function}: array must be a Dask array, got {type(array).__name__}")
    if any(math.isnan(size) for sizes in array.chunks for size in sizes):
        raise ValueError(
            f"{function}: array has chunks of unknown size: call its compute_chunk_sizes() first"
        )
    if not isinstance(array._meta, np.ndarray):
        raise TypeError(
            f"{function}: array must be made of NumPy arrays, got chunks of {type(array._meta).__name__}"
        )
    return array


def starts_of(sizes: Sequence[int]) -> list[int]:
    """Return where chunks of such sizes begin, and where the last one ends."""
    return [0, *itertools.accumulate(sizes)]


class Piece(NamedTuple):
    """Part of one chunk along one axis."""

    chunk: int
    begin: int  # within the chunk
    end: int


def pieces_of(starts: Sequence[int], begin: int, end: int) -> list[Piece]:
    """Return the parts of chunks that make up [begin, end) of an axis."""
    return [
        Piece(chunk, max(begin - first, 0), min(end, last) - first)
        for chunk, (first, last) in enumerate(itertools.pairwise(starts))
        if max(begin, first) < min(end, last)
    ]


def needed(
    graph: dict[Any, Any], name: str, source: tuple[Any, ...], cut: dict[int, Piece], sizes: Any
) -> Any:
    """Return the key of a part of chunk `source`, cut along some axes; adds a task for it where it is not all of it.

    The task runs where the chunk is: only the part travels.
    """
    if all(p.begin == 0 and p.end == sizes[axis][p.chunk] for axis, p in cut.items()):
        return source
    index = [slice(None)] * (len(source) - 1)
    for axis, p in cut.items():
        index[axis] = slice(p.begin, p.end)
    key = (
        f"{name}-part",
        *source[1:],
        *itertools.chain.from_iterable((p.begin, p.end) for p in cut.values()),
    )
    graph[key] = (_part, source, tuple(index))
    return key


def _part(chunk: npt.NDArray[Any], index: tuple[slice, ...]) -> npt.NDArray[Any]:
    # A copy where it is small: a view would keep the whole chunk in memory.
    part: npt.NDArray[Any] = chunk[index]
    return part.copy() if 2 * part.size < chunk.size else part

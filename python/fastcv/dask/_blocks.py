"""Blocks of a Dask array with what they need of their neighbours: the one place where chunks are cut."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from operator import getitem
from typing import Any, NamedTuple, SupportsIndex

import dask.array as da
import numpy as np
import numpy.typing as npt

from fastcv._core import DEFAULT_CHANNEL_AXIS

__all__ = ["Piece", "channel_of", "check_array", "needed", "none_of", "pieces_of", "rim", "starts_of"]


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


def channel_of(array: da.Array, channel_axis: Any) -> int | None:
    """Return the axis of channels, where there is one: that of `fastcv.box_blur` and `fastcv.denoise_tv`."""
    if channel_axis is None or array.ndim == 2:
        return None
    last: int = array.ndim - 1
    return last if channel_axis is DEFAULT_CHANNEL_AXIS else int(channel_axis.__index__()) % array.ndim


def none_of(array: da.Array, channel_axis: Any) -> npt.NDArray[Any]:
    """Return an image of no pixels: what a function refuses on one machine, it refuses of this."""
    shape = list(array.shape)
    if shape:
        first = isinstance(channel_axis, SupportsIndex) and channel_axis.__index__() in (0, -array.ndim)
        shape[-1 if first else 0] = 0
    return np.empty(shape, array.dtype)


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
    index = _index(source, cut, sizes)
    if index is None:
        return source
    key = (
        f"{name}-part",
        *source[1:],
        *itertools.chain.from_iterable((p.begin, p.end) for p in cut.values()),
    )
    graph[key] = (_part, source, index)
    return key


def rim(graph: dict[Any, Any], name: str, source: tuple[Any, ...], cut: dict[int, Piece], sizes: Any) -> Any:
    """As `needed`, but all parts of a chunk are made by one task, and travel together."""
    index = _index(source, cut, sizes)
    if index is None:
        return source
    key = (f"{name}-rim", *source[1:])
    _, _, indices = graph.setdefault(key, (_parts, source, []))
    indices.append(index)
    return (getitem, key, len(indices) - 1)


def _index(source: tuple[Any, ...], cut: dict[int, Piece], sizes: Any) -> tuple[slice, ...] | None:
    """Return where the part lies in its chunk; None: it is all of it."""
    if all(p.begin == 0 and p.end == sizes[axis][p.chunk] for axis, p in cut.items()):
        return None
    index = [slice(None)] * (len(source) - 1)
    for axis, p in cut.items():
        index[axis] = slice(p.begin, p.end)
    return tuple(index)


def _part(chunk: npt.NDArray[Any], index: tuple[slice, ...]) -> npt.NDArray[Any]:
    # A copy where it is small: a view would keep the whole chunk in memory.
    part: npt.NDArray[Any] = chunk[index]
    return part.copy() if 2 * part.size < chunk.size else part


def _parts(chunk: npt.NDArray[Any], indices: list[tuple[slice, ...]]) -> list[npt.NDArray[Any]]:
    return [_part(chunk, index) for index in indices]

"""Box blur of an image in chunks: the same bytes as of the image in one piece."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

import fastcv
from fastcv._core import DEFAULT_CHANNEL_AXIS
from fastcv._halo import window_reach
from fastcv.dask._blocks import channel_of, check_array, needed, none_of, pieces_of, rim, starts_of
from fastcv.dask._memory import recycled_empty

__all__ = ["box_blur"]

_IntOrPair = SupportsIndex | Sequence[SupportsIndex]
# Sums of floats depend on where they begin. Windows up to 56 are added as trees, eight rows at a time; larger ones, and
# those whose number of pixels varies, in blocks as long as the window.
_TREES, _GROUP = 56, 8


class _Axis(NamedTuple):
    """One axis of space of a block: what it owns, and what it needs to see, in pixels of the image."""

    begin: int
    end: int
    low: int
    high: int

    def inner(self, reach: int) -> tuple[int, int]:
        """Return what the own pixels alone determine."""
        low = self.begin if self.low == self.begin else self.begin + reach
        return low, self.end if self.high == self.end else self.end - reach


class _Window(NamedTuple):
    reach: int
    step: int  # a cut begins at a multiple of it

    def aligned(self, position: int) -> int:
        return max(position, 0) // self.step * self.step


def box_blur(
    array: da.Array,
    ksize: _IntOrPair,
    *,
    border: str = "reflect101",
    border_value: SupportsFloat | Sequence[SupportsFloat] | npt.NDArray[Any] = 0,
    anchor: _IntOrPair | None = None,
    rounding: str = "nearest",
    alpha: str = "blur",
    channel_axis: SupportsIndex | None = DEFAULT_CHANNEL_AXIS,
    num_threads: SupportsIndex = 1,
) -> da.Array:
    """Blur a Dask array with a box; `fastcv.box_blur`, lazily and with the same bytes, for any chunks.

    Parameters
    ----------
    array : dask.array.Array
        Of an image as `fastcv.box_blur` takes it, in chunks of any sizes, also smaller than the window.
    ksize, border, border_value, anchor, rounding, alpha, channel_axis
        As for `fastcv.box_blur`. ``border="wrap"`` joins the two ends of an axis, which is not local: it needs
        each axis that the window reaches along in one chunk.
    num_threads : int
        Threads of each task. Dask's tasks are the parallelism, hence 1; more for workers that run one task at a time.

    Returns
    -------
    dask.array.Array
        Of the same shape, dtype and chunks.

    Raises
    ------
    TypeError, ValueError
        As `fastcv.box_blur`, when called; and for arrays of unknown chunk sizes.

    Notes
    -----
    A chunk is blurred where it lies, without a copy, and its rim once more together with ``ksize // 2`` rows and columns of
    its neighbours. Only rims travel. Channels in several chunks are brought together first.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> import fastcv
    >>> import fastcv.dask
    >>> image = fastcv.datasets.photo()
    >>> blurred = fastcv.dask.box_blur(da.from_array(image, chunks=(100, 150, 3)), 31)
    >>> blurred.chunks == da.from_array(image, chunks=(100, 150, 3)).chunks
    True
    >>> np.array_equal(blurred.compute(), fastcv.box_blur(image, 31))
    True
    """
    array = check_array("box_blur", array)
    parameters: dict[str, Any] = {
        "ksize": ksize,
        "border": border,
        "border_value": border_value,
        "anchor": anchor,
        "rounding": rounding,
        "alpha": alpha,
        "channel_axis": channel_axis,
        "num_threads": num_threads,
    }
    fastcv.box_blur(none_of(array, channel_axis), **parameters)
    channel = channel_of(array, channel_axis)
    space = [axis for axis in range(array.ndim) if axis != channel][-2:]
    if channel is not None:
        parameters["channel_axis"] = int(channel)
    given = array
    if channel is not None and array.numblocks[channel] > 1:
        array = array.rechunk({channel: -1})

    floats = array.dtype.kind == "f"
    sizes = [int(k) for k in np.broadcast_to(np.asarray(ksize), 2)][::-1]
    extent = [array.shape[axis] for axis in space]
    steps = [1, 1]
    if floats:
        trees = max(sizes) <= _TREES and border != "shrink" and alpha != "premultiplied"
        # A window larger than the image may be added in either way.
        steps = [_GROUP, 1] if trees else sizes
        if any(size > n for size, n in zip(sizes, extent, strict=True)):
            steps = [math.lcm(_GROUP, sizes[0]), sizes[1]]
    windows = [_Window(reach, step) for reach, step in zip(window_reach(ksize, anchor), steps, strict=True)]
    if border == "wrap":
        for axis, window in zip(space, windows, strict=True):
            if window.reach > 0 and array.numblocks[axis] > 1:
                raise ValueError(
                    f'box_blur: border="wrap" is not local: axis {axis} must be one chunk, got {array.numblocks[axis]}'
                )

    name = "box-blur-" + tokenize(array, parameters)
    graph: dict[Any, Any] = {}
    # Where rims are thin one task cuts all of a chunk's: a task takes longer than their way.
    thin = all(min(array.chunks[a]) >= 8 * w.reach for a, w in zip(space, windows, strict=True))
    part = rim if thin else needed
    starts = [starts_of(array.chunks[axis]) for axis in space]
    axes: list[list[_Axis]] = []
    for s, window in zip(starts, windows, strict=True):
        axes.append(
            [
                _Axis(b, e, window.aligned(b - window.reach), min(e + window.reach, s[-1]))
                for b, e in itertools.pairwise(s)
            ]
        )
    for block in itertools.product(*(range(n) for n in array.numblocks)):
        own = [axes[i][block[axis]] for i, axis in enumerate(space)]
        if math.prod(array.chunks[axis][i] for axis, i in enumerate(block)) == 0:
            own = [_Axis(a.begin, a.end, a.begin, a.end) for a in own]
        rows, columns = (
            pieces_of(s, a.low, a.high) if a.low < a.high else [] for s, a in zip(starts, own, strict=True)
        )
        grid: list[list[Any]] = []
        for row in rows:
            grid.append([])
            for column in columns:
                source = list(block)
                source[space[0]], source[space[1]] = row.chunk, column.chunk
                cut = {space[0]: row, space[1]: column}
                grid[-1].append(part(graph, name, (array.name, *source), cut, array.chunks))
        edges = [
            [a.low, *(s[p.chunk] + p.end for p in pieces)]
            for s, a, pieces in zip(starts, own, (rows, columns), strict=True)
        ]
        if not rows or not columns:
            graph[(name, *block)] = (array.name, *block)
            continue
        graph[(name, *block)] = (
            _blur_block,
            grid,
            edges,
            tuple(space),
            tuple(own),
            tuple(windows),
            parameters,
        )
    result = da.Array(
        HighLevelGraph.from_collections(name, graph, dependencies=[array]),
        name,
        array.chunks,
        meta=array._meta,
    )
    return result if array is given else result.rechunk(given.chunks)


class _Grid:
    """The parts of an image that a block sees."""

    def __init__(
        self, grid: list[list[npt.NDArray[Any]]], edges: list[list[int]], space: tuple[int, ...]
    ) -> None:
        self.grid, self.edges, self.space = grid, edges, space

    def index(self, ranges: Sequence[tuple[int, int]], origin: Sequence[int]) -> tuple[slice, ...]:
        index = [slice(None)] * self.grid[0][0].ndim
        for axis, (begin, end), first in zip(self.space, ranges, origin, strict=True):
            index[axis] = slice(begin - first, end - first)
        return tuple(index)

    def cut(self, ranges: Sequence[tuple[int, int]]) -> npt.NDArray[Any]:
        """Return a rectangle: a view where it lies in one part, else put together."""
        parts = [
            pieces_of(e, b, n)
            for e, (b, n) in zip(
                [[x - e[0] for x in e] for e in self.edges], self._relative(ranges), strict=True
            )
        ]
        rows = []
        for row in parts[0]:
            line = []
            for column in parts[1]:
                index = self.index([(row.begin, row.end), (column.begin, column.end)], (0, 0))
                line.append(self.grid[row.chunk][column.chunk][index])
            rows.append(line[0] if len(line) == 1 else np.concatenate(line, axis=self.space[1]))
        return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=self.space[0])

    def _relative(self, ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(b - e[0], n - e[0]) for e, (b, n) in zip(self.edges, ranges, strict=True)]


def _blur_block(
    grid: list[list[npt.NDArray[Any]]],
    edges: list[list[int]],
    space: tuple[int, ...],
    own: tuple[_Axis, ...],
    windows: tuple[_Window, ...],
    parameters: dict[str, Any],
) -> npt.NDArray[Any]:
    image = _Grid(grid, edges, space)
    mine = [(a.begin, a.end) for a in own]
    inner = [a.inner(w.reach) for a, w in zip(own, windows, strict=True)]
    in_place = all(
        a.begin % w.step == 0 and a.end - a.begin >= 4 * w.reach for a, w in zip(own, windows, strict=True)
    )
    if not in_place:
        seen = [(a.low, a.high) for a in own]
        blurred = fastcv.box_blur(image.cut(seen), **parameters)
        return np.ascontiguousarray(blurred[image.index(mine, [a.low for a in own])])

    pixels = image.cut(mine)
    out = fastcv.box_blur(pixels, **parameters, out=recycled_empty(pixels.shape, pixels.dtype))
    for i, (axis, window) in enumerate(zip(own, windows, strict=True)):
        for begin, end in ((axis.begin, inner[i][0]), (inner[i][1], axis.end)):
            if begin == end:
                continue
            # The rim along this axis, over all of the other one.
            wanted, seen = list(mine), [(a.low, a.high) for a in own]
            wanted[i] = (begin, end)
            seen[i] = (
                max(axis.low, window.aligned(begin - window.reach)),
                min(axis.high, end + window.reach),
            )
            blurred = fastcv.box_blur(image.cut(seen), **parameters)
            origin = [low for low, _ in seen]
            out[image.index(wanted, [a.begin for a in own])] = blurred[image.index(wanted, origin)]
    return out

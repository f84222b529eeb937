"""Total variation denoising to a certified gap, on an image in blocks of rows."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any, NamedTuple, SupportsFloat, SupportsIndex

import dask
import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import tokenize
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

import fastcv
from fastcv import _core
from fastcv._core import DEFAULT_CHANNEL_AXIS
from fastcv._tv import TVInfo
from fastcv._warnings import ConvergenceWarning
from fastcv.dask._blocks import channel_of, check_array, none_of, starts_of
from fastcv.dask._memory import recycled_empty
from fastcv.dask._rows import (
    Rounds,
    apply,
    each,
    from_blocks,
    joined,
    persisted,
    row_sizes,
    with_neighbours,
)

__all__ = ["denoise_tv"]

_REACH = 3  # rows that an iteration looks beyond its own
_MOST_ITERATIONS = 32  # between two exchanges of rows
_LEAST_ROWS = 128  # of a block: fewer would mostly work on their neighbours' rows
_ROUND = 3.5  # what a round costs beside its arithmetic, in iterations: a copy of the state, and tasks
_SAMPLED_ROWS = 48

_RANGE = {"uint8": 255.0, "uint16": 65535.0}


class _State(NamedTuple):
    memory: npt.NDArray[Any]
    shape: tuple[int, int, int]  # with the neighbours' rows
    own: tuple[int, int]
    u: npt.NDArray[Any] | None = None
    sums: npt.NDArray[np.float64] | None = None


class _Step(NamedTuple):
    weight: float
    sigma: float
    slope: float
    isotropic: bool
    reach: int  # rows that blocks exchange
    done: int
    iterations: int
    look: bool
    num_threads: int
    low: list[float]  # of the image's pixels, by channel
    high: list[float]


def _wide(memory: npt.NDArray[Any]) -> bool:
    return bool(memory.dtype == np.float64)


def _work(dtype: npt.DTypeLike) -> np.dtype[Any]:
    return np.dtype(np.float64 if np.dtype(dtype) == np.float64 else np.float32)


class _Survey(NamedTuple):
    """What is to be known of a chunk before the first iteration: its range by channel, and some of its rows."""

    low: npt.NDArray[Any]
    high: npt.NDArray[Any]
    rows: npt.NDArray[Any]


def _survey(chunk: npt.NDArray[Any], rows: list[int]) -> _Survey:
    pixels = chunk.reshape(*chunk.shape[:2], -1)
    # Channel by channel: along an axis of three NumPy is slow.
    low = np.array([pixels[..., c].min() for c in range(pixels.shape[2])])
    high = np.array([pixels[..., c].max() for c in range(pixels.shape[2])])
    if pixels.dtype.kind == "f" and not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError(
            "denoise_tv: array must be finite: missing pixels (NaN) are filled in by fastcv.denoise_tv only"
        )
    return _Survey(low, high, pixels[rows].astype(_work(chunk.dtype)))


def _together(
    surveys: list[list[_Survey]], pairs: list[tuple[int, int]]
) -> tuple[list[float], list[float], float]:
    """Return the image's least and greatest pixel, by channel, and the mean |grad f| of the sampled rows."""
    every = list(itertools.chain.from_iterable(surveys))
    low, high = np.min([s.low for s in every], axis=0), np.max([s.high for s in every], axis=0)
    rows = np.concatenate([np.concatenate([s.rows for s in line], axis=1) for line in surveys])
    return low.astype(float).tolist(), high.astype(float).tolist(), _mean_slope(rows, pairs)


def _surveyed(plane: da.Array) -> tuple[list[float], list[float], float]:
    rows = plane.shape[0]
    sampled = range(0, rows, max(1, rows // _SAMPLED_ROWS))
    wanted = sorted({row for y in sampled for row in (y, min(y + 1, rows - 1))})
    place = {row: i for i, row in enumerate(wanted)}
    pairs = [(place[y], place[min(y + 1, rows - 1)]) for y in sampled]
    name = f"denoise-tv-survey-{tokenize(plane)}"
    graph: dict[Any, Any] = {}
    lines = []
    for i, (begin, end) in enumerate(itertools.pairwise(starts_of(plane.chunks[0]))):
        own = [row - begin for row in wanted if begin <= row < end]
        lines.append(
            [(name, i, j) for j in range(plane.numblocks[1]) if plane.chunks[0][i] * plane.chunks[1][j]]
        )
        for key in lines[-1]:
            graph[key] = (_survey, (plane.name, *key[1:], *(0 for _ in plane.shape[2:])), own)
    graph[name] = (_together, [line for line in lines if line], pairs)
    layers = HighLevelGraph.from_collections(name, graph, dependencies=[plane])
    found: tuple[list[float], list[float], float] = Delayed(name, layers).compute()
    return found


def _first_round(parts: list[list[npt.NDArray[Any]]], own: tuple[int, int], step: _Step) -> _State:
    pixels = joined(parts)
    pixels = np.ascontiguousarray(
        pixels.reshape(*pixels.shape[:2], -1).astype(_work(pixels.dtype), copy=False)
    )
    shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
    memory = recycled_empty(_core.denoise_part_layout(shape, _wide(pixels))[0], pixels.dtype)
    _core.denoise_part_load(pixels, memory)
    return _iterated(_State(memory, shape, own), step)


def _rows(state: _State, which: str, reach: int) -> npt.NDArray[Any]:
    begin, end = state.own
    row_values = _core.denoise_part_layout(state.shape, _wide(state.memory))[1]
    rows = np.empty(reach * row_values, state.memory.dtype)
    _core.denoise_part_take(state.shape, state.memory, end - reach if which == "last" else begin, rows)
    return rows


def _next_round(
    _: Any, state: _State, above: npt.NDArray[Any] | None, below: npt.NDArray[Any] | None, step: _Step
) -> _State:
    # A copy to work on: the state that came in stays, so that the task can be run again.
    memory = recycled_empty(state.memory.size, state.memory.dtype)
    np.copyto(memory, state.memory)
    begin, end = state.own
    if above is not None:
        _core.denoise_part_put(state.shape, memory, begin - step.reach, above)
    if below is not None:
        _core.denoise_part_put(state.shape, memory, end, below)
    return _iterated(_State(memory, state.shape, state.own), step)


def _iterated(state: _State, step: _Step) -> _State:
    """Do a round in the state's memory."""
    (begin, end), shape, dtype = state.own, state.shape, state.memory.dtype
    u = sums = None
    if step.look:
        u = recycled_empty((end - begin, *shape[1:]), dtype)
        sums = np.empty((end - begin) * _core.denoise_part_layout(shape, _wide(state.memory))[2] * 3)
    _core.denoise_part_round(
        shape,
        step.isotropic,
        state.memory,
        step.weight,
        step.sigma,
        step.slope,
        step.done,
        step.iterations,
        step.num_threads,
        step.low,
        step.high,
        begin,
        end,
        u,
        sums,
    )
    return state._replace(u=u, sums=sums)


def _sums(state: _State) -> npt.NDArray[np.float64]:
    assert state.sums is not None
    return state.sums.reshape(-1, 3)


def _total(rows: list[npt.NDArray[np.float64]]) -> list[float]:
    """Return the sums of residual, variation and gap: row by row in their order, as on one machine."""
    totals: list[float] = np.cumsum(np.concatenate(rows), axis=0)[-1].tolist()
    return totals


def _result(state: _State, dtype: str, ndim: int) -> tuple[npt.NDArray[Any], float]:
    """Return the block's pixels, and what their rounding did to them."""
    assert state.u is not None
    u = state.u if ndim == 3 else state.u[..., 0]
    if np.dtype(dtype).kind == "f":
        return u, 0.0
    rounded = np.rint(u)
    return rounded.astype(dtype), float(np.sum(np.square(rounded - u), dtype=np.float64))


def _first(pair: tuple[Any, float]) -> Any:
    return pair[0]


def _sum_seconds(pairs: list[tuple[Any, float]]) -> float:
    return float(sum(error for _, error in pairs))


def _mean_slope(rows: npt.NDArray[Any], pairs: list[tuple[int, int]]) -> float:
    """Return the mean |grad f| of sampled rows, each with the one below it, in their order."""
    slopes = np.empty((len(pairs), rows.shape[1]))
    for i, (y, below_y) in enumerate(pairs):
        here, below = rows[y], rows[below_y]
        right = np.zeros_like(here)
        right[:-1] = here[1:] - here[:-1]
        square = np.zeros(len(here))
        for c in range(here.shape[1]):
            down, along = (below - here)[:, c].astype(float), right[:, c].astype(float)
            square += down * down + along * along
        slopes[i] = np.sqrt(square)
    return float(np.cumsum(slopes)[-1]) / slopes.size


class _Certificate(NamedTuple):
    gap: float
    objective: float

    @classmethod
    def of(
        cls, sums: list[float], weight: float, low: list[float], high: list[float], n: int, ulp: float
    ) -> _Certificate:
        """Raise the gap by what the rounding of its sums may have hidden (denoise_plane.hpp)."""
        residual, variation, gap = sums
        reach = max([4 * weight, *(4 * weight + b - a for a, b in zip(low, high, strict=True))])
        channels, axes = len(low), 2
        terms, off = 2 * axes * channels + 8, ulp * reach * axes
        values = float(n) * channels
        if gap > 0:
            gap += (
                0.5 * ulp * terms * weight * variation
                + off * math.sqrt(2 * values * gap)
                + 0.5 * values * off * off
            )
        return cls(gap, 0.5 * residual + weight * variation)


class _Watch:
    """When to look at the gap again (denoise_solve.cpp)."""

    def __init__(self, tol: float, first: int, last: int) -> None:
        self.tol, self.next, self.last = tol, min(first, last), last
        self.best, self.stalls = math.inf, 0

    def saw(self, iteration: int, c: _Certificate) -> bool:
        """Return whether two looks in a row saw no progress."""
        relative = c.gap / c.objective if c.objective > 0 else 0.0
        self.stalls = 0 if relative < 0.97 * self.best else self.stalls + 1
        if not math.isfinite(c.gap):
            self.stalls = 2
        self.best = min(self.best, relative)
        factor = max(relative / self.tol, 1.0) ** 0.31 * 1.03
        wanted = float(iteration) * min(max(factor, 1.1), 2.0)
        self.next = min(self.last, max(iteration + 2, math.ceil(wanted)))
        return self.stalls >= 2


class _Plane(NamedTuple):
    blocks: list[Delayed]  # pairs: pixels, error of their rounding
    sizes: tuple[int, ...]
    iterations: int
    gap: float
    objective: float
    converged: bool


def _cut(plane: da.Array, first: int) -> tuple[tuple[int, ...], int]:
    """Return the rows of each block, and the iterations of a round: what costs least, in evenly long rounds."""
    rows, width = plane.shape[0], max(1, math.prod(plane.shape[1:]))
    chunk = math.prod(max(sizes) for sizes in plane.chunks)
    height = min(rows, max(_LEAST_ROWS, round(chunk / width)))
    # A round of k iterations costs _ROUND + k * 2 * _REACH * k / height more than these on the own rows.
    best = max(1, min(_MOST_ITERATIONS, round(math.sqrt(_ROUND * height / (2 * _REACH)))))
    count = math.ceil(first / math.ceil(first / best))
    return row_sizes(plane, max(min(_LEAST_ROWS, rows), _REACH * count), even=True), count


def _solve(
    plane: da.Array, weight: float, tol: float, max_iter: int, isotropic: bool, num_threads: int
) -> _Plane:
    """One plane: a channel, or joint channels."""
    (plane,) = dask.persist(plane)
    low, high, slope = _surveyed(plane)
    ratio = weight / slope if slope > 0 else 1.0
    sigma = min(1.0, 1.4 * ratio)
    first = min(max((3.4 + 38 * ratio) * (1e-3 / tol) ** 0.31, 2.0), 60.0)
    watch = _Watch(tol, math.floor(first + 0.5), max_iter)
    sizes, most = _cut(plane, watch.next)
    step = _Step(weight, sigma, 0.2 * sigma, isotropic, _REACH * most, 0, 0, False, num_threads, low, high)
    name = "denoise-tv-" + tokenize(plane, weight, tol, max_iter, isotropic)
    rounds = Rounds(name)
    ulp = float(np.finfo(_work(plane.dtype)).eps)
    values, dtype, ndim = plane.shape[0] * plane.shape[1], plane.dtype.name, plane.ndim
    states: list[Delayed] = []
    done = 0
    while True:
        while done < watch.next:
            left = watch.next - done
            count = left if len(sizes) == 1 else math.ceil(left / math.ceil(left / most))
            now = step._replace(done=done, iterations=count, look=count == left)
            if states:
                states = persisted(rounds.run(states, states, _next_round, _rows, now, reach=step.reach))
            else:
                states = persisted(
                    with_neighbours(plane, sizes, step.reach, _first_round, name, now, align=2)
                )
                del plane
            done += count
        sums = apply("denoise-tv-sums", _total, each("denoise-tv-sum", _sums, states)).compute()
        certificate = _Certificate.of(sums, weight, low, high, values, ulp)
        converged = certificate.gap <= tol * certificate.objective
        if converged or watch.saw(done, certificate) or done >= max_iter:
            pairs = persisted(each("denoise-tv-u", _result, states, dtype, ndim))
            return _Plane(pairs, sizes, done, certificate.gap, certificate.objective, converged)


def _refuse_what_is_not_done(array: da.Array, channels: str, channel: int | None) -> None:
    name = "denoise_tv"
    if array.ndim != (2 if channel is None else 3) or min(array.shape) < 1:
        raise ValueError(
            f"{name}: array must be one image of two axes of space, (H, W) or (H, W, C), got shape {array.shape} with "
            f"channel_axis {channel}: volumes and batches are for fastcv.denoise_tv"
        )
    if channels == "joint" and channel is not None and array.shape[channel] not in (1, 3):
        raise ValueError(f'{name}: channels="joint" takes 3 channels here, got {array.shape[channel]}')
    space = [n for axis, n in enumerate(array.shape) if axis != channel]
    if space[0] < 2:
        raise ValueError(f"{name}: array must have at least 2 rows, got {space[0]}")


def denoise_tv(
    array: da.Array,
    weight: SupportsFloat = 0.1,
    *,
    tol: SupportsFloat = 1e-3,
    max_iter: SupportsIndex = 1000,
    channel_axis: SupportsIndex | None = DEFAULT_CHANNEL_AXIS,
    channels: str = "separate",
    isotropic: bool = True,
    data_range: SupportsFloat | None = None,
    return_info: bool = False,
    num_threads: SupportsIndex = 1,
) -> da.Array | tuple[da.Array, TVInfo]:
    """Remove noise and keep edges, to a certified duality gap; `fastcv.denoise_tv` on a Dask array.

    Parameters
    ----------
    array : dask.array.Array
        ``(H, W)``, or ``(H, W, C)`` (see `channel_axis`) of uint8, uint16, float32 or float64, finite. It is worked on in blocks
        of whole rows, as large as its chunks: chunks of whole rows (an even number, 60 at least) need not be cut anew.
    weight : float
        One number; see `fastcv.denoise_tv`.
    tol, max_iter, channel_axis, channels, isotropic, data_range, return_info
        As for `fastcv.denoise_tv`. ``channels="joint"`` takes three channels.
    num_threads : int
        Threads of each task. Dask's tasks are the parallelism, hence 1.

    Returns
    -------
    dask.array.Array, or (dask.array.Array, TVInfo)
        Of the image's shape, dtype and chunks. ``info.dual`` is empty.

    Raises
    ------
    TypeError, ValueError
        As `fastcv.denoise_tv`; and for what only that does: volumes, batches, missing pixels, a weight for each pixel, `sigma`.

    Warns
    -----
    ConvergenceWarning
        When the certificate does not reach `tol` and no info was asked for.

    Notes
    -----
    The iteration runs now, with the fast solver of `fastcv.denoise_tv`: it reaches three rows an iteration, so rounds of up
    to 20 iterations exchange 60 rows, and the certificate's sums are added up row by row in their order. Same bytes and
    same stop as on one machine while `weight` is up to 1.5 times the image's mean slope ``|grad f|``; beyond that, one machine starts from
    smaller copies of the image, which this does not, and takes fewer iterations. Where the solver stalls, which one
    machine answers with its slower, proven one, this stops with ``converged=False``.

    Memory on all workers together, for each pixel of the channels at work: twice 20 bytes (float64: 40), and the image.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> import fastcv
    >>> import fastcv.dask
    >>> image = fastcv.datasets.photo()
    >>> u, info = fastcv.dask.denoise_tv(da.from_array(image, chunks=(128, 512, 3)), 0.02, return_info=True)
    >>> info.converged, np.array_equal(u.compute(), fastcv.denoise_tv(image, 0.02))
    (True, True)
    """
    array = check_array("denoise_tv", array)
    _, probe = fastcv.denoise_tv(
        none_of(array, channel_axis), weight, tol=tol, max_iter=max_iter, channel_axis=channel_axis, channels=channels,
        isotropic=isotropic, data_range=data_range, return_info=True, num_threads=num_threads,
    )  # fmt: skip
    if isinstance(weight, np.ndarray) and weight.ndim > 0:
        raise ValueError(
            "denoise_tv: weight must be one number: a weight for each pixel is for fastcv.denoise_tv"
        )
    channel = channel_of(array, channel_axis)
    _refuse_what_is_not_done(array, channels, channel)
    unit = float(data_range) if data_range is not None else _RANGE.get(array.dtype.name, 1.0)
    strength = unit * float(weight)

    if strength == 0:
        info = TVInfo(1, 0.0, 0.0, 0.0, 0.0, True, probe.dual, 0.0)
        return (array, info) if return_info else array
    joint = channels == "joint" and channel is not None and array.shape[channel] == 3
    if channel is None or joint:
        planes = [
            array if channel is None else da.moveaxis(array, channel, -1).rechunk({2: -1}, method="tasks")
        ]
    else:
        planes = [da.take(array, c, axis=channel) for c in range(array.shape[channel])]
    solved = [
        _solve(plane, strength, float(tol), int(max_iter), bool(isotropic), int(num_threads))
        for plane in planes
    ]
    results = [
        from_blocks(each("denoise-tv-pixels", _first, s.blocks), s.sizes, plane.shape[1:], array.dtype)
        for s, plane in zip(solved, planes, strict=True)
    ]
    if channel is None:
        result = results[0]
    else:
        result = da.moveaxis(results[0], -1, channel) if joint else da.stack(results, axis=channel)
    result = result.rechunk(array.chunks, method="tasks")
    converged = all(s.converged for s in solved)
    if not return_info:
        if not converged:
            warnings.warn(
                f"denoise_tv: not converged to tol={float(tol)} in {max(s.iterations for s in solved)} iterations",
                ConvergenceWarning,
                stacklevel=2,
            )
        return result
    gap, objective = sum(s.gap for s in solved), sum(s.objective for s in solved)
    rounding = 0.0
    if array.dtype.kind == "u":
        pairs = list(itertools.chain.from_iterable(s.blocks for s in solved))
        rounding = apply("denoise-tv-rounding", _sum_seconds, pairs).compute()
    bound = math.sqrt(2 * gap / array.size) + math.sqrt(rounding / array.size)
    return result, TVInfo(
        iterations=max(s.iterations for s in solved),
        gap=gap,
        relative_gap=gap / objective if objective > 0 else 0.0,
        rms_bound=bound,
        objective=objective,
        converged=converged,
        dual=probe.dual,
        weight=strength / unit,
    )

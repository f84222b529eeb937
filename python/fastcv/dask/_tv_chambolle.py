"""Chambolle's iteration on an image in blocks of rows: rounds of passes, the stop of one machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, SupportsFloat, SupportsIndex

import dask
import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import tokenize
from dask.delayed import Delayed

import fastcv
from fastcv import _core
from fastcv._tv_chambolle import ChambolleInfo, _as_float
from fastcv.dask._blocks import check_array, none_of
from fastcv.dask._memory import recycled_empty
from fastcv.dask._rows import (
    Place,
    Rounds,
    apply,
    each,
    from_blocks,
    joined,
    persisted,
    row_sizes,
    with_neighbours,
)

__all__ = ["denoise_tv_chambolle"]

_SHORT = 16  # a row shorter than this is laid along the other axis by the core


class _Image(NamedTuple):
    """A block of the image with its neighbours' rows, and which rows are its own."""

    pixels: npt.NDArray[Any]
    begin: int
    end: int


class _State(NamedTuple):
    """A block after a round: the dual variable, of its own rows; sums of each pass."""

    dual: npt.NDArray[Any] | None
    u: npt.NDArray[Any] | None
    energies: npt.NDArray[np.float64] | None
    changes: npt.NDArray[np.float64] | None
    own: tuple[int, int]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class _Step:
    """What every block does in a round."""

    weight: float
    tau: float
    reach: int  # rows that blocks exchange
    num_threads: int
    passes: int = 0
    update_last: bool = True
    keep_u: bool = False
    energies: bool = False
    changes: bool = False

    def round(self, passes: int, final: bool, measure: bool, dual: bool) -> _Step:
        changes = measure and dual  # they are made by the update
        return replace(
            self,
            passes=passes,
            update_last=not final or changes,
            keep_u=final,
            energies=measure,
            changes=changes,
        )


def _scaled(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return pixels as the core reads them: integers divided by their largest value."""
    pixels = _as_float(pixels)
    if pixels.dtype.kind == "u":
        pixels = np.multiply(pixels, 1.0 / float(np.iinfo(pixels.dtype).max), dtype=np.float64)
    return pixels


def _load(parts: list[list[npt.NDArray[Any]]], place: Place) -> _Image:
    pixels = joined(parts)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ValueError("denoise_tv_chambolle: image must be finite, got NaN or infinity")
    return _Image(_scaled(pixels), place.begin, place.end)


def _planes(dual: npt.NDArray[Any], shape: Sequence[int]) -> npt.NDArray[Any]:
    """Return a dual variable as (axis, slice, values of a slice)."""
    lead, plane, pitch, _, _ = _core.chambolle_layout(tuple(shape), dual.dtype == np.float64)
    slices, values = shape[0], math.prod(shape[1:-1]) * pitch
    axes = dual[lead : lead + len(shape) * plane].reshape(len(shape), plane)
    return axes[:, : slices * values].reshape(len(shape), slices, values)


def _rows(state: _State, which: str, reach: int) -> npt.NDArray[Any]:
    assert state.dual is not None
    begin, end = state.own
    planes = _planes(state.dual, state.shape)
    return planes[:, end - reach : end].copy() if which == "last" else planes[:, begin : begin + reach].copy()


def _most(shape: Sequence[int], dtype: npt.DTypeLike) -> int:
    return int(_core.chambolle_layout(tuple(shape), np.dtype(dtype) == np.float64)[4])


def _pass(
    image: _Image,
    state: _State | None,
    above: npt.NDArray[Any] | None,
    below: npt.NDArray[Any] | None,
    step: _Step,
) -> _State:
    pixels, begin, end = image
    shape, wide = pixels.shape, pixels.dtype == np.float64
    values = _core.chambolle_layout(shape, wide)[3]
    dual = None
    if state is not None and state.dual is not None:
        # The neighbours' rows go where nobody has written: the block's own rows stay as they are, so that the task
        # can be run again. What came out of a message may be read-only.
        dual = state.dual if state.dual.flags.writeable else state.dual.copy()
        planes = _planes(dual, shape)
        if above is not None:
            planes[:, begin - above.shape[1] : begin] = above
        if below is not None:
            planes[:, end : end + below.shape[1]] = below
    after = None
    if step.update_last or step.energies or step.passes > 1:
        after = recycled_empty(values, pixels.dtype)
        _clear(after, shape)
    rows = (end - begin) * math.prod(shape[1:-1])
    u = recycled_empty((end - begin, *shape[1:]), pixels.dtype) if step.keep_u else None
    energies = np.empty((step.passes, rows)) if step.energies else None
    changes = np.empty(step.passes) if step.changes else None
    _core.chambolle_part(
        pixels,
        dual,
        after,
        u,
        energies,
        changes,
        begin,
        end,
        step.weight,
        step.tau,
        step.passes,
        step.update_last,
        step.num_threads,
    )
    return _State(after if step.update_last else None, u, energies, changes, (begin, end), shape)


def _clear(dual: npt.NDArray[Any], shape: Sequence[int]) -> None:
    """Write the zeros between the rows of the last axis, which the core reads as neighbours of their first values."""
    lead, plane, pitch, _, _ = _core.chambolle_layout(tuple(shape), dual.dtype == np.float64)
    first = lead + (len(shape) - 1) * plane
    whole = -(-shape[-1] // lead) * lead
    dual[first - lead : first] = 0
    rows = math.prod(shape[:-1])
    dual[first : first + rows * pitch].reshape(rows, pitch)[:, whole:] = 0


def _u(state: _State) -> npt.NDArray[Any]:
    assert state.u is not None
    return state.u


def _sums(state: _State) -> tuple[Any, Any]:
    return state.energies, state.changes


def _total(sums: list[tuple[Any, Any]], values: tuple[int, int]) -> list[tuple[float, float]]:
    """Return energy and change of each pass: row by row in their order, as on one machine."""
    energies = np.concatenate([energy for energy, _ in sums], axis=1)
    totals = np.cumsum(energies, axis=1)[:, -1] / values[0] / values[1]
    changes = [change for _, change in sums]
    largest = [0.0] * len(totals) if changes[0] is None else np.max(changes, axis=0).tolist()
    return list(zip(totals.tolist(), largest, strict=True))


class _StopRule:
    """The rule of one machine (chambolle_solve.cpp), pass by pass."""

    def __init__(self, eps: float, dual: bool) -> None:
        self.eps, self.dual = eps, dual
        self.passes = 0
        self.first = self.energy = 0.0
        self.change = math.inf

    def add(self, energy: float, largest_step: float) -> bool:
        first = self.passes == 0
        self.passes += 1
        if first:
            self.first = energy
        if self.dual:
            self.change = largest_step
        else:
            self.change = math.inf if first else abs(self.energy - energy)
            if self.change > 0 and not first:
                self.change = self.change / self.first if self.first else math.inf
        self.energy = energy
        if first and energy == 0:
            self.change = 0.0
        return self.eps > 0 and (self.change < self.eps or (first and energy == 0))


class _Report(NamedTuple):
    iterations: int
    energy: float
    change: float
    converged: bool


def _solve(
    image: da.Array, sizes: tuple[int, ...], rule: _StopRule, step: _Step, passes: int, measure: bool
) -> tuple[list[Delayed], _Report]:
    """One channel, in blocks of whole rows, to its stop. Returns u of each block."""
    most = step.reach
    values = math.prod(image.shape[:-1]), image.shape[-1]
    inputs = with_neighbours(image, sizes, most, _load, "chambolle-image")
    rounds = Rounds("chambolle-" + tokenize(image, step, passes, rule.eps, rule.dual))
    if measure:
        inputs = persisted(inputs)
    states: list[Delayed] | None = None
    done = 0
    while True:
        count = min(most, passes - done)
        final = count == passes - done

        now = step.round(count, final, measure, rule.dual)
        after = rounds.run(inputs, states, _pass, _rows, now, reach=most)
        if measure:
            after = persisted(after)
            totals = apply("chambolle-sums", _total, each("chambolle-sum", _sums, after), values).compute()
            for i, (energy, change) in enumerate(totals):
                if not rule.add(energy, change):
                    continue
                if not final or i + 1 < count:
                    now = step.round(i + 1, True, False, rule.dual)
                    after = rounds.run(inputs, states, _pass, _rows, now, reach=most)
                return each("chambolle-u", _u, after), _Report(rule.passes, rule.energy, rule.change, True)
        done += count
        if final:
            return each("chambolle-u", _u, after), _Report(done, rule.energy, rule.change, False)
        states = after


def denoise_tv_chambolle(
    array: da.Array,
    weight: SupportsFloat = 0.1,
    eps: SupportsFloat = 2.0e-4,
    max_num_iter: SupportsIndex = 200,
    *,
    channel_axis: SupportsIndex | None = None,
    tau: SupportsFloat | None = None,
    stop: Literal["energy", "dual"] = "energy",
    return_info: bool = False,
    num_threads: SupportsIndex = 1,
) -> da.Array | tuple[da.Array, ChambolleInfo]:
    """Remove noise and keep edges, by Chambolle's iteration; `fastcv.denoise_tv_chambolle` on a Dask array.

    Parameters
    ----------
    array : dask.array.Array
        Of an image as `fastcv.denoise_tv_chambolle` takes it. It is worked on in blocks of whole rows (whole slices of a
        volume), as large as its chunks: chunks of whole rows need not be cut anew.
    weight, eps, max_num_iter, channel_axis, tau, stop, return_info
        As for `fastcv.denoise_tv_chambolle`.
    num_threads : int
        Threads of each task. Dask's tasks are the parallelism, hence 1.

    Returns
    -------
    dask.array.Array, or (dask.array.Array, ChambolleInfo)
        Of the image's shape and chunks; float32 or float64 as on one machine, with the same bytes.

    Raises
    ------
    TypeError, ValueError
        As `fastcv.denoise_tv_chambolle`; that an image holds NaN or infinity shows when it is computed.

    Notes
    -----
    With ``eps=0`` and no info the result is lazy. Else the iteration runs now, to where the stop rule fires: in rounds of
    six passes or more (rows that fit the second-level cache take more), after each of which blocks exchange as many rows
    as there were passes. The blocks stay on their workers (``dask.persist``; use a ``distributed.Client``); to the caller
    come 16 bytes a pass. The energy is added up row by row in their order, in float64, so the stop is that of one machine.
    Channels are worked on one after the other.

    Memory on all workers together: for each pixel of one channel 4 bytes for the image and twice 8 for the dual variable
    (float64: twice that); for a volume of ``d`` axes ``4 + 2 * 4 * d``.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> import fastcv
    >>> import fastcv.dask
    >>> image = fastcv.datasets.photo()[..., 0]
    >>> u = fastcv.dask.denoise_tv_chambolle(da.from_array(image, chunks=(100, 100)))
    >>> np.array_equal(u.compute(), fastcv.denoise_tv_chambolle(image))
    True
    """
    function = "denoise_tv_chambolle"
    array = check_array(function, array)
    channel = None if channel_axis is None else channel_axis.__index__()
    probe = fastcv.denoise_tv_chambolle(
        none_of(array, channel_axis), weight, eps, max_num_iter, channel_axis=channel_axis, tau=tau, stop=stop,
        num_threads=num_threads,
    )  # fmt: skip
    dtype = probe.dtype
    axes = array.ndim - (channel is not None)
    strength, passes = float(weight), max(int(max_num_iter), 1)
    arguments = {
        "weight": strength,
        "eps": float(eps),
        "max_num_iter": int(max_num_iter),
        "tau": tau,
        "stop": stop,
    }

    planes = (
        [array] if channel is None else [da.take(array, c, axis=channel) for c in range(array.shape[channel])]
    )
    results, reports = [], []
    for plane in planes:
        in_one = (
            0 in plane.shape
            or plane.ndim < 2
            or 1 in plane.shape
            or (plane.ndim == 2 and plane.shape[1] < _SHORT)
            or strength == 0
            or int(max_num_iter) <= 1
        )
        if in_one:
            u, report = _whole(plane, dtype, arguments, return_info, int(num_threads))
        else:
            most = _most(plane.shape, dtype)
            sizes = row_sizes(plane, most)
            step = _Step(
                strength, float(tau) if tau is not None else 1.0 / (2.0 * axes), most, int(num_threads)
            )
            rule = _StopRule(float(eps), stop == "dual")
            blocks, report = _solve(plane, sizes, rule, step, passes, float(eps) > 0 or return_info)
            u = from_blocks(blocks, sizes, plane.shape[1:], dtype)
        results.append(u)
        reports.append(report)
    if channel is None:
        result = results[0].rechunk(array.chunks, method="tasks")
    elif results:
        result = da.stack(results, axis=channel).rechunk(array.chunks, method="tasks")
    else:
        result = da.zeros(array.shape, dtype, chunks=array.chunks)
    if return_info:
        return result, ChambolleInfo(*(tuple(field) for field in zip(*reports, strict=True)))
    return result


def _whole(
    plane: da.Array, dtype: Any, arguments: dict[str, Any], return_info: bool, num_threads: int
) -> tuple[da.Array, _Report]:
    """An image that is not worth cutting, in one task."""
    name = f"chambolle-whole-{tokenize(plane, arguments)}"
    one = plane.rechunk(-1)
    u = one.map_blocks(
        _run_whole, arguments, num_threads, dtype=dtype, name=name, meta=np.empty((0,) * plane.ndim, dtype)
    )
    if not return_info:
        return u, _Report(0, 0.0, 0.0, True)
    info = dask.delayed(_info_of_whole)(one, arguments, num_threads).compute()
    return u, _Report(*info)


def _run_whole(image: npt.NDArray[Any], arguments: dict[str, Any], num_threads: int) -> npt.NDArray[Any]:
    u: npt.NDArray[Any] = fastcv.denoise_tv_chambolle(image, **arguments, num_threads=num_threads)
    return u


def _info_of_whole(image: npt.NDArray[Any], arguments: dict[str, Any], num_threads: int) -> list[Any]:
    info = fastcv.denoise_tv_chambolle(image, **arguments, num_threads=num_threads, return_info=True)[1]
    return [field[0] for field in info]

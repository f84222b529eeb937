"""Total variation denoising to a certified gap, on an image in blocks of rows."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any, SupportsFloat, SupportsIndex

import dask.array as da
import numpy as np

import fastcv
from fastcv._core import DEFAULT_CHANNEL_AXIS
from fastcv._tv import TVInfo
from fastcv._warnings import ConvergenceWarning
from fastcv.dask._blocks import channel_of, check_array, none_of
from fastcv.dask._rows import apply, each, from_blocks
from fastcv.dask._tv_blocks import first_of
from fastcv.dask._tv_plane import Problem

__all__ = ["denoise_tv"]

_RANGE = {"uint8": 255.0, "uint16": 65535.0}


def _sum_seconds(pairs: list[tuple[Any, float]]) -> float:
    return float(sum(error for _, error in pairs))


def _refuse_what_is_not_done(array: da.Array, channel: int | None) -> None:
    name = "denoise_tv"
    if array.ndim != (2 if channel is None else 3) or min(array.shape) < 1:
        raise ValueError(
            f"{name}: array must be one image of two axes of space, (H, W) or (H, W, C), got shape {array.shape} with "
            f"channel_axis {channel}: volumes and batches are for fastcv.denoise_tv"
        )
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
        As for `fastcv.denoise_tv`.
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
    The iteration runs now, with the solvers, starts and looks of `fastcv.denoise_tv`: same bytes, same stop. The fast solver
    reaches three rows an iteration, so rounds of up to 32 iterations exchange 96 rows, and the certificate's sums are added up
    row by row in their order. Where the weight is heavy beside the image's slopes, smaller copies of the image are solved first, in
    blocks too, or by one task once they are small; should the gap stall, the proven solver takes over (``info.fallback``), in blocks
    that exchange one row an iteration.

    Memory on all workers together, for each pixel of the channels at work: twice 20 bytes (float64: 40), and the image; a start from
    smaller copies adds up to 4 bytes (8), the proven solver needs no more than the fast one.

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
    _refuse_what_is_not_done(array, channel)
    unit = float(data_range) if data_range is not None else _RANGE.get(array.dtype.name, 1.0)
    strength = unit * float(weight)

    if strength == 0:
        info = TVInfo(1, 0.0, 0.0, 0.0, 0.0, True, probe.dual, 0.0)
        return (array, info) if return_info else array
    joint = channels == "joint" and channel is not None
    if channel is None or joint:
        planes = [
            array if channel is None else da.moveaxis(array, channel, -1).rechunk({2: -1}, method="tasks")
        ]
    else:
        planes = [da.take(array, c, axis=channel) for c in range(array.shape[channel])]
    problem = Problem(strength, float(tol), int(max_iter), bool(isotropic), int(num_threads))
    solved = [problem.solve(plane) for plane in planes]
    results = [
        from_blocks(each("denoise-tv-pixels", first_of, s.blocks), s.sizes, plane.shape[1:], array.dtype)
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
        fallback=any(s.fallback for s in solved),
    )

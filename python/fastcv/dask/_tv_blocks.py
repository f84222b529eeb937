"""What tasks do with a block of rows: `fastcv.denoise_tv` in rounds of iterations, its starts and its certificates."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastcv import _core
from fastcv.dask._memory import recycled_empty
from fastcv.dask._rows import Place, joined

__all__ = ["Bounds", "Step", "work_type"]

Parts = list[list[npt.NDArray[Any]]]
Bounds = npt.NDArray[np.float64]  # an image's least and greatest pixel, by channel: two rows


class Step(NamedTuple):
    """What every block does in a round."""

    weight: float
    isotropic: bool
    num_threads: int
    bounds: Bounds
    image_rows: int
    sigma: float = 1.0
    slope: float = 1.0
    reach: int = 0  # rows that blocks exchange
    done: int = 0
    iterations: int = 0
    look: bool = False
    dual: bool = False  # the look is for the image of twice the size, which needs the dual field


def work_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return the type that is worked in."""
    return np.dtype(np.float64 if np.dtype(dtype) == np.float64 else np.float32)


def _wide(array: npt.NDArray[Any]) -> bool:
    return bool(array.dtype == np.float64)


def pixels_of(parts: Parts) -> npt.NDArray[Any]:
    """Return parts put together, in the type that is worked in, with an axis of channels."""
    pixels = joined(parts)
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    return np.ascontiguousarray(pixels.astype(work_type(pixels.dtype), copy=False))


# ---- before the first iteration --------------------------------------------------------------------


class Survey(NamedTuple):
    """What is to be known of a chunk before the first iteration: its range by channel, and some of its rows."""

    low: npt.NDArray[Any]
    high: npt.NDArray[Any]
    rows: npt.NDArray[Any]


def survey(chunk: npt.NDArray[Any], rows: list[int]) -> Survey:
    """Look at a chunk; refuse what is not finite."""
    pixels = chunk.reshape(*chunk.shape[:2], -1)
    # Channel by channel: along an axis of three NumPy is slow.
    low = np.array([pixels[..., c].min() for c in range(pixels.shape[2])])
    high = np.array([pixels[..., c].max() for c in range(pixels.shape[2])])
    if pixels.dtype.kind == "f" and not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError(
            "denoise_tv: array must be finite: missing pixels (NaN) are filled in by fastcv.denoise_tv only"
        )
    return Survey(low, high, pixels[rows].astype(work_type(chunk.dtype)))


def mean_slope(rows: npt.NDArray[Any], pairs: list[tuple[int, int]]) -> float:
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


def halved(parts: Parts, _: Place) -> npt.NDArray[Any]:
    """Return a block at half its size."""
    pixels = pixels_of(parts)
    rows, columns, channels = pixels.shape
    half = recycled_empty(((rows + 1) // 2, (columns + 1) // 2, channels), pixels.dtype)
    _core.denoise_part_halve(pixels, half)
    return half


def coarse_optimum(
    parts: Parts, _: Place, weight: float, isotropic: bool, num_threads: int
) -> tuple[npt.NDArray[Any], float]:
    """Return what the image of twice the size starts from, of an image that one task can do; and its ratio."""
    pixels = pixels_of(parts)
    rows, columns, channels = pixels.shape
    half = recycled_empty((rows, channels, 3, columns), pixels.dtype)
    return half, _core.denoise_part_coarse(pixels, isotropic, weight, num_threads, half)


# ---- the fast solver -------------------------------------------------------------------------------


class State(NamedTuple):
    """A block between two rounds."""

    memory: npt.NDArray[Any]
    shape: tuple[int, int, int]  # with the neighbours' rows
    own: tuple[int, int]
    u: npt.NDArray[Any] | None = None
    sums: npt.NDArray[np.float64] | None = None
    half: npt.NDArray[Any] | None = None  # row by row, of each channel u and the dual field's components


def first_round(
    parts: Parts, place: Place, step: Step, half: Parts | None = None, half_first: int = 0
) -> State:
    """Load a block, have it start where `half` says, and do the first round."""
    pixels = pixels_of(parts)
    rows, columns, channels = pixels.shape
    shape = (rows, columns, channels)
    rows_of_half = None if half is None else joined(half)
    source = (pixels, rows_of_half, half_first, place.first, step.image_rows, None, 0, None, None)
    return _iterated(shape, (place.begin, place.end), pixels.dtype, source, step)


def rows_of(state: State, which: str, reach: int) -> npt.NDArray[Any]:
    """Return the first or the last rows of a block's own."""
    begin, end = state.own
    row_values = _core.denoise_part_layout(state.shape, _wide(state.memory))[1]
    rows = np.empty(reach * row_values, state.memory.dtype)
    _core.denoise_part_take(state.shape, state.memory, end - reach if which == "last" else begin, rows)
    return rows


def next_round(
    _: Any, state: State, above: npt.NDArray[Any] | None, below: npt.NDArray[Any] | None, step: Step
) -> State:
    """Do a round with the neighbours' rows of the one before."""
    # Into memory of its own: the state that came in stays, so that the task can be run again.
    rows = state.shape[0]
    source = (None, None, 0, 0, rows, state.memory, step.reach, above, below)
    return _iterated(state.shape, state.own, state.memory.dtype, source, step)


def _iterated(
    shape: tuple[int, int, int],
    own: tuple[int, int],
    dtype: np.dtype[Any],
    source: tuple[Any, ...],
    step: Step,
) -> State:
    """Do a round, from what `source` says."""
    (begin, end), wide = own, dtype == np.float64
    values, _, strips = _core.denoise_part_layout(shape, wide)
    memory = recycled_empty(values, dtype)
    rows, columns, channels = shape
    u = sums = dual = half = None
    if step.look:
        u = recycled_empty((end - begin, columns, channels), dtype)
        sums = np.empty((end - begin) * strips * 3)
        dual = recycled_empty((channels, 2, rows, columns), dtype) if step.dual else None
    _core.denoise_part_round(
        shape,
        step.isotropic,
        memory,
        step.weight,
        step.sigma,
        step.slope,
        step.done,
        step.iterations,
        step.num_threads,
        step.bounds,
        begin,
        end,
        source,
        u,
        sums,
        dual,
    )
    if u is not None and dual is not None:
        half = recycled_empty((end - begin, channels, 3, columns), dtype)
        half[:, :, 0] = u.transpose(0, 2, 1)
        half[:, :, 1:] = dual[:, :, begin:end].transpose(2, 0, 1, 3)
    return State(memory, shape, own, u, sums, half)


def half_of(state: State) -> npt.NDArray[Any]:
    """Return what the image of twice the size starts from."""
    assert state.half is not None
    return state.half


# ---- the proven solver -----------------------------------------------------------------------------


class Image(NamedTuple):
    """A block's pixels, with its neighbours' rows."""

    pixels: npt.NDArray[Any]
    own: tuple[int, int]


class ProvenState(NamedTuple):
    """A block of the proven solver between two rounds: its own rows, [field][channel][y][x]."""

    fields: npt.NDArray[Any]
    u: npt.NDArray[Any] | None
    sums: npt.NDArray[np.float64] | None


def proven_image(parts: Parts, place: Place) -> Image:
    """Load a block."""
    return Image(pixels_of(parts), (place.begin, place.end))


def proven_rows(state: ProvenState, which: str, reach: int) -> npt.NDArray[Any]:
    """Return the first or the last rows of a block's own."""
    rows = state.fields.shape[2]
    return state.fields[:, :, rows - reach :].copy() if which == "last" else state.fields[:, :, :reach].copy()


def proven_round(
    image: Image,
    state: ProvenState | None,
    above: npt.NDArray[Any] | None,
    below: npt.NDArray[Any] | None,
    step: Step,
) -> ProvenState:
    """Do a round; the first one from the pixels."""
    pixels, (begin, end) = image
    rows, columns, channels = pixels.shape
    before = None
    if state is not None:
        before = recycled_empty((4, channels, rows, columns), pixels.dtype)
        before[:, :, begin:end] = state.fields
        if above is not None:
            before[:, :, :begin] = above
        if below is not None:
            before[:, :, end:] = below
    after = recycled_empty((4, channels, end - begin, columns), pixels.dtype)
    u = recycled_empty((end - begin, columns, channels), pixels.dtype) if step.look else None
    sums = np.empty((end - begin) * 3) if step.look else None
    _core.denoise_part_proven(
        pixels,
        step.isotropic,
        step.weight,
        step.done,
        step.iterations,
        step.num_threads,
        step.bounds,
        begin,
        end,
        before,
        after,
        u,
        sums,
    )
    return ProvenState(after, u, sums)


# ---- the mean --------------------------------------------------------------------------------------


class Rows(NamedTuple):
    """A block's own pixels, and which row of the image is the first."""

    pixels: npt.NDArray[Any]
    first: int


def own_rows(parts: Parts, place: Place) -> Rows:
    """Load a block."""
    return Rows(pixels_of(parts), place.first)


def row_sums(block: Rows) -> npt.NDArray[np.float64]:
    """Return the sum of each row, by channel."""
    sums = np.empty((block.pixels.shape[0], block.pixels.shape[2]))
    _core.denoise_part_row_sums(block.pixels, sums)
    return sums


def mean_norm(
    block: Rows, sums: npt.NDArray[np.float64], bounds: Bounds
) -> tuple[float, npt.NDArray[np.float64]]:
    """Return what the proof that the mean is the optimum needs of a block."""
    squares = np.empty((block.pixels.shape[0], block.pixels.shape[2]))
    return _core.denoise_part_constant(sums, bounds, block.pixels, block.first, squares), squares


def mean_block(block: Rows, mean: list[float], dtype: str, ndim: int) -> tuple[npt.NDArray[Any], float]:
    """Return the mean in place of a block's pixels, as `result` does."""
    u = np.empty_like(block.pixels)
    u[...] = mean
    return _returned(u, dtype, ndim)


# ---- results ---------------------------------------------------------------------------------------


def first_of(pair: tuple[Any, Any]) -> Any:
    """Return the first of two."""
    return pair[0]


def second_of(pair: tuple[Any, Any]) -> Any:
    """Return the second of two."""
    return pair[1]


def sums_of(state: State | ProvenState) -> npt.NDArray[np.float64]:
    """Return the sums of a look, row by row."""
    assert state.sums is not None
    return state.sums.reshape(-1, 3)


def total(rows: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Return the sums of residual, variation and gap: row by row in their order, as on one machine."""
    totals: npt.NDArray[np.float64] = np.cumsum(np.concatenate(rows), axis=0)[-1].copy()
    return totals


def result(state: State | ProvenState, dtype: str, ndim: int) -> tuple[npt.NDArray[Any], float]:
    """Return the block's pixels, and what their rounding did to them."""
    assert state.u is not None
    return _returned(state.u, dtype, ndim)


def _returned(u: npt.NDArray[Any], dtype: str, ndim: int) -> tuple[npt.NDArray[Any], float]:
    if ndim == 2:
        u = u[..., 0]
    if np.dtype(dtype).kind == "f":
        return u, 0.0
    rounded = np.rint(u)
    return rounded.astype(dtype), float(np.sum(np.square(rounded - u), dtype=np.float64))

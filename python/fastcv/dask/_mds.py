"""Points from distances that no one machine holds: each worker keeps its rows, the points go to all."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal, NamedTuple, SupportsFloat, SupportsIndex

import dask
import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import tokenize
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

import fastcv
from fastcv import _core
from fastcv._mds import MDSResult
from fastcv._warnings import ConvergenceWarning
from fastcv.dask._blocks import check_array, starts_of
from fastcv.dask._rows import apply, each, persisted

__all__ = ["gradient_descent", "mds"]

_Points = npt.NDArray[np.float64]
_TILE = 1 << 18  # distances that are worked on together: what the second-level cache holds
_RUN = 16  # steps between two looks at the loss


class _Rows(NamedTuple):
    """Rows of the distances, from row `first` on."""

    distances: npt.NDArray[Any]
    first: int
    unlike: float  # the largest |D - D^T|, where it was asked for


class _Sums(NamedTuple):
    squares: float
    fourths: float
    largest: float
    unlike: float


def _load(
    block: npt.NDArray[Any], other: npt.NDArray[Any] | None, first: int, function: str, average: bool
) -> _Rows:
    own = np.arange(len(block))
    block = np.array(block, order="C")  # in whichever order it came: sums are made along rows
    block[own, own + first] = 0  # it plays no part
    if not np.isfinite(block).all() or (block < 0).any():
        raise ValueError(f"{function}: distances must be finite and at least 0")
    unlike = 0.0
    if other is not None:
        off = np.empty_like(block)
        np.abs(np.subtract(block, other, out=off), out=off)
        off[own, own + first] = 0
        unlike = float(off.max(initial=0.0))
        if average:
            block = np.add(block, other, out=off)
            block *= 0.5
            block[own, own + first] = 0
    return _Rows(block, first, unlike)


def _row_sums(rows: _Rows) -> _Sums:
    squares = fourths = 0.0
    with np.errstate(over="ignore"):  # in an extreme unit
        for part in _tiles(rows):
            square = _owned(rows.distances[part]).astype(np.float64) ** 2
            squares += float(square.sum())
            fourths += float(np.einsum("ij,ij->", square, square))
    return _Sums(squares, fourths, float(rows.distances.max(initial=0.0)), rows.unlike)


def _tiles(rows: _Rows) -> list[slice]:
    count, width = rows.distances.shape
    step = max(1, _TILE // max(1, width))
    return [slice(i, min(i + step, count)) for i in range(0, count, step)]


def _owned(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a copy: NumPy adds up what came unaligned out of a message in another order."""
    return np.array(values, order="C")


def _aligned(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.require(values, requirements=["C", "A"])  # out of a message it may be neither


def _slope(rows: _Rows, x: _Points, loss: str) -> tuple[_Points, float]:
    """Return G of these rows, and their share of the loss."""
    return _core.mds_rows_gradient(_aligned(rows.distances), rows.first, _aligned(x), loss == "sstress", 1)


def _residuals(rows: _Rows, x: _Points) -> tuple[_Points, float]:
    """Return each row's sum of ``(d - D)**2``, and the largest ``|d - D|``."""
    return _core.mds_rows_residuals(_aligned(rows.distances), rows.first, _aligned(x), 1)


def _picked(rows: _Rows, which: npt.NDArray[np.intp]) -> _Points:
    """Return those of the rows `which` that are here."""
    here = which[(which >= rows.first) & (which < rows.first + len(rows.distances))]
    return rows.distances[here - rows.first].astype(np.float64)


def _moved(x: _Points, slopes: list[tuple[_Points, float]], rate: float) -> _Points:
    return x - rate * np.concatenate([g for g, _ in slopes])


def _added(slopes: list[tuple[_Points, float]]) -> tuple[_Points, float]:
    return np.concatenate([g for g, _ in slopes]), sum(value for _, value in slopes)


def _gathered(parts: list[tuple[_Points, float]]) -> tuple[_Points, float]:
    return np.concatenate([residuals for residuals, _ in parts]), max(largest for _, largest in parts)


class _Distances:
    """Row blocks of a square matrix, kept where they are."""

    def __init__(self, function: str, distances: Any, compare: bool, average: bool) -> None:
        array = check_array(function, distances)
        if array.ndim != 2 or array.shape[0] != array.shape[1] or array.shape[0] < 1:
            raise ValueError(f"{function}: distances must be square, (N, N), got shape {array.shape}")
        if array.dtype not in (np.float32, np.float64):
            raise TypeError(f"{function}: distances must be float32 or float64, got {array.dtype}")
        self.dtype = array.dtype
        rows = array.rechunk({1: -1})
        others = array.T.rechunk(rows.chunks) if compare else None
        starts = starts_of(rows.chunks[0])
        self.points = array.shape[0]
        name = f"distances-{tokenize(rows, function, compare)}"
        graph = {
            (name, i): (
                _load,
                (rows.name, i, 0),
                None if others is None else (others.name, i, 0),
                first,
                function,
                average,
            )
            for i, first in enumerate(starts[:-1])
            if rows.chunks[0][i]
        }
        layers = HighLevelGraph.from_collections(
            name, graph, dependencies=[rows] if others is None else [rows, others]
        )
        self.rows: list[Delayed] = persisted([Delayed(key, layers, layer=name) for key in graph])
        sums = dask.compute(*each("distance-sums", _row_sums, self.rows))
        self.sums = _Sums(
            sum(s.squares for s in sums) / 2,
            sum(s.fourths for s in sums) / 2,
            max(s.largest for s in sums),
            max(s.unlike for s in sums),
        )

    def with_points(self, function: Any, x: npt.NDArray[Any], *arguments: Any) -> list[Delayed]:
        """Return ``function(rows, x, *arguments)`` of each block."""
        name = f"points-{tokenize(x, function.__name__, arguments, [r.key for r in self.rows])}"
        graph: dict[Any, Any] = {name + "-x": x}
        keys = [(name, i) for i in range(len(self.rows))]
        for key, rows in zip(keys, self.rows, strict=True):
            graph[key] = (function, rows.key, name + "-x", *arguments)
        layers = HighLevelGraph.from_collections(name, graph, dependencies=self.rows)
        return [Delayed(key, layers, layer=name) for key in keys]

    def slope(self, x: _Points, loss: str) -> tuple[_Points, float]:
        result: tuple[_Points, float] = apply("slope", _added, self.with_points(_slope, x, loss)).compute()
        return result

    def residuals(self, x: _Points) -> tuple[_Points, float]:
        result: tuple[_Points, float] = apply(
            "residuals", _gathered, self.with_points(_residuals, x)
        ).compute()
        return result

    def picked(self, which: npt.NDArray[np.intp]) -> _Points:
        return np.concatenate(dask.compute(*self.with_points(_picked, which)))

    def descended(self, x: _Points, rate: float, steps: int, loss: str) -> _Points:
        """Return x after some steps: one graph, one message back."""
        name = f"descent-{tokenize(x, rate, steps, loss, [r.key for r in self.rows])}"
        graph: dict[Any, Any] = {(f"{name}-x", 0): x}
        for step in range(steps):
            now = (f"{name}-x", step)
            parts = []
            for i, rows in enumerate(self.rows):
                parts.append((f"{name}-slope", step, i))
                graph[parts[-1]] = (_slope, rows.key, now, loss)
            graph[(f"{name}-x", step + 1)] = (_moved, now, parts, rate)
        layers = HighLevelGraph.from_collections(name, graph, dependencies=self.rows)
        return _owned(Delayed((f"{name}-x", steps), layers, layer=name).compute())


# ---- gradient descent ------------------------------------------------------------------------------


class _AutoRate:
    """The rate that one machine chooses (descent_rate.cpp, where the reasons stand)."""

    def __init__(self, loss: str, points: int, sums: _Sums, epsilon: float, symmetric: bool) -> None:
        self.loss, self.points = loss, float(points)
        self.quotient = sums.fourths / sums.squares if sums.squares > 0 else 0.0
        self.floor = 1000 * epsilon * epsilon * (2 * sums.fourths if loss == "sstress" else sums.squares)
        self.slack = 1 + 1e-3 if symmetric else 2.0
        self.last, self.share, self.lowered, self.settled = -1.0, 1.0, 0, False

    def rate(self, x: _Points) -> float:
        if self.loss == "stress":
            return self.share * 0.9 / self.points
        steepest = self.quotient
        if not self.settled:
            steepest = max(self.quotient, 1.5 * self._quotient_of(x) - 0.5 * self.quotient)
            self.settled = steepest <= 1.1 * self.quotient
        return self.share * 0.75 * 2 / (8 * self.points * steepest) if steepest > 0 else 0.0

    def _quotient_of(self, x: _Points) -> float:
        centred = x - x.mean(axis=0)
        norm = np.einsum("ij,ij->i", centred, centred)
        squares, fourths = float(norm.sum()), float(np.einsum("i,i->", norm, norm))
        products = float((np.einsum("ic,ie->ce", centred, centred) ** 2).sum())
        total = 2 * self.points * squares
        return (
            (2 * self.points * fourths + 2 * squares * squares + 4 * products) / total if total > 0 else 0.0
        )

    def accept(self, loss: float) -> bool:
        if not math.isfinite(loss) or (self.last >= 0 and loss > self.slack * self.last + self.floor):
            return False
        self.last = loss
        return True

    def lower(self) -> bool:
        self.share /= 2
        self.lowered += 1
        return self.lowered <= 60


def gradient_descent(
    x0: npt.NDArray[Any],
    distances: da.Array,
    learning_rate: SupportsFloat | Literal["auto"] = "auto",
    num_iterations: SupportsIndex = 1000,
    *,
    loss: Literal["sstress", "stress"] = "sstress",
) -> npt.NDArray[Any]:
    """Move points until their distances are the measured ones; `fastcv.gradient_descent` on a Dask array of distances.

    Parameters
    ----------
    x0 : ndarray of float32 or float64, shape (N, dimensions)
        Where the points start. The result has its dtype; the work is done in float64.
    distances : dask.array.Array of float32 or float64, shape (N, N)
        As for `fastcv.gradient_descent`, in any chunks, for example from zarr. Each worker keeps whole rows: chunks of whole
        rows need not be cut anew.
    learning_rate, num_iterations, loss
        As for `fastcv.gradient_descent`.

    Returns
    -------
    ndarray
        A new array of the shape and dtype of `x0`.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used.

    Warns
    -----
    ConvergenceWarning
        When the descent diverges: the result is then the last x that was looked at and finite.

    Notes
    -----
    In each step the points, 8 bytes a coordinate, go to every worker, and as much comes back: the distances never move. A row's
    sum is made by one task, so the result has the same bytes for the same chunks, whatever the number of workers; from that of
    one machine (float64) it differs by the rounding of these sums.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> import fastcv
    >>> import fastcv.dask
    >>> ring = fastcv.datasets.circle(40)
    >>> distances = fastcv.pairwise_distances(ring)
    >>> start = np.random.default_rng(0).random((40, 2))
    >>> x = fastcv.dask.gradient_descent(start, da.from_array(distances, chunks=(10, 40)), num_iterations=200)
    >>> np.allclose(x, fastcv.gradient_descent(start, distances, num_iterations=200), rtol=0, atol=1e-9)
    True
    """
    name = "gradient_descent"
    automatic = isinstance(learning_rate, str)
    rows = _Distances(name, distances, compare=automatic, average=False)
    # On distances of one number in one place: refuses what it would refuse.
    same = np.lib.stride_tricks.as_strided(np.ones(1), (rows.points, rows.points), (0, 0))
    fastcv.gradient_descent(x0, same, learning_rate, 0, loss=loss)
    iterations = num_iterations.__index__()
    if iterations < 0:
        raise ValueError(f"{name}: num_iterations must be at least 0, got {iterations}")
    x: _Points = np.array(x0, np.float64)
    rate = 0.0 if isinstance(learning_rate, str) else float(learning_rate)
    chooser: _AutoRate | None = None
    if automatic:
        symmetric = rows.sums.unlike <= 4 * float(np.finfo(x0.dtype).eps) * rows.sums.largest
        chooser = _AutoRate(loss, rows.points, rows.sums, float(np.finfo(x0.dtype).eps), symmetric)
    saved, done, step, diverged = x, 0, 0, False
    while True:
        good = chooser.accept(rows.slope(x, loss)[1]) if chooser is not None else bool(np.isfinite(x).all())
        if good:
            saved, done = x, step
            if step == iterations:
                break
        elif step == 0 or chooser is None or not chooser.lower():
            x, diverged = saved, True
            break
        else:
            x, step = saved, done
        if chooser is not None:
            rate = chooser.rate(x)
        count = min(_RUN, iterations - step)
        x = rows.descended(x, rate, count, loss)
        step += count
    if diverged:
        warnings.warn(
            f"gradient_descent diverged after {done} steps at a learning rate of {rate:.3g}; the result is the last "
            "finite one",
            ConvergenceWarning,
            stacklevel=2,
        )
    moved: npt.NDArray[Any] = x.astype(x0.dtype)
    return moved


# ---- mds -------------------------------------------------------------------------------------------


def _comfortable(largest: float) -> bool:
    """Whether the fourth powers of such numbers, summed, stay away from both ends of float64."""
    return 1e-60 < largest < 1e60


def mds(
    distances: da.Array,
    n_components: SupportsIndex = 2,
    *,
    init: Literal["classical"] | npt.ArrayLike = "classical",
    max_iter: SupportsIndex = 300,
    tol: SupportsFloat = 1e-6,
) -> MDSResult:
    """Find points whose pairwise distances are as near as possible to `distances`; `fastcv.mds` on a Dask array.

    Parameters
    ----------
    distances : dask.array.Array of float32 or float64, shape (N, N)
        All distances, finite and at least 0, in any chunks, for example from zarr. What differs by direction is averaged, by no
        more than ``1e-5 * max(D)``. Each worker keeps whole rows.
    n_components : int
        Dimensions of the space, at least 1.
    init : "classical" or array_like of shape (N, n_components)
        Classical scaling, or where to start.
    max_iter : int
        The most accepted steps.
    tol : float
        Stop when the share of the stress that is left to gain is estimated to be at most `tol`.

    Returns
    -------
    MDSResult
        As of `fastcv.mds`; ``unique`` is True, since every pair is measured.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used. Missing distances, weights, anchors and other losses are for `fastcv.mds`.

    Notes
    -----
    All is done in float64, in the steps of `fastcv.mds` (landmark scaling, limited-memory BFGS): the result is that of ``fastcv.mds(distances,
    callback=...)`` on float64, but for the rounding of the sums. (Without a callback, it takes its first steps in float32 at some sizes.) As in
    `gradient_descent`, what travels in each step is 8 bytes a coordinate to and from every worker. Same bytes for the same chunks,
    whatever the number of workers.

    Examples
    --------
    >>> import dask.array as da
    >>> import fastcv
    >>> import fastcv.dask
    >>> ring = fastcv.datasets.circle(60)
    >>> result = fastcv.dask.mds(da.from_array(fastcv.pairwise_distances(ring), chunks=(20, 60)))
    >>> fastcv.procrustes(result.embedding, ring).rmse < 1e-6
    True
    """
    name = "mds"
    array = check_array(name, distances)
    dimensions, most, share = n_components.__index__(), max_iter.__index__(), float(tol)
    if dimensions < 1:
        raise ValueError(f"{name}: n_components must be at least 1, got {dimensions}")
    if most < 0:
        raise ValueError(f"{name}: max_iter must be at least 0, got {most}")
    if not (share >= 0 and math.isfinite(share)):
        raise ValueError(f"{name}: tol must be finite and at least 0, got {tol!r}")
    rows = _Distances(name, array, compare=True, average=True)
    if not rows.sums.unlike <= 1e-5 * rows.sums.largest:
        raise ValueError(
            f"{name}: distances must be symmetric, got entries that differ by {rows.sums.unlike:.3g}"
        )
    start: _Points | None = None
    if not isinstance(init, str):
        start = np.array(init, np.float64)
        if start.shape != (rows.points, dimensions) or not np.isfinite(start).all():
            raise ValueError(
                f"{name}: init must be finite and of shape {(rows.points, dimensions)}, got shape {start.shape}"
            )
    elif init != "classical":
        raise ValueError(f'{name}: init must be "classical" or an array, got {init!r}')
    unit = 1.0
    if rows.sums.largest > 0 and not _comfortable(rows.sums.largest):
        unit = 2.0 ** math.frexp(rows.sums.largest)[1]
        rows = _Distances(name, array.astype(np.float64) / unit, compare=True, average=True)
        start = None if start is None else start / unit
    embedding, stress, normalized, per_point, steps, converged, unique, reason = _core.mds_remote(
        rows.points,
        dimensions,
        rows.sums.largest,
        rows.sums.squares,
        rows.picked,
        lambda x: rows.slope(x, "stress"),
        rows.residuals,
        start,
        most,
        share,
    )
    return MDSResult(
        embedding=(embedding * unit).astype(array.dtype),
        stress=stress * unit * unit,
        normalized_stress=normalized,
        stress_per_point=per_point * unit * unit,
        n_iter=steps,
        converged=converged,
        unique=unique,
        reason=reason,
    )

"""Gradient descent on the distances of points: the published program, at full speed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, SupportsFloat, SupportsIndex, TypeVar, overload

import numpy as np
import numpy.typing as npt

from fastcv._core import gradient_descent as _gradient_descent
from fastcv._warnings import ConvergenceWarning

__all__ = ["History", "gradient_descent"]

_Float = TypeVar("_Float", np.float32, np.float64)


@dataclass(frozen=True)
class History(Generic[_Float]):
    """The way of a descent: entry ``e`` is what stood after ``iterations[e]`` steps.

    Attributes
    ----------
    iterations : ndarray of int64, shape (entries,)
        Steps done: 0, k, 2 k, ..., and the last one.
    positions : ndarray, shape (entries, n, dimensions)
        Of the dtype of `x0`.
    loss : ndarray of float64, shape (entries,)
        Of those positions; ``inf`` where it left the range of the dtype of `x0`.
    """

    iterations: npt.NDArray[np.int64]
    positions: npt.NDArray[_Float]
    loss: npt.NDArray[np.float64]


@overload
def gradient_descent(
    x0: npt.NDArray[_Float],
    distances: npt.NDArray[np.float32] | npt.NDArray[np.float64],
    learning_rate: SupportsFloat | Literal["auto"] = ...,
    num_iterations: SupportsIndex = ...,
    *,
    loss: Literal["sstress", "stress"] = ...,
    history: None = ...,
    callback: Callable[[int, npt.NDArray[_Float], float], object] | None = ...,
    out: npt.NDArray[_Float] | None = ...,
    num_threads: SupportsIndex | None = ...,
) -> npt.NDArray[_Float]: ...
@overload
def gradient_descent(
    x0: npt.NDArray[_Float],
    distances: npt.NDArray[np.float32] | npt.NDArray[np.float64],
    learning_rate: SupportsFloat | Literal["auto"] = ...,
    num_iterations: SupportsIndex = ...,
    *,
    loss: Literal["sstress", "stress"] = ...,
    history: SupportsIndex,
    callback: Callable[[int, npt.NDArray[_Float], float], object] | None = ...,
    out: npt.NDArray[_Float] | None = ...,
    num_threads: SupportsIndex | None = ...,
) -> tuple[npt.NDArray[_Float], History[_Float]]: ...


def gradient_descent(
    x0: npt.NDArray[_Float],
    distances: npt.NDArray[np.float32] | npt.NDArray[np.float64],
    learning_rate: SupportsFloat | Literal["auto"] = "auto",
    num_iterations: SupportsIndex = 1000,
    *,
    loss: Literal["sstress", "stress"] = "sstress",
    history: SupportsIndex | None = None,
    callback: Callable[[int, npt.NDArray[_Float], float], object] | None = None,
    out: npt.NDArray[_Float] | None = None,
    num_threads: SupportsIndex | None = None,
) -> Any:
    """Move points until their distances are the measured ones, by plain gradient descent.

    ``x <- x - learning_rate * G(x)``, `num_iterations` times, all points at once. For the answer itself, `mds` is faster and
    needs no rate; this is the descent as it is published and taught, to watch, to compare with, or to go on from.

    Parameters
    ----------
    x0 : ndarray of float32 or float64, shape (n, dimensions)
        Where the points start; any number of dimensions, in any strides. Its dtype is that of the work and of the result.
    distances : ndarray of float32 or float64, shape (n, n)
        ``distances[i, j]`` is what point i measured to point j: finite and at least 0, in any strides (C or Fortran order,
        views). The diagonal plays no part. It need not be symmetric: row i moves point i. What differs by direction by no
        more than four epsilons of the largest distance counts as equal.
    learning_rate : float or "auto"
        Above 0. ``"auto"`` follows the scale and the number of points, and is halved for good when 16 steps raised the loss;
        those steps are taken back.
    num_iterations : int
        Steps, at least 0.
    loss : {"sstress", "stress"}
        ``"sstress"``: ``G_i = 4 sum_j (|x_i - x_j|**2 - D_ij**2) (x_i - x_j)``, and the loss is
        ``sum_ij (|x_i - x_j|**2 - D_ij**2)**2`` over both directions, whose gradient is ``2 G``, as in the program this
        follows. ``"stress"``: ``G_i = 2 sum_j (1 - D_ij / |x_i - x_j|) (x_i - x_j)``, the gradient of
        ``sum_{i<j} (|x_i - x_j| - D_ij)**2``; points in one place do not move each other.
    history : int, optional
        Also return a `History` of positions and loss, before every so many-th step from the first on, and after the last.
    callback : callable, optional
        ``callback(iteration, x, loss)`` with the steps done, a new array of the positions then, and their loss: before each
        step and after the last. Returning True stops there. With ``learning_rate="auto"`` it sees steps in groups of 16, once
        they are known to be good.
    out : ndarray, optional
        Of the shape and dtype of `x0`. Written to and returned; it may be `x0` itself.
    num_threads : int, optional
        At most so many threads. Default: see `set_num_threads`. Up to some 600 points one thread does the work.

    Returns
    -------
    ndarray, or (ndarray, History)
        `out`, or a new C-contiguous array.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used; it is named, and nothing is written.
    MemoryError, KeyboardInterrupt
        Ctrl-C is seen within 0.2 s; nothing is written then, nor when the callback raises.

    Warns
    -----
    ConvergenceWarning
        When the descent diverges: the result is then the last x that was finite.

    Notes
    -----
    With a rate above some ``0.3 / (n * mean(distances**2))`` s-stress oscillates, above twice of that it diverges; stress does
    above ``1 / n``. float32: an entry of `G` is wrong by at most about 1e-6 of the sum of its terms' magnitudes (1 / sqrt by the
    processor's estimate and a Newton step); float64: by rounding alone. The result is the same, byte for byte, for any number of
    threads, not for every SIMD target.

    The distances are copied, packed: half of their number, in the dtype of `x0`; none are where they differ by direction, which is
    slower. Up to 256 points all of them are copied before that, at most 512 KiB. One step costs about 0.1 ns a pair of points in float32 in three dimensions.

    References
    ----------
    S. Woestenborghs, gradi-mojo, https://github.com/StijnWoestenborghs/gradi-mojo, 2023. J. de Leeuw and W. J. Heiser,
    "Multidimensional scaling with restrictions on the configuration", Multivariate Analysis V (1980) 501-522.

    Examples
    --------
    >>> import numpy as np
    >>> import fastcv
    >>> ring = fastcv.datasets.circle(10)
    >>> start = np.random.default_rng(0).random((10, 2))
    >>> x, history = fastcv.gradient_descent(start, fastcv.pairwise_distances(ring), history=500)
    >>> history.iterations
    array([   0,  500, 1000])
    >>> bool(history.loss[-1] < 1e-20)
    True
    >>> fastcv.procrustes(x, ring).rmse < 1e-10
    True
    """
    result, steps, positions, losses, done, rate, diverged = _gradient_descent(
        x0, distances, learning_rate, num_iterations, loss, history, callback, out, num_threads
    )
    if diverged:
        warnings.warn(
            f"gradient_descent diverged after {done} steps at a learning rate of {rate:.3g}; the result is the last "
            'finite one (learning_rate="auto" does not diverge)',
            ConvergenceWarning,
            stacklevel=2,
        )
    if steps is None or positions is None or losses is None:
        return result
    return result, History(steps, positions, losses)

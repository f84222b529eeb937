"""Distances of known points, and one configuration moved onto another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeVar

import numpy as np
import numpy.typing as npt

from fastcv._core import pairwise_distances as _pairwise_distances
from fastcv._core import procrustes as _procrustes

__all__ = ["Alignment", "pairwise_distances", "procrustes"]

_Float = TypeVar("_Float", np.float32, np.float64)


def pairwise_distances(
    x: npt.NDArray[_Float], y: npt.NDArray[_Float] | None = None, *, num_threads: SupportsIndex | None = None
) -> npt.NDArray[_Float]:
    """Euclidean distances between all points, or between the points of two sets.

    Parameters
    ----------
    x : ndarray of float32 or float64, shape (n, dimensions)
        One point a row, in any strides.
    y : ndarray of the same dtype, shape (m, dimensions), optional
        The points to measure to. Default: `x` itself.
    num_threads : int, optional
        At most so many threads. Default: see `set_num_threads`.

    Returns
    -------
    ndarray, shape (n, m)
        ``result[i, j] = |x[i] - y[j]|``, of the dtype of `x`. Without `y` it is exactly symmetric, with exact zeros on its
        diagonal.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used; it is named.

    Notes
    -----
    Differences are squared and summed as they are, never through the products of points, so that near points keep their
    digits: the relative error is at most ``(dimensions / 2 + 2)`` epsilon of the dtype, unless a square leaves its range
    (distances beyond 1e19 or below 1e-19 in float32). NaN and infinity spread as in NumPy. The result is the same, byte for
    byte, for any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> import fastcv
    >>> fastcv.pairwise_distances(np.array([[0.0, 0.0], [3.0, 4.0]]))
    array([[0., 5.],
           [5., 0.]])
    """
    return _pairwise_distances(x, y, num_threads)


@dataclass(frozen=True)
class Alignment:
    """How `procrustes` moved `x` onto `y`: ``aligned = scale * x @ rotation + translation``.

    Attributes
    ----------
    aligned : ndarray of float64, shape (n, dimensions)
        `x`, moved.
    rotation : ndarray of float64, shape (dimensions, dimensions)
        Orthogonal; its determinant is -1 where `reflected`.
    translation : ndarray of float64, shape (dimensions,)
    scale : float
        1 unless it was asked for.
    rmse : float
        ``sqrt(mean(|aligned - y|**2))``, the mean over points: the error that is left.
    reflected : bool
        Whether `rotation` mirrors.
    """

    aligned: npt.NDArray[np.float64]
    rotation: npt.NDArray[np.float64]
    translation: npt.NDArray[np.float64]
    scale: float
    rmse: float
    reflected: bool

    def apply(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Move other points, given in the frame of `x`, the same way."""
        moved: npt.NDArray[np.float64] = self.scale * (np.asarray(points) @ self.rotation) + self.translation
        return moved


def procrustes(
    x: npt.NDArray[_Float], y: npt.NDArray[Any], *, reflection: bool = True, scale: bool = False
) -> Alignment:
    """Move one configuration of points onto another: turned, mirrored where that is allowed, shifted, and scaled on demand.

    Distances say nothing of where points lie, which way they are turned, and whether they are mirrored: compare a recovered
    configuration with the true one through this.

    Parameters
    ----------
    x : ndarray of float32 or float64, shape (n, dimensions)
        The points to move.
    y : ndarray of float32 or float64, of the shape of `x`
        Where they should be; row i of both is the same point.
    reflection : bool
        Whether `x` may be mirrored.
    scale : bool
        Whether `x` may be scaled.

    Returns
    -------
    Alignment
        The moved points, the transform, and the root mean square error that is left.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, also one that holds NaN or infinity; it is named.

    Notes
    -----
    The least-squares solution by the singular value decomposition of the cross-covariance, in float64. Where the points do
    not fill their space (collinear points in the plane) several rotations are equally good, and one of them is returned.
    `scipy.spatial.procrustes` normalises both configurations and always scales; ``disparity`` there is 1 minus the square of
    the correlation that is left, and not in the units of the points.

    References
    ----------
    S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns", IEEE Transactions on
    Pattern Analysis and Machine Intelligence 13 (1991) 376-380.

    Examples
    --------
    >>> import numpy as np
    >>> import fastcv
    >>> x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> y = np.array([[5.0, 5.0], [5.0, 6.0], [7.0, 5.0]])
    >>> alignment = fastcv.procrustes(x, y)
    >>> alignment.reflected, round(alignment.rmse, 12)
    (True, 0.0)
    >>> round(fastcv.procrustes(x, y, reflection=False).rmse, 3)
    0.787
    """
    for argument, points in (("x", x), ("y", y)):
        if isinstance(points, np.ndarray) and points.dtype.kind == "f" and not np.isfinite(points).all():
            raise ValueError(f"procrustes: {argument} must be finite")
    rotation, translation, factor, rmse, reflected = _procrustes(x, y, reflection, scale)
    aligned = factor * (np.asarray(x) @ rotation) + translation
    return Alignment(aligned, rotation, translation, factor, rmse, reflected)

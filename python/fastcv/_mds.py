"""Points from their pairwise distances, without a learning rate."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from fastcv._core import as_ndarray
from fastcv._core import mds as _mds

__all__ = ["MDSResult", "mds"]

_Floats: TypeAlias = npt.NDArray[np.floating[Any]]
RandomState: TypeAlias = int | np.integer[Any] | np.random.Generator | np.random.RandomState | None


@dataclass(frozen=True)
class MDSResult:
    """What `mds` found.

    Attributes
    ----------
    embedding : ndarray of shape (N, n_components)
        The points, of the distances' dtype; their mean is 0, or they stand in the frame of the anchors.
    stress : float
        ``sum over i < j of weights[i, j] * (d[i, j] - distances[i, j])**2`` with d the distances of `embedding`, in squared
        units of the distances, over the measured pairs; computed in float64, whichever loss was minimised.
    normalized_stress : float
        ``sqrt(stress / sum over i < j of weights[i, j] * distances[i, j]**2)``, Stress-1 relative to what was measured: 0 is a
        perfect fit. (Kruskal, and scikit-learn, divide by the squared distances of the embedding, which at the optimum are
        the measured ones less `stress`.)
    stress_per_point : ndarray of float64 of shape (N,)
        The share of each point's pairs; their sum is twice `stress`. A point that stands out was measured wrongly.
    n_iter : int
        Accepted steps of the solver. 0: the start was as good as the arithmetic allows.
    converged : bool
        It ended by itself, and not because of `max_iter` or `callback`.
    unique : bool
        No other arrangement is known to fit the measurements, except for rigid motions and the mirror image (with anchors:
        none).
    reason : str
        Why it ended: ``"exact"`` (the residuals are rounding errors), ``"tolerance"``, ``"precision"`` (no step improves
        the result in this dtype), ``"max_iter"`` or ``"callback"``. Where `unique` is False, it goes on: ``"exact; not unique:
        too few distances to point 7"``.
    """

    embedding: _Floats
    stress: float
    normalized_stress: float
    stress_per_point: npt.NDArray[np.float64] = field(repr=False)
    n_iter: int
    converged: bool
    unique: bool
    reason: str


def mds(
    distances: _Floats | Any,
    n_components: SupportsIndex = 2,
    *,
    weights: _Floats | Any | None = None,
    anchors: tuple[Sequence[SupportsIndex] | npt.NDArray[np.integer[Any]], npt.ArrayLike] | None = None,
    symmetrize: bool = False,
    init: Literal["classical", "random"] | npt.ArrayLike = "classical",
    loss: Literal["stress", "sstress", "robust"] = "stress",
    max_iter: SupportsIndex = 300,
    tol: SupportsFloat = 1e-6,
    random_state: RandomState = None,
    callback: Callable[[int, _Floats, float], object] | None = None,
    num_threads: SupportsIndex | None = None,
) -> MDSResult:
    """Find points in `n_components` dimensions whose pairwise distances are as near as possible to `distances`.

    Parameters
    ----------
    distances : ndarray of float32 or float64, of shape (N, N), or a scipy.sparse matrix or array
        The measured distances, in any unit, at least 0. Dense: NaN is a missing one, the diagonal is ignored, and ``D[i,
        j]`` and ``D[j, i]`` may differ by ``1e-5 * max(D)``: they are averaged (where one is NaN the other one counts). Read in
        place whatever the strides. Sparse: the stored entries are the measured ones, a stored 0 is a distance of 0, and an
        entry stands for its pair; given twice, both must agree. The dtype is that of the computation and of the result.
    n_components : int
        Dimensions of the space, at least 1.
    weights : ndarray or sparse matrix of the same dtype and shape, optional
        How much each squared residual counts, at least 0 and symmetric. A distance of weight 0 is
        missing. Sparse: what is absent is 0. Default: 1.
    anchors : (indices, positions), optional
        Points that are known: their numbers, and an array of shape (len(indices), n_components). They stay where they are.
    symmetrize : bool
        Average ``D`` and ``D.T``, however much they differ.
    init : {"classical", "random"} or array_like of shape (N, n_components)
        Where the solver starts. ``"classical"``: classical scaling of 32 points or more, and the others from their distances
        to those (landmark MDS); with missing distances, shortest paths and the spectrum. ``"random"``: uniform in a cube,
        see `random_state`. An array: a warm start.
    loss : {"stress", "sstress", "robust"}
        What is minimised: the sum of ``w * (d - D)**2``; of ``w * (d**2 - D**2)**2``; or Geman and McClure's bounded loss of ``d -
        D``, gradually sharpened, so that a minority of wrong distances does not matter.
    max_iter : int
        The most accepted steps.
    tol : float
        Stop when the share of the loss that is left to gain is estimated to be at most `tol`.
    random_state : int, numpy.random.Generator or numpy.random.RandomState, optional
        Of ``init="random"``, and of what else is drawn at random where distances are missing.
    callback : callable, optional
        ``callback(iteration, x, loss)`` before the first step (iteration 0) and after each one, with a new array of positions
        of shape (N, n_components); a true answer stops.
    num_threads : int, optional
        At most so many threads. Default: see `set_num_threads`. CPU affinity and the cgroup's quota always cap it.

    Returns
    -------
    MDSResult

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used; it is named. Asymmetric, negative and infinite distances are refused.
    MemoryError, KeyboardInterrupt
        Ctrl-C is seen within 0.2 s.

    Notes
    -----
    There is no learning rate: the solver is L-BFGS with a line search, and the loss never rises from one step to the next.
    Complete distances that are exact are solved by classical scaling alone, to a few ulp (``n_iter == 0``), in one pass over
    them. Otherwise it ends within about `tol` of the loss of the nearest local minimum; from classical scaling of complete
    distances that takes some 10 passes.

    All arithmetic on positions is that of the dtype, sums are float64; `stress` and `stress_per_point` are float64 throughout.
    (Complete float64 matrices of 100 to 4096 points: the first steps are float32's, unless there is a `callback` or `init`
    is an array; `tol` is reached in float64.)
    The result is the same, byte for byte, for any number of threads and any strides; it is determined up to rotation and
    reflection by its definition. Memory beyond the input: half of it for a packed copy of complete distances (as much again
    for weights), and half of that copy again while steps are float32's. A whole copy is made where a distance stands in one
    direction only, or where squares would leave the range of the dtype.

    Missing distances, sparse input, anchors and ``loss="robust"`` are computed in float64, whatever the dtype. The first start is
    classical scaling of shortest paths from some points, turned onto the anchors; it is enough where neighbours were
    measured. If a result is neither exact nor as good at each point as at the others, further starts follow: misfitting
    points mirrored in their neighbours, the spectrum of the distances filled with their mean, and a descent in two more
    dimensions that are then pressed flat. The least loss is returned; `callback` sees of a further start only what
    lies below the best so far. ``loss="robust"`` estimates the noise from the smaller residuals, and starts also from the
    distances that agree with the triangles they are in; points whose own distances meet elsewhere are then moved there. `unique` is proven where points follow one after the other from
    ``n_components + 1`` neighbours each; of others it is tested whether they can move, or be mirrored alone or together.

    References
    ----------
    J. B. Kruskal, "Multidimensional scaling by optimizing goodness of fit to a nonmetric hypothesis", Psychometrika 29 (1964)
    1-27. V. de Silva, J. B. Tenenbaum, "Sparse multidimensional scaling using landmark points", Stanford (2004). J. Nocedal,
    S. J. Wright, "Numerical Optimization", chapter 7 (2006). Y. Shang, W. Ruml, Y. Zhang, M. Fromherz, "Localization from mere
    connectivity", MobiHoc (2003). H. Yang, P. Antonante, V. Tzoumas, L. Carlone, "Graduated non-convexity for robust spatial
    perception", RA-L 5 (2020).

    Examples
    --------
    A square of side 1, from the distances of its corners:

    >>> import numpy as np
    >>> import fastcv
    >>> side, diagonal = 1.0, np.sqrt(2)
    >>> distances = np.array(
    ...     [
    ...         [0, side, diagonal, side],
    ...         [side, 0, side, diagonal],
    ...         [diagonal, side, 0, side],
    ...         [side, diagonal, side, 0],
    ...     ]
    ... )
    >>> result = fastcv.mds(distances)
    >>> result.reason, result.normalized_stress < 1e-15
    ('exact', True)
    >>> np.round(np.linalg.norm(result.embedding, axis=1), 6)
    array([0.707107, 0.707107, 0.707107, 0.707107])

    The fourth corner from its distances to two others, and where these and one more stand; NaN was not measured:

    >>> distances[1, 3] = distances[3, 1] = np.nan
    >>> corners = ([0, 1, 2], [[0, 0], [1, 0], [1, 1]])
    >>> result = fastcv.mds(distances, anchors=corners)
    >>> result.unique, result.reason.partition("; ")[2]
    (False, 'not unique: too few distances to point 3')
    >>> distances[1, 3] = diagonal
    >>> result = fastcv.mds(distances, anchors=corners)
    >>> np.round(result.embedding[3], 6) + 0.0, result.unique
    (array([0., 1.]), True)
    """
    if hasattr(distances, "tocoo"):
        measured: Any = _pairs(distances, weights)
        weights = None
        points, dtype = measured[0], measured[3].dtype
    else:
        measured = distances = as_ndarray("mds", "distances", distances)
        points, dtype = distances.shape[0] if distances.ndim else 0, distances.dtype
        if weights is not None and hasattr(weights, "tocoo"):
            weights = _dense(weights, points, dtype)
    components = _int(n_components) or 0  # the core refuses what is none
    if isinstance(init, str) and init == "classical":
        start = None
    else:
        start = _start(init, random_state, (points, components), dtype)
    return MDSResult(
        *_mds(
            measured,
            n_components,
            weights,
            None if anchors is None else _anchors(anchors, components, dtype),
            symmetrize,
            start,
            loss,
            max_iter,
            tol,
            _seed(random_state),
            callback,
            num_threads,
        )
    )


def generator(function: str, random_state: RandomState) -> np.random.Generator | np.random.RandomState:
    """Return the source of random numbers that `random_state` stands for, or refuse it in the name of `function`."""
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    number = None if random_state is None else _int(random_state)
    if random_state is not None and number is None:
        raise TypeError(
            f"{function}: random_state must be an int, a numpy.random.Generator, a numpy.random.RandomState or None, "
            f"got {type(random_state).__name__}"
        )
    if number is not None and number < 0:
        raise ValueError(f"{function}: random_state must be at least 0, got {number}")
    return np.random.default_rng(number)


def _int(value: object) -> int | None:
    """Return what an int stands for; None for anything else, also a bool."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def _seed(random_state: RandomState) -> int:
    if random_state is None:
        return 0  # what is drawn by the way is the same every time
    source = generator("mds", random_state)
    if isinstance(source, np.random.RandomState):
        return int(source.randint(2**31 - 1))
    return int(source.integers(2**63 - 1))


def _start(
    init: npt.ArrayLike, random_state: RandomState, shape: tuple[int, int], dtype: np.dtype[Any]
) -> tuple[bool, _Floats] | None:
    if isinstance(init, str):
        if init != "random":
            raise ValueError(f'mds: init must be "classical", "random" or an array, got {init!r}')
        numbers = np.asarray(generator("mds", random_state).random(shape))
        return True, numbers.astype(dtype if dtype.kind == "f" else np.float64)
    positions = _real_array("init", init)
    if positions.shape != shape:
        raise ValueError(f"mds: init must have shape {shape}, got {positions.shape}")
    return False, np.ascontiguousarray(positions, dtype if dtype.kind == "f" else np.float64)


def _real_array(argument: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"mds: {argument} must be an array of real numbers, got {type(values).__name__}")
    return array


def _anchors(
    anchors: tuple[Any, Any], components: int, dtype: np.dtype[Any]
) -> tuple[npt.NDArray[np.int64], _Floats]:
    if not isinstance(anchors, tuple | list) or len(anchors) != 2:
        raise TypeError(f"mds: anchors must be a pair (indices, positions), got {type(anchors).__name__}")
    indices = np.asarray(anchors[0])
    if indices.size == 0:
        indices = indices.astype(np.int64)
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise TypeError("mds: anchors: indices must be a list of ints")
    positions = _real_array("anchors: positions", anchors[1])
    if positions.shape != (len(indices), components):
        raise ValueError(
            f"mds: anchors: positions must have shape {(len(indices), components)}, got {positions.shape}"
        )
    return (
        np.ascontiguousarray(indices, np.int64),
        np.ascontiguousarray(positions, dtype if dtype.kind == "f" else np.float64),
    )


def _entries(argument: str, matrix: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], _Floats]:
    entries = matrix.tocoo()
    if len(entries.shape) != 2 or entries.shape[0] != entries.shape[1]:
        raise ValueError(f"mds: {argument} must be a square matrix, got shape {entries.shape}")
    values = np.ascontiguousarray(entries.data)
    if values.dtype not in (np.float32, np.float64):
        raise TypeError(f"mds: {argument}: expected dtype float32, float64, got {values.dtype}")
    return (
        np.ascontiguousarray(entries.row, np.int64),
        np.ascontiguousarray(entries.col, np.int64),
        values,
    )


def _pairs(distances: Any, weights: Any) -> tuple[int, Any, Any, Any, Any]:
    """Return the points, the two ends of each pair, their distances and weights."""
    first, second, values = _entries("distances", distances)
    points = int(distances.shape[0])
    if weights is None:
        return points, first, second, values, None
    if getattr(weights, "shape", None) != (points, points):
        raise ValueError(
            f"mds: weights must have the shape of distances, {(points, points)}, "
            f"got {getattr(weights, 'shape', type(weights).__name__)}"
        )
    if hasattr(weights, "tocoo"):
        low, high, given = _entries("weights", weights)
        keys = np.minimum(low, high) * points + np.maximum(low, high)
        order = np.argsort(keys, kind="stable")
        keys, given = keys[order], given[order]
        if np.any((keys[1:] == keys[:-1]) & (given[1:] != given[:-1])):
            raise ValueError("mds: weights of a pair given twice must agree")
        wanted = np.minimum(first, second) * points + np.maximum(first, second)
        place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        found = keys[place] == wanted if len(keys) else np.zeros(len(wanted), bool)
        pair_weights = np.where(found, given[place] if len(keys) else 0, 0)
    else:
        table = _real_array("weights", weights)
        pair_weights = table[first, second]
        if not np.array_equal(pair_weights, table[second, first], equal_nan=True):
            raise ValueError("mds: weights must be symmetric")
    return points, first, second, values, np.ascontiguousarray(pair_weights, values.dtype)


def _dense(weights: Any, points: int, dtype: np.dtype[Any]) -> _Floats:
    """Return sparse weights as a matrix, each entry in both of its places."""
    first, second, values = _entries("weights", weights)
    if weights.shape[0] != points:
        raise ValueError(
            f"mds: weights must have the shape of distances, {(points, points)}, got {weights.shape}"
        )
    table = np.zeros((points, points), dtype)
    table[second, first] = values
    table[first, second] = values
    return table

"""scikit-learn's `MDS` and `smacof`."""

from __future__ import annotations

from typing import Any, Literal, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv import MDS
from fastcv._mds_estimator import print_run, print_step

__all__ = ["MDS", "smacof"]


def smacof(
    dissimilarities: npt.ArrayLike,
    *,
    metric: bool = True,
    n_components: SupportsIndex = 2,
    init: npt.NDArray[Any] | None = None,
    n_init: int = 1,
    n_jobs: int | None = None,
    max_iter: SupportsIndex = 300,
    verbose: int = 0,
    eps: SupportsFloat = 1e-6,
    random_state: Any = None,
    return_n_iter: bool = False,
    normalized_stress: bool | Literal["auto"] = "auto",
) -> tuple[npt.NDArray[np.floating[Any]], float] | tuple[npt.NDArray[np.floating[Any]], float, int]:
    """``sklearn.manifold.smacof``: points whose distances are as near as possible to `dissimilarities`.

    Parameters
    ----------
    dissimilarities : array_like of shape (N, N)
        Symmetric. Computed in float32 if it is of that type, else in float64; NaN is a missing distance, where
        scikit-learn fails.
    metric : bool
        True; non-metric scaling is refused.
    n_components : int
    init : ndarray of shape (N, n_components), optional
        Where to start. ``None`` with `n_init` 1: classical scaling, where scikit-learn draws at random.
    n_init : int
        More than one: so many random starts, of which the best result is returned. Must be 1 with `init`.
    n_jobs : int, optional
        At most so many threads; ``None`` and -1: see `fastcv.set_num_threads`. Other negative numbers are refused.
    max_iter : int
        The most steps of a start; each lowers the stress.
    verbose : int
        1: print how each start ended, 2: also the stress of every step, as `fastcv.MDS` does.
    eps : float
        Stop when the share of the stress that is left to gain is estimated to be at most `eps` (scikit-learn: when a step gains less
        than `eps` of the squared distances, which says nothing of what is left).
    random_state : int, numpy.random.RandomState or numpy.random.Generator, optional
    return_n_iter : bool
    normalized_stress : bool or "auto"
        True: Stress-1, ``sqrt(stress / sum of squared distances of the result)``. ``"auto"``: False.

    Returns
    -------
    (X, stress) or (X, stress, n_iter)

    Notes
    -----
    The solver is L-BFGS instead of scikit-learn's Guttman steps; see `fastcv.mds`, which returns more. Positions agree up to a
    rigid motion and a reflection, as between two runs of scikit-learn.

    Measured against scikit-learn 1.9.1 with 40 points in three dimensions: from exact distances its stress is below 1e-20 of the
    sum of squared distances (scikit-learn at the same `eps`: 1e-6); with noise of 10 %, from the same start and with
    scikit-learn run to ``eps=1e-12``, both stresses agree to 1e-6 of themselves, and Stress-1 to 1e-5.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcv.compat.sklearn import smacof
    >>> points, stress = smacof([[0, 3, 5], [3, 0, 4], [5, 4, 0]])
    >>> stress < 1e-20
    True
    """
    if metric is not True:
        raise ValueError(f"smacof: metric must be True (scaling is metric), got {metric!r}")
    if normalized_stress not in (True, False, "auto"):
        raise ValueError(f"smacof: normalized_stress must be a bool or 'auto', got {normalized_stress!r}")
    if n_jobs is not None and n_jobs < 1 and n_jobs != -1:
        raise ValueError(f"smacof: n_jobs must be None, -1 or at least 1, got {n_jobs}")
    if n_init < 1 or (init is not None and n_init != 1):
        raise ValueError(f"smacof: n_init must be 1 or more, and 1 with init, got {n_init}")
    table = np.asarray(dissimilarities)
    if table.dtype != np.float32:
        table = table.astype(np.float64, copy=False)
    start = init if init is not None else "classical" if n_init == 1 else "random"
    if isinstance(random_state, int | np.integer) and n_init > 1:
        random_state = np.random.RandomState(int(random_state))  # one stream for all starts

    best = None
    for _ in range(n_init):
        result = fastcv.mds(
            table,
            n_components,
            init=start,
            max_iter=max_iter,
            tol=eps,
            random_state=random_state,
            callback=print_step if verbose >= 2 else None,
            num_threads=None if n_jobs in (None, -1) else n_jobs,
        )
        if verbose:
            print_run(result)
        if best is None or result.stress < best.stress:
            best = result
    assert best is not None
    stress = best.stress
    if normalized_stress is True:
        distances = fastcv.pairwise_distances(best.embedding.astype(np.float64))
        stress = float(np.sqrt(2 * stress / np.square(distances).sum())) if stress else 0.0
    return (best.embedding, stress, best.n_iter) if return_n_iter else (best.embedding, stress)

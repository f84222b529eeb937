"""Multidimensional scaling behind scikit-learn's estimator interface."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastcv._mds import MDSResult, RandomState, generator, mds
from fastcv._mds_geometry import pairwise_distances

__all__ = ["MDS"]

_SCIPY_NAMES = {"l1": "cityblock", "l2": "euclidean", "manhattan": "cityblock"}


class MDS:
    """Multidimensional scaling, to be used where `sklearn.manifold.MDS` is.

    The interface is that of scikit-learn 1.10: parameters, attributes, `clone`, pipelines and grid searches. What is
    minimised is the same stress; the solver is `fastcv.mds`, so that results are at least as good, and differ from
    scikit-learn's by rotation and reflection at least.

    Parameters
    ----------
    n_components : int
        Dimensions of the embedding, at least 1.
    metric_mds : bool
        True; nonmetric scaling is not done.
    n_init : int
        With ``init="random"``: so many runs, of which the one of least stress counts.
    init : {"classical_mds", "random"}
        Where the solver starts; see `fastcv.mds`, which calls the first one ``"classical"``.
    max_iter : int
        The most steps of a run.
    verbose : int
        0: prints nothing. 1: a line for each run, when it ends: the reason, its steps and its stress. 2 and more: before that a
        line for each step and for the start, with the stress then. They watch as a `callback` of `fastcv.mds` does, so that all
        steps are those of the dtype: slower for float64, and another result within `eps`.
    eps : float
        `tol` of `fastcv.mds`: the share of the stress that may be left to gain.
    n_jobs : int, optional
        At most so many threads; None and -1: see `fastcv.set_num_threads`.
    random_state : int, numpy.random.RandomState or numpy.random.Generator, optional
        Of ``init="random"``.
    dissimilarity : {"euclidean", "precomputed"}, optional
        Deprecated: `metric` under the name it had before scikit-learn 1.8.
    metric : str or callable
        ``"euclidean"``: X holds one sample a row. ``"precomputed"``: X is a matrix of distances as `fastcv.mds` takes them,
        also sparse or with NaN where nothing was measured. Any other name or function of
        `scipy.spatial.distance.cdist`, if SciPy is installed.
    metric_params : dict, optional
        Further arguments of such a metric.
    normalized_stress : bool or "auto"
        Whether `stress_` is Kruskal's Stress-1 (the root of the stress over the squared distances of the embedding) instead
        of the sum of squares; ``"auto"`` is False.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_components)
        float32 for float32 input, float64 otherwise.
    stress_ : float
    dissimilarity_matrix_ : ndarray of shape (n_samples, n_samples), or a sparse matrix
    n_iter_ : int
        Steps of the best run.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where X has column names, all of them strings.
    result_ : MDSResult
        All that `fastcv.mds` knows of the best run.

    Examples
    --------
    >>> import numpy as np
    >>> import fastcv
    >>> corners = np.array([[0, 0, 0], [0, 3, 4], [0, 6, 8], [0, 9, 12.0]])
    >>> model = fastcv.MDS(n_components=1).fit(corners)
    >>> np.round(np.abs(np.diff(model.embedding_, axis=0)), 6).ravel()
    array([5., 5., 5.])
    >>> model.stress_ < 1e-20
    True
    """

    embedding_: npt.NDArray[np.floating[Any]]
    stress_: float
    dissimilarity_matrix_: Any
    n_iter_: int
    n_features_in_: int
    feature_names_in_: npt.NDArray[np.object_]
    result_: MDSResult

    def __init__(
        self,
        n_components: int = 2,
        *,
        metric_mds: bool = True,
        n_init: int = 1,
        init: Literal["classical_mds", "random"] = "classical_mds",
        max_iter: int = 300,
        verbose: int = 0,
        eps: float = 1e-6,
        n_jobs: int | None = None,
        random_state: RandomState = None,
        dissimilarity: str = "deprecated",
        metric: str | Callable[..., float] = "euclidean",
        metric_params: dict[str, Any] | None = None,
        normalized_stress: bool | Literal["auto"] = "auto",
    ) -> None:
        # As they came: clone() compares them by identity.
        self.n_components = n_components
        self.metric_mds = metric_mds
        self.n_init = n_init
        self.init = init
        self.max_iter = max_iter
        self.verbose = verbose
        self.eps = eps
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.dissimilarity = dissimilarity
        self.metric = metric
        self.metric_params = metric_params
        self.normalized_stress = normalized_stress

    # ---- parameters --------------------------------------------------------------------------

    @classmethod
    def _parameters(cls) -> dict[str, Any]:
        parameters = inspect.signature(cls.__init__).parameters.values()
        return {p.name: p.default for p in parameters if p.name != "self"}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; `deep` is without effect, none of them is an estimator."""
        return {name: getattr(self, name) for name in sorted(self._parameters())}

    def set_params(self, **params: Any) -> MDS:
        """Set parameters by name, and return the estimator."""
        valid = self._parameters()
        for name in params:
            if name not in valid:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {sorted(valid)!r}."
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = []
        for name, default in self._parameters().items():
            value = getattr(self, name)
            if value is not default and repr(value) != repr(default):
                changed.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn, which asks, what X is."""
        from sklearn.utils import InputTags, Tags, TargetTags

        precomputed = "precomputed" in (self._metric(), self.dissimilarity)
        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            input_tags=InputTags(pairwise=precomputed, sparse=precomputed, allow_nan=precomputed),
        )

    def _metric(self) -> str | Callable[..., float]:
        return self.metric if self.dissimilarity == "deprecated" else self.dissimilarity

    # ---- fit ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: object = None, init: npt.ArrayLike | None = None) -> MDS:
        """Compute the embedding.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features), or (n_samples, n_samples) with ``metric="precomputed"``
            Samples or distances.
        y : ignored
        init : array_like of shape (n_samples, n_components), optional
            Where the solver starts, instead of what the parameter `init` says.

        Returns
        -------
        MDS
            The estimator itself.
        """
        self.fit_transform(X, init=init)
        return self

    def fit_transform(
        self, X: Any, y: object = None, init: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.floating[Any]]:
        """Compute the embedding and return it; see `fit`."""
        metric = self._checked_metric()
        self._check_parameters()
        precomputed = metric == "precomputed"
        sparse = hasattr(X, "tocoo")
        if sparse and not precomputed:
            raise TypeError(
                "MDS: X is a sparse matrix, which is taken with metric='precomputed' only; use X.toarray()"
            )
        data = X if sparse else _samples(X, allow_nan=precomputed)
        self._remember_features(X, int(data.shape[1]))
        if precomputed:
            if data.shape[0] != data.shape[1]:
                raise ValueError(
                    f"MDS: X must be a square matrix of distances (metric='precomputed'), got shape {data.shape}"
                )
            distances = data
        else:
            if data.shape[0] == data.shape[1]:
                warnings.warn(
                    "MDS: X is a square matrix, and is taken as samples; say metric='precomputed' if it holds distances",
                    UserWarning,
                    stacklevel=2,
                )
            distances = self._distances(data, metric)
        self.dissimilarity_matrix_ = distances
        self.result_ = self._best_run(distances, init)
        self.embedding_ = self.result_.embedding
        self.n_iter_ = self.result_.n_iter
        normalized = self.normalized_stress is not False and self.normalized_stress != "auto"
        self.stress_ = self._stress_1() if normalized else self.result_.stress
        return self.embedding_

    def _best_run(self, distances: Any, init: npt.ArrayLike | None) -> MDSResult:
        options: dict[str, Any] = {
            "max_iter": self.max_iter,
            "tol": self.eps,
            "num_threads": None if self.n_jobs is None or self.n_jobs < 1 else self.n_jobs,
        }
        if self.verbose >= 2:
            options["callback"] = print_step
        starts: list[dict[str, Any]]
        if init is not None:
            starts = [{"init": np.asarray(init)}]
        elif self.init != "random":
            starts = [{"random_state": self.random_state}]
        else:
            starts = [{"init": "random", "random_state": generator("MDS", self.random_state)}] * self.n_init
        runs = []
        for start in starts:
            runs.append(mds(distances, self.n_components, **start, **options))
            if self.verbose >= 1:
                print_run(runs[-1])
        return min(runs, key=lambda run: run.stress)

    def _stress_1(self) -> float:
        """Return the stress over the squared distances of the embedding, as scikit-learn does."""
        result = self.result_
        if result.stress == 0:
            return 0.0
        # Where the stress is least, these are the measured ones less the stress, in sum and for any weights.
        share = result.normalized_stress**2
        return float(np.sqrt(share / (1 - share))) if share < 1 else float("inf")

    def _checked_metric(self) -> str | Callable[..., float]:
        if self.dissimilarity == "deprecated":
            if not isinstance(self.metric, str) and not callable(self.metric):
                raise ValueError(
                    f"MDS: metric must be a str or callable, got {self.metric!r}; metric_mds says whether scaling is metric"
                )
            return self.metric
        if self.metric != "euclidean":
            raise ValueError("MDS: give metric, and not dissimilarity as well")
        if self.dissimilarity not in ("euclidean", "precomputed"):
            raise ValueError(
                f"MDS: dissimilarity must be 'euclidean' or 'precomputed', got {self.dissimilarity!r}"
            )
        warnings.warn(
            "MDS: dissimilarity is deprecated as in scikit-learn 1.8, which removes it in 1.10; use metric",
            FutureWarning,
            stacklevel=4,
        )
        return self.dissimilarity

    def _check_parameters(self) -> None:
        if self.metric_mds is not True:
            raise ValueError(f"MDS: metric_mds must be True (scaling is metric), got {self.metric_mds!r}")
        for name, least in (("n_components", 1), ("n_init", 1), ("max_iter", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
                raise ValueError(f"MDS: {name} must be an int of at least {least}, got {value!r}")
        if self.init not in ("classical_mds", "random"):
            raise ValueError(f"MDS: init must be 'classical_mds' or 'random', got {self.init!r}")
        if not (self.normalized_stress in (True, False) or self.normalized_stress == "auto"):
            raise ValueError(
                f"MDS: normalized_stress must be a bool or 'auto', got {self.normalized_stress!r}"
            )

    def _distances(
        self, samples: npt.NDArray[np.floating[Any]], metric: str | Callable[..., float]
    ) -> npt.NDArray[np.floating[Any]]:
        if metric == "euclidean" and not self.metric_params:
            threads = None if self.n_jobs is None or self.n_jobs < 1 else self.n_jobs
            return pairwise_distances(samples, num_threads=threads)
        try:
            from scipy.spatial.distance import cdist
        except ImportError as error:
            raise ImportError(
                f"MDS: metric={metric!r} needs SciPy; 'euclidean' and 'precomputed' do not"
            ) from error
        name = _SCIPY_NAMES.get(metric, metric) if isinstance(metric, str) else metric
        table = cdist(samples, samples, name, **(self.metric_params or {}))
        return np.asarray(table, samples.dtype)

    def _remember_features(self, X: Any, features: int) -> None:
        self.n_features_in_ = features
        names = getattr(X, "columns", None)
        if names is not None and all(isinstance(name, str) for name in names):
            self.feature_names_in_ = np.asarray(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_


def print_step(iteration: int, points: object, stress: float) -> None:
    """Report a step; a callback of `mds`."""
    print(f"step {iteration}, stress {stress:.6g}")


def print_run(result: MDSResult) -> None:
    """Report how a run of `mds` ended."""
    print(f"{result.reason} after {result.n_iter} steps, stress {result.stress:.6g}")


def _samples(X: Any, allow_nan: bool) -> npt.NDArray[np.floating[Any]]:
    """Return X as a finite matrix of float32 or float64."""
    array = np.asarray(X)
    if array.dtype.kind == "c":
        raise ValueError("MDS: Complex data not supported")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.ndim != 2:
        raise ValueError(
            f"MDS: X must be a matrix. Reshape your data: expected 2D array, got {array.ndim}D array instead"
        )
    for axis, what in enumerate(("sample", "feature")):
        if array.shape[axis] == 0:
            raise ValueError(
                f"MDS: Found array with 0 {what}(s) (shape={array.shape}) while a minimum of 1 is required."
            )
    finite = np.isfinite(array) | np.isnan(array) if allow_nan else np.isfinite(array)
    if not finite.all():
        raise ValueError(
            f"MDS: X must be finite{' or NaN (missing)' if allow_nan else ''}, it contains NaN or inf"
        )
    return array

"""`fastcv.mds` on incomplete, anchored and partly wrong distances, beside SciPy's minimiser. A part of `benchmarks/mds.py`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fastcv._bench import images, peers
from fastcv._bench.harness import COPY, OURS, Case, Contestant

NAME = "mds"
SCIPY = "SciPy L-BFGS-B"
SENSORS, ANCHORS = 500, 50

# key: (title, layout, what to know)
SECTIONS = {
    "network": (
        "Sensor networks",
        "long",
        (
            f"{SENSORS} sensors and {ANCHORS} anchors in the unit square (cube), ranges up to `r`, one thread. SciPy minimises the "
            "same stress with a NumPy gradient until its error is below 1e-6 (with noise: to the same stress), from the "
            "shortest paths' classical scaling, computed by SciPy too, and from random points. NumPy copies the ranges."
        ),
    ),
    "robust": (
        "Wrong distances",
        "long",
        (
            "100 points in the unit square, errors of 0.01, and 30 % of the distances longer by up to 1; one thread. The notes "
            "give the error beside that of least squares without wrong ones."
        ),
    ),
    "missing": ("Missing distances", "long", "1000 points in 3-D, exact, NaN at random; one thread."),
}


@dataclass
class Network:
    """Points in the unit cube, and what was measured of them."""

    x: np.ndarray
    i: np.ndarray
    j: np.ndarray
    ranges: np.ndarray
    anchors: np.ndarray

    @property
    def matrix(self) -> Any:
        """The measured pairs as fastcv takes them."""
        sparse = peers.require("scipy.sparse")
        return sparse.coo_array((self.ranges, (self.i, self.j)), shape=(len(self.x),) * 2)

    def error(self, x: np.ndarray) -> float:
        """Return the root mean square distance from the truth."""
        return float(np.sqrt(((x - self.x) ** 2).sum(1).mean()))


def network(reach: float, noise: float = 0.0, dimensions: int = 2, seed: int = images.SEED) -> Network:
    """Return a random sensor network; errors are shares of the ranges."""
    import fastcv

    rng = np.random.default_rng(seed)
    x = rng.random((SENSORS + ANCHORS, dimensions))
    distances = fastcv.pairwise_distances(x)
    i, j = np.nonzero(np.triu(distances <= reach, 1))
    ranges = np.abs(distances[i, j] * (1 + noise * rng.standard_normal(len(i))))
    return Network(x, i, j, ranges, np.arange(SENSORS, SENSORS + ANCHORS))


def ours(net: Network, **options) -> Contestant:
    """`fastcv.mds` on the sparse matrix of ranges."""
    import fastcv

    arguments = {"anchors": (net.anchors, net.x[net.anchors]), "num_threads": 1} | options
    call = partial(fastcv.mds, net.matrix, net.x.shape[1], **arguments)
    result = call()
    return Contestant(
        OURS, call, view=None, note=f"error {net.error(result.embedding):.1e}, {result.n_iter} steps"
    )


def shortest_paths(net: Network) -> np.ndarray:
    """Classical scaling of the lengths of shortest ways, turned onto the anchors (MDS-MAP)."""
    csgraph, linalg = peers.require("scipy.sparse.csgraph"), peers.require("scipy.linalg")
    squares = csgraph.dijkstra(net.matrix.tocsr(), directed=False) ** 2
    b = -0.5 * (squares - squares.mean(0) - squares.mean(1)[:, None] + squares.mean())
    n, d = net.x.shape
    values, vectors = linalg.eigh(b, subset_by_index=(n - d, n - 1))
    x = vectors * np.sqrt(np.maximum(values, 0))
    known = net.x[net.anchors]
    from_, to = x[net.anchors].mean(0), known.mean(0)
    u, _, vt = np.linalg.svd((x[net.anchors] - from_).T @ (known - to))
    return (x - from_) @ (u @ vt) + to


def scipy_minimiser(net: Network, start: Callable[[Network], np.ndarray], goal: float) -> np.ndarray:
    """SciPy's L-BFGS-B on the stress of the free points, until the stress is at most `goal`."""
    optimize, sparse = peers.require("scipy.optimize"), peers.require("scipy.sparse")
    pairs, (n, d) = np.arange(len(net.i)), net.x.shape
    free = np.setdiff1d(np.arange(n), net.anchors)
    ends = (np.r_[pairs, pairs], np.r_[net.i, net.j])
    signs = np.r_[np.ones(len(pairs)), -np.ones(len(pairs))]
    scatter = sparse.csr_array((signs, ends), shape=(len(pairs), n)).T.tocsr()
    x = start(net)
    x[net.anchors] = net.x[net.anchors]

    class Reached(Exception):
        pass

    def stress(z):
        x[free] = z.reshape(-1, d)
        gaps = x[net.i] - x[net.j]
        lengths = np.maximum(np.sqrt((gaps * gaps).sum(1)), 1e-300)
        residuals = lengths - net.ranges
        value = residuals @ residuals
        if value <= goal:
            raise Reached
        return value, (scatter @ ((2 * residuals / lengths)[:, None] * gaps))[free].ravel()

    options = {"maxiter": 2000, "maxfun": 2000, "ftol": 0, "gtol": 0}
    with suppress(Reached):
        optimize.minimize(stress, x[free].ravel(), jac=True, method="L-BFGS-B", options=options)
    return x


def _random_points(net: Network) -> np.ndarray:
    return np.random.default_rng(1).random(net.x.shape)


def _sensors(reach: float, noise: float, dimensions: int):
    import fastcv

    net = network(reach, noise, dimensions)
    best = fastcv.mds(net.matrix, dimensions, anchors=(net.anchors, net.x[net.anchors])).stress
    goal = best if noise else 1e-14 * float(net.ranges @ net.ranges)
    contestants, skipped = [ours(net)], {}
    for name, start in ((SCIPY, shortest_paths), (f"{SCIPY}, random start", _random_points)):
        call = partial(scipy_minimiser, net, start, goal)
        try:
            note = f"error {net.error(call()):.1e}"
        except peers.Missing as reason:
            skipped[name] = str(reason)
            continue
        contestants.append(Contestant(name, call, view=None, note=note))
    contestants.append(Contestant(COPY, partial(np.copyto, net.ranges.copy(), net.ranges), view=None))
    return contestants, skipped


def _robust(n: int):
    import fastcv

    rng = np.random.default_rng(images.SEED)
    x = rng.random((n, 2))
    errors = np.triu(rng.normal(0, 0.01, (n, n)), 1)
    clean = np.abs(fastcv.pairwise_distances(x) + errors + errors.T)
    wrong = np.triu(np.where(rng.random((n, n)) < 0.3, rng.random((n, n)), 0), 1)
    dirty = clean + wrong + wrong.T
    np.fill_diagonal(dirty, 0)
    best = fastcv.procrustes(fastcv.mds(clean).embedding, x).rmse
    contestants = []
    for loss in ("robust", "stress"):
        call = partial(fastcv.mds, dirty, loss=loss, num_threads=1)
        error = fastcv.procrustes(call().embedding, x).rmse
        name = OURS if loss == "robust" else f"{OURS}, least squares"
        contestants.append(Contestant(name, call, view=None, note=f"{error / best:.2f} times the error"))
    return [*contestants, Contestant(COPY, partial(np.copyto, dirty.copy(), dirty), view=None)], {}


def _missing(share: float):
    import fastcv

    rng = np.random.default_rng(images.SEED)
    distances = fastcv.pairwise_distances(rng.random((1000, 3)))
    gaps = np.triu(rng.random(distances.shape) < share, 1)
    distances[gaps | gaps.T] = np.nan
    call = partial(fastcv.mds, distances, 3, num_threads=1)
    note = f"normalised stress {call().normalized_stress:.1e}"
    copy = Contestant(COPY, partial(np.copyto, distances.copy(), distances), view=None)
    return [Contestant(OURS, call, view=None, note=note), copy], {}


def cases(quick: bool = False) -> list[Case]:
    """Return all cases, or few of them."""
    all_cases = []
    for reach, noise, dimensions in ((0.15, 0, 2), (0.125, 0, 2), (0.2, 0, 2), (0.15, 0.05, 2), (0.3, 0, 3)):
        main = (reach, noise) == (0.15, 0)
        all_cases.append(
            Case(
                f"{NAME}/network/{reach}/{noise}/{dimensions}d",
                "network",
                f"{dimensions}-D, r = {reach}, {f'{noise:.0%} noise' if noise else 'exact'}",
                partial(_sensors, reach, noise, dimensions),
                rounds=7,
                quick=main,
            )
        )
    all_cases.append(Case(f"{NAME}/robust/100", "robust", "N = 100", partial(_robust, 100), rounds=9))
    for share in (0.01, 0.5, 0.9):
        all_cases.append(
            Case(
                f"{NAME}/missing/{share}",
                "missing",
                f"{share:.0%} missing",
                partial(_missing, share),
                rounds=5,
            )
        )
    return [case for case in all_cases if case.quick or not quick]

"""`fastcv.mds` on complete distances, beside scikit-learn's SMACOF run until it gets as far. A part of `benchmarks/mds.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from fastcv._bench import images, peers
from fastcv._bench.harness import COPY, OURS, Case, Contestant, Target

NAME = "mds"
SMACOF = "scikit-learn smacof"

# key: (title, layout, what to know)
SECTIONS = {
    "exact": (
        "Points from exact distances",
        "long",
        (
            "`fastcv.mds`, 3-D, one thread, the checks of the input included; SMACOF runs from a random start until its normalised "
            "stress is 1e-6. NumPy copies the distances."
        ),
    ),
    "noise": (
        "Points from distances with 10 % noise",
        "long",
        (
            "`fastcv.mds`, 3-D, one thread, to within 1e-4 of the optimum and better (see the notes); SMACOF runs from a random "
            "start, and from classical scaling (not counted), until its stress is that of ours."
        ),
    ),
    "solve_threads": ("mds with two threads", "long", "Ours against ours."),
    "solve_size": ("mds and the number of points", "long", "3-D, 10 % noise, one thread."),
}


def distances(n: int, noise: float, dtype: str = "float64", dimensions: int = 3) -> np.ndarray:
    """Return the distances of points uniform in a cube, each off by a share of itself."""
    import fastcv

    rng = np.random.default_rng(images.SEED)
    exact = fastcv.pairwise_distances(rng.random((n, dimensions)))
    errors = np.triu(rng.normal(0, noise, (n, n)), 1)
    return np.maximum(exact * (1 + errors + errors.T), 0).astype(dtype)


def ours(matrix: np.ndarray, name: str = OURS, threads: int = 1, note: str = "", **options) -> Contestant:
    """`fastcv.mds` in 3-D."""
    import fastcv

    return Contestant(
        name, partial(fastcv.mds, matrix, 3, num_threads=threads, **options), view=None, note=note
    )


def copy(matrix: np.ndarray) -> Contestant:
    """The floor: the same bytes, copied once."""
    return Contestant(COPY, partial(np.copyto, np.empty_like(matrix), matrix), view=None)


def _smacof(matrix: np.ndarray, start: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
    smacof = peers.require("sklearn.manifold").smacof
    return smacof(
        matrix,
        n_components=3,
        init=start,
        n_init=1,
        max_iter=steps,
        eps=0,  # no stop of its own
        normalized_stress=False,
    )


def smacof_to(matrix: np.ndarray, start: np.ndarray, goal: float, name: str = SMACOF) -> Contestant:
    """scikit-learn's SMACOF for as many steps as it needs to a stress of `goal`."""
    wide = matrix.astype(np.float64)  # it computes in float64 anyway
    x, steps, most = start, 0, 5000
    while steps < most:  # each step is the same wherever it is counted from
        x, stress = _smacof(wide, x, 1)
        steps += 1
        if stress <= goal:
            break
    reached = "" if steps < most else f", no more than {most}"
    return Contestant(
        name, partial(_smacof, wide, start, steps), view=None, note=f"{steps} steps{reached}, float64"
    )


def _against_smacof(build: Callable[[], list[Contestant]], contestants: list[Contestant]):
    try:
        return contestants + build(), {}
    except peers.Missing as reason:
        return contestants, {SMACOF: str(reason)}


def _exact(n: int, dtype: str):
    import fastcv

    matrix = distances(n, 0, dtype)
    reached = fastcv.mds(matrix, 3).normalized_stress
    goal = 1e-12 * float(np.square(matrix, dtype=np.float64).sum()) / 2
    start = np.random.default_rng(1).random((n, 3))
    return _against_smacof(
        lambda: [smacof_to(matrix, start, goal)],
        [ours(matrix, note=f"normalised stress {reached:.1e}"), copy(matrix)],
    )


def _noise(n: int, dtype: str):
    import fastcv

    matrix = distances(n, 0.1, dtype)
    result = fastcv.mds(matrix, 3)
    best = fastcv.mds(matrix.astype(np.float64), 3, tol=1e-12, max_iter=5000).stress
    note = f"{result.n_iter} steps; {result.stress / best - 1:.1e} above the optimum"
    start = np.random.default_rng(1).random((n, 3))
    classical = fastcv.mds(matrix.astype(np.float64), 3, max_iter=0).embedding
    return _against_smacof(
        lambda: [
            smacof_to(matrix, start, result.stress),
            smacof_to(matrix, classical, result.stress, f"{SMACOF}, classical start"),
        ],
        [
            ours(matrix, note=note),
            ours(matrix, f"{OURS}, random start", init="random", random_state=0),
            copy(matrix),
        ],
    )


def _threads(n: int, dtype: str, noise: float):
    matrix = distances(n, noise, dtype)
    return [ours(matrix, f"{OURS}, {t} thread{'s'[: t - 1]}", t) for t in (1, 2)] + [copy(matrix)], {}


def _size(n: int, dtype: str):
    matrix = distances(n, 0.1, dtype)
    return [ours(matrix), copy(matrix)], {}


def cases(quick: bool = False) -> list[Case]:
    """Return all cases, or few of them."""
    all_cases = []
    for section, build, least in (("exact", _exact, 1000), ("noise", _noise, 200)):
        for n, dtype in ((1000, "float32"), (1000, "float64"), (100, "float32")):
            targets = [Target(SMACOF, OURS, at_least=least)] if n == 1000 else []
            all_cases.append(
                Case(
                    f"{NAME}/{section}/{n}/{dtype}",
                    section,
                    f"N = {n}, {dtype}",
                    partial(build, n, dtype),
                    targets=targets,
                    rounds=3 if n == 1000 else 9,
                    quick=n == 100,
                )
            )
    for n, noise in ((1000, 0.0), (1000, 0.1), (4000, 0.1)):
        targets = [Target(f"{OURS}, 1 thread", f"{OURS}, 2 threads", at_least=1.6)] if n == 4000 else []
        all_cases.append(
            Case(
                f"{NAME}/solve_threads/{n}/{noise}",
                "solve_threads",
                f"N = {n}, float32, {'10 % noise' if noise else 'exact'}",
                partial(_threads, n, "float32", noise),
                targets=targets,
                threads=2,
                rounds=9,
            )
        )
    for n in (10, 100, 1000, 4000, 10_000):
        for dtype in ("float32", "float64"):
            if (n, dtype) != (10_000, "float64"):  # 800 MB
                all_cases.append(
                    Case(
                        f"{NAME}/solve_size/{n}/{dtype}",
                        "solve_size",
                        f"N = {n}, {dtype}",
                        partial(_size, n, dtype),
                        rounds=5,
                    )
                )
    return [case for case in all_cases if case.quick or not quick]

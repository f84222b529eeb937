"""The demo of ``gradient_descent`` and ``mds``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv import datasets
from fastcv.cli import _swarm, _timing
from fastcv.cli._paths import replacing
from fastcv.cli._stage import Stage, optional, times_text
from fastcv.cli._tables import Table

STEPS = 20  # of NumPy's gradient descent, which is slow


def mds(stage: Stage) -> Table:
    """A swarm that finds its places, and fastcv beside NumPy and scikit-learn."""
    if optional("matplotlib") is not None:
        _pictures(stage)
    rows = [_row(stage, n) for n in (10, 100, 1000)]
    return Table(
        "points from distances: beside NumPy and scikit-learn (sphere, float32)",
        ["points", "step, us", "NumPy step", "mds, ms", "stress", "scikit-learn"],
        rows,
        [
            "step: one of gradient_descent, on one thread; NumPy step: the same vectorised in NumPy, as a",
            "multiple of it. stress: the normalized stress of mds, from exact distances. scikit-learn: its",
            "smacof, 120 iterations from a random start, as a multiple of mds.",
        ],
    )


def _pictures(stage: Stage) -> None:
    sphere = datasets.sphere(100)
    frames = _swarm.convergence(sphere, "100 points on a sphere, from their distances")
    with replacing(stage.folder / "swarm.gif") as file:
        _swarm.write_animation(file, frames)
    stage.written["swarm.gif"] = "100 points finding their places on a sphere"

    rng = np.random.default_rng(0)
    truth = rng.random((100, 2))
    exact = fastcv.pairwise_distances(truth)
    noise = np.triu(rng.normal(0, 0.1, exact.shape), 1)
    found = fastcv.mds(np.maximum(0, exact * (1 + noise + noise.T)), 2).embedding
    alignment = fastcv.procrustes(found, truth)
    swarm = _swarm.Swarm(truth, "distances with 10 % noise: true and found")
    for a, b in zip(truth, alignment.aligned, strict=True):
        swarm.axes.plot(*zip(a, b, strict=True), color=_swarm.GREY, linewidth=0.8, zorder=0)
    swarm.add(truth, "true", _swarm.RED, "+", 40)
    swarm.add(alignment.aligned, "found")
    stage.write_picture(
        "locate.png",
        swarm.picture(f"root mean square error {alignment.rmse:.4f} of a side"),
        "100 points from distances with 10 % noise, and their error",
    )


def _row(stage: Stage, n: int) -> list[str]:
    truth = datasets.sphere(n).astype(np.float32)
    distances = fastcv.pairwise_distances(truth)
    start = np.random.default_rng(0).random(truth.shape, dtype=np.float32)
    rate, steps = 0.1 / n, max(STEPS, 20_000 // n)
    descent: dict[str, Callable[[], object]] = {
        "fastcv": partial(fastcv.gradient_descent, start, distances, rate, steps, num_threads=1),
        "numpy": partial(_numpy_descent, start, distances, rate, STEPS),
    }
    times = _timing.alternate(descent, stage.seconds, least=3)
    step = 1e3 * _timing.milliseconds(times, "fastcv") / steps
    numpy_step = 1e3 * _timing.milliseconds(times, "numpy") / STEPS
    result = fastcv.mds(distances, 3)
    solve: dict[str, Callable[[], object]] = {"fastcv": partial(fastcv.mds, distances, 3)}
    manifold = optional("sklearn.manifold")
    if manifold is not None:
        solve["scikit-learn"] = partial(_smacof, manifold, distances)
    times = _timing.alternate(solve, stage.seconds, least=1)
    return [
        str(n),
        f"{step:.3g}",
        times_text(numpy_step / step),
        f"{_timing.milliseconds(times, 'fastcv'):.3g}",
        f"{result.normalized_stress:.0e}",
        times_text(_timing.ratio(times, "scikit-learn", "fastcv")) if manifold is not None else "-",
    ]


def _numpy_descent(
    x: npt.NDArray[Any], distances: npt.NDArray[Any], rate: float, steps: int
) -> npt.NDArray[Any]:
    """The published program, vectorised."""
    for _ in range(steps):
        difference = x[:, None] - x
        error = np.square(difference).sum(axis=-1) - np.square(distances)
        x = x - rate * 4 * (error[..., None] * difference).sum(axis=1)
    return x


def _smacof(manifold: Any, distances: npt.NDArray[Any]) -> object:
    return manifold.smacof(
        distances, n_components=3, n_init=1, max_iter=120, eps=1e-6, random_state=0, normalized_stress=False
    )

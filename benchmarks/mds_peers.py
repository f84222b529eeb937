"""Gradient descent on distances, as the users of each library write it. All of them start anew with each call."""

from __future__ import annotations

import atexit
import ctypes
import shutil
import subprocess
import tempfile
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from fastcv._bench import peers
from fastcv._bench.harness import OURS, Contestant

SEED = 42
SOURCE = Path(__file__).parent / "native" / "gradient_descent.cpp"


def points(shape: str, n: int, dimensions: int) -> np.ndarray:
    """Return the points that are looked for: float32, in as many dimensions as they are looked for in."""
    import fastcv

    if shape == "scatter":
        return np.random.default_rng(SEED).random((n, dimensions)).astype(np.float32)
    found = fastcv.datasets.circle(n) if shape == "circle" else fastcv.datasets.sphere(n)
    return np.pad(found, ((0, 0), (0, max(0, dimensions - found.shape[1])))).astype(np.float32)


def problem(shape: str, n: int, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the start and the distances."""
    import fastcv

    start = np.random.default_rng(SEED).random((n, dimensions)).astype(np.float32)
    return start, fastcv.pairwise_distances(points(shape, n, dimensions))


def ours(x0, distances, rate: float, steps: int, loss: str = "sstress", threads: int = 1, name: str = OURS):
    """`fastcv.gradient_descent` into preallocated memory; it packs the distances with each call."""
    import fastcv

    options = {"loss": loss, "out": np.empty_like(x0), "num_threads": threads}
    return Contestant(name, partial(fastcv.gradient_descent, x0, distances, rate, steps, **options))


# ---- plain Python and NumPy ------------------------------------------------------------------


def _python_rows(x: list[list[float]], distances: list[list[float]], rows: int) -> list[list[float]]:
    gradient = [[0.0] * len(x[0]) for _ in range(rows)]
    for i in range(rows):
        for j in range(len(x)):
            square = 0.0
            for c in range(len(x[0])):
                square += (x[i][c] - x[j][c]) ** 2
            for c in range(len(x[0])):
                gradient[i][c] += 4 * (square - distances[i][j] ** 2) * (x[i][c] - x[j][c])
    return gradient


def _numpy_rows(x: np.ndarray, distances: np.ndarray, rows: int) -> np.ndarray:
    gradient = np.zeros_like(x[:rows])
    for i in range(rows):
        for j in range(len(x)):
            delta = x[i] - x[j]
            gradient[i] += 4 * (np.sum(delta**2) - distances[i, j] ** 2) * delta
    return gradient


def loops(x0, distances, steps: int) -> list[Contestant]:
    """Plain Python, and NumPy a pair at a time as it is published: some rows of one gradient, taken for all."""
    n = len(x0)
    rows = max(1, min(n, 4000 // n))
    part = f"{rows} of {n} rows of one gradient, taken for all rows of {steps} steps"
    scale = steps * n / rows
    python = partial(_python_rows, x0.tolist(), distances.tolist(), rows)
    return [
        Contestant("plain Python", python, view=None, note=part, scale=scale),
        Contestant(
            "NumPy, pair by pair",
            partial(_numpy_rows, x0, distances, rows),
            view=None,
            note=part,
            scale=scale,
        ),
    ]


def numpy_vectorised(x0, distances, rate: float, steps: int) -> np.ndarray:
    """All pairs at once."""
    x, squares = x0.copy(), distances**2
    for _ in range(steps):
        delta = x[:, None] - x[None]
        weight = (delta**2).sum(-1) - squares
        x -= np.float32(4 * rate) * np.einsum("ij,ijc->ic", weight, delta)
    return x


def vectorised(x0, distances, rate: float, steps: int) -> Contestant:
    few = max(1, min(steps, 2_000_000 // distances.size))
    note = "" if few == steps else f"{few} steps, taken for {steps}"
    call = partial(numpy_vectorised, x0, distances, rate, few)
    return Contestant("NumPy, vectorised", call, view=None, note=note, scale=steps / few)


# ---- Numba -----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _numba_kernels():
    numba = peers.require("numba")

    @numba.njit(fastmath=True)
    def stress(x0, distances, rate, steps):
        x = x0.copy()
        n, dimensions = x.shape
        gradient = np.zeros_like(x)
        for _ in range(steps):
            gradient[:] = 0
            for i in range(n):
                for j in range(n):
                    if i != j:
                        square = np.float32(0)
                        for c in range(dimensions):
                            square += (x[i, c] - x[j, c]) ** 2
                        weight = np.float32(2) * (np.float32(1) - distances[i, j] / np.sqrt(square))
                        for c in range(dimensions):
                            gradient[i, c] += weight * (x[i, c] - x[j, c])
            for i in range(n):
                for c in range(dimensions):
                    x[i, c] -= rate * gradient[i, c]
        return x

    @numba.njit(fastmath=True)
    def sstress(x0, distances, rate, steps):
        x = x0.copy()
        n, dimensions = x.shape
        gradient = np.zeros_like(x)
        for _ in range(steps):
            gradient[:] = 0
            for i in range(n):
                for j in range(n):
                    square = np.float32(0)
                    for c in range(dimensions):
                        square += (x[i, c] - x[j, c]) ** 2
                    weight = np.float32(4) * (square - distances[i, j] * distances[i, j])
                    for c in range(dimensions):
                        gradient[i, c] += weight * (x[i, c] - x[j, c])
            for i in range(n):
                for c in range(dimensions):
                    x[i, c] -= rate * gradient[i, c]
        return x

    # For the vectoriser: coordinates apart, no branch in the inner loop, no trap on a division by zero.
    @numba.njit(fastmath=True, error_model="numpy")
    def apart(x0, distances, rate, steps):
        n = x0.shape[0]
        x, y, z = x0[:, 0].copy(), x0[:, 1].copy(), x0[:, 2].copy()
        gx, gy, gz = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
        tiny, two = np.float32(1e-30), np.float32(2)
        for _ in range(steps):
            for i in range(n):
                a = b = c = np.float32(0)
                row = distances[i]
                for j in range(n):
                    dx = x[i] - x[j]
                    dy = y[i] - y[j]
                    dz = z[i] - z[j]
                    weight = two - two * row[j] / np.sqrt(dx * dx + dy * dy + dz * dz + tiny)
                    a += weight * dx
                    b += weight * dy
                    c += weight * dz
                gx[i], gy[i], gz[i] = a, b, c
            for i in range(n):
                x[i] -= rate * gx[i]
                y[i] -= rate * gy[i]
                z[i] -= rate * gz[i]
        return np.stack((x, y, z), 1)

    return {"stress": stress, "sstress": sstress, "apart": apart}


def numba(x0, distances, rate: float, steps: int, loss: str) -> list[Contestant]:
    """The plain loops, and for stress those that the compiler turns into SIMD."""
    kernels = _numba_kernels()
    expected = ours(x0, distances, rate, steps, loss).call

    def one(name: str, kernel: str) -> Contestant:
        return Contestant(
            name, partial(kernels[kernel], x0, distances, np.float32(rate), steps), expected=expected
        )

    present = [one("Numba, plain loops", loss)]
    if loss == "stress":
        present.append(one("Numba, for the vectoriser", "apart"))
    return present


# ---- JAX, scikit-learn, C++ ------------------------------------------------------------------


def jax(x0, distances, rate: float, steps: int) -> Contestant:
    """A compiled loop over steps, and over rows within, each row vectorised over the other points."""
    module = peers.require("jax")
    numpy = peers.require("jax.numpy")
    table = numpy.asarray(distances)

    @module.jit
    def descend(x):
        def row(pair):
            point, measured = pair
            delta = point - x_now[0]
            return 4 * ((delta**2).sum(-1) - measured**2) @ delta

        x_now = [x]

        def step(x, _):
            x_now[0] = x
            return x - rate * module.lax.map(row, (x, table)), None

        return module.lax.scan(step, x, None, length=steps)[0]

    return Contestant("JAX", lambda: np.asarray(descend(x0)), expected=ours(x0, distances, rate, steps).call)


def smacof(x0, distances, steps: int) -> Contestant:
    """scikit-learn's iteration for stress, as many as ours."""
    manifold = peers.require("sklearn.manifold")
    wide, start = distances.astype(np.float64), x0.astype(np.float64)
    options = {"init": start, "n_init": 1, "max_iter": steps, "eps": 0, "normalized_stress": False}
    call = partial(manifold.smacof, wide, n_components=x0.shape[1], **options)
    return Contestant("scikit-learn smacof", call, view=None, note="float64")


@lru_cache(maxsize=1)
def _native():
    compiler = shutil.which("g++")
    if compiler is None:
        raise peers.Missing("needs g++")
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = Path(folder) / "descend.so"
    command = [compiler, "-std=c++20", "-O3", "-fPIC", "-shared", "-fopenmp", SOURCE, "-o", library]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        raise peers.Missing("g++ cannot compile it")
    descend = ctypes.CDLL(str(library)).descend
    descend.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_ssize_t]
    descend.argtypes += [ctypes.c_float, ctypes.c_ssize_t]
    return descend


def published_cpp(x0, distances, rate: float, steps: int) -> Contestant:
    """The published C++, rebuilt: see native/gradient_descent.cpp."""
    descend = _native()
    few = max(1, min(steps, 30_000_000 // distances.size))
    table = np.asfortranarray(distances)

    def call() -> np.ndarray:
        x = np.array(x0, order="F")
        descend(x.ctypes.data, table.ctypes.data, *x0.shape, rate, few)
        return x

    expected = ours(x0, distances, rate, few).call
    note = "" if few == steps else f"{few} steps, taken for {steps}"
    return Contestant("C++ as published", call, expected=expected, note=note, scale=steps / few)

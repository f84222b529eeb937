"""gradient_descent: golden results, laws, layouts, history and callback, refusals."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import warnings
from typing import Any

import numpy as np
import pytest

import fastcv
from fastcv import ConvergenceWarning, _core, gradient_descent
from fastcv.datasets import circle, sphere

LOSSES = ("sstress", "stress")


def start(n: int, dimensions: int, seed: int = 42) -> np.ndarray:
    """The published program's start: ``np.random.seed(42); np.random.rand(n, dimensions)``."""
    return np.random.RandomState(seed).rand(n, dimensions)


def problem(n: int, dimensions: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((n, dimensions)), fastcv.pairwise_distances(rng.random((n, dimensions)))


def definition(x: np.ndarray, distances: np.ndarray, rate: float, steps: int, loss: str) -> np.ndarray:
    x = x.astype(np.float64)
    for _ in range(steps):
        delta = x[:, None] - x[None]
        square = (delta**2).sum(-1)
        if loss == "sstress":
            weight = 4 * (square - distances.astype(np.float64) ** 2)
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                weight = 2 * (1 - distances / np.sqrt(square))
            weight[square == 0] = 0
        x = x - rate * (weight[..., None] * delta).sum(1)
    return x


@pytest.mark.parametrize(
    ("n", "dimensions", "rate", "golden"),
    [
        (10, 2, 1e-3, (3.2985e-06, 3.3002e-06)),
        (10, 3, 1e-3, (8.8223e-05, 8.8230e-05)),
        (100, 2, 1e-3, None),
        (100, 3, 1e-3, None),
        (1000, 2, 1e-4, None),
        (1000, 3, 1e-4, None),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_golden(n: int, dimensions: int, rate: float, golden: tuple[float, float] | None, dtype: Any) -> None:
    distances = fastcv.pairwise_distances(circle(n) if dimensions == 2 else sphere(n)).astype(dtype)
    x, history = gradient_descent(
        start(n, dimensions).astype(dtype), distances, rate, 1000, history=1000, num_threads=1
    )
    single = dtype == np.float32
    assert x.dtype == dtype
    if golden is None:
        assert history.loss[-1] < (1e-6 if single else 1e-20)
    else:
        assert history.loss[-1] == pytest.approx(golden[single], rel=2e-3 if single else 1e-3)
    square = ((x.astype(np.float64)[:, None] - x.astype(np.float64)[None]) ** 2).sum(-1)
    assert history.loss[-1] == pytest.approx(
        ((square - distances.astype(np.float64) ** 2) ** 2).sum(), rel=0.5 if single else 1e-2
    )


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 10, 16, 17, 33, 100, 128, 129, 300])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 7])
def test_is_the_definition(loss: str, n: int, dimensions: int) -> None:
    x0, distances = problem(n, dimensions)
    rate = 0.02 / n
    expected = definition(x0, distances, rate, 5, loss)
    np.testing.assert_allclose(
        gradient_descent(x0, distances, rate, 5, loss=loss), expected, rtol=0, atol=1e-13
    )
    single = gradient_descent(x0.astype(np.float32), distances, rate, 5, loss=loss)
    np.testing.assert_allclose(single, expected, rtol=0, atol=3e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n", [3, 20, 150])
def test_row_i_moves_point_i(loss: str, n: int) -> None:
    x0, distances = problem(n, 2)
    distances = distances * np.random.default_rng(1).uniform(0.8, 1.2, distances.shape)
    for table in (distances, np.asfortranarray(distances), distances[::-1, ::-1][::-1, ::-1]):
        got = gradient_descent(x0, table, 1e-3, 4, loss=loss)
        np.testing.assert_allclose(got, definition(x0, distances, 1e-3, 4, loss), rtol=0, atol=1e-13)
    other = gradient_descent(x0, np.ascontiguousarray(distances.T), 1e-3, 4, loss=loss)
    assert not np.allclose(other, got, atol=1e-6) or n == 1


@pytest.mark.parametrize("loss", LOSSES)
def test_moves_with_its_start(loss: str) -> None:
    """Permutation, rotation and shift, and scale."""
    x0, distances = problem(90, 3)
    rate = 1e-3
    x = gradient_descent(x0, distances, rate, 30, loss=loss)
    order = np.random.default_rng(2).permutation(90)
    permuted = gradient_descent(x0[order], distances[np.ix_(order, order)], rate, 30, loss=loss)
    np.testing.assert_allclose(permuted, x[order], atol=1e-13)
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    moved = gradient_descent(x0 @ turn + 0.5, distances, rate, 30, loss=loss)
    np.testing.assert_allclose(moved, x @ turn + 0.5, atol=1e-12)
    factor = 4.0  # a power of two: to the last bit
    scaled_rate = rate / factor**2 if loss == "sstress" else rate
    scaled = gradient_descent(factor * x0, factor * distances, scaled_rate, 30, loss=loss)
    np.testing.assert_allclose(scaled, factor * x, rtol=1e-12)
    automatic = gradient_descent(x0, distances, loss=loss, num_iterations=40)
    larger = gradient_descent(factor * x0, factor * distances, loss=loss, num_iterations=40)
    np.testing.assert_allclose(larger, factor * automatic, rtol=1e-10)


@pytest.mark.parametrize("target", _core.simd_detected())
@pytest.mark.parametrize("n", [7, 60, 500])
@pytest.mark.parametrize("asymmetric", [False, True])
def test_same_bytes_for_any_threads(target: str, n: int, asymmetric: bool, many_threads: None) -> None:
    _core.simd_force(target)
    x0, distances = problem(n, 3)
    if asymmetric:
        distances = distances * np.random.default_rng(1).uniform(0.8, 1.2, distances.shape)
    for loss in LOSSES:
        one = gradient_descent(x0, distances, num_iterations=20, loss=loss, num_threads=1)
        for threads in (2, 7):
            assert (
                gradient_descent(x0, distances, num_iterations=20, loss=loss, num_threads=threads) == one
            ).all()


@pytest.mark.parametrize("n", [13, 140])
def test_any_layout_is_read_in_place(n: int) -> None:
    x0, distances = problem(n, 3)
    expected = gradient_descent(x0, distances, 1e-3, 6)
    wide = np.zeros((n + 3, 2 * n + 1))
    wide[3:, 1::2] = distances
    upside = np.ascontiguousarray(distances[::-1])[::-1]
    unaligned = np.frombuffer(b"x" + distances.tobytes(), np.uint8)[1:].view(np.float64).reshape(n, n)
    for table in (np.asfortranarray(distances), wide[3:, 1::2], upside, unaligned):
        before = table.copy()
        assert (gradient_descent(x0, table, 1e-3, 6) == expected).all()
        assert (table == before).all()
    readonly = distances.copy()
    readonly.flags.writeable = False
    points = np.asfortranarray(x0)
    points.flags.writeable = False
    assert (gradient_descent(points, readonly, 1e-3, 6) == expected).all()


def test_the_dtype_is_that_of_the_start() -> None:
    x0, distances = problem(50, 2)
    single = x0.astype(np.float32)
    a = gradient_descent(single, distances, 1e-3, 20)
    assert a.dtype == np.float32
    assert (gradient_descent(single, distances.astype(np.float32), 1e-3, 20) == a).all()
    assert gradient_descent(x0, distances.astype(np.float32), 1e-3, 20).dtype == np.float64


def test_out_and_in_place() -> None:
    x0, distances = problem(30, 2)
    expected = gradient_descent(x0, distances, 1e-3, 10)
    out = np.empty((30, 4))[:, ::2]
    assert gradient_descent(x0, distances, 1e-3, 10, out=out) is out
    assert (out == expected).all()
    mine = x0.copy()
    assert gradient_descent(mine, distances, 1e-3, 10, out=mine) is mine
    assert (mine == expected).all()
    memory = np.concatenate([x0.ravel(), np.zeros(4)])
    a, b = memory[:60].reshape(30, 2), memory[4:].reshape(30, 2)
    gradient_descent(a, distances, 1e-3, 10, out=b)
    assert (b == expected).all()
    assert (gradient_descent(x0, distances, 1e-3, 0) == x0).all()


@pytest.mark.parametrize("rate", [1e-3, "auto"])
@pytest.mark.parametrize("every", [1, 3, 10, 100])
def test_history(rate: Any, every: int) -> None:
    x0, distances = problem(20, 2)
    x, history = gradient_descent(x0, distances, rate, 40, history=every)
    steps = sorted({*range(0, 40, every), 40})
    assert history.iterations.tolist() == steps
    assert history.positions.shape == (len(steps), 20, 2)
    assert (history.positions[0] == x0).all()
    assert (history.positions[-1] == x).all()
    assert (x == gradient_descent(x0, distances, rate, 40)).all()
    for e, step in enumerate(steps):
        if rate != "auto" or step % 16 == 0:
            assert (history.positions[e] == gradient_descent(x0, distances, rate, step)).all()
        square = ((history.positions[e][:, None] - history.positions[e][None]) ** 2).sum(-1)
        assert history.loss[e] == pytest.approx(((square - distances**2) ** 2).sum(), rel=1e-10)


def test_history_of_stress_counts_each_pair_once() -> None:
    x0, distances = problem(20, 2)
    _, history = gradient_descent(x0, distances, 1e-3, 0, loss="stress", history=1)
    error = fastcv.pairwise_distances(x0) - distances
    assert history.loss == pytest.approx([(error**2).sum() / 2])
    assert history.iterations.tolist() == [0]


@pytest.mark.parametrize("rate", [1e-3, "auto"])
def test_callback_sees_what_history_keeps(rate: Any) -> None:
    x0, distances = problem(20, 2)
    seen: list[tuple[int, np.ndarray, float]] = []

    def callback(iteration: int, x: np.ndarray, loss: float) -> None:
        seen.append((iteration, x, loss))

    x, history = gradient_descent(x0, distances, rate, 37, history=1, callback=callback)
    assert [s[0] for s in seen] == history.iterations.tolist() == list(range(38))
    assert all((s[1] == p).all() for s, p in zip(seen, history.positions, strict=True))
    assert [s[2] for s in seen] == history.loss.tolist()
    assert (seen[-1][1] == x).all()


@pytest.mark.parametrize("rate", [1e-3, "auto"])
def test_callback_stops(rate: Any) -> None:
    x0, distances = problem(20, 2)
    x, history = gradient_descent(x0, distances, rate, 100, history=5, callback=lambda i, x, loss: i == 23)
    assert history.iterations.tolist() == [0, 5, 10, 15, 20]
    every, all_of_it = gradient_descent(x0, distances, rate, 100, history=1)
    assert (x == all_of_it.positions[23]).all()
    assert not (x == every).all()


def test_callback_that_raises_writes_nothing() -> None:
    x0, distances = problem(20, 2)
    out = np.full_like(x0, 7)

    def callback(iteration: int, x: np.ndarray, loss: float) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        gradient_descent(x0, distances, 1e-3, 5, callback=callback, out=out)
    assert (out == 7).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [10, 60, 1000])
def test_a_given_rate_that_diverges_warns(dtype: Any, n: int) -> None:
    x0, distances = (a.astype(dtype) for a in problem(n, 2))
    with pytest.warns(ConvergenceWarning, match=r"^gradient_descent diverged after \d+ steps"):
        x = gradient_descent(x0, distances, 1.0, 200)
    assert np.isfinite(x).all()
    with pytest.warns(ConvergenceWarning):
        y, history = gradient_descent(x0, distances, 1.0, 200, history=1)
    assert (x == y).all()
    assert (history.positions[-1] == x).all()
    assert not np.isnan(history.loss).any()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_auto_converges_at_any_scale(loss: Any, scale: float, dtype: Any) -> None:
    for n in (4, 50, 1000):
        shape = sphere(n) * scale
        distances = fastcv.pairwise_distances(shape).astype(dtype)
        x0 = (start(n, 3) * scale).astype(dtype)
        _, history = gradient_descent(x0, distances, num_iterations=400, loss=loss, history=16, num_threads=1)
        power = 4 if loss == "sstress" else 2
        assert history.loss[-1] < 1e-9 * (distances.astype(np.float64) ** power).sum()
        assert (np.diff(history.loss) <= 1e-3 * history.loss[:-1] + 1e-9 * history.loss[0]).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n", [2, 3, 4, 40])
def test_degenerate_starts_stay_finite(loss: Any, n: int) -> None:
    _, distances = problem(n, 3)
    rng = np.random.default_rng(0)
    collinear = np.outer(np.arange(n), [1.0, 0.0, 0.0])
    pairs = rng.random((n, 3))[np.arange(n) // 2]
    for x0 in (collinear, pairs, np.zeros((n, 3)), np.full((n, 3), 5.0)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x = gradient_descent(x0, distances, loss=loss)
            assert np.isfinite(x).all()
            assert np.isfinite(gradient_descent(x0, np.zeros((n, n)), loss=loss)).all()
    assert (gradient_descent(np.zeros((n, 3)), distances, loss=loss) == 0).all()
    assert (
        gradient_descent(collinear, distances, loss=loss)[:, 1:] == 0
    ).all()  # no gradient leaves the line


def test_one_point_stays() -> None:
    x0 = np.array([[1.0, 2.0]])
    x, history = gradient_descent(x0, np.zeros((1, 1)), history=1000)
    assert (x == x0).all()
    assert history.loss.tolist() == [0, 0]


def test_dimensions_above_the_rank() -> None:
    """Points of a plane, descended in five dimensions, end in a plane."""
    shape = circle(30)
    x = gradient_descent(start(30, 5), fastcv.pairwise_distances(shape), num_iterations=4000)
    spread = np.linalg.svd(x - x.mean(0), compute_uv=False)
    assert spread[2] < 0.05 * spread[1]


GOOD = np.zeros((3, 2))
TABLE = np.ones((3, 3)) - np.eye(3)


def changed(i: int, j: int, value: float) -> np.ndarray:
    table = TABLE.copy()
    table[i, j] = value
    return table


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (TypeError, "x0 must be a NumPy array, got list", {"x0": [[0.0, 0.0]]}),
        (TypeError, "x0: expected dtype float32, float64, got int64", {"x0": np.zeros((3, 2), int)}),
        (ValueError, "x0 must have shape", {"x0": np.zeros(3)}),
        (ValueError, "x0 must have shape", {"x0": np.zeros((0, 2))}),
        (ValueError, "x0 must have shape", {"x0": np.zeros((3, 0))}),
        (ValueError, "x0 must be finite", {"x0": np.full((3, 2), np.nan)}),
        (TypeError, "distances must be a NumPy array", {"distances": TABLE.tolist()}),
        (TypeError, "distances: expected dtype", {"distances": TABLE.astype(int)}),
        (ValueError, r"distances must have shape \(3, 3\)", {"distances": np.zeros((3, 4))}),
        (ValueError, r"distances must have shape \(3, 3\)", {"distances": np.zeros((4, 4))}),
        (ValueError, r"distances must have shape \(3, 3\)", {"distances": np.zeros(3)}),
        (ValueError, "distances must not be negative", {"distances": changed(2, 0, -1.0)}),
        (ValueError, "distances must be finite", {"distances": changed(0, 2, np.inf)}),
        (ValueError, "distances must not be NaN", {"distances": changed(1, 2, np.nan)}),
        (TypeError, "learning_rate must be a number", {"learning_rate": "fast"}),
        (TypeError, "learning_rate must be a number", {"learning_rate": None}),
        (TypeError, "learning_rate must be a number", {"learning_rate": True}),
        (ValueError, "learning_rate must be finite and above 0, got 0", {"learning_rate": 0}),
        (ValueError, "learning_rate must be finite and above 0", {"learning_rate": np.inf}),
        (TypeError, "num_iterations", {"num_iterations": 2.0}),
        (ValueError, "num_iterations", {"num_iterations": -1}),
        (ValueError, "loss", {"loss": "quartic"}),
        (ValueError, "history", {"history": 0}),
        (TypeError, "history", {"history": True}),
        (TypeError, "callback must be callable", {"callback": 3}),
        (ValueError, "out", {"out": np.full((2, 3), 7.0)}),
        (TypeError, "out", {"out": np.full((3, 2), 7.0, np.float32)}),
        (ValueError, "num_threads", {"num_threads": 0}),
    ],
)
def test_refusals_write_nothing(error: type[Exception], message: str, options: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"x0": GOOD, "distances": TABLE, "out": np.full((3, 2), 7.0)} | options
    with pytest.raises(error, match=f"^gradient_descent: {message}|^gradient_descent: .*{message}"):
        gradient_descent(**arguments)
    assert (arguments["out"] == 7).all()


def test_gil_is_released() -> None:
    x0, distances = problem(1500, 3)
    ticks = 0
    done = threading.Event()

    def work() -> None:
        gradient_descent(x0, distances, 1e-6, 300)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        ticks += 1
        time.sleep(0.001)
    thread.join()
    assert ticks > 10


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX signals")
@pytest.mark.parametrize("n", [2, 10, 100, 1000])
@pytest.mark.parametrize("asymmetric", [False, True])
def test_control_c(n: int, asymmetric: bool) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    x0, distances = problem(n, 3)
    if asymmetric:
        distances[0, 1] *= 1.5
    out = np.full_like(x0, 7)
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):  # else it would go on for hours
            gradient_descent(x0, distances, 1e-9, 10**11, out=out)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert (out == 7).all()


MEMORY = r"""
import re, sys
import numpy as np
import fastcv

def peak():  # of this program; getrusage's begins at that of the parent
    return 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1])

n, dtype = int(sys.argv[2]), sys.argv[3]
distances = np.ones((n, n), dtype)  # of no points: not solved at once
np.fill_diagonal(distances, 0)
x0 = np.random.default_rng(0).random((n, 3)).astype(dtype)
before = peak()
if sys.argv[1] == "mds":
    assert fastcv.mds(distances, 3, max_iter=2).n_iter == 2
else:
    fastcv.gradient_descent(x0, distances, 1e-6, 1)
print((peak() - before) / distances.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
@pytest.mark.parametrize(
    ("function", "n", "dtype", "share"),
    [
        ("gradient_descent", 4000, "float32", 0.6),
        ("gradient_descent", 4000, "float64", 0.6),
        ("mds", 5000, "float32", 0.6),
        ("mds", 3000, "float64", 0.85),  # steps in float32 first
    ],
)
def test_memory_is_bounded(function: str, n: int, dtype: str, share: float) -> None:
    """What comes on top of the distances, in a process that has held nothing larger before."""
    command = [sys.executable, "-c", MEMORY, function, str(n), dtype]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0.4 < float(done.stdout) < share

"""denoise_tv: closed forms, laws, the certificate, and what is refused."""

from __future__ import annotations

import itertools
import signal
import threading
import time
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fastcv import ConvergenceWarning, TVInfo, _core, denoise_tv

FLOATS = (np.float32, np.float64)
DTYPES = (np.uint8, np.uint16, *FLOATS)


def noisy(*shape: int, dtype: Any = np.float32, seed: int = 0, sigma: float = 0.1) -> npt.NDArray[Any]:
    rng = np.random.default_rng(seed)
    levels = rng.random([-(-n // 6) for n in shape[:2]])
    image = np.kron(levels, np.ones((6, 6)))[: shape[0], : shape[1]]
    for extra in shape[2:]:
        image = np.stack([image] * extra, axis=-1)
    image = image + rng.normal(0, sigma, shape)
    if np.issubdtype(dtype, np.integer):
        return np.clip(image * np.iinfo(dtype).max, 0, np.iinfo(dtype).max).astype(dtype)
    return image.astype(dtype)


def gradient(u: npt.NDArray[Any], axes: tuple[int, ...]) -> npt.NDArray[Any]:
    return np.stack([np.diff(u, axis=a, append=np.take(u, [-1], axis=a)) for a in axes])


def objective(u: Any, f: Any, weight: Any, isotropic: bool = True) -> float:
    u, f = np.asarray(u, np.float64), np.asarray(f, np.float64)
    g = gradient(u, tuple(range(u.ndim)))
    size = np.sqrt((g**2).sum(0)) if isotropic else np.abs(g).sum(0)
    return float(0.5 * np.nansum((u - f) ** 2) + (weight * size).sum())


def solve(image: npt.NDArray[Any], weight: float = 0.1, **options: Any) -> tuple[npt.NDArray[Any], TVInfo]:
    options.setdefault("tol", 1e-8 if image.dtype == np.float64 else 1e-5)
    options.setdefault("max_iter", 100_000)
    result = denoise_tv(image, weight, return_info=True, **options)
    assert isinstance(result, tuple)
    assert result[1].converged
    return result


# ---- closed forms --------------------------------------------------------------------------


@pytest.mark.parametrize("isotropic", [True, False])
@pytest.mark.parametrize("dtype", FLOATS)
def test_step(dtype: Any, isotropic: bool) -> None:
    image = np.zeros((7, 30), dtype)
    image[:, 10:] = 1
    u, _ = solve(image, 0.5, isotropic=isotropic)
    expected = np.where(np.arange(30) < 10, 0.5 / 10, 1 - 0.5 / 20)
    assert np.abs(u - expected).max() < (1e-4 if dtype == np.float64 else 5e-3)
    u, _ = solve(image, 7.0, isotropic=isotropic)  # 1 <= w/n1 + w/n2: the mean
    assert np.abs(u - image.mean()).max() < (1e-4 if dtype == np.float64 else 5e-3)


def test_anisotropic_rectangle() -> None:
    height, width, m, n, w = 40, 50, 12, 15, 0.2
    image = np.zeros((height, width))
    image[10 : 10 + m, 20 : 20 + n] = 1
    u, _ = solve(image, w, isotropic=False)
    inside = 1 - 2 * w * (m + n) / (m * n)
    outside = 2 * w * (m + n) / (height * width - m * n)
    expected = np.where(image == 1, inside, outside)
    assert np.abs(u - expected).max() < 1e-3


@pytest.mark.parametrize("weight", [1.0, 2.0, 5.0])
def test_disc(weight: float) -> None:
    size, radius = 192, 50
    steps = (np.arange(size * 4) + 0.5) / 4 - size / 2
    fine = (np.add.outer(steps**2, steps**2) < radius**2).astype(np.float64)
    image = fine.reshape(size, 4, size, 4).mean((1, 3))
    u, _ = solve(image, weight, tol=1e-6)
    middle = u[size // 2 - 10 : size // 2 + 10, size // 2 - 10 : size // 2 + 10].mean()
    corner = u[:10, :10].mean()
    assert middle == pytest.approx(1 - 2 * weight / radius, abs=2e-3)
    area = np.pi * radius**2
    assert corner == pytest.approx(2 * np.pi * radius * weight / (size**2 - area), abs=2e-3)


def test_critical_weight_in_1d() -> None:
    f = np.random.default_rng(1).random(40)
    critical = np.abs(np.cumsum(f - f.mean()))[:-1].max()
    u, _ = solve(f, 1.001 * critical, tol=1e-10)
    assert np.ptp(u) < 1e-4
    u, _ = solve(f, 0.9 * critical, tol=1e-10)
    assert np.ptp(u) > 1e-3


def test_semigroup_in_1d() -> None:
    f = np.random.default_rng(2).random(60)
    once, _ = solve(f, 0.3, tol=1e-11)
    half, _ = solve(f, 0.12, tol=1e-11)
    twice, _ = solve(half, 0.18, tol=1e-11)
    assert np.abs(once - twice).max() < 1e-4


def test_rows_alike_are_signals() -> None:
    f = np.random.default_rng(3).random(50)
    signal, _ = solve(f, 0.2, tol=1e-10)
    image, _ = solve(np.tile(f, (6, 1)), 0.2, tol=1e-10)
    assert signal.shape == f.shape
    assert np.abs(image - signal).max() < 1e-4


# ---- laws ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_range_mean_and_certificate(dtype: Any) -> None:
    image = noisy(50, 61, dtype=dtype)
    u, info = denoise_tv(image, return_info=True)
    assert u.dtype == image.dtype
    assert image.min() <= u.min() <= u.max() <= image.max()
    assert u.mean() == pytest.approx(image.mean(), rel=1e-3)
    assert info.converged
    assert 0 <= info.relative_gap <= 1e-3
    assert info.gap == pytest.approx(info.relative_gap * info.objective)
    assert info.rms_bound >= np.sqrt(2 * info.gap / image.size)
    if np.issubdtype(dtype, np.floating):
        assert info.objective == pytest.approx(objective(u, image, 0.1), rel=1e-5)
        assert info.dual.dtype == dtype
    length = np.sqrt((info.dual.astype(np.float64) ** 2).sum(0))
    assert length.max() <= 0.1 * {np.uint8: 255, np.uint16: 65535}.get(dtype, 1) * (1 + 1e-7)


def test_bound_holds_against_a_finer_solution() -> None:
    image = noisy(60, 70, dtype=np.float64)
    exact, _ = solve(image, tol=1e-9)
    for tol in (1e-1, 1e-2, 1e-3, 1e-4):
        u, info = denoise_tv(image, tol=tol, return_info=True)
        assert np.sqrt(((u - exact) ** 2).mean()) <= info.rms_bound
        assert objective(u, image, 0.1) - objective(exact, image, 0.1) <= info.gap


def test_shift_and_transpose() -> None:
    image = noisy(40, 50, dtype=np.float64)
    u, _ = solve(image)
    assert np.abs(solve(image + 3)[0] - 3 - u).max() < 1e-3
    assert np.abs(solve(np.ascontiguousarray(image.T))[0].T - u).max() < 1e-3
    aniso, _ = solve(image, isotropic=False)
    assert (
        np.abs(solve(np.ascontiguousarray(image[:, ::-1]), isotropic=False)[0][:, ::-1] - aniso).max() < 1e-3
    )


def test_scale_by_two_is_exact() -> None:
    image = noisy(40, 50)
    assert np.array_equal(denoise_tv(2 * image, 0.2), 2 * denoise_tv(image, 0.1))
    assert np.array_equal(denoise_tv(image, 0.1, data_range=2.0), denoise_tv(image, 0.2))


def test_non_expansive() -> None:
    a, b = noisy(40, 50, dtype=np.float64), noisy(40, 50, dtype=np.float64, seed=1)
    assert np.linalg.norm(solve(a)[0] - solve(b)[0]) <= np.linalg.norm(a - b)


def test_zero_weight_and_constants() -> None:
    image = noisy(20, 30)
    u, info = denoise_tv(image, 0, return_info=True)
    assert np.array_equal(u, image)
    assert info.gap == 0
    for dtype in DTYPES:
        constant = np.full((8, 9), 1, dtype)
        assert np.array_equal(denoise_tv(constant, 0.3), constant)


@pytest.mark.parametrize("weight", [1e2, 1e6, 1e30])
def test_huge_weights_give_the_mean(weight: float) -> None:
    image = noisy(33, 44)
    u, info = denoise_tv(image, weight, return_info=True)
    assert np.ptp(u) == 0
    assert u[0, 0] == pytest.approx(image.mean(), rel=1e-6)
    assert info.converged


# ---- channels, batches, volumes --------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_channels_are_planes(dtype: Any) -> None:
    image = noisy(30, 41, 3, dtype=dtype)
    u = denoise_tv(image)
    for c in range(3):
        assert np.array_equal(u[..., c], denoise_tv(np.ascontiguousarray(image[..., c])))
    first = np.ascontiguousarray(np.moveaxis(image, -1, 0))
    assert np.array_equal(np.moveaxis(denoise_tv(first, channel_axis=0), 0, -1), u)


@pytest.mark.parametrize("channels", ["separate", "joint"])
def test_a_batch_is_its_images(channels: str) -> None:
    batch = np.stack([noisy(30, 41, 3, seed=s) for s in range(3)])
    for options in ({}, {"sigma": 0.1}):
        u, info = denoise_tv(batch, channels=channels, return_info=True, **options)
        for image, expected in zip(batch, u, strict=True):
            assert np.array_equal(denoise_tv(image, channels=channels, **options), expected)
        assert info.dual.shape == (3, 3, 2, 30, 41)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("isotropic", [True, False])
def test_joint_of_equal_channels(count: int, isotropic: bool) -> None:
    # C equal channels are one of them with the weight over sqrt(C).
    image = noisy(30, 40, dtype=np.float64)
    joint, _ = solve(np.stack([image] * count, axis=-1), 0.1, channels="joint", isotropic=isotropic, tol=1e-7)
    alone, _ = solve(image, 0.1 / np.sqrt(count), isotropic=isotropic, tol=1e-7)
    assert np.abs(joint - alone[..., None]).max() < 1e-3


def test_volume() -> None:
    volume = np.stack([noisy(12, 15, dtype=np.float64)] * 4)  # slices alike
    u, info = solve(volume, channel_axis=None, tol=1e-6)
    flat, _ = solve(volume[0], tol=1e-6)
    assert np.abs(u - flat).max() < 1e-2
    assert info.dual.shape == (3, 4, 12, 15)
    assert info.objective == pytest.approx(objective(u, volume, 0.1))


# ---- weights, missing pixels, noise ------------------------------------------------------------


def test_weight_map() -> None:
    image = noisy(30, 40, dtype=np.float64)
    same, _ = solve(image, np.full((30, 40), 0.1), tol=1e-6)
    assert np.abs(same - solve(image, 0.1, tol=1e-6)[0]).max() < 1e-2
    weight = np.zeros((30, 40), np.float32)
    weight[:, 20:] = 0.2
    u, info = denoise_tv(image, weight, return_info=True)
    assert np.abs(u[:, :19] - image[:, :19]).max() < 0.05
    assert info.objective == pytest.approx(objective(u, image, weight))
    assert info.weight is None


@pytest.mark.parametrize("dtype", FLOATS)
def test_missing_pixels(dtype: Any) -> None:
    clean = noisy(30, 40, dtype=dtype, sigma=0)
    image = clean.copy()
    image[np.random.default_rng(0).random(image.shape) < 0.3] = np.nan
    u, info = denoise_tv(image, 0.02, return_info=True)
    assert info.converged
    assert np.isfinite(u).all()
    assert np.nanmin(image) <= u.min() <= u.max() <= np.nanmax(image)
    assert np.median(np.abs(u - clean)[np.isnan(image)]) < 0.02
    assert info.objective == pytest.approx(objective(u, image, 0.02), rel=1e-4)


def test_sigma() -> None:
    image = noisy(80, 90)
    for sigma in (0.03, 0.1):
        u, info = denoise_tv(image, sigma=sigma, return_info=True)
        assert info.converged
        assert info.sigma == pytest.approx(sigma)
        assert np.sqrt(((u - image) ** 2).mean()) == pytest.approx(sigma, rel=0.011)
        assert info.weight is not None
        again = denoise_tv(image, info.weight)
        assert np.sqrt(((again - u) ** 2).mean()) < 2 * info.rms_bound
    auto = denoise_tv(image, sigma="auto", return_info=True)[1]
    assert auto.sigma == pytest.approx(0.1, rel=0.1)
    eight = noisy(80, 90, dtype=np.uint8)
    assert denoise_tv(eight, sigma="auto", return_info=True)[1].sigma == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize("more", [1.0, 1.02, 1.04])
@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_sigma_of_a_step(noise: float, more: float) -> None:
    """Once the noise is gone, the residual hardly grows with the weight before the step itself shrinks."""
    image = noisy(64, 64, sigma=0) * 0
    image[:, 33:] = 1
    image += np.random.default_rng(1).normal(0, noise, image.shape).astype(np.float32)
    u, info = denoise_tv(image, sigma=more * noise, return_info=True)
    assert info.converged
    assert np.sqrt(((u - image) ** 2).mean()) == pytest.approx(more * noise, rel=0.011)


def test_sigma_beyond_the_image() -> None:
    image = noisy(30, 40, dtype=np.uint8)
    with pytest.warns(ConvergenceWarning, match="its mean"):
        u = denoise_tv(image, sigma=3.0)
    assert np.ptp(u) == 0
    with pytest.warns(ConvergenceWarning):
        info = denoise_tv(image, sigma=3.0, return_info=True)[1]
    assert not info.converged


# ---- the call ------------------------------------------------------------------------------


def test_not_converged_warns() -> None:
    image = noisy(60, 70)
    with pytest.warns(ConvergenceWarning, match="relative gap"):
        denoise_tv(image, 0.5, tol=1e-6, max_iter=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not denoise_tv(image, 0.5, tol=1e-6, max_iter=5, return_info=True)[1].converged


def test_callback() -> None:
    image = noisy(60, 70)
    seen: list[tuple[int, float]] = []
    info = denoise_tv(image, 0.5, tol=1e-6, callback=lambda k, gap: seen.append((k, gap)), return_info=True)[
        1
    ]
    assert [k for k, _ in seen] == sorted(k for k, _ in seen)
    assert seen[-1] == (info.iterations, info.gap)
    calls = iter([False, True])
    denoise_tv(image, 0.5, tol=1e-9, callback=lambda k, gap: next(calls))  # stopped on demand: no warning
    with pytest.raises(RuntimeError, match="from the callback"):
        denoise_tv(image, callback=lambda k, gap: (_ for _ in ()).throw(RuntimeError("from the callback")))


def test_warm_start() -> None:
    image = noisy(60, 70)
    info = denoise_tv(image, 0.2, tol=1e-5, return_info=True)[1]
    for nearby in (0.2, 0.21):
        warm = denoise_tv(image, nearby, tol=1e-4, warm_start=info.dual, return_info=True)[1]
        cold = denoise_tv(image, nearby, tol=1e-4, return_info=True)[1]
        assert warm.converged
        assert warm.iterations < cold.iterations


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_views_and_read_only(dtype: Any) -> None:
    image = noisy(31, 42, 3, dtype=dtype)
    image.flags.writeable = False
    expected = denoise_tv(image)
    out = np.empty_like(image)
    assert denoise_tv(image, out=out) is out
    assert np.array_equal(out, expected)
    assert np.array_equal(denoise_tv(image[::-1]), denoise_tv(np.ascontiguousarray(image[::-1])))
    assert np.array_equal(denoise_tv(image[:, ::-1]), denoise_tv(np.ascontiguousarray(image[:, ::-1])))
    assert np.array_equal(denoise_tv(np.asfortranarray(image)), expected)
    for channels in ("separate", "joint"):
        same = image.copy()
        expected = denoise_tv(image, channels=channels)
        denoise_tv(same, channels=channels, out=same)
        assert np.array_equal(same, expected)
    memory = np.zeros((33, 42, 3), dtype)
    memory[:31] = image
    expected = denoise_tv(image)
    assert np.array_equal(denoise_tv(memory[:31], out=memory[2:]), expected)  # overlaps
    assert np.array_equal(memory[2:], expected)


@pytest.mark.parametrize(("shape", "axis"), [((0, 5), -1), ((5, 0, 3), -1), ((0,), None), ((3, 0, 4), None)])
def test_empty(shape: tuple[int, ...], axis: int | None) -> None:
    u, info = denoise_tv(np.zeros(shape, np.float32), channel_axis=axis, return_info=True)
    assert u.shape == shape
    assert (info.iterations, info.gap, info.relative_gap, info.converged) == (0, 0, 0, True)


@pytest.mark.usefixtures("many_threads")
@pytest.mark.parametrize("dtype", [np.uint8, *FLOATS])
def test_same_bytes_on_any_threads(dtype: Any) -> None:
    for shape, channels in (((300, 401), "separate"), ((200, 301, 3), "joint")):
        image = noisy(*shape, dtype=dtype)
        one, info = denoise_tv(image, channels=channels, num_threads=1, return_info=True)
        for threads in (2, 7):
            many, same = denoise_tv(image, channels=channels, num_threads=threads, return_info=True)
            assert np.array_equal(one, many)
            assert (info.gap, info.iterations) == (same.gap, same.iterations)


GOOD = np.ones((4, 5), np.float32)


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (ValueError, "weight", {"weight": -1}),
        (ValueError, "weight", {"weight": float("nan")}),
        (ValueError, "weight", {"weight": float("inf")}),
        (TypeError, "weight", {"weight": "much"}),
        (ValueError, "weight: expected shape", {"weight": np.ones((5, 4))}),
        (ValueError, "weight", {"weight": np.full((4, 5), -1.0)}),
        (TypeError, "weight: expected dtype", {"weight": np.ones((4, 5), np.int32)}),
        (ValueError, "not both", {"weight": 0.1, "sigma": 0.1}),
        (ValueError, "sigma", {"sigma": 0}),
        (ValueError, "sigma", {"sigma": "much"}),
        (ValueError, "tol", {"tol": 0}),
        (ValueError, "max_iter", {"max_iter": 0}),
        (TypeError, "max_iter", {"max_iter": 1.5}),
        (ValueError, "channels", {"channels": "both"}),
        (TypeError, "isotropic", {"isotropic": 1}),
        (ValueError, "data_range", {"data_range": 0}),
        (ValueError, "channel_axis", {"channel_axis": 3}),
        (ValueError, "warm_start: expected shape", {"warm_start": np.zeros((2, 5, 4), np.float32)}),
        (ValueError, "warm_start must be finite", {"warm_start": np.full((2, 4, 5), np.nan, np.float32)}),
        (TypeError, "callback", {"callback": 1}),
        (ValueError, "num_threads", {"num_threads": 0}),
        (ValueError, "out", {"out": np.zeros((5, 4), np.float32)}),
        (TypeError, "out", {"out": np.zeros((4, 5), np.float64)}),
        (ValueError, "infinite", {"image": np.full((4, 5), np.inf, np.float32)}),
        (ValueError, "NaN", {"image": np.full((4, 5), np.nan)}),
        (TypeError, "image", {"image": np.zeros((4, 5), np.int32)}),
        (TypeError, "image", {"image": [[1.0]]}),
        (ValueError, "image", {"image": np.array(1.0)}),
        (ValueError, "axes of space", {"image": np.zeros((2, 2, 2, 2)), "channel_axis": None}),
        (ValueError, "channel_axis", {"image": np.zeros((4, 5, 40))}),
    ],
)
def test_refusals_write_nothing(error: type[Exception], message: str, options: dict[str, Any]) -> None:
    image = options.pop("image", GOOD)
    out = options.pop("out", None)
    if out is None and isinstance(image, np.ndarray):
        out = np.full(image.shape, 7, image.dtype)
    with pytest.raises(error, match=f"^denoise_tv: .*{message}"):
        denoise_tv(image, out=out, **options)
    if isinstance(out, np.ndarray) and out.shape == getattr(image, "shape", None):
        assert (out == 7).all() or (out == 0).all()


def test_gil_is_released() -> None:
    image = noisy(600, 800, dtype=np.float64)
    ticks = 0
    done = threading.Event()

    def work() -> None:
        denoise_tv(image, 0.5, tol=1e-6, max_iter=200, return_info=True)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not done.is_set():
        ticks += 1
        time.sleep(0.001)
    thread.join()
    assert ticks > 10


@pytest.mark.parametrize("target", _core.simd_detected())
@pytest.mark.parametrize("shape", list(itertools.product((1, 2, 3, 4, 5), repeat=2)))
def test_tiny_images(target: str, shape: tuple[int, int]) -> None:
    _core.simd_force(target)
    image = np.random.default_rng(0).random(shape)
    u, info = solve(image, tol=1e-7)
    assert info.objective == pytest.approx(objective(u, image, 0.1), abs=1e-12)
    assert info.gap <= 1e-7 * max(info.objective, 1e-300)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX signals")
@pytest.mark.parametrize("weight", [0.1, np.full((64, 80), 0.1, np.float32)], ids=["number", "map"])
def test_control_c_between_short_iterations(weight: Any) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):  # else it would go on for hours
            denoise_tv(noisy(64, 80), weight, tol=1e-14, max_iter=10**9)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

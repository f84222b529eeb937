"""denoise_tv_chambolle against its definition, against scikit-image, and the arrays it is given."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import fastcv
from fastcv import _core

SHAPES = {
    1: [(1,), (2,), (7,), (16,), (17,), (100,)],
    2: [*((h, w) for h in range(1, 6) for w in range(1, 6)), (16, 16), (33, 47), (70, 20), (64, 65), (40, 3)],
    3: [(1, 1, 1), (2, 3, 4), (5, 1, 9), (9, 20, 33), (6, 7, 2)],
    4: [(2, 2, 2, 2), (3, 4, 5, 6), (2, 3, 17, 9)],
}
ALL_SHAPES = [shape for shapes in SHAPES.values() for shape in shapes]


def gradient(u):
    """Forward differences along every axis, 0 at the far border."""
    g = np.zeros((u.ndim, *u.shape), u.dtype)
    for axis in range(u.ndim):
        inner = [slice(None)] * u.ndim
        inner[axis] = slice(0, -1)
        g[(axis, *inner)] = np.diff(u, axis=axis)
    return g


def divergence(q):
    """The negative adjoint of `gradient`."""
    total = q.sum(axis=0)
    for axis in range(q.shape[0]):
        inner, outer = [slice(None)] * (q.ndim - 1), [slice(None)] * (q.ndim - 1)
        inner[axis], outer[axis] = slice(0, -1), slice(1, None)
        total[tuple(outer)] -= q[axis][tuple(inner)]
    return total


def reference(image, weight=0.1, eps=2e-4, max_num_iter=200, tau=None, stop="energy"):
    """The iteration as the docstring has it. Returns u, the passes, E and the last change."""
    f = image.copy()
    p = np.zeros((f.ndim, *f.shape), f.dtype)
    tau = 1 / (2 * f.ndim) if tau is None else tau
    first = before = None
    change = np.inf
    passes = 0
    while passes < max_num_iter:
        passes += 1
        d = divergence(-p)
        u = f + d
        g = gradient(u)
        norm = np.sqrt((g**2).sum(axis=0))
        energy = ((d.astype(float) ** 2).sum() + weight * norm.sum(dtype=float)) / f.size
        p_after = (p - tau * g) / (1 + tau / weight * norm)
        if stop == "dual":
            change = float(abs(p_after - p).max())
        elif first is None:
            first = energy
        else:
            change = abs(before - energy) / first if first > 0 else 0.0
        if change < eps:
            break
        p, before = p_after, energy
    return u, passes, energy, change


def noisy(shape, dtype="float64", seed=0, sigma=0.1):
    rng = np.random.default_rng(seed)
    smooth = sum(
        np.sin(np.arange(n) / 5).reshape([-1] + [1] * (len(shape) - 1 - i)) for i, n in enumerate(shape)
    )
    return (0.5 + 0.2 * smooth + sigma * rng.standard_normal(shape)).astype(dtype)


def run(image, weight=0.1, eps=2e-4, max_num_iter=200, *, tau=None, stop="energy", threads=1, block=0):
    """The core itself, which takes the length of a block too."""
    return _core.denoise_tv_chambolle(
        image, weight, eps, max_num_iter, None, tau, stop, None, True, threads, block
    )


def assert_same_bytes(a, b):
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert a.tobytes() == b.tobytes()


def refusal_of(*args, **options):
    try:
        fastcv.denoise_tv_chambolle(*args, **options)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


# ---- the definition --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ALL_SHAPES, ids=str)
def test_gradient_and_divergence_are_adjoint(shape):
    """The oracle's own: <grad u, q> = -<u, div q>."""
    rng = np.random.default_rng(1)
    u, q = rng.standard_normal(shape), rng.standard_normal((len(shape), *shape))
    for axis in range(len(shape)):  # a dual variable has nothing at the far border
        q[(axis, *(slice(-1, None) if a == axis else slice(None) for a in range(len(shape))))] = 0
    np.testing.assert_allclose((gradient(u) * q).sum(), -(u * divergence(q)).sum(), atol=1e-12)


@pytest.mark.parametrize("target", _core.simd_detected())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", ALL_SHAPES, ids=str)
def test_is_the_iteration(shape, dtype, target):
    _core.simd_force(target)
    image = noisy(shape, dtype)
    tolerance = 1e-10 if dtype == "float64" else 1e-5
    for weight, passes in [(0.02, 2), (0.1, 30), (0.5, 3)]:
        for stop in ("energy", "dual"):
            u, _, energy, change = reference(image, weight, 0, passes, stop=stop)
            got, (iterations, energies, changes, converged) = run(image, weight, 0, passes, stop=stop)
            assert got.dtype == image.dtype
            np.testing.assert_allclose(got, u, rtol=0, atol=tolerance)
            assert iterations == (passes,)
            assert converged == (False,)
            np.testing.assert_allclose(
                energies[0], energy, rtol=1e-9 if dtype == "float64" else 1e-4, atol=1e-12
            )
            if stop == "dual":
                np.testing.assert_allclose(changes[0], change, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("shape", [(40,), (33, 47), (9, 20, 33), (3, 4, 5, 6)], ids=str)
@pytest.mark.parametrize("stop", ["energy", "dual"])
def test_stops_where_the_definition_does(shape, stop):
    for seed in range(3):
        image = noisy(shape, seed=seed)
        for weight in (0.02, 0.1, 0.5):
            for eps in (1e-2, 2e-4, 1e-6):
                u, done, _, change = reference(image, weight, eps, 100, stop=stop)
                got, (iterations, _, changes, converged) = run(image, weight, eps, 100, stop=stop)
                assert iterations == (done,)
                assert converged == (change < eps,)
                np.testing.assert_allclose(changes[0], change, rtol=1e-6)
                np.testing.assert_allclose(got, u, rtol=0, atol=1e-10)


@pytest.mark.usefixtures("many_threads")
@pytest.mark.parametrize("target", _core.simd_detected())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "shape", [(400,), (5, 3), (203, 190), (700, 17), (40, 21, 37), (9, 5, 11, 20)], ids=str
)
def test_the_same_bytes_for_any_threads_and_blocks(shape, dtype, target):
    _core.simd_force(target)
    image = noisy(shape, dtype, sigma=0.2)
    for stop in ("energy", "dual"):
        for eps, passes in [(0, 37), (1e-3, 200), (2e-5, 60)]:
            expected, info = run(image, 0.1, eps, passes, stop=stop, block=1)
            for block in (0, 2, 5, 16, 50):
                for threads in (1, 2, 7):
                    got, other = run(image, 0.1, eps, passes, stop=stop, block=block, threads=threads)
                    assert_same_bytes(got, expected)
                    assert other == info


def test_a_step_of_its_own():
    image = noisy((30, 40))
    for tau in (0.01, 0.125, 0.25):
        np.testing.assert_allclose(run(image, tau=tau)[0], reference(image, tau=tau)[0], rtol=0, atol=1e-12)


# ---- laws ------------------------------------------------------------------------------------


def test_keeps_the_mean():
    for shape in [(50,), (33, 47), (9, 20, 33)]:
        image = noisy(shape)
        np.testing.assert_allclose(fastcv.denoise_tv_chambolle(image).mean(), image.mean(), rtol=1e-13)


def test_is_what_smooths():
    clean, image = noisy((90, 110), sigma=0), noisy((90, 110))
    u, info = fastcv.denoise_tv_chambolle(image, 0.1, return_info=True)
    assert np.square(u - clean).mean() < 0.2 * np.square(image - clean).mean()
    assert isinstance(info, fastcv.ChambolleInfo)
    assert info.converged == (True,)


def test_transposes():
    image = noisy((60, 45))
    np.testing.assert_allclose(
        fastcv.denoise_tv_chambolle(image.T.copy(), eps=0, max_num_iter=50),
        fastcv.denoise_tv_chambolle(image, eps=0, max_num_iter=50).T,
        rtol=0,
        atol=1e-12,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scales_by_powers_of_two(dtype):
    image = noisy((40, 50), dtype)
    plain = fastcv.denoise_tv_chambolle(image, 0.125)
    assert_same_bytes(fastcv.denoise_tv_chambolle(image * 4, 0.5), plain * 4)


@pytest.mark.parametrize("shape", [(1, 60), (60, 1), (1, 60, 1)], ids=str)
def test_axes_of_length_one_only_count_for_tau(shape):
    row = noisy((60,))
    expected = fastcv.denoise_tv_chambolle(row, tau=1 / (2 * len(shape)))
    assert_same_bytes(fastcv.denoise_tv_chambolle(row.reshape(shape)), expected.reshape(shape))


def test_axes_of_length_one_as_the_definition_has_it():
    image = noisy((1, 30, 1, 20))
    np.testing.assert_allclose(fastcv.denoise_tv_chambolle(image), reference(image)[0], rtol=0, atol=1e-12)


# ---- where scikit-image misbehaves -----------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 0.3, -7.0])
def test_a_constant_image_is_returned_at_once(value):
    for shape in [(5,), (20, 30), (3, 4, 5)]:
        image = np.full(shape, value)
        u, info = fastcv.denoise_tv_chambolle(image, return_info=True)
        assert_same_bytes(u, image)
        assert info == ((1,), (0.0,), (0.0,), (True,))


@pytest.mark.parametrize("passes", [0, 1])
def test_the_first_pass_only_looks(passes):
    for image in (noisy((20, 30)), noisy((4, 5, 6), "float32"), noisy((9,))):
        u, info = fastcv.denoise_tv_chambolle(image, max_num_iter=passes, return_info=True)
        assert_same_bytes(u, image)
        assert not np.shares_memory(u, image)
        assert info.iterations == (passes,)
        assert info.energy[0] == pytest.approx(reference(image, max_num_iter=1)[2], rel=1e-6)


def test_weight_zero_is_the_image():
    image = noisy((20, 30, 3), "float32")
    u = fastcv.denoise_tv_chambolle(image, 0, channel_axis=-1)
    assert_same_bytes(u, image)
    assert not np.shares_memory(u, image)


@pytest.mark.parametrize("weight", [1e-300, 1e-30, 1e6, 1e300])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_extreme_weights_stay_finite(weight, dtype):
    image = noisy((20, 30), dtype)
    u = fastcv.denoise_tv_chambolle(image, weight)
    assert np.isfinite(u).all()
    if weight < 1:
        np.testing.assert_allclose(u, image, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e25])
def test_extreme_values_stay_finite(scale):
    image = noisy((20, 30), "float32") * np.float32(scale)
    assert np.isfinite(fastcv.denoise_tv_chambolle(image, 0.1)).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 17, -1])
@pytest.mark.parametrize("layout", ["plain", "strided"])
def test_not_finite_is_refused(bad, place, layout):
    for dtype in ("float32", "float64"):
        image = noisy((21, 30), dtype)
        image.flat[place] = bad
        out = np.full_like(image, 5)
        view = image if layout == "plain" else np.repeat(image, 2, axis=1)[:, ::2]
        assert "image must be finite" in refusal_of(view, out=out)
        assert (out == 5).all()


def test_empty():
    for shape in [(0,), (0, 5), (5, 0), (3, 0, 4)]:
        u = fastcv.denoise_tv_chambolle(np.zeros(shape, np.float32))
        assert u.shape == shape
        assert u.dtype == np.float32
    u, info = fastcv.denoise_tv_chambolle(np.zeros((4, 5, 0)), channel_axis=-1, return_info=True)
    assert u.shape == (4, 5, 0)
    assert info.iterations == ()


# ---- dtypes ----------------------------------------------------------------------------------


def as_float(image):
    dtype = image.dtype
    if dtype.kind == "u":
        return np.multiply(image, 1 / np.iinfo(dtype).max, dtype=np.float64)
    if dtype.kind == "i":
        return np.maximum(np.multiply(image, 1 / np.iinfo(dtype).max, dtype=np.float64), -1)
    return image.astype(np.float32 if dtype.kind == "f" and dtype.itemsize <= 4 else np.float64)


INTEGERS = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]


@pytest.mark.parametrize(
    "dtype", [*INTEGERS, "bool", "float16", "float32", "float64", "longdouble", ">f4", ">u2"]
)
def test_dtypes(dtype):
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(3)
    if dtype.kind in "ui":
        limits = np.iinfo(dtype)
        image = rng.integers(limits.min, limits.max, (30, 41), dtype.newbyteorder("="), endpoint=True).astype(
            dtype
        )
    else:
        image = (
            (rng.random((30, 41)) * 2 - (dtype.kind == "f") > 0.3)
            if dtype == bool
            else rng.random((30, 41)).astype(dtype)
        )
    expected = fastcv.denoise_tv_chambolle(as_float(image))
    got = fastcv.denoise_tv_chambolle(image)
    assert got.dtype == (np.float32 if dtype.itemsize <= 4 and dtype.kind == "f" else np.float64)
    assert_same_bytes(got, expected)
    out = np.empty(image.shape, got.dtype)
    assert fastcv.denoise_tv_chambolle(image, out=out) is out
    assert_same_bytes(out, expected)


@pytest.mark.parametrize("dtype", ["complex64", "object", "datetime64[s]", "S3"])
def test_other_dtypes_are_refused(dtype):
    assert "expected a dtype of real numbers" in refusal_of(np.zeros((3, 4), dtype))


# ---- arrays ----------------------------------------------------------------------------------

LAYOUTS = {
    "contiguous": lambda a: a.copy(),
    "padded rows": lambda a: np.pad(a, ((0, 0), (0, 7), (0, 0)))[:, : a.shape[1]],
    "upside down": lambda a: a[::-1].copy()[::-1],
    "mirrored": lambda a: a[:, ::-1].copy()[:, ::-1],
    "reversed channels": lambda a: a[..., ::-1].copy()[..., ::-1],
    "every second column": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "Fortran order": np.asfortranarray,
    "channels first in memory": lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1),
    "misaligned": lambda a: misaligned(a),
}


def misaligned(a):
    memory = np.frombuffer(bytearray(a.nbytes + 1), np.uint8)[1:].view(a.dtype).reshape(a.shape)
    memory[...] = a
    return memory


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(dtype, layout):
    image = noisy((40, 66, 3)).clip(0, 1)
    image = image.astype(dtype) if dtype.startswith("f") else (image * np.iinfo(dtype).max).astype(dtype)
    for axis in (-1, None):
        expected = fastcv.denoise_tv_chambolle(image, channel_axis=axis)
        view = LAYOUTS[layout](image)
        view.setflags(write=False)
        assert_same_bytes(fastcv.denoise_tv_chambolle(view, channel_axis=axis), expected)
        np.testing.assert_array_equal(view, image)
        out = LAYOUTS[layout](np.zeros(image.shape, expected.dtype))
        assert fastcv.denoise_tv_chambolle(image, channel_axis=axis, out=out) is out
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_each_channel_stops_by_itself(axis):
    planes = [noisy((40, 50), "float32", seed, sigma) for seed, sigma in enumerate((0.02, 0.1, 0.4))]
    image = np.stack(planes, axis=axis)
    u, info = fastcv.denoise_tv_chambolle(image, channel_axis=axis, return_info=True)
    alone = [fastcv.denoise_tv_chambolle(plane, return_info=True) for plane in planes]
    assert_same_bytes(u, np.stack([a for a, _ in alone], axis=axis))
    assert info.iterations == tuple(i.iterations[0] for _, i in alone)
    assert len(set(info.iterations)) > 1


def test_channels_of_rows_and_volumes():
    rows, volumes = noisy((50, 2)), noisy((2, 6, 7, 8))
    u = fastcv.denoise_tv_chambolle(rows, channel_axis=1)
    assert_same_bytes(np.ascontiguousarray(u[:, 1]), fastcv.denoise_tv_chambolle(rows[:, 1].copy()))
    u = fastcv.denoise_tv_chambolle(volumes, channel_axis=0)
    assert_same_bytes(u[1], fastcv.denoise_tv_chambolle(volumes[1]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_place_and_overlapping(dtype):
    image = noisy((40, 50, 3), dtype)
    expected = fastcv.denoise_tv_chambolle(image, channel_axis=-1)
    same = image.copy()
    assert fastcv.denoise_tv_chambolle(same, channel_axis=-1, out=same) is same
    assert_same_bytes(same, expected)
    plane = image[..., 0].copy()
    assert_same_bytes(fastcv.denoise_tv_chambolle(plane, out=plane), np.ascontiguousarray(expected[..., 0]))
    memory = np.zeros((41, 50, 3), dtype)
    memory[:-1] = image
    assert_same_bytes(fastcv.denoise_tv_chambolle(memory[:-1], channel_axis=-1, out=memory[1:]), expected)
    flipped = image.copy()
    np.testing.assert_array_equal(
        fastcv.denoise_tv_chambolle(flipped, channel_axis=-1, out=flipped[::-1]), expected
    )


def test_bytes_and_result_in_the_same_memory():
    memory = np.zeros((16, 24))
    pixels = memory.view(np.uint8)[:, :24]
    pixels[...] = np.random.default_rng(0).integers(0, 256, pixels.shape)
    expected = fastcv.denoise_tv_chambolle(pixels.copy())
    assert_same_bytes(fastcv.denoise_tv_chambolle(pixels, out=memory), expected)


# ---- refusals --------------------------------------------------------------------------------

IMAGE = np.zeros((4, 5), np.float32)
REFUSED = {
    "image must be a NumPy array, got list": ([[1.0]], {}),
    "image must have at least 1 dimension": (np.float64(3)[...], {}),
    "weight must be finite and at least 0, got -1": (IMAGE, {"weight": -1}),
    "weight must be finite and at least 0, got nan": (IMAGE, {"weight": np.nan}),
    "weight must be a real number, got str": (IMAGE, {"weight": "1"}),
    "eps must be at least 0": (IMAGE, {"eps": -1e-3}),
    "max_num_iter must be at least 0": (IMAGE, {"max_num_iter": -1}),
    "max_num_iter must be an int": (IMAGE, {"max_num_iter": 2.5}),
    "tau must be finite and above 0": (IMAGE, {"tau": 0}),
    'stop must be one of "energy", "dual"': (IMAGE, {"stop": "gap"}),
    "channel_axis must be between -2 and 1": (IMAGE, {"channel_axis": 2}),
    "channel_axis must be an int or None": (IMAGE, {"channel_axis": "last"}),
    "channel_axis needs an image of at least 2": (IMAGE[0], {"channel_axis": 0}),
    "num_threads must be at least 1": (IMAGE, {"num_threads": 0}),
    "out: expected dtype float32, got float64": (IMAGE, {"out": np.zeros((4, 5))}),
    "out: expected shape (4, 5), got (5, 4)": (IMAGE, {"out": np.zeros((5, 4), np.float32)}),
    "image must not be a masked array": (np.ma.array(IMAGE), {}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refusals(message):
    image, options = REFUSED[message]
    text = refusal_of(image, **options)
    assert text is not None
    assert text.startswith("denoise_tv_chambolle: ")
    assert message in text


def test_read_only_out_is_refused():
    out = np.zeros_like(IMAGE)
    out.setflags(write=False)
    assert "out is read-only" in refusal_of(IMAGE, out=out)


INTERRUPTED = """
import os, signal, threading, time
import numpy as np, fastcv
image = np.random.default_rng(0).random(SHAPE)
sent = []
def send():
    time.sleep(0.2)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=send).start()
try:
    fastcv.denoise_tv_chambolle(image, eps=0, max_num_iter=10**9, num_threads=THREADS)
except KeyboardInterrupt:
    print(time.perf_counter() - sent[0])
fastcv.denoise_tv_chambolle(image, max_num_iter=2)  # and the library still works
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(700, 800), (5, 6), (60, 70, 80)], ids=str)
def test_ctrl_c(shape, threads):
    code = INTERRUPTED.replace("SHAPE", str(shape)).replace("THREADS", str(threads))
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert float(done.stdout) < 0.2


# ---- scikit-image ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def peer():
    return pytest.importorskip("skimage.restoration").denoise_tv_chambolle


@pytest.mark.parametrize("shape", [(90,), (5, 5), (60, 75), (8, 20, 33), (3, 4, 5, 6)], ids=str)
@pytest.mark.parametrize("weight", [0.02, 0.1, 0.5])
def test_like_scikit_image_in_float64(peer, shape, weight):
    image = noisy(shape)
    for eps in (2e-4, 2e-5, 1e-6):
        expected = peer(image, weight, eps, 200)
        got, info = fastcv.denoise_tv_chambolle(image, weight, eps, 200, return_info=True)
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10)
        # The same number of passes: one more or one less gives another image.
        count = info.iterations[0]
        if count < 200:
            assert abs(peer(image, weight, 0, count) - expected).max() == 0
            assert abs(peer(image, weight, 0, count - 1) - expected).max() > 0


@pytest.mark.parametrize("shape", [(90,), (60, 75), (8, 20, 33)], ids=str)
def test_like_scikit_image_in_float32(peer, shape):
    """Beyond a hundred passes a step of 1 / (2 d) makes rounding grow: there scikit-image's float32 is as far from its own
    float64 as ours is, in a few pixels."""
    image = noisy(shape, "float32")
    for weight in (0.02, 0.1, 0.5):
        for passes in (10, 100, 300):
            expected = peer(image, weight, 0, passes)
            got = fastcv.denoise_tv_chambolle(image, weight, 0, passes)
            assert got.dtype == expected.dtype
            difference = abs(got - expected)
            if passes <= 100:
                assert difference.max() < 1e-5
            else:
                exact = peer(image.astype(np.float64), weight, 0, passes)
                assert np.median(difference) < 1e-6
                assert np.sqrt(np.square(got - exact).mean()) < 1e-4
        np.testing.assert_allclose(
            fastcv.denoise_tv_chambolle(image, weight), peer(image, weight), rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("dtype", [*INTEGERS, "bool", "float16", "longdouble"])
def test_like_scikit_image_in_other_dtypes(peer, dtype):
    rng = np.random.default_rng(3)
    if np.dtype(dtype).kind in "ui":
        image = rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (30, 41, 3), dtype)
    else:
        image = rng.random((30, 41, 3)).astype(dtype) if dtype != "bool" else rng.random((30, 41, 3)) > 0.5
    expected = peer(image, channel_axis=-1)
    got = fastcv.denoise_tv_chambolle(image, channel_axis=-1)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10 if expected.dtype == np.float64 else 1e-5)

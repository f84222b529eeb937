"""box_blur against NumPy, and the laws it keeps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastcv
import references
from references import ALPHAS, BORDERS, ROUNDINGS

DTYPES = ["uint8", "uint16", "float32", "float64"]
INTEGERS = ["uint8", "uint16"]
FLOATS = ["float32", "float64"]
EXACT_BORDERS = ["reflect101", "reflect", "clamp", "wrap", "shrink"]  # a constant image stays constant


def make_image(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "u":
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return rng.uniform(-1, 1, shape).astype(dtype)


def assert_right(image, ksize, **options):
    got = fastcv.box_blur(image, ksize, **options)
    assert got.dtype == image.dtype
    assert got.shape == image.shape
    expected = references.box_blur(image, ksize, **options)
    if isinstance(expected, tuple):
        value, tolerance = expected
        assert np.all(abs(got - value) <= tolerance)
    else:
        np.testing.assert_array_equal(got, expected)


def assert_same_bytes(a, b):
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert a.tobytes() == b.tobytes()


# ---- against NumPy ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("ksize", [1, 2, 3, 8, 15, 31, (5, 2), (1, 9), (40, 3)])
def test_every_border(dtype, border, ksize):
    for channels in (1, 3, 4, 5):
        assert_right(make_image((23, 70, channels), dtype), ksize, border=border)
    assert_right(make_image((23, 70), dtype), ksize, border=border)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", BORDERS)
def test_windows_much_larger_than_the_image(dtype, border):
    for shape in [(1, 1, 1), (1, 5, 3), (4, 1, 4), (2, 3, 1), (7, 6, 3)]:
        for ksize in [(9, 4), (50, 61), (1, 100), (333, 2)]:
            assert_right(make_image(shape, dtype), ksize, border=border)
            assert_right(make_image(shape, dtype), ksize, border=border, anchor=(0, ksize[1] - 1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_windows_to_the_largest(dtype):
    """A window of 2^31 - 1 columns, whose size is a whole number of periods and one more."""
    image = make_image((3, 2, 3), dtype)
    k = 2**31 - 1
    got = fastcv.box_blur(image, (k, 1), border="wrap", anchor=0)
    half = (k - 1) // 2
    weights = np.array([[half + 1, half], [half, half + 1]])
    if dtype in INTEGERS:
        total = np.einsum("xj,yjc->yxc", weights, image.astype(np.int64))
        np.testing.assert_array_equal(got, references.rounded(total, k, "nearest"))
    else:
        np.testing.assert_allclose(
            got,
            np.einsum("xj,yjc->yxc", weights / k, image.astype(np.float64)),
            rtol=0,
            atol=40 * np.finfo(dtype).eps,
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("alpha", ALPHAS)
def test_alpha(dtype, border, alpha):
    rng = np.random.default_rng(1)
    for ksize in (2, 3, 8, (17, 4)):
        image = abs(make_image((19, 66, 4), dtype))
        image[..., 3] *= rng.integers(0, 2, image.shape[:2], np.uint8)
        image[:, 20:45, 3] = 0
        for rounding in ROUNDINGS if dtype in INTEGERS else ["nearest"]:
            assert_right(image, ksize, border=border, alpha=alpha, rounding=rounding)


def test_premultiplied_does_not_bleed():
    image = np.zeros((9, 9, 4), np.uint8)
    image[..., 0] = 255  # transparent red around ...
    image[4, 4] = [0, 200, 0, 255]  # ... one opaque green pixel
    got = fastcv.box_blur(image, 3, alpha="premultiplied")
    assert np.all(got[3:6, 3:6] == [0, 200, 0, 28])
    outside = np.ones((9, 9), bool)
    outside[3:6, 3:6] = False
    assert np.all(got[outside] == 0)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_rounding(dtype, rounding):
    for ksize in (2, 4, 6, 8, 16, (2, 1), (3, 2), 20):
        assert_right(make_image((40, 90, 3), dtype), ksize, rounding=rounding)
        assert_right(make_image((40, 90, 3), dtype), ksize, rounding=rounding, border="shrink")
        assert_right(make_image((40, 90, 3), dtype) // 64, ksize, rounding=rounding)


def test_rounding_of_ties():
    row = np.array([[0, 1, 2, 3, 4, 5]], np.uint8)
    options = {"border": "clamp", "anchor": (0, 0)}
    assert fastcv.box_blur(row, (2, 1), rounding="nearest", **options).tolist() == [[1, 2, 3, 4, 5, 5]]
    assert fastcv.box_blur(row, (2, 1), rounding="even", **options).tolist() == [[0, 2, 2, 4, 4, 5]]
    assert fastcv.box_blur(row, (2, 1), rounding="floor", **options).tolist() == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_border_value(dtype):
    for ksize in (2, 3, 8, 21):
        for value in (0, 7, 255):
            assert_right(make_image((13, 40), dtype), ksize, border="constant", border_value=value)
            assert_right(make_image((13, 40, 3), dtype), ksize, border="constant", border_value=value)
        for channels in (1, 2, 3, 4, 5):
            values = [200, 0, 255, 13, 1][:channels]
            assert_right(make_image((13, 40, channels), dtype), ksize, border="constant", border_value=values)


@pytest.mark.parametrize("dtype", DTYPES)
def test_anchor(dtype):
    for kx, ky in [(2, 2), (5, 3), (8, 8), (17, 9)]:
        for anchor in [(0, 0), (kx - 1, 0), (0, ky - 1), (kx - 1, ky - 1), (kx // 2, ky // 2)]:
            for border in BORDERS:
                assert_right(make_image((11, 37, 3), dtype), (kx, ky), anchor=anchor, border=border)
    image = make_image((11, 37, 3), dtype)
    assert_same_bytes(fastcv.box_blur(image, 5, anchor=1), fastcv.box_blur(image, 5, anchor=(1, 1)))


def test_even_windows_reach_further_left_and_up():
    image = np.zeros((7, 7), np.uint8)
    image[3, 3] = 200
    got = fastcv.box_blur(image, 2)
    assert np.argwhere(got).tolist() == [[3, 3], [3, 4], [4, 3], [4, 4]]


def test_tuples_are_width_and_height():
    image = make_image((30, 40), "uint8")
    wide = fastcv.box_blur(image, (9, 1))
    np.testing.assert_array_equal(wide, references.box_blur(image, (9, 1)))
    np.testing.assert_array_equal(fastcv.box_blur(image.T.copy(), (1, 9)), wide.T)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("mirror", "reflect101"),
        ("reflect_101", "reflect101"),
        ("replicate", "clamp"),
        ("nearest", "clamp"),
        ("edge", "clamp"),
    ],
)
def test_border_aliases(alias, name):
    image = make_image((20, 30, 3), "uint8")
    assert_same_bytes(fastcv.box_blur(image, 6, border=alias), fastcv.box_blur(image, 6, border=name))


sides = st.integers(1, 40)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_anything_against_numpy(data):
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = (
        data.draw(sides),
        data.draw(sides) * data.draw(st.sampled_from([1, 1, 4])),
        data.draw(st.integers(1, 6)),
    )
    kx, ky = (data.draw(st.one_of(st.integers(1, 20), st.integers(1, 90))) for _ in range(2))
    options = {
        "border": data.draw(st.sampled_from(BORDERS)),
        "anchor": (data.draw(st.integers(0, kx - 1)), data.draw(st.integers(0, ky - 1))),
        "rounding": data.draw(st.sampled_from(ROUNDINGS)),
    }
    if options["border"] == "constant":
        options["border_value"] = data.draw(
            st.lists(st.integers(0, 255), min_size=shape[2], max_size=shape[2])
        )
    image = make_image(shape, dtype, data.draw(st.integers(0, 10)))
    if shape[2] == 4:
        options["alpha"] = data.draw(st.sampled_from(ALPHAS))
        image = abs(image)
    assert_right(image, (kx, ky), **options)


# ---- the source document ----------------------------------------------------------------------


def source_like(height=174, width=174):
    """As the source's picture: RGBA, opaque, white edges, colour within."""
    image = make_image((height, width, 4), "uint8", 42)
    image[..., 3] = 255
    image[:6] = image[-6:] = 255
    image[:, :6] = image[:, -6:] = 255
    return image


@pytest.mark.parametrize("shape", [(174, 174), (9, 9), (5, 31), (3, 2), (1, 1), (40, 33)])
def test_source_programs(shape):
    for image in (source_like(*shape), make_image((*shape, 4), "uint8", 3)):
        assert_same_bytes(
            fastcv.box_blur(image, 9, border="shrink", rounding="floor"), references.python_box_blur(image, 8)
        )
        if min(shape) > 1:
            assert_same_bytes(
                fastcv.box_blur(image, 8, rounding="even"), references.opencv_filter2d(image, 8)
            )
        assert_same_bytes(
            fastcv.box_blur(image, 8, border="clamp", rounding="floor", alpha="opaque"),
            references.mojo_box_blur(image, 8),
        )


@pytest.mark.parametrize("diameter", [2, 3, 4, 5, 6, 7, 12, 16])
def test_source_programs_at_other_diameters(diameter):
    image = source_like(50, 61)
    odd, even = 2 * (diameter // 2) + 1, 2 * (diameter // 2)
    assert_same_bytes(
        fastcv.box_blur(image, odd, border="shrink", rounding="floor"),
        references.python_box_blur(image, diameter),
    )
    assert_same_bytes(
        fastcv.box_blur(image, even, border="clamp", rounding="floor", alpha="opaque"),
        references.mojo_box_blur(image, diameter),
    )


@pytest.mark.parametrize("ksize", [2, 3, 4, 5, 7, 8, 9])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_opencv_filter2d(ksize, channels):
    cv2 = pytest.importorskip("cv2")
    image = make_image((174, 174, channels), "uint8", ksize)
    expected = cv2.filter2D(image, -1, np.ones((ksize, ksize), np.float32) / ksize**2).reshape(image.shape)
    assert_same_bytes(fastcv.box_blur(image, ksize, rounding="even"), expected)


@pytest.mark.parametrize("ksize", [3, 5, 7, 9, 15, 17, 31])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("border", ["reflect101", "reflect", "clamp", "constant"])
def test_opencv_blur(ksize, channels, border):
    """Odd windows, where OpenCV rounds right (it does not for areas that are powers of two up to 256)."""
    cv2 = pytest.importorskip("cv2")
    kind = {
        "reflect101": cv2.BORDER_REFLECT_101,
        "reflect": cv2.BORDER_REFLECT,
        "clamp": cv2.BORDER_REPLICATE,
        "constant": cv2.BORDER_CONSTANT,
    }[border]
    image = make_image((61, 157, channels), "uint8", ksize)
    expected = cv2.blur(image, (ksize, ksize), borderType=kind).reshape(image.shape)
    assert_same_bytes(fastcv.box_blur(image, ksize, border=border), expected)


def test_scipy_uniform_filter():
    ndimage = pytest.importorskip("scipy.ndimage")
    image = make_image((50, 60), "float64")
    modes = {
        "reflect101": "mirror",
        "reflect": "reflect",
        "clamp": "nearest",
        "wrap": "wrap",
        "constant": "constant",
    }
    for border, mode in modes.items():
        for ksize in (2, 3, 8, 9):
            expected = ndimage.uniform_filter(image, ksize, mode=mode)
            np.testing.assert_allclose(
                fastcv.box_blur(image, ksize, border=border), expected, rtol=0, atol=1e-13
            )


# ---- laws ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("border", EXACT_BORDERS)
@pytest.mark.parametrize("ksize", [2, 3, 8, 16, 17, 33, (100, 3), 300])
def test_constant_stays_constant(border, ksize):
    for dtype in INTEGERS:
        for value in (0, 1, 127, 254, np.iinfo(dtype).max):
            for rounding in ROUNDINGS:
                image = np.full((21, 45, 3), value, dtype)
                assert_same_bytes(fastcv.box_blur(image, ksize, border=border, rounding=rounding), image)
    kx, ky = references.pair(ksize)
    for dtype in FLOATS:
        for value in (0.0, 0.1, -1 / 3, 1e20, 1e-20):
            image = np.full((21, 45, 3), value, dtype)
            error = abs(fastcv.box_blur(image, ksize, border=border) - image)
            assert np.all(error <= (np.log2(kx) + np.log2(ky) + 4) * np.spacing(abs(image)))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("ksize", [3, 9, 31, (5, 1), (1, 17)])
def test_flips(dtype, border, ksize):
    image = make_image((40, 77, 3), dtype)
    blurred = fastcv.box_blur(image, ksize, border=border)
    for axes in (0, 1, (0, 1)):
        assert_same_bytes(fastcv.box_blur(np.flip(image, axes), ksize, border=border), np.flip(blurred, axes))


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("ksize", [2, 3, 9, (5, 1), 24])
def test_transposed(dtype, ksize):
    image = make_image((40, 77), dtype)
    kx, ky = references.pair(ksize)
    for border in BORDERS:
        across = fastcv.box_blur(np.ascontiguousarray(image.T), (ky, kx), border=border)
        assert_same_bytes(fastcv.box_blur(image, (kx, ky), border=border), across.T)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("ksize", [2, 8, 15, (40, 3)])
def test_shifts_under_wrap(dtype, ksize):
    image = make_image((33, 70, 3), dtype)
    blurred = fastcv.box_blur(image, ksize, border="wrap")
    for shift in [(1, 0), (0, 1), (5, -13), (-32, 69)]:
        rolled = fastcv.box_blur(np.roll(image, shift, (0, 1)), ksize, border="wrap")
        assert_same_bytes(rolled, np.roll(blurred, shift, (0, 1)))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scale", [2.0, 0.25, -1024.0])
def test_powers_of_two_scale(dtype, scale):
    image = make_image((40, 77, 3), dtype)
    for border in BORDERS:
        for ksize in (2, 3, 8, 31):
            blurred = fastcv.box_blur(image, ksize, border=border)
            scaled = fastcv.box_blur(image * np.asarray(scale, dtype), ksize, border=border)
            np.testing.assert_array_equal(scaled, blurred * np.asarray(scale, dtype))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("strange", [1e20, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("ksize", [3, 8, 15, 31])
def test_a_spike_touches_only_its_windows(dtype, strange, ksize):
    image = make_image((80, 90, 3), dtype)
    spiked = image.copy()
    y, x = 40, 47
    spiked[y, x, 1] = strange
    for border in ["clamp", "constant", "shrink", "reflect101"]:
        plain, got = (fastcv.box_blur(a, ksize, border=border) for a in (image, spiked))
        first = y - (ksize - 1 - ksize // 2), x - (ksize - 1 - ksize // 2)
        touched = np.zeros(image.shape, bool)
        touched[first[0] : first[0] + ksize, first[1] : first[1] + ksize, 1] = True
        assert got[~touched].tobytes() == plain[~touched].tobytes()
        assert np.all(abs(got[touched]) > 1e15 if strange == 1e20 else ~np.isfinite(got[touched]))
        assert np.count_nonzero(touched) == ksize * ksize


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_threads(dtype):
    image = make_image((600, 511, 3), dtype)
    for ksize in (2, 8, 31):
        for border in BORDERS:
            one = fastcv.box_blur(image, ksize, border=border, num_threads=1)
            for threads in (None, 2, 3, 7):
                assert_same_bytes(fastcv.box_blur(image, ksize, border=border, num_threads=threads), one)

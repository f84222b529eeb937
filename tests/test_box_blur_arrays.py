"""box_blur and the arrays it is given: layouts, batches, `out`, refusals, more than 2^31 bytes."""

from __future__ import annotations

import re

import numpy as np
import pytest

import fastcv
import references
from references import BORDERS

DTYPES = ["uint8", "uint16", "float32", "float64"]


def make_image(shape, dtype="uint8", seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "u":
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return rng.uniform(-1, 1, shape).astype(dtype)


def assert_same_bytes(a, b):
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert a.tobytes() == b.tobytes()


def refusal_of(*args, **options):
    """What box_blur said when it refused, or None when it did its work."""
    try:
        fastcv.box_blur(*args, **options)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def misaligned(shape, dtype):
    """An array that begins one byte after an address its type likes."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(bytearray(size + 1), np.uint8)[1:].view(dtype).reshape(shape)


# Every way to hold the same (40, 66, 3) pixels.
LAYOUTS = {
    "contiguous": lambda a: a.copy(),
    "padded rows": lambda a: np.pad(a, ((0, 0), (0, 7), (0, 0)))[:, :66],
    "every second row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "upside down": lambda a: a[::-1].copy()[::-1],
    "mirrored": lambda a: a[:, ::-1].copy()[:, ::-1],
    "reversed channels": lambda a: a[..., ::-1].copy()[..., ::-1],
    "every second column": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "colours of RGBA": lambda a: np.pad(a, ((0, 0), (0, 0), (0, 1)))[..., :3],
    "Fortran order": lambda a: np.asfortranarray(a),
    "channels first in memory": lambda a: np.moveaxis(np.moveaxis(a, -1, 0).copy(), 0, -1),
    "transposed": lambda a: a.transpose(1, 0, 2).copy().transpose(1, 0, 2),
    "inside a larger image": lambda a: np.pad(a, ((3, 4), (5, 6), (0, 0)))[3:-4, 5:-6],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(dtype, layout):
    image = make_image((40, 66, 3), dtype)
    for ksize in (3, 8, 20):
        expected = fastcv.box_blur(image, ksize)
        view = LAYOUTS[layout](image)
        assert_same_bytes(fastcv.box_blur(view, ksize), expected)
        np.testing.assert_array_equal(view, image)
        out = LAYOUTS[layout](np.zeros_like(image))
        refusal = refusal_of(image, ksize, out=out)
        if refusal is None:
            assert_same_bytes(out, expected)
        else:  # `out` may have to have contiguous pixels
            assert "out" in refusal
            assert not out.any()


def test_nothing_is_written_between_the_rows():
    memory = np.full((40, 90, 3), 77, np.uint8)
    image = make_image((40, 66, 3))
    fastcv.box_blur(image, 8, out=memory[:, 10:76])
    np.testing.assert_array_equal(memory[:, 10:76], fastcv.box_blur(image, 8))
    assert np.all(memory[:, :10] == 77)
    assert np.all(memory[:, 76:] == 77)


@pytest.mark.parametrize("dtype", DTYPES)
def test_misaligned(dtype):
    image = make_image((31, 45, 3), dtype)
    view = misaligned(image.shape, dtype)
    view[...] = image
    expected = fastcv.box_blur(image, 8)
    assert_same_bytes(fastcv.box_blur(view, 8), expected)
    out = misaligned(image.shape, dtype)
    refusal = refusal_of(image, 8, out=out)
    if refusal is None:
        assert_same_bytes(out, expected)
    else:
        assert "out" in refusal


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float64"])
def test_foreign_byte_order(dtype):
    image = make_image((20, 30), dtype)
    swapped = image.astype(image.dtype.newbyteorder())
    refusal = refusal_of(swapped, 3)
    if refusal is None:
        np.testing.assert_array_equal(fastcv.box_blur(swapped, 3), fastcv.box_blur(image, 3))
    else:
        assert "image" in refusal


def test_read_only_input():
    image = make_image((20, 30, 3))
    expected = fastcv.box_blur(image, 5)
    image.flags.writeable = False
    assert_same_bytes(fastcv.box_blur(image, 5), expected)
    assert_same_bytes(
        fastcv.box_blur(np.frombuffer(image.tobytes(), np.uint8).reshape(image.shape), 5), expected
    )


def test_repeated_rows_and_pixels():
    row = make_image((1, 50, 3))
    tall = np.broadcast_to(row, (30, 50, 3))
    assert_same_bytes(fastcv.box_blur(tall, 8), fastcv.box_blur(tall.copy(), 8))
    flat = np.broadcast_to(make_image((30, 1, 3)), (30, 50, 3))
    assert_same_bytes(fastcv.box_blur(flat, 8), fastcv.box_blur(flat.copy(), 8))


# ---- batches and channel_axis -----------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_batch_is_its_images(dtype):
    for count in (1, 2, 5):
        batch = make_image((count, 33, 50, 3), dtype)
        for border in BORDERS:
            got = fastcv.box_blur(batch, 8, border=border)
            for image, blurred in zip(batch, got, strict=True):
                assert_same_bytes(blurred, fastcv.box_blur(image, 8, border=border))


def test_batch_views():
    batch = make_image((6, 33, 50, 3))
    expected = fastcv.box_blur(batch, 8)
    assert_same_bytes(fastcv.box_blur(batch[::2], 8), expected[::2])
    assert_same_bytes(fastcv.box_blur(batch[::-1], 8), expected[::-1])
    assert_same_bytes(
        fastcv.box_blur(batch[:, ::-1], 3), np.stack([fastcv.box_blur(i[::-1], 3) for i in batch])
    )
    one = np.broadcast_to(batch[0], (4, 33, 50, 3))
    assert_same_bytes(fastcv.box_blur(one, 8), np.stack([expected[0]] * 4))


@pytest.mark.parametrize("dtype", DTYPES)
def test_channel_axis(dtype):
    image = make_image((20, 30, 3), dtype)
    expected = fastcv.box_blur(image, 6)
    for axis in (0, 1, 2, -1, -2, -3):
        moved = np.ascontiguousarray(np.moveaxis(image, -1, axis))
        got = fastcv.box_blur(moved, 6, channel_axis=axis)
        assert_same_bytes(np.moveaxis(got, axis, -1), expected)
    batch = make_image((4, 20, 30, 3), dtype)
    expected = fastcv.box_blur(batch, 6)
    for axis in (1, 2, 3, -1, -3):
        moved = np.ascontiguousarray(np.moveaxis(batch, -1, axis))
        got = fastcv.box_blur(moved, 6, channel_axis=axis)
        assert_same_bytes(np.moveaxis(got, axis, -1), expected)


def test_channel_axis_with_alpha_and_border_value():
    image = make_image((20, 30, 4))
    options = {"border": "constant", "border_value": [1, 2, 3, 4], "alpha": "premultiplied"}
    first = np.ascontiguousarray(np.moveaxis(image, -1, 0))
    got = fastcv.box_blur(first, 6, channel_axis=0, **options)
    assert_same_bytes(np.moveaxis(got, 0, -1), fastcv.box_blur(image, 6, **options))


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_channels(dtype):
    for shape in [(20, 30), (3, 20, 30), (2, 3, 20, 30), (2, 2, 2, 9, 8)]:
        stack = make_image(shape, dtype)
        got = fastcv.box_blur(stack, 5, channel_axis=None)
        for index in np.ndindex(shape[:-2]):
            assert_same_bytes(got[index], fastcv.box_blur(stack[index], 5))


def test_many_channels_must_be_named():
    image = make_image((9, 8, 17))
    with pytest.raises(ValueError, match="channel_axis"):
        fastcv.box_blur(image, 3, channel_axis=5)
    # A 3-D array whose last axis is long could be a stack of grey images: it must say.
    with pytest.raises(ValueError, match="channel_axis"):
        fastcv.box_blur(image, 3)
    assert_same_bytes(
        fastcv.box_blur(make_image((9, 8, 16)), 3), references.box_blur(make_image((9, 8, 16)), 3)
    )
    stack = fastcv.box_blur(image, 3, channel_axis=None)
    assert_same_bytes(stack[4], fastcv.box_blur(image[4], 3))


# ---- out ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_returned(dtype):
    image = make_image((20, 30, 3), dtype)
    out = np.empty_like(image)
    assert fastcv.box_blur(image, 7, out=out) is out
    assert_same_bytes(out, fastcv.box_blur(image, 7))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("border", BORDERS)
def test_in_place(dtype, border):
    for view in (lambda a: a, lambda a: a[::-1], lambda a: a[3:, 2:-5]):
        memory = make_image((60, 70, 3), dtype)
        image = view(memory)
        expected = fastcv.box_blur(image.copy(), 8, border=border)
        assert fastcv.box_blur(image, 8, border=border, out=image) is image
        assert_same_bytes(image, expected)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (np.s_[0:40], np.s_[1:41]),
        (np.s_[1:41], np.s_[0:40]),
        (np.s_[0:40], np.s_[39::-1]),
        (np.s_[0:40, 0:20], np.s_[0:40, 1:21]),
        (np.s_[0:40, 5:25], np.s_[0:40, 0:20]),
        (np.s_[0:40, 0:20], np.s_[0:40, 20:40]),  # beside each other: no byte in common
        (np.s_[0:40:2], np.s_[1:40:2]),
    ],
)
def test_overlap_is_right_or_refused(source, target):
    memory = make_image((50, 40, 3))
    expected = fastcv.box_blur(memory[source].copy(), 8)
    before = memory.copy()
    out = memory[target]
    refusal = refusal_of(memory[source], 8, out=out)
    if refusal is None:
        assert_same_bytes(out, expected)
    else:
        assert "out" in refusal
        np.testing.assert_array_equal(memory, before)
        assert np.shares_memory(before[source], before[target]), "refused without a need"


def test_results_are_new_arrays():
    image = make_image((20, 30, 3))
    a, b = fastcv.box_blur(image, 1), fastcv.box_blur(image, 1)
    assert not np.shares_memory(a, image)
    assert not np.shares_memory(a, b)
    assert a.flags.writeable
    assert a.flags.c_contiguous


# ---- empty, bad, large --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (0, 5, 3), (5, 0, 3), (0, 5, 6, 3), (2, 0, 6, 3)])
def test_empty(dtype, shape):
    for border in BORDERS:
        got = fastcv.box_blur(np.empty(shape, dtype), 3, border=border)
        assert got.shape == shape
        assert got.dtype == dtype


GOOD = make_image((20, 30, 3))
RGBA = make_image((20, 30, 4))
BAD = [
    # argument, error, image, ksize, options
    ("ksize", ValueError, GOOD, 0, {}),
    ("ksize", ValueError, GOOD, -3, {}),
    ("ksize", ValueError, GOOD, (3, 0), {}),
    ("ksize", ValueError, GOOD, 2**31, {}),
    ("ksize", ValueError, GOOD, 2**80, {}),
    ("ksize", ValueError, GOOD, 2**31 - 1, {}),  # the sums would leave 63 bits
    ("ksize", TypeError, GOOD, 2.5, {}),
    ("ksize", TypeError, GOOD, "3", {}),
    ("ksize", TypeError, GOOD, None, {}),
    ("ksize", (TypeError, ValueError), GOOD, (3,), {}),
    ("ksize", (TypeError, ValueError), GOOD, (3, 3, 3), {}),
    ("ksize", TypeError, GOOD, (3, 2.5), {}),
    ("border", ValueError, GOOD, 3, {"border": "bounce"}),
    ("border", ValueError, GOOD, 3, {"border": ""}),
    ("border", TypeError, GOOD, 3, {"border": 4}),
    ("border_value", ValueError, GOOD, 3, {"border": "constant", "border_value": 256}),
    ("border_value", ValueError, GOOD, 3, {"border": "constant", "border_value": -1}),
    ("border_value", ValueError, GOOD, 3, {"border": "constant", "border_value": [1, 2]}),
    ("border_value", ValueError, GOOD, 3, {"border": "constant", "border_value": float("nan")}),
    ("border_value", TypeError, GOOD, 3, {"border": "constant", "border_value": "white"}),
    ("anchor", ValueError, GOOD, 3, {"anchor": 3}),
    ("anchor", ValueError, GOOD, 3, {"anchor": -1}),
    ("anchor", ValueError, GOOD, (3, 5), {"anchor": (0, 5)}),
    ("anchor", TypeError, GOOD, 3, {"anchor": 1.0}),
    ("rounding", ValueError, GOOD, 3, {"rounding": "up"}),
    ("rounding", TypeError, GOOD, 3, {"rounding": 1}),
    ("alpha", ValueError, RGBA, 3, {"alpha": "none"}),
    ("alpha", ValueError, GOOD, 3, {"alpha": "opaque"}),
    ("alpha", ValueError, GOOD[..., 0], 3, {"alpha": "premultiplied"}),
    ("alpha", TypeError, RGBA, 3, {"alpha": True}),
    ("channel_axis", ValueError, GOOD, 3, {"channel_axis": 3}),
    ("channel_axis", ValueError, GOOD, 3, {"channel_axis": -4}),
    ("channel_axis", TypeError, GOOD, 3, {"channel_axis": "last"}),
    ("num_threads", ValueError, GOOD, 3, {"num_threads": 0}),
    ("num_threads", ValueError, GOOD, 3, {"num_threads": -2}),
    ("num_threads", TypeError, GOOD, 3, {"num_threads": "2"}),
    ("num_threads", TypeError, GOOD, 3, {"num_threads": 1.5}),
    ("image", TypeError, GOOD.astype(np.int32), 3, {}),
    ("image", TypeError, GOOD.astype(bool), 3, {}),
    ("image", TypeError, GOOD.astype(np.int8), 3, {}),
    ("image", TypeError, GOOD.astype(np.complex64), 3, {}),
    ("image", TypeError, GOOD.astype(np.float16), 3, {}),
    ("image", TypeError, GOOD.astype(object), 3, {}),
    ("image", TypeError, None, 3, {}),
    ("image", TypeError, "image.png", 3, {}),
    ("image", ValueError, GOOD[0, 0], 3, {}),
    ("image", ValueError, np.zeros((), np.uint8), 3, {}),
    ("image", ValueError, make_image((1, 2, 3, 4, 3)), 3, {}),
]


@pytest.mark.parametrize("bad", BAD, ids=lambda b: f"{b[0]}-{b[3]!r}-{b[4]}"[:60])
def test_bad_input_names_the_argument_and_writes_nothing(bad):
    argument, error, image, ksize, options = bad
    with pytest.raises(error, match=rf"^box_blur: .*\b{argument}\b"):
        fastcv.box_blur(image, ksize, **options)
    out = np.full(np.shape(image), 77, np.uint8)
    if isinstance(image, np.ndarray) and image.dtype != object:
        out = np.full(image.shape, 77, image.dtype)
    with pytest.raises((TypeError, ValueError)):
        fastcv.box_blur(image, ksize, out=out, **options)
    assert np.all(out == np.asarray(77).astype(out.dtype))


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((20, 30, 4), np.uint8),
        np.zeros((20, 30), np.uint8),
        np.zeros((1, 20, 30, 3), np.uint8),
        np.zeros((20, 30, 3), np.uint16),
        np.zeros((20, 30, 3), np.int8),
        bytearray(20 * 30 * 3),
        [[0] * 30] * 20,
        True,
    ],
    ids=lambda out: re.sub(r"\W+", " ", repr(getattr(out, "shape", type(out))))[:30],
)
def test_bad_out(out):
    before = bytes(out) if isinstance(out, (bytearray, np.ndarray)) else None
    with pytest.raises((TypeError, ValueError), match=r"^box_blur: .*\bout\b"):
        fastcv.box_blur(GOOD, 3, out=out)
    if before is not None:
        assert bytes(out) == before


def test_out_that_cannot_be_written():
    out = np.zeros_like(GOOD)
    out.flags.writeable = False
    with pytest.raises(ValueError, match=r"^box_blur: .*\bout\b"):
        fastcv.box_blur(GOOD, 3, out=out)
    repeated = np.lib.stride_tricks.as_strided(np.zeros(90, np.uint8), GOOD.shape, (0, 3, 1))
    with pytest.raises(ValueError, match=r"^box_blur: .*\bout\b"):
        fastcv.box_blur(GOOD, 3, out=repeated)


def test_huge_shapes_without_memory():
    """Sizes that no memory holds are refused, not multiplied into something small."""
    vast = np.broadcast_to(np.zeros((), np.uint8), (2**31, 2**31))
    with pytest.raises((ValueError, MemoryError)):
        fastcv.box_blur(vast, 3)
    with pytest.raises((ValueError, MemoryError)):
        fastcv.box_blur(np.broadcast_to(np.zeros((), np.float64), (2**20, 2**20, 2**19)), 3, channel_axis=-1)


def test_numpy_integers_as_sizes():
    expected = fastcv.box_blur(GOOD, (3, 4), anchor=(1, 2))
    got = fastcv.box_blur(GOOD, (np.int64(3), np.uint8(4)), anchor=[np.int32(1), 2], num_threads=np.int16(1))
    assert_same_bytes(got, expected)


@pytest.mark.slow
def test_more_than_2_31_bytes():
    height, width = 70_000, 31_000
    assert height * width > 2**31
    block = make_image((1000, width))
    image = np.empty((height, width), np.uint8)
    for i in range(0, height, 1000):
        np.add(block, np.uint8(i // 1000 * 7 % 256), out=image[i : i + 1000])
    out = np.empty_like(image)
    middle = 2**31 // width
    for ksize in (8, 31):
        fastcv.box_blur(image, ksize, out=out)
        for first in (0, middle - 25, height - 50):
            begin, end = max(0, first - ksize), min(height, first + 50 + ksize)
            crop = fastcv.box_blur(image[begin:end], ksize)
            rows = slice(first - begin, first - begin + 50)
            np.testing.assert_array_equal(out[first : first + 50], crop[rows])
            columns = references.box_blur(image[begin:end, -200:], ksize)[rows, 100:]
            np.testing.assert_array_equal(out[first : first + 50, -100:], columns)

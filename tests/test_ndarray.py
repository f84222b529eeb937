"""The bridge from NumPy: what is read in place, what is copied once, what is refused and in which words."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import fastcv


def noise(shape, dtype="uint8", seed=0):
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "u":
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return rng.random(shape).astype(dtype)


def copies_made(image, out, **options):
    """How many images' worth of NumPy memory a call takes for itself."""
    tracemalloc.start()
    try:
        fastcv.box_blur(image, 3, out=out, num_threads=1, **options)
        return round(tracemalloc.get_traced_memory()[1] / image.nbytes, 1)
    finally:
        tracemalloc.stop()


BIG = (300, 400, 3)
IN_PLACE = {
    "contiguous": lambda a: a,
    "padded": lambda a: a[:, 7:-9],
    "every third row": lambda a: a[::3],
    "upside down": lambda a: a[::-1],
    "one column of pixels": lambda a: a[:, 5:6],
    "one row": lambda a: a[9:10],
    "planes of an interleaved array": lambda a: np.moveaxis(
        np.ascontiguousarray(np.moveaxis(a, -1, 0)), 0, -1
    ),
}
COPIED = {
    "mirrored": lambda a: a[:, ::-1],
    "every second pixel": lambda a: a[:, ::2],
    "transposed": lambda a: a.transpose(1, 0, 2),
    "two of three channels": lambda a: a[..., :2],
    "reversed channels": lambda a: a[..., ::-1],
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("layout", IN_PLACE)
def test_read_and_written_in_place(layout, dtype):
    image = IN_PLACE[layout](noise(BIG, dtype))
    out = IN_PLACE[layout](noise(BIG, dtype, 1))
    assert copies_made(image, out) < 0.1
    np.testing.assert_array_equal(out, fastcv.box_blur(image.copy(), 3))


@pytest.mark.parametrize("layout", COPIED)
def test_one_copy(layout):
    image, out = (COPIED[layout](noise(BIG, "uint8", seed)) for seed in (0, 1))
    expected = fastcv.box_blur(image.copy("C"), 3)
    assert copies_made(image, np.empty(image.shape, np.uint8)) == pytest.approx(1, abs=0.1)
    assert copies_made(image.copy("C"), out) == pytest.approx(1, abs=0.1)
    np.testing.assert_array_equal(out, expected)


def test_planes_are_not_copied():
    planes = noise((3, 200, 300))
    expected = np.stack([fastcv.box_blur(plane, 3) for plane in planes])
    out = np.empty_like(planes)
    assert copies_made(planes, out, channel_axis=0) < 0.1
    np.testing.assert_array_equal(out, expected)
    # One value for all channels changes nothing; one a channel needs the channels side by side.
    constant = {"channel_axis": 0, "border": "constant"}
    assert copies_made(planes, out, border_value=[7, 7, 7], **constant) < 0.1
    assert copies_made(planes, out, border_value=[7, 8, 9], **constant) == pytest.approx(2, abs=0.1)
    for value, plane, blurred in zip((7, 8, 9), planes, out, strict=True):
        np.testing.assert_array_equal(
            blurred, fastcv.box_blur(plane, 3, border="constant", border_value=value)
        )


def test_misaligned_memory_is_copied():
    memory = np.zeros(8 * 30 * 40 + 1, np.uint8)[1:].view(np.float64).reshape(30, 40)
    memory[...] = noise((30, 40), "float64")
    expected = fastcv.box_blur(memory.copy(), 3)
    np.testing.assert_array_equal(fastcv.box_blur(memory, 3), expected)
    assert fastcv.box_blur(memory, 3, out=memory) is memory
    np.testing.assert_array_equal(memory, expected)


def test_records_whose_rows_are_misaligned():
    records = np.zeros(20, np.dtype([("tag", "u1"), ("row", "<f4", (8,))]))
    rows = records["row"]
    rows[...] = noise((20, 8), "float32")
    expected = fastcv.box_blur(rows.copy(), 3)
    np.testing.assert_array_equal(fastcv.box_blur(rows, 3), expected)
    records["tag"] = 5
    fastcv.box_blur(rows.copy(), 3, out=rows)
    np.testing.assert_array_equal(rows, expected)
    assert np.all(records["tag"] == 5)


# ---- overlap ------------------------------------------------------------------------------------


def test_in_place_through_another_object():
    memory = noise((30, 40, 3))
    expected = fastcv.box_blur(memory.copy(), 5)
    view = memory[:]
    assert fastcv.box_blur(memory, 5, out=view) is view
    np.testing.assert_array_equal(memory, expected)


@pytest.mark.parametrize("flip", [np.s_[::-1], np.s_[:, ::-1], np.s_[..., ::-1]])
def test_out_is_a_flipped_view_of_the_image(flip):
    memory = noise((30, 40, 3))
    expected = fastcv.box_blur(memory.copy(), 5)
    fastcv.box_blur(memory, 5, out=memory[flip])
    np.testing.assert_array_equal(memory[flip], expected)


def test_out_is_the_transposed_image():
    memory = noise((40, 40))
    expected = fastcv.box_blur(memory.copy(), 5)
    fastcv.box_blur(memory, 5, out=memory.T)
    np.testing.assert_array_equal(memory.T, expected)


def test_batch_shifted_by_one():
    memory = noise((6, 20, 30, 3))
    expected = fastcv.box_blur(memory[:-1].copy(), 5)
    fastcv.box_blur(memory[:-1], 5, out=memory[1:])
    np.testing.assert_array_equal(memory[1:], expected)


def test_out_with_shared_elements():
    shape = (10, 12)
    for strides in [(0, 1), (1, 1), (12, 0), (6, 1)]:
        out = np.lib.stride_tricks.as_strided(np.zeros(400, np.uint8), shape, strides)
        with pytest.raises(ValueError, match=r"^box_blur: out: some of its elements share the same memory$"):
            fastcv.box_blur(noise(shape), 3, out=out)
        assert not out.any()


# ---- shapes ---------------------------------------------------------------------------------------


def test_axes_of_length_one_have_any_stride():
    image = noise((20, 30, 3))
    odd = np.lib.stride_tricks.as_strided(image[:1], (1, 30, 3), (12345, 3, 1))
    np.testing.assert_array_equal(fastcv.box_blur(odd, 3), fastcv.box_blur(image[:1], 3))
    odd = np.lib.stride_tricks.as_strided(image, (1, 20, 30, 3), (-777, 90, 3, 1))
    np.testing.assert_array_equal(fastcv.box_blur(odd, 3)[0], fastcv.box_blur(image, 3))


def test_default_channel_axis():
    grey = noise((20, 30))
    np.testing.assert_array_equal(fastcv.box_blur(grey, 3, channel_axis=-1), fastcv.box_blur(grey, 3))
    with pytest.raises(ValueError, match=r"^box_blur: channel_axis 0 needs an image of at least 3 dim"):
        fastcv.box_blur(grey, 3, channel_axis=0)
    wide = noise((9, 8, 17))
    with pytest.raises(ValueError, match=r"^box_blur: image of shape \(9, 8, 17\) .*: say channel_axis"):
        fastcv.box_blur(wide, 3)
    said = fastcv.box_blur(wide, 3, channel_axis=-1)
    np.testing.assert_array_equal(said, fastcv.box_blur(wide, 3, channel_axis=2))
    np.testing.assert_array_equal(said[..., 16], fastcv.box_blur(wide[..., 16].copy(), 3))


def test_more_than_four_axes():
    stack = noise((2, 3, 20, 30, 3))
    with pytest.raises(ValueError, match=r"^box_blur: image has 5 dimensions, .* say channel_axis"):
        fastcv.box_blur(stack, 3)
    got = fastcv.box_blur(stack, 3, channel_axis=-1)
    for index in np.ndindex(2, 3):
        np.testing.assert_array_equal(got[index], fastcv.box_blur(stack[index], 3))
    swapped = stack.transpose(1, 0, 2, 3, 4)  # batch axes that do not merge
    np.testing.assert_array_equal(fastcv.box_blur(swapped, 3, channel_axis=-1), got.transpose(1, 0, 2, 3, 4))
    planes = np.ascontiguousarray(np.moveaxis(stack, -1, 2))
    np.testing.assert_array_equal(np.moveaxis(fastcv.box_blur(planes, 3, channel_axis=2), 2, -1), got)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0, 3), (4, 5, 0), (0, 4, 5, 3), (2, 4, 0, 3)])
def test_empty_comes_back_empty(shape):
    got = fastcv.box_blur(np.empty(shape, np.float32), 3)
    assert got.shape == shape
    assert got.dtype == np.float32
    out = np.empty(shape, np.float32)
    assert fastcv.box_blur(np.empty(shape, np.float32), 3, out=out) is out
    with pytest.raises(ValueError, match="ksize"):
        fastcv.box_blur(out, 0)


# ---- kinds of arrays ------------------------------------------------------------------------------


class Tagged(np.ndarray):
    """A subclass that does nothing."""


def test_subclasses_are_plain_arrays():
    image = noise((20, 30, 3))
    got = fastcv.box_blur(image.view(Tagged), 3)
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, fastcv.box_blur(image, 3))
    out = np.empty_like(image).view(Tagged)
    assert fastcv.box_blur(image, 3, out=out) is out
    got = fastcv.box_blur(image[:, ::2].view(Tagged), 3)
    np.testing.assert_array_equal(got, fastcv.box_blur(image[:, ::2], 3))


def test_masked_arrays_are_refused():
    masked = np.ma.masked_array(noise((20, 30)), mask=False)
    with pytest.raises(TypeError, match=r"^box_blur: image must not be a masked array"):
        fastcv.box_blur(masked, 3)
    with pytest.raises(TypeError, match=r"^box_blur: out must not be a masked array"):
        fastcv.box_blur(noise((20, 30)), 3, out=masked)


def test_memory_maps(tmp_path):
    image = noise((20, 30, 3))
    np.save(tmp_path / "image.npy", image)
    mapped = np.load(tmp_path / "image.npy", mmap_mode="r")
    got = fastcv.box_blur(mapped, 3)
    np.testing.assert_array_equal(got, fastcv.box_blur(image, 3))
    del mapped


MESSAGES = [
    (None, "TypeError: box_blur: image must be a NumPy array, got NoneType"),
    ([[1, 2], [3, 4]], "TypeError: box_blur: image must be a NumPy array, got list"),
    (memoryview(b"abc"), "TypeError: box_blur: image must be a NumPy array, got memoryview"),
    (
        np.zeros((4, 4), np.int64),
        "TypeError: box_blur: image: expected dtype uint8, uint16, float32, float64, got int64",
    ),
    (
        np.zeros((4, 4), bool),
        "TypeError: box_blur: image: expected dtype uint8, uint16, float32, float64, got bool",
    ),
    (
        np.zeros((4, 4), np.longdouble),
        f"TypeError: box_blur: image: expected dtype uint8, uint16, float32, float64, got {np.dtype('g').name}",
    ),
    (np.zeros((4,), np.uint8), "ValueError: box_blur: image must have at least 2 dimensions, got shape (4,)"),
    (np.zeros((), np.uint8), "ValueError: box_blur: image must have at least 2 dimensions, got shape ()"),
]


@pytest.mark.parametrize(("image", "message"), MESSAGES)
def test_words_about_the_image(image, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        fastcv.box_blur(image, 3)
    assert f"{type(caught.value).__name__}: {caught.value}" == message


def test_words_about_byte_order():
    image = np.zeros((4, 4), np.dtype(np.uint16).newbyteorder())
    with pytest.raises(
        TypeError, match=r"^box_blur: image: expected uint16 in this machine's byte order, got dtype"
    ):
        fastcv.box_blur(image, 3)


IMAGE = noise((4, 5, 3))
WORDS = [
    ({"ksize": 0}, "ValueError: box_blur: ksize must be at least 1, got 0"),
    ({"ksize": (3, -1)}, "ValueError: box_blur: ksize must be at least 1, got (3, -1)"),
    ({"ksize": 2**31}, "ValueError: box_blur: ksize must be at most 2147483647, got 2147483648"),
    ({"ksize": 10**30}, f"ValueError: box_blur: ksize must be at most 2147483647, got {10**30}"),
    (
        {"ksize": 3.0},
        "TypeError: box_blur: ksize must be an int or a pair (width, height) of ints, got float",
    ),
    (
        {"ksize": True},
        "TypeError: box_blur: ksize must be an int or a pair (width, height) of ints, got bool",
    ),
    (
        {"ksize": (3, True)},
        "TypeError: box_blur: ksize must be an int or a pair (width, height) of ints, got (3, True)",
    ),
    (
        {"anchor": 3},
        "ValueError: box_blur: anchor must lie inside the window, from 0 to ksize - 1, got 3 with ksize 3",
    ),
    (
        {"border": "reflect102"},
        (
            'ValueError: box_blur: border must be one of "reflect101", "reflect", "clamp", "wrap", "constant", "shrink", '
            "got 'reflect102'"
        ),
    ),
    ({"border": None}, "TypeError: box_blur: border must be a str, got NoneType"),
    (
        {"rounding": "up"},
        'ValueError: box_blur: rounding must be one of "nearest", "even", "floor", got \'up\'',
    ),
    ({"alpha": "opaque"}, "ValueError: box_blur: alpha='opaque' needs an image with 4 channels, got 3"),
    (
        {"border_value": 1.5},
        "ValueError: box_blur: border_value must be a whole number from 0 to 255, got 1.5",
    ),
    (
        {"border_value": (1, 2)},
        "ValueError: box_blur: border_value must be one number or 3 (one a channel), got 2",
    ),
    (
        {"border_value": True},
        "TypeError: box_blur: border_value must be a number or one number a channel, got bool",
    ),
    (
        {"border_value": 1j},
        "TypeError: box_blur: border_value must be a number or one number a channel, got complex",
    ),
    (
        {"channel_axis": 3},
        "ValueError: box_blur: channel_axis must be between -3 and 2 for an image of shape (4, 5, 3), got 3",
    ),
    ({"channel_axis": 1.0}, "TypeError: box_blur: channel_axis must be an int or None, got float"),
    ({"num_threads": 0}, "ValueError: box_blur: num_threads must be at least 1, got 0"),
    ({"num_threads": True}, "TypeError: box_blur: num_threads must be an int or None, got bool"),
    ({"out": [[0]]}, "TypeError: box_blur: out must be a NumPy array, got list"),
    ({"out": IMAGE[:3]}, "ValueError: box_blur: out: expected shape (4, 5, 3), got (3, 5, 3)"),
    ({"out": IMAGE.astype(np.uint16)}, "TypeError: box_blur: out: expected dtype uint8, got uint16"),
]


@pytest.mark.parametrize(("options", "message"), WORDS, ids=lambda v: str(v)[:40])
def test_words_about_arguments(options, message):
    before = IMAGE.copy()
    with pytest.raises((TypeError, ValueError)) as caught:
        fastcv.box_blur(IMAGE, **({"ksize": 3} | options))
    assert f"{type(caught.value).__name__}: {caught.value}" == message
    np.testing.assert_array_equal(IMAGE, before)


@pytest.mark.parametrize(
    ("alias", "border"),
    [
        ("mirror", "reflect101"),
        ("reflect_101", "reflect101"),
        ("replicate", "clamp"),
        ("nearest", "clamp"),
        ("edge", "clamp"),
    ],
)
def test_aliases(alias, border):
    expected = fastcv.box_blur(IMAGE, 3, border=border)
    np.testing.assert_array_equal(fastcv.box_blur(IMAGE, 3, border=alias), expected)
    built = "".join(list(alias))  # equal, but not the interned literal
    np.testing.assert_array_equal(fastcv.box_blur(IMAGE, 3, border=built), expected)


def test_kinds_of_border_values():
    expected = fastcv.box_blur(IMAGE, 3, border="constant", border_value=9)
    for value in (9.0, np.uint8(9), np.float32(9), np.array(9), [9, 9, 9], np.array([9, 9, 9.0])):
        np.testing.assert_array_equal(
            fastcv.box_blur(IMAGE, 3, border="constant", border_value=value), expected
        )
    grey = noise((4, 5), "float32")
    nan = fastcv.box_blur(grey, 3, border="constant", border_value=float("nan"))
    assert np.isnan(nan[0]).all()
    assert not np.isnan(nan[1:-1, 1:-1]).any()
    with pytest.raises(ValueError, match="range of float32"):
        fastcv.box_blur(grey, 3, border_value=1e300)


def test_out_of_memory():
    vast = np.broadcast_to(np.zeros((), np.uint8), (2**28, 2**28))
    with pytest.raises(MemoryError):
        fastcv.box_blur(vast, 3)
    np.testing.assert_array_equal(fastcv.box_blur(IMAGE, 1), IMAGE)

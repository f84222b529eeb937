"""`Preprocess`: laws, layouts, memory, refusals, and what makes it a value."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fastcv
from fastcv import Preprocess, _core

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INTERPOLATIONS = ("nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "area")


def noise(*shape: int, dtype: Any = np.uint8, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return random.random(shape).astype(dtype)
    return random.integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


# ---- the formula -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_without_resizing_it_is_the_formula(dtype: Any) -> None:
    image = noise(13, 37, 3, dtype=dtype)
    scale = 1 if dtype is np.float32 else 1 / np.iinfo(dtype).max
    expected = (image * scale - MEAN) / STD
    for interpolation in INTERPOLATIONS:
        pre = Preprocess((13, 37), mean=MEAN, std=STD, interpolation=interpolation)
        np.testing.assert_allclose(pre(image), expected.transpose(2, 0, 1), rtol=1e-6, atol=2e-6)


def test_reverse_channels_and_order_of_mean() -> None:
    image = noise(8, 9, 3)
    pre = Preprocess((8, 9), mean=MEAN, std=STD, reverse_channels=True, layout="HWC")
    np.testing.assert_allclose(pre(image), (image[..., ::-1] / 255 - MEAN) / STD, rtol=1e-6, atol=1e-6)


def test_channels_3_turns_grey_and_rgba_into_rgb() -> None:
    pre = Preprocess((6, 7), channels=3)
    rgba, grey = noise(11, 12, 4), noise(11, 12)
    assert np.array_equal(pre(rgba), pre(np.ascontiguousarray(rgba[..., :3])))
    assert np.array_equal(pre(grey), np.repeat(Preprocess((6, 7))(grey), 3, axis=0))
    reverse = Preprocess((6, 7), channels=3, reverse_channels=True)
    assert np.array_equal(reverse(rgba), pre(rgba)[::-1])


def test_uint8_output_is_rounded_half_to_even_and_saturated() -> None:
    image = np.array([[0, 1, 2, 3, 200, 255]], np.uint8)
    pre = Preprocess((1, 6), dtype="uint8", scale=1.5, mean=1.0)
    assert pre(image).ravel().tolist() == [0, 0, 2, 4, 255, 255]  # -1, 0.5, 2, 3.5, 299, 381.5
    assert np.array_equal(Preprocess((1, 6), dtype=np.uint8)(image), image[None])


@pytest.mark.parametrize("dtype", ["float16", "uint8"])
def test_other_types_are_the_floats_rounded(dtype: str) -> None:
    image = noise(50, 60, 3)
    scale = 1 if dtype == "uint8" else None
    full = Preprocess((31, 33), scale=scale)(image)
    assert np.array_equal(
        Preprocess((31, 33), scale=scale, dtype=dtype)(image),
        full.round().astype(dtype) if dtype == "uint8" else full.astype(dtype),
    )


@pytest.mark.parametrize(("dtype", "unit"), [(np.uint8, 1), (np.uint16, 257), (np.float32, 1 / 255)])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_padding_is_exact(dtype: Any, unit: float, layout: str) -> None:
    """What pixels of that value give, bit by bit; or, when it is meant for the result, the value itself."""
    image, pads = noise(20, 31, 3, dtype=dtype), (114, 3, 200)
    common: Any = {"size": (40, 50), "resize": "letterbox", "mean": MEAN, "std": STD, "layout": layout}
    flat = np.broadcast_to(np.array([pad * unit for pad in pads]), (40, 50, 3)).astype(dtype)
    pixels = Preprocess(**common | {"resize": "stretch", "interpolation": "nearest"})(flat)
    padded = Preprocess(**common, pad_value=pads)(image)
    raw = Preprocess(**common, pad_value=(-1.5, 0, 7), pad_normalized=True)(image)
    if layout == "HWC":
        pixels, padded, raw = (a.transpose(2, 0, 1) for a in (pixels, padded, raw))
    outside = np.ones((40, 50), bool)
    x, y, width, height = Preprocess(**common).transform(image.shape).content
    outside[y : y + height, x : x + width] = False
    assert outside.any()
    assert np.array_equal(padded[:, outside], pixels[:, outside])
    assert np.array_equal(padded[:, ~outside], raw[:, ~outside])
    for plane, value in zip(raw, (-1.5, 0, 7), strict=True):
        assert (plane[outside] == value).all()


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_flips(interpolation: str) -> None:
    if interpolation == "nearest":
        pytest.skip("takes the left and upper pixel: not symmetric by definition")
    image = noise(30, 41, 3)
    pre = Preprocess((14, 19), interpolation=interpolation, scale=1)
    straight, flipped = pre(image), pre(image[::-1, ::-1])[:, ::-1, ::-1]
    at_ties = 0.01 if interpolation != "nearest_exact" else None
    if at_ties:
        np.testing.assert_allclose(straight, flipped, atol=at_ties)
    else:
        assert np.mean(straight == flipped) > 0.8


def test_clip() -> None:
    image = np.zeros((1, 16, 1), np.uint8)
    image[0, 8:] = 255
    for interpolation in ("bicubic", "lanczos"):
        inside = Preprocess((1, 50), interpolation=interpolation)(image)
        free = Preprocess((1, 50), interpolation=interpolation, clip=False)(image)
        assert inside.min() == 0
        assert inside.max() == 1
        assert free.min() < -0.03
        assert free.max() > 1.03
        assert np.allclose(free.clip(0, 1), inside, atol=1e-6)


# ---- every target, every number of threads ---------------------------------------------------


@pytest.mark.usefixtures("many_threads")
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_same_bytes_for_any_number_of_threads(channels: int) -> None:
    image = noise(1100, 1301, channels)
    for antialias in (False, True):
        first = None
        for threads in (1, 2, 3, 7):
            pre = Preprocess((640, 701), antialias=antialias, num_threads=threads, resize="letterbox")
            result = pre(image).tobytes()
            first = first or result
            assert result == first


def test_simd_targets_agree() -> None:
    image = noise(97, 111, 3)
    for options in ({}, {"antialias": True}, {"interpolation": "bicubic"}, {"interpolation": "area"}):
        results = []
        for target in _core.simd_detected():
            _core.simd_force(target)
            results.append(Preprocess((40, 51), scale=1, **options)(image))
        for result in results[1:]:
            np.testing.assert_allclose(result, results[0], atol=0.1)


# ---- memory ----------------------------------------------------------------------------------


def test_views_are_read_in_place_and_give_the_same_bytes() -> None:
    big = noise(60, 80, 3)
    pre = Preprocess((20, 30))
    for view in (
        big[5:40, 7:50],
        big[::-1],
        big[::2],
        big[:, ::-1],
        big.transpose(1, 0, 2),
        big[..., ::-1],
        big[:, ::3],
    ):
        assert np.array_equal(pre(view), pre(np.ascontiguousarray(view)))
    frozen = big.copy()
    frozen.flags.writeable = False
    assert np.array_equal(pre(frozen), pre(big))
    unaligned = np.frombuffer(b"\0" + noise(5, 6, 3, dtype=np.uint16).tobytes(), np.uint16, offset=1).reshape(
        5, 6, 3
    )
    assert np.array_equal(pre(unaligned), pre(unaligned.copy()))


def test_out_is_written_and_returned_and_nothing_else_is() -> None:
    image = noise(33, 47, 3)
    pre = Preprocess((16, 21), mean=MEAN, std=STD)
    expected = pre(image)
    batch = np.full((3, 3, 16, 21), 7, np.float32)
    assert pre(image, out=batch[1]) is not None
    assert np.array_equal(batch[1], expected)
    assert (batch[[0, 2]] == 7).all()
    canvas = np.full((5, 20, 30), -1, np.float32)
    for target in (
        canvas[1:4, 2:18, 4:25],
        canvas[1:4, 2:18, 4:25][::-1],
        np.empty((16, 21, 3), np.float32).transpose(2, 0, 1),
    ):
        assert pre(image, None, target) is target
        assert np.array_equal(target, expected)
    around = canvas.copy()
    around[1:4, 2:18, 4:25] = -1
    assert (around == -1).all()


def test_out_may_overlap_the_image() -> None:
    memory = noise(3 * 20 * 20 + 64)
    image, out = memory[: 20 * 20 * 3].reshape(20, 20, 3), memory[64 : 64 + 20 * 20 * 3].reshape(3, 20, 20)
    expected = Preprocess(20, dtype="uint8")(image.copy())
    assert np.array_equal(Preprocess(20, dtype="uint8")(image, None, out), expected)


def test_planes_at_multiples_of_4_kib() -> None:
    memory = np.zeros(3 * 64 * 64 + 1024, np.float32)
    start = -memory.ctypes.data % 4096 // 4
    out = memory[start : start + 3 * 64 * 64].reshape(3, 64, 64)
    image = noise(100, 120, 3)
    assert np.array_equal(Preprocess(64)(image, None, out), Preprocess(64)(image))


def test_roi() -> None:
    image = noise(50, 60, 3)
    pre = Preprocess((20, 24), interpolation="bicubic")
    assert np.array_equal(pre(image, (7, 5, 31, 22)), pre(image[5:27, 7:38]))
    assert np.array_equal(pre(image, roi=(0, 0, 60, 50)), pre(image))
    assert np.array_equal(pre(image, roi=np.array([59, 49, 1, 1])), pre(image[49:, 59:]))
    for bad in ((-1, 0, 5, 5), (0, 0, 61, 5), (0, 0, 0, 5), (55, 0, 6, 5), (2**63, 0, 1, 1)):
        with pytest.raises(ValueError, match="roi"):
            pre(image, bad)
    for wrong in ((1, 2, 3), "abcd", 5, (1.5, 0, 3, 3)):
        with pytest.raises(TypeError, match="roi"):
            pre(image, wrong)  # type: ignore[arg-type]


# ---- batches ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("many_threads")
def test_a_batch_is_its_images_one_by_one() -> None:
    images = [
        noise(20 + 5 * i, 90 - 3 * i, seed=i) if i % 3 == 0 else noise(20 + 5 * i, 90 - 3 * i, 3, seed=i)
        for i in range(9)
    ]
    images[4] = noise(31, 32, 3, dtype=np.float32)
    for threads in (1, 2, 7):
        pre = Preprocess((24, 32), resize="letterbox", channels=3, num_threads=threads)
        out = np.full((9, 3, 24, 32), np.nan, np.float32)
        assert pre.batch(images, out) is out
        assert np.array_equal(out, np.stack([pre(image) for image in images]))
    stack = noise(4, 30, 31, 3)
    hwc = Preprocess((12, 13), layout="HWC", dtype="float16")
    assert np.array_equal(hwc.batch(stack), np.stack([hwc(image) for image in stack]))
    rois = [None, (1, 2, 3, 4), None, (0, 0, 31, 30)]
    assert np.array_equal(hwc.batch(stack, rois=rois)[1], hwc(stack[1], rois[1]))


def test_batch_refusals() -> None:
    pre = Preprocess(8)
    with pytest.raises(ValueError, match="at least one"):
        pre.batch([])
    with pytest.raises(TypeError, match="images must be a sequence"):
        pre.batch(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one shape; image 0 gives"):
        pre.batch([noise(5, 5, 3), noise(5, 5)])
    with pytest.raises(ValueError, match="rois"):
        pre.batch([noise(5, 5, 3)], rois=[])
    out = np.zeros((2, 3, 8, 8), np.float32)
    with pytest.raises(ValueError, match="out: expected shape"):
        pre.batch([noise(5, 5, 3)], out)
    assert not out.any()


# ---- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"size": 0}, ValueError, "size must be from 1"),
        ({"size": (-1, 5)}, ValueError, "size"),
        ({"size": (1, 2, 3)}, TypeError, "size"),
        ({"size": 2.5}, TypeError, "size"),
        ({"size": True}, TypeError, "size"),
        ({"std": 0}, ValueError, "std must be greater than 0"),
        ({"std": (1, 0, 1)}, ValueError, "std"),
        ({"std": float("nan")}, ValueError, "std must be finite"),
        ({"std": "1"}, TypeError, "std"),
        ({"mean": (1, 2), "channels": 3}, ValueError, "mean must be one number or 3"),
        ({"mean": float("inf")}, ValueError, "mean"),
        ({"scale": 0}, ValueError, "scale"),
        ({"scale": float("nan")}, ValueError, "scale"),
        ({"std_eps": -1}, ValueError, "std_eps"),
        ({"resize": "fit"}, ValueError, 'resize must be one of "stretch"'),
        ({"resize_to": 5}, ValueError, "resize_to needs"),
        ({"stride": 32}, ValueError, "stride needs"),
        ({"anchor": "top_left"}, ValueError, "anchor needs"),
        ({"upscale": False}, ValueError, "upscale=False needs"),
        ({"interpolation": "linear"}, ValueError, "interpolation must be one of"),
        ({"interpolation": "area", "antialias": True}, ValueError, "antialias needs"),
        ({"antialias": 1}, TypeError, "antialias must be a bool, got int"),
        ({"layout": "NCHW"}, ValueError, "layout must be one of"),
        ({"dtype": "float64"}, ValueError, "dtype must be one of"),
        ({"dtype": np.int32}, ValueError, "dtype"),
        ({"channels": 0}, ValueError, "channels must be at least 1"),
        ({"pad_value": None}, TypeError, "pad_value"),
        ({"num_threads": 0}, ValueError, "num_threads must be at least 1"),
        ({"num_threads": 1.5}, TypeError, "num_threads"),
        ({"size": (3, 4), "resize": "shortest"}, ValueError, "size must be an int"),
    ],
)
def test_bad_settings(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Preprocess(**({"size": 8} | options))


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        ([[1, 2], [3, 4]], TypeError, "image must be a NumPy array"),
        (
            np.zeros((4, 4, 3), np.float64),
            TypeError,
            "image: expected dtype uint8, uint16, float32, got float64",
        ),
        (np.zeros((4, 4, 3), np.int8), TypeError, "image"),
        (np.zeros((4, 4, 3), bool), TypeError, "image"),
        (np.zeros((4, 4, 3), ">u2"), TypeError, "byte order"),
        (np.zeros(4, np.uint8), ValueError, "image must have the shape"),
        (np.zeros((1, 4, 4, 3), np.uint8), ValueError, "image must have the shape"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "at least one pixel"),
        (np.zeros((4, 0), np.uint8), ValueError, "at least one pixel"),
        (np.zeros((4, 4, 0), np.uint8), ValueError, "channels"),
        (np.zeros((3, 40, 50), np.uint8), ValueError, "50 channels are unlikely"),
        (np.ma.masked_array(np.zeros((4, 4), np.uint8)), TypeError, "masked"),
    ],
)
def test_bad_images_write_nothing(image: Any, error: type[Exception], words: str) -> None:
    out = np.full((3, 8, 8), 5, np.float32)
    with pytest.raises(error, match=words):
        Preprocess(8)(image, None, out)
    assert (out == 5).all()


@pytest.mark.parametrize(
    ("out", "words"),
    [
        (np.zeros((3, 8, 9), np.float32), r"out: expected shape \(3, 8, 8\)"),
        (np.zeros((8, 8, 3), np.float32), "out: expected shape"),
        (np.zeros((3, 8, 8), np.float64), "out: expected dtype float32"),
        (np.broadcast_to(np.zeros((1, 8, 8), np.float32), (3, 8, 8)), "out"),
        ("out", "out must be a NumPy array"),
    ],
)
def test_bad_out(out: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        Preprocess(8)(noise(9, 9, 3), None, out)


def test_wrong_number_of_channels() -> None:
    with pytest.raises(ValueError, match="image must have 1, 3 or 4 channels, got 2"):
        Preprocess(8, channels=3)(noise(5, 5, 2))
    with pytest.raises(ValueError, match="mean must be one number or 1"):
        Preprocess(8, mean=MEAN)(noise(5, 5))
    assert Preprocess(8, channels=20)(noise(5, 5, 20)).shape == (20, 8, 8)


# ---- a value ---------------------------------------------------------------------------------


def test_plans_are_values() -> None:
    pre = Preprocess((8, 9), mean=list(MEAN), std=np.array(STD), dtype=np.float16)
    same = Preprocess((8, 9), mean=MEAN, std=STD, dtype="float16")
    other = Preprocess((8, 9), mean=MEAN, std=STD)
    assert pre == same
    assert hash(pre) == hash(same)
    assert pre != other
    assert pre != 5
    assert len({pre, same, other}) == 2
    image = noise(20, 21, 3)
    for twin in (pickle.loads(pickle.dumps(pre)), copy.copy(pre), copy.deepcopy(pre), eval(repr(pre))):
        assert twin == pre
        assert np.array_equal(twin(image), pre(image))
    with pytest.raises(AttributeError, match="immutable"):
        pre.size = 5  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="immutable"):
        del pre._core
    assert (
        repr(Preprocess(5, resize="letterbox", num_threads=2))
        == "Preprocess(5, resize='letterbox', num_threads=2)"
    )


def test_threads_share_one_plan() -> None:
    pre = Preprocess(32, antialias=True)
    images = [noise(20 + i, 50 - i, 3, seed=i) for i in range(25)]
    expected = [pre(image) for image in images]
    wrong = []

    def work() -> None:
        for turn in range(4):
            for i in np.random.default_rng(turn).permutation(25):
                if not np.array_equal(pre(images[i]), expected[i]):
                    wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.usefixtures("many_threads")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_fork_after_use() -> None:
    pre = Preprocess(700, num_threads=3)
    image = noise(900, 900, 3)
    expected = pre(image)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(pre(image), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_data_loader_worker_uses_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    for name in ("preprocess", "preprocess_batch"):
        monkeypatch.setattr(f"fastcv._preprocess.{name}", lambda *a: asked.append(a[4]))
    monkeypatch.setattr("fastcv._runtime._chosen", False)
    data = SimpleNamespace(get_worker_info=object)
    monkeypatch.setitem(sys.modules, "torch.utils.data", data)
    image, pre = noise(8, 8), Preprocess(8)
    pre(image)
    pre.batch([image])
    Preprocess(8, num_threads=2)(image)
    fastcv.set_num_threads(3)
    pre(image)
    fastcv.set_num_threads(None)
    data.get_worker_info = lambda: None  # the process that loads
    pre(image)
    assert asked == [1, 1, 2, None, None]


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_data_loader_workers(start: str) -> None:
    data = pytest.importorskip("torch.utils.data")
    pre = Preprocess(32, mean=MEAN, std=STD)
    images = [noise(40 + i, 50, 3, seed=i) for i in range(6)]
    expected = np.stack([pre(image) for image in images])
    loader = data.DataLoader(Images(pre, images), batch_size=3, num_workers=2, multiprocessing_context=start)
    assert np.array_equal(np.concatenate([batch.numpy() for batch in loader]), expected)
    loader = data.DataLoader(MoreThreads(Preprocess(900)), num_workers=2, multiprocessing_context=start)
    assert [int(more) for more in loader] == [0, 0]


class Images:
    """A map-style data set: pickled with its plan for spawned workers."""

    def __init__(self, pre: Preprocess, images: list[Any]) -> None:
        self.pre, self.images = pre, images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> Any:
        if i >= len(self.images):
            raise IndexError
        return self.pre(self.images[i])


class MoreThreads:
    """How many threads a worker has started for a large image."""

    def __init__(self, pre: Preprocess) -> None:
        self.pre = pre

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> int:
        before = len(os.listdir("/proc/self/task"))
        self.pre(noise(1500, 1500, 3))
        return len(os.listdir("/proc/self/task")) - before

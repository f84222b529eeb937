"""The public functions as the contract sees them. A family is one block; test_contract.py fails for a name without one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

import fastcv
import references
import test_tv_chambolle

REALS = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
)


@dataclass(frozen=True)
class Entry:
    """A function of one array, called as ``call(array, out=..., num_threads=...)``."""

    name: str
    call: Callable[..., Any]
    says: str  # what its messages begin with
    result: Callable[[Any], tuple[tuple[int, ...], Any]]  # shape and dtype of what comes out
    check: Callable[[Any, Any], None]  # of the array and the result: raises where the result is wrong
    argument: str = "image"  # what its messages call the array
    dtypes: tuple[str, ...] = ("uint8", "uint16", "float32", "float64")
    shape: tuple[int, ...] = (9, 21, 3)  # of an array it takes
    small: tuple[int, ...] = (5, 6)  # of one that takes microseconds
    large: tuple[int, ...] = (300, 400, 3)  # of one that is worth several threads
    make: Callable[[tuple[int, ...], Any], Any] | None = None  # an array it takes; default: noise
    has_out: bool = True
    empty: bool = True  # takes arrays without elements
    nan: str = "spreads"  # over what it touches; or "refused", "missing"
    inf: str = "spreads"
    keeps_constants: bool = True  # a constant comes out as it went in,
    constant_ulp: float = 0  # but for so many units in the last place

    def array(self, dtype: Any, shape: tuple[int, ...] | None = None, seed: int = 0) -> Any:
        return (self.make or noise)(self.shape if shape is None else shape, dtype, seed)

    def clear(self, error: Exception) -> bool:
        """Whether a refusal says who refuses what."""
        text = str(error)
        return text.startswith(self.says) and bool(re.search(rf"\b({self.argument}|out|channel)", text))


def noise(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Any:
    return np.asarray(_noise(shape, dtype, seed))


def _noise(shape: tuple[int, ...], dtype: Any, seed: int) -> Any:
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    if dtype.kind in "ui":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype.newbyteorder("="), endpoint=True).astype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "fc":
        return rng.random(shape).astype(dtype)
    return np.zeros(shape, dtype)


def same_shape(array: Any) -> tuple[tuple[int, ...], Any]:
    return array.shape, array.dtype


# ---- box_blur --------------------------------------------------------------------------------------


def check_box_blur(array: Any, got: Any, **options: Any) -> None:
    if array.size == 0:
        return
    if array.ndim > 3:
        for one, its in zip(array, got, strict=True):
            check_box_blur(one, its, **options)
        return
    expected = references.box_blur(np.ascontiguousarray(array), **options)
    if isinstance(expected, tuple):
        assert np.all(abs(got.astype(np.longdouble) - expected[0]) <= expected[1])
    else:
        np.testing.assert_array_equal(got, expected)


def box_blur_entry(name: str, **options: Any) -> Entry:
    return Entry(
        name,
        partial(_box_blur, options),
        "box_blur: ",
        same_shape,
        partial(check_box_blur, **options),
        keeps_constants=options.get("border") != "constant",
        constant_ulp=8,
    )


def _box_blur(options: dict[str, Any], image: Any, *, out: Any = None, num_threads: Any = None) -> Any:
    return fastcv.box_blur(image, **options, out=out, num_threads=num_threads)


# ---- total variation -------------------------------------------------------------------------------

TOL = 1e-3


def check_denoise_tv(array: Any, got: Any, **options: Any) -> None:
    """By certificate: the duality gap, from its definition."""
    if array.size == 0:
        return
    work = np.ascontiguousarray(array)
    again, info = fastcv.denoise_tv(work, **options, tol=TOL, return_info=True)
    np.testing.assert_array_equal(again, got)
    assert info.converged
    if array.dtype.kind == "u":  # the proof belongs to the solution before its rounding
        assert got.min() >= array.min()
        assert got.max() <= array.max()
        return
    weight = 0.1
    if array.ndim <= 2:
        image, result = work[None], got[None]
    else:
        image, result = (np.moveaxis(a, -1, a.ndim - 3) for a in (work, got))
    duals = info.dual.astype(float).reshape(-1, 2, *image.shape[-2:]) if array.ndim > 1 else info.dual[None]
    planes = zip(
        image.reshape(-1, *image.shape[-2:]), result.reshape(-1, *image.shape[-2:]), duals, strict=True
    )
    for f, u, q in planes:
        f, u = f.astype(float), u.astype(float)
        assert np.sqrt((q.astype(float) ** 2).sum(0)).max() <= weight * (1 + 1e-6)
        g = test_tv_chambolle.gradient(u)
        norm = np.sqrt((g**2).sum(0))
        objective = ((u - f) ** 2).sum() / 2 + weight * norm.sum()
        gap = ((u - f - test_tv_chambolle.divergence(q.astype(float))) ** 2).sum() / 2 + (
            weight * norm - (q * g).sum(0)
        ).sum()
        assert gap <= TOL * objective * 1.01 + 1e-9


def _denoise_tv(options: dict[str, Any], image: Any, *, out: Any = None, num_threads: Any = None) -> Any:
    return fastcv.denoise_tv(image, **options, tol=TOL, out=out, num_threads=num_threads)


def chambolle_result(array: Any) -> tuple[tuple[int, ...], Any]:
    return array.shape, np.float32 if array.dtype.kind == "f" and array.dtype.itemsize <= 4 else np.float64


def check_chambolle(array: Any, got: Any) -> None:
    if array.size == 0:
        return
    image = test_tv_chambolle.as_float(array)
    expected = test_tv_chambolle.reference(image, eps=0, max_num_iter=20)[0]
    np.testing.assert_allclose(got, expected, atol=2e-5 if got.dtype == np.float32 else 1e-12)


def _chambolle(image: Any, *, out: Any = None, num_threads: Any = None) -> Any:
    return fastcv.denoise_tv_chambolle(image, eps=0, max_num_iter=20, out=out, num_threads=num_threads)


# ---- Preprocess ------------------------------------------------------------------------------------

SIZE = (6, 11)


def bilinear(image: Any, height: int, width: int) -> Any:
    """Pixel centres, in float64."""

    def axis(a: Any, n: int) -> Any:
        at = np.clip((np.arange(n) + 0.5) * len(a) / n - 0.5, 0, len(a) - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, len(a) - 1)
        part = (at - low).reshape(-1, *[1] * (a.ndim - 1))
        return a[low] * (1 - part) + a[high] * part

    rows = axis(image.astype(float), height)
    return np.swapaxes(axis(np.swapaxes(rows, 0, 1), width), 0, 1)


def check_preprocess(array: Any, got: Any) -> None:
    image = array if array.ndim == 3 else array[..., None]
    top = {"u1": 255, "u2": 65535}.get(array.dtype.str[1:], 1)
    expected = np.moveaxis(bilinear(image, *SIZE) / top, -1, 0)
    np.testing.assert_allclose(got, expected, atol=0.06 / 255 if array.dtype == np.uint8 else 4e-6)


def check_batch(array: Any, got: Any) -> None:
    images = array if array.ndim == 4 else [array, array]
    for image, its in zip(images, got, strict=True):
        check_preprocess(image, its)


def preprocess_result(array: Any) -> tuple[tuple[int, ...], Any]:
    return (array.shape[2] if array.ndim == 3 else 1, *SIZE), np.float32


def _preprocess(image: Any, *, out: Any = None, num_threads: Any = None) -> Any:
    channels = image.shape[2] if getattr(image, "ndim", 0) == 3 and image.shape[2] > 4 else None
    return fastcv.Preprocess(SIZE, channels=channels, num_threads=num_threads)(image, None, out)


def _batch(image: Any, *, out: Any = None, num_threads: Any = None) -> Any:
    images = image if getattr(image, "ndim", 0) == 4 else [image, image]
    return fastcv.Preprocess(SIZE, num_threads=num_threads).batch(images, out)


PREPROCESS = ("uint8", "uint16", "float32")
ENTRIES = [
    box_blur_entry("box_blur", ksize=3),
    box_blur_entry("box_blur-even-shrink", ksize=(6, 4), border="shrink", rounding="floor"),
    box_blur_entry("box_blur-large-constant", ksize=(41, 23), border="constant", border_value=1),
    Entry(
        "denoise_tv",
        partial(_denoise_tv, {}),
        "denoise_tv: ",
        same_shape,
        check_denoise_tv,
        nan="missing",
        inf="refused",
    ),
    Entry(
        "denoise_tv_chambolle",
        _chambolle,
        "denoise_tv_chambolle: ",
        chambolle_result,
        check_chambolle,
        dtypes=(*REALS, "float64", "longdouble", ">u2", ">f4", ">f8"),
        large=(200, 300),
        nan="refused",
        inf="refused",
    ),
    Entry(
        "Preprocess",
        _preprocess,
        "Preprocess: ",
        preprocess_result,
        check_preprocess,
        dtypes=PREPROCESS,
        empty=False,
        constant_ulp=1,
    ),
    Entry(
        "Preprocess.batch",
        _batch,
        "Preprocess: ",
        lambda a: ((2, *preprocess_result(a)[0]), np.float32),
        check_batch,
        dtypes=PREPROCESS,
        empty=False,
        constant_ulp=1,
    ),
]

# ---- points from distances -------------------------------------------------------------------------


def points(n: int, dtype: Any, seed: int = 0) -> Any:
    return np.random.default_rng(seed).random((n, 2)).astype(dtype)


def rows_of(array: Any) -> int:
    return array.shape[0] if isinstance(array, np.ndarray) and array.ndim else 3


def true_distances(shape: tuple[int, ...], dtype: Any, seed: int = 0) -> Any:
    """Of points, where the shape allows it."""
    if np.dtype(dtype).kind != "f" or len(shape) != 2 or shape[0] != shape[1]:
        return noise(shape, dtype, seed)
    x = points(shape[0], np.float64, seed)
    return np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1)).astype(dtype)


def descended(x0: Any, distances: Any) -> Any:
    """Five steps, from the definition."""
    x, squares = x0.astype(float), distances.astype(float) ** 2
    for _ in range(5):
        between = x[:, None] - x[None]
        excess = (between**2).sum(-1) - squares
        np.fill_diagonal(excess, 0)
        x = x - 0.001 * 4 * (excess[..., None] * between).sum(1)
    return x


def _descend(distances: Any, *, out: Any = None, num_threads: Any = None) -> Any:
    x0 = points(rows_of(distances) or 3, np.float64)
    return fastcv.gradient_descent(x0, distances, 0.001, 5, out=out, num_threads=num_threads)


def check_descend(distances: Any, got: Any) -> None:
    np.testing.assert_allclose(
        got, descended(points(len(distances), np.float64), distances), rtol=1e-4, atol=1e-4
    )


def _descend_from(x0: Any, *, out: Any = None, num_threads: Any = None) -> Any:
    n = rows_of(x0)
    return fastcv.gradient_descent(x0, noise((n, n), np.float64), 0.001, 5, out=out, num_threads=num_threads)


def check_descend_from(x0: Any, got: Any) -> None:
    n = len(x0)
    np.testing.assert_allclose(got, descended(x0, noise((n, n), np.float64)), rtol=1e-3, atol=1e-3)


def _mds(distances: Any, *, num_threads: Any = None) -> Any:
    return fastcv.mds(distances, num_threads=num_threads).embedding


def check_mds(distances: Any, got: Any) -> None:
    assert np.isfinite(got).all()


def _pairwise(x: Any, *, num_threads: Any = None) -> Any:
    return fastcv.pairwise_distances(x, num_threads=num_threads)


def check_pairwise(x: Any, got: Any) -> None:
    wide = x.astype(float)
    np.testing.assert_allclose(
        got, np.sqrt(((wide[:, None] - wide[None]) ** 2).sum(-1)), rtol=1e-5, atol=1e-30
    )


FLOAT = ("float32", "float64")
ENTRIES += [
    Entry(
        "gradient_descent",
        _descend,
        "gradient_descent: ",
        lambda d: ((rows_of(d), 2), np.float64),
        check_descend,
        argument="distances",
        dtypes=FLOAT,
        shape=(9, 9),
        small=(6, 6),
        large=(900, 900),
        nan="refused",
        inf="refused",
        keeps_constants=False,
    ),
    Entry(
        "gradient_descent-x0",
        _descend_from,
        "gradient_descent: ",
        same_shape,
        check_descend_from,
        argument="x0",
        dtypes=FLOAT,
        shape=(9, 3),
        small=(6, 2),
        large=(900, 2),
        nan="refused",
        inf="refused",
        keeps_constants=False,
    ),
    Entry(
        "mds",
        _mds,
        "mds: ",
        lambda d: ((rows_of(d), 2), d.dtype),
        check_mds,
        argument="distances",
        dtypes=FLOAT,
        shape=(9, 9),
        small=(6, 6),
        large=(300, 300),
        make=true_distances,
        has_out=False,
        nan="missing",
        inf="refused",
        keeps_constants=False,
    ),
    Entry(
        "pairwise_distances",
        _pairwise,
        "pairwise_distances: ",
        lambda x: ((rows_of(x), rows_of(x)), x.dtype),
        check_pairwise,
        argument="x",
        dtypes=FLOAT,
        shape=(9, 3),
        small=(6, 2),
        large=(900, 5),
        has_out=False,
        keeps_constants=False,
    ),
]


# ---- arguments -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A public function with an example of every argument it takes, and what each must refuse."""

    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    says: str
    refuses: Mapping[str, list[Any]] = field(default_factory=dict)
    out: Callable[[], Any] | None = None  # an array that fits, to see that a refusal leaves it alone
    also_says: Mapping[str, str] = field(default_factory=dict)  # other words for an argument in messages
    left_alone: frozenset[str] = frozenset()  # arguments that ENTRIES sends arrays to


NOT_INTS = [True, 1.5, "3", 1j, float("nan"), np.bool_(True)]
NOT_COUNTS = [*NOT_INTS, 0, -1, -(2**70)]
NOT_NUMBERS = [True, "3", 1j, object()]
NOT_FINITE = [*NOT_NUMBERS, float("nan"), float("inf")]
NOT_NAMES = ["no such name", "", "nearest\0", "\ud800", 3, True, b"nearest", None]
NOT_FLAGS = [1, 0, "yes", None, 1.0]
IMAGE = noise((9, 8, 3), np.uint8)
FLOATS = noise((9, 8), np.float32)


def transform() -> fastcv.Transform:
    return fastcv.Preprocess(8).transform((9, 8))


def _preset(name: str) -> Callable[..., Any]:
    """The preset's plan, at work."""
    return lambda **arguments: getattr(fastcv.Preprocess, name)(**arguments)(IMAGE)


CALLS: dict[str, Call] = {
    "box_blur": Call(
        fastcv.box_blur,
        {
            "image": IMAGE,
            "ksize": 3,
            "border": "clamp",
            "border_value": 0,
            "anchor": None,
            "rounding": "nearest",
            "alpha": "blur",
            "channel_axis": -1,
            "out": None,
            "num_threads": 1,
        },
        "box_blur: ",
        {
            "ksize": [*NOT_COUNTS, None, (0, 3), (1, 2, 3), (1.5, 2)],
            "anchor": [*NOT_INTS, -1, 3, (0, 3), (1, 2, 3)],
            "border": NOT_NAMES,
            "border_value": [*NOT_NUMBERS, -1, 256, 0.5, float("nan"), (1, 2)],
            "rounding": NOT_NAMES,
            "alpha": [*NOT_NAMES, "opaque"],
            "channel_axis": [*NOT_INTS, 3, -4, 2**70],
            "num_threads": NOT_COUNTS,
        },
        out=lambda: np.full(IMAGE.shape, 7, np.uint8),
        left_alone=frozenset({"image", "out"}),
    ),
    "denoise_tv_chambolle": Call(
        fastcv.denoise_tv_chambolle,
        {
            "image": FLOATS,
            "weight": 0.1,
            "eps": 2e-4,
            "max_num_iter": 9,
            "channel_axis": None,
            "tau": None,
            "stop": "energy",
            "out": None,
            "return_info": False,
            "num_threads": 1,
        },
        "denoise_tv_chambolle: ",
        {
            "weight": [*NOT_FINITE, -1],
            "eps": [*NOT_NUMBERS, -1, float("nan")],
            "max_num_iter": [*NOT_INTS, None, -1],
            "channel_axis": [*NOT_INTS, 2, -3],
            "tau": [*NOT_FINITE, 0, -1],
            "stop": NOT_NAMES,
            "num_threads": NOT_COUNTS,
        },
        out=lambda: np.full(FLOATS.shape, 7, np.float32),
        left_alone=frozenset({"image", "out"}),
    ),
    "denoise_tv": Call(
        fastcv.denoise_tv,
        {
            "image": FLOATS,
            "weight": 0.1,
            "tol": 1e-3,
            "max_iter": 1000,
            "channel_axis": -1,
            "channels": "separate",
            "isotropic": True,
            "data_range": None,
            "sigma": None,
            "warm_start": None,
            "callback": None,
            "out": None,
            "return_info": False,
            "num_threads": 1,
        },
        "denoise_tv: ",
        {
            "weight": [*NOT_FINITE, -1, -1e308, np.ones(3), np.ones((8, 9)), np.full((9, 8), np.nan)],
            "tol": [*NOT_FINITE, 0, -1],
            "max_iter": NOT_COUNTS,
            "channel_axis": [*NOT_INTS, 2, -4],
            "channels": NOT_NAMES,
            "isotropic": NOT_FLAGS,
            "data_range": [*NOT_FINITE, 0, -1],
            "sigma": [*NOT_FINITE, 0, -1, "no such name"],
            "warm_start": [1, "x", np.ones((9, 8)), np.full((2, 9, 8), np.nan)],
            "callback": [1, "x", ()],
            "num_threads": NOT_COUNTS,
        },
        out=lambda: np.full(FLOATS.shape, 7, np.float32),
        left_alone=frozenset({"image", "out"}),
    ),
    "Preprocess": Call(
        lambda **arguments: fastcv.Preprocess(**arguments)(IMAGE),
        {
            "size": 5,
            "resize": "stretch",
            "resize_to": None,
            "anchor": "center",
            "stride": None,
            "upscale": True,
            "interpolation": "bilinear",
            "antialias": False,
            "clip": True,
            "scale": None,
            "mean": 0.0,
            "std": 1.0,
            "std_eps": 0.0,
            "reverse_channels": False,
            "channels": None,
            "layout": "CHW",
            "dtype": "float32",
            "pad_value": 114,
            "pad_normalized": False,
            "num_threads": None,
        },
        "Preprocess: ",
        {
            "size": [*NOT_COUNTS, None, (0, 3), (1, 2, 3), 2**40],
            "resize": NOT_NAMES,
            "resize_to": NOT_COUNTS,
            "anchor": NOT_NAMES,
            "stride": NOT_COUNTS,
            "upscale": NOT_FLAGS,
            "interpolation": NOT_NAMES,
            "antialias": NOT_FLAGS,
            "clip": NOT_FLAGS,
            "scale": [*NOT_FINITE, 0],
            "mean": [*NOT_FINITE, (1, 2), (1, "x", 2)],
            "std": [*NOT_FINITE, 0, -1, (1, 2)],
            "std_eps": [*NOT_FINITE, -2],
            "reverse_channels": NOT_FLAGS,
            "channels": [*NOT_COUNTS, 2],
            "layout": NOT_NAMES,
            "dtype": ["no such name", "float64", 3, np.int8, "\ud800", object()],
            "pad_value": [*NOT_FINITE, None, (1, 2)],
            "pad_normalized": NOT_FLAGS,
            "num_threads": NOT_COUNTS,
        },
    ),
    "Preprocess.__call__": Call(
        lambda **arguments: fastcv.Preprocess(8)(**arguments),
        {"image": IMAGE, "roi": None, "out": None},
        "Preprocess: ",
        {
            "roi": [
                3,
                "x",
                (1, 2, 3),
                (0, 0, 9, 9),
                (-1, 0, 2, 2),
                (0, 0, 0, 1),
                (1.5, 0, 1, 1),
                (2**70, 0, 1, 1),
            ]
        },
        out=lambda: np.full((3, 8, 8), 7, np.float32),
        left_alone=frozenset({"image", "out"}),
    ),
    "Preprocess.batch": Call(
        lambda **arguments: fastcv.Preprocess(8).batch(**arguments),
        {"images": [IMAGE, IMAGE], "out": None, "rois": None},
        "Preprocess: ",
        {
            "images": [None, 3, "x", [], [3], [IMAGE, None], IMAGE[:0], object()],
            "rois": [3, "x", [], [None], [None, (1, 2, 3)], [(0, 0, 9, 9), None]],
        },
        out=lambda: np.full((2, 3, 8, 8), 7, np.float32),
        also_says={"images": "image", "rois": "roi"},
        left_alone=frozenset({"out"}),
    ),
    "Preprocess.transform": Call(
        lambda **arguments: fastcv.Preprocess(8).transform(**arguments),
        {"shape": (9, 8), "roi": None},
        "Preprocess: ",
        {
            "shape": [None, 3, "ab", (1,), (0, 3), (1.5, 2), (True, True), (2**70, 3), ("3", "3")],
            "roi": [3, (1, 2, 3), (0, 0, 9, 9)],
        },
    ),
    "Preprocess.opencv_blob": Call(
        _preset("opencv_blob"),
        {
            "scalefactor": 1.0,
            "size": (5, 5),
            "mean": (0.0, 0.0, 0.0),
            "swapRB": False,
            "crop": False,
            "ddepth": "float32",
        },
        "Preprocess",
        {
            "scalefactor": [*NOT_FINITE, 0],
            "size": [*NOT_COUNTS, None, (0, 0), (1.5, 2), ("3", "3")],
            "mean": [*NOT_FINITE, (1, 2)],
            "swapRB": NOT_FLAGS,
            "crop": NOT_FLAGS,
            "ddepth": ["no such name", "float64", 77, object()],
        },
        also_says={"scalefactor": "scale", "swapRB": "reverse_channels"},
    ),
    "Preprocess.torchvision": Call(
        _preset("torchvision"),
        {
            "resize": 9,
            "crop": 8,
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
            "interpolation": "bilinear",
            "antialias": True,
        },
        "Preprocess",
        {
            "resize": [*NOT_COUNTS, (0, 3), (1, 2, 3)],
            "crop": [*NOT_COUNTS, (0, 3), (1, 2, 3)],
            "mean": NOT_FINITE,
            "std": [*NOT_FINITE, 0],
            "interpolation": NOT_NAMES,
            "antialias": NOT_FLAGS,
        },
        also_says={"resize": "resize|resize_to|image", "crop": "crop|size"},
    ),
    "Preprocess.yolo": Call(
        _preset("yolo"),
        {"size": 8, "stride": None, "upscale": True},
        "Preprocess: ",
        {"size": [*NOT_COUNTS, None], "stride": NOT_COUNTS, "upscale": NOT_FLAGS},
    ),
    "Preprocess.from_huggingface": Call(
        _preset("from_huggingface"),
        {"config": {"size": 5, "do_normalize": False}},
        "Preprocess.from_huggingface: ",
        {
            "config": [
                *[
                    None,
                    3,
                    1.5,
                    [],
                    {},
                    {"size": 5},
                    {"unheard_of": 1},
                    {1: 2},
                    {"size": "x", "do_normalize": False},
                ],
                *[{"size": 5, "do_normalize": False, "rescale_factor": "x"}],
                *[{"size": 5, "do_normalize": False, "resample": []}],
                *[{"size": 5, "do_normalize": False, "crop_size": "x"}],
            ]
        },
        also_says={"config": "config|size|crop_size|image_mean|rescale_factor|resample"},
    ),
    "Transform.map_points": Call(
        lambda points: transform().map_points(points),
        {"points": [(1.0, 2.0)]},
        "Transform.map_points: ",
        {"points": [None, 3, "x", [], [(1, 2, 3)], [("a", "b")], object(), {}]},
    ),
    "Transform.unmap_points": Call(
        lambda points: transform().unmap_points(points),
        {"points": [(1.0, 2.0)]},
        "Transform.unmap_points: ",
        {"points": [None, 3, "x", [], [(1, 2, 3)], [("a", "b")], object(), {}]},
    ),
    "Transform.map_boxes": Call(
        lambda boxes: transform().map_boxes(boxes),
        {"boxes": [(1.0, 2.0, 3.0, 4.0)]},
        "Transform.map_boxes: ",
        {"boxes": [None, 3, "x", [], [(1, 2, 3)], [("a", "b", "c", "d")], object(), {}]},
    ),
    "Transform.unmap_boxes": Call(
        lambda **arguments: transform().unmap_boxes(**arguments),
        {"boxes": [(1.0, 2.0, 3.0, 4.0)], "clip": False},
        "Transform.unmap_boxes: ",
        {"boxes": [None, 3, "x", [], [(1, 2, 3)], [("a", "b", "c", "d")], object(), {}]},
    ),
    "set_num_threads": Call(
        fastcv.set_num_threads,
        {"n": None},
        "set_num_threads: ",
        {"n": [*NOT_INTS, -1, -(2**70), 2**70]},
    ),
    "get_num_threads": Call(fastcv.get_num_threads, {}, ""),
    "simd_targets": Call(fastcv.simd_targets, {}, ""),
    "show_config": Call(
        fastcv.show_config, {"mode": "dicts"}, "show_config: ", {"mode": [*NOT_NAMES, [], {}, np.ones(3)]}
    ),
    "datasets.photo": Call(fastcv.datasets.photo, {}, ""),
}
DISTANCES = true_distances((9, 9), np.float64)
POINTS = points(9, np.float64)
CALLS |= {
    "gradient_descent": Call(
        fastcv.gradient_descent,
        {
            "x0": POINTS,
            "distances": DISTANCES,
            "learning_rate": 0.001,
            "num_iterations": 5,
            "loss": "sstress",
            "history": None,
            "callback": None,
            "out": None,
            "num_threads": 1,
        },
        "gradient_descent: ",
        {
            "learning_rate": [*NOT_NUMBERS, float("nan"), 0, -1],
            "num_iterations": [*NOT_INTS, -1, None],
            "loss": NOT_NAMES,
            "history": NOT_COUNTS,
            "callback": [1, "x", ()],
            "num_threads": NOT_COUNTS,
        },
        out=lambda: np.full((9, 2), 7.0),
        left_alone=frozenset({"x0", "distances", "out"}),
    ),
    "mds": Call(
        fastcv.mds,
        {
            "distances": DISTANCES,
            "n_components": 2,
            "weights": None,
            "anchors": None,
            "symmetrize": False,
            "init": "classical",
            "loss": "stress",
            "max_iter": 20,
            "tol": 1e-6,
            "random_state": 0,
            "callback": None,
            "num_threads": 1,
        },
        "mds: ",
        {
            "n_components": NOT_COUNTS,
            "weights": [1, "x", np.ones(3), np.ones((8, 9)), np.full((9, 9), -1.0)],
            "anchors": [1, "x", (1,), ([0, 1], np.ones((3, 2)))],
            "init": [1, "no such name", np.ones(3)],
            "loss": NOT_NAMES,
            "max_iter": [*NOT_INTS, -1],
            "tol": [*NOT_NUMBERS, float("nan"), -1],
            "callback": [1, "x", ()],
            "num_threads": NOT_COUNTS,
        },
        left_alone=frozenset({"distances"}),
    ),
    "pairwise_distances": Call(
        fastcv.pairwise_distances,
        {"x": POINTS, "y": None, "num_threads": 1},
        "pairwise_distances: ",
        {"y": [1, "x", np.ones(3), np.ones((9, 3))], "num_threads": NOT_COUNTS},
        left_alone=frozenset({"x"}),
    ),
    "procrustes": Call(
        fastcv.procrustes,
        {"x": POINTS, "y": POINTS + 1, "reflection": True, "scale": False},
        "procrustes: ",
        {
            "x": [None, 1, "x", np.ones(3), np.ones((9, 3)), np.full((9, 2), np.nan)],
            "y": [None, 1, "x", np.ones(3), np.ones((9, 3)), np.full((9, 2), np.nan)],
        },
    ),
    "halo": Call(
        lambda operation, parameters: fastcv.halo(operation, **parameters),
        {"operation": "box_blur", "parameters": {"ksize": 3}},
        "halo: ",
        left_alone=frozenset({"parameters"}),
    ),
    "datasets.circle": Call(
        fastcv.datasets.circle, {"n": 5, "radius": 0.5}, "circle: ", {"n": [*NOT_INTS, -1]}
    ),
    "datasets.sphere": Call(
        fastcv.datasets.sphere, {"n": 5, "radius": 0.5}, "sphere: ", {"n": [*NOT_INTS, -1]}
    ),
}

# scikit-learn's interface, with its errors: its own estimator checks are run in test_mds_estimator.py.
SCIKIT_LEARN = {"MDS", "MDS.fit", "MDS.fit_transform", "MDS.get_params", "MDS.set_params"}

# What calls return or raise: nothing to send arguments to.
RESULTS = {
    "Alignment",
    "Alignment.apply",
    "History",
    "MDSResult",
    "__version__",
    "ChambolleInfo",
    "ConvergenceWarning",
    "TVInfo",
    "Transform",
    "Transform.scale",
    "Transform.matrix",
    "Transform.image_shape",
    "Transform.output_shape",
    "Transform.roi",
    "Transform.content",
    "Transform.offset",
}

"""OpenCV's `blur`, `boxFilter` and `dnn.blobFromImage`; every other name is OpenCV's own, imported when it is asked for.

``import cv2`` becomes ``from fastcv.compat import cv2``, and all else stays.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from fastcv import box_blur
from fastcv._core import as_ndarray
from fastcv.compat.cv2 import dnn

__all__ = ["blur", "boxFilter", "dnn"]

_Array = npt.NDArray[Any]

BORDER_CONSTANT, BORDER_REPLICATE, BORDER_REFLECT, BORDER_WRAP, BORDER_REFLECT_101 = range(5)
BORDER_DEFAULT = BORDER_REFLECT101 = BORDER_REFLECT_101
BORDER_ISOLATED = 16
CV_8U, CV_16U, CV_16S, CV_32S, CV_32F, CV_64F = 0, 2, 3, 4, 5, 6

_BORDERS = ("constant", "clamp", "reflect", "wrap", "reflect101")
_DEPTHS: dict[int, npt.DTypeLike] = {
    CV_8U: np.uint8,
    CV_16U: np.uint16,
    CV_16S: np.int16,
    CV_32S: np.int32,
    CV_32F: np.float32,
    CV_64F: np.float64,
}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("cv2"), name)


def blur(
    src: _Array,
    ksize: Sequence[SupportsIndex],
    dst: _Array | None = None,
    anchor: Sequence[SupportsIndex] = (-1, -1),
    borderType: SupportsIndex = BORDER_DEFAULT,
) -> _Array:
    """``cv2.blur``: each pixel becomes the mean of the window around it.

    Parameters
    ----------
    src : ndarray of uint8, uint16, float32 or float64
        ``(H, W)`` or ``(H, W, C)``. int16 is refused.
    ksize : (width, height)
    dst : ndarray, optional
        Of the result's shape and dtype, or ValueError (OpenCV then ignores it). Written to and returned.
    anchor : (x, y)
        -1: ksize // 2.
    borderType : int
        ``BORDER_CONSTANT`` (of zeros), ``BORDER_REPLICATE``, ``BORDER_REFLECT``, ``BORDER_REFLECT_101``, and, beyond OpenCV,
        ``BORDER_WRAP``.

    Notes
    -----
    Measured against OpenCV 5.0.0 on random pixels, windows of 1 x 1 to 31 x 31: integers differ by at most 1, and where they do
    this is the correctly rounded one. OpenCV is exact up to an area of 256 that is no power of two. Where the area is one, it
    comes out one too high at 25 % of the pixels for 2 x 2, 6.2 % for 4 x 4, 1.6 % for 8 x 8, 0.4 % for 16 x 16; beyond 256 it
    rounds halves to even, this rounds them up. float32 differs by at most 1e-6 of the largest value.
    Errors are `TypeError` and `ValueError`, not ``cv2.error``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcv.compat import cv2
    >>> cv2.blur(np.array([[0, 0, 90, 0, 0]], np.uint8), (3, 1))
    array([[ 0, 30, 30, 30,  0]], dtype=uint8)
    """
    return _blur("cv2.blur", src, ksize, dst, anchor, borderType)


def boxFilter(
    src: _Array,
    ddepth: SupportsIndex,
    ksize: Sequence[SupportsIndex],
    dst: _Array | None = None,
    anchor: Sequence[SupportsIndex] = (-1, -1),
    normalize: bool = True,
    borderType: SupportsIndex = BORDER_DEFAULT,
) -> _Array:
    """``cv2.boxFilter``: the mean of each window, or its sum.

    Parameters
    ----------
    src, ksize, dst, anchor, borderType
        As for `blur`.
    ddepth : int
        -1 or the depth of `src`: one pass. ``CV_32F``, ``CV_64F``, and for sums also ``CV_8U``, ``CV_16U``, ``CV_16S``,
        ``CV_32S``: through a copy of the image in floating point, and one more of the result. Means rounded to another integer
        depth are refused.
    normalize : bool
        False: the sum. It is exact for integers (up to 2**53), and saturates where the depth cannot hold it.

    Notes
    -----
    Measured against OpenCV 5.0.0 on random pixels: of the image's own depth as `blur`; sums of integers equal; means and sums in
    float32 within 1e-6 of the largest value. OpenCV's own sums wrap around beyond 32 bits, these do not.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcv.compat import cv2
    >>> cv2.boxFilter(np.array([[0, 0, 90, 0, 0]], np.uint8), cv2.CV_32F, (3, 1), normalize=False)
    array([[ 0., 90., 90., 90.,  0.]], dtype=float32)
    """
    function = "cv2.boxFilter"
    image = _image(function, src)
    depth = image.dtype if ddepth == -1 else _depth(function, ddepth)
    if normalize and depth == image.dtype:
        return _blur(function, image, ksize, dst, anchor, borderType)
    if normalize and depth.kind != "f":
        raise ValueError(
            f"{function}: ddepth must be -1, CV_32F, CV_64F or the depth of src for means, got {ddepth!r}"
        )
    # In float64 a mean times the area rounds to the exact sum of integers.
    result = _blur(function, image.astype(np.float64), ksize, None, anchor, borderType)
    if not normalize:
        result *= int(ksize[0]) * int(ksize[1])
        if image.dtype.kind == "u" or depth.kind != "f":
            np.rint(result, out=result)
        if depth.kind != "f":
            limits = np.iinfo(depth)
            np.clip(result, limits.min, limits.max, out=result)
    if dst is None:
        return result.astype(depth)
    _check_dst(function, dst, result.shape, depth)
    np.copyto(dst, result, casting="unsafe")
    return dst


def _blur(
    function: str, src: Any, ksize: Any, dst: _Array | None, anchor: Any, border_type: SupportsIndex
) -> _Array:
    image = _image(function, src)
    if image.ndim not in (2, 3):
        raise ValueError(f"{function}: src must have shape (H, W) or (H, W, C), got {image.shape}")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]  # OpenCV drops a single channel's axis
    if dst is not None:
        if isinstance(dst, np.ndarray) and dst.shape == (*image.shape, 1):
            _blur(function, image, ksize, dst[:, :, 0], anchor, border_type)
            return dst
        _check_dst(function, dst, image.shape, image.dtype)
    window = _pair(function, "ksize", ksize)
    at = _pair(function, "anchor", anchor)
    return box_blur(
        image,
        window,
        border=_border(function, border_type),
        anchor=tuple(k // 2 if a == -1 else a for a, k in zip(at, window, strict=True)),
        channel_axis=-1,
        out=dst,
    )


def _image(function: str, src: Any) -> _Array:
    image = as_ndarray(function, "src", src)
    if image.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise TypeError(f"{function}: src: expected dtype uint8, uint16, float32, float64, got {image.dtype}")
    return image


def _check_dst(function: str, dst: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if not isinstance(dst, np.ndarray):
        raise TypeError(f"{function}: dst must be a NumPy array, got {type(dst).__name__}")
    if dst.shape != shape or dst.dtype != dtype:
        raise ValueError(
            f"{function}: dst must have shape {shape} and dtype {dtype}, got {dst.shape} and {dst.dtype}"
        )


def _pair(function: str, argument: str, value: Any) -> tuple[int, int]:
    if isinstance(value, tuple | list | np.ndarray) and len(value) == 2:
        x, y = value
        if all(hasattr(v, "__index__") and not isinstance(v, bool) for v in (x, y)):
            return x.__index__(), y.__index__()
    raise TypeError(f"{function}: {argument} must be a pair of ints, got {value!r}")


def _border(function: str, border_type: SupportsIndex) -> str:
    kind = border_type.__index__() & ~BORDER_ISOLATED  # an array has no surroundings to be isolated from
    if not 0 <= kind < len(_BORDERS):
        raise ValueError(
            f"{function}: borderType must be BORDER_CONSTANT, BORDER_REPLICATE, BORDER_REFLECT, BORDER_WRAP or "
            f"BORDER_REFLECT_101, got {border_type!r}"
        )
    return _BORDERS[kind]


def _depth(function: str, ddepth: SupportsIndex) -> np.dtype[Any]:
    depth = _DEPTHS.get(ddepth.__index__())
    if depth is None:
        raise ValueError(
            f"{function}: ddepth must be -1 or one of {', '.join(map(str, _DEPTHS))}, got {ddepth!r}"
        )
    return np.dtype(depth)

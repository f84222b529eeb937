"""OpenCV's `dnn.blobFromImage`; every other name is OpenCV's own."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from fastcv import Preprocess
from fastcv._core import as_ndarray

__all__ = ["blobFromImage"]

_CV_8U, _CV_32F = 0, 5


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("cv2.dnn"), name)


def blobFromImage(
    image: npt.NDArray[Any],
    scalefactor: SupportsFloat = 1.0,
    size: Sequence[SupportsIndex] = (0, 0),
    mean: SupportsFloat | Sequence[SupportsFloat] = (),
    swapRB: bool = False,
    crop: bool = False,
    ddepth: SupportsIndex = _CV_32F,
) -> npt.NDArray[Any]:
    """``cv2.dnn.blobFromImage``: ``(resized pixel - mean) * scalefactor``, as (1, C, H, W).

    Parameters
    ----------
    image : ndarray of uint8, uint16 or float32
        ``(H, W)`` or ``(H, W, C)`` with one, three or four channels.
    scalefactor : float
    size : (width, height)
        ``(0, 0)``: the image's own.
    mean : float or sequence of at most four
        One a channel of the result; 0 where there is none. A float is the first channel's, as in OpenCV.
    swapRB : bool
        Swap the first and third channel; a fourth stays where it is.
    crop : bool
        Keep the aspect ratio and cut out the centre, instead of stretching.
    ddepth : int
        ``CV_32F``, or ``CV_8U`` with `scalefactor` 1 and no `mean`.

    Notes
    -----
    Measured against OpenCV 5.0.0: without a resize equal to 1 ulp of the largest value; with one, at most 0.83 of a level times
    `scalefactor` for 8-bit images, because OpenCV rounds the resized image to 8 bits with weights of 11 bits, and this
    does not round.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcv.compat import cv2
    >>> cv2.dnn.blobFromImage(np.full((4, 6, 3), 255, np.uint8), 1 / 255, (3, 2)).shape
    (1, 3, 2, 3)
    """
    array = as_ndarray("cv2.dnn.blobFromImage", "image", image)
    if array.ndim not in (2, 3):
        raise ValueError(
            f"cv2.dnn.blobFromImage: image must have shape (H, W) or (H, W, C), got {array.shape}"
        )
    channels = array.shape[2] if array.ndim == 3 else 1
    if channels not in (1, 3, 4):
        raise ValueError(f"cv2.dnn.blobFromImage: image must have 1, 3 or 4 channels, got {channels}")
    if not isinstance(size, Sequence) or len(size) != 2:
        raise TypeError(f"cv2.dnn.blobFromImage: size must be (width, height), got {size!r}")
    means = tuple(mean) if isinstance(mean, Sequence | np.ndarray) else (mean,)
    if len(means) > 4:
        raise ValueError(f"cv2.dnn.blobFromImage: mean must have at most 4 numbers, got {len(means)}")
    if ddepth not in (_CV_8U, _CV_32F):
        raise ValueError(f"cv2.dnn.blobFromImage: ddepth must be CV_32F (5) or CV_8U (0), got {ddepth!r}")
    width, height = (s.__index__() for s in size)
    if width == 0 and height == 0:
        height, width = array.shape[:2]
    if swapRB and channels == 4:
        array = array[:, :, [2, 1, 0, 3]]
    shifts = tuple(float(m) for m in (*means, 0, 0, 0, 0)[:channels])
    swaps = bool(swapRB) and channels == 3
    plan = _plan(float(scalefactor), width, height, shifts, swaps, bool(crop), int(ddepth))
    return plan.batch([array])


@functools.lru_cache(maxsize=16)
def _plan(
    factor: float, width: int, height: int, mean: tuple[float, ...], swap: bool, crop: bool, ddepth: int
) -> Preprocess:
    return Preprocess.opencv_blob(
        factor, (width, height), mean, swap, crop, "uint8" if ddepth == _CV_8U else "float32"
    )

"""Box blur: every pixel becomes the mean of the window around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from fastcv._core import DEFAULT_CHANNEL_AXIS
from fastcv._core import box_blur as _box_blur

__all__ = ["box_blur"]

_Pixel = TypeVar("_Pixel", np.uint8, np.uint16, np.float32, np.float64)
_IntOrPair: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | npt.NDArray[np.integer[Any]]


def box_blur(
    image: npt.NDArray[_Pixel],
    ksize: _IntOrPair,
    *,
    border: str = "reflect101",
    border_value: SupportsFloat | Sequence[SupportsFloat] | npt.NDArray[Any] = 0,
    anchor: _IntOrPair | None = None,
    rounding: str = "nearest",
    alpha: str = "blur",
    channel_axis: SupportsIndex | None = DEFAULT_CHANNEL_AXIS,
    out: npt.NDArray[_Pixel] | None = None,
    num_threads: SupportsIndex | None = None,
) -> npt.NDArray[_Pixel]:
    """Blur with a box: every pixel becomes the mean of the ``ksize`` window around it.

    Parameters
    ----------
    image : ndarray of uint8, uint16, float32 or float64
        ``(H, W)`` grey, ``(H, W, C)`` with any number of channels, or ``(N, H, W, C)``, a batch. Read in place when the
        pixels are contiguous within a row (row strides, padding, negative row strides, read-only memory);
        any other layout, or memory that is not aligned to the type, makes one internal copy.
    ksize : int or (width, height)
        The window, in pixels: from 1 to 2**31 - 1, odd or even, also larger than the image, as long as its area times
        the type's maximum fits 63 bits.
    border : str
        What lies outside the image: ``"reflect101"`` (dcb|abcd|cba, also ``"mirror"``), ``"reflect"`` (cba|abcd|dcb),
        ``"clamp"`` (aaa|abcd|ddd, also ``"replicate"``, ``"nearest"``, ``"edge"``), ``"wrap"`` (bcd|abcd|abc),
        ``"constant"`` (`border_value`), or ``"shrink"``: nothing, the window is cut at the edge and the sum divided by what is
        left.
    border_value : number or sequence of one number a channel
        For ``border="constant"``; whole numbers in the type's range for integers.
    anchor : int or (x, y), optional
        The window's pixel that lies over the output pixel, from 0 to ksize - 1. Default ``ksize // 2``: an even window reaches
        one pixel further left and up, as in OpenCV and SciPy.
    rounding : {"nearest", "even", "floor"}
        How the mean of integers is rounded: half up, half to even, or down. Floats ignore it.
    alpha : {"blur", "opaque", "copy", "premultiplied"}
        The fourth of four channels: blurred like the others, set to the type's maximum (1.0 for floats), copied,
        or used as the weight of the colours, ``sum(colour * alpha) / sum(alpha)``, 0 where ``sum(alpha)`` is 0.
    channel_axis : int or None
        Where the channels are. ``None``: there are none, and every axis but the last two is a batch. An array of three axes
        whose last is longer than 16, or of more than four, must say.
    out : ndarray, optional
        Of the image's shape and dtype. Written to and returned; it may be `image` itself or overlap it, at the price
        of one copy.
    num_threads : int, optional
        At most so many threads. Default: see `set_num_threads`. CPU affinity and the cgroup's quota always cap it.

    Returns
    -------
    ndarray
        `out`, or a new C-contiguous array of the image's shape and dtype. An image with no pixels is returned as
        such: empty, of the same shape.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used; it is named, and nothing is written.
    MemoryError, KeyboardInterrupt
        Ctrl-C is seen within 0.2 s. What `out` then holds is not defined.

    Notes
    -----
    Integers are exact: the true mean, rounded once. Floats up to 56 x 56 are added as balanced trees in their own type (so the
    sum of a window must be finite), larger windows in twice that precision (van Herk's block prefixes and suffixes); the error
    is at most ``log2(kx) + log2(ky) + 4`` ulp of the window's mean ``|x|``. Nothing is ever taken away from a sum, so a NaN or
    a huge value touches exactly the windows that hold it.
    The result is the same, byte for byte, for any number of threads, any strides, any place in a batch, and any
    SIMD target. The cost hardly grows with `ksize`.

    References
    ----------
    N. J. Higham, "The accuracy of floating point summation", SIAM J. Sci. Comput. 14 (1993) 783-799.
    M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and octagonal
    kernels", Pattern Recognition Letters 13 (1992) 517-521.

    Examples
    --------
    >>> import numpy as np
    >>> import fastcv
    >>> image = np.zeros((3, 5), np.uint8)
    >>> image[1, 2] = 90
    >>> fastcv.box_blur(image, 3)
    array([[ 0, 20, 20, 20,  0],
           [ 0, 10, 10, 10,  0],
           [ 0, 20, 20, 20,  0]], dtype=uint8)
    >>> fastcv.box_blur(image, (5, 1), border="shrink")[1]
    array([30, 23, 18, 23, 30], dtype=uint8)
    """
    return _box_blur(
        image, ksize, border, border_value, anchor, rounding, alpha, channel_axis, out, num_threads
    )

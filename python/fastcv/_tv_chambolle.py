"""Total variation denoising, Chambolle's iteration: scikit-image's function, at full speed."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, SupportsFloat, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from fastcv._arguments import flag
from fastcv._core import as_ndarray
from fastcv._core import denoise_tv_chambolle as _denoise_tv_chambolle

__all__ = ["ChambolleInfo", "denoise_tv_chambolle"]

_Real = np.bool_ | np.integer[Any] | np.floating[Any]
_Float = np.float32 | np.float64
_AS_THEY_ARE = frozenset("BHfd")  # uint8, uint16, float32, float64: converted on the way, or not at all


class ChambolleInfo(NamedTuple):
    """What `denoise_tv_chambolle` did; each field has one entry a channel (one, without `channel_axis`).

    Attributes
    ----------
    iterations : tuple of int
        Passes, counted as by scikit-image. The result is the image of the last pass: so many minus one steps of the dual.
    energy : tuple of float
        ``(sum((u - image)**2) + weight * sum(|grad u|)) / size`` of the result.
    change : tuple of float
        What the stop rule compared with `eps` in the last pass: ``|E_before - E| / E_first`` (``inf`` in the first
        pass), or the largest ``|p_after - p|``.
    converged : tuple of bool
        Whether the stop rule fired; False: `max_num_iter` ended it.
    """

    iterations: tuple[int, ...]
    energy: tuple[float, ...]
    change: tuple[float, ...]
    converged: tuple[bool, ...]


def _as_float(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the dtypes that the core does not read as scikit-image's ``img_as_float`` would."""
    dtype = image.dtype
    if dtype.char in _AS_THEY_ARE and dtype.isnative:
        return image
    if dtype.kind == "b" or dtype.char == "g":
        return image.astype(np.float64)
    if dtype.kind in "ui":
        scale = 1.0 / float(np.iinfo(dtype).max)
        scaled: npt.NDArray[np.float64] = np.asanyarray(np.multiply(image, scale, dtype=np.float64))
        if dtype.kind == "i":
            np.maximum(scaled, -1.0, out=scaled)
        return scaled
    if dtype.kind == "f":
        wanted: npt.DTypeLike = np.float32 if dtype.itemsize <= 4 else np.float64
        return image.astype(wanted)
    raise TypeError(f"denoise_tv_chambolle: image: expected a dtype of real numbers, got {dtype}")


@overload
def denoise_tv_chambolle(
    image: npt.NDArray[_Real],
    weight: SupportsFloat = ...,
    eps: SupportsFloat = ...,
    max_num_iter: SupportsIndex = ...,
    *,
    channel_axis: SupportsIndex | None = ...,
    tau: SupportsFloat | None = ...,
    stop: Literal["energy", "dual"] = ...,
    out: npt.NDArray[_Float] | None = ...,
    return_info: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> npt.NDArray[_Float]: ...
@overload
def denoise_tv_chambolle(
    image: npt.NDArray[_Real],
    weight: SupportsFloat = ...,
    eps: SupportsFloat = ...,
    max_num_iter: SupportsIndex = ...,
    *,
    channel_axis: SupportsIndex | None = ...,
    tau: SupportsFloat | None = ...,
    stop: Literal["energy", "dual"] = ...,
    out: npt.NDArray[_Float] | None = ...,
    return_info: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[npt.NDArray[_Float], ChambolleInfo]: ...


def denoise_tv_chambolle(
    image: npt.NDArray[_Real],
    weight: SupportsFloat = 0.1,
    eps: SupportsFloat = 2.0e-4,
    max_num_iter: SupportsIndex = 200,
    *,
    channel_axis: SupportsIndex | None = None,
    tau: SupportsFloat | None = None,
    stop: Literal["energy", "dual"] = "energy",
    out: npt.NDArray[_Float] | None = None,
    return_info: bool = False,
    num_threads: SupportsIndex | None = None,
) -> npt.NDArray[_Float] | tuple[npt.NDArray[_Float], ChambolleInfo]:
    """Remove noise and keep edges, by Chambolle's iteration for total variation (Rudin, Osher, Fatemi).

    `skimage.restoration.denoise_tv_chambolle`, with its arguments, iteration, stop rule and result.

    Parameters
    ----------
    image : ndarray of real numbers
        Any number of dimensions, at least one. float32 is worked on in float32 and float64 in float64, in their own units.
        float16 becomes float32, longdouble float64. Integers and bool become float64 from 0 to 1 (signed: from -1), divided by
        the largest value of their dtype. Read in place when its dtype is float32 or float64 and the pixels of a row are
        contiguous; any other image, such as one with its channels last, is copied channel by channel.
    weight : float
        How much smoothing: finite and at least 0, in the units of the (converted) image. 0 returns the image.
    eps : float
        At least 0. `stop` says what is compared with it; 0 runs `max_num_iter` passes.
    max_num_iter : int
        At most so many passes. The first pass only looks at the image, so 0 and 1 return it as it is.
    channel_axis : int or None
        The axis of the channels; each is denoised by itself, with its own stop. ``None``: every axis is space, also the
        last one of a colour image.
    tau : float, optional
        The step of the dual, above 0. Default ``1 / (2 * d)`` for ``d`` axes of space, as in scikit-image. The proof of
        convergence holds to half of that; beyond the default it does not converge.
    stop : {"energy", "dual"}
        ``"energy"``: stop when ``|E_before - E| < eps * E_first``, with
        ``E = (sum((u - image)**2) + weight * sum(|grad u|)) / size``. ``"dual"``: stop when no component of the dual
        variable ``p`` (``|p| <= weight``) changed by `eps` or more.
    out : ndarray of float32 or float64, optional
        Of the image's shape and the result's dtype. Written to and returned; it may be `image` itself or overlap it, at the
        price of one copy.
    return_info : bool
        Also return a `ChambolleInfo`.
    num_threads : int, optional
        At most so many threads. Default: see `set_num_threads`. CPU affinity and the cgroup's quota always cap it.

    Returns
    -------
    ndarray, or (ndarray, ChambolleInfo)
        `out`, or a new C-contiguous array: float32 for float16 and float32, else float64.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, also an image that holds NaN or infinity; it is named, and nothing is
        written.
    MemoryError, KeyboardInterrupt
        Ctrl-C is seen within 0.2 s. What `out` then holds is not defined.

    Notes
    -----
    From ``p = 0``, each pass sets ``u = image - div p`` and
    ``p = (p - tau * grad u) / (1 + tau / weight * |grad u|)``; the result is the ``u`` of the last pass. The default rule stops far
    from the minimum of the Rudin-Osher-Fatemi functional where noise and weight are of a size, because ``E`` lacks its
    factor 1/2: this function is for results as scikit-image gives them.

    It differs from scikit-image where that misbehaves: a constant image is returned at once (there: all passes), `weight` 0 and
    `max_num_iter` 0 or 1 return a copy (there: an error, an error, the input array itself), NaN is refused (there: it
    spreads over the image). Sums are taken in float64; in float32 scikit-image's own stop for `eps` much below 2e-4
    depends on how its sums were rounded. Per pass the two differ by rounding: 1e-10 after hundreds of passes in float64,
    1e-5 in float32, for images from 0 to 1.

    The result is the same, byte for byte, for any number of threads and any strides; between SIMD targets it differs by
    rounding. Memory, beyond input and output: 16 bytes a pixel of one channel in float32 (32 in float64), 24 (48) where
    neither image nor `out` can be used in place; of a volume with ``d`` axes ``2 * d`` values a voxel, or 2 more.

    References
    ----------
    A. Chambolle, "An algorithm for total variation minimization and applications", Journal of Mathematical Imaging
    and Vision 20 (2004) 89-97.

    Examples
    --------
    >>> import numpy as np
    >>> import fastcv
    >>> step = np.repeat([0.2, 0.8], 4)
    >>> noisy = step + np.array([0.05, -0.05, 0.02, -0.02, 0.03, -0.03, 0.04, -0.04])
    >>> fastcv.denoise_tv_chambolle(noisy, weight=0.05, eps=0, max_num_iter=2000).round(2)
    array([0.21, 0.21, 0.21, 0.21, 0.79, 0.79, 0.79, 0.79])
    >>> u, info = fastcv.denoise_tv_chambolle(noisy, weight=0.05, return_info=True)
    >>> info.iterations
    (8,)
    """
    array: Any = image
    if not isinstance(array, np.ndarray):
        array = as_ndarray("denoise_tv_chambolle", "image", array)
    with_info = flag("denoise_tv_chambolle", "return_info", return_info)
    result = _denoise_tv_chambolle(
        _as_float(array),
        weight,
        eps,
        max_num_iter,
        channel_axis,
        tau,
        stop,
        out,
        with_info,
        num_threads,
        0,
    )
    if with_info:
        denoised, fields = result
        return denoised, ChambolleInfo(*fields)
    return result  # type: ignore[no-any-return]

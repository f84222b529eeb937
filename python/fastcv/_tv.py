"""Total variation denoising with a certificate of how near the result is to the optimum."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, SupportsFloat, SupportsIndex, TypeVar, overload

import numpy as np
import numpy.typing as npt

from fastcv._arguments import flag
from fastcv._core import DEFAULT_CHANNEL_AXIS
from fastcv._core import denoise_tv as _denoise_tv
from fastcv._warnings import ConvergenceWarning

__all__ = ["TVInfo", "denoise_tv"]

_Pixel = TypeVar("_Pixel", np.uint8, np.uint16, np.float32, np.float64)
_DEFAULT_WEIGHT = float("0.1")  # an object of its own: told from a caller's 0.1, which excludes `sigma`


@dataclass(frozen=True)
class TVInfo:
    """What `denoise_tv` knows of its result.

    Attributes
    ----------
    iterations : int
        The most that a plane (a channel, or an image with joint channels) took.
    gap : float
        The duality gap, in squared units of the pixels and summed over all of them: the objective is at most so much
        above the least one possible. Of integer images, before the result was rounded.
    relative_gap : float
        ``gap / objective``, 0 where both are 0.
    rms_bound : float
        The result's root mean square distance from the exact optimum is at most so much, in the image's units, over measured
        pixels: ``sqrt(2 * gap / N)``, and for integers the error of their rounding on top.
    objective : float
        ``1/2 sum (u - image)**2 + weight * TV(u)``, in squared units of the pixels.
    converged : bool
        The gap of each plane is at most ``tol`` of its objective, and `sigma`, where given, was met.
    dual : ndarray
        The dual field that proves it, for `warm_start`: float32 (float64 for float64 images) of shape ``(*batch, C, axes,
        H, W)``, without ``C`` where there are no channels, ``(3, D, H, W)`` for volumes, ``(2, 1, W)`` in 1-D. Its norm over
        the axes is at most the weight, in units of the pixels.
    weight : float or None
        The weight used, in units of ``data_range``; with `sigma` the one found, the mean over the images of a batch.
        None where it was an array.
    sigma : float or None
        The noise level that was asked for or estimated, in units of ``data_range``; a batch's mean.
    fallback : bool
        The fast method saw no progress, and the slower one that is proven to converge took over.
    """

    iterations: int
    gap: float
    relative_gap: float
    rms_bound: float
    objective: float
    converged: bool
    dual: npt.NDArray[np.floating[Any]] = field(repr=False)
    weight: float | None = None
    sigma: float | None = None
    fallback: bool = False


@overload
def denoise_tv(
    image: npt.NDArray[_Pixel],
    weight: SupportsFloat | npt.NDArray[np.floating[Any]] = ...,
    *,
    tol: SupportsFloat = ...,
    max_iter: SupportsIndex = ...,
    channel_axis: SupportsIndex | None = ...,
    channels: str = ...,
    isotropic: bool = ...,
    data_range: SupportsFloat | None = ...,
    sigma: SupportsFloat | str | None = ...,
    warm_start: npt.NDArray[np.floating[Any]] | None = ...,
    callback: Callable[[int, float], object] | None = ...,
    out: npt.NDArray[_Pixel] | None = ...,
    return_info: Literal[False] = ...,
    num_threads: SupportsIndex | None = ...,
) -> npt.NDArray[_Pixel]: ...
@overload
def denoise_tv(
    image: npt.NDArray[_Pixel],
    weight: SupportsFloat | npt.NDArray[np.floating[Any]] = ...,
    *,
    tol: SupportsFloat = ...,
    max_iter: SupportsIndex = ...,
    channel_axis: SupportsIndex | None = ...,
    channels: str = ...,
    isotropic: bool = ...,
    data_range: SupportsFloat | None = ...,
    sigma: SupportsFloat | str | None = ...,
    warm_start: npt.NDArray[np.floating[Any]] | None = ...,
    callback: Callable[[int, float], object] | None = ...,
    out: npt.NDArray[_Pixel] | None = ...,
    return_info: Literal[True],
    num_threads: SupportsIndex | None = ...,
) -> tuple[npt.NDArray[_Pixel], TVInfo]: ...
def denoise_tv(
    image: npt.NDArray[_Pixel],
    weight: SupportsFloat | npt.NDArray[np.floating[Any]] = _DEFAULT_WEIGHT,
    *,
    tol: SupportsFloat = 1e-3,
    max_iter: SupportsIndex = 1000,
    channel_axis: SupportsIndex | None = DEFAULT_CHANNEL_AXIS,
    channels: str = "separate",
    isotropic: bool = True,
    data_range: SupportsFloat | None = None,
    sigma: SupportsFloat | str | None = None,
    warm_start: npt.NDArray[np.floating[Any]] | None = None,
    callback: Callable[[int, float], object] | None = None,
    out: npt.NDArray[_Pixel] | None = None,
    return_info: bool = False,
    num_threads: SupportsIndex | None = None,
) -> npt.NDArray[_Pixel] | tuple[npt.NDArray[_Pixel], TVInfo]:
    """Remove noise and keep edges: the minimiser of ``1/2 ||u - image||**2 + weight * TV(u)``, with a proof.

    Parameters
    ----------
    image : ndarray of uint8, uint16, float32 or float64
        ``(H, W)`` grey, ``(H, W, C)`` with any number of channels, ``(N, H, W, C)``, a batch, or ``(W,)``, a signal. NaN is a
        missing pixel: it is filled in, within the range of the measured ones. Read in place when the pixels are contiguous within
        a row; any other layout makes one internal copy.
    weight : float or ndarray
        How much variation costs, at least 0, in units of `data_range`; the larger, the smoother. An array of the image's
        spatial shape gives each pixel a weight of its own.
    tol : float
        The result's objective is within this share of the least one possible, by certificate.
    max_iter : int
        The most iterations on the full image, for each plane. Where they do not suffice, the result is returned with a
        `ConvergenceWarning` (or ``info.converged=False``).
    channel_axis : int or None
        Where the channels are. ``None``: there are none, and every axis is space: 1-D, 2-D or 3-D. An array of three axes
        whose last is longer than 16, or of more than four, must say.
    channels : {"separate", "joint"}
        Each channel by itself, or one norm over the channels of a pixel, so that edges fall together (at most 64).
    isotropic : bool
        The Euclidean norm of a pixel's forward differences, or the sum of their magnitudes.
    data_range : float, optional
        The unit of `weight` and `sigma`: 1.0 for floats, 255 and 65535 for integers.
    sigma : float or "auto", optional
        Instead of `weight`: the standard deviation of the noise, in units of `data_range`. The weight is searched for which
        the root mean square of ``u - image`` is `sigma` (to 1 %), over all channels of an image. ``"auto"`` estimates the noise first,
        from the median of the finest diagonal details.
    warm_start : ndarray, optional
        ``info.dual`` of an earlier call on an image of the same shape, for a nearby weight or frame.
    callback : callable, optional
        ``callback(iteration, gap)`` after each look at the gap of the plane at work; a true answer stops.
    out : ndarray, optional
        Of the image's shape and dtype. Written to and returned; it may be `image` itself or overlap it.
    return_info : bool
        Return ``(result, TVInfo)``, and do not warn.
    num_threads : int, optional
        At most so many threads. Default: see `set_num_threads`. CPU affinity and the cgroup's quota always cap it.

    Returns
    -------
    ndarray, or (ndarray, TVInfo)
        `out`, or a new C-contiguous array of the image's shape and dtype. Integers are rounded once, half to even; no value
        leaves the range of the image's (of its channel's).

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used; it is named, and nothing is written. Infinite pixels and planes of nothing but NaN
        are refused too.
    MemoryError, KeyboardInterrupt
        Ctrl-C is seen within 0.2 s. What `out` then holds is not defined.

    Warns
    -----
    ConvergenceWarning
        When the certificate does not reach `tol` and no info was asked for; and when `sigma` is no less than the image's own
        standard deviation: everything is noise, and the result is the mean.

    Notes
    -----
    For any u, and any q whose norm is at most the weight at each pixel, ``gap = 1/2 ||u - image - div q||**2 + sum(weight
    |grad u| - q . grad u)`` bounds from above by how much u misses the least objective. It is computed for the returned u (of
    integers: before the rounding at the end), in float64 sums, raised by a bound of its own rounding errors. Float32 images can be
    certified to about 1e-6.

    The solver is a relaxed and accelerated Douglas-Rachford splitting with one red-black sweep as its linear step;
    should its gap stop falling, the primal-dual method of Chambolle and Pock, whose convergence is proven, takes over
    (``info.fallback``). That one also does volumes, weight maps, missing pixels, and joint channels other than three.
    The result is the same, byte for byte, for any number of threads, any strides, and any place in a batch.
    Memory beyond input and output: 20 to 25 bytes a pixel of the channels in flight (float64: twice that), and ``info.dual``.

    References
    ----------
    L. Rudin, S. Osher, E. Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 60 (1992) 259-268.
    K. Bredies, H. Sun, "Accelerated Douglas-Rachford methods for the solution of convex-concave saddle-point problems",
    arXiv:1604.06282. A. Chambolle, T. Pock, "A first-order primal-dual algorithm for convex problems with applications to
    imaging", JMIV 40 (2011) 120-145.

    Examples
    --------
    >>> import numpy as np
    >>> import fastcv
    >>> step = np.zeros((4, 10), np.float32)
    >>> step[:, 5:] = 1
    >>> noisy = step + np.random.default_rng(0).normal(0, 0.1, step.shape).astype(np.float32)
    >>> clean, info = fastcv.denoise_tv(noisy, 0.2, return_info=True)
    >>> info.converged, info.relative_gap <= 1e-3
    (True, True)
    """
    with_info = flag("denoise_tv", "return_info", return_info)
    result, *report, stopped, all_noise = _denoise_tv(
        image,
        None if sigma is not None and weight is _DEFAULT_WEIGHT else weight,
        tol,
        max_iter,
        channel_axis,
        channels,
        isotropic,
        data_range,
        sigma,
        warm_start,
        callback,
        out,
        with_info,
        num_threads,
    )
    if all_noise:
        warnings.warn(
            "denoise_tv: sigma is no less than the image's standard deviation: the result is its mean",
            ConvergenceWarning,
            stacklevel=2,
        )
    if with_info:
        return result, _info(report, sigma is not None)
    if not (report[5] or stopped or all_noise):
        warnings.warn(
            f"denoise_tv: not converged after {report[0]} iterations: the relative gap is {report[2]:.3g}, "
            f"asked was {float(tol):.3g}",
            ConvergenceWarning,
            stacklevel=2,
        )
    return result


def _info(report: list[Any], with_sigma: bool) -> TVInfo:
    info = TVInfo(*report)
    return info if with_sigma else replace(info, sigma=None)

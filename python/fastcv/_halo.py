"""How far one pixel reaches, for those who cut images into blocks themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from fastcv._box_blur import box_blur
from fastcv._tv import denoise_tv
from fastcv._tv_chambolle import denoise_tv_chambolle

__all__ = ["halo", "window_reach"]


def window_reach(ksize: Any, anchor: Any = None) -> tuple[int, int]:
    """Return how far the window of a box blur reaches, in rows and in columns."""
    sizes = [int(k) for k in np.broadcast_to(ksize, 2)]
    anchors = [k // 2 for k in sizes] if anchor is None else [int(a) for a in np.broadcast_to(anchor, 2)]
    across, down = (max(a, k - 1 - a) for k, a in zip(sizes, anchors, strict=True))
    return down, across


def _box_blur_halo(ksize: Any, anchor: Any = None, border: str = "reflect101", **_: Any) -> int:
    box_blur(np.empty((0, 0), np.uint8), ksize, anchor=anchor, border=border)  # refuses what it would refuse
    if border == "wrap":
        raise ValueError(
            'halo: border="wrap" reaches to the other end of the image: no halo of neighbours holds that'
        )
    return max(window_reach(ksize, anchor))


def _chambolle_halo(weight: Any = 0.1, eps: Any = 2e-4, max_num_iter: Any = 200, **_: Any) -> int:
    denoise_tv_chambolle(np.empty(0, np.float32), weight, eps, max_num_iter)
    if eps != 0:
        raise ValueError(
            "halo: denoise_tv_chambolle stops where a sum over all pixels says so, unless eps is 0; "
            "fastcv.dask.denoise_tv_chambolle takes that sum"
        )
    return max(int(max_num_iter) - 1, 0) if weight > 0 else 0


def _denoise_tv_halo(**_: Any) -> int:
    raise ValueError(
        "halo: denoise_tv stops where a sum over all pixels says so: no halo is wide enough; "
        "fastcv.dask.denoise_tv takes that sum"
    )


_OPERATIONS: dict[str, tuple[Callable[..., Any], Callable[..., int]]] = {
    "box_blur": (box_blur, _box_blur_halo),
    "denoise_tv": (denoise_tv, _denoise_tv_halo),
    "denoise_tv_chambolle": (denoise_tv_chambolle, _chambolle_halo),
}


def halo(operation: str | Callable[..., Any], /, **parameters: Any) -> int:
    """Return how many pixels around a block its result depends on.

    A block cut out with so many rows and columns of its neighbours on every side where there are any, and none beyond
    the image's own border, gives the same result as the whole image, but for those rows and columns.

    Parameters
    ----------
    operation : str or function
        ``"box_blur"`` or ``"denoise_tv_chambolle"``, or the function itself.
    **parameters
        Those of the function, by name; what is left out has the function's default.

    Returns
    -------
    int
        In pixels, at least 0: the furthest of all directions.

    Raises
    ------
    TypeError
        For parameters that the function does not have.
    ValueError
        For operations and parameters without such a distance: ``border="wrap"``, and all that stops when a sum over
        the image is small enough.

    Notes
    -----
    Integers, and `denoise_tv_chambolle` cut into whole rows, then have the same bytes. The last bits of a mean of floats also
    depend on where a cut begins: at a multiple of eight rows it makes no difference for windows up to 56 x 56, at a
    multiple of ``ksize`` in both directions for larger ones and for ``border="shrink"`` and ``alpha="premultiplied"``.
    `fastcv.dask.box_blur` sees to it.

    Examples
    --------
    >>> import fastcv
    >>> fastcv.halo("box_blur", ksize=(9, 31))
    15
    >>> fastcv.halo(fastcv.denoise_tv_chambolle, eps=0, max_num_iter=50)
    49
    """
    name = operation if isinstance(operation, str) else getattr(operation, "__name__", "")
    if name not in _OPERATIONS or not (isinstance(operation, str) or operation is _OPERATIONS[name][0]):
        names = ", ".join(sorted(_OPERATIONS))
        raise ValueError(f"halo: operation must be one of {names}, got {operation!r}")
    function, reach = _OPERATIONS[name]
    known = inspect.signature(function).parameters
    for parameter in parameters:
        if parameter not in known or parameter in ("image", "out"):
            raise TypeError(f"halo: {name} has no parameter {parameter!r} that a halo could depend on")
    if name == "box_blur" and "ksize" not in parameters:
        raise TypeError("halo: box_blur needs ksize")
    return reach(**parameters)

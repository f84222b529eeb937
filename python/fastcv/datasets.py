"""Inputs to try things on. Nothing is downloaded: what is here ships with the package."""

from __future__ import annotations

import math
from importlib import resources
from typing import SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from fastcv._arguments import index

__all__ = ["circle", "photo", "sphere"]


def photo() -> npt.NDArray[np.uint8]:
    """A real photograph: NASA's portrait of the astronaut Eileen Collins, in the public domain.

    Returns a new array, uint8, shape (512, 512, 3), RGB. Needs Pillow (``pip install "fastcv-cpu[cli]"``).
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('fastcv.datasets.photo needs Pillow: pip install "fastcv-cpu[cli]"') from error

    source = resources.files("fastcv").joinpath("data", "astronaut.jpg")
    with source.open("rb") as file, Image.open(file) as image:
        return np.array(image.convert("RGB"), dtype=np.uint8)


def circle(n: SupportsIndex, radius: SupportsFloat = 0.5) -> npt.NDArray[np.float64]:
    """`n` points evenly around a circle: ``radius * (cos a, sin a)`` with ``a = 2 pi i / n``.

    Returns a new array, float64, shape (n, 2).
    """
    count, r = _points("circle", n, radius)
    angle = 2 * np.pi * np.arange(count) / max(count, 1)
    return r * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def sphere(n: SupportsIndex, radius: SupportsFloat = 0.5) -> npt.NDArray[np.float64]:
    """`n` points spread over a sphere along a spiral, from one pole towards the other.

    Point ``i`` stands at the polar angle ``p = arccos(1 - 2 i / n)`` and the azimuth ``sqrt(n pi) p``.
    Returns a new array, float64, shape (n, 3).
    """
    count, r = _points("sphere", n, radius)
    polar = np.arccos(1 - 2 * np.arange(count) / max(count, 1))
    azimuth = np.sqrt(count * np.pi) * polar
    return r * np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=1
    )


def _points(function: str, n: SupportsIndex, radius: SupportsFloat) -> tuple[int, float]:
    count = index(function, "n", n, 0)
    if count >= 2**40:
        raise ValueError(f"{function}: n must be below 2**40, got {count}")
    try:
        r = float(radius)
    except OverflowError:
        r = math.inf
    except (TypeError, ValueError):
        raise TypeError(f"{function}: radius must be a number, got {type(radius).__name__}") from None
    if not (math.isfinite(r) and r > 0):
        raise ValueError(f"{function}: radius must be finite and above 0, got {radius!r}")
    return count, r

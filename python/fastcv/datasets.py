"""Inputs to try things on. Nothing is downloaded: what is here ships with the package."""

from __future__ import annotations

from importlib import resources

import numpy as np
import numpy.typing as npt

__all__ = ["photo"]


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

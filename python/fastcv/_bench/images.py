"""Inputs: a real photograph, mirrored outwards to any size. Seeds are fixed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

SEED = 20260101


def _synthetic(height: int = 512, width: int = 640) -> np.ndarray:
    """Gradients, edges and noise, for when there is no photograph."""
    rng = np.random.default_rng(SEED)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 / width, y * 255 / height, 127 + 127 * np.sin(x * y / 5e3)], axis=-1)
    base += 40 * ((x // 32 + y // 32) % 2)[..., None] + rng.normal(0, 8, base.shape)
    pixels: np.ndarray = np.clip(base, 0, 255).astype(np.uint8)
    return pixels


@lru_cache(maxsize=1)
def _photo() -> np.ndarray:
    try:
        from fastcv.datasets import photo

        picture = np.asarray(photo())
    except Exception:  # noqa: BLE001 - no decoder: the speed hardly depends on the picture
        picture = _synthetic()
    if picture.ndim == 2:
        picture = np.repeat(picture[..., None], 3, axis=2)
    return np.ascontiguousarray(picture[..., :3])


def _mirrored(length: int, wanted: int) -> np.ndarray:
    """Indices that walk back and forth over `length` pixels."""
    period = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    return np.resize(period, wanted)


@lru_cache(maxsize=3)
def image(height: int, width: int, channels: int, dtype: str = "uint8") -> np.ndarray:
    """Return a photograph of exactly this size, allocated as NumPy does it.

    One channel is green; a fourth channel is an uneven alpha. uint16 gets random low bytes, floats
    lie in [0, 1].
    """
    photo = _photo()
    rows = _mirrored(photo.shape[0], height)
    picture = photo[rows][:, _mirrored(photo.shape[1], width)]
    if channels == 1:
        picture = picture[..., 1:2]
    elif channels == 4:
        alpha = 255 - picture[..., 2:3] // 2
        picture = np.concatenate([picture, alpha], axis=2)
    elif channels != 3:
        picture = np.resize(picture, (height, width, channels))
    picture = np.ascontiguousarray(picture)
    if dtype == "uint16":
        low = np.random.default_rng(SEED).integers(0, 256, picture.shape, dtype=np.uint16)
        picture = picture.astype(np.uint16) * 256 + low
    elif dtype != "uint8":
        picture = picture.astype(dtype) / np.dtype(dtype).type(255)
    return picture


def aligned_like(array: np.ndarray, copy: bool = False, boundary: int = 64) -> np.ndarray:
    """Return an array like `array` whose first byte lies on a multiple of `boundary`."""
    memory = np.zeros(array.nbytes + boundary, np.uint8)
    start = -memory.ctypes.data % boundary
    result = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    if copy:
        result[...] = array
    return result


def output_like(array: np.ndarray) -> np.ndarray:
    """Return output memory that has been touched once, so that no page fault is measured."""
    result = np.empty_like(array)
    result.fill(0)
    return result

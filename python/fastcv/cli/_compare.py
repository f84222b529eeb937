"""Before | after | what was removed, with the certificate under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv.cli import _images
from fastcv.cli._stage import middle, side_by_side

if TYPE_CHECKING:
    from PIL import Image as PillowImage

Pixels = npt.NDArray[Any]
SIDE = 640  # of a panel; of larger images the middle is shown
SMALL = 320  # smaller images are enlarged to about this


def comparison(
    picture: _images.Picture, after: Pixels, info: fastcv.TVInfo, estimated: bool
) -> PillowImage.Image:
    """The picture, its denoised pixels and their difference, side by side, over words about the result."""
    low, high = _range(picture.pixels)
    before, clean = (
        _shown(picture.mode, middle(pixels, SIDE), low, high) for pixels in (picture.pixels, after)
    )
    removed = before - clean
    gain = _gain(removed)
    panels = {"before": before, "after": clean, f"what was removed, x {gain}": 128 + gain * removed}
    zoom = max(1, SMALL // max(1, *before.shape[:2]))
    eight = {
        name: np.clip(np.rint(values), 0, 255).astype(np.uint8).repeat(zoom, 0).repeat(zoom, 1)
        for name, values in panels.items()
    }
    words = [*_certificate(info, picture.pixels.dtype, estimated), *_cut(picture)]
    return side_by_side(eight, SIDE, words)


def _certificate(info: fastcv.TVInfo, dtype: np.dtype[Any], estimated: bool) -> list[str]:
    noise = "" if info.sigma is None else f" for a noise of {info.sigma:.3g}{', estimated' * estimated}"
    weight = (
        "all of it is noise: the result is the mean"
        if info.weight == np.inf
        else f"weight {info.weight:.3g}{noise}"
    )
    proven = (
        f"Proven: the objective is within {100 * info.relative_gap:.2g} % of the least possible, and the result at most "
        f"{levels(info.rms_bound, dtype):.2f} of 255 levels (root mean square) from the exact optimum."
    )
    short = "" if info.converged or info.weight == np.inf else " Not converged to what was asked for."
    return [f"Total variation, {weight}, {info.iterations} iterations.", proven + short]


def levels(value: float, dtype: np.dtype[Any]) -> float:
    """A distance between pixels in units of 8-bit levels; white is 1 in floats."""
    return value * {"uint8": 1.0, "uint16": 1 / 257}.get(dtype.name, 255.0)


def _cut(picture: _images.Picture) -> list[str]:
    height, width = picture.pixels.shape[:2]
    if max(height, width) <= SIDE:
        return []
    return [f"Shown: the middle {min(width, SIDE)} x {min(height, SIDE)} of {width} x {height} pixels."]


def _range(pixels: Pixels) -> tuple[float, float]:
    """The values that stand for black and white: of floats 0 and 1, if all lie there."""
    if pixels.dtype.kind == "u":
        return 0, float(np.iinfo(pixels.dtype).max)
    low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    return (0, 1) if low >= 0 and high <= 1 else (low, max(high, low + 1e-30))


def _shown(mode: str, pixels: Pixels, low: float, high: float) -> npt.NDArray[np.float32]:
    """As the eye sees it: RGB from 0 to 255, not rounded, transparent pixels over white."""
    if mode == "CMYK":
        image = _images.pillow().frombytes("CMYK", pixels.shape[1::-1], pixels.tobytes()).convert("RGB")
        return np.asarray(image, np.float32)
    scaled = (np.nan_to_num(pixels.astype(np.float32), nan=low) - low) * np.float32(255 / (high - low))
    if mode in ("LA", "RGBA"):
        alpha = scaled[..., -1:] / 255
        scaled = scaled[..., :-1] * alpha + 255 * (1 - alpha)
    if scaled.ndim == 2:
        scaled = scaled[..., None]
    return np.broadcast_to(scaled, (*scaled.shape[:2], 3)).astype(np.float32)


def _gain(removed: npt.NDArray[np.float32]) -> int:
    """The power of two that makes nearly all of it visible and cuts off next to nothing."""
    amplitude = float(np.percentile(np.abs(removed), 99.5)) if removed.size else 0.0
    return 1 if amplitude == 0 else int(np.clip(2 ** np.floor(np.log2(127 / amplitude)), 1, 64))

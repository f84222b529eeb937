"""torchvision's image-classification transform, a step for `Compose`; PyTorch is imported at its first call."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from fastcv import Preprocess

__all__ = ["ImageClassification"]

# By torchvision's name: what Pillow does under it, and what PyTorch does.
_FILTERS = {
    "nearest": ("nearest_exact", "nearest"),
    "nearest-exact": ("nearest_exact", "nearest_exact"),
    "bilinear": ("bilinear", "bilinear"),
    "bicubic": ("bicubic", "bicubic"),
    "lanczos": ("lanczos", None),
}


class ImageClassification:
    """``torchvision.transforms._presets.ImageClassification``, which is what ``weights.transforms()`` returns.

    The same as ``Compose([Resize(resize_size, interpolation), CenterCrop(crop_size), ToTensor(), Normalize(mean, std)])``, in one
    pass. It can stand in a `Compose` behind steps that return images.

    Parameters
    ----------
    crop_size : int or (height, width)
    resize_size : int
        What the short edge becomes.
    mean, std : sequence of three floats
    interpolation : InterpolationMode or str
        ``"bilinear"``, ``"bicubic"``, ``"lanczos"`` (Pillow images only), ``"nearest"`` or ``"nearest-exact"``; ``BOX`` and
        ``HAMMING`` are refused.
    antialias : bool
        For tensors. Pillow images are always resized with it, here and there.

    Notes
    -----
    A call takes a Pillow image, an ndarray (H, W, C) of uint8 or float32, or a tensor (C, H, W) or (B, C, H, W) of those, and
    returns a float32 tensor (3, H, W) or (B, 3, H, W), which owns the memory that was written. Grey images become three equal
    channels, and an alpha channel is dropped, where torchvision fails. A tensor's channels lie apart: that costs one copy.

    Measured against torchvision 0.28.0, in levels of an 8-bit image, that is units of ``1 / (255 * std)``, on a photograph (and on
    random pixels). Pillow images: bilinear 1.01 (1.02), bicubic 5 (25), lanczos 6.3 (45): there Pillow rounds and clips to 8 bits
    after each of its two passes, and this does not. 8-bit tensors: bilinear and bicubic 0.52 (0.52). Float tensors: 0.004
    (0.009). Nearest: tensors equal, to one ulp; of Pillow images the same pixels, but where Pillow's floating-point index misses
    the one under the centre.

    Examples
    --------
    >>> from fastcv.compat.torchvision import ImageClassification
    >>> ImageClassification(crop_size=224)
    ImageClassification(crop_size=224, resize_size=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), \
interpolation='bilinear', antialias=True)
    """

    def __init__(
        self,
        *,
        crop_size: SupportsIndex | Sequence[SupportsIndex],
        resize_size: SupportsIndex | Sequence[SupportsIndex] = 256,
        mean: Sequence[SupportsFloat] = (0.485, 0.456, 0.406),
        std: Sequence[SupportsFloat] = (0.229, 0.224, 0.225),
        interpolation: Any = "bilinear",
        antialias: bool | None = True,
    ) -> None:
        name = getattr(interpolation, "value", interpolation)
        if name not in _FILTERS:
            raise ValueError(
                f"ImageClassification: interpolation must be one of {', '.join(_FILTERS)}, got {interpolation!r}"
            )
        self.crop_size, self.resize_size = _single(crop_size), _single(resize_size)
        self.mean, self.std = tuple(mean), tuple(std)
        self.interpolation, self.antialias = name, bool(antialias)
        for_images, for_tensors = _FILTERS[name]
        self._images = self._plan(for_images, True)
        self._tensors = None if for_tensors is None else self._plan(for_tensors, self.antialias)

    def _plan(self, interpolation: str, antialias: bool) -> Preprocess:
        return Preprocess.torchvision(
            self.resize_size,
            self.crop_size,
            mean=self.mean,
            std=self.std,
            interpolation=interpolation,
            antialias=antialias,
        )

    def __call__(self, img: Any) -> Any:
        torch = importlib.import_module("torch")
        if not isinstance(img, torch.Tensor):
            return torch.from_numpy(self._images(img))
        if self._tensors is None:
            raise ValueError(
                f"ImageClassification: img must be a Pillow image for interpolation={self.interpolation!r}"
            )
        if img.ndim not in (3, 4):
            raise ValueError(
                f"ImageClassification: img must have shape (C, H, W) or (B, C, H, W), got {tuple(img.shape)}"
            )
        pixels: npt.NDArray[Any] = np.moveaxis(img.numpy(), -3, -1)
        return torch.from_numpy(self._tensors(pixels) if img.ndim == 3 else self._tensors.batch(pixels))

    def __repr__(self) -> str:
        shown = ("crop_size", "resize_size", "mean", "std", "interpolation", "antialias")
        return f"ImageClassification({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _single(size: Any) -> Any:
    """torchvision keeps an int as a list of one."""
    return size[0] if isinstance(size, Sequence) and len(size) == 1 else size

"""Where the pixels of an image went: from the image to the model input and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcv._arguments import flag

__all__ = ["Transform"]

_Axis = tuple[int, float, float, int, int, int, int]
_Floats = npt.NDArray[np.float64]
_Points = npt.NDArray[Any] | Sequence[Any]


@dataclass(frozen=True, slots=True)
class Transform:
    """What a `Preprocess` really does to the coordinates of one image.

    Points are continuous: pixel i covers [i, i + 1), so the corners of an image of (H, W) are (0, 0) and (W, H). A
    point (x, y) of the image is found in the result at ``((x - roi_x) * scale_x + offset_x, (y - roi_y) * scale_y +
    offset_y)``. The offsets are whole numbers (negative where a crop cuts), and the scales are those that were applied, so
    that mapping back is exact whatever was rounded on the way.

    Attributes
    ----------
    image_shape, output_shape : (height, width)
        Of the image and of the result, in pixels.
    roi : (x, y, width, height)
        The part of the image that was used.
    content : (x, y, width, height)
        The part of the result that shows it; the rest is padding.
    scale : (x, y)
        Result pixels per image pixel.
    offset : (x, y)
        Where the corner of `roi` lies in the result.

    Examples
    --------
    >>> import fastcv
    >>> transform = fastcv.Preprocess(640, resize="letterbox").transform((1080, 810))
    >>> transform.content
    (80, 0, 480, 640)
    >>> transform.unmap_boxes([[80, 0, 560, 640]])
    array([[   0.,    0.,  810., 1080.]])
    """

    image_shape: tuple[int, int]
    output_shape: tuple[int, int]
    roi: tuple[int, int, int, int]
    content: tuple[int, int, int, int]
    offset: tuple[int, int]
    # numerator and denominator of the scale, x then y: n * (L / n) need not be L, (n * L) / n is
    _fraction: tuple[float, float, float, float]

    @classmethod
    def _from_placement(
        cls, image_shape: tuple[int, int], placement: tuple[tuple[int, int, int, int], _Axis, _Axis]
    ) -> Transform:
        (
            roi,
            (_, up_y, down_y, first_y, top, rows, height),
            (_, up_x, down_x, first_x, left, columns, width),
        ) = placement
        return cls(
            image_shape,
            (height, width),
            roi,
            (left, top, columns, rows),
            (left - first_x, top - first_y),
            (up_x, down_x, up_y, down_y),
        )

    @property
    def scale(self) -> tuple[float, float]:
        """Result pixels per image pixel, (x, y)."""
        up_x, down_x, up_y, down_y = self._fraction
        return up_x / down_x, up_y / down_y

    @property
    def matrix(self) -> _Floats:
        """The 3 x 3 matrix that takes (x, y, 1) of the image to (x, y, 1) of the result."""
        scale_x, scale_y = self.scale
        return np.array(
            [
                [scale_x, 0, self.offset[0] - self.roi[0] * scale_x],
                [0, scale_y, self.offset[1] - self.roi[1] * scale_y],
                [0, 0, 1],
            ],
            dtype=np.float64,
        )

    def map_points(self, points: _Points) -> _Floats:
        """Image to result: (..., 2) coordinates (x, y), in pixels."""
        up, down = self._ratio()
        return (self._pairs("map_points", points) - self.roi[:2]) * up / down + self.offset

    def unmap_points(self, points: _Points) -> _Floats:
        """Result to image: (..., 2) coordinates (x, y), in pixels."""
        up, down = self._ratio()
        return (self._pairs("unmap_points", points) - self.offset) * down / up + self.roi[:2]

    def map_boxes(self, boxes: _Points) -> _Floats:
        """Image to result: (..., 4) corners (x0, y0, x1, y1), in pixels."""
        return self._corners("map_boxes", boxes, self.map_points)

    def unmap_boxes(self, boxes: _Points, *, clip: bool = False) -> _Floats:
        """Result to image: (..., 4) corners (x0, y0, x1, y1), in pixels; cut at the image's edges when `clip`."""
        corners = self._corners("unmap_boxes", boxes, self.unmap_points)
        if flag("Transform.unmap_boxes", "clip", clip):
            height, width = self.image_shape
            np.clip(corners, 0, (width, height, width, height), out=corners)
        return corners

    def _ratio(self) -> tuple[_Floats, _Floats]:
        up_x, down_x, up_y, down_y = self._fraction
        return np.array([up_x, up_y]), np.array([down_x, down_y])

    def _pairs(self, function: str, points: _Points) -> _Floats:
        return _numbers(function, "points", points, 2, "(x, y)")

    def _corners(self, function: str, boxes: _Points, move: Any) -> _Floats:
        array = _numbers(function, "boxes", boxes, 4, "(x0, y0, x1, y1)")
        moved: _Floats = move(array.reshape(*array.shape[:-1], 2, 2)).reshape(array.shape)
        return moved


def _numbers(function: str, argument: str, values: _Points, last: int, words: str) -> _Floats:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"Transform.{function}: {argument} must be an array of numbers {words}") from None
    if array.ndim < 1 or array.shape[-1] != last:
        raise ValueError(
            f"Transform.{function}: {argument} must have the shape (..., {last}), {words}; got {array.shape}"
        )
    return array

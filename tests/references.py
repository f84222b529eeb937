"""Slow, obvious versions of what fastcv computes, in NumPy, and the programs of the source document."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# The borders are numpy.pad's, under other names.
PAD_MODE = {
    "reflect101": "reflect",
    "reflect": "symmetric",
    "clamp": "edge",
    "wrap": "wrap",
    "constant": "constant",
    "shrink": "constant",
}
BORDERS = list(PAD_MODE)
ROUNDINGS = ["nearest", "even", "floor"]
ALPHAS = ["blur", "opaque", "copy", "premultiplied"]


def pair(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def rounded(total, count, rounding):
    """total / count for integers, rounded once."""
    quotient, rest = np.divmod(total, count)
    if rounding == "floor":
        return quotient
    if rounding == "nearest":
        return quotient + (2 * rest >= count)
    return quotient + ((2 * rest > count) | ((2 * rest == count) & (quotient % 2 == 1)))


def _pad(plane, ksize, anchor, border, value):
    (kx, ky), (ax, ay) = ksize, anchor
    widths = ((ay, ky - 1 - ay), (ax, kx - 1 - ax))
    if PAD_MODE[border] == "constant":
        return np.pad(plane, widths, "constant", constant_values=value)
    return np.pad(plane, widths, PAD_MODE[border])


def _sum(plane, ksize):
    """The sum of every window: first of every column's, then of every row's."""
    kx, ky = ksize
    columns = sliding_window_view(plane, ky, axis=0).sum(axis=-1, dtype=plane.dtype)
    return sliding_window_view(columns, kx, axis=1).sum(axis=-1, dtype=plane.dtype)


def box_blur(
    image,
    ksize,
    *,
    border="reflect101",
    border_value=0,
    anchor=None,
    rounding="nearest",
    alpha="blur",
):
    """The mean of every window of an (H, W) or (H, W, C) image.

    Integers: the one right answer. Floats: a pair of longdouble arrays, the answer and the error allowed.
    """
    if image.ndim == 2:
        options = {"border": border, "border_value": border_value, "anchor": anchor, "rounding": rounding}
        grey = box_blur(image[..., None], ksize, **options)
        return tuple(a[..., 0] for a in grey) if isinstance(grey, tuple) else grey[..., 0]
    ksize = pair(ksize)
    anchor = (ksize[0] // 2, ksize[1] // 2) if anchor is None else pair(anchor)
    exact = image.dtype.kind == "u"
    planes = np.moveaxis(image.astype(np.int64 if exact else np.longdouble), -1, 0)
    values = np.broadcast_to(
        np.asarray(border_value if border == "constant" else 0, planes.dtype), planes.shape[0]
    )

    def total(plane, value):
        return _sum(_pad(plane, ksize, anchor, border, value), ksize)

    if border == "shrink":
        counts = total(np.ones_like(planes[0]), 0)
    else:
        counts = np.full(image.shape[:2], ksize[0] * ksize[1], planes.dtype)
    numerators = [total(p, v) for p, v in zip(planes, values, strict=True)]
    magnitudes = [total(abs(p), abs(v)) for p, v in zip(planes, values, strict=True)]
    denominators = [counts] * len(planes)
    if alpha == "premultiplied":
        for c in range(3):
            numerators[c] = total(planes[c] * planes[3], values[c] * values[3])
            magnitudes[c] = total(abs(planes[c] * planes[3]), abs(values[c] * values[3]))
            denominators[c] = np.where(numerators[3] == 0, 1, numerators[3])
    numerator, magnitude, denominator = (np.stack(a, -1) for a in (numerators, magnitudes, denominators))

    if exact:
        out = rounded(numerator, denominator, rounding).astype(image.dtype)
        top = np.iinfo(image.dtype).max
    else:
        out, top = numerator / denominator, 1.0
        steps = np.log2(float(ksize[0])) + np.log2(float(ksize[1])) + 4
        ulp = np.spacing((magnitude / denominator).astype(image.dtype)).astype(np.longdouble)
        # Premultiplied colours are a quotient of two sums, one of them of products.
        tolerance = ulp * (2 * (steps + 2) if alpha == "premultiplied" else steps)
    if alpha == "opaque":
        out[..., 3] = top
    if alpha == "copy":
        out[..., 3] = image[..., 3]
    return out if exact else (out, tolerance)


# ---- the three programs of the source document -----------------------------------------------


def python_box_blur(image, diameter):
    """The Python loop: the window reaches `diameter // 2` both ways and is cut at the edge; uint8 truncates."""
    result = np.copy(image)
    radius = diameter // 2
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            window = image[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1]
            result[y, x] = np.mean(window, axis=(0, 1))
    return result


def opencv_filter2d(image, diameter):
    """`cv2.filter2D(image, -1, ones / diameter**2)`: reflect101, and the mean rounded half to even."""
    before, after = diameter // 2, diameter - 1 - diameter // 2
    padded = np.pad(image, ((before, after), (before, after), (0, 0)), "reflect")
    windows = sliding_window_view(padded, (diameter, diameter), axis=(0, 1))
    return np.rint(windows.sum(axis=(-2, -1)) / diameter**2).astype(np.uint8)


def mojo_box_blur(image, diameter):
    """The Mojo kernel as it was meant: a true clamp, offsets -radius .. radius - 1, integer division, alpha 255."""
    height, width = image.shape[:2]
    radius = diameter // 2
    total = np.zeros(image.shape, np.int64)
    for dy in range(-radius, radius):
        for dx in range(-radius, radius):
            rows = np.clip(np.arange(height) + dy, 0, height - 1)
            columns = np.clip(np.arange(width) + dx, 0, width - 1)
            total += image[rows][:, columns]
    result = (total // (2 * radius) ** 2).astype(np.uint8)
    result[..., 3] = 255
    return result

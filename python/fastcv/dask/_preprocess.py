"""Files or arrays to batches of model input."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import dask.array as da
import dask.bag as db
import numpy as np
import numpy.typing as npt
from dask.base import tokenize
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

from fastcv._preprocess import Preprocess, _rebuilt

__all__ = ["preprocess"]

_Source: TypeAlias = npt.NDArray[Any] | str | os.PathLike[str] | Delayed
_Reader: TypeAlias = Callable[[Any], npt.NDArray[Any]]


def read_image(path: str | os.PathLike[str]) -> npt.NDArray[Any]:
    """Read a file with Pillow, turned upright: ``(H, W)`` grey or ``(H, W, 3)``."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode not in ("L", "RGB"):
            upright = upright.convert("RGB")
        return np.asarray(upright)


def _batch(images: Any, pre: Preprocess, reader: _Reader, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    # One image at a time is read: a batch of photographs would be far larger than what is made of them.
    images = list(images)
    out = np.empty((len(images), *shape), _probe(pre, 3)[1])
    for image, to in zip(images, out, strict=True):
        pixels = image if isinstance(image, np.ndarray) else reader(image)
        if pre._settings[12] is None and pixels.ndim == 2:  # `channels`
            pixels = pixels[..., None]
        pre(pixels, out=to)
    return out


def _given(values: list[Any]) -> Any:
    # In a list: a path by itself could be taken for the name of a task.
    return values[0]


def _probe(pre: Preprocess, channels: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of what `pre` makes of an image."""
    result = pre(np.zeros((64, 64, channels), np.uint8))
    return result.shape, result.dtype


def preprocess(
    images: db.Bag | Sequence[_Source],
    pre: Preprocess,
    *,
    batch_size: int = 32,
    input_channels: int = 3,
    reader: _Reader = read_image,
    num_threads: int = 1,
) -> da.Array:
    """Turn images into batches for a model, lazily.

    Parameters
    ----------
    images : dask.bag.Bag, or sequence
        Of arrays as `fastcv.Preprocess` takes them, of files' paths, or (in a sequence) of `dask.delayed` values that
        become one or the other. Images may differ in size.
    pre : fastcv.Preprocess
        The plan, with results of one size: no ``resize="shortest"``, no ``stride``.
    batch_size : int
        Images of a sequence that make a batch, one task. A bag's partitions are batches already.
    input_channels : int
        Of the images; only looked at where the plan does not say ``channels``, as it decides the result's shape.
    reader : callable
        Turns a path into an array. Default: Pillow, turned upright, grey or RGB.
    num_threads : int
        Threads of each task. Dask's tasks are the parallelism, hence 1.

    Returns
    -------
    dask.array.Array
        ``(N, C, H, W)``, or ``(N, H, W, C)`` with ``layout="HWC"``; one chunk is one batch. The same bytes as ``pre`` of
        each image. Of a bag, how many images a chunk has is not known before it is computed (``nan``).

    Raises
    ------
    TypeError, ValueError
        For arguments that cannot be used; and, when computed, what ``pre`` raises for an image.

    Examples
    --------
    >>> import numpy as np
    >>> import fastcv
    >>> import fastcv.dask
    >>> pre = fastcv.Preprocess((8, 12))
    >>> images = [np.full((5 + i, 7, 3), i, np.uint8) for i in range(10)]
    >>> batches = fastcv.dask.preprocess(images, pre, batch_size=4)
    >>> batches.chunks[0], batches.shape
    ((4, 4, 2), (10, 3, 8, 12))
    >>> np.array_equal(batches[7].compute(), pre(images[7]))
    True
    """
    if not isinstance(pre, Preprocess):
        raise TypeError(f"preprocess: pre must be a fastcv.Preprocess, got {type(pre).__name__}")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int | np.integer):
        raise TypeError(f"preprocess: batch_size must be an int, got {type(batch_size).__name__}")
    if batch_size < 1:
        raise ValueError(f"preprocess: batch_size must be at least 1, got {batch_size}")
    if not callable(reader):
        raise TypeError(f"preprocess: reader must be callable, got {type(reader).__name__}")
    settings = pre._settings
    if settings[1] == "shortest" or settings[4] is not None:
        raise ValueError(
            f'preprocess: pre must make results of one size, which resize="shortest" and stride do not: {pre!r}'
        )
    plan = _rebuilt(type(pre), settings, num_threads)
    shape, dtype = _probe(plan, input_channels)

    name = "preprocess-" + tokenize(
        images if isinstance(images, db.Bag) else list(images), plan, batch_size, reader
    )
    if isinstance(images, db.Bag):
        graph: dict[Any, Any] = {
            (name, i, 0, 0, 0): (_batch, (images.name, i), plan, reader, shape)
            for i in range(images.npartitions)
        }
        layers = HighLevelGraph.from_collections(name, graph, dependencies=[images])
        counts: tuple[float, ...] = (np.nan,) * images.npartitions
    elif isinstance(images, str | bytes | os.PathLike | np.ndarray | Delayed) or not isinstance(
        images, Sequence
    ):
        raise TypeError(
            f"preprocess: images must be a dask.bag.Bag or a sequence of images, got {type(images).__name__}"
        )
    else:
        groups = [images[i : i + batch_size] for i in range(0, len(images), batch_size)] or [[]]
        graph = {
            (name, i, 0, 0, 0): (
                _batch,
                [x.key if isinstance(x, Delayed) else (_given, [x]) for x in group],
                plan,
                reader,
                shape,
            )
            for i, group in enumerate(groups)
        }
        layers = HighLevelGraph.from_collections(
            name, graph, dependencies=[x for x in images if isinstance(x, Delayed)]
        )
        counts = tuple(len(group) for group in groups)
    chunks = (counts, *((n,) for n in shape))
    return da.Array(layers, name, chunks, dtype=dtype)

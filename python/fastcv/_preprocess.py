"""Image to model input: resize, scale, normalise, reorder, in one pass."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, SupportsFloat, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from fastcv._arguments import index
from fastcv._core import make_preprocessor, preprocess, preprocess_batch, preprocess_placement
from fastcv._runtime import threads_of_a_worker
from fastcv._transform import Transform

__all__ = ["Preprocess"]

_IntOrPair: TypeAlias = SupportsIndex | Sequence[SupportsIndex]
_Reals: TypeAlias = SupportsFloat | Sequence[SupportsFloat] | npt.NDArray[Any]
_Image: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]
_Roi: TypeAlias = Sequence[SupportsIndex] | None


class Preprocess:
    """A plan that turns images of any size into the input of one model, in one pass, into your memory.

    ``out = (pixel * scale - mean) / (std + std_eps)``, where ``pixel`` is the resized image's value, in full
    precision: nothing is rounded to 8 bits between the steps.

    Parameters
    ----------
    size : int or (height, width)
        Of the result, in pixels. ``resize="shortest"``: an int, the length of the short edge.
    resize : {"stretch", "letterbox", "crop", "shortest"}
        ``"stretch"``: each axis for itself. ``"letterbox"``: the same scale for both axes, as large as fits; the content is
        ``round(side * scale)`` pixels, at least 1, and centred, the odd pixel of padding right and below (as in
        Ultralytics). ``"crop"``: the short edge becomes `resize_to`, the long one ``int(resize_to * long / short)``, of
        which the centre is cut out (as ``Resize`` and ``CenterCrop`` in torchvision). ``"shortest"``: the same without the cut.
    resize_to : int, optional
        For ``"crop"``; default: the smallest that covers `size`. Smaller than `size` means padding.
    anchor : {"center", "top_left"}
        Where the letterbox puts the content.
    stride : int, optional
        Letterbox: cuts the padding of each axis to what remains modulo `stride`, so that the result may be smaller than `size`.
    upscale : bool
        Letterbox: ``False`` leaves images that fit at their size.
    interpolation : {"nearest", "nearest_exact", "bilinear", "bicubic", "lanczos", "area"}
        ``"nearest"``: pixel ``floor(i * in / out)``, in exact integers. ``"nearest_exact"``: the pixel under the centre.
        ``"bilinear"`` and the rest use pixel centres. ``"bicubic"``: a = -0.75, with `antialias` -0.5. ``"lanczos"``: a = 3.
        ``"area"``: the mean of what an output pixel covers.
    antialias : bool
        For bilinear, bicubic and lanczos: the filter grows with the scale when images shrink, with Pillow's support.
    clip : bool
        Bicubic and lanczos of integers: cut what overshoots the type's range, before `scale`.
    scale : float, optional
        Default: 1/255 for uint8 images, 1/65535 for uint16, 1 for float32; 1 when `dtype` is ``"uint8"``.
    mean, std : float or one float a channel
        In the order of the output's channels, in units of ``pixel * scale``.
    std_eps : float
        Added to `std`.
    reverse_channels : bool
        BGR to RGB and back; RGBA loses its alpha first if ``channels=3``.
    channels : int, optional
        Refuse images of another number. ``3`` turns grey into three equal channels and drops the alpha of RGBA.
    layout : {"CHW", "HWC"}
    dtype : {"float32", "float16", "uint8"}
        Of the result. ``"uint8"`` is rounded half to even and saturated.
    pad_value : float or one float a channel
        The padding, as the value of an 8-bit pixel (times 257 for uint16 images, / 255 for float32), normalised like one; or,
        with ``pad_normalized=True``, as it shall stand in the result.
    pad_normalized : bool
    num_threads : int, optional
        At most so many threads for one call. Default: see `set_num_threads`; in a worker of PyTorch's ``DataLoader`` 1,
        unless it or ``FASTCV_NUM_THREADS`` says more. Small images stay on the caller's.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, here or in a call; it is named, and nothing is written.

    Notes
    -----
    Plans are immutable, hashable, picklable and safe to share between threads. The tables of the 16 geometries met last are
    kept; a call into `out` then allocates nothing.

    Error, in levels of an 8-bit image, from the definition in float64: nearest 0, bilinear, area and antialiased bilinear
    0.05, bicubic and lanczos 0.1; uint16 1/257 of that; float32 2e-6 of the range. The bytes are the same for any number of
    threads, any strides and any place in a batch.

    Cost: one pass over the rows that are needed, and one over the result. uint8 images of 1, 3 or 4 channels take the fastest
    kernels.

    References
    ----------
    R. Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics, Speech,
    and Signal Processing 29 (1981) 1153-1160.

    Examples
    --------
    >>> import numpy as np
    >>> import fastcv
    >>> pre = fastcv.Preprocess(224, resize="crop", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    >>> pre(fastcv.datasets.photo()).shape
    (3, 224, 224)
    >>> white = np.full((2, 4), 255, np.uint8)
    >>> fastcv.Preprocess(4, resize="letterbox", pad_value=0)(white)[0]
    array([[0., 0., 0., 0.],
           [1., 1., 1., 1.],
           [1., 1., 1., 1.],
           [0., 0., 0., 0.]], dtype=float32)
    """

    __slots__ = ("_core", "_num_threads", "_settings")
    _core: Any
    _num_threads: int | None
    _settings: tuple[Any, ...]

    def __init__(
        self,
        size: _IntOrPair,
        *,
        resize: str = "stretch",
        resize_to: SupportsIndex | None = None,
        anchor: str = "center",
        stride: SupportsIndex | None = None,
        upscale: bool = True,
        interpolation: str = "bilinear",
        antialias: bool = False,
        clip: bool = True,
        scale: SupportsFloat | None = None,
        mean: _Reals = 0.0,
        std: _Reals = 1.0,
        std_eps: SupportsFloat = 0.0,
        reverse_channels: bool = False,
        channels: SupportsIndex | None = None,
        layout: str = "CHW",
        dtype: npt.DTypeLike = "float32",
        pad_value: _Reals = 114,
        pad_normalized: bool = False,
        num_threads: SupportsIndex | None = None,
    ) -> None:
        settings = (
            _plain(size),
            resize,
            _plain(resize_to),
            anchor,
            _plain(stride),
            upscale,
            interpolation,
            antialias,
            clip,
            _plain(scale),
            _plain(mean),
            _plain(std),
            _plain(std_eps),
            reverse_channels,
            _plain(channels),
            layout,
            _dtype_name(dtype),
            _plain(pad_value),
            pad_normalized,
        )
        self._set(settings, num_threads)

    def _set(self, settings: tuple[Any, ...], num_threads: SupportsIndex | None) -> None:
        core = make_preprocessor(*settings)
        if num_threads is not None:
            num_threads = index("Preprocess", "num_threads", num_threads, 1)
        object.__setattr__(self, "_core", core)
        object.__setattr__(self, "_settings", settings)
        object.__setattr__(self, "_num_threads", num_threads)

    def __call__(
        self, image: _Image, roi: _Roi = None, out: npt.NDArray[Any] | None = None
    ) -> npt.NDArray[Any]:
        """Preprocess one image.

        Parameters
        ----------
        image : ndarray of uint8, uint16 or float32
            ``(H, W)`` grey or ``(H, W, C)``. Read in place when the pixels are contiguous within a row.
        roi : (x, y, width, height), optional
            The part of the image to use, in pixels; nothing outside it is looked at.
        out : ndarray, optional
            Of the result's shape and dtype, also a slice of a batch. Written to and returned.

        Returns
        -------
        ndarray
            ``(C, H, W)``, or ``(H, W, C)`` with ``layout="HWC"``.
        """
        return preprocess(self._core, image, roi, out, self._num_threads or threads_of_a_worker())

    def batch(
        self,
        images: Sequence[_Image] | npt.NDArray[Any],
        out: npt.NDArray[Any] | None = None,
        *,
        rois: Sequence[_Roi] | None = None,
    ) -> npt.NDArray[Any]:
        """Preprocess several images, of any sizes and types, into one array; each thread takes whole images.

        Parameters
        ----------
        images : sequence of ndarray, or ndarray of (N, H, W, C)
            As for one image.
        out : ndarray, optional
            Of shape ``(N, *result)``.
        rois : sequence of roi or None, optional
            One an image.

        Returns
        -------
        ndarray
            ``(N, C, H, W)``, or ``(N, H, W, C)`` with ``layout="HWC"``; the same bytes as one by one.
        """
        return preprocess_batch(self._core, images, rois, out, self._num_threads or threads_of_a_worker())

    def transform(self, shape: Sequence[SupportsIndex], roi: _Roi = None) -> Transform:
        """Return where the pixels of an image of `shape` (``image.shape``: height first) go."""
        if not isinstance(shape, tuple | list) or len(shape) not in (2, 3):
            raise TypeError(
                f"Preprocess: shape must be (height, width) or (height, width, channels), got {shape!r}"
            )
        placement = preprocess_placement(self._core, shape[0], shape[1], roi)
        return Transform._from_placement((int(shape[0]), int(shape[1])), placement)

    # ---- a value ---------------------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Preprocess is immutable: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Preprocess is immutable: cannot delete {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Preprocess):
            return NotImplemented
        return (self._settings, self._num_threads) == (other._settings, other._num_threads)

    def __hash__(self) -> int:
        return hash((self._settings, self._num_threads))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self._settings, self._num_threads)

    def __copy__(self) -> Preprocess:
        return self

    def __deepcopy__(self, memo: object) -> Preprocess:
        return self

    def __repr__(self) -> str:
        shown = [repr(self._settings[0])]
        shown += [
            f"{name}={value!r}"
            for (name, default), value in zip(_DEFAULTS.items(), self._settings[1:], strict=True)
            if value != default
        ]
        if self._num_threads is not None:
            shown.append(f"num_threads={self._num_threads}")
        return f"Preprocess({', '.join(shown)})"

    # ---- other people's settings -----------------------------------------------------------

    @classmethod
    def opencv_blob(
        cls,
        scalefactor: SupportsFloat = 1.0,
        size: Sequence[SupportsIndex] = (0, 0),
        mean: _Reals = (0.0, 0.0, 0.0),
        swapRB: bool = False,
        crop: bool = False,
        ddepth: npt.DTypeLike = "float32",
    ) -> Preprocess:
        """The arguments of ``cv2.dnn.blobFromImage``, behind the image: ``(pixel - mean) * scalefactor``.

        `size` is ``(width, height)`` as there, and must be given. `mean` is in the order of the output's channels. Call
        `batch` for the blob's leading axis. OpenCV rounds to 8 bits after its resize, this does not: the results differ by
        at most one level of the image, times `scalefactor`.
        """
        from fastcv import _preprocess_presets as presets

        return cls(**presets.opencv_blob(scalefactor, size, mean, swapRB, crop, ddepth))

    @classmethod
    def torchvision(
        cls,
        resize: _IntOrPair = 256,
        crop: _IntOrPair | None = 224,
        *,
        mean: _Reals = (0.485, 0.456, 0.406),
        std: _Reals = (0.229, 0.224, 0.225),
        interpolation: str = "bilinear",
        antialias: bool = True,
    ) -> Preprocess:
        """``Compose([Resize(resize), CenterCrop(crop), ToTensor(), Normalize(mean, std)])`` of a PIL image.

        `resize` is an int (the short edge) or ``(height, width)``; ``crop=None`` leaves the crop out. `interpolation` is one of
        ``"nearest"``, ``"nearest_exact"``, ``"bilinear"``, ``"bicubic"``, ``"lanczos"``. Of PIL images torchvision always
        antialiases; ``antialias=False`` is its tensors' way. It rounds to 8 bits after each of two passes, this does not.
        """
        from fastcv import _preprocess_presets as presets

        return cls(**presets.torchvision(resize, crop, mean, std, interpolation, antialias))

    @classmethod
    def yolo(
        cls, size: _IntOrPair = 640, *, stride: SupportsIndex | None = None, upscale: bool = True
    ) -> Preprocess:
        """The letterbox of Ultralytics' models: RGB in, bilinear, grey (114) padding, ``/ 255``, CHW.

        `stride` is its ``auto=True``: padding only to the next multiple. ``upscale=False`` is its ``scaleup=False``.
        """
        from fastcv import _preprocess_presets as presets

        return cls(**presets.yolo(size, stride, upscale))

    @classmethod
    def from_huggingface(cls, config: dict[str, Any] | str | os.PathLike[str]) -> Preprocess:
        """A ``preprocessor_config.json`` (its path, or its contents as a dict) of a Hugging Face image processor.

        Understood: ``do_resize, size, resample, do_center_crop, crop_size, do_rescale, rescale_factor, do_normalize, image_mean,
        image_std, do_convert_rgb, do_flip_channel_order``, and the keys that only name things. Any other key, and any
        combination that cannot be done in one pass, raises ValueError: nothing is ignored. Resizing antialiases, as Pillow
        does there, and a crop begins at ``(L - crop_size) // 2``, where torchvision rounds to even.
        """
        from fastcv import _preprocess_presets as presets

        return cls(**presets.from_huggingface(config))


_DEFAULTS: dict[str, Any] = {
    "resize": "stretch",
    "resize_to": None,
    "anchor": "center",
    "stride": None,
    "upscale": True,
    "interpolation": "bilinear",
    "antialias": False,
    "clip": True,
    "scale": None,
    "mean": 0.0,
    "std": 1.0,
    "std_eps": 0.0,
    "reverse_channels": False,
    "channels": None,
    "layout": "CHW",
    "dtype": "float32",
    "pad_value": 114,
    "pad_normalized": False,
}


def _plain(value: Any) -> Any:
    """Sequences as tuples of Python numbers, so that plans are hashable; anything else as it is, for the core to judge."""
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
        return value.item() if value.dtype.kind in "iuf" else value
    if isinstance(value, np.ndarray):
        return tuple(value.tolist()) if value.ndim == 1 else value
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | dict | set):
        return tuple(_plain(item) for item in value)
    return value


def _dtype_name(dtype: npt.DTypeLike) -> Any:
    """ "float32" for "float32", np.float32 and np.dtype("float32"); names are judged by the core."""
    if isinstance(dtype, str):
        return dtype
    try:
        return np.dtype(dtype).name
    except (TypeError, ValueError):
        raise TypeError(f"Preprocess: dtype must be a dtype or its name, got {dtype!r}") from None


def _rebuilt(cls: type[Preprocess], settings: tuple[Any, ...], num_threads: int | None) -> Preprocess:
    plan = cls.__new__(cls)
    plan._set(settings, num_threads)
    return plan

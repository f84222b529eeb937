"""Other people's settings as arguments of `Preprocess`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from fastcv._arguments import flag, index, number

Settings = dict[str, Any]

# PIL.Image.Resampling
RESAMPLE = {0: "nearest_exact", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "area"}
FILTERED = ("bilinear", "bicubic", "lanczos")

# Keys that name things and change no pixel.
HUGGINGFACE_NAMES = {
    "image_processor_type",
    "feature_extractor_type",
    "processor_class",
    "model_type",
    "data_format",
    "return_tensors",
    "_processor_class",
    "_valid_processor_keys",
    "_name_or_path",
    "transformers_version",
}
HUGGINGFACE_KEYS = {
    "do_resize",
    "size",
    "resample",
    "do_center_crop",
    "crop_size",
    "do_rescale",
    "rescale_factor",
    "do_normalize",
    "image_mean",
    "image_std",
    "do_convert_rgb",
    "do_flip_channel_order",
    "input_data_format",
}


def opencv_blob(
    scalefactor: SupportsFloat,
    size: Sequence[SupportsIndex],
    mean: Any,
    swap_red_blue: bool,
    crop: bool,
    ddepth: npt.DTypeLike,
) -> Settings:
    """`cv2.dnn.blobFromImage`."""
    name_of = "Preprocess.opencv_blob"
    if not isinstance(size, Sequence) or isinstance(size, str | bytes) or len(size) != 2:
        raise TypeError(f"{name_of}: size must be (width, height), got {size!r}")
    width, height = (index(name_of, "size", side, 1) for side in size)
    swap_red_blue, crop = flag(name_of, "swapRB", swap_red_blue), flag(name_of, "crop", crop)
    factor = number(name_of, "scalefactor", scalefactor)
    if not np.isfinite(factor):
        raise ValueError(f"{name_of}: scalefactor must be finite, got {scalefactor!r}")
    shift = _numbers(name_of, "mean", mean) * factor
    name = _depth(ddepth)
    if name not in ("float32", "uint8") or (name == "uint8" and (factor != 1 or shift.any())):
        raise ValueError(
            "Preprocess.opencv_blob: ddepth must be float32 (cv2.CV_32F), or uint8 (cv2.CV_8U) with scalefactor 1 and "
            f"mean 0; got {ddepth!r}"
        )
    if shift.ndim == 1 and not shift.any():
        shift = np.zeros(())  # the default: three zeros, for images of any number of channels
    return {
        "size": (height, width),
        "resize": "cover" if crop else "stretch",
        "scale": factor,
        "mean": tuple(shift.tolist()) if shift.ndim else shift.item(),
        "reverse_channels": swap_red_blue,
        "dtype": name,
    }


def _depth(ddepth: Any) -> str:
    """OpenCV's number of a depth, or a dtype, as a name."""
    if isinstance(ddepth, int) and not isinstance(ddepth, bool):
        return {5: "float32", 0: "uint8"}.get(ddepth, "")
    try:
        return str(np.dtype(ddepth).name)
    except (TypeError, ValueError):
        return ""


def _numbers(function: str, argument: str, values: Any) -> npt.NDArray[np.float64]:
    """One number or a row of them."""
    if (
        isinstance(values, Sequence | np.ndarray)
        and not isinstance(values, str | bytes)
        and np.ndim(values) == 1
    ):
        return np.array([number(function, argument, value) for value in values], np.float64)
    if isinstance(values, np.ndarray) and values.ndim == 0:
        values = values[()]
    return np.float64(number(function, argument, values)) * np.ones(())


def torchvision(resize: Any, crop: Any, mean: Any, std: Any, interpolation: str, antialias: bool) -> Settings:
    """Resize, CenterCrop, ToTensor, Normalize."""
    name_of = "Preprocess.torchvision"
    if not isinstance(interpolation, str):
        raise TypeError(f"{name_of}: interpolation must be a str, got {type(interpolation).__name__}")
    settings: Settings = {
        "mean": mean,
        "std": std,
        "interpolation": interpolation,
        "antialias": flag(name_of, "antialias", antialias) and interpolation in FILTERED,
        "pad_value": 0,
        "channels": 3,
    }
    resize = _int_or_pair(name_of, "resize", resize)
    if crop is not None:
        crop = _int_or_pair(name_of, "crop", crop)
    if isinstance(resize, int):
        if crop is None:
            return settings | {"size": resize, "resize": "shortest"}
        return settings | {"size": crop, "resize": "crop", "resize_to": resize}
    if crop not in (None, resize) and (crop, crop) != resize:
        raise ValueError(
            f"{name_of}: resize must be an int when crop is given (a crop out of a stretched image is not one "
            f"pass here), got {resize!r}"
        )
    return settings | {"size": resize}


def yolo(size: Any, stride: SupportsIndex | None, upscale: bool) -> Settings:
    """The letterbox of Ultralytics."""
    return {"size": size, "resize": "letterbox", "stride": stride, "upscale": upscale, "channels": 3}


def from_huggingface(config: Mapping[str, Any] | str | os.PathLike[str]) -> Settings:
    """A preprocessor_config.json."""
    if not isinstance(config, Mapping):
        if not isinstance(config, str | os.PathLike):
            raise TypeError(
                f"Preprocess.from_huggingface: config must be a path or a dict, got {type(config).__name__}"
            )
        try:
            with open(config, encoding="utf-8") as file:
                config = json.load(file)
        except ValueError as error:  # no path, no UTF-8, no JSON
            raise ValueError(f"Preprocess.from_huggingface: config {config!r}: {error}") from None
        if not isinstance(config, Mapping):
            raise TypeError("Preprocess.from_huggingface: config must hold a JSON object")
    unknown = sorted(map(str, set(config) - HUGGINGFACE_KEYS - HUGGINGFACE_NAMES))
    if unknown:
        raise ValueError(
            f"Preprocess.from_huggingface: config holds keys that are not understood: {', '.join(unknown)}"
        )
    if config.get("input_data_format") not in (None, "channels_last"):
        raise ValueError("Preprocess.from_huggingface: input_data_format must be channels_last")
    data_format = config.get("data_format", "channels_first")
    if data_format not in ("channels_first", "channels_last", None):
        raise ValueError(
            f"Preprocess.from_huggingface: data_format must be channels_first, got {data_format!r}"
        )

    settings: Settings = {"pad_value": 0, "channels": 3, "mean": 0.0, "std": 1.0}
    settings["layout"] = "HWC" if data_format == "channels_last" else "CHW"
    settings |= _geometry(config)
    settings["scale"] = (
        number("Preprocess.from_huggingface", "config: rescale_factor", config.get("rescale_factor", 1 / 255))
        if config.get("do_rescale", True)
        else 1.0
    )
    if config.get("do_normalize", True):
        settings["mean"] = _required(config, "image_mean", "do_normalize")
        settings["std"] = _required(config, "image_std", "do_normalize")
    settings["reverse_channels"] = bool(config.get("do_flip_channel_order", False))
    return settings


def _geometry(config: Mapping[str, Any]) -> Settings:
    crops = bool(config.get("do_center_crop", "crop_size" in config))
    crop = _height_width(config["crop_size"], "crop_size") if crops and "crop_size" in config else None
    if crops and crop is None:
        raise ValueError("Preprocess.from_huggingface: do_center_crop needs crop_size")
    if not config.get("do_resize", True):
        raise ValueError(
            "Preprocess.from_huggingface: do_resize must be true: the result would have the image's size"
        )
    size = _required(config, "size", "do_resize")
    resample = config.get("resample", 2)
    if not isinstance(resample, int) or resample not in RESAMPLE:
        raise ValueError(
            f"Preprocess.from_huggingface: resample must be one of {sorted(RESAMPLE)}, got {resample!r}"
        )
    interpolation = RESAMPLE[resample]
    settings: Settings = {"interpolation": interpolation, "antialias": interpolation in FILTERED}
    edge = size if isinstance(size, int) and crop is not None else None
    if isinstance(size, Mapping) and set(size) == {"shortest_edge"}:
        edge = size["shortest_edge"]
    if edge is not None:
        if crop is None:
            return settings | {"size": edge, "resize": "shortest"}
        return settings | {"size": crop, "resize": "crop_floor", "resize_to": edge}  # its own centre
    stretched = _height_width(size, "size")
    if crop is not None and crop != stretched:
        raise ValueError(
            "Preprocess.from_huggingface: crop_size must equal size, unless size is a shortest_edge: "
            "a crop out of a stretched image is not one pass here"
        )
    return settings | {"size": stretched}


def _height_width(value: Any, key: str) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    if isinstance(value, Mapping) and set(value) == {"height", "width"}:
        return value["height"], value["width"]
    raise ValueError(
        f"Preprocess.from_huggingface: {key} must be an int, {{height, width}} or, for size, {{shortest_edge}}, got {value!r}"
    )


def _required(config: Mapping[str, Any], key: str, why: str) -> Any:
    if config.get(key) is None:
        raise ValueError(f"Preprocess.from_huggingface: {why} needs {key}")
    return config[key]


def _int_or_pair(function: str, argument: str, value: Any) -> int | tuple[int, int]:
    """An int, or (height, width); each at least 1."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return index(function, argument, value, 1)
    if len(value) != 2:
        raise TypeError(f"{function}: {argument} must be an int or (height, width), got {value!r}")
    height, width = value
    return index(function, argument, height, 1), index(function, argument, width, 1)

"""Image files in and out: every format Pillow knows, as NumPy arrays, without silent losses.

Reading turns the picture upright (EXIF orientation) and keeps alpha.
"""

from __future__ import annotations

import argparse
import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcv import datasets
from fastcv.cli import CommandError, _paths
from fastcv.cli._arguments import Parser
from fastcv.cli._paths import Kind, reason, replacing

if TYPE_CHECKING:
    from PIL import Image as PillowImage

# What a file format can hold beyond 8-bit grey and RGB. Pillow would narrow the rest without a word.
HOLDS = {
    "alpha": {"PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "TGA", "SGI", "ICO", "GIF", "DDS"},
    "I;16": {"PNG", "TIFF", "JPEG2000", "PPM"},
    "F": {"TIFF"},
    "CMYK": {"JPEG", "MPO", "TIFF", "JPEG2000", "EPS", "PDF"},
}
WORDS = {"alpha": "transparency", "I;16": "16-bit values", "F": "floating-point values"}

# EXIF kept: what describes the picture (title, camera, date, author, copyright). Left out: what describes the file,
# the maker's notes, and the thumbnail, which would still show the picture as it was.
EXIF_KEPT = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x4746, 0x8298, *range(0x9C9B, 0x9CA0))
EXIF_CAMERA, EXIF_GPS = 0x8769, 0x8825
EXIF_CAMERA_LEFT_OUT = (0x927C, 0xA002, 0xA003, 0xA005)

PIXELS_AT_MOST = (
    1 << 30
)  # a guard against files that claim an absurd size; Pillow's own is too low for panoramas


def pillow() -> Any:
    """The module PIL.Image, or a CommandError that says how to get it."""
    try:
        from PIL import Image
    except ImportError:
        raise CommandError('image files need Pillow: pip install "fastcv-cpu[cli]"', 1) from None
    return Image


# What a report says of every image: see Picture.facts.
FIELDS = {
    "input": "the file that was read",
    "output": "the file that was written",
    "width": "in pixels, upright",
    "height": "in pixels",
    "channels": "1 to 4, alpha included",
    "dtype": "uint8, uint16 or float32",
    "notes": "what was lost in reading, a list of texts",
}


# ---- names ---------------------------------------------------------------------------------


def add_paths(parser: Parser) -> None:
    """IN... -o OUT [--force] [--quality N]."""
    _paths.add_paths(parser, "IN", "images")
    parser.add_argument(
        "--quality",
        type=quality,
        default=95,
        metavar="N",
        help="of JPEG, WebP and AVIF, 1 to 100 (default 95)",
    )


def quality(text: str) -> int:
    """1 to 100, or argparse's complaint."""
    value = int(text)
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"expected 1 to 100, got {value}")
    return value


def readable(path: Path) -> bool:
    """Whether the name's ending is an image's."""
    image = pillow()
    return image.registered_extensions().get(path.suffix.lower()) in image.OPEN


def file_format(path: Path) -> str:
    """The format that the name's ending stands for."""
    image = pillow()
    found = image.registered_extensions().get(path.suffix.lower())
    if found is None or found not in image.SAVE:
        ending = f"{path.suffix!r} is not an ending" if path.suffix else "a name without an ending is not one"
        raise CommandError(f"{path}: {ending} that can be written; try .png, .jpg, .tif or .webp")
    return str(found)


IMAGES = Kind("images", readable, file_format)


# ---- reading -------------------------------------------------------------------------------


@dataclass
class Picture:
    """A decoded image: (H, W) or (H, W, C), and what its file said besides the pixels."""

    pixels: npt.NDArray[Any]
    mode: str  # L, LA, RGB, RGBA, CMYK (uint8), I;16 (uint16) or F (float32)
    extras: dict[str, Any] = field(default_factory=dict)  # for Image.save: exif, icc_profile, dpi
    notes: list[str] = field(default_factory=list)  # what was lost on the way

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.mode in ("LA", "RGBA")

    def facts(self) -> dict[str, Any]:
        """What a report says about it."""
        height, width = self.pixels.shape[:2]
        channels = self.pixels.shape[2] if self.pixels.ndim == 3 else 1
        dtype = str(self.pixels.dtype)
        return {
            "width": width,
            "height": height,
            "channels": channels,
            "dtype": dtype,
            "notes": self.notes,
        }

    def size(self) -> str:
        """Width x height x channels."""
        height, width = self.pixels.shape[:2]
        channels = self.pixels.shape[2] if self.pixels.ndim == 3 else 1
        return f"{width}x{height}x{channels}" + (
            "" if self.pixels.dtype == np.uint8 else f" {self.pixels.dtype}"
        )


def read(path: Path) -> Picture:
    """Decode the file, upright."""
    from PIL import ImageOps

    notes: list[str] = []
    with _opening(notes), pillow().open(path) as image:
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            notes.append(f"only the first of its {image.n_frames} frames is used")
        if "16" in _raw_mode(image) and not image.mode.startswith("I"):
            notes.append("16 bits a channel are read as 8: Pillow holds 16-bit grey only")
        image.load()
        upright = ImageOps.exif_transpose(image)
        extras = {key: image.info[key] for key in ("icc_profile", "dpi") if image.info.get(key)}
        exif = _exif(image, notes)
    if exif:
        extras["exif"] = exif
    plain = _plain(upright)
    if (plain.mode in ("L", "LA")) != (
        upright.mode in ("1", "L", "LA")
    ) or upright.mode == "CMYK" != plain.mode:
        extras.pop("icc_profile", None)  # it described other channels
    pixels, mode = _pixels(plain)
    return Picture(pixels, mode, extras, notes)


@contextlib.contextmanager
def _opening(notes: list[str]) -> Iterator[None]:
    """Pillow's warnings become notes, and its guard against absurd sizes lets panoramas through."""
    image = pillow()
    before = image.MAX_IMAGE_PIXELS
    image.MAX_IMAGE_PIXELS = PIXELS_AT_MOST // 2  # Pillow warns there and refuses at twice that
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            yield
    finally:
        image.MAX_IMAGE_PIXELS = before
    texts = (str(w.message).partition("\n")[0].strip() for w in said if issubclass(w.category, UserWarning))
    notes += dict.fromkeys(texts)


def _raw_mode(image: PillowImage.Image) -> str:
    """How the file stores its pixels, e.g. RGB;16B."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    args = tiles[0][3]
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _plain(image: PillowImage.Image) -> PillowImage.Image:
    """The image in one of Picture's modes."""
    mode = image.mode
    if mode in ("L", "RGB", "1", "P") and image.has_transparency_data:
        return image.convert("LA" if mode in ("L", "1") else "RGBA")
    if mode in ("L", "LA", "RGB", "RGBA", "CMYK", "F") or mode.startswith("I"):
        return image
    if mode == "1":
        return image.convert("L")
    if mode == "La":
        return image.convert("LA")
    if mode in ("RGBa", "PA"):
        return image.convert("RGBA")
    if mode in ("P", "YCbCr", "HSV", "RGBX"):
        return image.convert("RGB")
    raise ValueError(f"colour mode {mode} is not supported")


def _pixels(image: PillowImage.Image) -> tuple[npt.NDArray[Any], str]:
    """The array and Picture's name for its mode."""
    pixels = np.asarray(image)
    if not image.mode.startswith("I"):
        return pixels, image.mode
    if image.mode == "I" and pixels.size and not (pixels.min() >= 0 and pixels.max() <= 65535):
        raise ValueError("32-bit values outside 0 to 65535 are not supported")
    return pixels.astype(np.uint16), "I;16"


def _exif(image: PillowImage.Image, notes: list[str]) -> bytes:
    """The descriptive part of the file's EXIF, b"" when there is none."""
    kept = pillow().Exif()
    try:
        found = image.getexif()
        for tag in EXIF_KEPT:
            if tag in found:
                kept[tag] = found[tag]
        camera = {
            tag: value for tag, value in found.get_ifd(EXIF_CAMERA).items() if tag not in EXIF_CAMERA_LEFT_OUT
        }
        for tag, values in ((EXIF_CAMERA, camera), (EXIF_GPS, dict(found.get_ifd(EXIF_GPS)))):
            if values:
                kept[tag] = values
        return bytes(kept.tobytes()) if len(kept) else b""
    except Exception:  # noqa: BLE001 - damaged EXIF fails in many ways, none of them worth the picture
        notes.append("its EXIF data is damaged and is left out")
        return b""


def rgb_photo(path: str | None) -> npt.NDArray[np.uint8]:
    """The user's photo as 8-bit RGB, or ours."""
    if path is None:
        return datasets.photo()
    try:
        picture = read(Path(path))
    except Exception as error:  # noqa: BLE001 - whatever Pillow finds wrong with the file
        raise CommandError(f"{path}: {reason(error)}", 1) from None
    if picture.pixels.dtype != np.uint8:
        raise CommandError(f"{path}: expected an 8-bit photo, this one is {picture.pixels.dtype}", 1)
    return np.asarray(_image(picture).convert("RGB"))


def _image(picture: Picture) -> PillowImage.Image:
    """As Pillow has it."""
    image: PillowImage.Image
    if picture.pixels.dtype == np.uint8:  # the mode decides: four channels may be RGBA or CMYK
        size = picture.pixels.shape[1::-1]
        image = pillow().frombytes(picture.mode, size, np.ascontiguousarray(picture.pixels).tobytes())
    else:
        image = pillow().fromarray(picture.pixels)
    return image


# ---- writing -------------------------------------------------------------------------------


def write(path: Path, picture: Picture, *, quality: int = 95) -> None:
    """Encode the picture in the format of the name's ending, completely or not at all."""
    kind = file_format(path)
    extras = dict(picture.extras)
    image = _image(picture)
    if picture.mode == "CMYK" and kind not in HOLDS["CMYK"]:
        image = image.convert("RGB")
        extras.pop("icc_profile", None)
    elif picture.has_alpha and kind not in HOLDS["alpha"]:
        if picture.pixels.size and picture.pixels[..., -1].min() < 255:
            raise ValueError(f"{kind} files hold no {WORDS['alpha']}; write .png, .tif or .webp")
        image = image.convert("L" if picture.mode == "LA" else "RGB")
    elif picture.mode in ("I;16", "F") and kind not in HOLDS[picture.mode]:
        raise ValueError(
            f"{kind} files hold no {WORDS[picture.mode]}; write .tif" + " or .png" * (image.mode != "F")
        )
    if kind in ("JPEG", "MPO", "WEBP", "AVIF"):
        extras["quality"] = quality
        if quality >= 90 and kind == "JPEG":
            extras["subsampling"] = 0  # keep colour edges
    try:
        with replacing(path) as file:
            image.save(file, format=kind, **extras)
    except OSError as error:
        raise OSError(f"cannot write {path}: {reason(error)}") from error

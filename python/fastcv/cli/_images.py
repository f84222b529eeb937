"""Image files in and out: every format Pillow knows, as NumPy arrays, without silent losses.

Reading turns the picture upright (EXIF orientation) and keeps alpha; writing goes to a temporary file beside the
target and then takes its place in one step, so that no half file is ever seen.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcv.cli import CommandError

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


# ---- the grammar every command shares ------------------------------------------------------


def add_paths(parser: argparse.ArgumentParser) -> None:
    """IN... -o OUT [--force] [--quality N]."""
    parser.add_argument(
        "paths", nargs="+", metavar="IN", help="image files to read (or exactly: IN OUT, without -o)"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="file to write, or a folder (made if it is missing)"
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")
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


def plan(
    paths: list[str], output: str | None, force: bool, check: Callable[[Path], object] | None = None
) -> list[tuple[Path, Path]]:
    """Who is written where. Refuses, before anything is done, what could not end well.

    `check` refuses a name that cannot be written; default: one that is no image file's.
    """
    if output is None:
        if len(paths) != 2:
            raise CommandError(
                f"{len(paths)} path{'s' * (len(paths) != 1)} and no -o: say -o OUT (or exactly IN OUT)"
            )
        paths, output = paths[:1], paths[1]
    sources = [Path(path) for path in paths]
    target = Path(output)
    to_folder = len(sources) > 1 or target.is_dir() or output.endswith(("/", os.sep))
    if not to_folder:
        pairs = [(sources[0], target)]
    else:
        if target.exists() and not target.is_dir():
            raise CommandError(f"{len(sources)} files need a folder, and {target} is a file")
        pairs = [(source, target / source.name) for source in sources]

    if len(sources) == 1 and not sources[0].exists():
        raise CommandError(f"{sources[0]}: no such file", 1)
    seen: dict[Path, Path] = {}
    for source, destination in pairs:
        if destination in seen:
            raise CommandError(f"{seen[destination]} and {source} would both be written to {destination}")
        seen[destination] = source
        if destination.is_dir():
            raise CommandError(f"{destination} is a folder")
    if not to_folder:
        (check or file_format)(target)  # several: one odd name must not stop the others
    taken = [destination for _, destination in pairs if destination.exists()]
    if taken and not force:
        more = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
        raise CommandError(f"{taken[0]}{more} exists: say --force to replace it")

    try:
        (target if to_folder else target.parent).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{target}: {reason(error)}", 1) from None
    return pairs


def file_format(path: Path) -> str:
    """The format that the name's ending stands for."""
    image = pillow()
    found = image.registered_extensions().get(path.suffix.lower())
    if found is None or found not in image.SAVE:
        ending = f"{path.suffix!r} is not an ending" if path.suffix else "a name without an ending is not one"
        raise CommandError(f"{path}: {ending} that can be written; try .png, .jpg, .tif or .webp")
    return str(found)


def for_each(pairs: Iterable[tuple[Path, Path]], work: Callable[[Path, Path], str]) -> int:
    """Do `work` for every pair and print the line it returns. Who fails is named at the end. Returns the exit code."""
    count, failed = 0, []
    for source, destination in pairs:
        count += 1
        try:
            print(work(source, destination), flush=True)
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - one broken file must not stop the others
            failed.append(f"{source}: {reason(error)}")
    if failed:
        print(f"{len(failed)} of {count} not done:", *failed, sep="\n  ", file=sys.stderr)
    return 1 if failed else 0


def reason(error: BaseException) -> str:
    """An error as one line for people."""
    if type(error).__name__ == "UnidentifiedImageError":
        return "not an image that Pillow can read"
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error).partition("\n")[0] or type(error).__name__


# ---- reading -------------------------------------------------------------------------------


@dataclass
class Picture:
    """A decoded image: (H, W) or (H, W, C), and what its file said besides the pixels."""

    pixels: npt.NDArray[Any]
    mode: str  # L, LA, RGB, RGBA, CMYK (uint8), I;16 (uint16) or F (float32)
    extras: dict[str, Any] = field(default_factory=dict)  # for Image.save: exif, icc_profile, dpi

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.mode in ("LA", "RGBA")

    def size(self) -> str:
        """Width x height x channels."""
        height, width = self.pixels.shape[:2]
        channels = self.pixels.shape[2] if self.pixels.ndim == 3 else 1
        return f"{width}x{height}x{channels}" + (
            "" if self.pixels.dtype == np.uint8 else f" {self.pixels.dtype}"
        )


def read(path: Path) -> Picture:
    """Decode the file, upright. What is lost on the way is said on stderr."""
    from PIL import ImageOps

    with _opening(path), pillow().open(path) as image:
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            note(path, f"only the first of its {image.n_frames} frames is used")
        if "16" in _raw_mode(image) and not image.mode.startswith("I"):
            note(path, "16 bits a channel are read as 8: Pillow holds 16-bit grey only")
        image.load()
        upright = ImageOps.exif_transpose(image)
        extras = {key: image.info[key] for key in ("icc_profile", "dpi") if image.info.get(key)}
        exif = _exif(path, image)
    if exif:
        extras["exif"] = exif
    plain = _plain(upright)
    if (plain.mode in ("L", "LA")) != (
        upright.mode in ("1", "L", "LA")
    ) or upright.mode == "CMYK" != plain.mode:
        extras.pop("icc_profile", None)  # it described other channels
    pixels, mode = _pixels(plain)
    return Picture(pixels, mode, extras)


def note(path: Path, text: str) -> None:
    """Something the user should know about a file; not an error."""
    print(f"{path}: {text}", file=sys.stderr)


@contextlib.contextmanager
def _opening(path: Path) -> Iterator[None]:
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
    for text in dict.fromkeys(str(w.message) for w in said if issubclass(w.category, UserWarning)):
        note(path, text.partition("\n")[0].strip())


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


def _exif(path: Path, image: PillowImage.Image) -> bytes:
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
        note(path, "its EXIF data is damaged and is left out")
        return b""


# ---- writing -------------------------------------------------------------------------------


def write(path: Path, picture: Picture, *, quality: int = 95) -> None:
    """Encode the picture in the format of the name's ending, completely or not at all."""
    kind = file_format(path)
    extras = dict(picture.extras)
    image = pillow().fromarray(picture.pixels)
    if picture.mode == "CMYK":
        image = pillow().frombytes("CMYK", image.size, np.ascontiguousarray(picture.pixels).tobytes())
        if kind not in HOLDS["CMYK"]:
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


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Any]:
    """A binary file that takes the place of `path` when the block ends well, and vanishes when it does not."""
    target = Path(os.path.realpath(path))  # through a link, not over it
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")
    # os.open, so that the new file has the permissions of any new file.
    handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
        if target.exists():
            with contextlib.suppress(OSError):
                os.chmod(temporary, target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise

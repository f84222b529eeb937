"""What the parts of the demo work with: the photo, the folder, tables, pictures side by side."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastcv.cli import _images
from fastcv.cli._paths import replacing

if TYPE_CHECKING:
    from PIL import Image as PillowImage

Pixels = npt.NDArray[Any]


@dataclass
class Stage:
    """What a family's demo works with."""

    photo: Pixels
    folder: Path
    threads: int
    seconds: float  # to measure one row for
    written: dict[str, str] = field(default_factory=dict)  # name -> what it shows

    def write_picture(self, name: str, image: Pixels | PillowImage.Image, what: str) -> None:
        """Save as PNG in the folder."""
        picture = _images.pillow().fromarray(image) if isinstance(image, np.ndarray) else image
        with replacing(self.folder / name) as file:
            picture.save(file, format="PNG")
        self.written[name] = what

    def write_text(self, name: str, text: str) -> None:
        """Save as UTF-8 text in the folder."""
        with replacing(self.folder / name) as file:
            file.write(text.encode("utf-8"))
        self.written[name] = "the timing table"

    def sizes(self) -> dict[str, Pixels]:
        """The photo as it is, and scaled to full HD: one that fits a cache, and one that does not."""
        resized = _images.pillow().fromarray(self.photo).resize((1920, 1080))
        pictures = {size_text(self.photo): self.photo, "1920x1080x3": np.ascontiguousarray(resized)}
        return pictures

    def thread_counts(self) -> list[int]:
        """One, and all."""
        return sorted({1, self.threads})


# ---- pictures ------------------------------------------------------------------------------


def side_by_side(panels: dict[str, Pixels], side: int = 512, below: Sequence[str] = ()) -> PillowImage.Image:
    """The panels in one labelled row, with lines of text below.

    Of large photos the middle, pixel by pixel, because scaling would hide a blur.
    """
    image = _images.pillow()
    draw = importlib.import_module("PIL.ImageDraw")
    gap, label = 16, 52
    cut = {name: middle(pixels, side) for name, pixels in panels.items()}
    height = max(pixels.shape[0] for pixels in cut.values())
    width = sum(pixels.shape[1] + gap for pixels in cut.values()) + gap
    lines = [part for line in below for part in _wrapped(line, width - 2 * gap)]
    canvas: PillowImage.Image = image.new(
        "RGB", (width, label + height + gap + len(lines) * LINE + gap * bool(lines)), "white"
    )
    pen, x = draw.Draw(canvas), gap
    for name, pixels in cut.items():
        canvas.paste(image.fromarray(pixels), (x, label))
        pen.text((x + pixels.shape[1] / 2, label / 2), name, fill=INK, font=_font(26), anchor="mm")
        x += pixels.shape[1] + gap
    for i, line in enumerate(lines):
        pen.text((gap, label + height + gap + i * LINE), line, fill=INK, font=_font(18))
    return canvas


INK, LINE = "#222222", 26  # colour of text, pixels from one line to the next


def _font(size: int) -> Any:
    return importlib.import_module("PIL.ImageFont").load_default(size=size)


def _wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most so many pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font(18).getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def middle(pixels: Pixels, side: int) -> Pixels:
    """At most `side` x `side` pixels out of the middle."""
    y, x = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[y : y + side, x : x + side])


# ---- words and peers -----------------------------------------------------------------------


def times_text(ratio: float) -> str:
    return f"{ratio:.{0 if ratio >= 20 else 1 if ratio >= 5 else 2}f} x"


def size_text(image: Pixels) -> str:
    height, width, channels = image.shape
    return f"{width}x{height}x{channels}"


def optional(name: str) -> Any:
    """The module, or None when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


@contextmanager
def opencv_threads(threads: int) -> Iterator[None]:
    cv2 = optional("cv2")
    if cv2 is None:
        yield
        return
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(before)

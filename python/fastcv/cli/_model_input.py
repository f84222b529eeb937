"""One .npy file out of many images, a few of them in memory at a time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv.cli import CommandError, _images
from fastcv.cli._paths import reason
from fastcv.cli._progress import bar, note, size
from fastcv.cli._report import Report

CHUNK_IMAGES, CHUNK_BYTES = 64, 256 << 20  # threads take whole images: several at a time


class Batch:
    """A .npy file that grows by preprocessed images."""

    def __init__(self, file: Any, pre: fastcv.Preprocess, report: Report) -> None:
        self.file, self.pre, self.report = file, pre, report
        self.seconds = 0.0
        self.done: list[dict[str, Any]] = []  # what is known of each image in it
        self._header: dict[str, Any] | None = None  # of the first chunk
        self._waiting: list[npt.NDArray[Any]] = []

    def add_all(self, sources: list[Path], skip: bool) -> None:
        """Read, preprocess and write; what cannot be read is reported, and without `skip` nothing more is written."""
        with bar([size(source) for source in sources]) as advance:
            for source in sources:
                try:
                    picture = _images.read(source)
                    pixels = _pixels(picture)
                except Exception as error:  # noqa: BLE001 - all broken files are named, not only the first
                    self.report.fail(source, reason(error))
                else:
                    for text in picture.notes:
                        note(source, text)
                    if skip or not self.report.failed:
                        self._add(source, picture, pixels)
                advance()
        self._write()

    def finish(self) -> tuple[tuple[int, ...], str]:
        """Complete the file's header; the array's shape and dtype."""
        assert self._header is not None
        self._header["shape"] = (len(self.done), *self._header["shape"][1:])
        self.file.seek(0)
        np.lib.format.write_array_header_1_0(self.file, self._header)  # of the same length: NumPy leaves room
        return self._header["shape"], np.dtype(self._header["descr"]).name

    def _add(self, source: Path, picture: _images.Picture, pixels: npt.NDArray[Any]) -> None:
        where = self.pre.transform(pixels.shape)
        self._waiting.append(pixels)
        self.done.append(
            {
                "input": source,
                "index": len(self.done),
                "image_shape": where.image_shape,
                "content": where.content,
                "scale": where.scale,
                "offset": where.offset,
                "notes": picture.notes,
            }
        )
        if len(self._waiting) >= CHUNK_IMAGES or sum(a.nbytes for a in self._waiting) >= CHUNK_BYTES:
            self._write()

    def _write(self) -> None:
        if not self._waiting:
            return
        before = time.perf_counter()
        try:
            rows = self.pre.batch(self._waiting)
        except ValueError as error:
            raise CommandError(str(error).removeprefix("Preprocess: "), 1) from None
        self.seconds += time.perf_counter() - before
        self._waiting = []
        if self._header is None:
            self._header = np.lib.format.header_data_from_array_1_0(rows)
            np.lib.format.write_array_header_1_0(self.file, self._header)
        self.file.write(rows)


def _pixels(picture: _images.Picture) -> npt.NDArray[Any]:
    """As Preprocess takes them: grey, or RGB with or without alpha."""
    if picture.mode == "CMYK":
        raise ValueError("CMYK is not supported: convert it to RGB")
    if picture.mode == "LA":
        return np.ascontiguousarray(picture.pixels[..., 0])
    return picture.pixels

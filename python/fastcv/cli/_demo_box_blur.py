"""The demo of ``box_blur``."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import numpy as np

import fastcv
from fastcv.cli import _images, _timing
from fastcv.cli._stage import Pixels, Stage, opencv_threads, optional, side_by_side, times_text
from fastcv.cli._tables import Table


def box_blur(stage: Stage) -> Table:
    """Before and after pictures, and fastcv beside a plain copy, OpenCV, SciPy and Pillow."""
    stage.write_picture("before.png", stage.photo, "the photo")
    panels = {"before": stage.photo}
    for ksize in (8, 31):
        after = fastcv.box_blur(stage.photo, ksize)
        stage.write_picture(f"box_blur_{ksize}.png", after, f"every pixel the mean of {ksize} x {ksize}")
        panels[f"ksize {ksize}"] = after
    stage.write_picture("box_blur.png", side_by_side(panels), "before and after, side by side")

    rows = []
    for size, image in stage.sizes().items():
        for threads in stage.thread_counts():
            for ksize in (3, 8, 31):
                rows.append([size, str(threads), str(ksize), *_box_blur_row(stage, image, ksize, threads)])
    missing = [name for name in PEERS if PEERS[name](stage.photo, 3) is None]
    return Table(
        "box blur: fastcv beside the others (8-bit RGB)",
        ["image", "threads", "ksize", "ms", "of a copy", *PEERS],
        rows,
        [
            "ms: fastcv's time. of a copy: the same as a multiple of a plain copy (numpy.copyto, one thread).",
            "OpenCV, SciPy, Pillow: the time of cv2.blur, uniform_filter and BoxBlur as a",
            "multiple of fastcv's. Medians of runs that took turns. OpenCV may use as many",
            "threads as the row says; SciPy and Pillow have only one.",
            *(f"{name} is not installed: nothing to compare with." for name in missing),
        ],
    )


def _box_blur_row(stage: Stage, image: Pixels, ksize: int, threads: int) -> list[str]:
    out, copy = np.empty_like(image), np.empty_like(image)
    jobs: dict[str, Callable[[], object]] = {
        "fastcv": lambda: fastcv.box_blur(image, ksize, out=out, num_threads=threads),
        "copy": lambda: np.copyto(copy, image),
    }
    for name, peer in PEERS.items():
        if (job := peer(image, ksize)) is not None:
            jobs[name] = job
    with opencv_threads(threads):
        times = _timing.alternate(jobs, stage.seconds, least=5)
    return [
        f"{_timing.milliseconds(times, 'fastcv'):.3g}",
        times_text(_timing.ratio(times, "fastcv", "copy")),
        *(times_text(_timing.ratio(times, name, "fastcv")) if name in times else "-" for name in PEERS),
    ]


def _opencv(image: Pixels, ksize: int) -> Callable[[], object] | None:
    cv2 = optional("cv2")
    out = np.empty_like(image)
    return cv2 and (lambda: cv2.blur(image, (ksize, ksize), dst=out))


def _scipy(image: Pixels, ksize: int) -> Callable[[], object] | None:
    ndimage = optional("scipy.ndimage")
    out = np.empty_like(image)
    return ndimage and (lambda: ndimage.uniform_filter(image, (ksize, ksize, 1), output=out, mode="mirror"))


def _pillow(image: Pixels, ksize: int) -> Callable[[], object] | None:
    picture = _images.pillow().fromarray(image)
    blur = importlib.import_module("PIL.ImageFilter").BoxBlur((ksize - 1) / 2)
    return lambda: picture.filter(blur)


PEERS: dict[str, Callable[[Pixels, int], Callable[[], object] | None]] = {
    "OpenCV": _opencv,
    "SciPy": _scipy,
    "Pillow": _pillow,
}

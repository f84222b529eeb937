"""The demo of ``Preprocess``."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

import fastcv
from fastcv.cli import _images, _timing
from fastcv.cli._stage import Pixels, Stage, opencv_threads, optional, side_by_side, times_text
from fastcv.cli._tables import Table

if TYPE_CHECKING:
    from PIL import Image as PillowImage

FACE = (157, 60, 292, 200)  # corners of a box in our photo
MODEL_SIDE = 640


def preprocess(stage: Stage) -> Table:
    """The letterboxed photo with a box mapped there and back, and fastcv beside OpenCV."""
    stage.write_picture(
        "preprocess.png", letterboxed(stage.photo), "a model's input, boxes mapped to it and back"
    )
    rows = []
    for size, image in stage.sizes().items():
        for name, options in PREPROCESS_JOBS.items():
            for threads in stage.thread_counts():
                rows.append([size, name, str(threads), *_preprocess_row(stage, image, options, threads)])
    missing = optional("cv2") is None
    return Table(
        f"preprocess: 8-bit RGB to float32 {MODEL_SIDE} x {MODEL_SIDE}, mean and std, channels first",
        ["image", "how", "threads", "ms", "of a fill", "OpenCV", "NumPy"],
        rows,
        [
            "ms: fastcv's time. of a fill: the same as a multiple of filling the result with a constant.",
            "OpenCV: cv2.dnn.blobFromImage (stretched, no std). NumPy: cv2.resize, then NumPy. Their",
            "times as a multiple of fastcv's.",
            *(["OpenCV is not installed: nothing to compare with."] if missing else []),
        ],
    )


PREPROCESS_JOBS: dict[str, dict[str, Any]] = {
    "stretch": {},
    "letterbox": {"resize": "letterbox"},
    "antialias": {"antialias": True},
}


def _preprocess_row(stage: Stage, image: Pixels, options: dict[str, Any], threads: int) -> list[str]:
    mean, std = (np.array(v, np.float32) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    pre = fastcv.Preprocess(MODEL_SIDE, mean=mean, std=std, num_threads=threads, **options)
    out = np.empty((3, MODEL_SIDE, MODEL_SIDE), np.float32)
    fill = np.empty_like(out)
    jobs: dict[str, Callable[[], object]] = {
        "fastcv": lambda: pre(image, None, out),
        "fill": lambda: fill.fill(1),
    }
    cv2, side = optional("cv2"), (MODEL_SIDE, MODEL_SIDE)
    if cv2 is not None:
        jobs["blob"] = lambda: cv2.dnn.blobFromImage(image, 1 / 255, side, (124, 116, 104))
        jobs["numpy"] = lambda: np.ascontiguousarray(
            ((cv2.resize(image, side).astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1)
        )
    with opencv_threads(threads):
        times = _timing.alternate(jobs, stage.seconds, least=5)
    return [
        f"{_timing.milliseconds(times, 'fastcv'):.3g}",
        times_text(_timing.ratio(times, "fastcv", "fill")),
        *(
            times_text(_timing.ratio(times, name, "fastcv")) if name in times else "-"
            for name in ("blob", "numpy")
        ),
    ]


def letterboxed(photo: Pixels) -> PillowImage.Image:
    """A photo, its letterbox, and one box drawn in both: mapped to the model's input and back."""
    image, draw = _images.pillow(), importlib.import_module("PIL.ImageDraw")
    wide = np.ascontiguousarray(photo[: photo.shape[0] * 5 // 8])
    pre = fastcv.Preprocess(448, resize="letterbox", layout="HWC", dtype="uint8", channels=3)
    transform = pre.transform(wide.shape)
    box = np.array(FACE) * (photo.shape[1] / 512)
    there = transform.map_boxes(box)
    back = transform.unmap_boxes(there, clip=True)
    panels = {
        "the model's input, a box found there": (pre(wide), there),
        "the box in the photo": (wide, back),
    }
    drawn = {}
    for name, (pixels, corners) in panels.items():
        panel = image.fromarray(pixels)
        draw.Draw(panel).rectangle([round(v) for v in corners.tolist()], outline="#ffd400", width=3)
        drawn[name] = np.asarray(panel)
    return side_by_side(drawn)

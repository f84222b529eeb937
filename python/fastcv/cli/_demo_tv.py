"""The demo of ``denoise_tv``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

import fastcv
from fastcv.cli import _timing
from fastcv.cli._stage import Stage, optional, side_by_side, size_text, times_text
from fastcv.cli._tables import Table


def denoise_tv(stage: Stage) -> Table:
    """Noise added and taken away again, and fastcv beside scikit-image."""
    noise = np.random.default_rng(0).normal(0, 25, stage.photo.shape)
    noisy = np.clip(np.rint(stage.photo + noise), 0, 255).astype(np.uint8)
    clean = fastcv.denoise_tv(noisy, sigma=0.1, channels="joint", return_info=True)[0]
    stage.write_picture("noisy.png", noisy, "the photo with noise of 25 levels")
    stage.write_picture("denoise_tv.png", clean, "and without it: denoise_tv, sigma=0.1, channels joint")
    stage.write_picture(
        "denoise.png", side_by_side({"noisy": noisy, "denoise_tv": clean}), "noisy and clean, side by side"
    )

    grey = np.ascontiguousarray(noisy.mean(axis=-1, dtype=np.float32) / 255)
    skimage = optional("skimage.restoration")
    rows = []
    for threads in stage.thread_counts():
        for weight in (0.05, 0.1, 0.2):
            info = fastcv.denoise_tv(grey, weight, num_threads=threads, return_info=True)[1]
            jobs: dict[str, Callable[[], object]] = {
                "fastcv": partial(fastcv.denoise_tv, grey, weight, num_threads=threads)
            }
            if skimage is not None:
                jobs["scikit-image"] = partial(skimage.denoise_tv_chambolle, grey, weight)
            times = _timing.alternate(jobs, stage.seconds, least=3)
            rows.append(
                [
                    size_text(stage.photo[..., :1]),
                    str(threads),
                    str(weight),
                    f"{_timing.milliseconds(times, 'fastcv'):.3g}",
                    str(info.iterations),
                    f"{info.relative_gap:.1e}",
                    times_text(_timing.ratio(times, "scikit-image", "fastcv"))
                    if skimage is not None
                    else "-",
                ]
            )
    return Table(
        "total variation: fastcv beside scikit-image (grey, float32)",
        ["image", "threads", "weight", "ms", "iterations", "relative gap", "scikit-image"],
        rows,
        [
            "relative gap: the result's objective is proven to be within this share of the optimum.",
            "scikit-image: the time of denoise_tv_chambolle with its default stop, as a multiple of",
            "fastcv's. It stops farther from the optimum: by 1e-3 to 1e-1.",
        ],
    )

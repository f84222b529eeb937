"""Ours beside a prototype kernel, in one run: ``python -m benchmarks.prototype FILE.so``.

The file is a shared library with ``int box(src, dst, height, width, channels, ksize, mode, flags)``
on contiguous 8-bit images; mode 1 is reflect101; it returns 0, or another number for what it cannot do.
A kernel without a binding is measured through ctypes; what ctypes costs is measured in the same
rounds, with a call that the library refuses, and taken off. A figure to reach is 0.95 of its speed.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from functools import partial

import numpy as np

from benchmarks.report import seconds
from fastcv import _core
from fastcv._bench import box_blur_peers as who
from fastcv._bench import images
from fastcv._bench.harness import Case, Contestant, Settings, measure
from fastcv._bench.results import paired, spread

SHAPES = ((2160, 3840, 4), (1080, 1920, 3), (512, 512, 4), (128, 128, 4))
KSIZES = (3, 5, 8, 15, 31)
REFLECT101 = 1
LARGE = 16 << 20  # bytes; beyond it stores bypass the caches and rows are prefetched
LARGE_FLAGS = 25
ENOUGH = 0.95


def _prepared(box, image: np.ndarray, out: np.ndarray, channels: int, ksize: int, flags: int):
    """Return the call with its arguments converted beforehand."""
    pointers = [ctypes.c_void_p(a.ctypes.data) for a in (image, out)]
    numbers = (*image.shape[:2], channels, ksize, REFLECT101, flags)
    return partial(box, *pointers, *map(ctypes.c_int, numbers))


def _build(box, shape: tuple[int, int, int], ksize: int, flags: int | None):
    source = images.image(*shape)
    image = images.aligned_like(source, copy=True)
    out = images.aligned_like(image)
    if flags is None:
        flags = LARGE_FLAGS if image.nbytes >= LARGE else 0
    call = _prepared(box, image, out, shape[2], ksize, flags)
    if (code := call()) != 0:
        return [], {"prototype": f"returned {code}"}
    ours = who.ours(image, ksize, 1, out=images.aligned_like(image))
    theirs = Contestant("prototype", call, lambda _: out, who.answer(image, ksize))
    refused = Contestant("ctypes", _prepared(box, image, out, 0, ksize, flags), view=None)
    return [ours, theirs, refused, who.copy(image)], {}


def _line(case: dict) -> str:
    label = f"{case['row']:>12} {case['column']:>3}"
    if case["skipped"]:
        return f"{label}  {case['skipped']}"
    ours, theirs, empty = (spread(case, name).median for name in ("fastcv", "prototype", "ctypes"))
    net = (theirs - empty) / ours
    delta = next(c["difference"] for c in case["contestants"] if c["name"] == "prototype")
    raw = paired(case, "prototype", "fastcv").median
    verdict = "met" if net >= ENOUGH else "missed"
    times = f"{seconds(ours):>8} {seconds(theirs - empty):>8}"
    return f"{label} {times}  {net:5.2f} {raw:5.2f}  {delta:3.0f}  {verdict}"


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table, and return 0 when every case that ran reaches the figure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.prototype", description=__doc__.splitlines()[0]
    )
    parser.add_argument("library", help="the shared library")
    parser.add_argument("--flags", type=int, help=f"default: {LARGE_FLAGS} for large images, 0 for small")
    parser.add_argument("--simd", help="hold fastcv to this target, e.g. avx2 beside an AVX2 prototype")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args(argv)
    if arguments.simd:
        _core.simd_force(arguments.simd)  # FASTCV_SIMD was read when fastcv was imported
    box = ctypes.CDLL(os.path.abspath(arguments.library)).box
    settings = Settings.quick() if arguments.quick else Settings()
    print("       image   k   fastcv  prototype, its time / ours: net of ctypes, raw by rounds; difference")
    lines = []
    for shape in SHAPES:
        for ksize in KSIZES:
            build = partial(_build, box, shape, ksize, arguments.flags)
            case = Case("prototype", "prototype", "x".join(map(str, shape)), build, column=str(ksize))
            lines.append(_line(measure(case, settings)))
            print(lines[-1], flush=True)
    return int(any(line.endswith("missed") for line in lines))


if __name__ == "__main__":
    sys.exit(main())

"""`Preprocess` beside a prototype kernel, in one run: ``python -m benchmarks.preprocess_prototype FILE.so``.

The file is a shared library with ``int pre(src, height, width, dst, out_height, out_width, mean, std, reverse, mode,
flags)`` from 8-bit RGB to float32 planes; mode 0 is nearest (pixel centres), 1 bilinear, 2 antialiased bilinear; it
keeps its plan from call to call and returns 0, or another number for what it cannot do. Its ``int rdonly(src, height,
width, rows)`` of no rows does nothing: that is what ctypes costs, measured in the same rounds and taken off. A figure
to reach is 0.95 of its speed.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from functools import partial

import numpy as np

from benchmarks.preprocess import LARGE, ODD, SMALL
from benchmarks.report import seconds
from fastcv import _core
from fastcv._bench import images
from fastcv._bench import preprocess_peers as who
from fastcv._bench.harness import OURS, Case, Contestant, Settings, measure
from fastcv._bench.results import paired, spread

JOBS = {
    "bilinear": (1, {}),
    "nearest": (0, {"interpolation": "nearest_exact"}),
    "antialias": (2, {"antialias": True}),
}
AVX2_ONLY = 2  # a flag
ENOUGH = 0.95


def _build(library, shape: who.Size, size: who.Size, job: str, flags: int):
    mode, options = JOBS[job]
    image = images.image(*shape, 3)
    out = who.result(size)
    values = [np.array(v, np.float32) for v in (who.MEAN, who.STD)]
    source, target, mean, std = (a.ctypes.data_as(ctypes.c_void_p) for a in (image, out, *values))
    arguments = (source, *map(ctypes.c_int, shape), target, *map(ctypes.c_int, size), mean, std)
    arguments += tuple(map(ctypes.c_int, (0, mode, flags)))
    call = partial(library.pre, *arguments)
    if (code := call()) != 0:
        return [], {"prototype": f"returned {code}"}
    # As many arguments as the real call has: a C function ignores what it was not asked to take.
    empty = partial(library.rdonly, *arguments[:3], ctypes.c_int(0), *arguments[4:])
    theirs = Contestant("prototype", call, lambda _: out, who.answer(image, size, **options))
    return [who.ours(image, size, 1, **options), theirs, Contestant("ctypes", empty, view=None)], {}


def _line(case: dict) -> str:
    label = f"{case['row']:>24} {case['column']:>9}"
    if case["skipped"]:
        return f"{label}  {case['skipped']}"
    ours, theirs, empty = (spread(case, name).median for name in (OURS, "prototype", "ctypes"))
    net = (theirs - empty) / ours
    delta = next(c["difference"] for c in case["contestants"] if c["name"] == "prototype")
    raw = paired(case, "prototype", OURS).median
    verdict = "met" if net >= ENOUGH else "missed"
    return f"{label} {seconds(ours):>8} {seconds(theirs - empty):>8}  {net:5.2f} {raw:5.2f}  {delta:.1e}  {verdict}"


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table, and return 0 when every case that ran reaches the figure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.preprocess_prototype", description=__doc__.splitlines()[0]
    )
    parser.add_argument("library", help="the shared library")
    parser.add_argument("--simd", help="hold fastcv to this target; avx2 holds the prototype to it, too")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args(argv)
    if arguments.simd:
        _core.simd_force(arguments.simd)  # FASTCV_SIMD was read when fastcv was imported
    flags = AVX2_ONLY if arguments.simd == "avx2" else 0
    library = ctypes.CDLL(os.path.abspath(arguments.library))
    settings = Settings.quick() if arguments.quick else Settings()
    print(
        "                   image       job   fastcv  prototype, its time / ours: net of ctypes, raw by rounds; difference"
    )
    lines = []
    for shape, size in (SMALL,) if arguments.quick else (SMALL, LARGE, ODD):
        for job in JOBS:
            build = partial(_build, library, shape, size, job, flags)
            row = f"{shape[0]}x{shape[1]} to {size[0]}x{size[1]}"
            lines.append(_line(measure(Case("prototype", "prototype", row, build, column=job), settings)))
            print(lines[-1], flush=True)
    return int(any(line.endswith("missed") for line in lines))


if __name__ == "__main__":
    sys.exit(main())

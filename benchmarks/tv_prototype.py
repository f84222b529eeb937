"""Chambolle's passes beside a prototype, in one run: ``python -m benchmarks.tv_prototype FILE.so``.

The file is a shared library with ``setup(height, width, image)``, ``reset()`` and
``iterate(mode, weight, tau, passes, block, width)`` on a float32 plane; mode 2 takes exact square roots and quotients, as
we do. Its memory is made once, ours with each call, so both run many passes. A figure to reach is 0.95 of its speed.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys

from benchmarks.report import seconds
from fastcv import _core
from fastcv._bench import tv_peers as who
from fastcv._bench.harness import OURS, Case, Contestant, Settings, measure
from fastcv._bench.results import paired, spread

SHAPES = ((1125, 1500), (333, 517), (2160, 3840))
PASSES, BLOCK, WHOLE_ROWS = 96, 24, 1 << 30
ENOUGH = 0.95


def _build(library, shape: tuple[int, int], mode: int):
    image = who.noisy(*shape, 1)
    library.setup(*shape, ctypes.c_void_p(image.ctypes.data))
    numbers = (mode, ctypes.c_float(who.WEIGHT), ctypes.c_float(0.25), PASSES, BLOCK, WHOLE_ROWS)

    def iterate() -> None:
        library.reset()
        library.iterate(*numbers)

    ours = who.ours(image, 1, OURS, eps=0, max_num_iter=PASSES + 1)
    return [ours, Contestant("prototype", iterate, view=None)], {}


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table, and return 0 when every case reaches the figure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tv_prototype", description=__doc__.splitlines()[0]
    )
    parser.add_argument("library", help="the shared library")
    parser.add_argument("--mode", type=int, default=2)
    parser.add_argument("--simd", help="hold fastcv to this target, e.g. avx2 beside an AVX2 prototype")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args(argv)
    if arguments.simd:
        _core.simd_force(arguments.simd)  # FASTCV_SIMD was read when fastcv was imported
    library = ctypes.CDLL(os.path.abspath(arguments.library))
    settings = Settings.quick() if arguments.quick else Settings(rounds=15)
    missed = 0
    print("      image   fastcv prototype  its time / ours: of medians, within rounds")
    for shape in SHAPES[:1] if arguments.quick else SHAPES:

        def build(shape=shape):
            return _build(library, shape, arguments.mode)

        case = measure(Case("prototype", "prototype", "x".join(map(str, shape)), build), settings)
        ours, theirs = (spread(case, name).median for name in (OURS, "prototype"))
        missed += theirs / ours < ENOUGH
        within = paired(case, "prototype", OURS).median
        print(f"{case['row']:>11} {seconds(ours):>8} {seconds(theirs):>9}  {theirs / ours:.2f} {within:.2f}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())

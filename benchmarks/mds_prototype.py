"""Gradient descent beside a prototype, in one run: ``python -m benchmarks.mds_prototype FILE.so``.

The file is a shared library with ``init(n, distances, squares)``, ``setx(x, dimensions)``, ``setpf(bytes)`` and
``gd(kind, dimensions, rate, steps)`` on float32; kinds 0 and 10 are stress, all pairs or each once, 2 and 12 s-stress on
squares. It packs the distances beforehand, ours with each call, so both run many steps. A figure to reach is 0.95 of its
speed.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys

from benchmarks import mds_peers as who
from benchmarks.report import seconds
from fastcv import _core
from fastcv._bench.harness import OURS, Case, Contestant, Settings, measure
from fastcv._bench.results import paired, spread

STEPS = {10: 20000, 100: 2000, 200: 1000, 1000: 1000, 4000: 100}
FEW = 150  # up to here, all pairs is the faster of the prototype's two
ENOUGH = 0.95
AHEAD = 8192  # bytes that the prototype prefetches


def _build(library, n: int, loss: str):
    x0, distances = who.problem("sphere", n, 3)
    rate, steps = 0.02 / n, STEPS[n]
    squares = loss == "sstress"
    kind = (2 if squares else 0) + (0 if n <= FEW else 10)
    library.init(n, ctypes.c_void_p(distances.ctypes.data), int(squares))
    library.setpf(AHEAD)
    numbers = (kind, 3, ctypes.c_float(rate * (4 if squares else 2)), steps)

    def descend() -> None:
        library.setx(ctypes.c_void_p(x0.ctypes.data), 3)
        library.gd(*numbers)

    return [who.ours(x0, distances, rate, steps, loss), Contestant("prototype", descend, view=None)], {}


def main(argv: list[str] | None = None) -> int:
    """Measure, print a table, and return 0 when every case reaches the figure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mds_prototype", description=__doc__.splitlines()[0]
    )
    parser.add_argument("library", help="the shared library")
    parser.add_argument("--simd", help="hold fastcv to this target, e.g. avx2 beside an AVX2 prototype")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args(argv)
    if arguments.simd:
        _core.simd_force(arguments.simd)  # FASTCV_SIMD was read when fastcv was imported
    library = ctypes.CDLL(os.path.abspath(arguments.library))
    settings = Settings.quick() if arguments.quick else Settings(rounds=11)
    missed = 0
    print("        case   fastcv prototype  its time / ours: of medians, within rounds")
    for n in (100, 1000) if arguments.quick else STEPS:
        for loss in ("stress", "sstress"):

            def build(n=n, loss=loss):
                return _build(library, n, loss)

            case = measure(Case("prototype", "prototype", f"{loss} {n}", build), settings)
            ours, theirs = (spread(case, name).median for name in (OURS, "prototype"))
            missed += theirs / ours < ENOUGH
            within = paired(case, "prototype", OURS).median
            print(
                f"{case['row']:>12} {seconds(ours):>8} {seconds(theirs):>9}  {theirs / ours:.2f} {within:.2f}"
            )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())

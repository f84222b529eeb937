"""Processes that measure: fresh ones, because thread pools are sized when a library is imported."""

from __future__ import annotations

import os

from fastcv._bench import peers


def environment(threads: int, simd: str = "") -> dict[str, str]:
    """Return the environment of a process whose pools hold `threads`, and fastcv at most the target `simd`."""
    variables = {**os.environ, **peers.environment(threads)}
    variables.pop("FASTCV_SIMD", None)
    if simd:
        variables["FASTCV_SIMD"] = simd
    return variables


def pin(threads: int) -> None:
    """Stay on `threads` processors, so that nobody's thread pool is larger than stated."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])

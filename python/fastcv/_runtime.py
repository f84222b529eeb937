"""Threads, SIMD targets, and what this build is."""

from __future__ import annotations

import os
import sys
from typing import Any, TypedDict

from fastcv import _core

__all__ = ["SimdTargets", "get_num_threads", "set_num_threads", "show_config", "simd_targets"]


_chosen = bool(os.environ.get("FASTCV_NUM_THREADS"))  # a number that nobody here may overrule


class SimdTargets(TypedDict):
    """What `simd_targets` returns. Names, best first: ``avx512``, ``avx2``, ``sse4``; ``neon`` on ARM."""

    compiled: list[str]
    detected: list[str]
    active: str


def set_num_threads(n: int | None) -> None:
    """Set how many threads a call uses when it has no ``num_threads`` of its own.

    Parameters
    ----------
    n : int or None
        At least 1. 0 or None forgets an earlier choice: then the environment variable ``FASTCV_NUM_THREADS``
        decides, and without it OpenMP's own setting (``OMP_NUM_THREADS``, or all processors).
        CPU affinity and the cgroup's quota cap every choice.

    Examples
    --------
    >>> import fastcv
    >>> fastcv.set_num_threads(1)
    >>> fastcv.get_num_threads()
    1
    >>> fastcv.set_num_threads(None)
    """
    global _chosen
    _core.set_num_threads(n)
    _chosen = bool(n) or bool(os.environ.get("FASTCV_NUM_THREADS"))


def threads_of_a_worker() -> int | None:
    """1 in a worker of PyTorch's `DataLoader`, where the workers are the parallelism; None where a number was chosen."""
    data: Any = sys.modules.get("torch.utils.data")
    if data is None or _chosen:
        return None
    worker = getattr(data, "get_worker_info", None)  # missing while PyTorch is being imported
    return None if worker is None or worker() is None else 1


def get_num_threads() -> int:
    """How many threads a call without ``num_threads`` may use now, on the thread that asks.

    Small images use fewer: a thread is not worth starting for less than 64 KiB.
    """
    return _core.get_num_threads()


def simd_targets() -> SimdTargets:
    """Which SIMD targets are compiled in, which of them this processor has, and which one is used.

    The environment variable ``FASTCV_SIMD`` (``avx512``, ``avx2``, ``sse4``, ``neon``), read at import, sets the best
    target that may be used.

    Examples
    --------
    >>> import fastcv
    >>> targets = fastcv.simd_targets()
    >>> targets["active"] in targets["detected"]
    True
    """
    return {
        "compiled": _core.simd_compiled(),
        "detected": _core.simd_detected(),
        "active": _core.simd_active(),
    }


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Print what this build is and what it uses on this machine.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        "dicts" returns the same as a dict and prints nothing, as `numpy.show_config` does.
    """
    if not isinstance(mode, str) or mode not in ("stdout", "dicts"):
        raise ValueError(f'show_config: mode must be "stdout" or "dicts", got {mode!r}')
    report: dict[str, Any] = _core.report()
    targets = simd_targets()
    if mode == "dicts":
        return {**report, "simd": targets}
    quota = report["cgroup_cpus"]
    lines = {
        "fastcv": report["version"],
        "compiler": report["compiler"],
        "SIMD compiled": " ".join(targets["compiled"]),
        "SIMD detected": " ".join(targets["detected"]),
        "SIMD active": targets["active"],
        "threads": f"{report['threads']}: {report['threads_reason']}",
        "CPU affinity": str(report["affinity_cpus"] or "unknown"),
        "cgroup quota": f"{quota:g} CPUs" if quota else "none",
        "backend": report["thread_backend"],
        "fork": "safe after threads were used"
        if report["fork_safe"]
        else "a child of a process that used threads runs on one",
    }
    print("\n".join(f"{name + ':':<15} {value}" for name, value in lines.items()))
    return None

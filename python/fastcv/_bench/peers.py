"""Optional peers: imported when first needed, held to a number of threads."""

from __future__ import annotations

import importlib
from functools import cache
from types import ModuleType


class Missing(Exception):
    """A peer that is not installed, or cannot do the job; the text says which."""


@cache
def require(module: str) -> ModuleType:
    """Import a peer, or raise `Missing`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Missing("not installed") from error


def environment(threads: int) -> dict[str, str]:
    """Return the variables that hold the peers' thread pools to `threads`, set before the process starts."""
    count = str(threads)
    xla = "--xla_cpu_multi_thread_eigen=false" if threads == 1 else ""
    return {
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "NUMBA_NUM_THREADS": count,
        "RAYON_NUM_THREADS": count,
        "XLA_FLAGS": xla,
        "JAX_PLATFORMS": "cpu",
    }


def opencv(threads: int) -> ModuleType:
    """Return cv2 with its pool set to `threads`."""
    cv2 = require("cv2")
    cv2.setNumThreads(threads)
    return cv2


def torch(threads: int) -> ModuleType:
    """Return torch with its pool set to `threads`."""
    module = require("torch")
    module.set_num_threads(threads)
    return module

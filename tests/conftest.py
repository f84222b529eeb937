"""Every test starts and ends with the library's own settings."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

# Read when the library first needs memory; inherited by processes.
os.environ.setdefault("FASTCV_POISON", "1")

# A shell starts what it runs in its background with Ctrl-C ignored, and the programs under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

import fastcv
from fastcv import _core


@pytest.fixture(autouse=True)
def library_defaults() -> Iterator[None]:
    yield
    fastcv.set_num_threads(None)
    _core.ignore_caps_for_test(False)
    _core.simd_force("")


@pytest.fixture
def many_threads() -> None:
    """Lets a test ask for more threads than the machine has."""
    _core.ignore_caps_for_test(True)

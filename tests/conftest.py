"""Every test starts and ends with the library's own settings."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

# Read when the library first needs memory; inherited by processes.
os.environ.setdefault("FASTCV_POISON", "1")

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

"""Arguments that never reach the core, checked in the core's words."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

__all__ = ["flag", "index", "number"]


def flag(function: str, argument: str, value: object) -> bool:
    """True or False, also NumPy's."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"{function}: {argument} must be a bool, got {_shown(value)}")


def number(function: str, argument: str, value: Any) -> float:
    """A real number that is not a bool."""
    if isinstance(value, int | float | np.number) and not isinstance(
        value, bool | complex | np.complexfloating
    ):
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    raise TypeError(f"{function}: {argument} must be a number, got {_shown(value)}")


def index(function: str, argument: str, value: Any, least: int) -> int:
    """An int, or what stands for one, of at least so much."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        whole = operator.index(value)
    except TypeError:
        raise TypeError(f"{function}: {argument} must be an int, got {type(value).__name__}") from None
    if whole < least:
        raise ValueError(f"{function}: {argument} must be at least {least}, got {_shown(value)}")
    return whole


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."

"""Statistics over what the harness recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Median, quartiles and minimum of some samples."""

    median: float
    low: float
    high: float
    least: float
    count: int

    @classmethod
    def of(cls, samples: Any) -> Spread:
        """Summarise; None and NaN are rounds sat out."""
        values = np.array([math.nan if s is None else s for s in samples], dtype=float)
        values = values[~np.isnan(values)]
        if values.size == 0:
            return cls(math.nan, math.nan, math.nan, math.nan, 0)
        low, median, high = np.percentile(values, [25, 50, 75])
        return cls(float(median), float(low), float(high), float(values.min()), int(values.size))

    @property
    def relative_iqr(self) -> float:
        """Return the interquartile range as a part of the median."""
        return (self.high - self.low) / self.median if self.median else math.nan


def find(case: dict[str, Any], name: str) -> dict[str, Any] | None:
    """Return the contestant's record, or None when it did not take part."""
    return next((c for c in case["contestants"] if c["name"] == name), None)


def spread(case: dict[str, Any], name: str) -> Spread:
    """Return the spread of a contestant's seconds per call."""
    record = find(case, name)
    return Spread.of(record["seconds"] if record else [])


def ratio(case: dict[str, Any], over: str, under: str) -> float:
    """Return the ratio of medians, NaN when one is missing."""
    return spread(case, over).median / spread(case, under).median


def paired(case: dict[str, Any], over: str, under: str, difference: bool = False) -> Spread:
    """Return the spread of the per-round ratios (or differences), over rounds that both ran."""
    a, b = find(case, over), find(case, under)
    if a is None or b is None:
        return Spread.of([])
    pairs = [(x, y) for x, y in zip(a["seconds"], b["seconds"], strict=True) if x and y]
    return Spread.of([x - y if difference else x / y for x, y in pairs])


@dataclass(frozen=True)
class Verdict:
    """A target, what was measured, and whether it holds (None: a contestant is missing)."""

    target: dict[str, Any]
    over: str
    measured: float
    rounds: float  # the median of the per-round figures
    met: bool | None

    @property
    def agreed(self) -> bool:
        """Whether the per-round figures lead to the same answer."""
        return self.met is None or _holds(self.target, self.rounds) == self.met


def _holds(target: dict[str, Any], value: float) -> bool:
    if target["at_least"] is not None:
        return bool(value >= target["at_least"])
    return bool(value <= target["at_most"])


def judge(case: dict[str, Any], target: dict[str, Any]) -> Verdict:
    """Compare one target with the measurement; of several contestants the worst counts."""
    names = [target["over"]] if isinstance(target["over"], str) else list(target["over"])
    under = target["under"]
    figures = []
    for name in names:
        a, b = spread(case, name).median, spread(case, under).median
        figures.append((a - b if target["difference"] else a / b, name))
    if any(math.isnan(value) for value, _ in figures):
        return Verdict(target, names[0], math.nan, math.nan, None)
    value, name = min(figures) if target["at_least"] is not None else max(figures)
    rounds = paired(case, name, under, target["difference"]).median
    return Verdict(target, name, value, rounds, _holds(target, value))

"""Times measured side by side, in one process: a speed alone says little, a ratio says what was gained."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def alternate(
    jobs: Mapping[str, Callable[[], object]], seconds: float = 0.1, least: int = 3, most: int = 101
) -> dict[str, list[float]]:
    """Run the jobs in turns, each round in another order, and return every job's seconds, round by round.

    One round comes first and is not counted (memory is touched, caches are warm); then rounds follow until
    `seconds` have passed, but at least `least` and at most `most`.
    """
    names = list(jobs)
    for name in names:
        jobs[name]()
    times: dict[str, list[float]] = {name: [] for name in names}
    end = time.perf_counter() + seconds
    for done in range(most):
        if done >= least and time.perf_counter() > end:
            break
        first = done % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            jobs[name]()
            times[name].append(time.perf_counter() - start)
    return times


def ratio(times: Mapping[str, list[float]], name: str, base: str) -> float:
    """How many times the time of `base` the job `name` took: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(times[name], times[base], strict=True))


def milliseconds(times: Mapping[str, list[float]], name: str) -> float:
    """The median time of `name`."""
    return 1e3 * statistics.median(times[name])

"""Times measured side by side, in one process: a speed alone says little, a ratio says what was gained."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable, Mapping

TURN = 2e-3  # seconds a fast job keeps its turn


def alternate(
    jobs: Mapping[str, Callable[[], object]], seconds: float = 0.1, least: int = 3, most: int = 101
) -> dict[str, list[float]]:
    """Let the jobs take turns, each round in another order, and return every job's seconds a call, round by round.

    A turn is one call that is not counted, because whoever ran before has emptied the caches, and then as many as
    fit TURN. Rounds follow one another until `seconds` have passed, but at least `least` and at most `most`.
    """
    timers = {name: timeit.Timer(job) for name, job in jobs.items()}
    first = {name: timer.timeit(1) for name, timer in timers.items()}  # touches the memory
    once = {name: first[name] if first[name] > 0.1 else timer.timeit(1) for name, timer in timers.items()}
    calls = {name: max(1, int(TURN / max(took, 1e-7))) for name, took in once.items()}
    names = list(jobs)
    times: dict[str, list[float]] = {name: [] for name in names}
    end = time.perf_counter() + seconds
    for done in range(most):
        if done >= least and time.perf_counter() > end:
            break
        shift = done % len(names)
        for name in names[shift:] + names[:shift]:
            if calls[name] > 1:
                timers[name].timeit(1)
            times[name].append(timers[name].timeit(calls[name]) / calls[name])
    return times


def ratio(times: Mapping[str, list[float]], name: str, base: str) -> float:
    """How many times the time of `base` the job `name` took: the median over the rounds."""
    return statistics.median(a / b for a, b in zip(times[name], times[base], strict=True))


def milliseconds(times: Mapping[str, list[float]], name: str) -> float:
    """The median time of `name`."""
    return 1e3 * statistics.median(times[name])

"""Paired measurements: all contestants of a case take turns in one process, round after round.

A speed is a ratio. Two programs timed minutes apart also measure the weather of the machine, so here
every round times every contestant once, in an order that rotates. What is compared are medians over
rounds, and, beside them, the median of the ratios within each round.

A family of functions is a module with ``TITLE``, ``SUMMARY``, ``SECTIONS``, ``PLOTS`` and ``cases(quick)``; see
``benchmarks/box_blur.py``.
"""

from __future__ import annotations

import math
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

OURS = "fastcv"
COPY = "np.copyto"


@dataclass
class Contestant:
    """One program at work on the case's input.

    Parameters
    ----------
    name : str
        Unique within the case.
    call : callable
        Does the work once, without arguments, into preallocated output where the API allows it.
    view : callable, optional
        Turns what ``call`` returned into an array; None means there is nothing to compare.
    expected : callable, optional
        Our own answer to the same question (same border), to state the difference. None: not compared.
    note : str
        What the reader must know: another border, a conversion that is part of the time.
    point : (plot, series, x), optional
        Where the median stands in a plot.
    listed : bool
        Whether tables show it.
    scale : float
        What its time is multiplied with, where it does a part of the work; ``note`` says so.
    """

    name: str
    call: Callable[[], Any]
    view: Callable[[Any], np.ndarray] | None = np.asarray
    expected: Callable[[], np.ndarray] | None = None
    note: str = ""
    point: tuple[str, str, float] | None = None
    listed: bool = True
    scale: float = 1.0


@dataclass(frozen=True)
class Target:
    """A promised figure: time of `over` divided by (or, in seconds, minus) the time of `under`.

    `over` may name several contestants; the worst one counts.
    """

    over: str | tuple[str, ...]
    under: str
    at_least: float | None = None
    at_most: float | None = None
    difference: bool = False


@dataclass
class Case:
    """Contestants that are measured together.

    ``build`` is called in the measuring process only, and returns the contestants and, for those
    that cannot take part, ``{name: reason}``.
    """

    name: str
    section: str
    row: str
    build: Callable[[], tuple[list[Contestant], dict[str, str]]]
    column: str = ""
    targets: Sequence[Target] = ()
    threads: int = 1
    simd: str = ""
    quick: bool = False
    rounds: int | None = None  # fewer than the settings say, for a case of very many contestants


@dataclass(frozen=True)
class Settings:
    """How long to measure."""

    rounds: int = 41
    chunk_seconds: float = 5e-3  # one turn of a fast contestant repeats its call for so long
    contestant_seconds: float = 2.0  # a slow contestant sits out rounds beyond this, evenly
    least_rounds: int = 3

    @classmethod
    def quick(cls) -> Settings:
        """Return settings for a look, not for a figure to quote."""
        return cls(rounds=5, chunk_seconds=1e-3, contestant_seconds=0.2, least_rounds=1)


@dataclass
class _Turn:
    contestant: Contestant
    timer: timeit.Timer
    repetitions: int = 1
    every: int = 1
    warm: bool = True
    samples: list[float | None] = field(default_factory=list)

    def calibrate(self, settings: Settings, once: float, most: int) -> None:
        """Decide repetitions and how many of `most` rounds to run; the first call took `once`."""
        if once < settings.contestant_seconds:
            once = min(self.timer.timeit(1), self.timer.timeit(1))
        self.repetitions = max(1, min(1_000_000, math.ceil(settings.chunk_seconds / max(once, 1e-8))))
        self.warm = once < 0.02  # what ran before has emptied the caches; long calls do not notice
        turn = once * (self.repetitions + self.warm)
        rounds = max(settings.least_rounds, int(settings.contestant_seconds / turn))
        self.every = max(1, math.ceil(most / rounds))

    def take(self, number: int) -> None:
        if number % self.every:
            self.samples.append(None)
            return
        if self.warm:
            self.timer.timeit(1)
        once = self.timer.timeit(self.repetitions) / self.repetitions
        self.samples.append(once * self.contestant.scale)


def largest_difference(result: np.ndarray, expected: np.ndarray) -> float:
    """Return max |result - expected|, or infinity where the shapes do not match."""
    if result.shape != expected.shape:
        return math.inf
    if result.size == 0:
        return 0.0
    return float(np.max(np.abs(result.astype(np.float64) - expected.astype(np.float64))))


def _check(contestant: Contestant) -> tuple[float, float | None]:
    """Call once; return the seconds and the largest difference from ours (None: not compared)."""
    start = time.perf_counter()
    value = contestant.call()
    took = time.perf_counter() - start
    if contestant.expected is None or contestant.view is None:
        return took, None
    result = np.array(contestant.view(value))  # a copy: contestants may share their output
    return took, largest_difference(result, contestant.expected())


def case_record(case: Case, skipped: dict[str, str], contestants: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a case with what was measured of it, as it stands in the results."""
    return {
        "name": case.name,
        "section": case.section,
        "row": case.row,
        "column": case.column,
        "threads": case.threads,
        "simd": case.simd,
        "skipped": skipped,
        "contestants": contestants,
        "targets": [vars(target) for target in case.targets],
    }


def measure(case: Case, settings: Settings) -> dict[str, Any]:
    """Measure one case.

    Returns
    -------
    dict
        Plain data, ready for JSON: per contestant the seconds per call of every round (None where it
        sat out), the largest difference from ours, and who was skipped and why.
    """
    contestants, skipped = case.build()
    rounds = min(settings.rounds, case.rounds or settings.rounds)
    turns = []
    differences = {}
    for contestant in contestants:
        try:
            took, differences[contestant.name] = _check(contestant)
        except Exception as error:  # noqa: BLE001 - a peer's failure is a result, not the end of the run
            skipped[contestant.name] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        turn = _Turn(contestant, timeit.Timer("call()", globals={"call": contestant.call}))
        turn.calibrate(settings, took, rounds)
        turns.append(turn)
    for number in range(rounds):
        shift = number % max(1, len(turns))
        for turn in turns[shift:] + turns[:shift]:
            turn.take(number)
    return case_record(
        case,
        skipped,
        [
            {
                "name": turn.contestant.name,
                "note": turn.contestant.note,
                "point": turn.contestant.point,
                "listed": turn.contestant.listed,
                "difference": differences[turn.contestant.name],
                "repetitions": turn.repetitions,
                "seconds": turn.samples,
            }
            for turn in turns
        ],
    )

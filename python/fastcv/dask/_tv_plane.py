"""One plane of `fastcv.denoise_tv` (a channel, or joint channels) on an image in blocks of rows: the way of one machine."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

from fastcv import _core
from fastcv.dask import _tv_blocks as blocks
from fastcv.dask._blocks import starts_of
from fastcv.dask._rows import (
    Rounds,
    apply,
    each,
    from_blocks,
    persisted,
    row_sizes,
    with_neighbours,
)
from fastcv.dask._tv_blocks import Bounds, Step, work_type

__all__ = ["Plane", "Problem"]

_REACH = 3  # rows that an iteration of the fast solver looks beyond its own; of the proven one: 1
_MOST_ITERATIONS = 32  # between two exchanges of rows
_LEAST_ROWS = 128  # of a block: fewer would mostly work on their neighbours' rows
_ROUND = 3.5  # what a round costs beside its arithmetic, in iterations: a copy of the state, and tasks
_SAMPLED_ROWS = 48
_ONE_TASK = 4  # so many times smaller than a chunk, an image at half its size goes to one task
_FIRST_PROVEN_LOOK = 16


class Plane(NamedTuple):
    """A plane's result."""

    blocks: list[Delayed]  # pairs: pixels, error of their rounding
    sizes: tuple[int, ...]
    iterations: int
    gap: float
    objective: float
    converged: bool
    fallback: bool = False


class _Plan(NamedTuple):
    ratio: float
    tries_constant: bool
    tries_coarse: bool
    sigma: float
    slope: float
    first_look: int
    coarse_iterations: int


def _together(surveys: list[list[blocks.Survey]], pairs: list[tuple[int, int]]) -> tuple[Bounds, float]:
    """Return the image's least and greatest pixel, by channel, and the mean |grad f| of the sampled rows."""
    every = list(itertools.chain.from_iterable(surveys))
    low, high = np.min([s.low for s in every], axis=0), np.max([s.high for s in every], axis=0)
    rows = np.concatenate([np.concatenate([s.rows for s in line], axis=1) for line in surveys])
    return np.array([low, high], np.float64), blocks.mean_slope(rows, pairs)


def _surveyed(plane: da.Array) -> tuple[Bounds, float]:
    rows = plane.shape[0]
    sampled = range(0, rows, max(1, rows // _SAMPLED_ROWS))
    wanted = sorted({row for y in sampled for row in (y, min(y + 1, rows - 1))})
    place = {row: i for i, row in enumerate(wanted)}
    pairs = [(place[y], place[min(y + 1, rows - 1)]) for y in sampled]
    name = f"denoise-tv-survey-{tokenize(plane)}"
    graph: dict[Any, Any] = {}
    lines = []
    for i, (begin, end) in enumerate(itertools.pairwise(starts_of(plane.chunks[0]))):
        own = [row - begin for row in wanted if begin <= row < end]
        lines.append(
            [(name, i, j) for j in range(plane.numblocks[1]) if plane.chunks[0][i] * plane.chunks[1][j]]
        )
        for key in lines[-1]:
            graph[key] = (blocks.survey, (plane.name, *key[1:], *(0 for _ in plane.shape[2:])), own)
    graph[name] = (_together, [line for line in lines if line], pairs)
    layers = HighLevelGraph.from_collections(name, graph, dependencies=[plane])
    found: tuple[Bounds, float] = Delayed(name, layers).compute()
    return found


def _cut(plane: da.Array, first: int) -> tuple[tuple[int, ...], int]:
    """Return the rows of each block, and the iterations of a round: what costs least, in evenly long rounds."""
    rows, width = plane.shape[0], max(1, math.prod(plane.shape[1:]))
    chunk = math.prod(max(sizes) for sizes in plane.chunks)
    height = min(rows, max(_LEAST_ROWS, round(chunk / width)))
    # A round of k iterations costs _ROUND + k * 2 * _REACH * k / height more than these on the own rows.
    best = max(1, min(_MOST_ITERATIONS, round(math.sqrt(_ROUND * height / (2 * _REACH)))))
    count = math.ceil(first / math.ceil(first / best))
    return row_sizes(plane, max(min(_LEAST_ROWS, rows), _REACH * count), even=True), count


class _Fast:
    """The fast solver on blocks of rows."""

    proven = False

    def __init__(self, plane: da.Array, half: da.Array | None, step: Step, first: int) -> None:
        self.sizes, self.most = _cut(plane, first)
        self.plane: da.Array | None = plane
        self.half = half
        self.step = step._replace(reach=_REACH * self.most)
        self.name = f"denoise-tv-{tokenize(plane, step)}"
        self.rounds = Rounds(self.name)
        self.states: list[Delayed] = []
        self.done = 0

    def run(self, until: int, dual: bool = False) -> list[Delayed]:
        """Go on, and look."""
        while self.done < until:
            left = until - self.done
            count = left if len(self.sizes) == 1 else math.ceil(left / math.ceil(left / self.most))
            now = self.step._replace(
                done=self.done, iterations=count, look=count == left, dual=dual and count == left
            )
            if self.plane is None:
                self.states = self.rounds.run(
                    self.states, self.states, blocks.next_round, blocks.rows_of, now, reach=now.reach
                )
            else:
                self.states = with_neighbours(
                    self.plane,
                    self.sizes,
                    now.reach,
                    blocks.first_round,
                    self.name,
                    now,
                    align=2,
                    half=self.half,
                )
                self.plane = self.half = None
            self.states = persisted(self.states)
            self.done += count
        return self.states


class _Proven:
    """The proven solver on blocks of rows."""

    proven = True

    def __init__(self, plane: da.Array, step: Step) -> None:
        rows = plane.shape[0]
        self.sizes = row_sizes(plane, min(_LEAST_ROWS, rows))
        self.most = min(_MOST_ITERATIONS, max(min(self.sizes) - 1, 1))
        self.step = step._replace(reach=self.most + 1)  # a look sees one row more
        name = f"denoise-tv-proven-{tokenize(plane, step)}"
        self.inputs = persisted(
            with_neighbours(plane, self.sizes, self.step.reach, blocks.proven_image, f"{name}-image")
        )
        self.rounds = Rounds(name)
        self.states: list[Delayed] | None = None
        self.done = 0

    def run(self, until: int) -> list[Delayed]:
        """Go on, and look."""
        while self.done < until:
            count = min(self.most, until - self.done)
            now = self.step._replace(done=self.done, iterations=count, look=self.done + count == until)
            self.states = persisted(
                self.rounds.run(
                    self.inputs, self.states, blocks.proven_round, blocks.proven_rows, now, reach=now.reach
                )
            )
            self.done += count
        assert self.states is not None
        return self.states


@dataclass(frozen=True)
class Problem:
    """What is asked of each plane of a call."""

    weight: float
    tol: float
    max_iter: int
    isotropic: bool
    num_threads: int

    def solve(self, plane: da.Array) -> Plane:
        """Take the steps of one machine (denoise_solve.cpp)."""
        source = plane
        (plane,) = dask.persist(plane)
        bounds, slope = _surveyed(plane)
        plan = self._plan(plane, self.weight, slope)
        if plan.tries_constant and (mean := self._mean(plane, bounds)) is not None:
            return mean
        step = Step(self.weight, self.isotropic, self.num_threads, bounds, plane.shape[0])
        before = 0
        if bounds.shape[1] in (1, 3):
            half, coarse_ratio = None, 0.0
            if plan.tries_coarse:
                half, coarse_ratio = self._coarse(plane, self.weight / 2, math.prod(map(max, plane.chunks)))
                plan = self._plan(plane, self.weight, slope, coarse_ratio)
            step = step._replace(sigma=plan.sigma, slope=plan.slope)
            fast = _Fast(plane, half, step, min(plan.first_look, self.max_iter))
            del plane, half
            found = self._until(source, fast, plan.first_look, self.max_iter, bounds)
            before = found.iterations
            if found.converged or before >= self.max_iter:
                return found
            del fast
        # The pixels are made again, if it must be: the fast solver is not to keep them.
        (plane,) = dask.persist(source)
        found = self._until(source, _Proven(plane, step), _FIRST_PROVEN_LOOK, self.max_iter - before, bounds)
        return found._replace(iterations=before + found.iterations, fallback=before > 0)

    def _plan(self, plane: da.Array, weight: float, slope: float, coarse_ratio: float = 0.0) -> _Plan:
        shape = (*plane.shape, 1)[:3]
        return _Plan(*_core.denoise_plan(shape, weight, slope, coarse_ratio, self.tol))

    def _until(
        self, plane: da.Array, solver: _Fast | _Proven, first: int, last: int, bounds: Bounds
    ) -> Plane:
        """Iterate until the certificate says enough, or nothing more is to be hoped for."""
        shape, wide = (*plane.shape, 1)[:3], work_type(plane.dtype) == np.float64
        looks: list[tuple[float, float, float]] = []
        due = min(first, last)
        while True:
            states = solver.run(due)
            sums = apply(
                "denoise-tv-sums", blocks.total, each("denoise-tv-sum", blocks.sums_of, states)
            ).compute()
            gap, objective = _core.denoise_part_certificate(
                shape, wide, self.weight, bounds, sums, solver.proven
            )
            looks.append((solver.done, gap, objective))
            due, stalled = _core.denoise_next_look(self.tol, first, last, np.array(looks))
            converged = gap <= self.tol * objective
            if converged or (stalled and not solver.proven) or solver.done >= last:
                pairs = persisted(each("denoise-tv-u", blocks.result, states, plane.dtype.name, plane.ndim))
                return Plane(pairs, solver.sizes, solver.done, gap, objective, converged)

    def _coarse(self, fine: da.Array, weight: float, chunk: int) -> tuple[da.Array, float]:
        """Return nearly the optimum at half the size, to start from, and the ratio of its weight to its slope."""
        plane = _at_half_size(fine)
        (plane,) = dask.persist(plane)
        rest = (plane.shape[2], 3, plane.shape[1])
        sizes: tuple[int, ...]
        if plane.size * _ONE_TASK <= chunk:
            sizes = (plane.shape[0],)
            arguments = (weight, self.isotropic, self.num_threads)
            pairs = persisted(
                with_neighbours(plane, sizes, 0, blocks.coarse_optimum, "denoise-tv-coarse", *arguments)
            )
            halves = each("denoise-tv-half", blocks.first_of, pairs)
            ratio = each("denoise-tv-ratio", blocks.second_of, pairs)[0].compute()
        else:
            bounds, slope = _surveyed(plane)
            plan = self._plan(plane, weight, slope)
            ratio = plan.ratio
            half = None
            if plan.tries_coarse:
                half, coarse_ratio = self._coarse(plane, weight / 2, chunk)
                plan = self._plan(plane, weight, slope, coarse_ratio)
            step = Step(
                weight, self.isotropic, self.num_threads, bounds, plane.shape[0], plan.sigma, plan.slope
            )
            solver = _Fast(plane, half, step, plan.coarse_iterations)
            sizes = solver.sizes
            halves = each("denoise-tv-half", blocks.half_of, solver.run(plan.coarse_iterations, dual=True))
        (result,) = dask.persist(from_blocks(halves, sizes, rest, plane.dtype))
        return result, ratio

    def _mean(self, plane: da.Array, bounds: Bounds) -> Plane | None:
        """Return the image's mean, if that is the optimum."""
        shape, dtype = (*plane.shape, 1)[:3], work_type(plane.dtype)
        sizes = row_sizes(plane, min(_LEAST_ROWS, plane.shape[0]))
        rows = persisted(with_neighbours(plane, sizes, 0, blocks.own_rows, "denoise-tv-rows"))
        sums = apply("denoise-tv-row-sums", np.concatenate, each("denoise-tv-row-sum", blocks.row_sums, rows))
        norms = each("denoise-tv-norm", blocks.mean_norm, rows, sums, bounds)
        of_rows, found = dask.compute(sums, norms)
        holds, mean, gap, objective = _core.denoise_part_constant_certificate(
            shape,
            dtype == np.float64,
            of_rows,
            bounds,
            np.concatenate([squares for _, squares in found]),
            max(largest for largest, _ in found),
            self.weight,
        )
        if not holds:
            return None
        pairs = persisted(
            each("denoise-tv-mean", blocks.mean_block, rows, mean, plane.dtype.name, plane.ndim)
        )
        return Plane(pairs, sizes, 0, gap, objective, True)


def _at_half_size(plane: da.Array) -> da.Array:
    """Return the image at half its size, with an axis of channels."""
    sizes = row_sizes(plane, min(_LEAST_ROWS, plane.shape[0]), even=True)
    halves = with_neighbours(plane, sizes, 0, blocks.halved, "denoise-tv-halved")
    rest = ((plane.shape[1] + 1) // 2, plane.shape[2] if plane.ndim == 3 else 1)
    return from_blocks(halves, [(n + 1) // 2 for n in sizes], rest, work_type(plane.dtype))

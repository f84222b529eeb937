"""Total variation works on whole rows (slices of a volume): an image cut along its first axis of space only.

Then the sums of a row, and with them the sum over all rows, are those of one machine to the last bit, which a stop
that compares them needs; and what travels between blocks is contiguous.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import tokenize
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph

from fastcv.dask._blocks import needed, pieces_of, starts_of
from fastcv.dask._memory import recycled_empty

__all__ = ["Place", "Rounds", "joined", "row_sizes", "with_neighbours"]


class Place(NamedTuple):
    """Where a block's rows are: which row of the image its first one is, neighbours' rows included, and its own ones."""

    first: int
    begin: int
    end: int


def row_sizes(array: da.Array, least: int, even: bool = False) -> tuple[int, ...]:
    """Return how many rows (positions along axis 0) each block of whole rows shall have.

    The array's own chunks where they are whole rows and not too small; else as many rows as hold the values of a
    chunk. Blocks are at least `least` rows, so that only neighbours are needed, and begin at even rows if asked to.
    """
    rows, row_values = array.shape[0], max(1, math.prod(array.shape[1:]))
    own = array.chunks[0]
    fits = all(n >= least for n in own) and all(not even or n % 2 == 0 for n in own[:-1])
    if all(blocks == 1 for blocks in array.numblocks[1:]) and fits:
        return tuple(own)
    values = math.prod(max(sizes) for sizes in array.chunks)
    wanted = max(least, round(values / row_values), 2)
    count = max(1, min(rows // least, math.ceil(rows / wanted)))
    size = math.ceil(rows / count)
    size += size % 2 if even else 0
    sizes = [size] * (rows // size)
    if left := rows % size:
        # A last block that is too small joins the one before it.
        if left < least and sizes:
            sizes[-1] += left
        else:
            sizes.append(left)
    return tuple(sizes)


def with_neighbours(
    array: da.Array,
    sizes: Sequence[int],
    reach: int,
    function: Callable[..., Any],
    name: str,
    *arguments: Any,
    align: int = 1,
    half: da.Array | None = None,
) -> list[Delayed]:
    """Return, of each block of rows, ``function(parts, place, *arguments)``, not yet computed.

    ``parts`` put together (see `joined`) are the block and `reach` rows on both sides, as far as there are any; they
    are taken from the array's own chunks, so that pixels are copied once. Blocks of `sizes` rows begin at multiples of
    `align`. With `half`, an array of half as many rows, the function gets two more: parts of that, put together the
    rows that the block's own rows stand on and one before them; and which row is the first of those.
    """
    if any(blocks > 1 for blocks in array.numblocks[2:]):
        array = array.rechunk(dict.fromkeys(range(2, array.ndim), -1), method="tasks")
    starts = starts_of(sizes)
    graph: dict[Any, Any] = {}
    keys = []
    name = f"{name}-{tokenize(array, sizes, reach, arguments, half)}"
    for block, (begin, end) in enumerate(itertools.pairwise(starts)):
        low, high = reach_of(starts, block, reach, align)
        keys.append((name, block))
        place = Place(low, begin - low, end - low)
        task = [function, _parts(graph, name, array, low, high), place, *arguments]
        if half is not None:
            half_low = max(low // 2 - 1, 0)
            task += [_parts(graph, f"{name}-half", half, half_low, (high + 1) // 2), half_low]
        graph[keys[-1]] = tuple(task)
    dependencies = [array] if half is None else [array, half]
    layers = HighLevelGraph.from_collections(name, graph, dependencies=dependencies)
    return [Delayed(key, layers, layer=name) for key in keys]


def _parts(graph: dict[Any, Any], name: str, array: da.Array, low: int, high: int) -> list[list[Any]]:
    """Return the keys of what rows [low, high) of an array consist of."""
    parts = []
    for p in pieces_of(starts_of(array.chunks[0]), low, high):
        sources = [
            (array.name, p.chunk, column, *(0 for _ in array.shape[2:]))
            for column in range(array.numblocks[1])
        ]
        parts.append([needed(graph, name, source, {0: p}, array.chunks) for source in sources])
    return parts


def joined(parts: list[list[npt.NDArray[Any]]]) -> npt.NDArray[Any]:
    """Return parts, rows of columns, as one contiguous array: a copy, unless there is one that is it already."""
    if len(parts) == 1 and len(parts[0]) == 1:
        return np.ascontiguousarray(parts[0][0])
    height = sum(row[0].shape[0] for row in parts)
    width = sum(part.shape[1] for part in parts[0])
    out = recycled_empty((height, width, *parts[0][0].shape[2:]), parts[0][0].dtype)
    y = 0
    for row in parts:
        x = 0
        for part in row:
            out[y : y + part.shape[0], x : x + part.shape[1]] = part
            x += part.shape[1]
        y += row[0].shape[0]
    return out


def reach_of(starts: Sequence[int], block: int, reach: int, align: int = 1) -> tuple[int, int]:
    """Return which rows a block sees."""
    low = max(starts[block] - reach, 0)
    return low - low % align, min(starts[block + 1] + reach, starts[-1])


class Rounds:
    """Blocks in rows that go through rounds of work, each with the neighbours' last rows of the round before.

    Each round's blocks stay where they were made until the round after the next one exists.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.number = 0

    def run(
        self,
        inputs: Sequence[Delayed],
        states: Sequence[Delayed] | None,
        work: Callable[..., Any],
        rows_of: Callable[..., Any],
        *arguments: Any,
        reach: int,
    ) -> list[Delayed]:
        """Return, of each block, ``work(input, state, rows above, rows below, *arguments)``, not yet computed.

        The rows are ``rows_of(state, "first" or "last", reach)`` of the neighbours'.
        """
        self.number += 1
        name = f"{self.name}-{self.number}-{tokenize(arguments)}"
        graph: dict[Any, Any] = {}
        keys = [(name, block) for block in range(len(inputs))]

        def rows(block: int, which: str) -> Any:
            if states is None or not 0 <= block < len(inputs):
                return None
            key = (f"{name}-{which}", block)
            graph[key] = (rows_of, states[block].key, which, reach)
            return key

        for block, key in enumerate(keys):
            state = None if states is None else states[block].key
            graph[key] = (
                work,
                inputs[block].key,
                state,
                rows(block - 1, "last"),
                rows(block + 1, "first"),
                *arguments,
            )
        dependencies = [*inputs, *(states or ())]
        layers = HighLevelGraph.from_collections(name, graph, dependencies=dependencies)
        return [Delayed(key, layers, layer=name) for key in keys]


def apply(name: str, function: Callable[..., Any], blocks: Iterable[Delayed], *arguments: Any) -> Delayed:
    """Return ``function([blocks], *arguments)``, not yet computed."""
    blocks = list(blocks)
    key = f"{name}-{tokenize([b.key for b in blocks], arguments)}"
    graph = {key: (function, [b.key for b in blocks], *arguments)}
    return Delayed(key, HighLevelGraph.from_collections(key, graph, dependencies=blocks))


def each(
    name: str, function: Callable[..., Any], blocks: Sequence[Delayed], *arguments: Any
) -> list[Delayed]:
    """Return ``function(block, *arguments)`` of each block, not yet computed; so may arguments be."""
    shared = [argument for argument in arguments if isinstance(argument, Delayed)]
    values = [argument.key if isinstance(argument, Delayed) else argument for argument in arguments]
    name = f"{name}-{tokenize([b.key for b in blocks], values)}"
    graph = {(name, i): (function, b.key, *values) for i, b in enumerate(blocks)}
    layers = HighLevelGraph.from_collections(name, graph, dependencies=[*blocks, *shared])
    return [Delayed(key, layers, layer=name) for key in graph]


def persisted(blocks: Sequence[Delayed]) -> list[Delayed]:
    """Return the blocks, computed or being computed, where they were made."""
    return list(dask.persist(*blocks))


def from_blocks(blocks: Sequence[Delayed], sizes: Sequence[int], rest: Sequence[int], dtype: Any) -> da.Array:
    """Return the array whose blocks along axis 0 these are."""
    name = f"rows-{tokenize([b.key for b in blocks])}"
    graph = {(name, i, *(0 for _ in rest)): b.key for i, b in enumerate(blocks)}
    layers = HighLevelGraph.from_collections(name, graph, dependencies=list(blocks))
    return da.Array(layers, name, (tuple(sizes), *((n,) for n in rest)), dtype=dtype)

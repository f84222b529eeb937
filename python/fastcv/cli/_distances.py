"""Files of distances and of points in and out: .npy and .csv."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastcv.cli import CommandError
from fastcv.cli._paths import Kind, replacing

Array = npt.NDArray[Any]
ENDINGS = (".npy", ".csv")


@dataclass
class MeasuredPairs:
    """Distances of some pairs only; `fastcv.mds` takes it as it takes a scipy.sparse matrix."""

    row: npt.NDArray[np.int64]
    col: npt.NDArray[np.int64]
    data: Array
    shape: tuple[int, int]

    def tocoo(self) -> MeasuredPairs:
        """Return itself: the rows, columns and values of a sparse matrix are all it has."""
        return self

    def __len__(self) -> int:
        return self.shape[0]


def check_ending(path: Path) -> None:
    """Refuse a name that is neither kind of file."""
    if path.suffix.lower() not in ENDINGS:
        raise CommandError(f"{path}: points are written to {' or '.join(ENDINGS)} files")


DISTANCES = Kind("files of distances", lambda path: path.suffix.lower() in ENDINGS, check_ending)


def read_distances(path: Path) -> Array | MeasuredPairs:
    """A matrix (an empty cell or nan is a missing distance), or rows of two point numbers and their distance."""
    table = _table(path)
    if table.ndim != 2:
        raise ValueError(f"expected a matrix of distances, got an array of {table.ndim} dimensions")
    if table.shape[0] == table.shape[1] and not (table.shape[0] == 3 and _is_pairs(table)):
        return table
    if not _is_pairs(table):
        raise ValueError(
            f"expected a square matrix, or rows of point, point, distance; got {table.shape[0]} x {table.shape[1]}"
        )
    return _pairs(table)


def _is_pairs(table: Array) -> bool:
    """Three columns, the first two of them point numbers. (Three points' matrix has zeros on its diagonal.)"""
    if table.shape[1] != 3:
        return False
    points = table[:, :2]
    if not (np.isfinite(points).all() and (points == np.rint(points)).all() and (points >= 0).all()):
        return False
    matrix = table.shape[0] == 3 and not np.diagonal(table).any() and np.array_equal(table, table.T)
    return not matrix


def _pairs(table: Array) -> MeasuredPairs:
    row, col = (np.ascontiguousarray(table[:, i], np.int64) for i in range(2))
    points = int(max(row.max(), col.max())) + 1 if len(table) else 0
    return MeasuredPairs(row, col, np.ascontiguousarray(table[:, 2]), (points, points))


def read_anchors(path: Path) -> tuple[npt.NDArray[np.int64], Array]:
    """Rows of a point's number and its coordinates."""
    table = _table(path)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError("expected rows of a point's number and its coordinates")
    numbers = table[:, 0]
    if not (np.isfinite(numbers).all() and (numbers == np.rint(numbers)).all()):
        raise ValueError("the first column must hold point numbers, from 0")
    return numbers.astype(np.int64), np.ascontiguousarray(table[:, 1:])


def write_points(path: Path, points: Array) -> None:
    """One point a row, completely or not at all."""
    check_ending(path)
    with replacing(path) as file:
        if path.suffix.lower() == ".npy":
            np.save(file, points)
        else:
            digits = 9 if points.dtype == np.float32 else 17  # enough to read the same numbers back
            np.savetxt(file, points, fmt=f"%.{digits}g", delimiter=",")


def _table(path: Path) -> Array:
    """Numbers in rows, floating-point."""
    if path.suffix.lower() == ".npy":
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.ndarray) or loaded.dtype.kind not in "iuf":
            raise ValueError("expected an array of numbers")
        return loaded if loaded.dtype in (np.float32, np.float64) else loaded.astype(np.float64)
    if path.suffix.lower() != ".csv":
        raise ValueError(f"expected a {' or '.join(ENDINGS)} file")
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file, skipinitialspace=True) if any(cell.strip() for cell in row)]
    if rows and not any(_numbers([cell]) for cell in rows[0]):
        rows = rows[1:]  # a heading
    table = [_numbers(row) for row in rows]
    for line, (row, numbers) in enumerate(zip(rows, table, strict=True), start=1):
        if numbers is None:
            raise ValueError(f"row {line} holds what is not a number: {', '.join(row)[:60]}")
        if len(numbers) != len(table[0] or ()):
            raise ValueError(f"row {line} has {len(numbers)} columns, row 1 has {len(table[0] or ())}")
    return np.array(table, np.float64)


def _numbers(row: list[str]) -> list[float] | None:
    """The row's numbers, an empty cell being nan; None where a cell is something else."""
    with contextlib.suppress(ValueError):
        return [float(cell) if cell.strip() else np.nan for cell in row]
    return None


def measured(distances: Array | MeasuredPairs) -> Iterator[tuple[int, int]]:
    """The pairs that were measured, each once or twice."""
    if isinstance(distances, MeasuredPairs):
        return zip(distances.row.tolist(), distances.col.tolist(), strict=True)
    rows, columns = np.nonzero(np.triu(~np.isnan(distances), 1))
    return zip(rows.tolist(), columns.tolist(), strict=True)

"""``fastcv locate``: points from the distances between them."""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv.cli import CommandError, _distances, _images, _swarm

LINKS_AT_MOST = 4000  # more would be a grey disc


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="fastcv locate",
        usage="fastcv locate DIST... -o OUT [options]",
        description="Find points from the distances between them. DIST is a .npy or .csv file: a square matrix (nan or an empty "
        "cell: not measured), or rows of point, point, distance, numbered from 0. OUT gets one point a row.",
        epilog="example: fastcv locate ranges.csv -o points.csv --plot points.png\n"
        "         fastcv locate ranges.csv -o points.npy --anchors known.csv --loss robust",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("paths", nargs="+", metavar="DIST", help="distances to read (or exactly: DIST OUT, without -o)")
    add("-o", "--output", metavar="OUT", help=".npy or .csv to write, or a folder (made if it is missing)")
    add("--force", action="store_true", help="replace existing files")
    add("--dimensions", type=int, metavar="D", help="default: those of the anchors, else 2")
    add(
        "--loss",
        choices=("stress", "sstress", "robust"),
        default="stress",
        help="robust: some distances are wrong; sstress: squares of distances (default stress)",
    )
    add("--anchors", metavar="FILE", help="known points, .npy or .csv: rows of number, x, y, ...")
    add("--symmetrize", action="store_true", help="average a matrix whose two halves differ")
    add("--seed", type=int, default=0, metavar="N", help="of random starts (default 0)")
    add("--plot", metavar="FILE", help="picture of the points, .png; .gif: a swarm coming together to them")
    add("--threads", type=int, metavar="N", help="threads to use (default: see fastcv info)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Find the points of every file; the exit code."""
    anchors = _anchors(args.anchors)
    dimensions = args.dimensions
    if dimensions is None:
        dimensions = anchors[1].shape[1] if anchors else 2
    pairs = _images.plan(args.paths, args.output, args.force, _distances.check_ending)
    plot = Path(args.plot) if args.plot else None
    if plot:
        _check_plot(plot, len(pairs), args.force)
    options: dict[str, Any] = {
        "anchors": anchors,
        "symmetrize": args.symmetrize,
        "loss": args.loss,
        "random_state": args.seed,
        "num_threads": args.threads,
    }
    try:  # a wrong option is the command's fault, not the file's
        fastcv.mds(
            np.zeros((2, 2)), dimensions, loss=args.loss, num_threads=args.threads, random_state=args.seed
        )
    except (TypeError, ValueError) as error:
        raise CommandError(_words(error)) from None

    def work(source: Path, destination: Path) -> str:
        distances = _distances.read_distances(source)
        before = time.perf_counter()
        try:
            with warnings.catch_warnings():  # the line that is printed says it too
                warnings.simplefilter("ignore", fastcv.ConvergenceWarning)
                result = fastcv.mds(distances, dimensions, **options)
        except (TypeError, ValueError) as error:
            raise ValueError(_words(error)) from None
        took = 1e3 * (time.perf_counter() - before)
        _distances.write_points(destination, result.embedding)
        if plot:
            _plot(plot, distances, result, anchors)
        return f"{destination}: {_line(result, took)}"

    return _images.for_each(pairs, work)


def _anchors(path: str | None) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]] | None:
    if path is None:
        return None
    try:
        return _distances.read_anchors(Path(path))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {_images.reason(error)}", 1) from None


def _check_plot(plot: Path, files: int, force: bool) -> None:
    if files > 1:
        raise CommandError("--plot shows one file's points: give one DIST")
    if plot.suffix.lower() not in (".png", ".gif"):
        raise CommandError(f"{plot}: pictures are written to .png or .gif files")
    if plot.exists() and not force:
        raise CommandError(f"{plot} exists: say --force to replace it")
    plot.parent.mkdir(parents=True, exist_ok=True)


def _words(error: Exception) -> str:
    words = str(error).removeprefix("mds: ")
    for name, option in (
        ("num_threads", "--threads"),
        ("n_components", "--dimensions"),
        ("random_state", "--seed"),
    ):
        words = words.replace(name, option)
    return words.replace("pass symmetrize=True", "say --symmetrize")


def _line(result: fastcv.MDSResult, took: float) -> str:
    n, d = result.embedding.shape
    unique = "" if result.unique else ", not the only arrangement that fits"
    return (
        f"{n} points in {d}-D, normalized stress {result.normalized_stress:.2g}{unique}, "
        f"{result.n_iter} iterations in {took:.3g} ms ({result.reason})"
    )


def _plot(
    path: Path,
    distances: npt.NDArray[Any] | _distances.MeasuredPairs,
    result: fastcv.MDSResult,
    anchors: tuple[npt.NDArray[np.int64], npt.NDArray[Any]] | None,
) -> None:
    """The points that were found; as a GIF, a swarm that comes together to them."""
    points = result.embedding.astype(np.float64)
    title = f"{len(points)} points, normalized stress {result.normalized_stress:.2g}"
    if path.suffix.lower() == ".gif":
        with _images.replacing(path) as file:
            _swarm.write_animation(file, _swarm.convergence(points, title))
        return
    measured = list(itertools.islice(_distances.measured(distances), LINKS_AT_MOST + 1))
    complete = len(measured) == len(points) * (len(points) - 1) // 2
    swarm = _swarm.Swarm(points, title, () if complete or len(measured) > LINKS_AT_MOST else measured)
    swarm.add(points, "found")
    if anchors is not None:
        swarm.add(anchors[1], "anchors", _swarm.RED, "^", 36)
    with _images.replacing(path) as file:
        swarm.picture().save(file, format="PNG")

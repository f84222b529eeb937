"""``fastcv locate``: points from the distances between them."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv.cli import CommandError, _distances, _paths, _swarm
from fastcv.cli._arguments import Parser, in_words_of_the_command
from fastcv.cli._distances import DISTANCES
from fastcv.cli._progress import for_each
from fastcv.cli._report import Report

if TYPE_CHECKING:
    from PIL import Image as PillowImage

Distances = npt.NDArray[Any] | _distances.MeasuredPairs
Anchors = tuple[npt.NDArray[np.int64], npt.NDArray[Any]]
LINKS_AT_MOST = 4000  # more would be a grey disc


FIELDS = {
    "input": "the file that was read",
    "output": "the file of points that was written",
    "points": "how many",
    "dimensions": "of each",
    "stress": "sum over pairs of the squared errors of their distances",
    "normalized_stress": "its root, relative to the distances (Stress-1)",
    "iterations": "of the solver",
    "converged": "whether it ended by itself",
    "unique": "whether no other arrangement fits as well",
    "reason": "why it ended",
    "milliseconds": "the solver took",
    "plot": "the picture, or null",
    "animation": "the animated picture, or null",
}


def parser() -> Parser:
    """The command's options."""
    parser = Parser(
        "locate",
        "DIST... -o OUT [options]",
        "Find points from the distances between them. DIST is a .npy or .csv file: a square matrix (nan or an empty "
        "cell: not measured), or rows of point, point, distance, numbered from 0. OUT gets one point a row, and a "
        "picture beside it.",
        (
            "fastcv locate ranges.csv -o points.csv --animate swarm.gif",
            "fastcv locate ranges.csv -o points.npy --anchors known.csv --loss robust",
        ),
        FIELDS,
    )
    _paths.add_paths(parser, "DIST", "distances")
    add = parser.add_argument
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
    add(
        "--plot",
        metavar="FILE",
        help="the picture of the points (default: OUT with the ending .png); FILE.gif: an animated one instead",
    )
    add("--no-plot", action="store_true", help="no picture")
    add("--animate", metavar="FILE.gif", help="also a swarm that comes together to the points")
    parser.add_threads()
    return parser


def run(args: argparse.Namespace, report: Report) -> int:
    """Find the points of every file; the exit code."""
    anchors = _anchors(args.anchors)
    dimensions = args.dimensions
    if dimensions is None:
        dimensions = anchors[1].shape[1] if anchors else 2
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
    pictures = _Pictures(args)
    jobs = _paths.plan(args.paths, args.output, args.force, DISTANCES, report, pictures.beside)

    def work(job: _paths.Job) -> tuple[str, dict[str, Any]]:
        distances = _distances.read_distances(job.source)
        before = time.perf_counter()
        try:
            with warnings.catch_warnings():  # the line that is printed says it too
                warnings.simplefilter("ignore", fastcv.ConvergenceWarning)
                result = fastcv.mds(distances, dimensions, **options)
        except (TypeError, ValueError) as error:
            raise ValueError(_words(error)) from None
        took = 1e3 * (time.perf_counter() - before)
        _distances.write_points(job.target, result.embedding)
        drawn = pictures.draw(job, distances, result, anchors)
        return f"{job.target}: {_line(result, took)}", {**_facts(result), "milliseconds": took, **drawn}

    return for_each(jobs, work, report)


def _anchors(path: str | None) -> Anchors | None:
    if path is None:
        return None
    try:
        return _distances.read_anchors(Path(path))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {_paths.reason(error)}", 1) from None


def _words(error: Exception) -> str:
    options = {"n_components": "--dimensions", "random_state": "--seed"}
    words = in_words_of_the_command(error, "mds", options)
    return words.replace("pass symmetrize=True", "say --symmetrize")


def _line(result: fastcv.MDSResult, took: float) -> str:
    n, d = result.embedding.shape
    unique = "" if result.unique else ", not the only arrangement that fits"
    return (
        f"{n} points in {d}-D, normalized stress {result.normalized_stress:.2g}{unique}, "
        f"{result.n_iter} iterations in {took:.3g} ms ({result.reason})"
    )


def _facts(result: fastcv.MDSResult) -> dict[str, Any]:
    points, dimensions = result.embedding.shape
    return {
        "points": points,
        "dimensions": dimensions,
        "stress": result.stress,
        "normalized_stress": result.normalized_stress,
        "iterations": result.n_iter,
        "converged": result.converged,
        "unique": result.unique,
        "reason": result.reason,
    }


class _Pictures:
    """What is drawn beside the points."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.named = Path(args.plot) if args.plot else None
        self.animation = Path(args.animate) if args.animate else None
        self.still = not args.no_plot
        if self.named and not self.still:
            raise CommandError("--plot and --no-plot exclude each other")
        if self.named and self.named.suffix.lower() == ".gif":
            if self.animation:
                raise CommandError("--plot FILE.gif and --animate exclude each other")
            self.animation, self.named, self.still = self.named, None, False
        for path, ending in ((self.named, ".png or .gif"), (self.animation, ".gif")):
            if path and path.suffix.lower() != ending[:4]:
                raise CommandError(f"{path}: expected a name that ends in {ending}")
        if not _swarm.available():
            if self.named or self.animation:
                raise CommandError('pictures need Matplotlib: pip install "fastcv-cpu[cli]"', 1)
            if self.still:
                print(
                    'no pictures: Matplotlib is not installed (pip install "fastcv-cpu[cli]")',
                    file=sys.stderr,
                )
            self.still = False

    def _plot(self, target: Path) -> Path | None:
        return (self.named or target.with_suffix(".png")) if self.still else None

    def beside(self, target: Path) -> tuple[Path, ...]:
        """What is written with `target`."""
        return tuple(path for path in (self._plot(target), self.animation) if path)

    def draw(
        self, job: _paths.Job, distances: Distances, result: fastcv.MDSResult, anchors: Anchors | None
    ) -> dict[str, Path | None]:
        """Write them; says where they are."""
        points = result.embedding.astype(np.float64)
        title = f"{len(points)} points, normalized stress {result.normalized_stress:.2g}"
        plot = self._plot(job.target)
        for path in filter(None, (plot, self.animation)):
            path.parent.mkdir(parents=True, exist_ok=True)
        if plot:
            with _paths.replacing(plot) as file:
                _drawn(points, title, distances, anchors).save(file, format="PNG")
        if self.animation:
            with _paths.replacing(self.animation) as file:
                _swarm.write_animation(file, _swarm.convergence(points, title))
        return {"plot": plot, "animation": self.animation}


def _drawn(
    points: npt.NDArray[np.float64], title: str, distances: Distances, anchors: Anchors | None
) -> PillowImage.Image:
    """The points, joined where a distance was measured, if not all are."""
    measured = list(itertools.islice(_distances.measured(distances), LINKS_AT_MOST + 1))
    complete = len(measured) == len(points) * (len(points) - 1) // 2
    swarm = _swarm.Swarm(points, title)
    if not complete and len(measured) <= LINKS_AT_MOST:
        swarm.join(points, measured)
    swarm.add(points, "found")
    if anchors is not None:
        swarm.add(anchors[1], "anchors", _swarm.RED, "^", 36)
    return swarm.picture()

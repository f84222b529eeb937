"""``fastcv denoise``: total variation denoising of image files."""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv.cli import CommandError, _images, _paths
from fastcv.cli._arguments import Parser, in_words_of_the_command
from fastcv.cli._compare import comparison, levels
from fastcv.cli._progress import for_each
from fastcv.cli._report import Report

Pixels = npt.NDArray[Any]

SOLVED = {
    "weight": "of the total variation, white being 1; null: all of it is noise",
    "sigma": "the noise's standard deviation, given or estimated; null with --weight",
    "iterations": "of the solver",
    "relative_gap": "proven: the objective is within this share of the least possible",
    "rms_bound": "proven: root mean square distance from the optimum, in 8-bit levels",
    "converged": "whether --tol was reached",
    "milliseconds": "the solver took",
    "compare": "the picture of --compare, or null",
}
FIELDS = {**_images.FIELDS, **SOLVED}


def parser() -> Parser:
    """The command's options."""
    parser = Parser(
        "denoise",
        "IN... -o OUT [options]",
        "Remove noise and keep edges: total variation, solved to a proven distance from the optimum. "
        "Transparency is kept as it is.",
        (
            "fastcv denoise photo.jpg -o clean.jpg --sigma auto --compare",
            "fastcv denoise scans/ -o clean/ --weight 0.05 --channels separate",
        ),
        FIELDS,
    )
    _images.add_paths(parser)
    parser.add_argument(
        "--compare",
        action="store_true",
        help="also write before | after | what was removed, with the certificate, to NAME.compare.png beside OUT",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--weight", type=float, metavar="W", help="the larger, the smoother: 0.02 a little, 0.1 much"
    )
    how.add_argument(
        "--sigma",
        type=_sigma,
        default="auto",
        metavar="S",
        help="the noise's standard deviation, white being 1; auto (default): estimated",
    )
    parser.add_argument(
        "--channels",
        choices=("joint", "separate"),
        default="joint",
        help="colours together (default: edges fall together), or each by itself",
    )
    parser.add_argument("--anisotropic", action="store_true", help="sum of magnitudes instead of the norm")
    parser.add_argument(
        "--tol", type=float, default=1e-3, metavar="T", help="relative gap to the optimum (default 0.001)"
    )
    parser.add_threads()
    return parser


def _sigma(text: str) -> float | str:
    """0.1, or auto."""
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number or auto, got {text!r}") from None


def run(args: argparse.Namespace, report: Report) -> int:
    """Denoise every image; the exit code."""
    options: dict[str, Any] = {
        "channels": args.channels,
        "isotropic": not args.anisotropic,
        "tol": args.tol,
        "num_threads": args.threads,
    }
    if args.weight is None:
        options["sigma"] = args.sigma
    else:
        options["weight"] = args.weight
    try:  # a wrong option is the command's fault, not the image's: say so before any file is opened
        _solve(np.eye(3, dtype=np.uint8), options)
    except (TypeError, ValueError) as error:
        raise CommandError(in_words_of_the_command(error, "denoise_tv")) from None

    def work(job: _paths.Job) -> tuple[str, dict[str, Any]]:
        picture = _images.read(job.source)
        compare = job.beside[0] if job.beside else None
        facts: dict[str, Any] = {**picture.facts(), **dict.fromkeys(SOLVED)}
        clean, line = picture.pixels, "nothing to do"
        if clean.size:
            clean, info, took = _denoise(picture, options)
            line = _line(info, took, clean.dtype)
            facts |= _facts(info, took, clean.dtype)
        result = _images.Picture(clean, picture.mode, picture.extras)
        _images.write(job.target, result, quality=args.quality)
        if compare and clean.size:
            drawn = comparison(picture, clean, info, estimated=options.get("sigma") == "auto")
            with _paths.replacing(compare) as file:
                drawn.save(file, format="PNG")
            facts["compare"] = compare
        return f"{job.target}: {picture.size()}, {line}", facts

    beside = _compare_path if args.compare else _paths.nothing_beside
    jobs = _paths.plan(args.paths, args.output, args.force, _images.IMAGES, report, beside)
    return for_each(jobs, work, report)


def _compare_path(target: Path) -> tuple[Path, ...]:
    return (target.with_name(f"{target.stem}.compare.png"),)


def _solve(image: Pixels, options: dict[str, Any]) -> tuple[Pixels, fastcv.TVInfo]:
    with warnings.catch_warnings():  # the line that is printed says it too
        warnings.simplefilter("ignore", fastcv.ConvergenceWarning)
        clean, info = fastcv.denoise_tv(image, return_info=True, **options)
    return clean, info


def _denoise(picture: _images.Picture, options: dict[str, Any]) -> tuple[Pixels, fastcv.TVInfo, float]:
    """The pixels without noise, how good they are, and the milliseconds it took."""
    result = picture.pixels.copy()
    colours = result[..., :-1] if picture.has_alpha else result
    before = time.perf_counter()
    colours[...], info = _solve(np.ascontiguousarray(colours), options)
    return result, info, 1e3 * (time.perf_counter() - before)


def _facts(info: fastcv.TVInfo, took: float, dtype: np.dtype[Any]) -> dict[str, Any]:
    return {
        "weight": info.weight,
        "sigma": info.sigma,
        "iterations": info.iterations,
        "relative_gap": info.relative_gap,
        "rms_bound": levels(info.rms_bound, dtype),
        "converged": info.converged,
        "milliseconds": took,
    }


def _line(info: fastcv.TVInfo, took: float, dtype: np.dtype[Any]) -> str:
    noise = "" if info.sigma is None else f"noise {info.sigma:.3g}, "
    weight = "all of it is noise: the mean" if info.weight == np.inf else f"weight {info.weight:.3g}"
    short = "" if info.converged or info.weight == np.inf else ", not converged"
    return (
        f"{noise}{weight}, {info.iterations} iterations in {took:.3g} ms, {info.relative_gap:.1e} from the optimum, "
        f"at most {levels(info.rms_bound, dtype):.2f} of 255 levels (rms){short}"
    )

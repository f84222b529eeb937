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
from fastcv.cli import CommandError, _images

Pixels = npt.NDArray[Any]


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="fastcv denoise",
        usage="fastcv denoise IN... -o OUT [options]",
        description="Remove noise and keep edges: total variation, solved to a proven distance from the optimum. "
        "Transparency is kept as it is.",
        epilog="example: fastcv denoise photo.jpg -o clean.jpg\n"
        "         fastcv denoise scans/*.png -o clean/ --weight 0.05 --channels separate",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _images.add_paths(parser)
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
    parser.add_argument("--threads", type=int, metavar="N", help="threads to use (default: see fastcv info)")
    return parser


def _sigma(text: str) -> float | str:
    """0.1, or auto."""
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number or auto, got {text!r}") from None


def run(args: argparse.Namespace) -> int:
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
        raise CommandError(
            str(error).removeprefix("denoise_tv: ").replace("num_threads", "--threads")
        ) from None

    def work(source: Path, destination: Path) -> str:
        picture = _images.read(source)
        pixels, line = _denoise(picture, options)
        _images.write(
            destination, _images.Picture(pixels, picture.mode, picture.extras), quality=args.quality
        )
        return f"{destination}: {line}"

    return _images.for_each(_images.plan(args.paths, args.output, args.force), work)


def _solve(image: Pixels, options: dict[str, Any]) -> tuple[Pixels, fastcv.TVInfo]:
    with warnings.catch_warnings():  # the line that is printed says it too
        warnings.simplefilter("ignore", fastcv.ConvergenceWarning)
        clean, info = fastcv.denoise_tv(image, return_info=True, **options)
    return clean, info


def _denoise(picture: _images.Picture, options: dict[str, Any]) -> tuple[Pixels, str]:
    """The pixels without noise, and what to say about them."""
    result = picture.pixels.copy()
    if result.size == 0:
        return result, f"{picture.size()}, nothing to do"
    colours = result[..., :-1] if picture.has_alpha else result
    before = time.perf_counter()
    clean, info = _solve(np.ascontiguousarray(colours), options)
    took = 1e3 * (time.perf_counter() - before)
    colours[...] = clean
    unit = {np.dtype(np.uint8): 1.0, np.dtype(np.uint16): 257.0}.get(result.dtype, 1 / 255)
    noise = "" if info.sigma is None else f", noise {info.sigma:.3g}"
    weight = "all of it is noise: the mean" if info.weight == np.inf else f"weight {info.weight:.3g}"
    return result, (
        f"{picture.size()}{noise}, {weight}, {info.iterations} iterations in {took:.3g} ms, "
        f"{info.relative_gap:.1e} from the optimum, at most {info.rms_bound / unit:.2f} of 255 levels (rms)"
    )

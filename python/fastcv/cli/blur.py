"""``fastcv blur``: box blur of image files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv.cli import CommandError, _images, _timing
from fastcv.cli._arguments import number_or_pair

BORDERS = ("reflect101", "reflect", "clamp", "wrap", "constant", "shrink")

Pixels = npt.NDArray[Any]


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="fastcv blur",
        usage="fastcv blur IN... -o OUT --ksize 8 [options]",
        description="Every pixel becomes the mean of the box around it, exactly rounded, at a cost that does not grow "
        "with the box.",
        epilog="example: fastcv blur photos/*.jpg -o blurred/ --ksize 15\n"
        "         fastcv blur scan.png soft.png --ksize 9x5 --border shrink",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _images.add_paths(parser)
    parser.add_argument(
        "--ksize",
        type=number_or_pair("WIDTHxHEIGHT as in 9x5"),
        required=True,
        metavar="K",
        help="box: 8, or WIDTHxHEIGHT as in 9x5",
    )
    parser.add_argument(
        "--border", default="reflect101", metavar="NAME", help=f"{', '.join(BORDERS)} (default reflect101)"
    )
    parser.add_argument(
        "--border-value",
        type=_values,
        default=0,
        metavar="V",
        help="of --border constant: 0, or one a channel: 9,9,9",
    )
    parser.add_argument(
        "--anchor",
        type=number_or_pair("WIDTHxHEIGHT as in 9x5"),
        metavar="A",
        help="the box's own pixel: 4, or XxY (default ksize // 2)",
    )
    parser.add_argument(
        "--rounding",
        default="nearest",
        metavar="NAME",
        help="nearest (half up), even, floor (default nearest)",
    )
    parser.add_argument(
        "--alpha",
        default="premultiplied",
        metavar="NAME",
        help="of transparent images: premultiplied (colours weighted by alpha, nothing bleeds out of transparent "
        "pixels; the default), blur (a channel like the others), copy, opaque",
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads to use (default: see fastcv info)")
    return parser


def _values(text: str) -> float | tuple[float, ...]:
    """7, or 7,8,9."""
    try:
        numbers = [
            float(part) if "." in part or "e" in part.lower() else int(part) for part in text.split(",")
        ]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a number, or one a channel as in 9,9,9, got {text!r}"
        ) from None
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def run(args: argparse.Namespace) -> int:
    """Blur every image; the exit code."""
    options = {
        "ksize": args.ksize,
        "border": args.border,
        "anchor": args.anchor,
        "rounding": args.rounding,
        "alpha": args.alpha,
        "num_threads": args.threads,
    }
    try:  # a wrong option is the command's fault, not the image's: say so before any file is opened
        fastcv.box_blur(np.zeros((1, 1, 4), np.uint8), **options)
    except (TypeError, ValueError) as error:
        raise CommandError(
            str(error).removeprefix("box_blur: ").replace("num_threads", "--threads")
        ) from None
    options["border_value"] = args.border_value

    def work(source: Path, destination: Path) -> str:
        picture = _images.read(source)
        pixels, line = _blur(picture, options)
        _images.write(
            destination, _images.Picture(pixels, picture.mode, picture.extras), quality=args.quality
        )
        return f"{destination}: {line}"

    return _images.for_each(_images.plan(args.paths, args.output, args.force), work)


def _blur(picture: _images.Picture, options: dict[str, Any]) -> tuple[Pixels, str]:
    """The blurred pixels, and what to say about the time it took."""
    source = picture.pixels
    if not picture.has_alpha:
        options = {**options, "alpha": "blur"}
    elif picture.mode == "LA":  # alpha modes are for four channels: grey goes as three equal colours
        source = np.ascontiguousarray(source[..., (0, 0, 0, 1)])
        if isinstance(options["border_value"], tuple):
            grey, alpha = _two(options["border_value"])
            options = {**options, "border_value": (grey, grey, grey, alpha)}

    result, copy = np.empty_like(source), np.empty_like(source)
    jobs = {
        "blur": lambda: fastcv.box_blur(source, **options, out=result),
        "copy": lambda: np.copyto(copy, source),
    }
    times = _timing.alternate(jobs) if source.size else {}
    if picture.mode == "LA":
        result = result[..., (0, 3)]
    return result, f"{picture.size()}, {_speed(times, source.nbytes)}"


def _two(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(values) != 2:
        raise ValueError(f"border_value: expected one value or 2 (grey, alpha), got {len(values)}")
    return values


def _speed(times: dict[str, list[float]], nbytes: int) -> str:
    if not times:
        return "nothing to do"
    took = _timing.milliseconds(times, "blur")
    ratio = _timing.ratio(times, "blur", "copy")
    return f"{took:.3g} ms, {nbytes / 1e3 / took:,.0f} MB/s, {ratio:.2f} x the time of a plain copy"

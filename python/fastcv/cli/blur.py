"""``fastcv blur``: box blur of image files."""

from __future__ import annotations

import argparse
import timeit
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv.cli import CommandError, _images, _paths, _timing
from fastcv.cli._arguments import Parser, in_words_of_the_command, number_or_pair, one_a_channel
from fastcv.cli._progress import for_each
from fastcv.cli._report import Report

BORDERS = ("reflect101", "reflect", "clamp", "wrap", "constant", "shrink")

Pixels = npt.NDArray[Any]


FIELDS = {
    **_images.FIELDS,
    "milliseconds": "the blur took; of a single image, the median of several runs",
}


def parser() -> Parser:
    """The command's options."""
    parser = Parser(
        "blur",
        "IN... -o OUT --ksize 8 [options]",
        "Every pixel becomes the mean of the box around it, exactly rounded, at a cost that does not grow with the box.",
        (
            "fastcv blur photos/*.jpg -o blurred/ --ksize 15",
            "fastcv blur scan.png soft.png --ksize 9x5 --border shrink",
        ),
        FIELDS,
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
        type=one_a_channel,
        default=0,
        metavar="V",
        help="of --border constant: 0, or one a channel: 9,9,9",
    )
    parser.add_argument(
        "--anchor",
        type=number_or_pair("XxY as in 4x2"),
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
    parser.add_threads()
    return parser


def run(args: argparse.Namespace, report: Report) -> int:
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
        raise CommandError(in_words_of_the_command(error, "box_blur")) from None
    options["border_value"] = args.border_value
    jobs = _paths.plan(args.paths, args.output, args.force, _images.IMAGES, report)

    def work(job: _paths.Job) -> tuple[str, dict[str, Any]]:
        picture = _images.read(job.source)
        pixels, times = _blur(picture, options, with_copy=len(jobs) == 1)
        blurred = _images.Picture(pixels, picture.mode, picture.extras)
        _images.write(job.target, blurred, quality=args.quality)
        took = _timing.milliseconds(times, "blur") if times else 0.0
        line = f"{job.target}: {picture.size()}, {_speed(times, picture.pixels.nbytes)}"
        return line, {**picture.facts(), "milliseconds": took}

    return for_each(jobs, work, report)


def _blur(
    picture: _images.Picture, options: dict[str, Any], with_copy: bool
) -> tuple[Pixels, dict[str, list[float]]]:
    """The blurred pixels, and the time it took: once, or several times in turns with a plain copy."""
    source = picture.pixels
    if not picture.has_alpha:
        options = {**options, "alpha": "blur"}
    elif picture.mode == "LA":  # alpha modes are for four channels: grey goes as three equal colours
        source = np.ascontiguousarray(source[..., (0, 0, 0, 1)])
        if isinstance(options["border_value"], tuple):
            grey, alpha = _two(options["border_value"])
            options = {**options, "border_value": (grey, grey, grey, alpha)}

    result = np.empty_like(source)
    blur = partial(fastcv.box_blur, source, **options, out=result)
    times: dict[str, list[float]] = {}
    if source.size and with_copy:
        copy = np.empty_like(source)
        times = _timing.alternate({"blur": blur, "copy": partial(np.copyto, copy, source)})
    elif source.size:
        times = {"blur": [timeit.timeit(blur, number=1)]}
    return result[..., (0, 3)] if picture.mode == "LA" else result, times


def _two(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(values) != 2:
        raise ValueError(f"border_value: expected one value or 2 (grey, alpha), got {len(values)}")
    return values


def _speed(times: dict[str, list[float]], nbytes: int) -> str:
    if not times:
        return "nothing to do"
    took = _timing.milliseconds(times, "blur")
    if "copy" not in times:
        return f"{took:.3g} ms"
    ratio = _timing.ratio(times, "blur", "copy")
    return f"{took:.3g} ms, {nbytes / 1e3 / took:,.0f} MB/s, {ratio:.2f} x the time of a plain copy"

"""``fastcv preprocess``: image files to one model input."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import fastcv
from fastcv.cli import CommandError, _images, _paths
from fastcv.cli._arguments import Parser, number_or_pair, one_a_channel
from fastcv.cli._model_input import Batch
from fastcv.cli._report import Report

PRESETS = ("torchvision", "yolo")

FIELDS = {
    "input": "the file that was read",
    "output": "the file that was written, for all",
    "shape": "of the array in it: images, 3, height, width",
    "dtype": "float32, float16 or uint8",
    "milliseconds": "preprocessing took, of all images, without reading and writing",
    "index": "of the image in the array, from 0",
    "image_shape": "the image's height and width",
    "content": "x, y, width, height of the image in the result; the rest is padding",
    "scale": "result pixels per image pixel, x and y",
    "offset": "x and y of the image's corner in the result",
    "notes": "what was lost in reading, a list of texts",
}


def parser() -> Parser:
    """The command's options."""
    parser = Parser(
        "preprocess",
        "IN... -o OUT.npy --size 224 [options]",
        "Resize, scale, normalise and reorder images in one pass into one array of (N, 3, height, width). The images "
        "of a folder or a pattern come in the order of their names.",
        (
            "fastcv preprocess photos/ -o batch.npy --size 640 --resize letterbox",
            "fastcv preprocess photos/*.jpg -o batch.npy --config preprocessor_config.json",
        ),
        FIELDS,
    )
    add = parser.add_argument
    add(
        "paths",
        nargs="+",
        metavar="IN",
        help="images to read: files, folders, patterns like 'a/*'; transparency is dropped, grey becomes RGB",
    )
    add("-o", "--output", required=True, metavar="OUT.npy", help="NumPy file to write")
    add("--force", action="store_true", help="replace an existing file")
    add(
        "--skip",
        action="store_true",
        help="leave out images that cannot be read; without it, nothing is written then",
    )
    add(
        "--size",
        type=number_or_pair("HEIGHTxWIDTH as in 240x256"),
        metavar="S",
        help="of the result: 224, or HEIGHTxWIDTH as in 240x256",
    )
    add(
        "--preset",
        choices=PRESETS,
        metavar="NAME",
        help=f"{', '.join(PRESETS)}: with --size, and nothing else",
    )
    add("--config", metavar="FILE", help="a Hugging Face preprocessor_config.json, and nothing else")
    add("--resize", default="stretch", metavar="NAME", help="stretch, letterbox, crop (default stretch)")
    add(
        "--resize-to",
        type=int,
        metavar="N",
        help="of --resize crop: what the short edge becomes before the crop",
    )
    add(
        "--interpolation",
        default="bilinear",
        metavar="NAME",
        help="nearest, nearest_exact, bilinear, bicubic, lanczos, area (default bilinear)",
    )
    add("--antialias", action="store_true", help="for bilinear, bicubic and lanczos")
    add(
        "--mean",
        type=one_a_channel,
        default=0.0,
        metavar="M",
        help="0.5, or one a channel: 0.485,0.456,0.406",
    )
    add(
        "--std", type=one_a_channel, default=1.0, metavar="S", help="0.5, or one a channel: 0.229,0.224,0.225"
    )
    add("--scale", type=float, metavar="F", help="default: 1/255 (8 bit), 1 for --dtype uint8")
    add("--bgr", action="store_true", help="reverse the channels")
    add("--layout", default="CHW", metavar="NAME", help="CHW, HWC (default CHW)")
    add("--dtype", default="float32", metavar="NAME", help="float32, float16, uint8 (default float32)")
    add(
        "--pad-value",
        type=one_a_channel,
        default=114.0,
        metavar="V",
        help="of padding, as an 8-bit pixel (default 114)",
    )
    add("--transforms", metavar="FILE", help="also write where each image lies in its result, as JSON")
    parser.add_threads()
    return parser


def run(args: argparse.Namespace, report: Report) -> int:
    """Preprocess all images into one file; the exit code."""
    pre = _plan(args)
    target = Path(args.output)
    if target.suffix != ".npy":
        raise CommandError(f"{target}: the result is a NumPy file: say OUT.npy")
    transforms = Path(args.transforms) if args.transforms else None
    _paths.check_free([path for path in (target, transforms) if path], args.force)
    _images.pillow()
    found = _paths.find(args.paths, _images.IMAGES)
    for word, why in found.lost:
        report.fail(word, why)
    count = len(found.files) + len(found.lost)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _paths.replacing(target) as file:
        batch = Batch(file, pre, report)
        batch.add_all([source for source, _ in found.files], args.skip)
        if report.failed and not args.skip:  # a batch with holes would be worse than none
            report.failures(count)
            raise CommandError("nothing was written: --skip leaves out what cannot be read", 1)
        if not batch.done:
            report.failures(count)
            raise CommandError("nothing is left to be written", 1)
        shape, dtype = batch.finish()
    if transforms:
        _write_transforms(transforms, batch.done)
    took = 1e3 * batch.seconds
    for facts in batch.done:
        shared = {"output": target, "shape": shape, "dtype": dtype, "milliseconds": took}
        report.done({name: (facts | shared)[name] for name in FIELDS})
    report.say(f"{target}: {'x'.join(map(str, shape))} {dtype}, {took / len(batch.done):.3g} ms an image")
    return report.failures()


def _plan(args: argparse.Namespace) -> fastcv.Preprocess:
    defaults = parser()
    tuned = [
        name
        for name in (
            "resize",
            "resize_to",
            "interpolation",
            "antialias",
            "mean",
            "std",
            "scale",
            "bgr",
            "layout",
            "dtype",
            "pad_value",
        )
        if getattr(args, name) != defaults.get_default(name)
    ]
    if (args.preset or args.config) and tuned:
        raise CommandError(
            f"--{tuned[0].replace('_', '-')} does not go with --preset or --config, which say it all"
        )
    if args.config and (args.size is not None or args.preset):
        raise CommandError("--config goes alone: it holds the size")
    if not args.config and args.size is None:
        raise CommandError("--size is missing")
    if args.threads is not None and (args.preset or args.config):
        if args.threads < 1:
            raise CommandError(f"--threads must be at least 1, got {args.threads}")
        fastcv.set_num_threads(args.threads)  # presets have no argument for it
    try:
        if args.config:
            return fastcv.Preprocess.from_huggingface(args.config)
        if args.preset == "yolo":
            return fastcv.Preprocess.yolo(args.size)
        if args.preset == "torchvision":
            if not isinstance(args.size, int):
                raise CommandError("--preset torchvision needs --size as one number")
            return fastcv.Preprocess.torchvision(round(args.size * 256 / 224), args.size)
        return fastcv.Preprocess(
            args.size,
            resize=args.resize,
            resize_to=args.resize_to,
            interpolation=args.interpolation,
            antialias=args.antialias,
            scale=args.scale,
            mean=args.mean,
            std=args.std,
            reverse_channels=args.bgr,
            channels=3,
            layout=args.layout,
            dtype=args.dtype,
            pad_value=args.pad_value,
            num_threads=args.threads,
        )
    except (TypeError, ValueError) as error:
        words = str(error)
        for prefix in ("Preprocess: ", "Preprocess.from_huggingface: "):
            words = words.removeprefix(prefix)
        raise CommandError(words.replace("num_threads", "--threads")) from None


def _write_transforms(path: Path, images: list[dict[str, Any]]) -> None:
    names = ("image_shape", "content", "scale", "offset")
    found = [{"image": str(facts["input"]), **{name: facts[name] for name in names}} for facts in images]
    with _paths.replacing(path) as file:
        file.write((json.dumps(found, indent=1) + "\n").encode("utf-8"))

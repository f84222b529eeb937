"""``fastcv preprocess``: image files to one model input."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv.cli import CommandError, _images, _timing
from fastcv.cli._arguments import number_or_pair

PRESETS = ("torchvision", "yolo")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="fastcv preprocess",
        usage="fastcv preprocess IN... -o OUT.npy --size 224 [options]",
        description="Resize, scale, normalise and reorder images in one pass into one array of (N, 3, height, width).",
        epilog="example: fastcv preprocess photos/*.jpg -o batch.npy --size 640 --resize letterbox\n"
        "         fastcv preprocess photos/*.jpg -o batch.npy --config preprocessor_config.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "paths",
        nargs="+",
        metavar="IN",
        help="image files to read; transparency is dropped, grey becomes RGB",
    )
    add("-o", "--output", required=True, metavar="OUT.npy", help="NumPy file to write")
    add("--force", action="store_true", help="replace an existing file")
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
    add("--mean", type=_values, default=0.0, metavar="M", help="0.5, or one a channel: 0.485,0.456,0.406")
    add("--std", type=_values, default=1.0, metavar="S", help="0.5, or one a channel: 0.229,0.224,0.225")
    add("--scale", type=float, metavar="F", help="default: 1/255 (8 bit), 1 for --dtype uint8")
    add("--bgr", action="store_true", help="reverse the channels")
    add("--layout", default="CHW", metavar="NAME", help="CHW, HWC (default CHW)")
    add("--dtype", default="float32", metavar="NAME", help="float32, float16, uint8 (default float32)")
    add(
        "--pad-value",
        type=_values,
        default=114.0,
        metavar="V",
        help="of padding, as an 8-bit pixel (default 114)",
    )
    add("--transforms", metavar="FILE", help="also write where each image lies in its result, as JSON")
    add("--threads", type=int, metavar="N", help="threads to use (default: see fastcv info)")
    return parser


def _values(text: str) -> float | tuple[float, ...]:
    """0.5, or 0.4,0.5,0.6."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, or one a channel, got {text!r}") from None
    return numbers[0] if len(numbers) == 1 else numbers


def run(args: argparse.Namespace) -> int:
    """Preprocess all images into one file; the exit code."""
    pre = _plan(args)
    target = Path(args.output)
    if target.suffix != ".npy":
        raise CommandError(f"{target}: the result is a NumPy file: say OUT.npy")
    for path in filter(None, (target, args.transforms and Path(args.transforms))):
        if path.exists() and not args.force:
            raise CommandError(f"{path} exists: say --force to replace it")
    _images.pillow()
    images, failed = [], []
    for source in args.paths:
        try:
            images.append(_pixels(_images.read(Path(source))))
        except Exception as error:  # noqa: BLE001 - all broken files are named, not only the first
            failed.append(f"{source}: {_images.reason(error)}")
    if failed:  # a batch with holes would be worse than none
        print(
            f"{len(failed)} of {len(args.paths)} cannot be read, nothing was written:",
            *failed,
            sep="\n  ",
            file=sys.stderr,
        )
        return 1
    try:
        batch = pre.batch(images)
    except ValueError as error:
        raise CommandError(str(error).removeprefix("Preprocess: "), 1) from None
    target.parent.mkdir(parents=True, exist_ok=True)
    with _images.replacing(target) as file:
        np.save(file, batch)
    if args.transforms:
        _write_transforms(Path(args.transforms), pre, args.paths, images)
    times = _timing.alternate(
        {"preprocess": lambda: pre.batch(images, batch), "copy": lambda: np.copyto(batch, batch)}
    )
    shape = "x".join(map(str, batch.shape))
    print(
        f"{target}: {shape} {batch.dtype}, {_timing.milliseconds(times, 'preprocess') / len(images):.3g} ms an image, "
        f"{_timing.ratio(times, 'preprocess', 'copy'):.2f} x the time of copying the result"
    )
    return 0


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


def _pixels(picture: _images.Picture) -> npt.NDArray[Any]:
    """As Preprocess takes them: grey, or RGB with or without alpha."""
    if picture.mode == "CMYK":
        raise ValueError("CMYK is not supported: convert it to RGB")
    if picture.mode == "LA":
        return np.ascontiguousarray(picture.pixels[..., 0])
    return picture.pixels


def _write_transforms(
    path: Path, pre: fastcv.Preprocess, names: list[str], images: list[npt.NDArray[Any]]
) -> None:
    found = []
    for name, image in zip(names, images, strict=True):
        t = pre.transform(image.shape)
        found.append(
            {
                "image": name,
                "image_shape": t.image_shape,
                "content": t.content,
                "scale": t.scale,
                "offset": t.offset,
            }
        )
    with _images.replacing(path) as file:
        file.write((json.dumps(found, indent=1) + "\n").encode("utf-8"))

"""``fastcv demo``: what the package does, on a real photo, on this machine.

Every family adds one function to FAMILIES, from a module ``_demo_<family>``. It gets the Stage (the photo, the folder,
the threads), writes its pictures through it, and returns its timing table.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np

import fastcv
from fastcv import datasets
from fastcv.cli import CommandError, _images
from fastcv.cli._demo_box_blur import box_blur
from fastcv.cli._demo_mds import mds
from fastcv.cli._demo_preprocess import preprocess
from fastcv.cli._demo_tv import denoise_tv
from fastcv.cli._stage import Pixels, Stage, Table, optional

FOLDER = "fastcv-demo"
HEADING = "# fastcv demo"  # the first line of timings.md, by which a folder is known as the demo's own


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="fastcv demo",
        usage="fastcv demo [PHOTO] [-o FOLDER] [options]",
        description="Blur, denoise and preprocess a real photo (yours, or the one that ships with fastcv), locate a swarm, write pictures "
        "and timing tables into a folder, and say where.",
        epilog="example: fastcv demo holiday.jpg -o out/",
    )
    parser.add_argument("photo", nargs="?", metavar="PHOTO", help="an image file (default: a NASA portrait)")
    parser.add_argument("-o", "--output", default=FOLDER, metavar="FOLDER", help=f"default: {FOLDER}")
    parser.add_argument(
        "--force", action="store_true", help="replace files in a folder that is not an earlier demo's"
    )
    parser.add_argument(
        "--seconds", type=float, default=1.0, metavar="S", help="to measure each row for (default 1)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads to use (default: see fastcv info)")
    return parser


def run(args: argparse.Namespace) -> int:
    """Make the pictures and the table; the exit code."""
    _images.pillow()
    stage = Stage(_photo(args.photo), Path(args.output), _threads(args.threads), args.seconds)
    _check_folder(stage.folder, args.force)
    busy = _load()
    print("Taking pictures and times; this takes a little while ...", flush=True)
    tables = [family(stage) for family in FAMILIES]
    for table in tables:
        table.notes += busy
    print()
    for table in tables:
        _print(table)
    stage.write_text("timings.txt", "\n\n".join(map(_text, tables)) + "\n\n" + "\n".join(_machine()) + "\n")
    stage.write_text("timings.md", _markdown(tables))
    print(f"\nPictures and the table are in {stage.folder.resolve()}:")
    print(*(f"  {name:18} {what}" for name, what in stage.written.items()), sep="\n")
    return 0


def _threads(asked: int | None) -> int:
    """How many threads `asked` really comes to on this machine."""
    if asked is None:
        return fastcv.get_num_threads()
    if asked < 1:
        raise CommandError(f"--threads: expected at least 1, got {asked}")
    fastcv.set_num_threads(asked)
    try:
        return fastcv.get_num_threads()
    finally:
        fastcv.set_num_threads(0)


def _photo(path: str | None) -> Pixels:
    """The user's photo as 8-bit RGB, or ours."""
    if path is None:
        return datasets.photo()
    try:
        picture = _images.read(Path(path))
    except Exception as error:  # noqa: BLE001 - whatever Pillow finds wrong with the file
        raise CommandError(f"{path}: {_images.reason(error)}", 1) from None
    if picture.pixels.dtype != np.uint8:
        raise CommandError(f"{path}: the demo wants an 8-bit photo, this one is {picture.pixels.dtype}", 1)
    image = _images.pillow().fromarray(picture.pixels, picture.mode).convert("RGB")
    return np.asarray(image)


def _check_folder(folder: Path, force: bool) -> None:
    """Makes the folder. A folder that an earlier demo wrote is refreshed; in others nothing is replaced unasked."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        first = (folder / "timings.md").read_text("utf-8") if (folder / "timings.md").exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{folder}: {_images.reason(error)}", 1) from None
    taken = [name for name in WRITES if (folder / name).exists()]
    if taken and not force and not first.startswith(HEADING):
        raise CommandError(f"{folder / taken[0]} exists: say --force to replace it")


FAMILIES: tuple[Callable[[Stage], Table], ...] = (box_blur, denoise_tv, preprocess, mds)
WRITES = (
    "before.png",
    "box_blur_8.png",
    "box_blur_31.png",
    "box_blur.png",
    "noisy.png",
    "denoise_tv.png",
    "denoise.png",
    "preprocess.png",
    "swarm.gif",
    "locate.png",
    "timings.txt",
    "timings.md",
)


# ---- tables --------------------------------------------------------------------------------


def _print(table: Table) -> None:
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table as RichTable
    except ImportError:
        print(_text(table))
        return
    drawn = RichTable(title=table.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(table.columns):
        drawn.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    for row in table.rows:
        drawn.add_row(*row)
    Console().print(drawn)
    Console().print(*table.notes, sep="\n", style="dim", highlight=False)


def _text(table: Table) -> str:
    widths = [max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in (table.columns, *table.rows)
    ]
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join([table.title, "", *lines, "", *table.notes])


def _markdown(tables: list[Table]) -> str:
    parts = [HEADING]
    for table in tables:
        lines = [f"## {table.title}", "", "| " + " | ".join(table.columns) + " |"]
        lines.append("| --- |" + " ---: |" * (len(table.columns) - 1))
        lines += ["| " + " | ".join(row) + " |" for row in table.rows]
        parts += ["\n".join(lines), " ".join(table.notes)]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in _machine())]) + "\n"


def _machine() -> list[str]:
    """What the numbers were taken on."""
    modules = {"NumPy": "numpy", "OpenCV": "cv2", "SciPy": "scipy", "Pillow": "PIL"}
    found = [(name, optional(module)) for name, module in modules.items()]
    versions = [f"{name} {module.__version__}" for name, module in found if module is not None]
    return [
        f"processor: {_processor()}, {os.cpu_count()} logical CPUs, {platform.system()} {platform.machine()}",
        ", ".join([f"fastcv {fastcv.__version__}", *versions, f"Python {platform.python_version()}"]),
    ]


def _load() -> list[str]:
    """A note when others are at work: whoever waits for a busy processor's turn looks slow."""
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return []
    if load < 0.5:
        return []
    return [
        f"The machine was busy with other work (load {load:.1f}): least to be trusted with several threads."
    ]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"

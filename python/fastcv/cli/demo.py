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

import fastcv
from fastcv.cli import CommandError, _images
from fastcv.cli._arguments import Parser, usable_threads
from fastcv.cli._demo_box_blur import box_blur
from fastcv.cli._demo_mds import mds
from fastcv.cli._demo_preprocess import preprocess
from fastcv.cli._demo_tv import denoise_tv
from fastcv.cli._images import rgb_photo
from fastcv.cli._paths import reason
from fastcv.cli._report import Report
from fastcv.cli._stage import Stage, optional
from fastcv.cli._tables import Table, as_text, machine_is_busy, show

FOLDER = "fastcv-demo"
HEADING = "# fastcv demo"  # the first line of timings.md, by which a folder is known as the demo's own


FIELDS = {
    "folder": "where everything is",
    "files": "name and what it shows",
    "machine": "what the times were taken on",
    "tables": "title, columns, rows and notes of each timing table",
}


def parser() -> Parser:
    """The command's options."""
    parser = Parser(
        "demo",
        "[PHOTO] [-o FOLDER] [options]",
        "Blur, denoise and preprocess a real photo (yours, or the one that ships with fastcv), locate a swarm, write "
        "pictures and timing tables into a folder, and say where.",
        ("fastcv demo holiday.jpg -o out/",),
        FIELDS,
    )
    parser.add_argument("photo", nargs="?", metavar="PHOTO", help="an image file (default: a NASA portrait)")
    parser.add_argument("-o", "--output", default=FOLDER, metavar="FOLDER", help=f"default: {FOLDER}")
    parser.add_argument(
        "--force", action="store_true", help="replace files in a folder that is not an earlier demo's"
    )
    parser.add_argument(
        "--seconds", type=float, default=1.0, metavar="S", help="to measure each row for (default 1)"
    )
    parser.add_threads()
    return parser


def run(args: argparse.Namespace, report: Report) -> int:
    """Make the pictures and the table; the exit code."""
    _images.pillow()
    stage = Stage(rgb_photo(args.photo), Path(args.output), usable_threads(args.threads), args.seconds)
    _check_folder(stage.folder, args.force)
    busy = machine_is_busy()
    report.say("Taking pictures and times; this takes a little while ...")
    tables = [family(stage) for family in FAMILIES]
    for table in tables:
        table.notes += busy
    if not report.as_json:
        print()
        for table in tables:
            show(table)
    stage.write_text("timings.txt", "\n\n".join(map(as_text, tables)) + "\n\n" + "\n".join(_machine()) + "\n")
    stage.write_text("timings.md", _markdown(tables))
    folder = stage.folder.resolve()
    report.say(f"\nPictures and the table are in {folder}:")
    report.say(*(f"  {name:18} {what}" for name, what in stage.written.items()))
    parts = ("title", "columns", "rows", "notes")
    shown = [{part: getattr(table, part) for part in parts} for table in tables]
    values = (folder, stage.written, _machine(), shown)
    report.done(dict(zip(FIELDS, values, strict=True)))
    return 0


def _check_folder(folder: Path, force: bool) -> None:
    """Makes the folder. A folder that an earlier demo wrote is refreshed; in others nothing is replaced unasked."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        first = (folder / "timings.md").read_text("utf-8") if (folder / "timings.md").exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{folder}: {reason(error)}", 1) from None
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


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"

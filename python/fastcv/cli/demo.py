"""``fastcv demo``: what the package does, on a real photo, on this machine.

Every family adds one function to FAMILIES. It gets the Stage (the photo, the folder, the threads), writes its
pictures through it, and returns its timing table.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv import datasets
from fastcv.cli import CommandError, _images, _timing

if TYPE_CHECKING:
    from PIL import Image as PillowImage

Pixels = npt.NDArray[Any]

FOLDER = "fastcv-demo"
HEADING = "# fastcv demo"  # the first line of timings.md, by which a folder is known as the demo's own


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(
        prog="fastcv demo",
        usage="fastcv demo [PHOTO] [-o FOLDER] [options]",
        description="Blur and denoise a real photo (yours, or the one that ships with fastcv), write before and after pictures and "
        "a timing table into a folder, and say where.",
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


@dataclass
class Table:
    """Times side by side."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]


@dataclass
class Stage:
    """What a family's demo works with."""

    photo: Pixels
    folder: Path
    threads: int
    seconds: float  # to measure one row for
    written: dict[str, str] = field(default_factory=dict)  # name -> what it shows

    def write_picture(self, name: str, image: Pixels | PillowImage.Image, what: str) -> None:
        """Save as PNG in the folder."""
        picture = _images.pillow().fromarray(image) if isinstance(image, np.ndarray) else image
        with _images.replacing(self.folder / name) as file:
            picture.save(file, format="PNG")
        self.written[name] = what

    def write_text(self, name: str, text: str) -> None:
        """Save as UTF-8 text in the folder."""
        with _images.replacing(self.folder / name) as file:
            file.write(text.encode("utf-8"))
        self.written[name] = "the timing table"

    def sizes(self) -> dict[str, Pixels]:
        """The photo as it is, and scaled to full HD: one that fits a cache, and one that does not."""
        resized = _images.pillow().fromarray(self.photo).resize((1920, 1080))
        pictures = {_size(self.photo): self.photo, "1920x1080x3": np.ascontiguousarray(resized)}
        return pictures

    def thread_counts(self) -> list[int]:
        """One, and all."""
        return sorted({1, self.threads})


# ---- box blur ------------------------------------------------------------------------------


def box_blur(stage: Stage) -> Table:
    """Before and after pictures, and fastcv beside a plain copy, OpenCV, SciPy and Pillow."""
    stage.write_picture("before.png", stage.photo, "the photo")
    panels = {"before": stage.photo}
    for ksize in (8, 31):
        after = fastcv.box_blur(stage.photo, ksize)
        stage.write_picture(f"box_blur_{ksize}.png", after, f"every pixel the mean of {ksize} x {ksize}")
        panels[f"ksize {ksize}"] = after
    stage.write_picture("box_blur.png", side_by_side(panels), "before and after, side by side")

    rows = []
    for size, image in stage.sizes().items():
        for threads in stage.thread_counts():
            for ksize in (3, 8, 31):
                rows.append([size, str(threads), str(ksize), *_box_blur_row(stage, image, ksize, threads)])
    missing = [name for name in PEERS if PEERS[name](stage.photo, 3) is None]
    return Table(
        "box blur: fastcv beside the others (8-bit RGB)",
        ["image", "threads", "ksize", "ms", "of a copy", *PEERS],
        rows,
        [
            "ms: fastcv's time. of a copy: the same as a multiple of a plain copy (numpy.copyto, one thread).",
            "OpenCV, SciPy, Pillow: the time of cv2.blur, uniform_filter and BoxBlur as a",
            "multiple of fastcv's. Medians of runs that took turns. OpenCV may use as many",
            "threads as the row says; SciPy and Pillow have only one.",
            *(f"{name} is not installed: nothing to compare with." for name in missing),
        ],
    )


def _box_blur_row(stage: Stage, image: Pixels, ksize: int, threads: int) -> list[str]:
    out, copy = np.empty_like(image), np.empty_like(image)
    jobs: dict[str, Callable[[], object]] = {
        "fastcv": lambda: fastcv.box_blur(image, ksize, out=out, num_threads=threads),
        "copy": lambda: np.copyto(copy, image),
    }
    for name, peer in PEERS.items():
        if (job := peer(image, ksize)) is not None:
            jobs[name] = job
    with _opencv_threads(threads):
        times = _timing.alternate(jobs, stage.seconds, least=5)
    return [
        f"{_timing.milliseconds(times, 'fastcv'):.3g}",
        _times(_timing.ratio(times, "fastcv", "copy")),
        *(_times(_timing.ratio(times, name, "fastcv")) if name in times else "-" for name in PEERS),
    ]


def _opencv(image: Pixels, ksize: int) -> Callable[[], object] | None:
    cv2 = _optional("cv2")
    out = np.empty_like(image)
    return cv2 and (lambda: cv2.blur(image, (ksize, ksize), dst=out))


def _scipy(image: Pixels, ksize: int) -> Callable[[], object] | None:
    ndimage = _optional("scipy.ndimage")
    out = np.empty_like(image)
    return ndimage and (lambda: ndimage.uniform_filter(image, (ksize, ksize, 1), output=out, mode="mirror"))


def _pillow(image: Pixels, ksize: int) -> Callable[[], object] | None:
    picture = _images.pillow().fromarray(image)
    blur = importlib.import_module("PIL.ImageFilter").BoxBlur((ksize - 1) / 2)
    return lambda: picture.filter(blur)


PEERS: dict[str, Callable[[Pixels, int], Callable[[], object] | None]] = {
    "OpenCV": _opencv,
    "SciPy": _scipy,
    "Pillow": _pillow,
}


@contextmanager
def _opencv_threads(threads: int) -> Iterator[None]:
    cv2 = _optional("cv2")
    if cv2 is None:
        yield
        return
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


# ---- total variation -----------------------------------------------------------------------


def denoise_tv(stage: Stage) -> Table:
    """Noise added and taken away again, and fastcv beside scikit-image."""
    noise = np.random.default_rng(0).normal(0, 25, stage.photo.shape)
    noisy = np.clip(np.rint(stage.photo + noise), 0, 255).astype(np.uint8)
    clean = fastcv.denoise_tv(noisy, sigma=0.1, channels="joint", return_info=True)[0]
    stage.write_picture("noisy.png", noisy, "the photo with noise of 25 levels")
    stage.write_picture("denoise_tv.png", clean, "and without it: denoise_tv, sigma=0.1, channels joint")
    stage.write_picture(
        "denoise.png", side_by_side({"noisy": noisy, "denoise_tv": clean}), "noisy and clean, side by side"
    )

    grey = np.ascontiguousarray(noisy.mean(axis=-1, dtype=np.float32) / 255)
    skimage = _optional("skimage.restoration")
    rows = []
    for threads in stage.thread_counts():
        for weight in (0.05, 0.1, 0.2):
            info = fastcv.denoise_tv(grey, weight, num_threads=threads, return_info=True)[1]
            jobs: dict[str, Callable[[], object]] = {
                "fastcv": partial(fastcv.denoise_tv, grey, weight, num_threads=threads)
            }
            if skimage is not None:
                jobs["scikit-image"] = partial(skimage.denoise_tv_chambolle, grey, weight)
            times = _timing.alternate(jobs, stage.seconds, least=3)
            rows.append(
                [
                    _size(stage.photo[..., :1]),
                    str(threads),
                    str(weight),
                    f"{_timing.milliseconds(times, 'fastcv'):.3g}",
                    str(info.iterations),
                    f"{info.relative_gap:.1e}",
                    _times(_timing.ratio(times, "scikit-image", "fastcv")) if skimage is not None else "-",
                ]
            )
    return Table(
        "total variation: fastcv beside scikit-image (grey, float32)",
        ["image", "threads", "weight", "ms", "iterations", "relative gap", "scikit-image"],
        rows,
        [
            "relative gap: the result's objective is proven to be within this share of the optimum.",
            "scikit-image: the time of denoise_tv_chambolle with its default stop, as a multiple of",
            "fastcv's. It stops farther from the optimum: by 1e-3 to 1e-1.",
        ],
    )


# ---- preprocess ----------------------------------------------------------------------------

FACE = (157, 60, 292, 200)  # corners of a box in our photo
MODEL_SIDE = 640


def preprocess(stage: Stage) -> Table:
    """The letterboxed photo with a box mapped there and back, and fastcv beside OpenCV."""
    stage.write_picture(
        "preprocess.png", letterboxed(stage.photo), "a model's input, boxes mapped to it and back"
    )
    rows = []
    for size, image in stage.sizes().items():
        for name, options in PREPROCESS_JOBS.items():
            for threads in stage.thread_counts():
                rows.append([size, name, str(threads), *_preprocess_row(stage, image, options, threads)])
    missing = _optional("cv2") is None
    return Table(
        f"preprocess: 8-bit RGB to float32 {MODEL_SIDE} x {MODEL_SIDE}, mean and std, channels first",
        ["image", "how", "threads", "ms", "of a fill", "blobFromImage", "resize + NumPy"],
        rows,
        [
            "ms: fastcv's time. of a fill: the same as a multiple of filling the result with a constant.",
            "blobFromImage (stretched, no std), resize + NumPy: their times as a multiple of fastcv's.",
            *(["OpenCV is not installed: nothing to compare with."] if missing else []),
        ],
    )


PREPROCESS_JOBS: dict[str, dict[str, Any]] = {
    "stretch": {},
    "letterbox": {"resize": "letterbox"},
    "antialias": {"antialias": True},
}


def _preprocess_row(stage: Stage, image: Pixels, options: dict[str, Any], threads: int) -> list[str]:
    mean, std = (np.array(v, np.float32) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    pre = fastcv.Preprocess(MODEL_SIDE, mean=mean, std=std, num_threads=threads, **options)
    out = np.empty((3, MODEL_SIDE, MODEL_SIDE), np.float32)
    fill = np.empty_like(out)
    jobs: dict[str, Callable[[], object]] = {
        "fastcv": lambda: pre(image, None, out),
        "fill": lambda: fill.fill(1),
    }
    cv2, side = _optional("cv2"), (MODEL_SIDE, MODEL_SIDE)
    if cv2 is not None:
        jobs["blob"] = lambda: cv2.dnn.blobFromImage(image, 1 / 255, side, (124, 116, 104))
        jobs["numpy"] = lambda: np.ascontiguousarray(
            ((cv2.resize(image, side).astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1)
        )
    with _opencv_threads(threads):
        times = _timing.alternate(jobs, stage.seconds, least=5)
    return [
        f"{_timing.milliseconds(times, 'fastcv'):.3g}",
        _times(_timing.ratio(times, "fastcv", "fill")),
        *(
            _times(_timing.ratio(times, name, "fastcv")) if name in times else "-"
            for name in ("blob", "numpy")
        ),
    ]


def letterboxed(photo: Pixels) -> PillowImage.Image:
    """A photo, its letterbox, and one box drawn in both: mapped to the model's input and back."""
    image, draw = _images.pillow(), importlib.import_module("PIL.ImageDraw")
    wide = np.ascontiguousarray(photo[: photo.shape[0] * 5 // 8])
    pre = fastcv.Preprocess(448, resize="letterbox", layout="HWC", dtype="uint8", channels=3)
    transform = pre.transform(wide.shape)
    box = np.array(FACE) * (photo.shape[1] / 512)
    there = transform.map_boxes(box)
    back = transform.unmap_boxes(there, clip=True)
    panels = {
        "the model's input, a box found there": (pre(wide), there),
        "the box in the photo": (wide, back),
    }
    drawn = {}
    for name, (pixels, corners) in panels.items():
        panel = image.fromarray(pixels)
        draw.Draw(panel).rectangle([round(v) for v in corners.tolist()], outline="#ffd400", width=3)
        drawn[name] = np.asarray(panel)
    return side_by_side(drawn)


FAMILIES: tuple[Callable[[Stage], Table], ...] = (box_blur, denoise_tv, preprocess)
WRITES = (
    "before.png",
    "box_blur_8.png",
    "box_blur_31.png",
    "box_blur.png",
    "noisy.png",
    "denoise_tv.png",
    "denoise.png",
    "preprocess.png",
    "timings.txt",
    "timings.md",
)


# ---- pictures ------------------------------------------------------------------------------


def side_by_side(panels: dict[str, Pixels], side: int = 512) -> PillowImage.Image:
    """The panels in one labelled row; of large photos the middle, pixel by pixel, because scaling would hide a blur."""
    image = _images.pillow()
    draw = importlib.import_module("PIL.ImageDraw")
    font = importlib.import_module("PIL.ImageFont").load_default(size=26)
    gap, label = 16, 52
    cut = {name: _middle(pixels, side) for name, pixels in panels.items()}
    height = max(pixels.shape[0] for pixels in cut.values())
    width = sum(pixels.shape[1] + gap for pixels in cut.values()) + gap
    canvas: PillowImage.Image = image.new("RGB", (width, label + height + gap), "white")
    pen, x = draw.Draw(canvas), gap
    for name, pixels in cut.items():
        canvas.paste(image.fromarray(pixels), (x, label))
        pen.text((x + pixels.shape[1] / 2, label / 2), name, fill="#222222", font=font, anchor="mm")
        x += pixels.shape[1] + gap
    return canvas


def _middle(pixels: Pixels, side: int) -> Pixels:
    y, x = (max(0, (length - side) // 2) for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[y : y + side, x : x + side])


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
    found = [(name, _optional(module)) for name, module in modules.items()]
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


def _times(ratio: float) -> str:
    return f"{ratio:.{0 if ratio >= 20 else 1 if ratio >= 5 else 2}f} x"


def _size(image: Pixels) -> str:
    height, width, channels = image.shape
    return f"{width}x{height}x{channels}"


def _optional(name: str) -> Any:
    """The module, or None when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None

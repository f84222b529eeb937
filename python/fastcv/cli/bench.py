"""``fastcv bench``: fastcv beside what else is installed, on this machine and one's own image."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import fastcv
from fastcv._bench import machine, own_image, workers
from fastcv._bench.harness import OURS
from fastcv._bench.results import Spread
from fastcv.cli import CommandError, _bench_picture, _images, _paths
from fastcv.cli._arguments import Parser, usable_threads
from fastcv.cli._bench_picture import label
from fastcv.cli._progress import bar
from fastcv.cli._report import Report
from fastcv.cli._stage import times_text
from fastcv.cli._tables import Table, machine_is_busy, show

PICTURE = "fastcv-bench.png"
EXPLAINED = (
    "x: as a multiple of fastcv's time; above 1, fastcv is faster. Medians of runs that took turns.",
    "One thread: everybody on one processor. Some have only one anyway.",
    "differs: largest difference from fastcv's result for the same border, in units of the result.",
)

FIELDS = {
    "image": "the image's file, or null: the photo that comes along",
    "width": "in pixels, upright",
    "height": "in pixels",
    "machine": "processor, caches, system, and the version of each library",
    "jobs": "job, threads, programs, left_out (program: why); of each program: name, milliseconds, low, high "
    "(quartiles), times_fastcv, difference (largest, from fastcv's result; null: not comparable), note",
    "not_installed": "libraries that could have taken part",
    "picture": "the picture, or null",
}


def parser() -> Parser:
    """The command's options."""
    parser = Parser(
        "bench",
        "[IMAGE] [-o OUT.png] [options]",
        "Measure fastcv beside the other libraries that are installed, on your machine and your image: all take turns in "
        "one process, on one thread and then on all. A table in the terminal, and a picture.",
        ("fastcv bench holiday.jpg -o bench.png",),
        FIELDS,
    )
    parser.add_argument(
        "image", nargs="?", metavar="IMAGE", help="an 8-bit image file (default: a NASA portrait)"
    )
    parser.add_argument("-o", "--output", metavar="OUT.png", help=f"default: {PICTURE}")
    parser.add_argument("--force", action="store_true", help="replace an existing file that OUT names")
    parser.add_argument(
        "--seconds", type=float, default=0.3, metavar="S", help="for each program at each job (default 0.3)"
    )
    parser.add_threads()
    return parser


def run(args: argparse.Namespace, report: Report) -> int:
    """Measure, print the table, draw the picture; the exit code."""
    if not args.seconds >= 0:
        raise CommandError(f"--seconds must be at least 0, got {args.seconds}")
    threads = sorted({1, usable_threads(args.threads)})
    picture = _picture_path(args)
    image = _images.rgb_photo(args.image)
    busy = machine_is_busy()
    report.say("Everybody takes turns; this takes a few minutes ...")
    cases, missing = _measured(image, threads, args.seconds)
    facts = machine.describe()
    table = _table(args.image, image, threads, cases, [*_notes(cases, missing, facts), *busy])
    if not report.as_json:
        print()
        show(table)
    if picture:
        with _paths.replacing(picture) as file:
            _bench_picture.draw(file, table.title, cases, threads, _machine_line(facts), missing)
        report.say(f"\nThe picture is {picture}")
    height, width = image.shape[:2]
    jobs = [_job(case) for case in cases]
    values = (args.image, width, height, facts, jobs, missing, picture)
    report.done(dict(zip(FIELDS, values, strict=True)))
    for case in cases:
        if OURS in case["skipped"]:
            report.fail(case["row"], case["skipped"][OURS])
    return report.failures()


def _picture_path(args: argparse.Namespace) -> Path | None:
    """Where the picture goes; None where Matplotlib is missing and no picture was named."""
    path = Path(args.output or PICTURE)
    if path.suffix.lower() != ".png":
        raise CommandError(f"{path}: the picture is a .png file")
    if args.output:  # our own default name may be replaced by the next run
        _paths.check_free([path], args.force)
    if not _bench_picture.available():
        if args.output:
            raise CommandError('the picture needs Matplotlib: pip install "fastcv-cpu[cli]"', 1)
        print('no picture: Matplotlib is not installed (pip install "fastcv-cpu[cli]")', file=sys.stderr)
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


# ---- measuring -----------------------------------------------------------------------------


def _measured(
    image: np.ndarray, threads: list[int], seconds: float
) -> tuple[list[dict[str, Any]], list[str]]:
    """All jobs with each number of threads, measured in a process of their own; and which libraries are missing."""
    cases: list[dict[str, Any]] = []
    missing: list[str] = []
    jobs = len(own_image.cases(image[:1, :1], 1))
    with tempfile.TemporaryDirectory() as name, bar([1] * jobs * len(threads), "jobs") as advance:
        folder = Path(name)
        np.save(folder / "image.npy", image)
        for count in threads:
            _work(folder, count, seconds, advance)
            found = json.loads((folder / "results.json").read_text("utf-8"))
            cases += found["cases"]
            missing = found["missing"]
    return cases, missing


def _work(folder: Path, threads: int, seconds: float, advance: Callable[[], None]) -> None:
    command = [sys.executable, "-m", "fastcv._bench.own_image"]
    command += [str(folder / "image.npy"), str(folder / "results.json"), str(threads), str(seconds)]
    environment = workers.environment(threads)
    # This fastcv, wherever it was found; other libraries as the user has them.
    package = str(Path(fastcv.__file__).parent.parent)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [environment.get("PYTHONPATH"), package]))
    with (
        open(folder / "complaints.txt", "w+b") as complaints,
        _ended(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=complaints, text=True)
        ) as process,
    ):
        assert process.stdout is not None
        for _ in process.stdout:
            advance()
        if process.wait():
            complaints.seek(0)
            lines = complaints.read().decode(errors="replace").strip().splitlines() or ["no word of why"]
            raise CommandError(f"measuring with {threads} threads failed: {lines[-1]}", 1)


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that does not outlive the block, however it ends."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


# ---- the table -----------------------------------------------------------------------------


def milliseconds(record: dict[str, Any]) -> float:
    """A program's median."""
    return 1e3 * Spread.of(record["seconds"]).median


def _by_name(case: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {record["name"]: record for record in case["contestants"]}


def _table(
    path: str | None, image: np.ndarray, threads: list[int], cases: list[dict[str, Any]], notes: list[str]
) -> Table:
    """A heading for each job, below it everybody, the fastest first."""
    rows: list[list[str]] = []
    bold: set[int] = set()
    for job in dict.fromkeys(case["row"] for case in cases):
        rows.append([job, *[""] * (2 * len(threads) + 1)])
        columns = [_by_name(case) for case in cases if case["row"] == job]
        names = dict.fromkeys(name for column in columns for name in column)
        for name in sorted(names, key=lambda name: [milliseconds(c[name]) for c in columns if name in c][:1]):
            if name == OURS:
                bold.add(len(rows))
            rows.append([f"  {label(name)}", *_cells(name, columns)])
    height, width = image.shape[:2]
    title = (
        f"fastcv bench: {Path(path).name if path else 'the photo that comes along'}, {width} x {height} RGB"
    )
    heads = [f"{n} thread{'s' * (n > 1)}" for n in threads]
    return Table(title, ["", *(head for h in heads for head in (h, "x")), "differs"], rows, notes, bold)


def _cells(name: str, columns: list[dict[str, dict[str, Any]]]) -> list[str]:
    cells = []
    for column in columns:
        if name not in column:
            cells += ["-", "-"]
            continue
        took = milliseconds(column[name])
        ours = column.get(OURS)
        cells += [f"{took:.3g} ms", times_text(took / milliseconds(ours)) if ours else "-"]
    difference = next((column[name]["difference"] for column in columns if name in column), None)
    return [*cells, "" if difference is None else f"{difference:.2g}"]


def _notes(cases: list[dict[str, Any]], missing: list[str], facts: dict[str, Any]) -> list[str]:
    remarks: dict[str, dict[str, None]] = {}  # by program, each once
    for case in cases:
        for record in case["contestants"]:
            if record["note"]:
                remarks.setdefault(label(record["name"]), {})[record["note"]] = None
        for name, why in case["skipped"].items():
            if why != "not installed":
                remarks.setdefault(name, {})[why] = None
    notes = [
        *EXPLAINED,
        *(f"{name}: {'; '.join(texts)}" for name, texts in remarks.items()),
        f"Not installed: {', '.join(missing)}." if missing else "Everybody was installed.",
        _machine_line(facts),
    ]
    return [line for note in notes for line in textwrap.wrap(note, 80, subsequent_indent="  ")]


def _machine_line(facts: dict[str, Any]) -> str:
    versions = [f"{name} {v}" for name, v in facts["versions"].items() if v != "not installed"]
    return f"{facts['cpu']}, {facts['system']}; fastcv {fastcv.__version__}, {', '.join(versions)}"


def _job(case: dict[str, Any]) -> dict[str, Any]:
    """A case as it stands in the JSON document."""
    ours = _by_name(case).get(OURS)
    programs = []
    for record in case["contestants"]:
        spread = Spread.of(record["seconds"])
        programs.append(
            {
                "name": record["name"],
                "milliseconds": 1e3 * spread.median,
                "low": 1e3 * spread.low,
                "high": 1e3 * spread.high,
                "times_fastcv": 1e3 * spread.median / milliseconds(ours) if ours else None,
                "difference": record["difference"],
                "note": record["note"],
            }
        )
    return {
        "job": case["row"],
        "threads": case["threads"],
        "programs": programs,
        "left_out": case["skipped"],
    }

"""The picture of ``fastcv bench``: bars, as multiples of fastcv's time."""

from __future__ import annotations

import importlib.util
import textwrap
from typing import Any

from fastcv._bench.harness import OURS
from fastcv._bench.results import Spread
from fastcv.cli._stage import times_text

OURS_COLOUR, FLOOR_COLOUR, PEER_COLOUR = "#c1121f", "#b9c0c8", "#1f5fa8"
FLOORS = {"np.copyto": "a plain copy", "fill": "filling the result"}


def label(name: str) -> str:
    """A program's name for people."""
    return FLOORS.get(name, name)


def available() -> bool:
    """Whether Matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(
    file: Any, title: str, cases: list[dict[str, Any]], threads: list[int], machine: str, missing: list[str]
) -> None:
    """Write the PNG: a column of bars for each number of threads, everybody's time over ours."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = _lines(cases)
    height = 1.6 + 0.21 * len(lines)
    figure = Figure(figsize=(4.6 + 4.4 * len(threads), height), dpi=110)
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(1, len(threads), sharey=True, sharex=True, squeeze=False)[0]
    for axes, count in zip(all_axes, threads, strict=True):
        _bars(axes, lines, {case["row"]: case for case in cases if case["threads"] == count})
        axes.set_title(f"{count} thread{'s' * (count > 1)}", fontsize=10)
    all_axes[0].set_yticks(range(len(lines)), [label(name) for _, name in lines], fontsize=8)
    all_axes[0].set_ylim(len(lines) - 0.4, -0.8)
    for text, (_, name) in zip(all_axes[0].get_yticklabels(), lines, strict=True):
        text.set_color(OURS_COLOUR if name == OURS else "#222222")
        text.set_fontweight("bold" if name == OURS else "normal")
    for job, y in [(job, y) for y, (job, name) in enumerate(lines) if not name]:
        place = all_axes[0].get_yaxis_transform()
        all_axes[0].text(0.0, y + 0.3, job, transform=place, fontsize=8.5, fontweight="bold")
    figure.suptitle(
        f"{title}\ntime as a multiple of fastcv's: longer is slower", fontsize=11, y=1 - 0.12 / height
    )
    absent = f"Not installed: {', '.join(missing)}." if missing else "Everybody was installed."
    words = "\n".join(textwrap.fill(text, 60 * (1 + len(threads))) for text in (machine, absent))
    figure.text(0.02, 0.1 / height, words, fontsize=7, color="#555555", va="bottom")
    figure.subplots_adjust(
        left=2.3 / (4.6 + 4.4 * len(threads)),
        right=0.97,
        top=1 - 0.85 / height,
        bottom=0.8 / height,
        wspace=0.08,
    )
    figure.savefig(file, format="png")


def _lines(cases: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(job, program) of each bar; a heading has no program's bar, and its job's name."""
    lines = []
    for job in dict.fromkeys(case["row"] for case in cases):
        lines.append((job, ""))
        of_job = [case for case in cases if case["row"] == job]
        names = dict.fromkeys(record["name"] for case in of_job for record in case["contestants"])
        first = {record["name"]: Spread.of(record["seconds"]).median for record in of_job[0]["contestants"]}
        lines += [(job, name) for name in sorted(names, key=lambda name: first.get(name, 0))]
    return lines


def _bars(axes: Any, lines: list[tuple[str, str]], cases: dict[str, dict[str, Any]]) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for y, (job, name) in enumerate(lines):
        records = cases[job]["contestants"] if job in cases else []
        times = {record["name"]: Spread.of(record["seconds"]).median for record in records}
        if name not in times or OURS not in times:
            continue
        ratio = times[name] / times[OURS]
        colour = OURS_COLOUR if name == OURS else FLOOR_COLOUR if name in FLOORS else PEER_COLOUR
        axes.plot([1, ratio], [y, y], color=colour, linewidth=7, solid_capstyle="butt")
        axes.plot([ratio], [y], color=colour, marker="o", markersize=4)
        text = f"{1e3 * times[name]:.3g} ms" if name == OURS else times_text(ratio)
        axes.annotate(text, (max(ratio, 1), y), (6, 0), textcoords="offset points", va="center", fontsize=7.5)
    axes.axvline(1, color=OURS_COLOUR, linewidth=1)
    axes.grid(True, axis="x", alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.margins(x=0.2)

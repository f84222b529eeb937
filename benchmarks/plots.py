"""Log-log plots of medians, with the copy as the floor; and the bars that stand in front of all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from fastcv._bench.harness import COPY, OURS
from fastcv._bench.results import Spread, ratio

COLOURS = ("#c1121f", "#8d99ae", "#1d3557", "#2a9d8f", "#e9a03b", "#7b5ea7", "#577590", "#90be6d")


def points(results: dict, family: ModuleType, key: str) -> dict[str, list[tuple[float, Spread]]]:
    """Return series: [(x, spread of seconds)] of one plot, sorted by x."""
    series: dict[str, list[tuple[float, Spread]]] = {}
    for case in results["cases"]:
        for record in case["contestants"]:
            plot, name, x = record["point"] or ("", "", 0)
            if case["name"].startswith(family.NAME + "/") and plot == key:
                series.setdefault(name, []).append((x, Spread.of(record["seconds"])))
    return {name: sorted(found, key=lambda p: p[0]) for name, found in series.items()}


def _style(name: str, index: int) -> dict:
    if name == OURS:
        return {"color": COLOURS[0], "linewidth": 2.4, "zorder": 5}
    if name == COPY:
        return {"color": COLOURS[1], "linewidth": 1.6, "linestyle": "--"}
    return {"color": COLOURS[2 + index % (len(COLOURS) - 2)], "linewidth": 1.4}


def _draw_one(series: dict, title: str, label: str, file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import ScalarFormatter

    figure, axes = pyplot.subplots(figsize=(7.2, 4.6), dpi=110, layout="constrained")
    for index, (name, found) in enumerate(series.items()):
        style = _style(name, index)
        if len(found) == 1:  # the floor under a sweep
            axes.axhline(found[0][1].median * 1e3, label=name, **style)
            continue
        x = [p[0] for p in found]
        axes.plot(
            x,
            [p[1].median * 1e3 for p in found],
            label=name,
            marker="o" if len(x) < 30 else "",
            markersize=3.5,
            **style,
        )
        axes.fill_between(
            x,
            [p[1].low * 1e3 for p in found],
            [p[1].high * 1e3 for p in found],
            color=style["color"],
            alpha=0.15,
            lw=0,
        )
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="milliseconds", title=title)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    ticks = sorted({p[0] for found in series.values() if 1 < len(found) < 30 for p in found})
    if ticks:
        axes.set_xticks(ticks)
        axes.minorticks_off()
    axes.grid(True, alpha=0.3, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(file)
    pyplot.close(figure)


def draw(results: dict, family: ModuleType, folder: Path) -> list[Path]:
    """Draw every plot of the family that has points; return the files."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        print("matplotlib is not installed: no plots")
        return []
    files = []
    for key, (name, title, label) in family.PLOTS.items():
        series = points(results, family, key)
        if series:
            _draw_one(series, title, label, folder / name)
            files.append(folder / name)
    return files


def headline(results: dict, families: Sequence[ModuleType]) -> list[tuple[str, str, float]]:
    """Return (job, beside whom, times faster) of what the families name in HEADLINE and this run measured."""
    cases = {case["name"]: case for case in results["cases"]}
    bars = []
    for family in families:
        for name, peer, job, whom in getattr(family, "HEADLINE", ()):
            times = ratio(cases[name], peer, OURS) if name in cases else math.nan
            if not math.isnan(times):
                bars.append((job, whom, times))
    return bars


def draw_headline(results: dict, families: Sequence[ModuleType], folder: Path) -> list[Path]:
    """Draw how many times faster than its peers each family is, as bars; return the file."""
    bars = headline(results, families)
    try:
        import matplotlib
    except ImportError:
        return []
    if not bars:
        return []
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.8, 0.4 * len(bars) + 0.6), dpi=150, layout="constrained")
    places = range(len(bars), 0, -1)
    axes.barh(places, [times for _, _, times in bars], height=0.62, color=COLOURS[0])
    for place, (_, whom, times) in zip(places, bars, strict=True):
        shown = f"{times:.0f}" if times >= 20 else f"{times:.1f}"
        axes.text(times * 1.06, place, f"{shown} x {whom}", va="center", fontsize=12)
    axes.set_yticks(places, [job for job, _, _ in bars], fontsize=12)
    axes.set(xscale="log", xlim=(1, 60 * max(times for _, _, times in bars)))
    axes.set_title("times faster, on one thread (logarithmic)", fontsize=12, loc="left")
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_visible(False)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    figure.savefig(folder / "speed.png")
    pyplot.close(figure)
    return [folder / "speed.png"]

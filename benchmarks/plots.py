"""Log-log plots of medians, with the copy as the floor."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from fastcv._bench.harness import COPY, OURS
from fastcv._bench.results import Spread

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

"""Pictures of points: still, and on their way."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import fastcv
from fastcv.cli import CommandError, _images

if TYPE_CHECKING:
    from PIL import Image as PillowImage

Points = npt.NDArray[np.floating[Any]]
INK, GREY, RED = "#1f5fa8", "#b9c0c8", "#c0392b"


def available() -> bool:
    """Whether Matplotlib and Pillow are installed."""
    return all(importlib.util.find_spec(name) for name in ("matplotlib", "PIL"))


class Swarm:
    """A scatter plot in two or three dimensions, whose points can be moved."""

    def __init__(self, limits: Points, title: str) -> None:
        """`limits`: points whose extent the axes show."""
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            raise CommandError('pictures need Matplotlib: pip install "fastcv-cpu[cli]"', 1) from None
        figure = Figure(figsize=(5.2, 5.2), dpi=100, layout="constrained")
        self.canvas: Any = FigureCanvasAgg(figure)
        self.space = limits.shape[1] >= 3
        self.axes: Any = figure.add_subplot(projection="3d" if self.space else None)
        self.axes.set_title(title, fontsize=11)
        middle = (limits.min(axis=0) + limits.max(axis=0)) / 2
        reach = 0.55 * float(np.ptp(limits, axis=0).max() or 1)
        for axis, centre in zip("xyz", middle[:3], strict=False):
            getattr(self.axes, f"set_{axis}lim")(centre - reach, centre + reach)
        self.axes.set_aspect("equal")
        if limits.shape[1] == 1:
            self.axes.set_yticks([])
            self.axes.set_ylim(-reach, reach)

    def add(self, points: Points, label: str, colour: str = INK, marker: str = "o", size: float = 14) -> Any:
        """Draw points; what is returned can be given to `move`."""
        drawn = self.axes.scatter(*self._columns(points), s=size, c=colour, marker=marker, label=label)
        return drawn

    def join(self, points: Points, pairs: Sequence[tuple[int, int]]) -> None:
        """Draw a thin line between the points of each pair."""
        lines = [np.stack(self._columns(points[[i, j]]), axis=1) for i, j in pairs]
        style: dict[str, Any] = {"colors": GREY, "linewidths": 0.4, "zorder": 0}
        if self.space:
            from mpl_toolkits.mplot3d.art3d import Line3DCollection

            self.axes.add_collection3d(Line3DCollection(lines, **style))
        else:
            from matplotlib.collections import LineCollection

            self.axes.add_collection(LineCollection(lines, **style))

    def move(self, drawn: Any, points: Points) -> None:
        """Put points elsewhere."""
        columns = self._columns(points)
        if self.space:
            drawn._offsets3d = columns  # Matplotlib has no public way
        else:
            drawn.set_offsets(np.stack(columns, axis=1))

    def picture(self, caption: str = "") -> PillowImage.Image:
        """What it looks like now."""
        self.canvas.figure.supxlabel(caption, fontsize=10)
        if self.axes.get_legend_handles_labels()[1]:
            self.axes.legend(loc="upper right", fontsize=8, framealpha=0.9)
        self.canvas.draw()
        pixels = np.asarray(self.canvas.buffer_rgba())
        picture: PillowImage.Image = _images.pillow().fromarray(pixels).convert("RGB")
        return picture

    def _columns(self, points: Points) -> tuple[Points, ...]:
        if points.shape[1] == 1:
            return points[:, 0], np.zeros(len(points))
        return tuple(points[:, i] for i in range(3 if self.space else 2))


def convergence(points: Points, title: str, frames: int = 48, seed: int = 0) -> list[PillowImage.Image]:
    """Gradient descent from a random start to the distances between `points`, as pictures."""
    spread = float(points.std() or 1)
    start = np.random.default_rng(seed).normal(0, spread, points.shape)
    distances = fastcv.pairwise_distances(points)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fastcv.ConvergenceWarning)
        history = fastcv.gradient_descent(start, distances, num_iterations=400, history=1)[1]
    # Most happens first: frames are spread over the logarithm of the step.
    chosen = np.unique(np.rint(np.geomspace(1, len(history.positions), frames)).astype(int)) - 1
    # Turned and mirrored as `points` are: the eye should see the swarm converge, not spin.
    last = fastcv.procrustes(history.positions[-1], points)
    moved = [last.apply(history.positions[i]) for i in chosen]
    swarm = Swarm(np.concatenate([points, *moved[len(moved) // 4 :]]), title)
    swarm.add(points, "where they belong", RED, "+", 40)
    drawn = swarm.add(moved[0], "swarm")
    pictures = []
    for i, frame in zip(chosen, moved, strict=True):
        swarm.move(drawn, frame)
        pictures.append(swarm.picture(f"gradient descent, step {i}, loss {history.loss[i]:.1e}"))
    return pictures


def write_animation(file: Any, frames: Sequence[PillowImage.Image], seconds: float = 4) -> None:
    """A GIF that runs for so long, rests on its last frame, and begins again."""
    colours = [frame.quantize(48) for frame in frames]
    each = max(20, round(1000 * seconds / len(colours) / 10) * 10)  # GIF counts hundredths of a second
    colours[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=colours[1:],
        duration=[each] * (len(colours) - 1) + [1500],
        loop=0,
    )

"""Makes the pictures in docs/images: ``python docs/pictures.py`` (needs fastcv-cpu[cli])."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import fastcv
from fastcv.cli._demo_preprocess import FACE, letterboxed
from fastcv.cli._stage import side_by_side
from fastcv.cli._swarm import GREY, RED, Swarm

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    photo = fastcv.datasets.photo()
    at_a_glance(photo).save(IMAGES / "fastcv.jpg", quality=88, optimize=True, progressive=True)
    before_after(photo).save(IMAGES / "box_blur.jpg", quality=82, optimize=True, progressive=True)
    borders(photo).save(IMAGES / "box_blur_borders.png", optimize=True)
    alpha(photo).save(IMAGES / "box_blur_alpha.jpg", quality=85, optimize=True, progressive=True)
    denoised(photo).save(IMAGES / "tv.jpg", quality=85, optimize=True, progressive=True)
    letterboxed(photo).save(IMAGES / "preprocess.jpg", quality=85, optimize=True, progressive=True)
    swarms().save(IMAGES / "mds.png", optimize=True)


def at_a_glance(photo: np.ndarray) -> Image.Image:
    """The four jobs: before on the left half, after on the right."""
    side = 420
    face = photo[10 : 10 + side, 60 : 60 + side]
    noisy = with_noise(photo)
    clean = fastcv.denoise_tv(noisy, sigma=25 / 255, channels="joint")
    model = fastcv.Preprocess(side, resize="letterbox", layout="HWC", dtype="uint8", channels=3)
    wide = photo[:320]
    box = model.transform(wide.shape).map_boxes(np.array(FACE))
    given = Image.fromarray(model(wide))
    ImageDraw.Draw(given).rectangle([round(v) for v in box.tolist()], outline="#ffd400", width=4)
    found = Image.fromarray(np.asarray(network(0.02, "", 0.3).resize((side, side), Image.Resampling.LANCZOS)))
    panels = {
        "blur": halves(face, fastcv.box_blur(face, 21)),
        "remove noise": halves(noisy[10 : 10 + side, 60 : 60 + side], clean[10 : 10 + side, 60 : 60 + side]),
        "feed a model": np.asarray(given),
        "points from distances": np.asarray(found),
    }
    return side_by_side(panels)


def halves(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The left half of one, the right half of the other, and a line between."""
    middle = before.shape[1] // 2
    both = np.concatenate([before[:, :middle], after[:, middle:]], axis=1)
    both[:, middle - 1 : middle + 1] = 255
    return both


def before_after(photo: np.ndarray) -> Image.Image:
    """The demo's picture, smaller."""
    panels = {"before": photo, "ksize 8": fastcv.box_blur(photo, 8), "ksize 31": fastcv.box_blur(photo, 31)}
    picture = side_by_side(panels)
    return picture.resize((1200, round(picture.height * 1200 / picture.width)), Image.Resampling.LANCZOS)


def borders(photo: np.ndarray) -> Image.Image:
    """A piece of the photo in coarse pixels, continued as the borders do, with the piece framed."""
    side, more, zoom = 20, 6, 8
    piece = np.asarray(Image.fromarray(photo[60:210, 150:300]).resize((side, side), Image.Resampling.BOX))
    pad = ((more, more), (more, more), (0, 0))
    names = {"reflect101": "reflect", "reflect": "symmetric", "clamp": "edge", "wrap": "wrap"}
    panels = {name: np.pad(piece, pad, mode=mode) for name, mode in names.items()}
    panels["constant"] = np.pad(piece, pad, constant_values=128)
    framed = {}
    for name, panel in panels.items():
        outside = np.ones(panel.shape[:2], bool)
        outside[more:-more, more:-more] = False
        panel[outside] = panel[outside] // 2 + 96  # paler, so that the piece stands out
        image = Image.fromarray(panel.repeat(zoom, 0).repeat(zoom, 1))
        first, last = more * zoom - 1, (more + side) * zoom
        ImageDraw.Draw(image).rectangle((first, first, last, last), outline="#d02020", width=2)
        framed[name] = np.asarray(image)
    return side_by_side(framed).quantize(200)


def alpha(photo: np.ndarray) -> Image.Image:
    """A cut-out whose invisible pixels are green, over white."""
    y, x = np.mgrid[:512, :512]
    visible = ((x - 235) / 120) ** 2 + ((y - 170) / 150) ** 2 < 1
    cutout = np.dstack([photo, np.where(visible, 255, 0).astype(np.uint8)])
    cutout[~visible, :3] = 0, 255, 0
    crop = cutout[:350, 60:410]
    blurred = {mode: fastcv.box_blur(crop, 31, alpha=mode) for mode in ("blur", "premultiplied")}
    panels = {
        "before": crop,
        'alpha="blur"': blurred["blur"],
        'alpha="premultiplied"': blurred["premultiplied"],
    }
    return side_by_side({name: _over_white(rgba) for name, rgba in panels.items()})


def denoised(photo: np.ndarray) -> Image.Image:
    """The face with noise of 25 levels, without it, and what was taken away."""
    noisy = with_noise(photo)
    clean = fastcv.denoise_tv(noisy, sigma=25 / 255, channels="joint")
    removed = np.clip(noisy.astype(int) - clean + 128, 0, 255).astype(np.uint8)
    panels = {"noise of 25 levels": noisy, "denoise_tv": clean, "what was removed": removed}
    return side_by_side({name: panel[20:370, 60:410] for name, panel in panels.items()})


def with_noise(photo: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 25, photo.shape)
    return np.clip(np.rint(photo + noise), 0, 255).astype(np.uint8)


def swarms() -> Image.Image:
    """Points found from noisy distances, and from those of neighbours only."""
    pictures = [network(0.1, "all distances, 10 % noise"), network(0.01, "neighbours only, 1 % noise", 0.3)]
    canvas = Image.new("RGB", (sum(p.width for p in pictures), pictures[0].height), "white")
    for i, picture in enumerate(pictures):
        canvas.paste(picture, (i * pictures[0].width, 0))
    return canvas.quantize(64)


def network(noise: float, title: str, reach: float = np.inf) -> Image.Image:
    """100 points in a square, true and found; `reach`: whose distances are measured."""
    rng = np.random.default_rng(0)
    truth = rng.random((100, 2))
    exact = fastcv.pairwise_distances(truth)
    factors = np.triu(rng.normal(0, noise, exact.shape), 1)
    measured = np.where(exact < reach, exact * (1 + factors + factors.T), np.nan)
    aligned = fastcv.procrustes(fastcv.mds(measured, 2).embedding, truth)
    links = np.argwhere(np.triu(exact < reach, 1)).tolist() if np.isfinite(reach) else []
    swarm = Swarm(truth, title)
    for i, j in links:
        swarm.axes.plot(*truth[[i, j]].T, color=GREY, linewidth=0.4, zorder=0)
    for pair in zip(truth, aligned.aligned, strict=True):
        swarm.axes.plot(*np.transpose(pair), color=RED, linewidth=1.2, zorder=1)
    swarm.add(truth, "true", RED, "+", 46)
    swarm.add(aligned.aligned, "found")
    caption = f"root mean square error {aligned.rmse:.4f} of a side" if title else ""
    if not title:
        swarm.axes.set_axis_off()
    return swarm.picture(caption)


def _over_white(rgba: np.ndarray) -> np.ndarray:
    white = Image.new("RGBA", rgba.shape[1::-1], "white")
    return np.asarray(Image.alpha_composite(white, Image.fromarray(rgba)).convert("RGB"))


if __name__ == "__main__":
    main()

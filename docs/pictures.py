"""Makes the pictures in docs/images: ``python docs/pictures.py`` (needs fastcv-cpu[cli])."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import fastcv
from fastcv.cli._demo_preprocess import letterboxed
from fastcv.cli._stage import side_by_side

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    photo = fastcv.datasets.photo()
    before_after(photo).save(IMAGES / "box_blur.jpg", quality=82, optimize=True, progressive=True)
    borders(photo).save(IMAGES / "box_blur_borders.png", optimize=True)
    alpha(photo).save(IMAGES / "box_blur_alpha.jpg", quality=85, optimize=True, progressive=True)
    denoised(photo).save(IMAGES / "tv.jpg", quality=85, optimize=True, progressive=True)
    letterboxed(photo).save(IMAGES / "preprocess.jpg", quality=85, optimize=True, progressive=True)


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
    noise = np.random.default_rng(0).normal(0, 25, photo.shape)
    noisy = np.clip(np.rint(photo + noise), 0, 255).astype(np.uint8)
    clean = fastcv.denoise_tv(noisy, sigma=25 / 255, channels="joint")
    removed = np.clip(noisy.astype(int) - clean + 128, 0, 255).astype(np.uint8)
    panels = {"noise of 25 levels": noisy, "denoise_tv": clean, "what was removed": removed}
    return side_by_side({name: panel[20:370, 60:410] for name, panel in panels.items()})


def _over_white(rgba: np.ndarray) -> np.ndarray:
    white = Image.new("RGBA", rgba.shape[1::-1], "white")
    return np.asarray(Image.alpha_composite(white, Image.fromarray(rgba)).convert("RGB"))


if __name__ == "__main__":
    main()

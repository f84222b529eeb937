"""The command denoise: the function's own result, the estimated noise, and the picture that shows what was done."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import fastcv
from fastcv.cli import main

Image = pytest.importorskip("PIL.Image")


def noisy(height: int, width: int, *channels: int, sigma: float = 8, seed: int = 1) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    plane = np.where((x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 3) ** 2, 190, 70)
    clean = np.broadcast_to(plane.reshape(height, width, *[1] * len(channels)), (height, width, *channels))
    noise = np.random.default_rng(seed).normal(0, sigma, clean.shape)
    return np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_functions_own_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = noisy(40, 60, 4)
    image[..., 3] = np.arange(60)
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(image).save(source)
    assert main(["denoise", str(source), str(target), "--weight", "0.05"]) == 0
    said = capsys.readouterr().out
    assert re.match(r"^\S.*: 60x40x4, weight 0.05, \d+ iterations in .* levels \(rms\)\n$", said)
    colours = np.ascontiguousarray(image[..., :3])
    result = pixels_of(target)
    np.testing.assert_array_equal(result[..., :3], fastcv.denoise_tv(colours, 0.05, channels="joint"))
    np.testing.assert_array_equal(result[..., 3], image[..., 3])
    words = ["denoise", str(source), str(target), "--force", "--sigma", "0.02", "--channels", "separate"]
    assert main(words) == 0
    np.testing.assert_array_equal(pixels_of(target)[..., :3], fastcv.denoise_tv(colours, sigma=0.02))
    for options in (
        ["--weight", "-1"],
        ["--sigma", "much"],
        ["--weight", "1", "--sigma", "1"],
        ["--tol", "0"],
    ):
        assert main(["denoise", str(source), str(target), "--force", *options]) == 2


@pytest.mark.parametrize("options", [[], ["--sigma", "auto"]])
def test_the_noise_is_estimated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    image = noisy(80, 90, 3)
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(image).save(source)
    assert main(["denoise", str(source), str(target), *options]) == 0
    said = re.search(r", noise ([\d.]+), weight [\d.]+, ", capsys.readouterr().out)
    assert said
    assert float(said[1]) == pytest.approx(8 / 255, rel=0.1)
    expected, info = fastcv.denoise_tv(image, sigma="auto", channels="joint", return_info=True)
    np.testing.assert_array_equal(pixels_of(target), expected)
    assert float(said[1]) == pytest.approx(info.sigma, rel=0.01)


def test_orientation_and_alpha_are_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a maker"  # lies on its side
    image = noisy(16, 24, 4)
    image[..., 3] = np.arange(24) * 10
    Image.fromarray(image).save(tmp_path / "in.png", exif=exif)
    for ending in ("png", "webp", "tif"):
        target = tmp_path / f"out.{ending}"
        assert main(["denoise", str(tmp_path / "in.png"), "-o", str(target)]) == 0
        with Image.open(target) as written:
            assert written.size == (16, 24)
            assert written.mode == "RGBA"
            assert written.getexif().get(0x0112, 1) == 1
            assert written.getexif()[0x010F] == "a maker"
            np.testing.assert_array_equal(np.asarray(written)[..., 3], np.rot90(image, -1)[..., 3])


# ---- --compare -----------------------------------------------------------------------------

GAP, LABEL = 16, 52  # of the picture, in pixels


def panels(path: Path, height: int, width: int) -> list[np.ndarray]:
    picture = pixels_of(path)
    assert picture.shape[1] == 3 * (width + GAP) + GAP
    return [
        picture[LABEL : LABEL + height, GAP + i * (width + GAP) :][:, :width].astype(int) for i in range(3)
    ]


def test_compare_shows_before_after_and_what_was_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = noisy(330, 400, 3)
    source, target = tmp_path / "in.png", tmp_path / "out.png"
    Image.fromarray(image).save(source)
    assert main(["denoise", str(source), str(target), "--compare"]) == 0
    assert names(tmp_path) == ["in.png", "out.compare.png", "out.png"]
    before, after, removed = panels(tmp_path / "out.compare.png", 330, 400)
    np.testing.assert_array_equal(before, image)
    np.testing.assert_array_equal(after, pixels_of(target))
    difference = before - after
    inside = (removed > 0) & (removed < 255) & (np.abs(difference) > 2)
    gains = (removed - 128)[inside] / difference[inside]
    assert inside.mean() > 0.5
    assert np.ptp(gains) == 0
    assert gains[0] in (1, 2, 4, 8, 16, 32, 64)
    below = pixels_of(tmp_path / "out.compare.png")[LABEL + 330 :]
    assert (below < 128).sum() > 500  # the certificate stands there


@pytest.mark.parametrize("kind", ["L", "LA", "I;16", "F", "CMYK", "large", "tiny", "flat", "all noise"])
def test_compare_of_every_kind_of_image(tmp_path: Path, kind: str) -> None:
    image = noisy(41, 53)
    ending = "tif"
    if kind == "LA":
        image = np.dstack([image, 255 - image])
    elif kind == "I;16":
        image = image.astype(np.uint16) * 257
    elif kind == "F":
        image = image.astype(np.float32) * 3 - 100
    elif kind == "CMYK":
        image = noisy(41, 53, 4)
    elif kind == "large":
        image = noisy(700, 900)
    elif kind == "tiny":
        image = noisy(1, 2)
    elif kind == "flat":
        image = np.full((40, 50), 7, np.uint8)
    source = tmp_path / f"in.{ending}"
    if kind == "CMYK":
        Image.frombytes("CMYK", (53, 41), image.tobytes()).save(source)
    else:
        Image.fromarray(image).save(source)
    options = ["--sigma", "0.9"] if kind == "all noise" else ["--weight", "0.1"]
    assert main(["denoise", str(source), str(tmp_path / "out.tif"), "--compare", *options]) == 0
    picture = pixels_of(tmp_path / "out.compare.png")
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    height, width = image.shape[:2]
    zoom = max(1, 320 // max(height, width))
    expected = (min(640, height), min(640, width)) if kind == "large" else (height * zoom, width * zoom)
    assert picture.shape[1] == 3 * (expected[1] + GAP) + GAP
    if kind == "flat":
        before, after, removed = panels(tmp_path / "out.compare.png", *expected)
        np.testing.assert_array_equal(before, after)
        assert (removed == 128).all()


def test_compare_does_not_replace_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "a.bmp", "b.png"):
        Image.fromarray(noisy(20, 20)).save(tmp_path / name)
    (tmp_path / "out.compare.png").write_bytes(b"mine")
    assert main(["denoise", str(tmp_path / "b.png"), str(tmp_path / "out.png"), "--compare"]) == 2
    assert "out.compare.png exists" in capsys.readouterr().err
    words = [
        "denoise",
        str(tmp_path / "a.png"),
        str(tmp_path / "a.bmp"),
        "-o",
        str(tmp_path / "out"),
        "--compare",
    ]
    assert main(words) == 2
    assert "would both be written to" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.compare.png").read_bytes() == b"mine"

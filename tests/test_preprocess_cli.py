"""``fastcv preprocess``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fastcv import Preprocess
from fastcv.cli import main

pytest.importorskip("PIL")
from PIL import Image


def save(path: Path, *shape: int, mode: str = "RGB") -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels, mode if mode != "RGB" else None).save(path)
    return path


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
def test_images_become_one_array(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rgb, grey = save(tmp_path / "a.png", 40, 50, 3), save(tmp_path / "b.png", 30, 20)
    clear = save(tmp_path / "c.png", 25, 60, 4)
    out, found = tmp_path / "deep" / "batch.npy", tmp_path / "where.json"
    code = main(
        [
            "preprocess",
            str(rgb),
            str(grey),
            str(clear),
            "-o",
            str(out),
            "--size",
            "24x32",
            "--resize",
            "letterbox",
            "--mean",
            "0.5,0.4,0.3",
            "--std",
            "0.2",
            "--bgr",
            "--dtype",
            "float16",
            "--transforms",
            str(found),
        ]
    )
    assert code == 0
    assert "3x3x24x32 float16" in capsys.readouterr().out
    pre = Preprocess(
        (24, 32),
        resize="letterbox",
        mean=(0.5, 0.4, 0.3),
        std=0.2,
        reverse_channels=True,
        channels=3,
        dtype="float16",
    )
    images = [np.asarray(Image.open(path)) for path in (rgb, grey, clear)]
    assert np.array_equal(np.load(out), pre.batch(images))
    where = json.loads(found.read_text())
    assert where[1]["content"] == list(pre.transform((30, 20)).content)


def test_presets(tmp_path: Path) -> None:
    image, out = save(tmp_path / "a.png", 40, 50, 3), tmp_path / "x.npy"
    pixels = np.asarray(Image.open(image))
    assert main(["preprocess", str(image), "-o", str(out), "--size", "64", "--preset", "yolo"]) == 0
    assert np.array_equal(np.load(out)[0], Preprocess.yolo(64)(pixels))
    assert (
        main(["preprocess", str(image), "-o", str(out), "--size", "28", "--preset", "torchvision", "--force"])
        == 0
    )
    assert np.array_equal(np.load(out)[0], Preprocess.torchvision(32, 28)(pixels))
    config = tmp_path / "preprocessor_config.json"
    config.write_text(json.dumps({"size": 20, "do_normalize": False}))
    assert main(["preprocess", str(image), "-o", str(out), "--config", str(config), "--force"]) == 0
    assert np.load(out).shape == (1, 3, 20, 20)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", "--size is missing"),
        ("--size 0", "size must be from 1"),
        ("--size 8 --std 0", "std must be greater than 0"),
        ("--size 8 --resize fit", "resize must be one of"),
        ("--size 8 --preset yolo --mean 1", "--mean does not go with"),
        ("--size 8 --threads 0", "--threads must be at least 1"),
        ("--size 8x9 --preset torchvision", "one number"),
        ("--size 8 --config x.json", "--config goes alone"),
    ],
)
def test_what_cannot_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, words: str
) -> None:
    image, out = save(tmp_path / "a.png", 4, 5, 3), tmp_path / "x.npy"
    assert main(["preprocess", str(image), "-o", str(out), *options.split()]) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, out = save(tmp_path / "a.png", 4, 5, 3), tmp_path / "x.npy"
    assert main(["preprocess", str(image), "-o", str(tmp_path / "x.png"), "--size", "8"]) == 2
    assert "OUT.npy" in capsys.readouterr().err
    out.write_bytes(b"kept")
    assert main(["preprocess", str(image), "-o", str(out), "--size", "8"]) == 2
    assert "--force" in capsys.readouterr().err
    (tmp_path / "broken.png").write_bytes(b"nothing")
    assert (
        main(
            ["preprocess", str(image), str(tmp_path / "broken.png"), "-o", str(out), "--size", "8", "--force"]
        )
        == 1
    )
    assert "broken.png: not an image" in capsys.readouterr().err
    assert out.read_bytes() == b"kept"


def test_broken_images_may_be_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = tmp_path / "in", tmp_path / "x.npy"
    folder.mkdir()
    pictures = [save(folder / f"{name}.png", 20, 30 + i, 3) for i, name in enumerate("acd")]
    (folder / "b.png").write_bytes(b"nothing")
    command = ["preprocess", str(folder), str(tmp_path / "none.png"), "-o", str(out), "--size", "8"]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "2 of 5 not done" in said
    assert "--skip" in said
    assert not out.exists()
    assert main([*command, "--skip"]) == 1
    assert "b.png: not an image" in capsys.readouterr().err
    expected = Preprocess(8, channels=3).batch([np.asarray(Image.open(path)) for path in pictures])
    np.testing.assert_array_equal(np.load(out), expected)
    for path in pictures:
        path.write_bytes(b"nothing")
    assert main([*command, "--skip", "--force"]) == 1
    assert "nothing is left" in capsys.readouterr().err
    np.testing.assert_array_equal(np.load(out), expected)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_many_images_are_written_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    from fastcv.cli import _model_input

    monkeypatch.setattr(_model_input, "CHUNK_IMAGES", 3)
    (tmp_path / "in").mkdir()
    for i in range(11):
        save(tmp_path / "in" / f"{i:02}.png", 5 + i, 9, 3)
    out = tmp_path / "x.npy"
    assert main(["preprocess", str(tmp_path / "in"), "-o", str(out), "--size", "8", "--dtype", dtype]) == 0
    images = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "in").iterdir())]
    result = np.load(out)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, Preprocess(8, channels=3, dtype=dtype).batch(images))


def test_a_picture_is_upright_first(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png", exif=exif)
    assert (
        main(["preprocess", str(tmp_path / "in.png"), "-o", str(tmp_path / "x.npy"), "--size", "30x20"]) == 0
    )
    expected = np.ascontiguousarray(np.rot90(pixels, -1)).astype(np.float32).transpose(2, 0, 1) / np.float32(
        255
    )
    np.testing.assert_allclose(np.load(tmp_path / "x.npy")[0], expected, rtol=1e-6)

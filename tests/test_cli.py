"""The program, on real files: what comes out is what box_blur computes, and nothing is ever half done."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastcv
from fastcv.cli import COMMANDS, demo, main

Image = pytest.importorskip("PIL.Image")

PHOTO = Path(fastcv.__file__).parent / "data" / "astronaut.jpg"
ONE_LINE = r"^\S.*: \d+x\d+x\d+( \w+)?, [\d.e+-]+ ms, [\d,]+ MB/s, [\d.]+ x the time of a plain copy\n$"


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def save(path: Path, pixels: np.ndarray, **extras: object) -> Path:
    Image.fromarray(pixels).save(path, **extras)
    return path


def noise(*shape: int, dtype: type = np.uint8, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return rng.random(shape).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# ---- blur: the pixels ----------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "ppm", "webp"])
def test_rgb_is_the_functions_own_result(
    tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = noise(37, 53, 3)
    extras = {"lossless": True} if ending == "webp" else {}
    source = save(tmp_path / f"in.{ending}", image, **extras)
    target = tmp_path / f"out.{'png' if ending == 'webp' else ending}"
    assert main(["blur", str(source), "-o", str(target), "--ksize", "8"]) == 0
    np.testing.assert_array_equal(pixels_of(target), fastcv.box_blur(image, 8))
    assert_one_line(capsys.readouterr().out)


def assert_one_line(text: str) -> None:
    assert re.match(ONE_LINE, text), text


@pytest.mark.parametrize(
    ("shape", "dtype", "ending"),
    [
        ((20, 31), np.uint8, "png"),
        ((20, 31), np.uint16, "png"),
        ((20, 31), np.uint16, "tif"),
        ((20, 31), np.float32, "tif"),
        ((20, 31, 3), np.uint8, "png"),
    ],
)
def test_values_keep_their_depth(tmp_path: Path, shape: tuple[int, ...], dtype: type, ending: str) -> None:
    image = noise(*shape, dtype=dtype)
    source = save(tmp_path / f"in.{ending}", image)
    target = tmp_path / f"out.{ending}"
    assert main(["blur", str(source), str(target), "--ksize", "9x5", "--border", "shrink"]) == 0
    result = pixels_of(target)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, fastcv.box_blur(image, (9, 5), border="shrink"))


def test_jpeg_in_and_out(tmp_path: Path) -> None:
    target = tmp_path / "out.jpg"
    assert main(["blur", str(PHOTO), str(target), "--ksize", "31"]) == 0
    expected = fastcv.box_blur(fastcv.datasets.photo(), 31)
    assert np.abs(pixels_of(target).astype(int) - expected).mean() < 1
    with Image.open(target) as image:
        assert image.format == "JPEG"


def test_every_option_reaches_the_function(tmp_path: Path) -> None:
    image = noise(19, 23, 3)
    source, target = save(tmp_path / "in.png", image), tmp_path / "out.png"
    options = ["--border", "constant", "--border-value", "9,99,200", "--anchor", "0x6", "--rounding", "floor"]
    assert main(["blur", "--ksize", "4x7", str(source), "--threads", "2", "-o", str(target), *options]) == 0
    expected = fastcv.box_blur(
        image, (4, 7), border="constant", border_value=(9, 99, 200), anchor=(0, 6), rounding="floor"
    )
    np.testing.assert_array_equal(pixels_of(target), expected)


def test_nothing_bleeds_out_of_transparent_pixels(tmp_path: Path) -> None:
    image = np.zeros((16, 16, 4), np.uint8)
    image[:, :8] = (200, 10, 10, 255)
    image[:, 8:] = (0, 255, 0, 0)  # green that nobody can see
    source, target = save(tmp_path / "in.png", image), tmp_path / "out.png"
    assert main(["blur", str(source), str(target), "--ksize", "5"]) == 0
    result = pixels_of(target)
    seen = result[..., 3] > 0
    assert (result[seen][:, :3] == (200, 10, 10)).all()
    np.testing.assert_array_equal(result, fastcv.box_blur(image, 5, alpha="premultiplied"))


@pytest.mark.parametrize("alpha", ["premultiplied", "blur", "copy", "opaque"])
@pytest.mark.parametrize("grey", [False, True])
def test_alpha_modes(tmp_path: Path, alpha: str, grey: bool) -> None:
    image = noise(21, 17, 2 if grey else 4)
    source, target = save(tmp_path / "in.png", image), tmp_path / "out.png"
    assert main(["blur", str(source), str(target), "--ksize", "6", "--alpha", alpha]) == 0
    as_colour = image[..., (0, 0, 0, 1)] if grey else image
    expected = fastcv.box_blur(np.ascontiguousarray(as_colour), 6, alpha=alpha)
    np.testing.assert_array_equal(pixels_of(target), expected[..., (0, 3)] if grey else expected)


def test_cmyk_stays_cmyk_where_it_can(tmp_path: Path) -> None:
    image = noise(12, 14, 4)
    source = tmp_path / "in.tif"
    Image.frombytes("CMYK", (14, 12), image.tobytes()).save(source)
    assert main(["blur", str(source), str(tmp_path / "out.tif"), "--ksize", "3"]) == 0
    with Image.open(tmp_path / "out.tif") as written:
        assert written.mode == "CMYK"
        np.testing.assert_array_equal(np.asarray(written), fastcv.box_blur(image, 3))
    assert main(["blur", str(source), str(tmp_path / "out.png"), "--ksize", "3"]) == 0
    with Image.open(tmp_path / "out.png") as written:
        assert written.mode == "RGB"


def test_palette_and_bilevel_become_what_they_show(tmp_path: Path) -> None:
    palette = Image.fromarray(noise(9, 11, 3)).quantize(7)
    palette.save(tmp_path / "p.png")
    assert main(["blur", str(tmp_path / "p.png"), str(tmp_path / "p-out.png"), "--ksize", "3"]) == 0
    np.testing.assert_array_equal(
        pixels_of(tmp_path / "p-out.png"), fastcv.box_blur(np.asarray(palette.convert("RGB")), 3)
    )
    bits = noise(9, 11) > 100
    Image.fromarray(bits).save(tmp_path / "b.png")
    assert main(["blur", str(tmp_path / "b.png"), str(tmp_path / "b-out.png"), "--ksize", "3"]) == 0
    np.testing.assert_array_equal(
        pixels_of(tmp_path / "b-out.png"), fastcv.box_blur(bits.astype(np.uint8) * np.uint8(255), 3)
    )


# ---- blur: what else a file says -----------------------------------------------------------


def test_the_picture_is_turned_upright_and_its_data_kept(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a maker"  # lies on its side
    exif[0x8769] = {0x9003: "2020:02:02 02:02:02", 0x927C: b"secret"}
    image = noise(16, 24, 3)
    source = save(tmp_path / "in.png", image, exif=exif, dpi=(144, 144), icc_profile=b"a profile")
    for ending in ("png", "jpg", "tif", "webp"):
        target = tmp_path / f"out.{ending}"
        assert main(["blur", str(source), "-o", str(target), "--ksize", "1"]) == 0
        with Image.open(target) as written:
            found = written.getexif()
            assert written.size == (16, 24)
            assert found.get(0x0112, 1) == 1
            assert found[0x010F] == "a maker"
            assert dict(found.get_ifd(0x8769)) == {0x9003: "2020:02:02 02:02:02"}
            assert written.info["icc_profile"] == b"a profile"
    np.testing.assert_array_equal(pixels_of(tmp_path / "out.png"), np.rot90(image, -1))


def test_no_thumbnail_of_the_unblurred_picture_stays(tmp_path: Path) -> None:
    thumbnail = io.BytesIO()
    Image.fromarray(noise(8, 8, 3)).save(thumbnail, "JPEG")
    data = thumbnail.getvalue()
    # IFD0 at 8 with one entry, IFD1 at 26 with two, the thumbnail at 56.
    head = b"Exif\0\0II*\0" + struct.pack("<IHHHI4sI", 8, 1, 0x010E, 2, 4, b"abc", 26)
    ifd1 = struct.pack("<HHHIIHHIII", 2, 0x201, 4, 1, 56, 0x202, 4, 1, len(data), 0)
    source = save(tmp_path / "in.jpg", noise(8, 8, 3), exif=head + ifd1 + data)
    assert data in source.read_bytes()
    assert main(["blur", str(source), str(tmp_path / "out.jpg"), "--ksize", "3"]) == 0
    assert data not in (tmp_path / "out.jpg").read_bytes()
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.getexif()[0x010E] == "abc"


def test_damaged_exif_costs_the_exif_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = b"Exif\0\0II*\0" + b"\xff\xff\xff\x7f"
    source = save(tmp_path / "in.png", noise(8, 8, 3), exif=damaged)
    assert main(["blur", str(source), str(tmp_path / "out.png"), "--ksize", "3"]) == 0
    assert f"{source}: " in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = save(tmp_path / "in.png", noise(8, 8, 3))
    target = tmp_path / ("x" * 300 + ".png")
    assert main(["blur", str(source), str(target), "--ksize", "3"]) == 1
    assert "xxx.png" in capsys.readouterr().err
    assert names(tmp_path) == ["in.png"]


def test_what_is_lost_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.fromarray(noise(8, 8, seed=i)) for i in range(3)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:])
    assert main(["blur", str(tmp_path / "in.gif"), str(tmp_path / "out.png"), "--ksize", "3"]) == 0
    assert "only the first of its 3 frames" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("shape", "dtype", "ending", "word"),
    [
        ((8, 8, 4), np.uint8, "jpg", "transparency"),
        ((8, 8, 4), np.uint8, "bmp", "transparency"),
        ((8, 8), np.uint16, "jpg", "16-bit"),
        ((8, 8), np.uint16, "webp", "16-bit"),
        ((8, 8), np.float32, "png", "floating-point"),
    ],
)
def test_nothing_is_narrowed_unasked(
    tmp_path: Path,
    shape: tuple[int, ...],
    dtype: type,
    ending: str,
    word: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = save(tmp_path / "in.tif", noise(*shape, dtype=dtype))
    assert main(["blur", str(source), str(tmp_path / f"out.{ending}"), "--ksize", "3"]) == 1
    assert word in capsys.readouterr().err
    assert names(tmp_path) == ["in.tif"]


def test_opaque_alpha_may_go(tmp_path: Path) -> None:
    image = noise(8, 8, 4)
    image[..., 3] = 255
    source = save(tmp_path / "in.png", image)
    assert main(["blur", str(source), str(tmp_path / "out.bmp"), "--ksize", "3"]) == 0
    np.testing.assert_array_equal(pixels_of(tmp_path / "out.bmp"), fastcv.box_blur(image, 3)[..., :3])


# ---- the grammar ---------------------------------------------------------------------------


def test_several_images_into_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = {f"{i}.png": noise(9, 9, 3, seed=i) for i in range(3)}
    sources = [str(save(tmp_path / name, image)) for name, image in images.items()]
    out = tmp_path / "deep" / "out"
    assert main(["blur", *sources, "-o", str(out), "--ksize", "2"]) == 0
    assert names(out) == sorted(images)
    for name, image in images.items():
        np.testing.assert_array_equal(pixels_of(out / name), fastcv.box_blur(image, 2))
    assert capsys.readouterr().out.count("\n") == 3


def test_the_broken_one_is_named_and_the_rest_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = [save(tmp_path / f"{name}.png", noise(9, 9)) for name in ("a", "c")]
    (tmp_path / "b.png").write_bytes(good[0].read_bytes()[:60])
    (tmp_path / "text.png").write_text("not an image")
    sources = [str(tmp_path / name) for name in ("a.png", "b.png", "text.png", "missing.png", "c.png")]
    out = tmp_path / "out"
    assert main(["blur", *sources, "-o", str(out), "--ksize", "2"]) == 1
    said = capsys.readouterr()
    assert names(out) == ["a.png", "c.png"]
    assert said.out.count("\n") == 2
    assert "3 of 5 not done" in said.err
    for name in ("b.png", "text.png", "missing.png"):
        assert said.err.count(f"  {tmp_path / name}: ") == 1


def test_existing_files_need_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = save(tmp_path / "in.png", noise(9, 9))
    target = save(tmp_path / "out.png", noise(5, 5))
    before = target.read_bytes()
    assert main(["blur", str(source), str(target), "--ksize", "2"]) == 2
    assert "--force" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert main(["blur", str(source), str(target), "--ksize", "2", "--force"]) == 0
    assert pixels_of(target).shape == (9, 9)
    assert main(["blur", str(source), str(source), "--ksize", "2", "--force"]) == 0  # in place


def test_one_taken_name_stops_all_before_anything_is_written(tmp_path: Path) -> None:
    sources = [str(save(tmp_path / f"{name}.png", noise(9, 9))) for name in "ab"]
    out = tmp_path / "out"
    out.mkdir()
    save(out / "b.png", noise(3, 3))
    assert main(["blur", *sources, "-o", str(out), "--ksize", "2"]) == 2
    assert names(out) == ["b.png"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("blur {a} --ksize 3", "say -o OUT"),
        ("blur {a} {b} {a} --ksize 3", "say -o OUT"),
        ("blur {a} {out}.png", "--ksize"),
        ("blur {a} {out}.png --ksize 0", "ksize must be at least 1, got 0"),
        ("blur {a} {out}.png --ksize 3x", "WIDTHxHEIGHT"),
        ("blur {a} {out}.png --ksize 3 --border sideways", "border"),
        ("blur {a} {out}.png --ksize 3 --rounding up", "rounding"),
        ("blur {a} {out}.png --ksize 3 --alpha no", "alpha"),
        ("blur {a} {out}.png --ksize 3 --anchor 3", "anchor"),
        ("blur {a} {out}.png --ksize 3 --threads 0", "threads"),
        ("blur {a} {out}.xyz --ksize 3", "'.xyz' is not an ending"),
        ("blur {a} {out} --ksize 3", "without an ending"),
        ("blur {a} {b} -o {b} --ksize 3", "need a folder"),
        ("blur {a} {same} -o {out}/ --ksize 3", "both be written"),
        ("blur {a} {out}.png --ksize 3 --colour", "unrecognized"),
        ("blurr {a} {out}.png", "blurr"),
        ("demo --threads 0", "threads"),
    ],
)
def test_what_is_not_understood_is_said(
    tmp_path: Path, words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sub").mkdir()
    paths = {name: str(save(tmp_path / f"{name}.png", noise(9, 9))) for name in "ab"}
    same = str(save(tmp_path / "sub" / "a.png", noise(9, 9)))
    before = names(tmp_path)
    argv = [word.format(**paths, same=same, out=tmp_path / "out") for word in words.split()]
    assert main(argv) == 2
    assert said in capsys.readouterr().err
    assert names(tmp_path) == before


def test_a_missing_input_is_an_error_of_the_world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blur", str(tmp_path / "no.png"), str(tmp_path / "deep" / "out.png"), "--ksize", "3"]) == 1
    assert "no such file" in capsys.readouterr().err
    assert names(tmp_path) == []


def test_help_shows_the_commands_and_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "example" in said
    assert all(re.search(rf"^  {command} ", said, re.MULTILINE) for command in COMMANDS)


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "commands:" in capsys.readouterr().out


# ---- info, demo ----------------------------------------------------------------------------


def test_version_and_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"fastcv {fastcv.__version__}\n"
    assert main(["info"]) == 0
    assert fastcv.__version__ in capsys.readouterr().out


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["demo", "-o", str(out), "--seconds", "0"]) == 0
    assert str(out) in capsys.readouterr().out
    assert names(out) == sorted(demo.WRITES)
    photo = fastcv.datasets.photo()
    np.testing.assert_array_equal(pixels_of(out / "before.png"), photo)
    np.testing.assert_array_equal(pixels_of(out / "box_blur_8.png"), fastcv.box_blur(photo, 8))
    assert pixels_of(out / "box_blur.png").shape[1] > 3 * 512
    with Image.open(out / "swarm.gif") as swarm:
        assert swarm.n_frames > 10
    assert "| 512x512x3 |" in (out / "timings.md").read_text()
    monkeypatch.setattr(demo, "FAMILIES", demo.FAMILIES[:1])
    assert main(["demo", "-o", str(out), "--seconds", "0", "--json"]) == 0  # refreshes its own folder
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert list(found) == list(demo.FIELDS)
    assert found["folder"] == str(out)
    assert set(found["files"]) <= set(demo.WRITES)
    assert [table["title"] for table in found["tables"]] == ["box blur: fastcv beside the others (8-bit RGB)"]


def test_demo_with_a_photo_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "FAMILIES", demo.FAMILIES[:3])  # the last one takes no photo
    image = noise(40, 70, 4)
    source = save(tmp_path / "mine.png", image)
    out = tmp_path / "out"
    out.mkdir()
    (out / "before.png").write_text("somebody's")
    assert main(["demo", str(source), "-o", str(out), "--seconds", "0"]) == 2
    assert (out / "before.png").read_text() == "somebody's"
    assert main(["demo", str(source), "-o", str(out), "--seconds", "0", "--force"]) == 0
    np.testing.assert_array_equal(pixels_of(out / "before.png"), image[..., :3])
    capsys.readouterr()
    assert main(["demo", str(tmp_path / "missing.png"), "-o", str(out)]) == 1
    assert "missing.png" in capsys.readouterr().err


def test_photo() -> None:
    photo = fastcv.datasets.photo()
    assert photo.shape == (512, 512, 3)
    assert photo.dtype == np.uint8
    assert photo.flags.writeable
    assert photo is not fastcv.datasets.photo()


# ---- the process ---------------------------------------------------------------------------


def program(*words: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fastcv", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def test_as_a_module(tmp_path: Path) -> None:
    process = program("blur", PHOTO, "-o", tmp_path / "out.png", "--ksize", 8)
    said, complaints = process.communicate(timeout=60)
    assert process.returncode == 0, complaints
    assert_one_line(said)


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_control_c_leaves_no_half_file(tmp_path: Path) -> None:
    sources = [save(tmp_path / f"{i}.bmp", noise(1500, 1500, 3, seed=i)) for i in range(12)]
    out = tmp_path / "out"
    process = program("blur", *sources, "-o", out, "--ksize", 8)
    assert process.stdout is not None
    process.stdout.readline()  # one is done, the others are under way
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, complaints
    assert "Traceback" not in complaints
    written = names(out)
    assert 1 <= len(written) < 12
    for name in written:
        assert name.endswith(".bmp")
        assert not name.startswith(".")
        assert pixels_of(out / name).shape == (1500, 1500, 3)


def test_without_pillow_it_says_what_to_install(tmp_path: Path) -> None:
    block = "import sys; sys.modules['PIL'] = None; from fastcv.cli import demo, main; sys.exit(main(sys.argv[1:]))"
    for words in (["blur", str(PHOTO), str(tmp_path / "out.png"), "--ksize", "3"], ["demo"]):
        done = subprocess.run(
            [sys.executable, "-c", block, *words], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 1
        assert 'pip install "fastcv-cpu[cli]"' in done.stderr
        assert "Traceback" not in done.stderr
    assert names(tmp_path) == []

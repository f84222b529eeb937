"""The command bench: it measures everybody on one's own image, and says who was not there. No time is asserted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastcv
from fastcv._bench import own_image
from fastcv.cli import _tables, bench, main

Image = pytest.importorskip("PIL.Image")

PEERS = ("cv2", "scipy", "skimage", "kornia_rs", "torch", "numba", "jax", "sklearn")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (31, 47, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    return tmp_path / "mine.png"


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The measuring process finds no peer but Pillow."""
    folder = tmp_path / "stubs"
    folder.mkdir()
    for name in PEERS:
        (folder / f"{name}.py").write_text("raise ImportError('not here')\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_everybody_who_is_installed(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    cv2 = pytest.importorskip("cv2")
    target = image.parent / "deep" / "bench.png"
    words = ["bench", str(image), "-o", str(target), "--seconds", "0", "--threads", "1", "--json"]
    assert main(words) == 0
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert list(found) == list(bench.FIELDS)
    assert (found["width"], found["height"]) == (47, 31)
    assert found["picture"] == str(target)
    assert found["machine"]["versions"]["OpenCV"].startswith(cv2.__version__)
    assert [job["job"] for job in found["jobs"]] == [
        case.name for case in own_image.cases(np.zeros((31, 47, 3), np.uint8), 1)
    ]
    blur = {program["name"]: program for program in found["jobs"][0]["programs"]}
    assert {"fastcv", "np.copyto", "cv2.blur", "Pillow BoxBlur"} <= set(blur)
    assert blur["fastcv"]["times_fastcv"] == 1
    assert blur["cv2.blur"]["difference"] == 0
    assert all(program["low"] <= program["milliseconds"] <= program["high"] for program in blur.values())
    for job in found["jobs"]:
        assert "fastcv" in {program["name"] for program in job["programs"]}, job
    with Image.open(target) as picture:
        assert picture.format == "PNG"
        assert np.asarray(picture.convert("L")).std() > 5


def test_the_table_says_who_was_not_there(
    image: Path, nobody: None, capsys: pytest.CaptureFixture[str]
) -> None:
    target = image.parent / "bench.png"
    assert main(["bench", str(image), "-o", str(target), "--seconds", "0"]) == 0
    said = capsys.readouterr().out
    assert "fastcv bench: mine.png, 47 x 31 RGB" in said
    assert said.count("\n  fastcv ") == len(own_image.cases(np.zeros((1, 1, 3), np.uint8), 1))
    assert "a plain copy" in said
    absent = "Not installed: OpenCV, SciPy, scikit-image, kornia-rs, PyTorch, Numba, JAX, scikit-learn."
    assert absent in " ".join(said.split())
    assert "cv2" not in said
    assert max(map(len, said.partition("\n\nx: ")[0].splitlines())) <= 80
    assert target.exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["missing.png"], 1, "missing.png: no such file"),
        (["mine.png", "-o", "x.jpg"], 2, "x.jpg: the picture is a .png file"),
        (["mine.png", "-o", "taken.png"], 2, "--force"),
        (["mine.png", "--threads", "0"], 2, "--threads must be at least 1"),
        (["mine.png", "--seconds", "-1"], 2, "--seconds must be at least 0"),
        (["deep.png"], 1, "expected an 8-bit photo"),
    ],
)
def test_refusals_come_before_the_measuring(
    image: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: int,
    said: str,
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(image.parent)
    monkeypatch.setattr(bench, "_measured", lambda *_: pytest.fail("it measures"))
    Path("taken.png").write_bytes(b"kept")
    Image.fromarray(np.zeros((4, 4), np.uint16)).save("deep.png")
    before = sorted(os.listdir())
    assert main(["bench", *words]) == code
    assert said in capsys.readouterr().err
    assert sorted(os.listdir()) == before
    assert Path("taken.png").read_bytes() == b"kept"


def test_a_failing_job_is_named(
    image: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"name": "fastcv", "note": "", "difference": None, "seconds": [1e-3]}
    cases = [
        {"row": "one", "threads": 1, "skipped": {"peer": "not installed"}, "contestants": [good]},
        {"row": "two", "threads": 1, "skipped": {"fastcv": "ValueError: no"}, "contestants": []},
    ]
    monkeypatch.setattr(bench, "_measured", lambda *_: (cases, ["Peer"]))
    monkeypatch.chdir(image.parent)
    assert main(["bench", str(image), "--threads", "1"]) == 1
    said = capsys.readouterr()
    assert "two: ValueError: no" in said.err
    assert "Not installed: Peer." in said.out


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads /proc")
def test_control_c_ends_the_measuring_too(image: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(fastcv.__file__).parent.parent)}
    environment["TMPDIR"] = str(image.parent)
    process = subprocess.Popen(
        [sys.executable, "-m", "fastcv", "bench", str(image), "-o", str(image.parent / "x.png"), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )

    def measuring() -> list[str]:
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                text = file.read_bytes().decode(errors="replace")
            except OSError:
                continue
            if "own_image" in text and str(image.parent) in text:
                found.append(text)
        return found

    while process.poll() is None and not measuring():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)  # to the program alone, not to its child
    said, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, complaints
    assert json.loads(said)["exit_code"] == 130
    assert not measuring()
    assert sorted(os.listdir(image.parent)) == ["mine.png"]


def test_headings_do_not_widen_the_columns() -> None:
    rows = [["a heading that is long", "", ""], ["  x", "1", "22"], ["  yyy", "333", "4"]]
    table = _tables.Table("title", ["", "a", "b"], rows, ["note"])
    assert _tables.as_text(table).splitlines() == [
        "title",
        "",
        "         a   b",
        "a heading that is long",
        "  x      1  22",
        "  yyy  333   4",
        "",
        "note",
    ]

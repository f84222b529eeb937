"""What the commands have in common: folders, patterns, JSON, the bar, and files that are whole or not there."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastcv
from fastcv.cli import COMMANDS, _report, main

Image = pytest.importorskip("PIL.Image")

ROOT = Path(__file__).parent.parent
BAD = b"not an image"


def save(path: Path, seed: int = 1, shape: tuple[int, ...] = (9, 11, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def run(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    said = capsys.readouterr()
    return code, said.out, said.err


# ---- folders and patterns ------------------------------------------------------------------


def test_a_folder_means_its_images_and_keeps_its_structure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for i, name in enumerate(("b.png", "a.bmp", "trip/day 2/c.png")):
        save(photos / name, i)
    (photos / "notes.txt").write_text("no image")
    save(photos / ".hidden.png")
    save(photos / ".thumbs" / "t.png")
    code, said, _ = run("blur", photos, "-o", out, "--ksize", 2, capsys=capsys)
    assert code == 0
    assert below(out) == ["a.bmp", "b.png", "trip/day 2/c.png"]
    assert [line.partition(": ")[0] for line in said.splitlines()] == [
        str(out / name) for name in ("a.bmp", "b.png", "trip/day 2/c.png")
    ]


def test_results_inside_the_folder_are_not_taken_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "a.png")
    for _ in range(2):
        assert run("blur", tmp_path, "-o", tmp_path / "out", "--force", "--ksize", 2, capsys=capsys)[0] == 0
    assert below(tmp_path) == ["a.png", "out/a.png"]


def test_a_folder_in_place_needs_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = save(tmp_path / "a.png")
    before = np.asarray(Image.open(image))
    code, _, complaint = run("blur", tmp_path, tmp_path, "--ksize", 2, capsys=capsys)
    assert code == 2
    assert "--force" in complaint
    assert run("blur", tmp_path, tmp_path, "--ksize", 2, "--force", capsys=capsys)[0] == 0
    np.testing.assert_array_equal(np.asarray(Image.open(image)), fastcv.box_blur(before, 2))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["a.png", "b.png"]),
        ("[ab].*", ["a.png", "b.png"]),
        ("**/*.png", ["a.png", "b.png", "c.png"]),
        ("x[1].png", ["x[1].png"]),  # a file of that very name
    ],
)
def test_patterns_that_no_shell_expanded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pattern: str, expected: list[str]
) -> None:
    photos = tmp_path / "photos"
    for name in ("a.png", "b.png", "sub/c.png"):
        save(photos / name)
    if pattern == "x[1].png":
        save(photos / "x[1].png")
        save(photos / "x1.png")
    out = tmp_path / "out"
    assert run("blur", photos / pattern, "-o", f"{out}/", "--ksize", 2, capsys=capsys)[0] == 0
    assert below(out) == expected


def test_what_is_not_there_is_named_and_the_others_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(BAD)
    (tmp_path / "empty").mkdir()
    sources = [tmp_path / name for name in ("a.png", "b.png", "empty", "no.png", "no*.png")]
    code, said, complaint = run("blur", *sources, "-o", tmp_path / "out", "--ksize", 2, capsys=capsys)
    assert code == 1
    assert said.count("\n") == 1
    assert below(tmp_path / "out") == ["a.png"]
    assert complaint.splitlines()[0] == "4 of 5 not done:"
    for source, why in zip(
        sources[1:], ("not an image", "no images", "no such file", "no file matches"), strict=True
    ):
        assert f"  {source}: {why}" in complaint


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("empty out", 1, "no images in this folder"),
        ("none*.png out.png", 1, "no file matches"),
        ("photos -o out.png", 2, "the results need a folder"),
        ("photos photos2 -o out", 2, "would both be written to"),
        ("photos/a.png photos/a.png missing.png photos2/a.png -o out", 2, "would both be written to"),
    ],
)
def test_refusals_write_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    save(tmp_path / "photos" / "a.png")
    save(tmp_path / "photos2" / "a.png")
    before = sorted(tmp_path.rglob("*"))
    assert main(["blur", *words.split(), "--ksize", "2"]) == code
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_the_same_file_twice_is_done_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = save(tmp_path / "in" / "a.png")
    code, said, _ = run("blur", image, tmp_path / "in", "-o", tmp_path / "out", "--ksize", 2, capsys=capsys)
    assert code == 0
    assert said.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_names_that_are_no_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    image = save(tmp_path / "in" / "a.png").rename(tmp_path / "in" / os.fsdecode(b"\xff.png"))
    assert run("blur", image, "-o", f"{tmp_path / 'out'}/", "--ksize", 2, *options, capsys=capsys)[0] == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == [image.name]


# ---- JSON ----------------------------------------------------------------------------------


def document(words: list[object], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict, str]:
    code, out, err = run(*words, "--json", capsys=capsys)
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(found) == list(_report.DOCUMENT)
    assert found["command"] == words[0]
    assert found["version"] == fastcv.__version__
    assert found["exit_code"] == code
    return code, found, err


def check_fields(found: dict) -> None:
    fields = importlib.import_module(f"fastcv.cli.{found['command']}").FIELDS
    assert found["results"]
    for result in found["results"]:
        assert sorted(result) == sorted(fields)


def test_json_of_several_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(BAD)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    code, found, complaint = document(["blur", *paths, "-o", tmp_path / "out", "--ksize", 2], capsys)
    assert code == 1
    check_fields(found)
    assert found["error"] is None
    result = found["results"][0]
    assert (result["input"], result["output"]) == (str(paths[0]), str(tmp_path / "out" / "a.png"))
    assert (result["width"], result["height"], result["channels"], result["dtype"]) == (11, 9, 3, "uint8")
    assert result["milliseconds"] > 0
    assert found["failed"] == [{"input": str(paths[1]), "reason": "not an image that Pillow can read"}]
    assert "1 of 2 not done" in complaint


def test_json_holds_what_was_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.fromarray(np.full((8, 8), i, np.uint8)) for i in range(3)]
    frames[0].save(tmp_path / "in.gif", save_all=True, append_images=frames[1:])
    _, found, _ = document(["denoise", tmp_path / "in.gif", tmp_path / "out.png"], capsys)
    assert found["results"][0]["notes"] == ["only the first of its 3 frames is used"]


@pytest.mark.parametrize("options", [["--weight", "0.05"], ["--sigma", "auto", "--compare"]])
def test_json_of_denoise(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    image = tmp_path / "in.png"
    step = np.where(np.arange(40) < 20, 60, 180) + np.random.default_rng(1).normal(0, 5, (30, 40))
    Image.fromarray(step.astype(np.uint8)).save(image)
    code, found, _ = document(["denoise", image, tmp_path / "out.png", *options], capsys)
    assert code == 0
    check_fields(found)
    result = found["results"][0]
    assert 0 <= result["relative_gap"] <= 1e-3
    assert result["converged"] in ([True] if "--weight" in options else [True, False])
    assert (result["sigma"] is None) == ("--weight" in options)
    assert result["compare"] == (str(tmp_path / "out.compare.png") if "--compare" in options else None)


def test_json_of_preprocess(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "in" / "b.png", shape=(30, 40, 3))
    save(tmp_path / "in" / "a.png", shape=(40, 30, 3))
    command = ["preprocess", tmp_path / "in", "-o", tmp_path / "x.npy", "--size", 16, "--resize", "letterbox"]
    code, found, _ = document(command, capsys)
    assert code == 0
    check_fields(found)
    assert [(Path(r["input"]).name, r["index"]) for r in found["results"]] == [("a.png", 0), ("b.png", 1)]
    assert found["results"][0]["shape"] == [2, 3, 16, 16]
    assert found["results"][0]["content"] == [2, 0, 12, 16]


def test_json_of_info(capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = document(["info"], capsys)
    assert code == 0
    check_fields(found)
    assert found["results"][0]["simd"]["active"] == fastcv.simd_targets()["active"]


@pytest.mark.parametrize(
    ("words", "code"),
    [("blur in.png out.png", 2), ("blur in.png out.png --ksize 0", 2), ("denoise missing.png out.png", 1)],
)
def test_json_of_what_was_not_understood(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    code: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "in.png")
    found_code, found, complaint = document(words.split(), capsys)
    assert found_code == code
    assert found["results"] == []
    assert found["error"]
    assert found["error"] in complaint


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_the_fields(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = run(command, "--help", capsys=capsys)
    assert code == 0
    assert re.search(rf"^example: fastcv {command}\b", said, re.MULTILINE)
    module = importlib.import_module(f"fastcv.cli.{command}")
    for name in [*_report.DOCUMENT, *module.FIELDS]:
        assert name in said
    assert all(len(line) <= 90 for line in said.splitlines())
    assert "--json" in said


def test_the_page_documents_every_field() -> None:
    page = (ROOT / "docs" / "program.md").read_text("utf-8")
    for command in COMMANDS:
        module = importlib.import_module(f"fastcv.cli.{command}")
        part = page.split(f"### {command}\n", 1)[1].split("\n## ", 1)[0].split("\n### ", 1)[0]
        assert re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE) == list(module.FIELDS), command
    for name in _report.DOCUMENT:
        assert f"| `{name}` |" in page


# ---- the process ---------------------------------------------------------------------------


def program(*words: object, **options: object) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(fastcv.__file__).parent.parent)}
    return subprocess.Popen(
        [sys.executable, "-m", "fastcv", *map(str, words)], text=True, env=environment, **options
    )


def read_terminal(master: int) -> str:
    """All that was written to the other end, which must be closed."""
    parts = []
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux says so when the last writer has gone
            part = b""
        if not part:
            return b"".join(parts).decode()
        parts.append(part)


@pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
def test_a_bar_on_a_terminal_and_only_there(tmp_path: Path) -> None:
    pytest.importorskip("rich")
    import pty

    for i in range(3):
        save(tmp_path / "in" / f"{i}.png", i)
    (tmp_path / "in" / "bad.png").write_bytes(BAD)
    master, slave = pty.openpty()
    process = program(
        "blur", tmp_path / "in", "-o", tmp_path / "out", "--ksize", 2, stdout=subprocess.PIPE, stderr=slave
    )
    os.close(slave)
    drawn = read_terminal(master)
    os.close(master)
    lines = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 1
    assert len(lines) == 3  # the pipe has the lines and nothing of the bar
    assert all(line.startswith(str(tmp_path / "out")) for line in lines)
    assert "of 4 files" in drawn
    assert "left" in drawn
    assert re.search(r"bad\.png: not an image", drawn)

    process = program(
        "blur", tmp_path / "in", "-o", tmp_path / "out", "--ksize", 2, "--force", stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    _, complaints = process.communicate(timeout=60)
    assert "\x1b" not in complaints
    assert complaints.count("\n") == 2


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)])
@pytest.mark.parametrize("command", ["denoise", "preprocess"])
def test_stopped_in_the_middle_nothing_is_half_written(
    tmp_path: Path, command: str, number: int, code: int
) -> None:
    first = save(tmp_path / "in" / "0.bmp", shape=(2000, 2000, 3))
    for i in range(1, 40):  # work for long: it is stopped before the end on any machine
        os.link(first, tmp_path / "in" / f"{i}.bmp")
    words = (
        ["-o", tmp_path / "out", "--weight", "0.1", "--tol", "1e-5", "--compare"]
        if command == "denoise"
        else ["-o", tmp_path / "out" / "x.npy", "--size", "2000", "--interpolation", "lanczos", "--antialias"]
    )
    process = program(
        command, tmp_path / "in", *words, "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while process.poll() is None and not any(
        (tmp_path / "out").glob(".*.tmp" if command == "preprocess" else "*")
    ):
        time.sleep(0.01)
    process.send_signal(number)
    said, complaints = process.communicate(timeout=60)
    assert process.returncode == code, complaints
    assert "Traceback" not in complaints
    assert not [name for name in below(tmp_path / "out") if name.endswith(".tmp")]
    for path in (tmp_path / "out").iterdir():
        assert path.suffix in (".bmp", ".png")
        with Image.open(path) as image:
            image.load()
    if number == signal.SIGINT:
        found = json.loads(said)
        assert found["exit_code"] == 130
        assert found["error"].startswith("stopped")
        for result in found["results"]:
            assert Path(result["output"]).exists()

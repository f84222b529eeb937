"""The command locate: files of distances in, files of points and pictures out."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

import fastcv
from fastcv.cli import _swarm, locate, main

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")


def truth(n=12, k=2, seed=3):
    return np.random.default_rng(seed).random((n, k))


def rmse(found, x):
    return fastcv.procrustes(found, x).rmse


@pytest.mark.parametrize("source", ["d.npy", "d.csv"])
@pytest.mark.parametrize("target", ["points.npy", "points.csv"])
def test_a_matrix(tmp_path, capsys, source, target):
    x = truth()
    distances = fastcv.pairwise_distances(x)
    path = tmp_path / source
    np.save(path, distances) if path.suffix == ".npy" else np.savetxt(path, distances, delimiter=",")
    out = tmp_path / target
    assert main(["locate", str(path), "-o", str(out)]) == 0
    found = np.load(out) if out.suffix == ".npy" else np.loadtxt(out, delimiter=",")
    assert rmse(found, x) < 1e-9
    said = capsys.readouterr().out
    assert said.startswith(f"{out}: 12 points in 2-D, normalized stress ")
    assert said.count("\n") == 1


def test_the_file_holds_what_the_function_returns(tmp_path):
    distances = fastcv.pairwise_distances(truth(20, 3)).astype(np.float32)
    np.save(tmp_path / "d.npy", distances)
    assert main(["locate", str(tmp_path / "d.npy"), str(tmp_path / "x.npy"), "--dimensions", "3"]) == 0
    written = np.load(tmp_path / "x.npy")
    assert written.dtype == np.float32
    np.testing.assert_array_equal(written, fastcv.mds(distances, 3, random_state=0).embedding)


def test_rows_of_pairs_with_a_heading_and_anchors(tmp_path):
    x = truth(15)
    rows = [(i, j, np.linalg.norm(x[i] - x[j])) for i in range(15) for j in range(i) if (i + j) % 4]
    with open(tmp_path / "pairs.csv", "w") as file:
        file.write("from, to, metres\n")
        file.writelines(f"{i}, {j}, {d:.17g}\n" for i, j, d in rows)
    np.savetxt(tmp_path / "known.csv", np.column_stack([range(4), x[:4]]), delimiter=",")
    out = tmp_path / "x.csv"
    command = [
        "locate",
        str(tmp_path / "pairs.csv"),
        "-o",
        str(out),
        "--anchors",
        str(tmp_path / "known.csv"),
    ]
    assert main(command) == 0
    np.testing.assert_allclose(np.loadtxt(out, delimiter=","), x, atol=1e-8)


def test_an_empty_cell_is_a_missing_distance(tmp_path):
    x = truth(10)
    distances = fastcv.pairwise_distances(x)
    lines = [
        ",".join("" if {i, j} == {0, 1} else f"{d:.17g}" for j, d in enumerate(row))
        for i, row in enumerate(distances)
    ]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    assert main(["locate", str(tmp_path / "d.csv"), str(tmp_path / "x.npy")]) == 0
    assert rmse(np.load(tmp_path / "x.npy"), x) < 1e-7


def test_three_points_are_a_matrix_when_they_look_like_one(tmp_path):
    (tmp_path / "d.csv").write_text("0,3,4\n3,0,5\n4,5,0\n")
    assert main(["locate", str(tmp_path / "d.csv"), str(tmp_path / "x.npy")]) == 0
    np.testing.assert_allclose(
        fastcv.pairwise_distances(np.load(tmp_path / "x.npy")), [[0, 3, 4], [3, 0, 5], [4, 5, 0]], atol=1e-9
    )
    (tmp_path / "pairs.csv").write_text("0,1,3\n0,2,4\n1,2,5\n")
    assert main(["locate", str(tmp_path / "pairs.csv"), str(tmp_path / "y.npy")]) == 0
    np.testing.assert_allclose(
        fastcv.pairwise_distances(np.load(tmp_path / "y.npy")), [[0, 3, 4], [3, 0, 5], [4, 5, 0]], atol=1e-9
    )


def looks_drawn(path, *, frames=1):
    with Image.open(path) as picture:
        return (
            picture.size == (520, 520)
            and np.asarray(picture.convert("L")).std() > 5
            and getattr(picture, "n_frames", 1) >= frames
        )


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_picture_stands_beside_the_points(tmp_path, k):
    np.save(tmp_path / "d.npy", fastcv.pairwise_distances(truth(8, k)))
    command = ["locate", str(tmp_path / "d.npy"), str(tmp_path / "x.npy"), "--dimensions", str(k)]
    assert main(command) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.npy", "x.npy", "x.png"]
    assert looks_drawn(tmp_path / "x.png")
    (tmp_path / "x.npy").unlink()
    assert main(command) == 2  # the picture exists
    assert not (tmp_path / "x.npy").exists()
    assert main([*command, "--no-plot"]) == 0


def test_pictures_where_they_are_wanted(tmp_path, capsys):
    np.save(tmp_path / "d.npy", fastcv.pairwise_distances(truth(9)))
    still, moving = tmp_path / "a" / "still.png", tmp_path / "b" / "moving.gif"
    command = ["locate", str(tmp_path / "d.npy"), "-o", str(tmp_path / "x.csv")]
    command += ["--plot", str(still), "--animate", str(moving)]
    assert main([*command, "--json"]) == 0
    assert looks_drawn(still)
    assert looks_drawn(moving, frames=11)
    found = json.loads(capsys.readouterr().out)["results"]
    assert [(r["plot"], r["animation"]) for r in found] == [(str(still), str(moving))]
    assert list(found[0]) == list(locate.FIELDS)
    assert found[0]["points"] == 9
    assert found[0]["unique"] is True
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b", "d.npy", "x.csv"]
    before = moving.read_bytes()
    assert main(command) == 2
    assert moving.read_bytes() == before


def test_a_plot_may_be_animated(tmp_path, monkeypatch):
    monkeypatch.setattr(_swarm, "convergence", partial(_swarm.convergence, frames=3))  # each takes its time
    np.save(tmp_path / "d.npy", fastcv.pairwise_distances(truth(9)))
    command = [
        "locate",
        str(tmp_path / "d.npy"),
        "-o",
        str(tmp_path / "x.npy"),
        "--plot",
        str(tmp_path / "x.gif"),
    ]
    assert main(command) == 0
    assert looks_drawn(tmp_path / "x.gif", frames=3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.npy", "x.gif", "x.npy"]  # and no still one


def test_one_name_cannot_hold_many_pictures(tmp_path, capsys):
    for name in "ab":
        np.save(tmp_path / f"{name}.npy", fastcv.pairwise_distances(truth(6)))
    command = ["locate", str(tmp_path), "-o", str(tmp_path / "out"), "--animate", str(tmp_path / "x.gif")]
    assert main(command) == 2
    assert "would both be written to" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_distances(tmp_path):
    for name in ("a.npy", "b/c.csv"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        distances = fastcv.pairwise_distances(truth(6))
        np.save(path, distances) if path.suffix == ".npy" else np.savetxt(path, distances, delimiter=",")
    (tmp_path / "in" / "notes.txt").write_text("no distances")
    assert main(["locate", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    written = sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*"))
    assert written == ["a.npy", "a.png", "b/c.csv", "b/c.png"]


def test_several_files_go_into_a_folder_and_the_broken_one_is_named(tmp_path, capsys):
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", fastcv.pairwise_distances(truth(6)))
    np.save(tmp_path / "odd.npy", np.zeros((2, 5)))
    paths = [str(tmp_path / f"{name}.npy") for name in ("a", "odd", "b")]
    assert main(["locate", *paths, "-o", str(tmp_path / "out"), "--no-plot"]) == 1
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.npy", "b.npy"]
    error = capsys.readouterr().err
    assert "1 of 3 not done" in error
    assert "expected a square matrix, or rows of point, point, distance; got 2 x 5" in error


@pytest.mark.parametrize(
    ("text", "options", "code", "words"),
    [
        ("0,1\n1,0\n", ["-o", "x.png"], 2, "points are written to .npy or .csv files"),
        ("0,1\n1,0\n", ["--dimensions", "0", "-o", "x.npy"], 2, "--dimensions must be at least 1, got 0"),
        ("0,1\n1,0\n", ["--threads", "0", "-o", "x.npy"], 2, "--threads must be at least 1, got 0"),
        (
            "0,1\n1,0\n",
            ["--plot", "x.jpg", "-o", "x.npy"],
            2,
            "x.jpg: expected a name that ends in .png or .gif",
        ),
        ("0,1\n1,0\n", ["--plot", "x.gif", "--animate", "y.gif", "-o", "x.npy"], 2, "exclude each other"),
        ("0,1\n1,0\n", ["--plot", "x.gif", "--no-plot", "-o", "x.npy"], 2, "exclude each other"),
        ("0,1\n1,0\n", ["--animate", "x.png", "-o", "x.npy"], 2, "expected a name that ends in .gif"),
        ("0,1\n1,0\n", ["--plot", "x.png", "--no-plot", "-o", "x.npy"], 2, "exclude each other"),
        ("0,1\n1,0\n", ["--anchors", "none.csv", "-o", "x.npy"], 1, "none.csv: no such file"),
        ("0,1\n9,0\n", ["-o", "x.npy"], 1, "say --symmetrize"),
        ("0,one\n1,0\n1,1\n", ["-o", "x.npy"], 1, "row 1 holds what is not a number: 0, one"),
        ("0,1\n1,0\n1,1\n", ["-o", "x.npy"], 1, "expected a square matrix"),
        ("0,1\n1,zero\n", ["-o", "x.npy"], 1, "row 2 holds what is not a number: 1, zero"),
        ("0,1\n1\n", ["-o", "x.npy"], 1, "row 2 has 1 columns, row 1 has 2"),
        ("0,-1\n-1,0\n", ["-o", "x.npy"], 1, "distances must"),
    ],
)
def test_refusals_write_nothing(tmp_path, monkeypatch, capsys, text, options, code, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d.csv").write_text(text)
    assert main(["locate", "d.csv", *options]) == code
    assert words in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["d.csv"]

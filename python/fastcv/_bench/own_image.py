"""The jobs of the package on one image, beside whoever is installed: what ``fastcv bench`` measures.

As a program, ``python -m fastcv._bench.own_image IMAGE.npy RESULTS.json THREADS SECONDS`` measures all of them in this
process, and prints a line after each.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import fastcv
from fastcv._bench import box_blur_peers, peers, preprocess_peers, tv_peers, workers
from fastcv._bench.harness import OURS, Case, Contestant, Settings, case_record, measure

LIBRARIES = {
    "OpenCV": "cv2",
    "SciPy": "scipy.ndimage",
    "Pillow": "PIL.Image",
    "scikit-image": "skimage",
    "kornia-rs": "kornia_rs",
    "PyTorch": "torch",
    "Numba": "numba",
    "JAX": "jax",
    "scikit-learn": "sklearn",
}
MODEL = (640, 640)
TV_SIDE = 1024  # total variation takes the middle of larger images: a peer needs seconds for a megapixel
POINTS = 200

Built = tuple[list[Contestant], dict[str, str]]


def cases(image: np.ndarray, threads: int) -> list[Case]:
    """Return the jobs on an 8-bit RGB image, held to `threads`."""
    plane = _middle_plane(image)
    size = f"{plane.shape[1]} x {plane.shape[0]} grey"
    found = [
        *((f"blur, {k} x {k}", partial(_blur, image, k, threads)) for k in (3, 8, 31)),
        (f"total variation, {size}: scikit-image's iteration", partial(_chambolle, plane, threads)),
        (f"total variation, {size}: the optimum", partial(_optimum, plane, threads)),
        ("model input 640 x 640, stretched", partial(_stretch, image, threads)),
        ("model input 640 x 640, letterbox", partial(_letterbox, image, threads)),
        ("model input 640 x 640, antialiased", partial(_antialias, image, threads)),
        (f"{POINTS} points from distances with 3 % noise (not your image)", partial(_locate, threads)),
    ]
    return [Case(name, "own", name, build, threads=threads) for name, build in found]


def settings(seconds: float) -> Settings:
    """How long to measure, when a program gets about so many seconds at each job."""
    return Settings(
        rounds=21, chunk_seconds=min(2e-3, seconds / 10), contestant_seconds=seconds, least_rounds=1
    )


def _blur(image: np.ndarray, ksize: int, threads: int) -> Built:
    who = box_blur_peers
    others, skipped = who.gather(image, ksize, threads, who.EVERYBODY)
    return [who.ours(image, ksize, threads), who.copy(image), *others], skipped


def _middle_plane(image: np.ndarray) -> np.ndarray:
    """The image's middle as a float32 plane from 0 to 1."""
    y, x = (max(0, (n - TV_SIDE) // 2) for n in image.shape[:2])
    part = image[y : y + TV_SIDE, x : x + TV_SIDE]
    return np.ascontiguousarray(part.mean(axis=-1, dtype=np.float32) / np.float32(255))


def _chambolle(plane: np.ndarray, threads: int) -> Built:
    info = fastcv.denoise_tv_chambolle(plane, tv_peers.WEIGHT, return_info=True)[1]
    others, skipped = tv_peers.by_hand(plane, info.iterations[0])
    for other in others:
        other.note = f"{other.note}; as many passes, told beforehand".removeprefix("; ")
    _add_scikit_image(plane, others, skipped)
    return [tv_peers.ours(plane, threads), *others], skipped


def _add_scikit_image(plane: np.ndarray, others: list[Contestant], skipped: dict[str, str]) -> None:
    try:
        others.append(tv_peers.scikit_image(plane))
    except peers.Missing as reason:
        skipped["scikit-image"] = str(reason)


def _optimum(plane: np.ndarray, threads: int) -> Built:
    """To a gap of 1e-3, beside scikit-image's own stop; the notes say how far both are from the optimum."""
    others: list[Contestant] = []
    skipped: dict[str, str] = {}
    _add_scikit_image(plane, others, skipped)
    contestants = [tv_peers.optimum(plane, name=OURS, threads=threads), *others]
    best = fastcv.denoise_tv(plane, tv_peers.WEIGHT, tol=1e-5, max_iter=5000, return_info=True)[0]
    for contestant in contestants:
        away = 255 * np.sqrt(np.square(contestant.call() - best).mean(dtype=np.float64))
        contestant.note = f"{away:.2g} of 255 levels (rms) from the optimum"
        contestant.expected = None  # it does not look for the same image
    return contestants, skipped


def _stretch(image: np.ndarray, threads: int) -> Built:
    who = preprocess_peers
    rivals = (who.opencv_blob, who.kornia_stretch, who.opencv_numpy)
    others, skipped = who.gather(image, MODEL, threads, rivals)
    return [who.ours(image, MODEL, threads), who.fill(image, MODEL), *others], skipped


def _letterbox(image: np.ndarray, threads: int) -> Built:
    who = preprocess_peers
    others, skipped = who.gather(image, MODEL, threads, (who.kornia_letterbox,))
    return [who.ours(image, MODEL, threads, resize="letterbox"), who.fill(image, MODEL), *others], skipped


def _antialias(image: np.ndarray, threads: int) -> Built:
    who = preprocess_peers
    others, skipped = who.gather(image, MODEL, threads, (who.torch_antialias, who.opencv_area_numpy))
    return [who.ours(image, MODEL, threads, antialias=True), who.fill(image, MODEL), *others], skipped


def _locate(threads: int) -> Built:
    """A solver's answer to the same distances; the notes say how well it fits them."""
    rng = np.random.default_rng(0)
    noise = np.triu(rng.normal(1, 0.03, (POINTS, POINTS)), 1)
    distances = fastcv.pairwise_distances(fastcv.datasets.sphere(POINTS)) * (noise + noise.T)
    contestants = [Contestant(OURS, partial(_mds, distances, threads))]
    skipped: dict[str, str] = {}
    try:
        manifold = peers.require("sklearn.manifold")
        options = {"n_init": 1, "random_state": 0, "normalized_stress": False}
        smacof = partial(manifold.smacof, distances, n_components=3, **options)
        contestants.append(Contestant("scikit-learn smacof", lambda: smacof()[0]))
    except peers.Missing as reason:
        skipped["scikit-learn smacof"] = str(reason)
    for contestant in contestants:
        error = np.triu(fastcv.pairwise_distances(contestant.call()) - distances)
        fit = np.sqrt(np.square(error).sum() / np.square(np.triu(distances)).sum())
        contestant.note = f"normalized stress {fit:.4f}"
    return contestants, skipped


def _mds(distances: np.ndarray, threads: int) -> np.ndarray:
    return fastcv.mds(distances, 3, num_threads=threads).embedding


def missing() -> list[str]:
    """Return the libraries that could have taken part, and cannot be imported."""
    absent = []
    for name, module in LIBRARIES.items():
        try:
            peers.require(module)
        except peers.Missing:
            absent.append(name)
    return absent


def main(words: list[str]) -> int:
    """Measure in this process, and write the results."""
    source, target, threads, seconds = words
    image = np.load(source)
    workers.pin(int(threads))
    results: list[dict[str, Any]] = []
    for case in cases(image, int(threads)):
        try:
            results.append(measure(case, settings(float(seconds))))
        except Exception as error:  # noqa: BLE001 - one job that fails must not hide the others
            results.append(case_record(case, {OURS: f"{type(error).__name__}: {error}"}, []))
        print(case.name, flush=True)
    found = {"missing": missing(), "cases": results}
    Path(target).write_text(json.dumps(found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The cases of `fastcv.Preprocess`, each with the figure it was promised to reach."""

from __future__ import annotations

from functools import partial

import numpy as np

from fastcv._bench import images
from fastcv._bench import preprocess_peers as who
from fastcv._bench.harness import OURS, Case, Contestant, Target

NAME = "preprocess"
TITLE = "Preprocess"
SUMMARY = (
    "`Preprocess`, 8-bit RGB to normalised float32 CHW, one thread: times faster than `cv2.dnn.blobFromImage` (bilinear), "
    "kornia-rs (letterbox), PyTorch (antialias) and Pillow's resize alone (nearest)."
)
PEER = "cv2 blobFromImage"

SMALL = ((576, 768), (240, 256))
LARGE = ((1080, 1920), (640, 640))
ODD = ((1078, 1918), (640, 640))

# job: (options, its peers, {peer: (times faster for SMALL, for LARGE and ODD)})
JOBS = {
    "bilinear": (
        {},
        (who.opencv_blob, who.kornia_stretch, who.opencv_numpy, who.opencv_resize),
        {PEER: (6.5, 6), "kornia-rs stretch": (9, 8), "cv2.resize + NumPy": (20, 20)},
    ),
    "letterbox": ({"resize": "letterbox"}, (who.kornia_letterbox,), {"kornia-rs letterbox": (8, 6)}),
    "antialias": ({"antialias": True}, (who.torch_antialias,), {"torch pipeline": (4.5, 4)}),
    "nearest": (
        {"interpolation": "nearest_exact"},
        (who.pillow_nearest,),
        {"Pillow nearest alone": (1.5, 1.5)},
    ),
}
AVX2_SHARE = 0.45
RATIOS = ((1 / 16, 1 / 16), (1 / 7, 1 / 5), (1 / 3, 1 / 3), (0.6, 0.7), (1, 1), (1.9, 2.3), (5, 4), (16, 16))

# As in box_blur.py.
HEADLINE = [
    ("preprocess/main/1078x1918/bilinear", PEER, "model input, bilinear", "OpenCV"),
    ("preprocess/main/1078x1918/letterbox", "kornia-rs letterbox", "model input, letterbox", "kornia-rs"),
    ("preprocess/main/1078x1918/antialias", "torch pipeline", "model input, antialiased", "PyTorch"),
]

SECTIONS = {
    "main": (
        "8-bit RGB to float32, one thread",
        "long",
        "Mean and std, channels first, planes at multiples of 4 KiB.",
    ),
    "types": ("Other results", "long", "One thread; fastcv against itself."),
    "ratios": (
        "Any ratio",
        "grid",
        "One thread: times faster than `cv2.resize` and NumPy; antialiased than `INTER_AREA` and NumPy, which also looks at every pixel (the default, bilinear, looks at one in sixty-four at 1/16).",
    ),
    "batch": ("A batch of 32 on two threads", "long", "640x480 to 224x224; each thread takes whole images."),
    "overhead": ("One call", "long", "A 1x1 image to 1x1: what it costs to be called."),
    "avx2": ("One thread, AVX2 forced", "long", "`FASTCV_SIMD=avx2`; the others use what they like."),
}
PLOTS: dict[str, tuple[str, str, str]] = {}


def _text(shape, size) -> str:
    return f"{shape[0]}x{shape[1]} to {size[0]}x{size[1]}"


def _job(shape, size, job):
    options, rivals, _ = JOBS[job]
    image = images.image(*shape, 3)
    others, skipped = who.gather(image, size, 1, rivals)
    floor = who.fill_and_read(image, size, 1 if job == "nearest" else 2)
    return [who.ours(image, size, 1, **options), who.fill(image, size), floor, *others], skipped


def _jobs(section: str, share: float, simd: str) -> list[Case]:
    cases = []
    for shape, size in (SMALL, LARGE, ODD):
        for job, (_, _, promised) in JOBS.items():
            which = 0 if shape == SMALL[0] else 1
            targets = [
                Target(peer, OURS, at_least=share * figures[which]) for peer, figures in promised.items()
            ]
            if not simd and job in ("bilinear", "nearest"):
                targets.append(Target(OURS, who.READ, at_most=1.8))
            cases.append(
                Case(
                    f"{NAME}/{section}/{shape[0]}x{shape[1]}/{job}",
                    section,
                    _text(shape, size),
                    partial(_job, shape, size, job),
                    job,
                    targets,
                    simd=simd,
                    quick=shape == SMALL[0],
                )
            )
    return cases


def _every_type(shape, size):
    image = images.image(*shape, 3)
    return [
        who.ours(image, size, 1),
        who.ours(image, size, 1, f"{OURS} float16", dtype="float16"),
        who.ours(image, size, 1, f"{OURS} uint8", dtype="uint8"),
        who.ours(image, size, 1, f"{OURS} HWC", layout="HWC"),
        who.fill(image, size),
    ], {}


def _types() -> list[Case]:
    targets = [Target(f"{OURS} {dtype}", OURS, at_most=1.0) for dtype in ("float16", "uint8")]
    return [
        Case(
            f"{NAME}/types/{s[0]}x{s[1]}", "types", _text(s, to), partial(_every_type, s, to), targets=targets
        )
        for s, to in (SMALL, ODD)
    ]


def _ratio(shape, size, antialias):
    image = images.image(*shape, 3)
    rivals = (who.opencv_area_numpy, who.opencv_numpy) if antialias else (who.opencv_numpy,)
    others, skipped = who.gather(image, size, 1, rivals)
    return [who.ours(image, size, 1, antialias=antialias), who.fill(image, size), *others], skipped


def _ratios() -> list[Case]:
    cases = []
    for ratio_y, ratio_x in RATIOS:
        shape = (1078, 1917) if ratio_x < 1 else (123, 171)
        size = (max(1, round(shape[0] * ratio_y)), max(1, round(shape[1] * ratio_x)))
        for antialias in (False, True):
            column = "antialiased" if antialias else "bilinear"
            peer = who.opencv_area_numpy if antialias else who.opencv_numpy
            cases.append(
                Case(
                    f"{NAME}/ratios/{size[0]}x{size[1]}/{column}",
                    "ratios",
                    _text(shape, size),
                    partial(_ratio, shape, size, antialias),
                    column,
                    [Target(who.NAMES[peer], OURS, at_least=1.0)],
                )
            )
    return cases


def _batch_of_32():
    import fastcv

    pictures = [np.ascontiguousarray(np.roll(images.image(480, 640, 3), i, axis=1)) for i in range(32)]
    out = np.zeros((32, 3, 224, 224), np.float32)
    contestants = []
    for threads in (1, 2):
        pre = fastcv.Preprocess(224, mean=who.MEAN, std=who.STD, num_threads=threads)
        name = f"{OURS}, {threads} thread{'s'[: threads - 1]}"
        contestants.append(Contestant(name, partial(pre.batch, pictures, out), view=None))
    return contestants, {}


def _batch() -> list[Case]:
    target = Target(f"{OURS}, 1 thread", f"{OURS}, 2 threads", at_least=1.8)
    return [Case(f"{NAME}/batch", "batch", "32 images", _batch_of_32, targets=[target], threads=2)]


def _calls():
    import fastcv

    image, out = np.zeros((1, 1, 3), np.uint8), np.zeros((3, 1, 1), np.float32)
    pre = fastcv.Preprocess(1)
    return [
        Contestant(f"{OURS}, out=", lambda: pre(image, None, out), view=None),
        Contestant(f"{OURS}, new array", lambda: pre(image), view=None),
        Contestant("empty pybind11 call", partial(fastcv._core._noop), view=None),
    ], {}


def _overhead() -> list[Case]:
    return [Case(f"{NAME}/overhead", "overhead", "1x1", _calls, quick=True)]


def cases(quick: bool = False) -> list[Case]:
    """Return every case, or those of a quick look."""
    everything = [
        *_jobs("main", 1.0, ""),
        *_types(),
        *_ratios(),
        *_overhead(),
        *_batch(),
        *_jobs("avx2", AVX2_SHARE, "avx2"),
    ]
    return [case for case in everything if case.quick or not quick]

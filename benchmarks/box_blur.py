"""The cases of `fastcv.box_blur`, each with the figure it was promised to reach."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from fastcv._bench import box_blur_peers as who
from fastcv._bench import images
from fastcv._bench.harness import COPY, OURS, Case, Contestant, Target

NAME = "box_blur"
TITLE = "box_blur"
SUMMARY = "`box_blur`, 8 bit, one thread: times faster than `cv2.blur`, with the promised figure."
PEER = "cv2.blur"
BORDERS = ("reflect101", "reflect", "clamp", "wrap", "constant", "shrink")
KSIZES = (3, 5, 8, 15, 31)
SIZES = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)

# image: {ksize: times faster than cv2.blur}, one thread, the best SIMD target
PROMISED = {
    (2160, 3840, 4): {3: 3.0, 8: 5.0, 15: 2.8, 31: 3.7},
    (1080, 1920, 3): {3: 2.2, 8: 8.0, 15: 6.5, 31: 5.0},
    (512, 512, 4): {3: 1.7, 8: 3.7, 15: 2.2, 31: 2.5},
    (128, 128, 4): {3: 1.6, 8: 2.8, 15: 1.8, 31: 2.2},
}
PROMISED_FLOAT32 = {3: 1.4, 8: 1.7, 15: 1.7, 31: 1.5}

# key: (title, layout, what to know)
# Of the picture in front: case, peer, what it is called there, whom it is compared with.
HEADLINE = [
    ("box_blur/main/1080x1920x3/uint8/k8", PEER, "blur 8 x 8, full HD RGB", "OpenCV"),
    ("box_blur/main/2160x3840x4/uint8/k15", PEER, "blur 15 x 15, 4K RGBA", "OpenCV"),
]

SECTIONS = {
    "main": ("8 bit, one thread", "grid", "Times faster than `cv2.blur`, with the promised figure."),
    "ksize": ("Every window size", "long", "2160x3840x4, one thread, all in one case; some are listed."),
    "threads": ("Two threads", "long", "`cv2.blur` runs on one thread whatever it is told."),
    "dtypes": ("16 bit and floats", "grid", "1080x1920x3, one thread: times faster than `cv2.blur`."),
    "borders": ("Border modes", "long", "One thread; fastcv against itself, ksize 8."),
    "filter2d": (
        "The source picture's size",
        "long",
        "174x174x4, ksize 8, against `cv2.filter2D`; `even` equals it bit for bit.",
    ),
    "awkward": ("Awkward sizes", "grid", "One thread: times faster than `cv2.blur`."),
    "aligned": (
        "Memory on 64-byte boundaries",
        "grid",
        "The first table's largest image, in aligned memory (NumPy's own is aligned to 16).",
    ),
    "overhead": ("One call", "long", "A 1x1 grey image, ksize 3: what it costs to be called."),
    "peers": ("Everybody", "long", "The same job in other libraries, one thread each."),
    "avx2": ("8 bit, one thread, AVX2 forced", "grid", "`FASTCV_SIMD=avx2`; `cv2.blur` uses what it likes."),
    "size": ("Every image size", "plot", ""),
}

# key: (file, title, x label)
PLOTS = {
    "size": ("bench_box_blur_size.png", "RGBA, 8 bit, ksize 15, one thread", "width = height, pixels"),
    "ksize": ("bench_box_blur_ksize.png", "2160 x 3840 RGBA, 8 bit, one thread", "ksize"),
}


def _text(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))


def _versus(shape, ksize, dtype="uint8", threads=1, aligned=False, rivals=(who.opencv,), **options):
    """Return ours, the copy and the rivals on one image."""
    image = images.image(*shape, dtype)
    if aligned:
        image = images.aligned_like(image, copy=True)
        options["out"] = images.aligned_like(image)
    others, skipped = who.gather(image, ksize, threads, rivals)
    return [who.ours(image, ksize, threads, **options), who.copy(image), *others], skipped


def _duel(section, shape, ksize, at_least=None, quick=False, simd="", extra=(), **options) -> Case:
    """Ours against cv2.blur on one image, with one window."""
    dtype = options.get("dtype", "uint8")
    row = f"{_text(shape)} {dtype}" if section == "dtypes" else _text(shape)
    targets = [Target(PEER, OURS, at_least=at_least)] if at_least else []
    return Case(
        name=f"{NAME}/{section}/{_text(shape)}/{dtype}/k{ksize}",
        section=section,
        row=row,
        column=f"ksize {ksize}",
        build=partial(_versus, shape, ksize, **options),
        targets=[*targets, *extra],
        simd=simd,
        quick=quick,
    )


def _main() -> list[Case]:
    cases = []
    for shape, promised in PROMISED.items():
        for ksize in KSIZES:
            near_copy = Target(OURS, COPY, at_most=1.15)
            extra = [near_copy] if shape[0] == 2160 and ksize <= 8 else []
            quick = ksize in (3, 8)
            cases.append(_duel("main", shape, ksize, promised.get(ksize), quick, extra=extra))
    return cases


def _avx2() -> list[Case]:
    cases = []
    for shape in PROMISED:
        for ksize in KSIZES:
            at_least = 1.5 if shape[0] >= 1080 else 1.0
            cases.append(_duel("avx2", shape, ksize, at_least, ksize == 8, simd="avx2"))
    return cases


def _aligned() -> list[Case]:
    shape = (2160, 3840, 4)
    cases = []
    for k in KSIZES:
        extra = [Target(OURS, COPY, at_most=1.15)] if k <= 8 else []
        cases.append(_duel("aligned", shape, k, PROMISED[shape].get(k), extra=extra, aligned=True))
    return cases


def _dtypes() -> list[Case]:
    shape = (1080, 1920, 3)
    promised = {"uint16": dict.fromkeys(PROMISED_FLOAT32, 1.5), "float32": PROMISED_FLOAT32}
    return [
        _duel("dtypes", shape, k, promised.get(dtype, {}).get(k), k == 8, dtype=dtype)
        for dtype in ("uint16", "float32", "float64")
        for k in PROMISED_FLOAT32
    ]


def _awkward() -> list[Case]:
    shapes = ((1078, 1917, 3), (997, 1013, 1), (333, 517, 4))
    return [_duel("awkward", shape, k, quick=k == 8) for shape in shapes for k in KSIZES]


def _every_ksize(ksizes: Sequence[int], rivals):
    image = images.image(2160, 3840, 4)
    out = images.output_like(image)
    listed = (2, 3, 4, 5, 8, 15, 16, 31, 32, 63, 64, 127, 128, 192, 255)
    contestants = []
    for k in ksizes:
        ours = who.ours(image, k, 1, f"{OURS} ksize {k}", out=out)
        ours.point, ours.listed = ("ksize", OURS, k), k in listed
        contestants.append(ours)
    contestants.append(copy := who.copy(image))
    copy.point = ("ksize", COPY, 0)
    skipped: dict[str, str] = {}
    for k in (3, 8, 15, 31, 63, 127, 255):
        if k not in ksizes:
            continue
        others, reasons = who.gather(image, k, 1, rivals)
        skipped.update({f"{name} ksize {k}": reason for name, reason in reasons.items()})
        for other in others:
            other.point = ("ksize", other.name, k)
            other.name += f" ksize {k}"
        contestants += others
    return contestants, skipped


def _ksize(quick: bool) -> list[Case]:
    ksizes = (2, 3, 8, 31, 128, 255) if quick else range(2, 256)
    small = tuple(f"{OURS} ksize {k}" for k in ksizes if k <= 128)
    large = tuple(f"{OURS} ksize {k}" for k in ksizes if k > 128)
    under = f"{OURS} ksize 8"
    targets = [Target(small, under, at_most=2.5), Target(large, under, at_most=4.0)]
    rivals = (who.opencv,) if quick else (who.opencv, who.pillow, who.scipy)
    build = partial(_every_ksize, ksizes, rivals)
    return [Case(f"{NAME}/ksize", "ksize", "2160x3840x4", build, targets=targets, quick=True, rounds=15)]


def _two_threads(shape, ksize, rivals):
    image = images.image(*shape)
    one, two = (who.ours(image, ksize, n, f"{OURS}, {n} thread{'s'[: n - 1]}") for n in (1, 2))
    others, skipped = who.gather(image, ksize, 2, rivals)
    return [one, two, who.copy(image), *others], skipped


def _threads(quick: bool) -> list[Case]:
    rivals = (who.opencv,) if quick else (who.opencv, who.kornia, who.torch)
    promised = {15: (None, None), 31: (1.6, 6.0)}
    cases = []
    for shape in ((2160, 3840, 4), (1080, 1920, 3)):
        for ksize, (over_one, over_peer) in promised.items():
            targets = []
            if over_one:
                two = f"{OURS}, 2 threads"
                targets = [
                    Target(f"{OURS}, 1 thread", two, at_least=over_one),
                    Target(PEER, two, at_least=over_peer),
                ]
            name, row = f"{NAME}/threads/{_text(shape)}/k{ksize}", f"{_text(shape)}, ksize {ksize}"
            build = partial(_two_threads, shape, ksize, rivals)
            cases.append(Case(name, "threads", row, build, "", targets, threads=2, quick=ksize == 31))
    return cases


def _every_border(shape, ksize):
    image = images.image(*shape)
    out = images.output_like(image)
    borders = [who.ours(image, ksize, 1, f"{OURS} {b}", border=b, out=out) for b in BORDERS]
    return [*borders, who.copy(image)], {}


def _borders() -> list[Case]:
    cases = []
    for shape, limit in (((1080, 1920, 3), 1.1), ((2160, 3840, 4), 1.1), ((512, 512, 4), 2.0)):
        others = [b for b in BORDERS if b != "reflect101"]
        targets = [Target(f"{OURS} {b}", f"{OURS} reflect101", at_most=limit) for b in others]
        build = partial(_every_border, shape, 8)
        name = f"{NAME}/borders/{_text(shape)}"
        cases.append(Case(name, "borders", f"{_text(shape)}, ksize 8", build, "", targets, quick=True))
    return cases


def _source_picture():
    image = images.image(174, 174, 4)
    even = who.ours(image, 8, 1, f"{OURS} even", rounding="even")
    others, skipped = who.gather(image, 8, 1, (who.opencv_filter2d, who.opencv))
    return [who.ours(image, 8, 1), even, who.copy(image), *others], skipped


def _filter2d() -> list[Case]:
    targets = [Target("cv2.filter2D", name, at_least=40) for name in (OURS, f"{OURS} even")]
    row = "174x174x4, ksize 8"
    return [Case(f"{NAME}/filter2d", "filter2d", row, _source_picture, "", targets, quick=True)]


def _calls():
    import fastcv

    image = np.full((1, 1), 7, np.uint8)
    noop = getattr(fastcv._core, "_noop", None)
    contestants = [
        Contestant(f"{OURS}, out=", partial(fastcv.box_blur, image, 3, out=image.copy())),
        Contestant(f"{OURS}, new array", partial(fastcv.box_blur, image, 3)),
        Contestant("np.copyto 1x1", partial(np.copyto, image.copy(), image), view=None),
    ]
    if noop is not None:
        contestants.append(Contestant("empty pybind11 call", partial(noop), view=None))
    others, skipped = who.gather(image[..., None], 3, 1, (who.opencv,))
    return contestants + others, skipped


def _overhead() -> list[Case]:
    target = Target(f"{OURS}, out=", "empty pybind11 call", at_most=0.5e-6, difference=True)
    return [Case(f"{NAME}/overhead", "overhead", "1x1", _calls, targets=[target], quick=True)]


def _peers() -> list[Case]:
    everybody = who.EVERYBODY
    chosen = (
        ((1080, 1920, 3), 15, "uint8", everybody),
        ((1080, 1920, 3), 8, "uint8", everybody),
        ((512, 512, 1), 15, "uint8", everybody),
        ((1080, 1920, 3), 15, "float32", everybody),
    )
    return [
        Case(
            f"{NAME}/peers/{_text(shape)}/{dtype}/k{ksize}",
            "peers",
            f"{_text(shape)} {dtype}, ksize {ksize}",
            partial(_versus, shape, ksize, dtype, rivals=rivals),
        )
        for shape, ksize, dtype, rivals in chosen
    ]


def _one_size(side: int):
    contestants, skipped = _versus(
        (side, side, 4), 15, rivals=(who.opencv, who.scipy, who.pillow, who.kornia)
    )
    for contestant in contestants:
        contestant.point = ("size", contestant.name, side)
    return contestants, skipped


def _size() -> list[Case]:
    return [
        Case(f"{NAME}/size/{side}", "size", f"{side}x{side}x4", partial(_one_size, side)) for side in SIZES
    ]


def cases(quick: bool = False) -> list[Case]:
    """Return every case, or those of a quick look."""
    everything = [
        *_main(),
        *_overhead(),
        *_filter2d(),
        *_ksize(quick),
        *_borders(),
        *_dtypes(),
        *_awkward(),
        *_aligned(),
        *_size(),
        *_peers(),
        *_threads(quick),
        *_avx2(),
    ]
    return [case for case in everything if case.quick or not quick]

"""The cases of total variation denoising, each with the figure it was promised to reach."""

from __future__ import annotations

from functools import partial

from benchmarks import tv_peers as who
from benchmarks.harness import OURS, Case, Contestant, Target

NAME = "tv"
TITLE = "denoise_tv_chambolle"
PHOTO = (1125, 1500)
PASSES = 24  # of the cases that cost a pass: both sides run so many

# key: (title, layout, what to know)
SECTIONS = {
    "pass": (
        "One pass",
        "long",
        f"{PASSES} passes of Chambolle's iteration (`eps=0`) on one plane, weight 0.1, one thread.",
    ),
    "default": (
        "The default call",
        "long",
        "As scikit-image is called: its stop rule, `eps=2e-4`; both stop after the same number of passes.",
    ),
    "avx2": ("One pass, AVX2 forced", "long", "`FASTCV_SIMD=avx2`; the others use what they like."),
    "photo": (
        "A noisy photograph",
        "long",
        "1125x1500x3 float32, noise and weight 0.1, one thread. scikit-image's rule stops far from the optimum.",
    ),
    "threads": ("Two threads", "long", "Ours against ours."),
    "size": ("Large images", "long", "The cost of a pass a pixel, and volumes."),
}

PLOTS: dict[str, tuple[str, str, str]] = {}


def _pass(shape, dtype="float32", hand=True, threads=1):
    image = who.noisy(*shape, 1, dtype)
    contestants = [who.ours(image, threads, eps=0, max_num_iter=PASSES), who.copy(image)]
    others, skipped = who.by_hand(image, PASSES) if hand else ([], {})
    try:
        contestants.append(who.scikit_image(image, eps=0, max_num_iter=PASSES))
    except who.peers.Missing as reason:
        skipped["scikit-image"] = str(reason)
    return contestants + others, skipped


def _default(shape, channels, dtype):
    image = who.noisy(*shape, channels, dtype)
    skipped = {}
    contestants = [who.ours(image), who.copy(image)]
    try:
        contestants.append(who.scikit_image(image))
    except who.peers.Missing as reason:
        skipped["scikit-image"] = str(reason)
    return contestants, skipped


def _threads(shape, dtype):
    image = who.noisy(*shape, 1, dtype)
    options = {"eps": 0, "max_num_iter": 96}
    one, two = (who.ours(image, n, f"{OURS}, {n} thread{'s'[: n - 1]}", **options) for n in (1, 2))
    return [one, two, who.copy(image)], {}


def _sizes(dtype):
    """The same passes on the photograph and on 4K, the latter taken per pixel of the former."""
    contestants: list[Contestant] = []
    for shape in (PHOTO, (2160, 3840)):
        image = who.noisy(*shape, 1, dtype)
        name = f"{OURS} {shape[0]}x{shape[1]}"
        contestants.append(who.ours(image, 1, name, eps=0, max_num_iter=96))
    return contestants, {}


def cases(quick: bool = False) -> list[Case]:
    """Return all cases, or few of them."""
    text = "x".join(map(str, PHOTO))
    skimage, plain, peeled = "scikit-image", "Numba, plain loops", "Numba, borders peeled"
    larger = 2160 * 3840 / (PHOTO[0] * PHOTO[1])
    all_cases = [
        Case(
            f"{NAME}/pass/{text}/float32",
            "pass",
            f"{text} float32",
            partial(_pass, PHOTO),
            targets=[
                Target(skimage, OURS, at_least=28),
                Target(plain, OURS, at_least=12),
                Target(peeled, OURS, at_least=3),
            ],
            quick=True,
        ),
        Case(f"{NAME}/pass/{text}/float64", "pass", f"{text} float64", partial(_pass, PHOTO, "float64")),
        Case(f"{NAME}/pass/333x517/float32", "pass", "333x517 float32", partial(_pass, (333, 517))),
        Case(
            f"{NAME}/default/{text}x3/uint8",
            "default",
            f"{text}x3 uint8",
            partial(_default, PHOTO, 3, "uint8"),
            targets=[Target(skimage, OURS, at_least=25)],
            quick=True,
        ),
        Case(
            f"{NAME}/default/{text}x3/float32",
            "default",
            f"{text}x3 float32",
            partial(_default, PHOTO, 3, "float32"),
        ),
        Case(
            f"{NAME}/default/{text}/float32",
            "default",
            f"{text} float32",
            partial(_default, PHOTO, 1, "float32"),
        ),
        Case(
            f"{NAME}/photo/{text}x3/float32",
            "photo",
            f"{text}x3 float32",
            partial(who.photograph, *PHOTO),
            rounds=9,
        ),
        Case(
            f"{NAME}/avx2/{text}/float32",
            "avx2",
            f"{text} float32",
            partial(_pass, PHOTO),
            targets=[Target(skimage, OURS, at_least=18)],
            simd="avx2",
        ),
        Case(
            f"{NAME}/size/float32",
            "size",
            "float32, 96 passes",
            partial(_sizes, "float32"),
            targets=[Target(f"{OURS} 2160x3840", f"{OURS} {text}", at_most=1.2 * larger)],
        ),
    ]
    for dtype in ("float32", "float64"):
        all_cases.append(
            Case(
                f"{NAME}/threads/{text}/{dtype}",
                "threads",
                f"{text} {dtype}",
                partial(_threads, PHOTO, dtype),
                targets=[Target(f"{OURS}, 1 thread", f"{OURS}, 2 threads", at_least=1.6)],
                threads=2,
            )
        )
    return [case for case in all_cases if case.quick or not quick]

"""The cases of total variation denoising, each with the figure it was promised to reach."""

from __future__ import annotations

from functools import partial

from fastcv._bench import tv_peers as who
from fastcv._bench.harness import OURS, Case, Contestant, Target

NAME = "tv"
TITLE = "Total variation"
SUMMARY = (
    "`denoise_tv` to a relative gap of 1e-3, float32 with noise of 0.1, one thread: times faster than scikit-image's "
    "`denoise_tv_chambolle` run until it reaches the same objective."
)
PHOTO = (1125, 1500)
PASSES = 24  # of the cases that cost a pass: both sides run so many
# weight: times faster than scikit-image to the objective of ours at tol=1e-3, and to that of its own default stop
PROMISED_OPTIMUM = {0.05: 20, 0.1: 100, 0.2: 100}
PROMISED_STOP = {0.05: 28, 0.1: 25, 0.2: 18}

# key: (title, layout, what to know)
# As in box_blur.py.
HEADLINE = [
    ("tv/optimum/0.1", "scikit-image", "noise out, to the optimum", "scikit-image"),
    ("tv/pass/1125x1500/float32", "scikit-image", "noise out, same iteration", "scikit-image"),
]

SECTIONS = {
    "optimum": (
        "The optimum",
        "long",
        "`denoise_tv(tol=1e-3)`, 1125x1500 float32, noise 0.1, one thread; scikit-image runs until it gets as low.",
    ),
    "stop": (
        "As far as scikit-image goes",
        "long",
        "The same image: scikit-image's default call, and `denoise_tv` to the objective that it stops at.",
    ),
    "iteration": (
        "One iteration of denoise_tv",
        "long",
        f"{PASSES} iterations and the certificate of the result, weight 0.1: ours against ours.",
    ),
    "pass": (
        "One pass of denoise_tv_chambolle",
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


def _iterations():
    """The kinds of `denoise_tv`, a fixed number of iterations each."""
    plane, colour = who.noisy(*PHOTO, 1), who.noisy(*PHOTO, 3)
    return [
        who.iterations(plane, PASSES, "float32"),
        who.iterations(plane.astype("float64"), PASSES, "float64"),
        who.iterations(colour, PASSES, "colour, separate"),
        who.iterations(colour, PASSES, "colour, joint", channels="joint"),
        who.iterations(who.noisy(2160, 3840, 1), PASSES, "float32 2160x3840"),
        who.copy(plane),
    ], {}


def _solve_threads():
    image = who.noisy(*PHOTO, 1)
    one, two = (who.optimum(image, who.WEIGHT, f"{OURS}, {n} thread{'s'[: n - 1]}", n) for n in (1, 2))
    return [one, two, who.copy(image)], {}


def _optimum_cases() -> list[Case]:
    text, larger = "x".join(map(str, PHOTO)), 2160 * 3840 / (PHOTO[0] * PHOTO[1])
    cases = []
    for section, promised in (("optimum", PROMISED_OPTIMUM), ("stop", PROMISED_STOP)):
        for weight, at_least in promised.items():
            cases.append(
                Case(
                    f"{NAME}/{section}/{weight}",
                    section,
                    f"{text} float32",
                    partial(who.to_the_same_objective, PHOTO, weight, section == "optimum"),
                    f"weight {weight}",
                    [Target("scikit-image", OURS, at_least=at_least)],
                    rounds=2 if section == "optimum" else 9,
                    quick=section == "stop" and weight == 0.1,
                )
            )
    cases.append(
        Case(
            f"{NAME}/iteration/{text}",
            "iteration",
            text,
            _iterations,
            targets=[
                Target("float64", "float32", at_most=2.3),
                Target("colour, joint", "colour, separate", at_most=0.7),
                Target("float32 2160x3840", "float32", at_most=1.2 * larger),
            ],
            rounds=15,
        )
    )
    cases.append(
        Case(
            f"{NAME}/threads/denoise_tv",
            "threads",
            f"denoise_tv {text}",
            _solve_threads,
            targets=[Target(f"{OURS}, 1 thread", f"{OURS}, 2 threads", at_least=1.6)],
            threads=2,
        )
    )
    return cases


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
    all_cases = _optimum_cases() + all_cases
    return [case for case in all_cases if case.quick or not quick]

"""The cases of gradient descent on distances, each with the figure it was promised to reach."""

from __future__ import annotations

from functools import partial

from benchmarks import mds_network, mds_solver
from benchmarks import mds_peers as who
from fastcv._bench.harness import OURS, Case, Target

NAME = "mds"
TITLE = "Points from distances"
SUMMARY = (
    "`gradient_descent`, float32, three dimensions, one thread: times faster than the same loop in Numba "
    "(`fastmath`), by the number of points."
)
STEPS = {10: 1000, 100: 300, 1000: 100, 4000: 40}
# loss: {points: times faster than Numba's plain loops}; and than Numba written for the vectoriser
PROMISED = {
    "stress": {10: 6, 100: 15, 1000: 22, 4000: 20},
    "sstress": {10: 4, 100: 16, 1000: 22, 4000: 20},
}
PROMISED_VECTORISED = {10: 3, 100: 1.7, 1000: 1.5, 4000: 4}
# The chart of the published program; flame and modular are drawings, here scattered points of their number.
CHART = (
    ("circle", 10, 2),
    ("circle", 100, 2),
    ("circle", 1000, 2),
    ("sphere", 10, 3),
    ("sphere", 100, 3),
    ("sphere", 1000, 3),
    ("scatter", 307, 2),
    ("scatter", 307, 3),
    ("scatter", 1000, 2),
    ("scatter", 1000, 3),
)

# key: (title, layout, what to know)
SECTIONS = {
    "iteration": (
        "Iterations of gradient_descent",
        "long",
        "Whole calls of so many steps, our packing of the distances included.",
    ),
    "avx2": ("The same, AVX2 forced", "long", "`FASTCV_SIMD=avx2`; the others use what they like."),
    "published": (
        "Beside the published C++, and scikit-learn",
        "long",
        "1000 points in space. The C++ is rebuilt here in the published style (`benchmarks/native`), `g++ -O3 -fopenmp`.",
    ),
    "chart": (
        "The published chart",
        "long",
        "1000 steps of s-stress, one thread. What takes too long runs a part, and is scaled.",
    ),
    "descent_threads": ("gradient_descent with two threads", "long", "Ours against ours."),
    **mds_solver.SECTIONS,
    **mds_network.SECTIONS,
}

PLOTS: dict[str, tuple[str, str, str]] = {}


def _guarded(contestants, *builders):
    """Add what is installed."""
    skipped = {}
    for name, build in builders:
        try:
            found = build()
        except who.peers.Missing as reason:
            skipped[name] = str(reason)
            continue
        contestants += found if isinstance(found, list) else [found]
    return contestants, skipped


def _iteration(n: int, loss: str):
    x0, distances = who.problem("sphere", n, 3)
    arguments = (x0, distances, 0.02 / n, STEPS[n])
    return _guarded([who.ours(*arguments, loss)], ("Numba", partial(who.numba, *arguments, loss)))


def _published(n: int):
    x0, distances = who.problem("sphere", n, 3)
    arguments = (x0, distances, 0.02 / n, STEPS[n])
    return _guarded([who.ours(*arguments)], ("C++ as published", partial(who.published_cpp, *arguments)))


def _smacof(n: int, steps: int = 30):
    x0, distances = who.problem("sphere", n, 3)
    present = [who.ours(x0, distances, 0.5 / n, steps, "stress")]
    return _guarded(present, ("scikit-learn smacof", partial(who.smacof, x0, distances, steps)))


def _chart(shape: str, n: int, dimensions: int, steps: int = 1000):
    x0, distances = who.problem(shape, n, dimensions)
    arguments = (x0, distances, 0.05 / n, steps)
    return _guarded(
        [who.ours(*arguments)],
        ("C++ as published", partial(who.published_cpp, *arguments)),
        ("JAX", partial(who.jax, *arguments)),
        ("NumPy, vectorised", partial(who.vectorised, *arguments)),
        ("loops", partial(who.loops, x0, distances, steps)),
    )


def _threads(n: int, steps: int):
    x0, distances = who.problem("sphere", n, 3)
    names = [f"{OURS}, {t} thread{'s'[: t - 1]}" for t in (1, 2)]
    return [
        who.ours(x0, distances, 0.02 / n, steps, "stress", t, name) for t, name in enumerate(names, 1)
    ], {}


def _iteration_cases() -> list[Case]:
    cases = []
    for simd, share in (("", 1.0), ("avx2", 0.5)):
        for loss, promised in PROMISED.items():
            for n, at_least in promised.items():
                targets = [Target("Numba, plain loops", OURS, at_least=share * at_least)]
                if loss == "stress":
                    vectorised = share * PROMISED_VECTORISED[n]
                    targets.append(Target("Numba, for the vectoriser", OURS, at_least=vectorised))
                cases.append(
                    Case(
                        f"{NAME}/{simd or 'iteration'}/{loss}/{n}",
                        simd or "iteration",
                        f"{loss}, {n} points, {STEPS[n]} steps",
                        partial(_iteration, n, loss),
                        targets=targets,
                        simd=simd,
                        quick=not simd and n == 100,
                        rounds=5 if n == 4000 else 21,
                    )
                )
    return cases


def cases(quick: bool = False) -> list[Case]:
    """Return all cases, or few of them."""
    all_cases = [
        *_iteration_cases(),
        Case(
            f"{NAME}/published/1000",
            "published",
            f"sstress, {STEPS[1000]} steps",
            partial(_published, 1000),
            targets=[Target("C++ as published", OURS, at_least=60)],
            rounds=9,
        ),
        Case(
            f"{NAME}/published/smacof",
            "published",
            "stress, 30 steps",
            partial(_smacof, 1000),
            targets=[Target("scikit-learn smacof", OURS, at_least=100)],
            rounds=9,
        ),
    ]
    for shape, n, dimensions in CHART:
        all_cases.append(
            Case(
                f"{NAME}/chart/{shape}/{n}x{dimensions}",
                "chart",
                f"{shape} {n}x{dimensions}",
                partial(_chart, shape, n, dimensions),
                rounds=5,
            )
        )
    for n, steps, at_least in ((100, 300, 0.95), (200, 200, 0.95), (1000, 100, None), (4000, 100, 1.6)):
        one, two = (f"{OURS}, {t} thread{'s'[: t - 1]}" for t in (1, 2))
        all_cases.append(
            Case(
                f"{NAME}/descent_threads/{n}",
                "descent_threads",
                f"stress, {n} points, {steps} steps",
                partial(_threads, n, steps),
                targets=[Target(one, two, at_least=at_least)] if at_least else [],
                threads=2,
                rounds=15,
            )
        )
    own = [case for case in all_cases if case.quick or not quick]
    return [*own, *mds_solver.cases(quick), *mds_network.cases(quick)]

"""Chambolle's iteration, as the users of each library write it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from fastcv._bench import images, peers
from fastcv._bench.harness import COPY, OURS, Contestant

WEIGHT = 0.1


def noisy(height: int, width: int, channels: int, dtype: str = "float32", sigma: float = 0.1) -> np.ndarray:
    """Return the photograph with Gaussian noise; one channel: a plane."""
    clean = images.image(height, width, channels, "float32")
    rng = np.random.default_rng(images.SEED)
    noise = rng.standard_normal(clean.shape, np.float32) * np.float32(sigma)
    image = np.clip(clean + noise, 0, 1)
    image = image[..., 0] if channels == 1 else image
    return (image * 255).round().astype(np.uint8) if dtype == "uint8" else image.astype(dtype)


def _result(image: np.ndarray) -> np.ndarray:
    return images.output_like(np.empty(image.shape, np.float32 if image.dtype == np.float32 else np.float64))


def _axis(image: np.ndarray) -> int | None:
    return -1 if image.ndim == 3 else None


def ours(image: np.ndarray, threads: int = 1, name: str = OURS, **options: Any) -> Contestant:
    """`fastcv.denoise_tv_chambolle` into preallocated memory."""
    import fastcv

    options = {"channel_axis": _axis(image), "out": _result(image), "num_threads": threads} | options
    return Contestant(name, partial(fastcv.denoise_tv_chambolle, image, WEIGHT, **options))


def answer(image: np.ndarray, **options: Any) -> Callable[[], np.ndarray]:
    """Our answer, to state a peer's difference from it."""

    def compute() -> np.ndarray:
        import fastcv

        return fastcv.denoise_tv_chambolle(image, WEIGHT, channel_axis=_axis(image), **options)

    return compute


def copy(image: np.ndarray) -> Contestant:
    """The floor: the same bytes, copied once."""
    return Contestant(COPY, partial(np.copyto, images.output_like(image), image), view=None)


def scikit_image(image: np.ndarray, **options: Any) -> Contestant:
    restoration = peers.require("skimage.restoration")
    call = partial(restoration.denoise_tv_chambolle, image, WEIGHT, channel_axis=_axis(image), **options)
    return Contestant("scikit-image", call, expected=answer(image, **options), note="allocates its output")


# ---- the iteration by hand: a plane, a fixed number of passes --------------------------------


def numpy_slide(image: np.ndarray, passes: int) -> np.ndarray:
    """Chambolle's iteration in plain NumPy, as one writes it on a slide."""
    tau, weight = image.dtype.type(0.25), image.dtype.type(WEIGHT)
    p = np.zeros((2, *image.shape), image.dtype)
    grad = np.zeros_like(p)
    u = image
    for k in range(passes):
        if k > 0:
            d = p[0] + p[1]
            d[1:] -= p[0, :-1]
            d[:, 1:] -= p[1, :, :-1]
            u = image - d
        grad[0, :-1] = u[1:] - u[:-1]
        grad[1, :, :-1] = u[:, 1:] - u[:, :-1]
        p = (p - tau * grad) / (1 + tau / weight * np.sqrt(grad[0] ** 2 + grad[1] ** 2))
    return u


@lru_cache(maxsize=1)
def _numba_kernels() -> Any:
    numba = peers.require("numba")

    @numba.njit(fastmath=True)
    def plain(image: Any, p0: Any, p1: Any, u: Any, tau: Any, slope: Any, passes: int) -> None:
        height, width = image.shape
        for k in range(passes):
            for y in range(height):
                for x in range(width):
                    d = p0[y, x] + p1[y, x]
                    if y > 0:
                        d -= p0[y - 1, x]
                    if x > 0:
                        d -= p1[y, x - 1]
                    u[y, x] = image[y, x] - d
            if k == passes - 1:
                return
            for y in range(height):
                for x in range(width):
                    gy = u[y + 1, x] - u[y, x] if y + 1 < height else image.dtype.type(0)
                    gx = u[y, x + 1] - u[y, x] if x + 1 < width else image.dtype.type(0)
                    norm = image.dtype.type(1) + slope * np.sqrt(gy * gy + gx * gx)
                    p0[y, x] = (p0[y, x] - tau * gy) / norm
                    p1[y, x] = (p1[y, x] - tau * gx) / norm

    # For the compiler's vectoriser: borders apart, and a function for each row, whose arrays it can tell apart and whose
    # indices it knows to be positive.
    @numba.njit(fastmath=True, error_model="numpy", inline="never")
    def u_row(f: Any, above: Any, here: Any, across: Any, before: Any, to: Any) -> None:
        for x in range(to.size):
            to[x] = f[x] - here[x] + above[x] - across[x] + before[x]

    @numba.njit(fastmath=True, error_model="numpy", inline="never")
    def dual_row(here: Any, right: Any, below: Any, q0: Any, q1: Any, tau: Any, slope: Any) -> None:
        one = tau / tau
        for x in range(q0.size):
            gy = below[x] - here[x]
            gx = right[x] - here[x]
            shrink = one / (one + slope * np.sqrt(gy * gy + gx * gx))
            q0[x] = (q0[x] - tau * gy) * shrink
            q1[x] = (q1[x] - tau * gx) * shrink

    @numba.njit(fastmath=True, error_model="numpy")
    def peeled(image: Any, p0: Any, p1: Any, u: Any, tau: Any, slope: Any, passes: int) -> None:
        height, width = image.shape
        one = tau / tau
        nothing = np.zeros_like(image[0])
        for k in range(passes):
            for y in range(height):
                above = p0[y - 1] if y > 0 else nothing
                u[y, 0] = image[y, 0] - p0[y, 0] + above[0] - p1[y, 0]
                u_row(image[y, 1:], above[1:], p0[y, 1:], p1[y, 1:], p1[y, :-1], u[y, 1:])
            if k == passes - 1:
                return
            for y in range(height - 1):
                dual_row(u[y, :-1], u[y, 1:], u[y + 1, :-1], p0[y, :-1], p1[y, :-1], tau, slope)
                gy = u[y + 1, width - 1] - u[y, width - 1]
                p0[y, width - 1] = (p0[y, width - 1] - tau * gy) / (one + slope * abs(gy))
            for x in range(width - 1):
                gx = u[height - 1, x + 1] - u[height - 1, x]
                p1[height - 1, x] = (p1[height - 1, x] - tau * gx) / (one + slope * abs(gx))

    return plain, peeled


def numba_passes(image: np.ndarray, passes: int, vectorised: bool) -> np.ndarray:
    """Return the image after `passes` passes of the compiled loops."""
    number = image.dtype.type
    p0, p1, u = np.zeros_like(image), np.zeros_like(image), np.empty_like(image)
    kernel = _numba_kernels()[vectorised]
    kernel(image, p0, p1, u, number(0.25), number(0.25 / WEIGHT), passes)
    return u


def by_hand(image: np.ndarray, passes: int) -> tuple[list[Contestant], dict[str, str]]:
    """Return NumPy's and Numba's loops on a plane, and who is missing."""
    expected = answer(image, eps=0, max_num_iter=passes)
    present = [Contestant("NumPy slide", partial(numpy_slide, image, passes), expected=expected)]
    try:
        _numba_kernels()
    except peers.Missing as reason:
        return present, {"Numba": str(reason)}
    for name, vectorised in (("Numba, plain loops", False), ("Numba, borders peeled", True)):
        call = partial(numba_passes, image, passes, vectorised)
        present.append(Contestant(name, call, expected=expected, note="fastmath, one thread"))
    return present, {}


# ---- the optimum -----------------------------------------------------------------------------


def optimum(
    image: np.ndarray, weight: float = WEIGHT, name: str = "", threads: int = 1, **options: Any
) -> Contestant:
    """`fastcv.denoise_tv`: the minimiser itself, to a proven gap."""
    import fastcv

    options = {
        "channel_axis": _axis(image),
        "out": images.output_like(image),
        "num_threads": threads,
    } | options
    call = partial(fastcv.denoise_tv, image, weight, **options)
    return Contestant(name or f"fastcv.denoise_tv, tol {options.get('tol', 1e-3):g}", call)


def iterations(image: np.ndarray, count: int, name: str, threads: int = 1, **options: Any) -> Contestant:
    """So many iterations of `fastcv.denoise_tv`, and the certificate of the result."""
    return optimum(image, WEIGHT, name, threads, tol=1e-12, max_iter=count, return_info=True, **options)


def objective(image: np.ndarray, u: np.ndarray, weight: float) -> float:
    """Return 1/2 |u - image|^2 + weight TV(u) of a plane, in float64."""
    u = u.astype(np.float64)
    dy, dx = np.zeros_like(u), np.zeros_like(u)
    dy[:-1], dx[:, :-1] = u[1:] - u[:-1], u[:, 1:] - u[:, :-1]
    return 0.5 * float(np.square(u - image).sum()) + weight * float(np.sqrt(dy * dy + dx * dx).sum())


def passes_to(image: np.ndarray, weight: float, goal: float) -> int:
    """Return how many passes Chambolle's iteration needs to an objective of `goal`, to within 5 %."""
    import fastcv

    def reaches(n: int) -> bool:
        u = fastcv.denoise_tv_chambolle(image, weight, eps=0, max_num_iter=n)
        return objective(image, u, weight) <= goal

    low, high = 1, 16
    while not reaches(high):
        low, high = high, 2 * high
    while high > 1.05 * low + 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return high


def tolerance_to(image: np.ndarray, weight: float, goal: float) -> float:
    """Return a `tol` with which `denoise_tv` reaches an objective of `goal`."""
    import fastcv

    tol = 4.0
    while fastcv.denoise_tv(image, weight, tol=tol, return_info=True)[1].objective > goal:
        tol *= 0.8
    return tol


def to_the_same_objective(
    shape: tuple[int, int], weight: float, ours_first: bool
) -> tuple[list[Contestant], dict[str, str]]:
    """Ours to `tol=1e-3` and scikit-image for as long as it takes; or scikit-image's default call, and ours so far."""
    import fastcv

    image = noisy(*shape, 1)
    try:
        skimage = peers.require("skimage.restoration").denoise_tv_chambolle
    except peers.Missing as reason:
        return [optimum(image, weight, OURS), copy(image)], {"scikit-image": str(reason)}
    if ours_first:
        tol, theirs = 1e-3, {"eps": 0}
        theirs["max_num_iter"] = passes_to(
            image, weight, fastcv.denoise_tv(image, weight, return_info=True)[1].objective
        )
        note = f"{theirs['max_num_iter']} passes"
    else:
        theirs = {}
        tol = tolerance_to(image, weight, objective(image, skimage(image, weight), weight))
        note = "its default stop"
    ours_so_far = optimum(image, weight, OURS, tol=tol)
    ours_so_far.note = f"tol {tol:.3g}"
    return [
        ours_so_far,
        Contestant("scikit-image", partial(skimage, image, weight, **theirs), note=note),
        copy(image),
    ], {}


# ---- the whole job: a colour photograph, with what comes out ---------------------------------


def _each_channel(
    image: np.ndarray, passes: tuple[int, ...], plane: Callable[[np.ndarray, int], np.ndarray]
) -> np.ndarray:
    planes = [np.ascontiguousarray(image[..., c]) for c in range(image.shape[-1])]
    return np.stack([plane(p, n) for p, n in zip(planes, passes, strict=True)], axis=-1)


def photograph(height: int, width: int, sigma: float = 0.1) -> tuple[list[Contestant], dict[str, str]]:
    """Everybody denoises one photograph; the notes say how well. Loops by hand run as many passes as scikit-image does."""
    import fastcv

    clean = images.image(height, width, 3, "float32")
    image = noisy(height, width, 3, sigma=sigma)
    best = fastcv.denoise_tv(image.astype(np.float64), WEIGHT, tol=1e-6, max_iter=5000)
    passes = fastcv.denoise_tv_chambolle(image, WEIGHT, channel_axis=-1, return_info=True)[1].iterations
    present = [ours(image), copy(image)]
    skipped: dict[str, str] = {}
    try:
        present.append(scikit_image(image))
    except peers.Missing as reason:
        skipped["scikit-image"] = str(reason)
    present.append(Contestant("NumPy slide", partial(_each_channel, image, passes, numpy_slide)))
    try:
        _numba_kernels()
        for name, vectorised in (("Numba, plain loops", False), ("Numba, borders peeled", True)):
            plane = partial(numba_passes, vectorised=vectorised)
            present.append(Contestant(name, partial(_each_channel, image, passes, plane)))
    except peers.Missing as reason:
        skipped["Numba"] = str(reason)
    present += [optimum(image, tol=tol) for tol in (1e-2, 1e-3)]
    for contestant in present:
        if contestant.view is None:
            continue
        result = np.asarray(contestant.call(), np.float64)
        psnr = -10 * np.log10(np.square(result - clean).mean())
        away = 255 * np.sqrt(np.square(result - best).mean())
        contestant.expected = None
        contestant.note = f"PSNR {psnr:.2f} dB; {away:.2f}/255 (RMS) from the optimum"
    return present, skipped

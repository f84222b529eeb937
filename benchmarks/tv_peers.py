"""Chambolle's iteration, as the users of each library write it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from benchmarks import images, peers
from benchmarks.harness import COPY, OURS, Contestant

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


def ours(image: np.ndarray, threads: int = 1, name: str = OURS, **options) -> Contestant:
    """`fastcv.denoise_tv_chambolle` into preallocated memory."""
    import fastcv

    options = {"channel_axis": _axis(image), "out": _result(image), "num_threads": threads} | options
    return Contestant(name, partial(fastcv.denoise_tv_chambolle, image, WEIGHT, **options))


def answer(image: np.ndarray, **options) -> Callable[[], np.ndarray]:
    """Our answer, to state a peer's difference from it."""

    def compute() -> np.ndarray:
        import fastcv

        return fastcv.denoise_tv_chambolle(image, WEIGHT, channel_axis=_axis(image), **options)

    return compute


def copy(image: np.ndarray) -> Contestant:
    """The floor: the same bytes, copied once."""
    return Contestant(COPY, partial(np.copyto, images.output_like(image), image), view=None)


def scikit_image(image: np.ndarray, **options) -> Contestant:
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
def _numba_kernels():
    numba = peers.require("numba")

    @numba.njit(fastmath=True)
    def plain(image, p0, p1, u, tau, slope, passes):
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

    @numba.njit(fastmath=True)
    def peeled(image, p0, p1, u, tau, slope, passes):
        # Borders apart, rows as arrays of their own: the compiler can use vectors.
        height, width = image.shape
        one = image.dtype.type(1)
        for k in range(passes):
            u[0, 0] = image[0, 0] - p0[0, 0] - p1[0, 0]
            for x in range(1, width):
                u[0, x] = image[0, x] - p0[0, x] - p1[0, x] + p1[0, x - 1]
            for y in range(1, height):
                f, above, here, across, to = image[y], p0[y - 1], p0[y], p1[y], u[y]
                to[0] = f[0] - here[0] + above[0] - across[0]
                for x in range(1, width):
                    to[x] = f[x] - here[x] + above[x] - across[x] + across[x - 1]
            if k == passes - 1:
                return
            for y in range(height - 1):
                here, below, q0, q1 = u[y], u[y + 1], p0[y], p1[y]
                for x in range(width - 1):
                    gy = below[x] - here[x]
                    gx = here[x + 1] - here[x]
                    shrink = one / (one + slope * np.sqrt(gy * gy + gx * gx))
                    q0[x] = (q0[x] - tau * gy) * shrink
                    q1[x] = (q1[x] - tau * gx) * shrink
                gy = below[width - 1] - here[width - 1]
                q0[width - 1] = (q0[width - 1] - tau * gy) / (one + slope * abs(gy))
            here, q1 = u[height - 1], p1[height - 1]
            for x in range(width - 1):
                gx = here[x + 1] - here[x]
                q1[x] = (q1[x] - tau * gx) / (one + slope * abs(gx))

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

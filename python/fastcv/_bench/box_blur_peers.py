"""The same blur, as the users of each library write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from fastcv._bench import images, peers
from fastcv._bench.harness import COPY, OURS, Contestant

Peer = Callable[[np.ndarray, int, int], Contestant]


def ours(image: np.ndarray, ksize: int, threads: int, name: str = OURS, **options: Any) -> Contestant:
    """`fastcv.box_blur` into preallocated memory."""
    import fastcv

    output = options.pop("out", None)
    if output is None:
        output = images.output_like(image)
    call = partial(fastcv.box_blur, image, ksize, out=output, num_threads=threads, **options)
    return Contestant(name, call)


def answer(image: np.ndarray, ksize: int, **options: Any) -> Callable[[], np.ndarray]:
    """Our answer, to state a peer's difference from it."""

    def compute() -> np.ndarray:
        import fastcv

        return fastcv.box_blur(image, ksize, **options)

    return compute


def copy(image: np.ndarray, threads: int = 1) -> Contestant:
    """The floor: the same bytes, copied once."""
    return Contestant(COPY, partial(np.copyto, images.output_like(image), image), view=None)


def opencv(image: np.ndarray, ksize: int, threads: int, name: str = "cv2.blur") -> Contestant:
    cv2 = peers.opencv(threads)
    output = images.output_like(image)
    # cv2 drops a channel axis of length 1
    source, target = (a[..., 0] if a.shape[-1] == 1 else a for a in (image, output))
    call = partial(cv2.blur, source, (ksize, ksize), dst=target)
    shape = image.shape
    return Contestant(name, call, lambda a: a.reshape(shape), answer(image, ksize))


def opencv_filter2d(image: np.ndarray, ksize: int, threads: int) -> Contestant:
    cv2 = peers.opencv(threads)
    kernel = np.full((ksize, ksize), 1 / ksize**2, np.float32)
    call = partial(cv2.filter2D, image, -1, kernel, dst=images.output_like(image))
    return Contestant("cv2.filter2D", call, expected=answer(image, ksize, rounding="even"))


def scipy(image: np.ndarray, ksize: int, threads: int) -> Contestant:
    ndimage = peers.require("scipy.ndimage")
    output = images.output_like(image)
    call = partial(ndimage.uniform_filter, image, (ksize, ksize, 1), output, mode="mirror")
    note = "truncates after each of two passes" if image.dtype.kind == "u" else ""
    return Contestant("scipy uniform_filter", call, expected=answer(image, ksize), note=note)


def pillow(image: np.ndarray, ksize: int, threads: int) -> Contestant:
    """Pillow has no even window and no output argument; the image is its own, made before."""
    if ksize % 2 == 0:
        raise peers.Missing("odd windows only")
    if image.dtype != np.uint8:
        raise peers.Missing("8 bit only")
    pil = peers.require("PIL.Image")
    box = peers.require("PIL.ImageFilter").BoxBlur(ksize // 2)
    shape = image.shape
    source = pil.fromarray(image[..., 0] if shape[-1] == 1 else image)
    return Contestant(
        "Pillow BoxBlur",
        partial(source.filter, box),
        lambda a: np.asarray(a).reshape(shape),
        answer(image, ksize, border="clamp"),
        "clamps the border; allocates its output",
    )


def scikit_image(image: np.ndarray, ksize: int, threads: int) -> Contestant:
    """`filters.rank.mean`, channel by channel."""
    if image.dtype != np.uint8:
        raise peers.Missing("8 bit only")
    rank = peers.require("skimage.filters.rank")
    footprint = np.ones((ksize, ksize), np.uint8)
    planes = [np.ascontiguousarray(image[..., c]) for c in range(image.shape[-1])]
    outputs = [images.output_like(plane) for plane in planes]

    def call() -> list[np.ndarray]:
        return [rank.mean(p, footprint, out=o) for p, o in zip(planes, outputs, strict=True)]

    return Contestant(
        "skimage rank.mean",
        call,
        lambda a: np.stack(a, axis=-1),
        answer(image, ksize, border="shrink", rounding="floor"),
        "shrinks the window at the border; planes prepared before",
    )


def kornia(image: np.ndarray, ksize: int, threads: int) -> Contestant:
    if ksize % 2 == 0:
        raise peers.Missing("odd windows only")
    if image.dtype != np.uint8:
        raise peers.Missing("8 bit only")
    box_blur = peers.require("kornia_rs").imgproc.box_blur
    return Contestant(
        "kornia-rs box_blur",
        partial(box_blur, image, (ksize, ksize)),
        expected=answer(image, ksize, border="clamp"),
        note="clamps the border; allocates its output",
    )


def torch(image: np.ndarray, ksize: int, threads: int) -> Contestant:
    """Pad and average along each axis in float32, channels last; 8-bit images are converted there and back."""
    module = peers.torch(threads)
    pool, pad = module.nn.functional.avg_pool2d, module.nn.functional.pad
    source = module.from_numpy(image)[None].permute(0, 3, 1, 2)
    before, after = ksize // 2, ksize - 1 - ksize // 2
    integer = image.dtype == np.uint8

    def call() -> Any:
        with module.inference_mode():
            value = source.float() if integer else source
            value = pad(value, (before, after, before, after), mode="reflect")
            value = pool(pool(value, (ksize, 1), stride=1), (1, ksize), stride=1)
            return value.round().to(module.uint8) if integer else value

    return Contestant(
        "torch avg_pool2d",
        call,
        lambda a: a[0].permute(1, 2, 0).numpy(),
        answer(image, ksize),
        "pads; converts to float32 and back" if integer else "pads",
    )


@lru_cache(maxsize=1)
def _numba_kernel() -> Any:
    numba = peers.require("numba")

    @numba.njit
    def box(image: Any, rows: Any, columns: Any, ksize: Any, out: Any) -> Any:
        height, width, channels = image.shape
        area = ksize * ksize
        sums = np.zeros((width, channels), np.int64)
        for i in range(ksize - 1):
            sums += image[rows[i]]
        for y in range(height):
            sums += image[rows[y + ksize - 1]]
            for c in range(channels):
                total = 0
                for i in range(ksize - 1):
                    total += sums[columns[i], c]
                for x in range(width):
                    total += sums[columns[x + ksize - 1], c]
                    out[y, x, c] = (2 * total + area) // (2 * area)
                    total -= sums[columns[x], c]
            sums -= image[rows[y]]
        return out

    return box


def numba(image: np.ndarray, ksize: int, threads: int) -> Contestant:
    """Running sums in plain loops, compiled by Numba; one thread."""
    if image.dtype != np.uint8:
        raise peers.Missing("written for 8 bit")
    box = _numba_kernel()
    pad = (ksize // 2, ksize - 1 - ksize // 2)
    rows, columns = (np.pad(np.arange(n), pad, mode="reflect") for n in image.shape[:2])
    call = partial(box, image, rows, columns, ksize, images.output_like(image))
    return Contestant("Numba loops", call, expected=answer(image, ksize), note="running sums, one thread")


def jax(image: np.ndarray, ksize: int, threads: int) -> Contestant:
    """Two `reduce_window` passes under `jit`; the input is a device array already."""
    module, numpy = peers.require("jax"), peers.require("jax.numpy")
    pad = (ksize // 2, ksize - 1 - ksize // 2)
    integer = image.dtype == np.uint8
    area = ksize * ksize

    @module.jit
    def box(value: Any) -> Any:
        value = numpy.pad(value, (pad, pad, (0, 0)), mode="reflect")
        value = value.astype(numpy.int32 if integer else value.dtype)
        zero = np.zeros((), value.dtype)[()]
        for window in ((ksize, 1, 1), (1, ksize, 1)):
            value = module.lax.reduce_window(value, zero, module.lax.add, window, (1, 1, 1), "valid")
        return ((2 * value + area) // (2 * area)).astype(numpy.uint8) if integer else value / area

    source = module.device_put(image)
    return Contestant(
        "JAX reduce_window",
        lambda: box(source).block_until_ready(),
        expected=answer(image, ksize),
        note="allocates its output",
    )


EVERYBODY = (opencv, scipy, pillow, scikit_image, kornia, torch, numba, jax)
NAMES: dict[Peer, str] = {
    opencv: "cv2.blur",
    opencv_filter2d: "cv2.filter2D",
    scipy: "scipy uniform_filter",
    pillow: "Pillow BoxBlur",
    scikit_image: "skimage rank.mean",
    kornia: "kornia-rs box_blur",
    torch: "torch avg_pool2d",
    numba: "Numba loops",
    jax: "JAX reduce_window",
}


def gather(
    image: np.ndarray, ksize: int, threads: int, who: Sequence[Peer]
) -> tuple[list[Contestant], dict[str, str]]:
    """Return the peers of `who` that can take part, and the reasons of the others."""
    present, skipped = [], {}
    for peer in who:
        try:
            present.append(peer(image, ksize, threads))
        except peers.Missing as reason:
            skipped[NAMES[peer]] = str(reason)
    return present, skipped

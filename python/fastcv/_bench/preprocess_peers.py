"""The same preprocessing, as the users of each library write it: 8-bit RGB to float32 CHW with mean and std."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastcv._bench import images, peers
from fastcv._bench.harness import OURS, Contestant

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FILL = "fill"
READ = "fill + read"

Size = tuple[int, int]
Peer = Callable[[np.ndarray, Size, int], Contestant]


def result(size: Size, dtype: str = "float32", layout: str = "CHW") -> np.ndarray:
    """Result memory that has been touched; its planes start on pages, which is the hard case."""
    shape = (3, *size) if layout == "CHW" else (*size, 3)
    out = images.aligned_like(np.empty(shape, dtype), boundary=4096)
    out.fill(0)
    return out


def ours(image: np.ndarray, size: Size, threads: int, name: str = OURS, **options: Any) -> Contestant:
    """`fastcv.Preprocess` into preallocated memory."""
    import fastcv

    settings = {"mean": MEAN, "std": STD} if options.get("dtype") != "uint8" else {}
    pre = fastcv.Preprocess(size, num_threads=threads, **(settings | options))
    out = result(size, options.get("dtype", "float32"), options.get("layout", "CHW"))
    return Contestant(name, lambda: pre(image, None, out))


def answer(image: np.ndarray, size: Size, **options: Any) -> Callable[[], np.ndarray]:
    """Our answer, to state a peer's difference from it."""

    def compute() -> np.ndarray:
        import fastcv

        return fastcv.Preprocess(size, mean=MEAN, std=STD, **options)(image)

    return compute


def fill(image: np.ndarray, size: Size) -> Contestant:
    """The floor: a constant into the result."""
    return Contestant(FILL, partial(result(size).fill, 1.0), view=None)


def fill_and_read(image: np.ndarray, size: Size, taps: int = 2) -> Contestant:
    """The floor with reading: the rows that are needed (all of `taps` an output row), and the fill."""
    height = image.shape[0]
    first = np.floor((np.arange(size[0]) + 0.5) * height / size[0] - 0.5 * (taps - 1)).astype(int)
    needed = np.unique(np.clip(first[:, None] + np.arange(taps), 0, height - 1))
    runs = np.split(needed, np.flatnonzero(np.diff(needed) > 1) + 1)
    words = [
        image[run[0] : run[-1] + 1].reshape(-1)[: len(run) * image.shape[1] * 3 // 8 * 8].view(np.uint64)
        for run in runs
    ]
    if len(words) > 16:  # many short runs: what counts is the bytes
        count = sum(w.size for w in words)
        words = [image.reshape(-1)[: image.size // 8 * 8].view(np.uint64)[:count]]
    out = result(size)

    def call() -> None:
        out.fill(1.0)
        for block in words:
            block.max()

    return Contestant(
        READ, call, view=None, note="fill of the result, then numpy's max over the rows that are needed"
    )


def opencv_blob(image: np.ndarray, size: Size, threads: int) -> Contestant:
    cv2 = peers.opencv(threads)
    mean = tuple(255 * m for m in MEAN)
    call = partial(cv2.dnn.blobFromImage, image, 1 / 255 / STD[0], size[::-1], mean)
    return Contestant(
        "cv2 blobFromImage", call, view=None, note="one std for all channels: it can do no more; allocates"
    )


def _opencv_numpy(image: np.ndarray, size: Size, threads: int, name: str, area: bool) -> Contestant:
    cv2 = peers.opencv(threads)
    mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)
    how = cv2.INTER_AREA if area else cv2.INTER_LINEAR

    def call() -> np.ndarray:
        resized = cv2.resize(image, size[::-1], interpolation=how)
        return np.ascontiguousarray(((resized.astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1))

    return Contestant(name, call, expected=None if area else answer(image, size))


def opencv_numpy(image: np.ndarray, size: Size, threads: int) -> Contestant:
    return _opencv_numpy(image, size, threads, "cv2.resize + NumPy", area=False)


def opencv_area_numpy(image: np.ndarray, size: Size, threads: int) -> Contestant:
    """What OpenCV has for antialiased shrinking: it looks at every pixel, as we do."""
    return _opencv_numpy(image, size, threads, "cv2.resize (area) + NumPy", area=True)


def opencv_resize(image: np.ndarray, size: Size, threads: int) -> Contestant:
    cv2 = peers.opencv(threads)
    out = np.empty((*size, 3), np.uint8)
    return Contestant(
        "cv2.resize alone", partial(cv2.resize, image, size[::-1], dst=out), view=None, note="8 bit, HWC"
    )


def _kornia(image: np.ndarray, size: Size, mode: str) -> Contestant:
    kornia = peers.require("kornia_rs")
    pre = kornia.Preprocessor(mode=mode, format="rgb", mean=list(MEAN), std=list(STD))
    height, width = image.shape[:2]
    call = partial(pre.run, np.ascontiguousarray(image).reshape(-1), width, height, *size)
    return Contestant(f"kornia-rs {mode}", call, view=None, note="allocates its result")


def kornia_stretch(image: np.ndarray, size: Size, threads: int) -> Contestant:
    return _kornia(image, size, "stretch")


def kornia_letterbox(image: np.ndarray, size: Size, threads: int) -> Contestant:
    return _kornia(image, size, "letterbox")


def torch_antialias(image: np.ndarray, size: Size, threads: int) -> Contestant:
    """interpolate of uint8 with antialias, then float, sub, div, contiguous."""
    module = peers.torch(threads)
    source = module.from_numpy(image).permute(2, 0, 1)[None]
    mean, std = (module.tensor(v)[None, :, None, None] * 255 for v in (MEAN, STD))
    resize = partial(
        module.nn.functional.interpolate, size=size, mode="bilinear", antialias=True, align_corners=False
    )

    def call() -> Any:
        with module.inference_mode():
            return resize(source).float().sub_(mean).div_(std).contiguous()

    expected = answer(image, size, antialias=True)
    return Contestant("torch pipeline", call, lambda a: a[0].numpy(), expected, "rounds to 8 bits; allocates")


def pillow_nearest(image: np.ndarray, size: Size, threads: int) -> Contestant:
    picture = peers.require("PIL.Image").fromarray(image)
    return Contestant(
        "Pillow nearest alone", partial(picture.resize, size[::-1], 0), view=None, note="8 bit, HWC"
    )


NAMES: dict[Peer, str] = {
    opencv_blob: "cv2 blobFromImage",
    opencv_numpy: "cv2.resize + NumPy",
    opencv_area_numpy: "cv2.resize (area) + NumPy",
    opencv_resize: "cv2.resize alone",
    kornia_stretch: "kornia-rs stretch",
    kornia_letterbox: "kornia-rs letterbox",
    torch_antialias: "torch pipeline",
    pillow_nearest: "Pillow nearest alone",
}


def gather(
    image: np.ndarray, size: Size, threads: int, who: Sequence[Peer]
) -> tuple[list[Contestant], dict[str, str]]:
    """Return the peers of `who` that can take part, and the reasons of the others."""
    present, skipped = [], {}
    for peer in who:
        try:
            present.append(peer(image, size, threads))
        except peers.Missing as reason:
            skipped[NAMES[peer]] = str(reason)
    return present, skipped

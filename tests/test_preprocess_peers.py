"""`Preprocess` beside OpenCV, Pillow and torch, and its presets beside what they stand for."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastcv import Preprocess, datasets

SIZES = [
    ((512, 512), (240, 256)),
    ((333, 517), (224, 224)),
    ((97, 61), (150, 203)),
    ((300, 200), (100, 67)),
    ((31, 40), (64, 64)),
]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture(scope="module")
def photo() -> Any:
    pytest.importorskip("PIL")
    return datasets.photo()


def cut(photo: Any, shape: tuple[int, int]) -> Any:
    return np.ascontiguousarray(photo[: shape[0], : shape[1]])


def levels(pre: Preprocess, image: Any) -> Any:
    """In levels of the image, (H, W, C)."""
    return pre(image).transpose(1, 2, 0).astype(np.float64)


# ---- the same meaning ------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_opencv(photo: Any, shape: tuple[int, int], size: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    image = cut(photo, shape)
    for interpolation, flag, within in (
        ("bilinear", cv2.INTER_LINEAR, 1),
        ("area", cv2.INTER_AREA, 1),
        ("bicubic", cv2.INTER_CUBIC, 1),
    ):
        theirs = cv2.resize(image, size[::-1], interpolation=flag)
        ours = levels(Preprocess(size, interpolation=interpolation, scale=1), image)
        assert np.abs(ours - theirs).max() <= within, interpolation


@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_opencv_floats(photo: Any, shape: tuple[int, int], size: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    image = cut(photo, shape).astype(np.float32) / 255
    theirs = cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)
    assert (
        np.abs(levels(Preprocess(size), image) - theirs).max() < 1e-4
    )  # OpenCV's weights are floats of floats


@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_pillow(photo: Any, shape: tuple[int, int], size: tuple[int, int]) -> None:
    from PIL import Image

    image = cut(photo, shape)
    for interpolation, flag, within in (
        ("bilinear", Image.Resampling.BILINEAR, 1),
        ("bicubic", Image.Resampling.BICUBIC, 8),  # it rounds and clips between its two passes
        ("lanczos", Image.Resampling.LANCZOS, 12),
    ):
        theirs = np.asarray(Image.fromarray(image).resize(size[::-1], flag)).astype(float)
        difference = np.abs(
            levels(Preprocess(size, interpolation=interpolation, antialias=True, scale=1), image) - theirs
        )
        assert difference.max() <= within, interpolation
        assert difference.mean() < 0.5


@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_pillow_of_floats(photo: Any, shape: tuple[int, int], size: tuple[int, int]) -> None:
    """Pillow's 32-bit images are not rounded between: there the filters are the same to rounding."""
    from PIL import Image

    image = cut(photo, shape)[..., 0].astype(np.float32)
    for interpolation, flag in (("bilinear", 2), ("bicubic", 3), ("lanczos", 1)):
        theirs = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling(flag)))
        ours = Preprocess(size, interpolation=interpolation, antialias=True)(image)[0]
        assert np.abs(ours - theirs).max() < 1e-3, interpolation


@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_torch(photo: Any, shape: tuple[int, int], size: tuple[int, int]) -> None:
    torch = pytest.importorskip("torch")
    image = cut(photo, shape)
    source = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))
    for interpolation in ("bilinear", "bicubic"):
        for antialias in (False, True):
            theirs = torch.nn.functional.interpolate(
                source, size, mode=interpolation, antialias=antialias, align_corners=False
            )[0].numpy()
            pre = Preprocess(size, interpolation=interpolation, antialias=antialias, scale=1, clip=False)
            assert np.abs(pre(image) - theirs).max() < 0.1, (interpolation, antialias)
            eight = torch.nn.functional.interpolate(
                source.to(torch.uint8), size, mode=interpolation, antialias=antialias, align_corners=False
            )[0].numpy()
            if interpolation == "bilinear":  # torch itself is up to 1.01 from its own floats
                rounded = Preprocess(size, antialias=antialias, dtype="uint8")(image)
                assert np.abs(rounded.astype(int) - eight).max() <= 1
    exact = torch.nn.functional.interpolate(source, size, mode="nearest-exact")[0].numpy()
    assert np.mean(exact != Preprocess(size, interpolation="nearest_exact", scale=1)(image)) < 0.02


# The table of docs/preprocess.md: its row, the peer, and the plan that means the same.
TABLE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "`cv2.resize` `INTER_LINEAR`": ("cv2", "INTER_LINEAR", {}),
    "`cv2.resize` `INTER_AREA`": ("cv2", "INTER_AREA", {"interpolation": "area"}),
    "`cv2.resize` `INTER_CUBIC`": ("cv2", "INTER_CUBIC", {"interpolation": "bicubic"}),
    "Pillow `BILINEAR`": ("PIL.Image", "BILINEAR", {"antialias": True}),
    "Pillow `BICUBIC`": ("PIL.Image", "BICUBIC", {"interpolation": "bicubic", "antialias": True}),
    "Pillow `LANCZOS`": ("PIL.Image", "LANCZOS", {"interpolation": "lanczos", "antialias": True}),
    "torch `interpolate`, uint8, bilinear": ("torch", "uint8", {}),
    "the same, `antialias=True`": ("torch", "uint8", {"antialias": True}),
    "torch `interpolate`, uint8, bicubic": ("torch", "uint8", {"interpolation": "bicubic"}),
    "the same, bicubic, `antialias=True`": (
        "torch",
        "uint8",
        {"interpolation": "bicubic", "antialias": True},
    ),
    "torch `interpolate`, float": ("torch", "float32", {"clip": False}),
}


def resized_by(peer: Any, flag: str, options: dict[str, Any], image: Any, size: tuple[int, int]) -> Any:
    if peer.__name__ == "cv2":
        return peer.resize(image, size[::-1], interpolation=getattr(peer, flag))
    if peer.__name__ == "PIL.Image":
        return np.asarray(peer.fromarray(image).resize(size[::-1], peer.Resampling[flag]))
    planes = peer.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)[None])).to(getattr(peer, flag))
    mode, antialias = options.get("interpolation", "bilinear"), options.get("antialias", False)
    result = peer.nn.functional.interpolate(planes, size, mode=mode, antialias=antialias, align_corners=False)
    return result[0].numpy().transpose(1, 2, 0)


def test_the_table_of_measured_differences(photo: Any) -> None:
    page = (Path(__file__).parents[1] / "docs" / "preprocess.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| ([\d.]+ \| [\d.]+) \|", page, re.MULTILINE))
    assert set(rows) == set(TABLE)
    random = np.random.default_rng(0).integers(0, 256, (512, 517, 3), dtype=np.uint8)
    for name, (module, flag, options) in TABLE.items():
        try:
            peer = importlib.import_module(module)
        except ImportError:
            continue
        pre = {size: Preprocess(size, scale=1, **options) for _, size in SIZES}
        for source, text in zip((photo, random), rows[name].split("|"), strict=True):
            measured, documented = 0.0, float(text)
            for shape, size in SIZES:
                image = cut(source, shape)
                theirs = resized_by(peer, flag, options, image, size)
                measured = max(measured, float(np.abs(levels(pre[size], image) - theirs).max()))
            # other versions and processors round a little differently
            assert 0.8 * documented - 0.2 <= measured <= 1.1 * documented + 0.2, (name, measured)


# ---- presets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("swap", [False, True])
def test_opencv_blob(photo: Any, swap: bool, crop: bool) -> None:
    cv2 = pytest.importorskip("cv2")
    for shape, size in [*SIZES, ((512, 512), (512, 512)), ((480, 500), (300, 150))]:
        image = cut(photo, shape)
        arguments = (1 / 58.0, size[::-1], (123.0, 117.0, 104.0), swap, crop)
        theirs = cv2.dnn.blobFromImage(image, *arguments)
        ours = Preprocess.opencv_blob(*arguments).batch([image])
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 1 / 58 + 1e-5, (shape, size)
    grey = cut(photo, (90, 80))[..., 0]
    assert (
        np.abs(
            Preprocess.opencv_blob(2.0, (40, 30)).batch([grey]) - cv2.dnn.blobFromImage(grey, 2.0, (40, 30))
        ).max()
        <= 2
    )
    eight = Preprocess.opencv_blob(size=(40, 30), ddepth=cv2.CV_8U)(image)
    assert eight.dtype == np.uint8


def test_opencv_blob_refusals() -> None:
    for size in ((0, 0), (5,), 7):
        with pytest.raises((TypeError, ValueError), match="size must be"):
            Preprocess.opencv_blob(size=size)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ddepth"):
        Preprocess.opencv_blob(0.5, (8, 8), ddepth="uint8")


def torchvision(image: Any, resize: int, crop: int) -> Any:
    """Resize, CenterCrop, ToTensor and Normalize of a PIL image, in Pillow and NumPy."""
    from PIL import Image

    height, width = image.shape[:2]
    short, long = min(height, width), max(height, width)
    to = {short: resize, long: int(resize * long / short)} if short != long else {short: resize}
    resized = np.asarray(Image.fromarray(image).resize((to[width], to[height]), Image.Resampling.BILINEAR))
    top, left = (round((side - crop) / 2.0) for side in resized.shape[:2])
    pixels = resized[top : top + crop, left : left + crop].astype(np.float32) / 255
    return ((pixels - np.float32(MEAN)) / np.float32(STD)).transpose(2, 0, 1)


def test_torchvision(photo: Any) -> None:
    for shape in ((512, 512), (300, 411), (407, 256), (500, 333), (260, 90)):
        image = cut(photo, shape)
        difference = np.abs(Preprocess.torchvision()(image) - torchvision(image, 256, 224))
        assert difference.max() <= 1 / 255 / min(STD) + 1e-5
    assert Preprocess.torchvision(100, None)(cut(photo, (300, 411))).shape == (3, 100, 137)
    assert Preprocess.torchvision((50, 60), None)(photo).shape == (3, 50, 60)
    with pytest.raises(ValueError, match="resize must be an int"):
        Preprocess.torchvision((256, 256), 224)


def test_yolo(photo: Any) -> None:
    cv2 = pytest.importorskip("cv2")
    image = cut(photo, (480, 333))
    r = 640 / 480
    resized = cv2.resize(image, (round(333 * r), 640), interpolation=cv2.INTER_LINEAR)
    pad = 640 - resized.shape[1]
    left = round(pad / 2 - 0.1)
    boxed = cv2.copyMakeBorder(resized, 0, 0, left, pad - left, cv2.BORDER_CONSTANT, value=(114,) * 3)
    theirs = boxed.transpose(2, 0, 1).astype(np.float32) / 255
    ours = Preprocess.yolo(640)(image)
    assert np.abs(ours - theirs).max() <= 1 / 255
    np.testing.assert_allclose(ours[:, :, :left], theirs[:, :, :left], rtol=1e-6)
    assert Preprocess.yolo(640, stride=32)(image).shape == (3, 640, 448)
    assert Preprocess.yolo(640, upscale=False).transform((480, 333)).scale == (1, 1)


VIT = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_processor_type": "ViTImageProcessor",
    "image_std": [0.5, 0.5, 0.5],
    "resample": 2,
    "rescale_factor": 0.00392156862745098,
    "size": {"height": 224, "width": 224},
}
CLIP = {
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "CLIPImageProcessor",
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": 224},
}


def test_huggingface(photo: Any, tmp_path: Path) -> None:
    from PIL import Image

    image = cut(photo, (333, 500))
    resized = np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR))
    theirs = ((resized * 0.00392156862745098 - 0.5) / 0.5).transpose(2, 0, 1)
    assert np.abs(Preprocess.from_huggingface(VIT)(image) - theirs).max() <= 2 / 255 + 1e-5
    file = tmp_path / "preprocessor_config.json"
    file.write_text(json.dumps(VIT))
    assert (
        Preprocess.from_huggingface(file)
        == Preprocess.from_huggingface(str(file))
        == Preprocess.from_huggingface(VIT)
    )

    width = int(224 * 500 / 333)
    resized = np.asarray(Image.fromarray(image).resize((width, 224), Image.Resampling.BICUBIC))
    left = (width - 224) // 2
    pixels = resized[:, left : left + 224] * CLIP["rescale_factor"]
    theirs = ((pixels - CLIP["image_mean"]) / CLIP["image_std"]).transpose(2, 0, 1)
    assert np.abs(Preprocess.from_huggingface(CLIP)(image) - theirs).max() <= 8 / 255 / 0.26
    bgr = Preprocess.from_huggingface(VIT | {"do_flip_channel_order": True})
    assert np.array_equal(bgr(image), Preprocess.from_huggingface(VIT)(image)[::-1])


def test_huggingface_crops_where_it_does() -> None:
    """Its centre is rounded down: at (L - crop) // 2, where torchvision rounds half to even."""
    pre = Preprocess.from_huggingface(CLIP | {"resample": 0})
    other = Preprocess.torchvision(interpolation="nearest_exact")
    odd = 0
    for width in range(224, 700):
        new = int(224 * width / 224)
        t = pre.transform((224, width))
        assert t.offset == (-((new - 224) // 2), 0), width
        assert t.content == (0, 0, 224, 224)
        odd += t.offset[0] != -round((new - 224) / 2)
    assert odd > 100
    assert other.transform((256, 259)).offset == (-18, -16)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(224, axis=0)[:, :251]
    pixels = Preprocess.from_huggingface(CLIP | {"resample": 0, "do_rescale": False, "do_normalize": False})(
        ramp
    )
    assert pixels[0, 0, 0] == 13  # of 251 - 224 = 27; torchvision would begin at 14


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"do_pad": True}, "do_pad"),
        ({"siez": 5}, "siez"),
        ({"size": {"longest_edge": 5}}, "size"),
        ({"size": {"shortest_edge": 5, "longest_edge": 9}}, "size"),
        ({"resample": 5}, "resample"),
        ({"do_resize": False}, "do_resize"),
        ({"image_mean": None}, "image_mean"),
        ({"do_center_crop": True}, "crop_size"),
        ({"do_center_crop": True, "crop_size": 200}, "crop_size must equal size"),
        ({"data_format": "other"}, "data_format"),
        ({"input_data_format": "channels_first"}, "input_data_format"),
    ],
)
def test_huggingface_refuses_what_it_does_not_do(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Preprocess.from_huggingface(VIT | change)


# ---- the source program ----------------------------------------------------------------------


def test_the_nim_program(photo: Any) -> None:
    """Its loop on its own example, 576 x 768 to 240 x 256, in its own float32 arithmetic."""
    image = np.resize(photo, (576, 768, 3))
    rows = np.floor(np.arange(240) * (576 / 240)).astype(int)
    columns = np.floor(np.arange(256) * (768 / 256)).astype(int)
    picked = image[rows][:, columns]
    theirs = (picked.astype(np.float32) / np.float32(255) - np.float32(0)) / (
        np.float32(1) + np.float32(1e-5)
    )
    for reverse in (False, True):
        pre = Preprocess((240, 256), interpolation="nearest", std_eps=1e-5, reverse_channels=reverse)
        expected = (theirs[..., ::-1] if reverse else theirs).transpose(2, 0, 1)
        assert (np.abs(pre(image) - expected) <= 2 * np.spacing(expected)).all()
    raw = Preprocess((240, 256), interpolation="nearest", dtype="uint8", layout="HWC")(image)
    assert np.array_equal(raw, picked)

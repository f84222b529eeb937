"""Where pixels go: index rules, letterbox and crop against their sources, and `Transform`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcv import Preprocess, Transform


def columns_taken(length: int, to: int, **options: Any) -> Any:
    """Which source column each output column shows."""
    ramp = np.arange(length, dtype=np.float32)[None]
    return Preprocess((1, to), **options)(ramp)[0, 0].astype(int)


def test_nearest_is_exact() -> None:
    for length, to in [
        (22, 276),
        (276, 22),
        (1, 9),
        (9, 1),
        (128, 192),
        (640, 427),
        (1000, 999),
        (4095, 4096),
        (7, 1200),
    ]:
        i = np.arange(to)
        assert np.array_equal(columns_taken(length, to, interpolation="nearest"), i * length // to)
        centres = (2 * i + 1) * length // (2 * to)
        assert np.array_equal(columns_taken(length, to, interpolation="nearest_exact"), centres)


def test_nearest_of_every_pair() -> None:
    for length in range(1, 60):
        for to in range(1, 60):
            expected = np.arange(to) * length // to
            assert np.array_equal(columns_taken(length, to, interpolation="nearest"), expected), (length, to)


def test_coordinates_are_half_pixel() -> None:
    """The cases of ONNX's Resize, coordinate_transformation_mode = half_pixel."""
    up = Preprocess((1, 4))(np.array([[1, 2]], np.float32))[0, 0]
    assert up.tolist() == [1, 1.25, 1.75, 2]
    down = Preprocess((1, 2))(np.array([[1, 2, 3, 4]], np.float32))[0, 0]
    assert down.tolist() == [1.5, 3.5]
    grid = np.arange(1, 17, dtype=np.float32).reshape(4, 4)
    cubic = Preprocess((3, 3), interpolation="bicubic")(grid)[0]
    # resize_downsample_scales_cubic of the ONNX tests has a scale of 0.8 and so 3 x 3 of 3.2: its own steps
    assert cubic[1, 1] == pytest.approx(8.5)
    smooth = Preprocess((2, 2), antialias=True)(grid)[0]
    assert smooth == pytest.approx(np.array([[4.5714, 6.1429], [10.8571, 12.4286]]), abs=1e-3)


def ultralytics(height: int, width: int, size: int, stride: int = 0, upscale: bool = True) -> tuple[int, ...]:
    """The arithmetic of Ultralytics' LetterBox: content (x, y, width, height), then the result's (height, width)."""
    r = min(size / height, size / width)
    if not upscale:
        r = min(r, 1.0)
    w, h = round(width * r), round(height * r)
    dw, dh = size - w, size - h
    if stride:
        dw, dh = dw % stride, dh % stride
    left, right = round(dw / 2 - 0.1), round(dw / 2 + 0.1)
    top, bottom = round(dh / 2 - 0.1), round(dh / 2 + 0.1)
    return left, top, w, h, h + top + bottom, w + left + right


def test_letterbox_is_ultralytics() -> None:
    plans = {
        (size, stride, upscale): Preprocess.yolo(size, stride=stride or None, upscale=upscale)
        for size in (640, 224)
        for stride in (0, 32)
        for upscale in (True, False)
    }
    for height, width in np.random.default_rng(3).integers(1, 2000, (400, 2)).tolist():
        for (size, stride, upscale), pre in plans.items():
            left, top, w, h, out_height, out_width = ultralytics(height, width, size, stride, upscale)
            if w < 1 or h < 1:
                continue  # there the content vanishes, here it keeps a pixel
            t = pre.transform((height, width))
            assert (*t.content, *t.output_shape) == (left, top, w, h, out_height, out_width), (height, width)


def test_letterbox_at_the_top_left() -> None:
    for shape, content in (
        ((30, 20), (0, 0, 43, 64)),
        ((20, 31), (0, 0, 64, 41)),
        ((64, 64), (0, 0, 64, 64)),
    ):
        pre = Preprocess(64, resize="letterbox", anchor="top_left", pad_value=0, dtype="uint8")
        assert pre.transform(shape).content == content
        white = pre(np.full(shape, 255, np.uint8))[0] == 255
        assert white[: content[3], : content[2]].all()
        assert white.sum() == content[2] * content[3]


def test_letterbox_keeps_a_pixel() -> None:
    assert Preprocess(640, resize="letterbox").transform((10000, 1)).content == (319, 0, 1, 640)


def torchvision_crop(height: int, width: int, resize: int, crop: int) -> tuple[int, int, int, int]:
    """Resize(resize) and CenterCrop(crop): the resized (height, width), and the crop's top and left."""
    short, long = (width, height) if width <= height else (height, width)
    new_short, new_long = resize, int(resize * long / short)
    new_w, new_h = (new_short, new_long) if width <= height else (new_long, new_short)
    return new_h, new_w, round((new_h - crop) / 2.0), round((new_w - crop) / 2.0)


def test_crop_is_torchvision() -> None:
    plans = {
        (r, c): Preprocess(c, resize="crop", resize_to=r)
        for r, c in ((256, 224), (232, 224), (37, 17), (50, 50))
    }
    for side in range(1, 1201):
        for height, width in ((side, 600), (777, side)):
            for (resize, size), pre in plans.items():
                new_h, new_w, top, left = torchvision_crop(height, width, resize, size)
                t = pre.transform((height, width))
                assert t.offset == (-left, -top), (height, width, resize, size)
                assert t.scale == (new_w / width, new_h / height)


def test_crop_takes_the_pixels_of_the_transform() -> None:
    pre = Preprocess(37, resize="crop", resize_to=50, interpolation="nearest")
    for side in range(1, 1201):
        for ramp, axis in (
            (np.broadcast_to(np.arange(side, dtype=np.float32), (600, side)), 1),
            (np.broadcast_to(np.arange(side, dtype=np.float32)[:, None], (side, 600)), 0),
        ):
            new = torchvision_crop(ramp.shape[0], ramp.shape[1], 50, 37)
            expected = (np.arange(37) + new[2 + axis]) * side // new[axis]
            result = pre(ramp)[0]
            assert np.array_equal(result[0] if axis else result[:, 0], expected), ramp.shape


def test_crop_smaller_than_the_result_is_padded() -> None:
    image = np.full((10, 20, 1), 255, np.uint8)
    result = Preprocess(8, resize="crop", resize_to=5, pad_value=0)(image)[0]
    assert result[:, 4].tolist() == [0, 1, 1, 1, 1, 1, 0, 0]  # the odd row below


def test_crop_covers_by_default() -> None:
    for height, width, size in (
        (300, 500, (224, 224)),
        (500, 300, (100, 299)),
        (37, 1000, (64, 7)),
        (5, 5, (3, 11)),
    ):
        t = Preprocess(size, resize="crop").transform((height, width))
        assert t.content == (0, 0, size[1], size[0])
        shorter = round(min(height, width) * t.scale[0 if width <= height else 1]) - 1
        if shorter >= 1:
            scaled = [
                shorter if side == min(height, width) else shorter * side // min(height, width)
                for side in (height, width)
            ]
            assert scaled[0] < size[0] or scaled[1] < size[1]  # one less does not


def test_shortest() -> None:
    pre = Preprocess(12, resize="shortest")
    assert pre(np.zeros((30, 47, 3), np.uint8)).shape == (3, 12, 18)
    assert pre(np.zeros((47, 30), np.uint8)).shape == (1, 18, 12)


def test_content_is_where_the_transform_says() -> None:
    """White images, black padding: the rectangle found is that of the image's corners, for every size."""
    pre = Preprocess(96, resize="letterbox", pad_value=0, dtype="uint8", interpolation="nearest")
    tall = np.full((2000, 1), 255, np.uint8)
    wide = np.full((1, 2000), 255, np.uint8)
    other = Preprocess((70, 131), resize="letterbox", pad_value=0, dtype="uint8", interpolation="nearest")
    square = np.full((2000, 700), 255, np.uint8)
    for side in range(1, 2001):
        for plan, image in ((pre, tall[:side]), (pre, wide[:, :side]), (other, square[:side])):
            found = plan(image)[0] == 255
            t = plan.transform(image.shape)
            height, width = image.shape
            (x0, y0), (x1, y1) = t.map_points([[0, 0], [width, height]])
            rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
            assert (x0, y0, x1, y1) == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            assert found.sum() == len(rows) * len(columns)


def test_unmap_after_map_is_the_identity() -> None:
    random = np.random.default_rng(5)
    sizes = np.c_[np.arange(1, 2001), random.permutation(2000) + 1].tolist()
    for resize in ("stretch", "letterbox", "crop"):
        pre = Preprocess((480, 640), resize=resize)
        for height, width in sizes:
            t = pre.transform((height, width))
            points = random.random((10, 2)) * (width, height)
            assert np.abs(t.unmap_points(t.map_points(points)) - points).max() < 1e-9
            homogeneous = np.c_[points, np.ones(10)] @ t.matrix.T
            assert np.abs(homogeneous[:, :2] - t.map_points(points)).max() < 1e-8


def test_boxes() -> None:
    t = Preprocess(640, resize="letterbox").transform((1080, 810, 3))
    assert t.output_shape == (640, 640)
    assert t.content == (80, 0, 480, 640)
    boxes = np.array([[80, 0, 560, 640], [0, -10, 640, 700.0]])
    assert t.unmap_boxes(boxes).tolist()[0] == [0, 0, 810, 1080]
    assert t.unmap_boxes(boxes, clip=True).tolist() == [[0, 0, 810, 1080]] * 2
    assert np.allclose(t.map_boxes(t.unmap_boxes(boxes)), boxes)
    assert t.unmap_boxes(np.zeros((2, 3, 4))).shape == (2, 3, 4)
    assert t.unmap_boxes(np.zeros((0, 4))).shape == (0, 4)
    with pytest.raises(ValueError, match=r"boxes must have the shape \(\.\.\., 4\)"):
        t.unmap_boxes([[1, 2, 3]])
    with pytest.raises(TypeError, match="points"):
        t.map_points("here")  # type: ignore[arg-type]
    assert isinstance(t, Transform)
    assert hash(t) == hash(Preprocess(640, resize="letterbox").transform((1080, 810)))


def test_transform_of_a_roi() -> None:
    image = np.zeros((60, 80), np.uint8)
    image[20:40, 30:60] = 255
    pre = Preprocess((40, 40), resize="letterbox", pad_value=0, interpolation="nearest", dtype="uint8")
    roi = (30, 20, 30, 20)
    t = pre.transform(image.shape, roi)
    assert t.map_points([[30, 20], [60, 40]]).tolist() == [[0, 6], [40, 33]]
    found = pre(image, roi)[0] == 255
    assert found[6:33].all()
    assert found.sum() == 27 * 40
    assert t.unmap_points([[0, 6]]).tolist() == [[30, 20]]


def test_transform_refusals() -> None:
    pre = Preprocess(8)
    for bad in (5, "ab", (1,), (1, 2, 3, 4)):
        with pytest.raises(TypeError, match="shape"):
            pre.transform(bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape"):
        pre.transform((0, 5))
    with pytest.raises(ValueError, match="roi"):
        pre.transform((5, 5), (0, 0, 6, 6))

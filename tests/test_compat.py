"""What fastcv.compat's docstrings say of the originals is measured here, beside them."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import fastcv
from fastcv.compat import cv2 as compat_cv2
from fastcv.compat import skimage as compat_skimage
from fastcv.compat import sklearn as compat_sklearn
from fastcv.compat import torchvision as compat_torchvision

RNG = np.random.default_rng(7)
NOISE = RNG.integers(0, 256, (300, 410, 3), np.uint8)


def photo() -> np.ndarray:
    pytest.importorskip("PIL")
    return np.ascontiguousarray(fastcv.datasets.photo()[:300, :410])


def test_nothing_is_imported_before_it_is_used() -> None:
    modules = ["cv2", "skimage", "torchvision"]
    code = (
        f"import sys, {', '.join('fastcv.compat.' + name for name in modules)}\n"
        "heavy = {'cv2', 'skimage', 'sklearn', 'torchvision', 'torch', 'scipy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["cv2", "cv2.dnn", "skimage", "sklearn", "torchvision"])
def test_examples_in_docstrings(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"fastcv.compat.{name}"))
    assert results.attempted > 0
    assert results.failed == 0


# ---- OpenCV ----------------------------------------------------------------------------------


@pytest.fixture
def cv2() -> Any:
    return pytest.importorskip("cv2")


SIZES = [(1, 1), (3, 3), (7, 3), (4, 4), (8, 8), (10, 10), (15, 15), (31, 31), (16, 2)]


@pytest.mark.parametrize("ksize", SIZES)
@pytest.mark.parametrize("channels", [0, 1, 3, 4, 5])
def test_blur_of_bytes(cv2: Any, ksize: tuple[int, int], channels: int) -> None:
    image = RNG.integers(0, 256, (70, 90, channels) if channels else (70, 90), np.uint8)
    theirs = cv2.blur(image, ksize)
    ours = compat_cv2.blur(image, ksize)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    area = ksize[0] * ksize[1]
    differs = ours != theirs
    assert np.abs(ours.astype(int) - theirs).max() <= 1
    if area <= 256 and (area == 1 or area & (area - 1)):
        assert not differs.any()
    if ksize in ((4, 4), (8, 8)):
        assert (theirs.astype(int)[differs] - ours[differs] == 1).all()
        assert differs.mean() == pytest.approx({16: 0.062, 64: 0.016}[area], rel=0.3)


@pytest.mark.parametrize("border", ["CONSTANT", "REPLICATE", "REFLECT", "REFLECT_101", "DEFAULT"])
@pytest.mark.parametrize("anchor", [(-1, -1), (0, 0), (4, -1), (2, 2)])
def test_blur_borders_and_anchors(cv2: Any, border: str, anchor: tuple[int, int]) -> None:
    image = RNG.integers(0, 256, (20, 33, 3), np.uint8)
    number = getattr(cv2, f"BORDER_{border}")
    assert number == getattr(compat_cv2, f"BORDER_{border}")
    theirs = cv2.blur(image, (5, 3), anchor=anchor, borderType=number)
    assert np.array_equal(compat_cv2.blur(image, (5, 3), None, anchor, number), theirs)
    isolated = compat_cv2.blur(image, (5, 3), anchor=anchor, borderType=number | cv2.BORDER_ISOLATED)
    assert np.array_equal(isolated, theirs)


@pytest.mark.parametrize("ksize", SIZES)
def test_blur_of_other_types(cv2: Any, ksize: tuple[int, int]) -> None:
    words = RNG.integers(0, 65536, (60, 70, 3), np.uint16)
    assert np.abs(compat_cv2.blur(words, ksize).astype(int) - cv2.blur(words, ksize)).max() <= 1
    floats = RNG.random((60, 70, 3), np.float32)
    assert np.abs(compat_cv2.blur(floats, ksize) - cv2.blur(floats, ksize)).max() <= 1e-6
    doubles = RNG.random((60, 70))
    assert np.abs(compat_cv2.blur(doubles, ksize) - cv2.blur(doubles, ksize)).max() <= 1e-14


def test_blur_writes_into_dst() -> None:
    image = RNG.integers(0, 256, (20, 30), np.uint8)
    for shape in ((20, 30), (20, 30, 1)):
        dst = np.zeros(shape, np.uint8)
        assert compat_cv2.blur(image, (3, 3), dst) is dst
        assert np.array_equal(dst.reshape(20, 30), fastcv.box_blur(image, 3))
    sums = np.zeros((20, 30), np.int32)
    assert compat_cv2.boxFilter(image, compat_cv2.CV_32S, (3, 3), sums, normalize=False) is sums
    assert sums.max() > 255


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("depth", ["8U", "16U", "16S", "32S", "32F", "64F"])
@pytest.mark.parametrize("source", [np.uint8, np.uint16, np.float32])
def test_box_filter(cv2: Any, source: Any, depth: str, normalize: bool) -> None:
    integer = np.dtype(source).kind == "u"
    image = (RNG.integers(0, 200, (40, 50, 3)) if integer else RNG.random((40, 50, 3))).astype(source)
    number = getattr(cv2, f"CV_{depth}")
    assert number == getattr(compat_cv2, f"CV_{depth}")
    same = np.dtype(source) == compat_cv2._depth("", number)
    call = {"ksize": (5, 3), "normalize": normalize, "anchor": (1, 2), "borderType": cv2.BORDER_REFLECT}
    if normalize and not same and depth not in ("32F", "64F"):
        with pytest.raises(ValueError, match=r"cv2\.boxFilter: ddepth must be"):
            compat_cv2.boxFilter(image, number, **call)
        return
    if not integer and depth not in ("32F", "64F"):
        return  # sums of fractions, rounded or cut: OpenCV refuses most of them
    theirs = cv2.boxFilter(image, number, **call)
    ours = compat_cv2.boxFilter(image, number, **call)
    assert ours.dtype == theirs.dtype
    if integer and (same or not normalize):
        assert np.array_equal(ours, theirs)
    else:
        assert np.abs(ours - theirs).max() <= 1e-6 * max(1, theirs.max())


def test_the_rest_is_opencv(cv2: Any) -> None:
    assert compat_cv2.cvtColor is cv2.cvtColor
    assert compat_cv2.dnn.NMSBoxes is cv2.dnn.NMSBoxes
    with pytest.raises(AttributeError):
        compat_cv2.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ((NOISE.astype(np.int16), (3, 3)), TypeError, r"cv2\.blur: src: expected dtype"),
        ((NOISE[None], (3, 3)), ValueError, r"cv2\.blur: src must have shape"),
        ((NOISE, 3), TypeError, r"cv2\.blur: ksize must be a pair"),
        ((NOISE, (3, 3), NOISE[:5].copy()), ValueError, r"cv2\.blur: dst must have shape"),
        ((NOISE, (3, 3), [1]), TypeError, r"cv2\.blur: dst must be a NumPy array"),
        ((NOISE, (3, 3), None, (-2, 0)), ValueError, "anchor"),
        ((NOISE, (3, 3), None, (-1, -1), 5), ValueError, r"cv2\.blur: borderType must be"),
        ((NOISE, (0, 3)), ValueError, "ksize must be at least 1"),
    ],
)
def test_blur_refusals(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compat_cv2.blur(*call)


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("channels", [0, 1, 3, 4])
@pytest.mark.parametrize("mean", [(), (10, 20, 30), 5.0, (1, 2, 3, 4)])
def test_blob_from_image(cv2: Any, channels: int, swap: bool, crop: bool, mean: Any) -> None:
    image = RNG.integers(0, 256, (90, 130, channels) if channels else (90, 130), np.uint8)
    their_mean = mean if mean != () else (0, 0, 0)
    whole = compat_cv2.dnn.blobFromImage(image, 1 / 255, mean=mean, swapRB=swap)
    theirs = cv2.dnn.blobFromImage(image, 1 / 255, mean=their_mean, swapRB=swap)
    assert whole.shape == theirs.shape
    assert np.abs(whole - theirs).max() <= 2.0**-23
    resized = compat_cv2.dnn.blobFromImage(image, 1 / 255, (64, 50), mean, swap, crop)
    theirs = cv2.dnn.blobFromImage(image, 1 / 255, (64, 50), their_mean, swap, crop)
    assert resized.shape == theirs.shape
    assert np.abs(resized - theirs).max() <= 0.83 / 255


def test_blob_of_bytes(cv2: Any) -> None:
    whole = compat_cv2.dnn.blobFromImage(NOISE, ddepth=compat_cv2.CV_8U)
    assert np.array_equal(whole, cv2.dnn.blobFromImage(NOISE, ddepth=cv2.CV_8U))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"image": NOISE[..., :2]}, ValueError, "image must have 1, 3 or 4 channels"),
        ({"image": NOISE[None]}, ValueError, "image must have shape"),
        ({"size": 3}, TypeError, "size must be"),
        ({"size": (3, 0)}, ValueError, "size"),
        ({"mean": (1, 2, 3, 4, 5)}, ValueError, "mean must have at most 4"),
        ({"ddepth": 6}, ValueError, "ddepth must be"),
        ({"ddepth": 0, "scalefactor": 0.5}, ValueError, "ddepth must be"),
    ],
)
def test_blob_refusals(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compat_cv2.dnn.blobFromImage(**({"image": NOISE} | arguments))


# ---- scikit-image ----------------------------------------------------------------------------


def test_skimage() -> None:
    restoration = pytest.importorskip("skimage.restoration")
    original = inspect.signature(restoration.denoise_tv_chambolle)
    ours = inspect.signature(compat_skimage.denoise_tv_chambolle)
    assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == [
        (p.name, p.kind, p.default) for p in original.parameters.values()
    ]
    image = RNG.random((40, 50, 3))
    for values, bound in ((image, 1e-10), (image.astype(np.float32), 1e-5), (NOISE[:40, :50], 1e-10)):
        for call in ({}, {"weight": 0.3, "channel_axis": -1}, {"eps": 1e-5, "max_num_iter": 50}):
            theirs = restoration.denoise_tv_chambolle(values, **call)
            result = compat_skimage.denoise_tv_chambolle(values, **call)
            assert result.dtype == theirs.dtype
            assert np.abs(result - theirs).max() <= bound


# ---- torchvision -----------------------------------------------------------------------------

LEVELS = {"mean": (0, 0, 0), "std": (1 / 255,) * 3}  # results in levels of 8 bits
PILLOW = {"bilinear": (1.01, 1.02), "bicubic": (5.1, 25), "lanczos": (6.3, 45.1)}
SHAPES = [(64, 90), (400, 450)]  # crop, resize: smaller and larger than the image


@pytest.mark.parametrize(("crop", "resize"), SHAPES)
@pytest.mark.parametrize("interpolation", PILLOW)
def test_torchvision_arithmetic(interpolation: str, crop: int, resize: int) -> None:
    """What torchvision does with a Pillow image, by Pillow and NumPy."""
    image_module = pytest.importorskip("PIL.Image")
    ours = compat_torchvision.ImageClassification(
        crop_size=crop, resize_size=resize, interpolation=interpolation, **LEVELS
    )
    for pixels, bound in zip((photo(), NOISE), PILLOW[interpolation], strict=True):
        height, width = resize, int(resize * 410 / 300)
        filter_ = image_module.Resampling[interpolation.upper()]
        resized = np.asarray(image_module.fromarray(pixels).resize((width, height), filter_))
        top, left = round((height - crop) / 2), round((width - crop) / 2)
        theirs = resized[top : top + crop, left : left + crop].transpose(2, 0, 1)
        assert np.abs(ours._images(pixels) - theirs).max() <= bound


def test_torchvision_calls() -> None:
    torch = pytest.importorskip("torch")
    image_module = pytest.importorskip("PIL.Image")
    transform = compat_torchvision.ImageClassification(crop_size=32, resize_size=[40])
    image = image_module.fromarray(NOISE)
    result = transform(image)
    assert result.shape == (3, 32, 32)
    assert result.dtype == torch.float32
    plan = fastcv.Preprocess.torchvision(40, 32)
    assert np.array_equal(result.numpy(), plan(NOISE))
    tensor = torch.from_numpy(NOISE).permute(2, 0, 1)
    assert torch.equal(transform(tensor), result)
    assert torch.equal(transform(torch.stack([tensor, tensor]))[1], result)
    grey = transform(image.convert("L")) * torch.tensor((0.229, 0.224, 0.225))[:, None, None]
    assert torch.allclose(grey[0] + 0.485, grey[2] + 0.406)
    assert transform(image.convert("RGBA")).shape == (3, 32, 32)
    assert torch.equal(pickle.loads(pickle.dumps(transform))(image), result)
    with pytest.raises(ValueError, match="img must have shape"):
        transform(tensor[0])
    with pytest.raises(ValueError, match="img must be a Pillow image"):
        compat_torchvision.ImageClassification(crop_size=32, interpolation="lanczos")(tensor)


def test_torchvision_refusals() -> None:
    with pytest.raises(ValueError, match="interpolation must be one of"):
        compat_torchvision.ImageClassification(crop_size=32, interpolation="hamming")
    with pytest.raises(ValueError, match="crop must be at least 1"):
        compat_torchvision.ImageClassification(crop_size=0)


@pytest.mark.parametrize(("crop", "resize"), SHAPES)
@pytest.mark.parametrize("interpolation", ["nearest", *PILLOW])
def test_torchvision(interpolation: str, crop: int, resize: int) -> None:
    torch = pytest.importorskip("torch")
    presets = pytest.importorskip("torchvision.transforms._presets")
    image_module = pytest.importorskip("PIL.Image")
    original = inspect.signature(presets.ImageClassification)
    signature = inspect.signature(compat_torchvision.ImageClassification)
    assert list(signature.parameters) == list(original.parameters)
    mode = presets.InterpolationMode(interpolation)
    settings = {"crop_size": crop, "resize_size": resize, "interpolation": mode, **LEVELS}
    for index, pixels in enumerate((photo(), NOISE)):
        if interpolation != "nearest":
            image = image_module.fromarray(pixels)
            ours = compat_torchvision.ImageClassification(**settings)(image)
            theirs = presets.ImageClassification(**settings)(image)
            assert (ours - theirs).abs().max() <= PILLOW[interpolation][index]
        if interpolation == "lanczos":
            continue
        for antialias in (True, False):
            ours = compat_torchvision.ImageClassification(antialias=antialias, **settings)
            theirs = presets.ImageClassification(antialias=antialias, **settings)
            tensor = torch.from_numpy(pixels).permute(2, 0, 1)
            bound = 2e-5 if interpolation == "nearest" else 0.52
            assert (ours(tensor) - theirs(tensor)).abs().max() <= bound
            bound = 2e-5 if interpolation == "nearest" else (0.004, 0.009)[index]
            assert (ours(tensor / 255) - theirs(tensor / 255)).abs().max() <= bound


# ---- scikit-learn ----------------------------------------------------------------------------


@pytest.fixture
def manifold() -> Any:
    return pytest.importorskip("sklearn.manifold")


def distances_of_points(noise: float = 0) -> np.ndarray:
    rng = np.random.default_rng(3)
    table = fastcv.pairwise_distances(rng.random((40, 3)))
    factor = 1 + noise * rng.standard_normal(table.shape)
    return table * (factor + factor.T) / 2


def test_smacof_signature(manifold: Any) -> None:
    def shown(function: Any) -> list[tuple[Any, ...]]:
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]

    assert shown(compat_sklearn.smacof) == shown(manifold.smacof)


def test_mds_is_the_estimator(manifold: Any) -> None:
    assert compat_sklearn.MDS is fastcv.MDS
    original = inspect.signature(manifold.MDS).parameters
    ours = inspect.signature(fastcv.MDS).parameters
    assert list(ours) == list(original)
    differs = {name for name in ours if ours[name].default != original[name].default}
    assert differs <= {"init"}  # scikit-learn 1.10's default, where 1.9 warns of it

    table = distances_of_points(0.1)
    start = np.random.default_rng(5).random((40, 3))
    model = compat_sklearn.MDS(3, metric="precomputed")
    model.fit(table, init=start)
    theirs = manifold.MDS(3, metric="precomputed", eps=1e-12, max_iter=10000, init="random", n_init=1)
    theirs.fit(table, init=start)
    assert model.stress_ == pytest.approx(theirs.stress_, rel=1e-6)


def test_smacof_of_exact_distances(manifold: Any) -> None:
    table = distances_of_points()
    points, stress = compat_sklearn.smacof(table, n_components=3)
    assert stress < 1e-20 * np.square(table).sum()
    assert np.allclose(fastcv.pairwise_distances(points), table)
    assert manifold.smacof(table, n_components=3, random_state=0)[1] < 1e-5 * np.square(table).sum()


def test_smacof_of_noisy_distances(manifold: Any) -> None:
    table = distances_of_points(0.1)
    start = np.random.default_rng(5).random((40, 3))
    points, stress, steps = compat_sklearn.smacof(table, n_components=3, init=start, return_n_iter=True)
    theirs, least, their_steps = manifold.smacof(
        table, n_components=3, init=start, n_init=1, max_iter=10000, eps=1e-12, return_n_iter=True
    )
    assert stress == pytest.approx(least, rel=1e-6)
    assert steps < their_steps
    assert fastcv.procrustes(points, theirs).rmse < 1e-3
    ours = compat_sklearn.smacof(table, n_components=3, init=start, normalized_stress=True)[1]
    theirs = manifold.smacof(
        table, n_components=3, init=start, n_init=1, max_iter=10000, eps=1e-12, normalized_stress=True
    )[1]
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_smacof_starts_and_prints(capsys: pytest.CaptureFixture[str]) -> None:
    table = distances_of_points(0.1).astype(np.float32)
    call = {"n_init": 3, "random_state": 1, "n_jobs": -1}
    points, stress = compat_sklearn.smacof(table, verbose=2, **call)
    assert points.dtype == np.float32
    printed = capsys.readouterr().out
    assert printed.count(" after ") == 3
    assert "step 1, stress" in printed
    assert f"stress {stress:.6g}" in printed
    assert np.array_equal(compat_sklearn.smacof(table, **call)[0], points)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": False}, "smacof: metric must be True"),
        ({"n_jobs": -2}, "smacof: n_jobs must be"),
        ({"n_init": 0}, "smacof: n_init must be"),
        ({"n_init": 2, "init": np.zeros((40, 2))}, "smacof: n_init must be"),
        ({"normalized_stress": "yes"}, "smacof: normalized_stress must be"),
    ],
)
def test_smacof_refusals(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compat_sklearn.smacof(distances_of_points(), **arguments)

"""Other libraries' images go in and results go out to them, without a copy wherever they share their memory.

Each test is skipped where its neighbour is not installed. The `test` extra has all of them but PyTorch, whose wheel is
larger than all the others together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastcv
from fastcv import _core

PHOTO = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
BLURRED = fastcv.box_blur(PHOTO, 5)
NORMALISE = fastcv.Preprocess((20, 30), mean=(0.5, 0.4, 0.3), std=0.2)


def seen(held: Any) -> np.ndarray:
    """The ndarray that every function reads when it is given `held`."""
    return _core.as_ndarray("test", "image", held)


def holder(**protocols: Any) -> Any:
    return type("Holder", (), protocols)()


# ---- in --------------------------------------------------------------------------------------


def test_arrays_are_themselves() -> None:
    assert seen(PHOTO) is PHOTO


@pytest.mark.parametrize(
    "held",
    [
        holder(__array__=lambda self, dtype=None, copy=None: PHOTO),
        holder(__array_interface__=PHOTO.__array_interface__, keep=PHOTO),
        holder(
            __dlpack__=lambda self, **options: PHOTO.__dlpack__(**options),
            __dlpack_device__=lambda self: PHOTO.__dlpack_device__(),
        ),
    ],
    ids=["__array__", "__array_interface__", "__dlpack__"],
)
def test_every_function_takes_what_holds_an_array(held: Any) -> None:
    assert np.shares_memory(seen(held), PHOTO)
    assert np.array_equal(fastcv.box_blur(held, 5), BLURRED)
    assert np.array_equal(NORMALISE(held), NORMALISE(PHOTO))
    assert np.array_equal(NORMALISE.batch([held, PHOTO]), NORMALISE.batch([PHOTO, PHOTO]))
    assert np.array_equal(fastcv.denoise_tv(held, 0.1), fastcv.denoise_tv(PHOTO, 0.1))
    chambolle = fastcv.denoise_tv_chambolle(held, channel_axis=-1)
    assert np.array_equal(chambolle, fastcv.denoise_tv_chambolle(PHOTO, channel_axis=-1))


def test_points_and_signals_too() -> None:
    points = np.random.default_rng(1).random((10, 3))
    held = holder(__array__=lambda self, dtype=None, copy=None: points)
    distances = fastcv.pairwise_distances(points)
    measured = holder(__array__=lambda self, dtype=None, copy=None: distances)
    for call in ({}, {"init": "random", "random_state": 0}, {"init": held, "loss": "sstress"}):
        plain = call | ({"init": points} if call.get("init") is held else {})
        ours = fastcv.mds(measured, 3, weights=measured, **call)
        assert np.array_equal(ours.embedding, fastcv.mds(distances, 3, weights=distances, **plain).embedding)
    descended = fastcv.gradient_descent(held, measured, num_iterations=3)
    assert np.array_equal(descended, fastcv.gradient_descent(points, distances, num_iterations=3))
    assert np.array_equal(fastcv.pairwise_distances(held), fastcv.pairwise_distances(points))
    assert np.array_equal(fastcv.procrustes(held, points).aligned, fastcv.procrustes(points, points).aligned)
    signal = holder(__array__=lambda self, dtype=None, copy=None: points[:, 0])
    assert np.array_equal(fastcv.denoise_tv(signal, 0.1), fastcv.denoise_tv(points[:, 0], 0.1))
    assert np.array_equal(fastcv.denoise_tv_chambolle(signal), fastcv.denoise_tv_chambolle(points[:, 0]))


def test_an_array_made_for_the_call_lives_as_long_as_it() -> None:
    fresh = holder(__array__=lambda self, dtype=None, copy=None: PHOTO.copy())
    for _ in range(50):
        assert np.array_equal(fastcv.box_blur(fresh, 5), BLURRED)
    assert np.array_equal(NORMALISE.batch([fresh] * 8)[7], NORMALISE(PHOTO))


def broken(self: Any, dtype: Any = None, copy: Any = None) -> np.ndarray:
    raise RuntimeError("not today")


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (np.float32(1), "must be a NumPy array, got numpy.float32"),
        (np.ndarray, "must be a NumPy array, got type"),
        ([[1, 2]], "must be a NumPy array, got list"),
        (holder(__array__=broken), "holds no array that can be read here: Holder: not today"),
        (holder(__array__=lambda self, dtype=None, copy=None: [1]), "holds no array that can be read here"),
        (holder(__array__=lambda self, dtype=None, copy=None: PHOTO.astype(bool)), "expected dtype"),
        (
            holder(__array__=broken, __dask_graph__=lambda self: {}),
            "must be in memory, got a Dask collection",
        ),
    ],
)
def test_refusals(held: Any, message: str) -> None:
    with pytest.raises(TypeError, match=rf"^box_blur: image:? {message}"):
        fastcv.box_blur(held, 3)


def test_results_are_written_into_arrays_only() -> None:
    with pytest.raises(TypeError, match="box_blur: out must be a NumPy array"):
        fastcv.box_blur(PHOTO, 3, out=holder(__array__=lambda self, dtype=None, copy=None: PHOTO.copy()))


def test_memory_maps(tmp_path: Path) -> None:
    file = tmp_path / "images.npy"
    np.save(file, np.stack([PHOTO, PHOTO[::-1]]))
    images = np.load(file, mmap_mode="r")
    assert seen(images) is images
    assert np.array_equal(fastcv.box_blur(images, 5)[0], BLURRED)
    assert np.array_equal(NORMALISE(images[0]), NORMALISE(PHOTO))
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.uint8, images.shape)
    assert fastcv.box_blur(images, 5, out=out) is out
    out.flush()
    assert np.array_equal(np.load(tmp_path / "out.npy")[0], BLURRED)


def test_pillow() -> None:
    image_module = pytest.importorskip("PIL.Image")
    image = image_module.fromarray(PHOTO)
    assert np.array_equal(fastcv.box_blur(image, 5), BLURRED)
    assert np.array_equal(NORMALISE.batch([image, PHOTO]), NORMALISE.batch([PHOTO, PHOTO]))
    assert np.array_equal(
        fastcv.box_blur(image.convert("L"), 5), fastcv.box_blur(np.asarray(image.convert("L")), 5)
    )
    assert np.array_equal(np.asarray(image_module.fromarray(BLURRED)), BLURRED)
    with pytest.raises(TypeError, match=r"image must not be a palette image .*; use its convert"):
        fastcv.box_blur(image.quantize(16), 5)


def test_torch() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(PHOTO.copy())
    assert np.shares_memory(seen(tensor), tensor.numpy())
    assert np.array_equal(fastcv.box_blur(tensor, 5), BLURRED)
    planes = tensor.permute(2, 0, 1)  # its channels still lie together: read in place
    assert np.array_equal(fastcv.box_blur(planes, 5, channel_axis=0), BLURRED.transpose(2, 0, 1))
    with pytest.raises(TypeError, match=r"image holds no array that can be read here: .*requires grad"):
        fastcv.box_blur(torch.zeros(4, 4, requires_grad=True), 3)
    with pytest.raises(TypeError, match="image holds no array that can be read here"):
        fastcv.box_blur(torch.zeros(4, 4, dtype=torch.bfloat16), 3)

    batch = NORMALISE.batch([tensor, tensor])
    out = torch.from_numpy(batch)
    assert out.data_ptr() == batch.ctypes.data
    assert torch.from_dlpack(batch).data_ptr() == batch.ctypes.data
    model_input = torch.empty(2, 3, 20, 30)
    NORMALISE.batch([tensor, tensor], out=model_input.numpy())  # into a tensor's own memory
    assert torch.equal(model_input, out)


def test_xarray() -> None:
    xarray = pytest.importorskip("xarray")
    image = xarray.DataArray(PHOTO, dims=("y", "x", "channel"), coords={"y": np.arange(40) / 2})
    assert np.shares_memory(seen(image), PHOTO)
    assert np.array_equal(fastcv.box_blur(image, 5), BLURRED)
    kept = xarray.apply_ufunc(fastcv.box_blur, image, 5)  # with its names and coordinates
    assert np.array_equal(kept.to_numpy(), BLURRED)
    assert kept.dims == image.dims
    assert np.array_equal(kept["y"], image["y"])


def test_dask_blocks() -> None:
    dask_array = pytest.importorskip("dask.array")
    stack = np.stack([PHOTO] * 4)
    images = dask_array.from_array(stack, chunks=(1, -1, -1, -1))
    with pytest.raises(TypeError, match="must be in memory, got a Dask collection"):
        fastcv.box_blur(images, 5)
    blurred = images.map_blocks(fastcv.box_blur, 5, dtype=images.dtype)
    assert np.array_equal(blurred.compute(scheduler="synchronous"), fastcv.box_blur(stack, 5))


def test_onnxruntime() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    batch = NORMALISE.batch([PHOTO, PHOTO])
    value = onnxruntime.OrtValue.ortvalue_from_numpy(batch)
    assert value.data_ptr() == batch.ctypes.data
    assert list(value.shape()) == [2, 3, 20, 30]

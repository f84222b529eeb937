"""fastcv.dask: the bytes of one machine for any chunks, in this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastcv

da = pytest.importorskip("dask.array")
pytest.importorskip("distributed")
import dask
import dask.bag as db

import fastcv.dask as fd
from fastcv.dask import _memory, _rows, _tv_blocks, _tv_chambolle, _tv_plane


@pytest.fixture(autouse=True)
def one_task_at_a_time():
    with dask.config.set(scheduler="sync"):
        yield


@pytest.fixture(autouse=True)
def low_blocks(monkeypatch):
    """Small images, too, are cut."""
    monkeypatch.setattr(_tv_plane, "_LEAST_ROWS", 40)


def chunks(rng: np.random.Generator, n: int, sizes: tuple[int, ...]) -> tuple[int, ...]:
    out: list[int] = []
    while sum(out) < n:
        out.append(int(min(rng.choice(sizes), n - sum(out))))
    return tuple(out)


def image(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = rng.random(shape)
    return (values * (np.iinfo(dtype).max if np.dtype(dtype).kind in "ui" else 1)).astype(dtype)


def test_nothing_of_dask_is_imported_with_fastcv():
    code = "import sys, fastcv; assert not {'dask', 'distributed'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- halo ------------------------------------------------------------------------------------------


def test_halo():
    assert fastcv.halo("box_blur", ksize=1) == 0
    assert fastcv.halo(fastcv.box_blur, ksize=(9, 31)) == 15
    assert fastcv.halo("box_blur", ksize=8) == 4
    assert fastcv.halo("box_blur", ksize=8, anchor=0) == 7
    assert fastcv.halo("box_blur", ksize=np.array([3, 5]), anchor=(2, 4), border="shrink") == 4
    assert fastcv.halo("denoise_tv_chambolle", eps=0, max_num_iter=50) == 49
    assert fastcv.halo("denoise_tv_chambolle", eps=0, max_num_iter=0) == 0
    assert fastcv.halo("denoise_tv_chambolle", eps=0, weight=0) == 0


@pytest.mark.parametrize(
    ("error", "operation", "parameters", "text"),
    [
        (ValueError, "blur", {}, "operation must be one of"),
        (ValueError, np.sum, {}, "operation must be one of"),
        (TypeError, "box_blur", {}, "needs ksize"),
        (TypeError, "box_blur", {"ksize": 3, "sigma": 2}, "'sigma'"),
        (ValueError, "box_blur", {"ksize": 0}, "ksize must be at least 1"),
        (ValueError, "box_blur", {"ksize": 3, "border": "wrap"}, "wrap"),
        (ValueError, "denoise_tv_chambolle", {}, "eps"),
        (ValueError, "denoise_tv", {}, "no halo is wide enough"),
    ],
)
def test_halo_refuses(error, operation, parameters, text):
    with pytest.raises(error, match=text):
        fastcv.halo(operation, **parameters)


def test_halo_is_exact():
    """A cut with the halo gives the whole image's bytes; with one pixel less it does not."""
    rng = np.random.default_rng(1)
    grey = rng.integers(0, 256, (60, 40), np.uint8)
    reach = fastcv.halo("box_blur", ksize=(3, 13))
    whole = fastcv.box_blur(grey, (3, 13), border="shrink")
    assert np.array_equal(fastcv.box_blur(grey[30 - reach :], (3, 13), border="shrink")[reach:], whole[30:])
    less = reach - 1
    assert not np.array_equal(fastcv.box_blur(grey[30 - less :], (3, 13), border="shrink")[less:], whole[30:])
    plane = rng.random((60, 40))
    reach = fastcv.halo("denoise_tv_chambolle", eps=0, max_num_iter=9)
    whole = fastcv.denoise_tv_chambolle(plane, eps=0, max_num_iter=9)
    part = fastcv.denoise_tv_chambolle(plane[20 - reach : 40 + reach], eps=0, max_num_iter=9)
    assert np.array_equal(part[reach:-reach], whole[20:40])


# ---- box_blur --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
def test_blur_has_the_same_bytes(dtype):
    rng = np.random.default_rng(2)
    for _ in range(30):
        height, width = rng.integers(1, 90, 2)
        channels = int(rng.choice([0, 1, 3, 4]))
        shape = (int(height), int(width), channels) if channels else (int(height), int(width))
        pixels = image(rng, shape, dtype)
        ksize = tuple(int(k) for k in rng.choice([1, 2, 3, 4, 9, 17, 31, 57, 64, 100], 2))
        keywords = {
            "border": str(rng.choice(["reflect101", "reflect", "clamp", "constant", "shrink"])),
            "border_value": 7 if dtype[0] == "u" else 0.3,
            "alpha": str(rng.choice(["blur", "premultiplied", "opaque", "copy"]))
            if channels == 4
            else "blur",
            "anchor": None if rng.random() < 0.5 else tuple(int(rng.integers(k)) for k in ksize),
        }
        cut = tuple(chunks(rng, n, (1, 2, 3, 5, 8, 13, 40)) for n in shape[:2])
        array = da.from_array(pixels, chunks=(*cut, -1) if channels else cut)
        blurred = fd.box_blur(array, ksize, **keywords)
        assert blurred.chunks == array.chunks
        assert blurred.dtype == pixels.dtype
        expected = fastcv.box_blur(pixels, ksize, **keywords)
        assert np.array_equal(blurred.compute(), expected), (shape, ksize, keywords, cut)


@pytest.mark.parametrize("channel_axis", [0, 1, -1, None])
def test_blur_of_batches_and_layouts(channel_axis):
    pixels = image(np.random.default_rng(3), (4, 3, 50, 60), "uint8")
    array = da.from_array(pixels, chunks=(1, 2, 23, 17))
    blurred = fd.box_blur(array, (7, 5), channel_axis=channel_axis)
    assert blurred.chunks == array.chunks
    assert np.array_equal(blurred.compute(), fastcv.box_blur(pixels, (7, 5), channel_axis=channel_axis))


def test_blur_in_place_and_rims():
    """Chunks that are large beside the window take the way without a copy."""
    pixels = image(np.random.default_rng(4), (400, 500, 3), "uint8")
    for cut in [(200, 160, 3), (128, 500, 3), (400, 100, 3), (400, 500, 3)]:
        for ksize in (15, (1, 9), (9, 1)):
            blurred = fd.box_blur(da.from_array(pixels, chunks=cut), ksize)
            assert np.array_equal(blurred.compute(), fastcv.box_blur(pixels, ksize))


def test_blur_with_wrap_needs_the_axis_in_one_chunk():
    pixels = image(np.random.default_rng(5), (40, 50), "uint8")
    with pytest.raises(ValueError, match="wrap"):
        fd.box_blur(da.from_array(pixels, chunks=(20, 50)), 3, border="wrap")
    blurred = fd.box_blur(da.from_array(pixels, chunks=(20, 50)), (3, 1), border="wrap")
    assert np.array_equal(blurred.compute(), fastcv.box_blur(pixels, (3, 1), border="wrap"))


def test_blur_of_nothing():
    for shape in [(0, 5), (5, 0), (5, 6, 0)]:
        blurred = fd.box_blur(da.zeros(shape, np.uint8, chunks=2), 3)
        assert blurred.compute().shape == shape


def test_blur_refuses():
    array = da.zeros((20, 20), np.uint8, chunks=10)
    with pytest.raises(TypeError, match="Dask array"):
        fd.box_blur(np.zeros((20, 20), np.uint8), 3)
    with pytest.raises(ValueError, match="ksize"):
        fd.box_blur(array, 0)
    with pytest.raises(TypeError, match="float16"):
        fd.box_blur(array.astype(np.float16), 3)
    with pytest.raises(ValueError, match="channel_axis"):
        fd.box_blur(da.zeros((20, 20, 40), np.uint8), 3)
    with pytest.raises(ValueError, match="unknown size"):
        fd.box_blur(array[array[:, 0] < 5], 3)


class Recorded:
    """Something to write to that notes what is written where."""

    def __init__(self, target) -> None:
        self.target, self.regions = target, []
        self.shape, self.dtype = target.shape, target.dtype

    def __setitem__(self, index, values) -> None:
        self.regions.append(tuple((part.start, part.stop) for part in index))
        self.target[index] = values


@pytest.mark.parametrize("job", ["box_blur", "denoise_tv", "denoise_tv_chambolle"])
def test_each_chunk_of_a_file_belongs_to_one_task(tmp_path: Path, job):
    zarr = pytest.importorskip("zarr")
    pixels = image(np.random.default_rng(6), (300, 200, 3), "uint8")
    array = da.from_array(pixels, chunks=(128, 64, 3))
    parameters = {"box_blur": {"ksize": 31}, "denoise_tv": {"weight": 0.2}}.get(job, {"channel_axis": -1})
    result = getattr(fd, job)(array, **parameters)
    assert result.chunks == array.chunks
    file = zarr.open_array(
        str(tmp_path / "result"), mode="w", shape=result.shape, chunks=(128, 64, 3), dtype=result.dtype
    )
    target = Recorded(file)
    da.store(result, target, lock=False)
    rows, columns = [(0, 128), (128, 256), (256, 300)], [(0, 64), (64, 128), (128, 192), (192, 200)]
    assert sorted(target.regions) == [(row, column, (0, 3)) for row in rows for column in columns]
    assert np.array_equal(file[:], getattr(fastcv, job)(pixels, **parameters))


# ---- memory ----------------------------------------------------------------------------------------


def test_memory_is_lent_again():
    _memory._waiting.clear()
    first = _memory.recycled_empty((1024, 700), np.float32)
    address, view = first.ctypes.data, first[3:5]
    assert address % 64 == 0
    assert first.flags.writeable
    del first
    assert len(_memory._waiting) == 0  # a view of it is left
    del view
    assert len(_memory._waiting) == 1
    assert _memory.recycled_empty((1024, 701), np.float32).ctypes.data != address
    assert _memory.recycled_empty(1024 * 700, np.float32).ctypes.data == address


def test_memory_that_waits_is_bounded(monkeypatch):
    monkeypatch.setattr(_memory, "_limit", lambda: 5 << 20)
    arrays = [_memory.recycled_empty(2 << 20, np.uint8) for _ in range(6)]
    del arrays
    assert sum(map(len, _memory._waiting)) <= 5 << 20
    monkeypatch.setattr(_memory, "_limit", lambda: 0)
    _memory.recycled_empty(2 << 20, np.uint8)
    assert len(_memory._waiting) == 0


def test_what_memory_held_before_does_not_matter(monkeypatch):
    def spoilt(shape, dtype):
        memory = _memory.recycled_empty(shape, dtype)
        memory.view(np.uint8)[...] = 0xFF  # NaN
        return memory

    for module in (_rows, _tv_blocks, _tv_chambolle):
        monkeypatch.setattr(module, "recycled_empty", spoilt)
    pixels = image(np.random.default_rng(20), (201, 131), "float32")
    array = da.from_array(pixels, chunks=(50, 131))
    assert np.array_equal(fd.denoise_tv(array, 0.2).compute(), fastcv.denoise_tv(pixels, 0.2))
    assert np.array_equal(fd.denoise_tv_chambolle(array).compute(), fastcv.denoise_tv_chambolle(pixels))
    volume = image(np.random.default_rng(21), (40, 9, 21), "float64")
    expected = fastcv.denoise_tv_chambolle(volume)
    assert np.array_equal(fd.denoise_tv_chambolle(da.from_array(volume, chunks=10)).compute(), expected)


def test_states_that_come_back_from_a_file_are_not_aligned(monkeypatch):
    """What Dask has written to disk comes back anywhere, and read-only."""

    def moved(array):
        memory = np.empty(array.nbytes + 4, np.uint8)[4:].view(array.dtype)
        memory[:] = array
        memory.flags.writeable = False
        return memory

    work, passes = _tv_blocks.next_round, _tv_chambolle._pass

    def next_round(_, state, *rest):
        return work(_, state._replace(memory=moved(state.memory)), *rest)

    rows = _tv_blocks.rows_of
    monkeypatch.setattr(_tv_blocks, "next_round", next_round)
    monkeypatch.setattr(
        _tv_blocks, "rows_of", lambda state, *rest: rows(state._replace(memory=moved(state.memory)), *rest)
    )

    def from_file(image, state, *rest):
        return passes(image, state and state._replace(dual=moved(state.dual)), *rest)

    monkeypatch.setattr(_tv_chambolle, "_pass", from_file)
    pixels = image(np.random.default_rng(22), (201, 131), "float32")
    array = da.from_array(pixels, chunks=(50, 131))
    u = fd.denoise_tv(array, 0.2, tol=1e-4)
    assert np.array_equal(u.compute(), fastcv.denoise_tv(pixels, 0.2, tol=1e-4))
    assert np.array_equal(fd.denoise_tv_chambolle(array).compute(), fastcv.denoise_tv_chambolle(pixels))


# ---- preprocess ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, (*rng.integers(20, 90, 2), 3), np.uint8) for _ in range(11)]


PRE = fastcv.Preprocess((40, 50), resize="letterbox", mean=0.5, std=0.2)


def test_preprocess_arrays_files_and_bags(photos, tmp_path: Path):
    pillow = pytest.importorskip("PIL.Image")
    paths = [tmp_path / f"{i}.png" for i in range(len(photos))]
    for path, photo in zip(paths, photos, strict=True):
        pillow.fromarray(photo).save(path)
    expected = PRE.batch(photos)
    sources = [photos, paths, [str(p) for p in paths], [dask.delayed(p) for p in photos]]
    for source in sources:
        batches = fd.preprocess(source, PRE, batch_size=4)
        assert batches.chunks == ((4, 4, 3), (3,), (40,), (50,))
        assert np.array_equal(batches.compute(), expected)
    for source in (paths, photos):
        batches = fd.preprocess(db.from_sequence(source, npartitions=3), PRE)
        assert np.array_equal(batches.compute(), expected)


def test_preprocess_other_results(photos):
    grey = [photo[..., 0] for photo in photos]
    batches = fd.preprocess(grey, PRE, input_channels=1)
    assert np.array_equal(batches.compute(), PRE.batch(grey))
    plan = fastcv.Preprocess(16, layout="HWC", dtype="uint8")
    batches = fd.preprocess(photos, plan)
    assert batches.dtype == np.uint8
    assert np.array_equal(batches.compute(), plan.batch(photos))
    assert fd.preprocess([], plan).compute().shape == (0, 16, 16, 3)


def test_preprocess_refuses(photos):
    with pytest.raises(TypeError, match="pre must be"):
        fd.preprocess(photos, 224)
    with pytest.raises(TypeError, match="images must be"):
        fd.preprocess(photos[0], PRE)
    with pytest.raises(TypeError, match="images must be"):
        fd.preprocess("photos", PRE)
    with pytest.raises(ValueError, match="batch_size"):
        fd.preprocess(photos, PRE, batch_size=0)
    with pytest.raises(ValueError, match="one size"):
        fd.preprocess(photos, fastcv.Preprocess(32, resize="shortest"))
    with pytest.raises(ValueError, match="shape"):
        fd.preprocess([photos[0], photos[1][..., 0]], PRE).compute()


# ---- total variation -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "cut", "dtype"),
    [
        ((300, 40), (50, 40), "float32"),
        ((257, 130), (70, 50), "float64"),
        ((201, 90), (60, 90), "uint8"),
        ((150, 33), (41, 33), "uint16"),
        ((100, 20), (33, 20), "float16"),
        ((9, 8, 21), (2, 8, 21), "float32"),
        ((4, 3, 5, 9), (2, 2, 5, 9), "float64"),
        ((70,), (20,), "float64"),
        ((90, 3), (20, 3), "float32"),
        ((1, 60), (1, 20), "float64"),
    ],
)
@pytest.mark.parametrize("stop", ["energy", "dual"])
def test_chambolle_is_that_of_one_machine(shape, cut, dtype, stop):
    pixels = image(np.random.default_rng(8), shape, dtype)
    array = da.from_array(pixels, chunks=cut)
    for keywords in ({}, {"weight": 0.02, "eps": 1e-5, "max_num_iter": 75}, {"eps": 0, "max_num_iter": 40}):
        u, info = fd.denoise_tv_chambolle(array, stop=stop, return_info=True, **keywords)
        expected, one = fastcv.denoise_tv_chambolle(pixels, stop=stop, return_info=True, **keywords)
        assert info == one
        assert u.dtype == expected.dtype
        assert u.chunks == array.chunks
        assert np.array_equal(u.compute(), expected)


def test_chambolle_without_a_stop_is_lazy():
    pixels = image(np.random.default_rng(9), (500, 40, 3), "float32")
    array = da.from_array(pixels, chunks=(100, 40, 3))

    def fail(block: np.ndarray) -> np.ndarray:
        raise RuntimeError("computed")

    poisoned = array.map_blocks(fail, dtype=array.dtype, meta=np.empty((0, 0, 0), np.float32))
    fd.denoise_tv_chambolle(poisoned, eps=0, max_num_iter=70, channel_axis=-1)
    u = fd.denoise_tv_chambolle(array, eps=0, max_num_iter=70, channel_axis=-1)
    assert np.array_equal(
        u.compute(), fastcv.denoise_tv_chambolle(pixels, eps=0, max_num_iter=70, channel_axis=-1)
    )


@pytest.mark.parametrize("channel_axis", [0, -1])
def test_chambolle_by_channel(channel_axis):
    pixels = image(np.random.default_rng(10), (3, 200, 3), "uint8").transpose(0, 2, 1)  # any strides
    pixels = pixels if channel_axis == 0 else image(np.random.default_rng(10), (200, 60, 3), "uint8")
    array = da.from_array(pixels, chunks=70)
    u, info = fd.denoise_tv_chambolle(array, channel_axis=channel_axis, return_info=True)
    expected, one = fastcv.denoise_tv_chambolle(pixels, channel_axis=channel_axis, return_info=True)
    assert info == one
    assert np.array_equal(u.compute(), expected)


def test_chambolle_refuses():
    array = da.zeros((100, 50), chunks=30)
    with pytest.raises(TypeError, match="Dask array"):
        fd.denoise_tv_chambolle(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="eps"):
        fd.denoise_tv_chambolle(array, eps=-1)
    with pytest.raises(ValueError, match="finite"):
        fd.denoise_tv_chambolle(da.where(da.arange(50, chunks=30) == 7, np.nan, array)).compute()


def rough_photo(height: int, width: int, dtype: str) -> np.ndarray:
    y, x = np.ogrid[:height, :width]
    base = 0.4 + 0.2 * np.sin(x / 30) * np.cos(y / 25) + 0.2 * ((x // 32 + y // 32) % 2)
    pixels = np.clip(base + np.random.default_rng(12).normal(0, 0.05, (height, width)), 0, 1)
    return (pixels * (255 if dtype == "uint8" else 1)).astype(dtype)


def check_denoise_tv(pixels: np.ndarray, cut: tuple[int, ...], weight: float, **keywords: object) -> object:
    """Compare with one machine, to the last bit; return what it knows of the result."""
    u, info = fd.denoise_tv(da.from_array(pixels, chunks=cut), weight, return_info=True, **keywords)
    expected, one = fastcv.denoise_tv(pixels, weight, return_info=True, **keywords)
    for name in ("iterations", "gap", "objective", "converged", "fallback", "weight"):
        assert getattr(info, name) == getattr(one, name), (name, pixels.shape, cut, weight, keywords)
    assert info.rms_bound == pytest.approx(one.rms_bound, rel=1e-12)
    assert u.dtype == pixels.dtype
    assert u.chunks == da.from_array(pixels, chunks=cut).chunks
    assert np.array_equal(u.compute(), expected), (pixels.shape, cut, weight, keywords)
    return one


@pytest.mark.parametrize(
    ("shape", "cut", "dtype", "channels"),
    [
        ((300, 70), (80, 70), "float32", "separate"),
        ((301, 130), (90, 64), "float64", "separate"),
        ((260, 90, 3), (64, 90, 3), "uint8", "separate"),
        ((200, 61, 3), (100, 61, 3), "uint16", "joint"),
        ((50, 40), (10, 40), "float32", "separate"),
    ],
)
@pytest.mark.parametrize("isotropic", [True, False])
def test_denoise_tv_is_that_of_one_machine(shape, cut, dtype, channels, isotropic):
    pixels = image(np.random.default_rng(11), shape, dtype)
    for tol in (1e-2, 1e-4):
        check_denoise_tv(pixels, cut, 0.2, tol=tol, channels=channels, isotropic=isotropic)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("small", [1, 10**6])  # the image at half its size in blocks, or in one task
def test_denoise_tv_with_heavy_weights(monkeypatch, dtype, small):
    """Where one machine begins with smaller images, or finds that the mean is the answer."""
    monkeypatch.setattr(_tv_plane, "_ONE_TASK", 10**6 // small)
    pixels = rough_photo(301, 131, dtype)
    iterations = [
        check_denoise_tv(pixels, cut, weight, max_iter=200).iterations
        for cut, weight in [((70, 131), 0.3), ((90, 50), 1.0), ((301, 40), 3.0), ((90, 50), 30.0)]
    ]
    assert iterations[-1] == 0
    assert min(iterations[:-1]) > 0


@pytest.mark.parametrize("target", fastcv.simd_targets()["detected"])
def test_denoise_tv_on_every_target(target):
    fastcv._core.simd_force(target)
    pixels = np.stack([rough_photo(170, 97, "float32") * s for s in (1, 0.5, 0.2)], axis=-1)
    check_denoise_tv(pixels, (50, 60, 3), 1.0, channels="joint", max_iter=60)
    check_denoise_tv(pixels[..., :2], (50, 97, 1), 0.2, channels="joint")
    check_denoise_tv(pixels[..., 0], (60, 97), 0.05)
    assert check_denoise_tv(pixels[..., 0], (60, 97), 0.3, tol=1e-9, max_iter=400, isotropic=False).fallback


def test_denoise_tv_that_stalls_is_taken_over():
    """In float32 no certificate is that good: the proven solver goes on to the end."""
    one = check_denoise_tv(rough_photo(260, 80, "float32"), (60, 40), 0.01, tol=1e-9, max_iter=300)
    assert one.fallback
    assert not one.converged


def test_denoise_tv_of_any_image():
    rng = np.random.default_rng(23)
    for _ in range(40):
        height, width = int(rng.integers(2, 200)), int(rng.integers(1, 90))
        pixels = rough_photo(height, width, str(rng.choice(["uint8", "uint16", "float32", "float64"])))
        pixels = pixels[::-1] if rng.random() < 0.2 else pixels
        if rng.random() < 0.1:
            pixels[...] = 1  # constant
        cut = tuple(chunks(rng, n, (1, 7, 40, 64, 200)) for n in pixels.shape)
        weight = float(10 ** rng.uniform(-3, 1.5)) * (257 if pixels.dtype == np.uint16 else 1)
        check_denoise_tv(pixels, cut, weight, tol=float(10 ** rng.uniform(-5, -1)), max_iter=80)


def test_denoise_tv_refuses():
    array = da.zeros((100, 50), chunks=50)
    with pytest.raises(ValueError, match="two axes of space"):
        fd.denoise_tv(da.zeros((4, 50, 50), chunks=50), channel_axis=None)
    with pytest.raises(ValueError, match="one number"):
        fd.denoise_tv(array, np.ones((0, 50)))
    with pytest.raises(ValueError, match="finite"):
        fd.denoise_tv(da.where(da.arange(50, chunks=50) == 7, np.nan, array))
    with pytest.raises(ValueError, match="tol"):
        fd.denoise_tv(array, tol=0)
    with pytest.warns(fastcv.ConvergenceWarning):
        fd.denoise_tv(
            da.from_array(image(np.random.default_rng(13), (100, 50), "float64")), tol=1e-9, max_iter=5
        )
    assert np.array_equal(fd.denoise_tv(array, 0).compute(), np.zeros((100, 50)))


# ---- points from distances -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def swarm() -> np.ndarray:
    return np.random.default_rng(14).random((90, 3))


@pytest.mark.parametrize("loss", ["sstress", "stress"])
@pytest.mark.parametrize("rate", ["auto", 1e-3])
def test_gradient_descent_is_that_of_one_machine(swarm, loss, rate):
    distances = fastcv.pairwise_distances(swarm)
    start = np.random.default_rng(15).random((90, 3))
    keywords = {"learning_rate": rate, "num_iterations": 75, "loss": loss}
    expected = fastcv.gradient_descent(start, distances, **keywords)
    results = [
        fd.gradient_descent(start, da.from_array(distances, chunks=cut), **keywords)
        for cut in [(90, 90), (40, 90), (20, 30)]
    ]
    for x in results:
        assert np.abs(x - expected).max() < 1e-11


def test_gradient_descent_refuses_and_warns(swarm):
    distances = da.from_array(fastcv.pairwise_distances(swarm), chunks=(30, 90))
    with pytest.raises(TypeError, match="Dask array"):
        fd.gradient_descent(swarm, fastcv.pairwise_distances(swarm))
    with pytest.raises(ValueError, match="square"):
        fd.gradient_descent(swarm, distances[:30])
    with pytest.raises(ValueError, match="finite"):
        fd.gradient_descent(swarm, distances - 1)
    with pytest.raises(ValueError, match="x0"):
        fd.gradient_descent(swarm[:5], distances)
    with pytest.raises(ValueError, match="num_iterations"):
        fd.gradient_descent(swarm, distances, num_iterations=-1)
    with pytest.warns(fastcv.ConvergenceWarning), np.errstate(all="ignore"):
        fd.gradient_descent(swarm * 3, distances, 1.0, 64)


def _noisy(distances: np.ndarray, share: float) -> np.ndarray:
    noise = np.triu(np.random.default_rng(16).normal(0, share, distances.shape), 1)
    return np.abs(distances * (1 + noise + noise.T))


@pytest.mark.parametrize("points", [90, 300])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("init", ["classical", "given"])
def test_mds_takes_the_steps_of_one_machine(points, dtype, init):
    """With a callback: without, one machine goes through float32 first."""
    rng = np.random.default_rng(14)
    truth = rng.random((points, 3))
    distances = _noisy(fastcv.pairwise_distances(truth), 0.1).astype(dtype)
    start = "classical" if init == "classical" else rng.random((points, 3))
    one = fastcv.mds(distances.astype(np.float64), 3, init=start, callback=lambda *_: False)
    for chunks in [(points, points), (40, 50)]:
        result = fd.mds(da.from_array(distances, chunks=chunks), 3, init=start)
        assert result.embedding.dtype == dtype
        assert (result.n_iter, result.reason, result.converged) == (one.n_iter, one.reason, True)
        assert np.abs(result.embedding - one.embedding).max() < (1e-9 if dtype == np.float64 else 1e-6)
        assert result.stress == pytest.approx(one.stress, rel=1e-12)
        assert result.normalized_stress == pytest.approx(one.normalized_stress, rel=1e-12)
        assert result.stress_per_point == pytest.approx(one.stress_per_point, rel=1e-8)


def test_mds_of_exact_distances_and_of_odd_ones(swarm):
    exact = fastcv.pairwise_distances(swarm)
    for unit in [1.0, 1e-90, 1e140]:
        result, one = fd.mds(da.from_array(exact * unit, chunks=(40, 50)), 3), fastcv.mds(exact * unit, 3)
        assert (result.n_iter, result.reason, result.converged, result.unique) == (0, "exact", True, True)
        assert np.abs(result.embedding - one.embedding).max() < 1e-12 * unit
    nowhere = fd.mds(da.zeros((5, 5), chunks=2))
    assert nowhere.converged
    assert not nowhere.embedding.any()
    assert nowhere.stress == 0
    single = fd.mds(da.zeros((1, 1)))
    assert single.converged
    assert not single.embedding.any()
    # From one place, as one machine parts them.
    ring = fastcv.pairwise_distances(fastcv.datasets.circle(20))
    one = fastcv.mds(ring, init=np.zeros((20, 2)), callback=lambda *_: False)
    result = fd.mds(da.from_array(ring, chunks=7), init=np.zeros((20, 2)))
    assert result.reason == one.reason
    assert fastcv.procrustes(result.embedding, one.embedding).rmse < 1e-6
    few = fd.mds(da.from_array(_noisy(ring, 0.1), chunks=7), max_iter=1)
    assert (few.n_iter, few.reason, few.converged) == (1, "max_iter", False)


def test_mds_refuses(swarm):
    distances = fastcv.pairwise_distances(swarm)
    array = da.from_array(distances, chunks=45)
    with pytest.raises(ValueError, match="symmetric"):
        fd.mds(array + da.arange(90, chunks=45))
    with pytest.raises(ValueError, match="n_components"):
        fd.mds(array, 0)
    with pytest.raises(ValueError, match="init"):
        fd.mds(array, init=np.zeros((3, 2)))
    with pytest.raises(TypeError, match="float32 or float64"):
        fd.mds(array.astype(np.int64))


def test_distances_from_zarr(swarm, tmp_path: Path):
    zarr = pytest.importorskip("zarr")
    distances = fastcv.pairwise_distances(swarm)
    file = zarr.open_array(
        str(tmp_path / "distances"), mode="w", shape=distances.shape, chunks=(30, 40), dtype="f8"
    )
    file[:] = distances
    start = np.random.default_rng(17).random((90, 3))
    found = fd.mds(da.from_zarr(str(tmp_path / "distances")), 3)
    assert fastcv.procrustes(found.embedding, swarm).rmse < 1e-6
    x = fd.gradient_descent(start, da.from_zarr(file), num_iterations=40)
    assert np.array_equal(
        x, fd.gradient_descent(start, da.from_array(distances, chunks=(30, 40)), num_iterations=40)
    )
    assert np.abs(x - fastcv.gradient_descent(start, distances, num_iterations=40)).max() < 1e-11

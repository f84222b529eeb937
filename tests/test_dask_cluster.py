"""fastcv.dask on real workers, one of which is really killed in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import fastcv

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")
import dask

import fastcv.dask as fd

pytestmark = [
    # What workers and their sockets say while they die.
    pytest.mark.filterwarnings("ignore"),
]


SETTINGS = {
    "distributed.worker.daemon": True,
    "distributed.scheduler.allowed-failures": 10,
    # A LocalCluster gives up a worker that is not back after so long. 15 s, the default, are too few for a busy machine.
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    "distributed.comm.timeouts.connect": "2 minutes",
}


@contextlib.contextmanager
def cluster(workers: int, threads: int = 1, **keywords: object) -> Iterator[distributed.Client]:
    with (
        dask.config.set(SETTINGS),
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=threads, dashboard_address=None, silence_logs=50, **keywords
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def three() -> Iterator[distributed.Client]:
    with cluster(3) as client:
        yield client


@contextlib.contextmanager
def one_killed(client: distributed.Client, after: float) -> Iterator[None]:
    """Kill a worker once the job has had some tasks done and `after` seconds have gone by; it must have been at work."""
    target = min(client.run(os.getpid).values())
    killed = threading.Event()

    def kill() -> None:
        time.sleep(after)
        os.kill(target, signal.SIGKILL)
        killed.set()

    thread = threading.Thread(target=kill)
    thread.start()
    start = time.monotonic()
    try:
        yield
    finally:
        took = time.monotonic() - start
        thread.join()
    assert killed.is_set()
    assert took > after, "the job ended before the worker was killed"
    client.wait_for_workers(3, timeout=180)  # a busy machine starts one slowly


def slow(block: np.ndarray) -> np.ndarray:
    """A source that takes its time, so that a worker dies in the middle."""
    time.sleep(0.15)
    return block


def test_blur_survives_a_killed_worker(three):
    pixels = np.random.default_rng(0).integers(0, 256, (1200, 700, 3), np.uint8)
    array = da.from_array(pixels, chunks=(100, 350, 3)).map_blocks(slow)
    with one_killed(three, 0.5):
        blurred = fd.box_blur(array, 31).compute()
    assert np.array_equal(blurred, fastcv.box_blur(pixels, 31))


def test_preprocess_survives_a_killed_worker(three):
    rng = np.random.default_rng(1)
    photos = [rng.integers(0, 256, (*rng.integers(40, 200, 2), 3), np.uint8) for _ in range(48)]
    pre = fastcv.Preprocess(64)
    slow_photos = [dask.delayed(slow)(photo) for photo in photos]
    with one_killed(three, 0.5):
        batches = fd.preprocess(slow_photos, pre, batch_size=4).compute()
    assert np.array_equal(batches, pre.batch(photos))


@pytest.mark.parametrize("eps", [0, 1e-7])
def test_chambolle_survives_a_killed_worker(three, eps):
    pixels = np.random.default_rng(2).random((900, 300), np.float32)
    array = da.from_array(pixels, chunks=(100, 300)).map_blocks(slow)
    keywords = {"eps": eps, "max_num_iter": 300, "stop": "dual"}
    with one_killed(three, 0.5):
        u = fd.denoise_tv_chambolle(array, **keywords).compute()
    assert np.array_equal(u, fastcv.denoise_tv_chambolle(pixels, **keywords))


@pytest.mark.parametrize(
    ("weight", "tol"), [(0.2, 1e-5), (2.0, 1e-3)]
)  # the second one starts from smaller images
def test_denoise_tv_survives_a_killed_worker(three, weight, tol):
    pixels = np.random.default_rng(3).random((900, 300), np.float32)
    array = da.from_array(pixels, chunks=(100, 300)).map_blocks(slow)
    with one_killed(three, 0.7):
        u, info = fd.denoise_tv(array, weight, tol=tol, return_info=True)
        u = u.compute()
    expected, one = fastcv.denoise_tv(pixels, weight, tol=tol, return_info=True)
    assert info.gap == one.gap
    assert np.array_equal(u, expected)


def all_jobs(pixels: np.ndarray, num_threads: int) -> list[np.ndarray]:
    """Do each job that takes `num_threads`."""
    array = da.from_array(pixels, chunks=(500, 400))
    photos = [pixels[i:] for i in range(8)]
    pre = fastcv.Preprocess(200, num_threads=num_threads)
    jobs = [
        fd.box_blur(array, 9, num_threads=num_threads),
        fd.denoise_tv(array, 0.1, num_threads=num_threads),
        fd.denoise_tv_chambolle(array, eps=0, max_num_iter=20, num_threads=num_threads),
        fd.preprocess(photos, pre, batch_size=4, input_channels=1),
    ]
    return [job.compute() for job in jobs]


def thread_names() -> list[str]:
    """Return the threads of this process that are not Python's: those that work shares."""
    known = {thread.native_id for thread in threading.enumerate()}
    return [name for name in os.listdir("/proc/self/task") if int(name) not in known]


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs /proc")
def test_tasks_do_not_multiply_threads(three):
    """Each task works on the thread that Dask gave it: none is made, by any job."""
    pixels = np.random.default_rng(4).integers(0, 256, (1200, 1200), np.uint8)
    before = three.run(thread_names)
    results = all_jobs(pixels, 1)
    after = three.run(thread_names)
    for worker in before.keys() & after.keys():
        assert len(after[worker]) <= len(before[worker])
    with cluster(1, 1) as client:
        before = client.run(thread_names)
        shared = all_jobs(pixels, 2)
        after = client.run(thread_names)
    for worker, threads in before.items():
        # A pool of two: the task's own thread and one more.
        assert len(after[worker]) <= len(threads) + 1
    with cluster(1, 3, processes=False):
        together = all_jobs(pixels, 1)
    for one, two, three_ in zip(results, shared, together, strict=True):
        assert np.array_equal(one, two)
        assert np.array_equal(one, three_)
    assert np.array_equal(results[0], fastcv.box_blur(pixels, 9))
    assert np.array_equal(results[1], fastcv.denoise_tv(pixels, 0.1))


def test_mds_and_descent_survive_a_killed_worker(three):
    points = np.random.default_rng(5).random((300, 2))
    distances = fastcv.pairwise_distances(points)
    noise = np.random.default_rng(7).normal(0, 0.02, distances.shape)
    distances = np.abs(distances + noise + noise.T)
    start = np.random.default_rng(6).random((300, 2))
    array = da.from_array(distances, chunks=(30, 300)).map_blocks(slow)
    plain = da.from_array(distances, chunks=(30, 300))
    expected = fd.gradient_descent(start, plain, 1e-4, 64)
    expected_mds = fd.mds(plain, max_iter=5)
    # The same bytes on any number of workers.
    with dask.config.set({"scheduler": "sync", "array.rechunk.method": "tasks"}):
        assert np.array_equal(fd.gradient_descent(start, plain, 1e-4, 64), expected)
        assert np.array_equal(fd.mds(plain, max_iter=5).embedding, expected_mds.embedding)
    with one_killed(three, 0.6):
        x = fd.gradient_descent(start, array, 1e-4, 64)
    assert np.array_equal(x, expected)
    with one_killed(three, 0.6):
        result = fd.mds(array, max_iter=5)
    assert np.array_equal(result.embedding, expected_mds.embedding)

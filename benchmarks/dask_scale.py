"""What Dask costs, and what it makes possible: ``python -m benchmarks.dask_scale cost|workers|memory``.

``cost``: an image in memory, in chunks of 4096 x 4096, beside the plain call on as many processors; blur and total variation,
with the two ways to share a machine: one task on many threads, many tasks on one thread each. ``workers``: the same work on one, two
and three processes, with the bytes that travelled. ``memory``: an image of 20 000 x 20 000 x 3 on three workers of
1 GB each; minutes, and 60 GB of disk.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import dask
import dask.array as da
import distributed
import numpy as np

import fastcv
import fastcv.dask

CHUNK = 4096


@contextmanager
def cluster(workers: int, threads: int, processes: bool, **keywords: Any) -> Iterator[distributed.Client]:
    """Start workers on this machine."""
    with (
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=threads,
            processes=processes,
            dashboard_address=None,
            silence_logs=50,
            **keywords,
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def run(chunked: Callable[..., Any], array: da.Array, threads: int) -> None:
    """Have the workers do the work, and leave the result there."""
    distributed.wait(chunked(array, threads).persist())


def photo(height: int, width: int, dtype: str, first: int = 0) -> np.ndarray:
    """Return part of a large picture: something smooth, edges and noise."""
    y, x = np.ogrid[:height, :width]
    noise = np.random.default_rng([height, first]).random((height, width, 3), np.float32)
    base = 0.4 + 0.2 * np.sin(x / 90) * np.cos(y / 70) + 0.2 * ((x // 64 + y // 64) % 2)
    pixels = np.clip(base[..., None] + 0.2 * (noise - 0.5), 0, 1)
    return (pixels * 255).astype(np.uint8) if dtype == "uint8" else pixels.astype(dtype)


def jobs(processors: int) -> dict[str, tuple[np.ndarray, Callable[..., Any], Callable[..., Any]]]:
    """Return image, plain call and Dask call of each job."""
    colour = photo(2 * CHUNK, 2 * CHUNK, "uint8")
    plane = np.ascontiguousarray(colour[..., 0]).astype(np.float32) / np.float32(255)

    def chambolle(array: Any, threads: int) -> Any:
        return fastcv.dask.denoise_tv_chambolle(array, 0.1, 0, 25, num_threads=threads)

    def stopped(array: Any, threads: int) -> Any:
        return fastcv.dask.denoise_tv_chambolle(array, 0.1, 5e-5, num_threads=threads)

    return {
        "box_blur 15, uint8 x 3": (
            colour,
            lambda image: fastcv.box_blur(image, 15, num_threads=processors),
            lambda array, threads: fastcv.dask.box_blur(array, 15, num_threads=threads),
        ),
        "denoise_tv_chambolle, 25 passes": (
            plane,
            lambda image: fastcv.denoise_tv_chambolle(image, 0.1, 0, 25, num_threads=processors),
            chambolle,
        ),
        "denoise_tv_chambolle, eps=5e-5": (
            plane,
            lambda image: fastcv.denoise_tv_chambolle(image, 0.1, 5e-5, num_threads=processors),
            stopped,
        ),
        "denoise_tv 0.05, tol=1e-3": (
            plane,
            lambda image: fastcv.denoise_tv(image, 0.05, num_threads=processors),
            lambda array, threads: fastcv.dask.denoise_tv(array, 0.05, num_threads=threads),
        ),
    }


def cost(rounds: int, only: str) -> None:
    """Print time with Dask to time without."""
    processors = len(os.sched_getaffinity(0))
    for name, (image, plain, chunked) in jobs(processors).items():
        if only not in name:
            continue
        for tasks, threads in ((processors, 1), (1, processors)):
            with cluster(1, tasks, processes=False):
                array = da.from_array(image, chunks=(CHUNK, CHUNK, *image.shape[2:])).persist()
                distributed.wait(array)
                ratios = []
                for _ in range(rounds + 1):
                    alone = seconds(partial(plain, image))
                    ratios.append(seconds(partial(run, chunked, array, threads)) / alone)
                same = np.array_equal(chunked(array, threads).compute(), plain(image))
            ratios = ratios[1:]
            print(
                f"{name}: {tasks} tasks of {threads} threads: {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f}), {'same bytes' if same else 'OTHER BYTES'}",
                flush=True,
            )


def sent(client: distributed.Client) -> float:
    """Return the bytes that workers have fetched from one another."""

    def incoming(dask_worker: Any) -> int:
        return sum(entry["total"] for entry in dask_worker.transfer_incoming_log)

    return float(sum(client.run(incoming).values()))


def workers(rounds: int, only: str) -> None:
    """Print time and traffic on one, two and three processes."""
    rows = 2048
    for name, (image, _, chunked) in jobs(1).items():
        if only not in name:
            continue
        for count in (1, 2, 3):
            with cluster(count, 1, processes=True) as client:
                starts = range(0, image.shape[0], rows)
                parts = client.scatter([image[y : y + rows] for y in starts])
                array = da.concatenate(
                    [
                        da.from_delayed(p, image[y : y + rows].shape, image.dtype)
                        for p, y in zip(parts, starts, strict=True)
                    ]
                ).persist()
                distributed.wait(array)
                before = sent(client)
                times = [seconds(partial(run, chunked, array, 1)) for _ in range(rounds)]
                moved = (sent(client) - before) / rounds
            print(
                f"{name}: {count} workers: {min(times):.2f} s, {moved / 1e6:.1f} MB between workers",
                flush=True,
            )


def memory(side: int, only: str) -> None:
    """Blur and denoise what no worker can hold."""
    chunk = 1000
    with (
        tempfile.TemporaryDirectory(dir=os.environ.get("FASTCV_SCRATCH")) as folder,
        dask.config.set({"temporary-directory": folder, "distributed.worker.memory.terminate": 0.98}),
    ):
        import zarr

        def source(dtype: str) -> da.Array:
            def block(y: int, x: int) -> np.ndarray:
                return photo(chunk, chunk, dtype, y * side + x)

            starts = range(0, side, chunk)
            rows = [
                [
                    da.from_delayed(dask.delayed(block, pure=True)(y, x), (chunk, chunk, 3), dtype)
                    for x in starts
                ]
                for y in starts
            ]
            return da.concatenate([da.concatenate(row, axis=1) for row in rows])

        def peak(client: distributed.Client) -> float:
            def most() -> int:
                import resource

                return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

            return max(client.run(most).values()) / 2**20

        for name, call in (
            ("box_blur", lambda: fastcv.dask.box_blur(source("uint8"), 31)),
            (
                "denoise_tv_chambolle",
                lambda: fastcv.dask.denoise_tv_chambolle(source("float32"), channel_axis=-1),
            ),
        ):
            if only not in name:
                continue
            with cluster(3, 1, processes=True, memory_limit="1GB") as client:
                start = time.perf_counter()
                result = call()
                target = zarr.open_array(
                    f"{folder}/{name}.zarr",
                    mode="w",
                    shape=result.shape,
                    chunks=(chunk, chunk, 3),
                    dtype=result.dtype,
                )
                da.store(result, target, lock=False)
                took = time.perf_counter() - start
                print(f"{name}: {took:.0f} s, largest worker {peak(client):.2f} GiB", flush=True)


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cost", "workers", "memory"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--side", type=int, default=20_000)
    arguments = parser.parse_args()
    if arguments.what == "cost":
        cost(arguments.rounds, arguments.only)
    elif arguments.what == "workers":
        workers(arguments.rounds, arguments.only)
    else:
        memory(arguments.side, arguments.only)


if __name__ == "__main__":
    main()
